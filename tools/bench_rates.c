/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench_rates.h"

#include <time.h>

#include "json_line.h"

/* Long enough that a submission's fixed cost does not show. */
#define MIN_RUN_NS 2e8
#define REPEATS 3
/* Of a sample. */
#define MAX_RUNS 1024

/* Twice this is more than caches hold. */
#define COPY_ROWS 8192
#define COPY_COLS 4096
/* So many chains fill any device, and their memory is soon read. */
#define CHAIN_COLS (1u << 21)
#define CHAIN_STEPS 256

typedef struct {
  OvkCmd *cmd;
  Owl2Tensor x, y;
} Operands;

/* A row is all that there is to a rate.
 * @amount: of one run, bytes or floating point operations
 * @unit: of an amount per nanosecond */
typedef struct {
  const char *name, *unit;
  guint rows, cols; /* of both operands, F32 */
  double amount;
  void (*record) (gpointer operands);
  gsize offset; /* of the result, in BenchRates */
} Rate;

static void
record_copy (gpointer user_data)
{
  Operands *o = user_data;

  owl2_op_copy (o->cmd, &o->y, &o->x);
}

static void
record_chain (gpointer user_data)
{
  Operands *o = user_data;

  owl2_op_fma_chain (o->cmd, &o->y, &o->x, CHAIN_STEPS, 0.5f, 1.f);
}

static const Rate rates_list[] = {
  { "copy", "gbytes_per_s", COPY_ROWS, COPY_COLS, 8.0 * COPY_ROWS *COPY_COLS,
      record_copy, G_STRUCT_OFFSET (BenchRates, bytes) },
  { "multiply-add", "gflops", 1, CHAIN_COLS, 2.0 * CHAIN_COLS *CHAIN_STEPS,
      record_chain, G_STRUCT_OFFSET (BenchRates, flops) },
};

double
bench_now_ns (OvkDevice *dev)
{
  gboolean is_cpu = ovk_device_caps (dev)->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
  struct timespec t;

  clock_gettime (is_cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

double
bench_side_sample (BenchSide *side, OvkCmd *cmd, GError **error)
{
  OvkDevice *dev = ovk_cmd_device (cmd);
  double took;

  for (guint i = 0; i < side->n; i++)
    side->record (side->user_data);
  took = bench_now_ns (dev);
  if (!ovk_cmd_run (cmd, error))
    return -1;
  took = bench_now_ns (dev) - took;
  side->best_ns = MIN (side->best_ns, took / side->n);
  return took;
}

gboolean
bench_side_prepare (
    BenchSide *side, OvkCmd *cmd, double sample_ns, GError **error)
{
  double took;

  side->n = 1;
  side->best_ns = G_MAXDOUBLE;
  if (bench_side_sample (side, cmd, error) < 0)
    return FALSE;
  while ((took = bench_side_sample (side, cmd, error)) >= 0 && took < sample_ns
         && side->n < MAX_RUNS)
    side->n *= 2;
  return took >= 0;
}

gboolean
bench_time (OvkCmd *cmd, void (*record) (gpointer user_data),
    gpointer user_data, double *ns, GError **error)
{
  guint n = 1;

  *ns = 0;
  for (guint repeat = 0; repeat < REPEATS;) {
    gint64 start;
    double took;

    for (guint i = 0; i < n; i++)
      record (user_data);
    start = g_get_monotonic_time ();
    if (!ovk_cmd_run (cmd, error))
      return FALSE;
    took = (g_get_monotonic_time () - start) * 1e3;
    if (took < MIN_RUN_NS && n < 4096) {
      n = MIN (4096, MAX (2 * n, (guint) (n * MIN_RUN_NS / MAX (took, 1e5))));
      continue;
    }
    *ns = repeat ? MIN (*ns, took / n) : took / n;
    repeat++;
  }
  return TRUE;
}

static gboolean
measure (OvkDevice *dev, const Rate *rate, double *result, GError **error)
{
  g_autoptr (OvkArena) arena = ovk_arena_new (dev, "rate", 1 << 20);
  g_autoptr (OvkCmd) cmd = ovk_cmd_new (dev, "rate", error);
  Operands o = { .cmd = cmd };
  double ns;

  if (!cmd || !owl2_tensor_alloc (&o.x, arena, rate->rows, rate->cols, error)
      || !owl2_tensor_alloc (&o.y, arena, rate->rows, rate->cols, error)
      || !bench_time (cmd, rate->record, &o, &ns, error))
    return FALSE;
  *result = rate->amount / ns;
  return TRUE;
}

gboolean
bench_rates (
    OvkDevice *dev, BenchRates *rates, BenchPrint print, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (rates_list); i++) {
    const Rate *rate = &rates_list[i];
    double *result = G_STRUCT_MEMBER_P (rates, rate->offset);
    json_t *o;

    if (!measure (dev, rate, result, error))
      return FALSE;
    o = json_object ();
    json_object_set_new (o, "rate", json_line_string (rate->name));
    json_object_set_new (o, rate->unit, json_real (*result));
    print (o);
  }
  return TRUE;
}
