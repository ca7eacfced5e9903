/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-gate [--print]
 *
 * Each operation of the model, done by the kernels that the device prefers, is
 * timed by turns with a kernel of the test's own that never changes, and the
 * ratio of the two is compared with what it usually is on the driver: a kernel
 * that takes twice as long is found, whatever else the machine does. A kernel
 * that has become faster is to get its new ratio here, which --print shows.
 *
 * On devices in software the process's processor time is taken: what it does
 * not see is a kernel that has stopped using all cores. Of each the least of
 * many is taken, as whatever disturbs makes it longer. Where no ratios are
 * known, they are printed and not judged.
 *
 * Processors differ in what arithmetic costs beside all else: by how much
 * others take longer, by their median and up to SLACK, is taken for the
 * machine's. Others are those without matrix products and of other shaders:
 * what a family of kernels has lost does not count for it. */
#include "bench_rates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sample takes at least so long, next to which a submission costs little. */
#define SAMPLE_NS 1e6
/* Samples of a case: as many as take so long, but not fewer. */
#define CASE_NS 5e8
#define MIN_SAMPLES 12
/* What is over may have been disturbed all along, and is measured again. */
#define TRIES 5
/* Halfway, as ratios go, from as usual to twice as slow. */
#define SLACK G_SQRT2

#define PLAIN_M 16
#define PLAIN_N 256
#define PLAIN_K 256

static const guint32 plain_code[] =
#include "plain.comp.h"
    ;

static const OvkShader plain_shader = {
  .name = "plain",
  .code = plain_code,
  .code_bytes = sizeof (plain_code),
  .n_bindings = 3,
  .push_bytes = 12,
};

/* @drivers: what a driver's name begins with. */
static const char *const drivers[] = { "llvmpipe Mesa 22.3",
  "SwiftShader driver" };

/* @usual: times of the plain kernel that one run takes, by driver. */
typedef struct {
  const char *op;
  Owl2Type type;
  guint shape[3];
  double usual[G_N_ELEMENTS (drivers)];
} Case;

static const Case cases[] = {
#include "gate_cases.inc"
};

/* ---- samples ------------------------------------------------------------ */

typedef struct {
  OvkDevice *dev;
  OvkCmd *cmd;
  OvkArena *arena;
  OvkSlice x, w, out;
} Gate;

typedef struct {
  Gate *gate;
  guint rounds;
} Plain;

static void
record_plain (gpointer user_data)
{
  static const guint32 push[] = { PLAIN_M, PLAIN_N, PLAIN_K };
  Plain *plain = user_data;
  Gate *gate = plain->gate;
  const guint32 spec[] = { 64, plain->rounds };
  const OvkBinding bindings[] = { { gate->x, OVK_READ }, { gate->w, OVK_READ },
    { gate->out, OVK_WRITE } };

  ovk_cmd_dispatch (gate->cmd, &plain_shader, spec, G_N_ELEMENTS (spec),
      bindings, push, PLAIN_M * PLAIN_N / 64, 1, 1);
}

/* The ratio of @a to @b; negative after an error. */
static double
compare (Gate *gate, BenchSide *a, BenchSide *b, GError **error)
{
  double spent = 0;

  if (!bench_side_prepare (a, gate->cmd, SAMPLE_NS, error)
      || !bench_side_prepare (b, gate->cmd, SAMPLE_NS, error))
    return -1;
  for (guint i = 0; i < MIN_SAMPLES || spent < CASE_NS; i++) {
    double ns_a = bench_side_sample (a, gate->cmd, error);
    double ns_b = ns_a < 0 ? -1 : bench_side_sample (b, gate->cmd, error);

    if (ns_b < 0)
      return -1;
    spent += ns_a + ns_b;
  }
  return a->best_ns / b->best_ns;
}

/* ---- judging ------------------------------------------------------------ */

/* The least ratio of some tries, the last of which is within the limit if any
 * is; negative after an error. */
static double
ratio_within (Gate *gate, BenchSide *side, BenchSide *plain, double usual,
    GError **error)
{
  double least = G_MAXDOUBLE;

  for (guint i = 0; i < TRIES && (i == 0 || least > usual * SLACK); i++) {
    double ratio = compare (gate, side, plain, error);

    if (ratio < 0)
      return -1;
    least = MIN (least, ratio);
  }
  return least;
}

/* @limit: times @usual. */
static gboolean
judge (const char *name, double ratio, double usual, double limit)
{
  gboolean ok = ratio <= usual * limit;

  if (isinf (usual))
    printf ("     %-32s %9.3f\n", name, ratio);
  else
    printf ("%-4s %-32s %9.3f, usually %9.3f, at most %9.3f\n",
        ok ? "ok" : "FAIL", name, ratio, usual, usual * limit);
  fflush (stdout);
  return ok;
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Whether two operations have code in common, as the norms have. */
static gboolean
are_family (const char *a, const char *b)
{
  return strcmp (a, b) == 0
         || (g_str_has_suffix (a, "norm") && g_str_has_suffix (b, "norm"));
}

/* By how much others than @op take longer on this machine: 1 to SLACK.
 * @factors: how much longer each case takes than usual. */
static double
machine_factor (const char *op, const double *factors)
{
  double others[G_N_ELEMENTS (cases)];
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (!are_family (cases[i].op, op) && strcmp (cases[i].op, "matmul") != 0)
      others[n++] = factors[i];
  qsort (others, n, sizeof (double), compare_doubles);
  return CLAMP (others[n / 2], 1., SLACK);
}

/* Whether all of a family that takes half as long again are found, and nothing
 * else is, where the others take as long as usual. */
static gboolean
finds_family (const char *op)
{
  double factors[G_N_ELEMENTS (cases)];

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    factors[i] = are_family (cases[i].op, op) ? 1.5 : 1;
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    double limit = machine_factor (cases[i].op, factors) * SLACK;

    if ((factors[i] > limit) != are_family (cases[i].op, op))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_families (void)
{
  gboolean ok = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    ok &= finds_family (cases[i].op);
  printf ("%-4s families of kernels half as slow again are found\n",
      ok ? "ok" : "FAIL");
  return ok;
}

/* The plain kernel is as fast as itself, and half as fast as when it does all
 * twice: were that not found, nothing would be. */
static gboolean
check_self (Gate *gate, GError **error)
{
  Plain once = { gate, 1 }, twice = { gate, 2 };
  BenchSide plain = { record_plain, &once }, other = plain;
  double same, slow;

  same = ratio_within (gate, &other, &plain, 1., error);
  if (same < 0)
    return FALSE;
  other.user_data = &twice;
  slow = ratio_within (gate, &other, &plain, 1., error);
  if (slow < 0)
    return FALSE;
  if (!judge ("the plain kernel", same, 1., SLACK))
    return FALSE;
  if (slow <= SLACK) {
    printf ("FAIL a kernel twice as slow was not found: %.3f\n", slow);
    return FALSE;
  }
  printf ("ok   a kernel twice as slow is found: %.3f\n", slow);
  return TRUE;
}

static char *
name_of (const Case *c)
{
  return g_strdup_printf ("%s %s %ux%ux%u", c->op, owl2_type_name (c->type),
      c->shape[0], c->shape[1], c->shape[2]);
}

/* Its ratio; negative after an error. */
static double
measure_case (Gate *gate, const Case *c, double usual, GError **error)
{
  Plain once = { gate, 1 };
  BenchSide plain = { record_plain, &once }, side = { bench_op_record, NULL };
  g_autoptr (BenchOp) op =
      bench_op_new (gate->dev, gate->cmd, c->op, c->shape, c->type, error);

  if (!op)
    return -1;
  side.user_data = op;
  return ratio_within (gate, &side, &plain, usual, error);
}

/* @driver: an index of drivers; their number: not judged. How many are too
 * slow. */
static guint
check_cases (Gate *gate, guint driver, GError **error)
{
  double ratios[G_N_ELEMENTS (cases)], usual[G_N_ELEMENTS (cases)];
  double factors[G_N_ELEMENTS (cases)];
  guint n_failed = 0;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    usual[i] =
        driver < G_N_ELEMENTS (drivers) ? cases[i].usual[driver] : INFINITY;
    ratios[i] = measure_case (gate, &cases[i], usual[i], error);
    if (ratios[i] < 0)
      return 0;
    factors[i] = ratios[i] / usual[i];
  }
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *name = name_of (&cases[i]);

    n_failed += !judge (name, ratios[i], usual[i],
        machine_factor (cases[i].op, factors) * SLACK);
  }
  return n_failed;
}

/* ---- all ---------------------------------------------------------------- */

static gboolean
gate_init (Gate *gate, GError **error)
{
  OvkDeviceParams params = { NULL };

  gate->dev = ovk_device_new (&params, error);
  gate->cmd = gate->dev ? ovk_cmd_new (gate->dev, "gate", error) : NULL;
  if (!gate->cmd)
    return FALSE;
  gate->arena = ovk_arena_new (gate->dev, "gate", 1 << 20);
  return ovk_arena_alloc (gate->arena, 4 * PLAIN_M * PLAIN_K, &gate->x, error)
         && ovk_arena_alloc (
             gate->arena, 4 * PLAIN_N * PLAIN_K, &gate->w, error)
         && ovk_arena_alloc (
             gate->arena, 4 * PLAIN_M * PLAIN_N, &gate->out, error);
}

static void
gate_clear (Gate *gate)
{
  ovk_arena_free (gate->arena);
  ovk_cmd_free (gate->cmd);
  ovk_device_unref (gate->dev);
}

static guint
driver_index (const Gate *gate)
{
  const OvkCaps *caps = ovk_device_caps (gate->dev);
  guint i = 0;

  while (i < G_N_ELEMENTS (drivers)
         && !g_str_has_prefix (caps->driver, drivers[i]))
    i++;
  return i;
}

int
main (int argc, char **argv)
{
  gboolean print_only = argc > 1 && strcmp (argv[1], "--print") == 0;
  Gate gate = { NULL };
  GError *error = NULL;
  guint driver, n_failed = 0;

  if (!gate_init (&gate, &error)) {
    printf ("%s\n", error->message);
    return g_error_matches (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE) ? 77 : 1;
  }
  driver = print_only ? G_N_ELEMENTS (drivers) : driver_index (&gate);
  printf ("%s, %s%s\n", ovk_device_caps (gate.dev)->name,
      ovk_device_caps (gate.dev)->driver,
      driver < G_N_ELEMENTS (drivers) ? "" : ": nothing is judged");
  n_failed += !check_families ();
  n_failed += !check_self (&gate, &error);
  if (!error)
    n_failed += check_cases (&gate, driver, &error);
  if (error)
    printf ("%s\n", error->message);
  gate_clear (&gate);
  return error || n_failed ? 1 : 0;
}
