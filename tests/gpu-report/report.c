/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gpu-report [--family=NAME] [--json] [--check]
 *
 * Compiles every kernel for an AMD GPU that is not there, and prints what its
 * compiler tells of it. How to read the table, and the bounds that --check
 * holds it to: docs/performance.md, "GPUs that are not at hand". Ends with 1 if
 * one is broken, 77 if there is no driver to ask. */
#include "gpu_report.h"

#include <stdio.h>
#include <string.h>

#define MIN_PREFILL_WAVES 8
#define MAX_Q4_K_OVER_F16 1.6

/* The compiler takes a loop to run 8 times, and one in it 4 times each time. A
 * vector kernel has two such loops. */
#define TURNS (8 * 4)

/* Weights of a column that a lane handles in one turn of each loop over k that
 * a kernel has: chunks loaded ahead, and in a loop of their own single ones
 * (WEIGHT_AHEAD and WEIGHT_CHUNK of shaders/include). */
static const struct {
  const char *shader;
  guint weights;
} turns[] = {
  { "matmul_mv_f32", 4 },
  { "matmul_mv_f16", 4 },
  { "matmul_mv_q8_0", 4 },
  { "matmul_mv_q4_k", 4 },
  { "matmul_mv_wide_f32", 4 * 4 + 4 },
  { "matmul_mv_wide_f16", 4 * 8 + 8 },
  { "matmul_mv_wide_q8_0", 2 * 16 + 16 },
  { "matmul_mv_wide_q4_k", 64 },
};

typedef struct {
  NullDevice *dev;
  gboolean json, check;
  double row_of_f16, row_of_q4_k; /* cycles for a weight, preferred kernels */
  guint n_broken;
} Report;

/* Cycles for each weight of all lanes of a wave; 0 where there is no telling.
 */
static double
cycles_of_weight (const Production *p, const Stats *stats)
{
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++)
    if (strcmp (turns[i].shader, p->key.shader->name) == 0)
      return (double) stats->throughput
             / (TURNS * turns[i].weights * p->tile.cols);
  return 0.0;
}

static void
print_head (const Report *r)
{
  if (r->json)
    return;
  printf ("%s\n", null_device_caps (r->dev)->name);
  printf ("%-32s %4s %11s %4s %7s %5s %5s %6s %5s %5s %7s %7s %6s\n",
      "pipeline", "rows", "n x k", "lanes", "tile", "VGPRs", "spill", "LDS",
      "waves", "instr", "latency", "inverse", "weight");
}

static void
print_row (const Report *r, const Production *p, const Stats *s)
{
  double weight = cycles_of_weight (p, s);
  g_autofree char *shape = g_strdup_printf ("%ux%u", p->n, p->k);
  g_autofree char *tile = g_strdup_printf ("%ux%u", p->tile.rows, p->tile.cols);

  if (r->json) {
    printf (
        "{\"device\":\"%s\",\"pipeline\":\"%s\",\"preferred\":%s,\"rows\":%u,"
        "\"n\":%u,\"k\":%u,\"workgroup\":%u,\"tile_rows\":%u,\"tile_cols\":%u,",
        null_device_caps (r->dev)->name, p->key.shader->name,
        p->preferred ? "true" : "false", p->rows, p->n, p->k, p->tile.workgroup,
        p->tile.rows, p->tile.cols);
    printf ("\"vgprs\":%" G_GUINT64_FORMAT ",\"sgprs\":%" G_GUINT64_FORMAT
            ",\"spilled\":%" G_GUINT64_FORMAT
            ",\"lds_bytes\":%" G_GUINT64_FORMAT ",\"waves\":%" G_GUINT64_FORMAT
            ",\"instructions\":%" G_GUINT64_FORMAT
            ",\"code_bytes\":%" G_GUINT64_FORMAT ",",
        s->vgprs, s->sgprs, s->spilled, s->lds_bytes, s->waves, s->instructions,
        s->code_bytes);
    printf ("\"latency\":%" G_GUINT64_FORMAT
            ",\"inverse_throughput\":%" G_GUINT64_FORMAT
            ",\"cycles_of_weight\":%.3f}\n",
        s->latency, s->throughput, weight);
    return;
  }
  printf ("%-30s %c %4u %11s %4u %7s %5" G_GUINT64_FORMAT " %5" G_GUINT64_FORMAT
          " %6" G_GUINT64_FORMAT " %5" G_GUINT64_FORMAT " %5" G_GUINT64_FORMAT
          " %7" G_GUINT64_FORMAT " %7" G_GUINT64_FORMAT,
      p->key.shader->name, p->preferred ? '*' : ' ', p->rows, shape,
      p->tile.workgroup, tile, s->vgprs, s->spilled, s->lds_bytes, s->waves,
      s->instructions, s->latency, s->throughput);
  if (weight > 0.0)
    printf (" %6.2f", weight);
  printf ("\n");
}

G_GNUC_PRINTF (2, 3)
static void
broken (Report *r, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "FAIL %s: %s\n", null_device_caps (r->dev)->name, text);
  r->n_broken++;
}

static void
check_row (Report *r, const Production *p, const Stats *s)
{
  const char *name = p->key.shader->name;

  if (s->spilled)
    broken (r, "%s for %u rows spills %" G_GUINT64_FORMAT, name, p->rows,
        s->spilled);
  if (!p->preferred)
    return;
  if (p->tile.rows >= 32 && s->waves < MIN_PREFILL_WAVES)
    broken (r, "%s: %" G_GUINT64_FORMAT " waves a SIMD, at least %d are wanted",
        name, s->waves, MIN_PREFILL_WAVES);
  if (p->rows == 1 && p->tile.cols > 0 && p->family == OWL2_DECODE) {
    if (p->type == OWL2_TYPE_F16)
      r->row_of_f16 = MAX (r->row_of_f16, cycles_of_weight (p, s));
    if (p->type == OWL2_TYPE_Q4_K)
      r->row_of_q4_k = MAX (r->row_of_q4_k, cycles_of_weight (p, s));
  }
}

static void
check_types (Report *r)
{
  double ratio = r->row_of_q4_k / r->row_of_f16;

  if (!r->json)
    printf ("a row of Q4_K costs %.2f rows of F16\n", ratio);
  if (!(ratio <= MAX_Q4_K_OVER_F16))
    broken (r, "a row of Q4_K costs %.2f rows of F16, at most %.1f are wanted",
        ratio, MAX_Q4_K_OVER_F16);
}

static gboolean
report_family (Report *r, OvkDevice *recorder, GError **error)
{
  g_autoptr (GArray) list =
      production_list (recorder, null_device_caps (r->dev), error);
  guint n_preferred = 0;

  if (!list)
    return FALSE;
  print_head (r);
  for (guint i = 0; i < list->len; i++) {
    const Production *p = &g_array_index (list, Production, i);
    Stats stats;

    if (!null_device_compile (r->dev, &p->key, &stats, error))
      return FALSE;
    print_row (r, p, &stats);
    check_row (r, p, &stats);
    n_preferred += p->preferred;
  }
  check_types (r);
  if (n_preferred == 0)
    broken (r, "no kernel is preferred");
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autofree char *family = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkDevice) recorder = NULL;
  g_autoptr (NullDevice) dev = NULL;
  Report r = { NULL };
  GOptionEntry entries[] = {
    { "family", 0, 0, G_OPTION_ARG_STRING, &family,
        "As RADV_FORCE_FAMILY (default: navi21)", "NAME" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &r.json, "One object a line", NULL },
    { "check", 0, 0, G_OPTION_ARG_NONE, &r.check, "Hold it to the bounds",
        NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 2;
  }
  recorder = ovk_device_new (NULL, &error);
  if (recorder)
    dev = null_device_new (family ? family : "navi21", &error);
  if (!dev) {
    fprintf (stderr, "%s\n", error->message);
    return g_error_matches (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE) ? 77 : 1;
  }
  r.dev = dev;
  if (!report_family (&r, recorder, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  return r.check && r.n_broken > 0;
}
