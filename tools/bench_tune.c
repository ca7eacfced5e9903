/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench_tune.h"

#include <stdio.h>
#include <string.h>

#include "cache_dir.h"
#include "json_line.h"
#include "kernels.h"
#include "tuning.h"

/* By turns, for so long, but not fewer times; the least counts. */
#define WORK_NS 5e8
#define MIN_ROUNDS 4
#define SAMPLE_NS 3e6
/* One that takes this much longer than the best is measured no more. */
#define HOPELESS 3.
/* By how much a kernel must be faster than one that the table prefers. */
#define CLEARLY 1.05
#define MAX_KERNELS 16
#define N_ROWS 2

/* Tokens that kernels of a family are measured with: alone and in company; of
 * prompts a short and a long piece. */
static const guint n_rows[2][N_ROWS] = { { 65, 256 }, { 1, 8 } };

typedef struct {
  const Owl2Kernel *kernel;
  BenchSide sides[N_ROWS];
  gboolean hopeless;
  double score; /* mean of the times that the fastest one takes */
} Candidate;

/* One kind of work. */
typedef struct {
  OvkDevice *dev;
  OvkCmd *cmd;
  const Owl2Work *work;
  BenchOp *ops[N_ROWS];
  Candidate candidates[MAX_KERNELS];
  guint n;
} Tune;

static void
tune_clear (Tune *t)
{
  for (guint i = 0; i < N_ROWS; i++)
    g_clear_pointer (&t->ops[i], bench_op_free);
}

static gboolean
tune_init (Tune *t, GError **error)
{
  const OvkCaps *caps = ovk_device_caps (t->dev);
  const Owl2KernelTable *table = &owl2_matmul_kernels;

  for (guint i = 0; i < N_ROWS; i++) {
    const guint shape[] = { n_rows[t->work->family][i], t->work->n,
      t->work->k };

    t->ops[i] =
        bench_op_new (t->dev, t->cmd, table->op, shape, t->work->type, error);
    if (!t->ops[i])
      return FALSE;
  }
  for (guint i = 0; i < table->n_kernels && t->n < MAX_KERNELS; i++)
    if (owl2_kernel_fits (&table->kernels[i], caps, t->work))
      t->candidates[t->n++] = (Candidate){ .kernel = &table->kernels[i],
        .sides = { { bench_op_record, t->ops[0] },
            { bench_op_record, t->ops[1] } } };
  return TRUE;
}

/* ---- measuring ---------------------------------------------------------- */

static gboolean
prepare (Tune *t, Candidate *c, guint rows, GError **error)
{
  gboolean ok;

  owl2_kernels_force (c->kernel);
  ok = bench_side_prepare (&c->sides[rows], t->cmd, SAMPLE_NS, error);
  owl2_kernels_force (NULL);
  return ok;
}

static gboolean
sample_all (Tune *t, guint rows, GError **error)
{
  gboolean ok = TRUE;

  for (guint i = 0; i < t->n && ok; i++) {
    Candidate *c = &t->candidates[i];

    if (c->hopeless)
      continue;
    owl2_kernels_force (c->kernel);
    ok = bench_side_sample (&c->sides[rows], t->cmd, error) >= 0;
    owl2_kernels_force (NULL);
  }
  return ok;
}

static double
least (const Tune *t, guint rows)
{
  double ns = G_MAXDOUBLE;

  for (guint i = 0; i < t->n; i++)
    ns = MIN (ns, t->candidates[i].sides[rows].best_ns);
  return ns;
}

/* After some rounds; what one has is of all numbers of rows by then. */
static void
drop_hopeless (Tune *t)
{
  for (guint i = 0; i < t->n; i++) {
    Candidate *c = &t->candidates[i];

    c->hopeless = TRUE;
    for (guint r = 0; r < N_ROWS; r++)
      c->hopeless &= c->sides[r].best_ns > HOPELESS * least (t, r);
  }
}

static gboolean
measure (Tune *t, GError **error)
{
  double start;

  for (guint r = 0; r < N_ROWS; r++)
    for (guint i = 0; i < t->n; i++)
      if (!prepare (t, &t->candidates[i], r, error))
        return FALSE;
  start = bench_now_ns (t->dev);
  for (guint round = 0;
       round < MIN_ROUNDS || bench_now_ns (t->dev) - start < WORK_NS; round++) {
    for (guint r = 0; r < N_ROWS; r++)
      if (!sample_all (t, r, error))
        return FALSE;
    if (round + 1 == MIN_ROUNDS)
      drop_hopeless (t);
  }
  return TRUE;
}

/* ---- the order ---------------------------------------------------------- */

/* By times of the fastest, from the table's order on, by insertion: nobody is
 * passed who is not clearly slower. */
static void
sort (Tune *t)
{
  for (guint i = 0; i < t->n; i++) {
    Candidate c = t->candidates[i];
    guint at = i;

    c.score = 0;
    for (guint r = 0; r < N_ROWS; r++)
      c.score += c.sides[r].best_ns / least (t, r) / N_ROWS;
    t->candidates[i].score = c.score;
    while (at > 0 && t->candidates[at - 1].score > c.score * CLEARLY) {
      t->candidates[at] = t->candidates[at - 1];
      at--;
    }
    t->candidates[at] = c;
  }
}

static json_t *
result (const Tune *t, const Owl2Kernel *before)
{
  json_t *o = json_object (), *order = json_array (), *times = json_array ();

  for (guint i = 0; i < t->n; i++) {
    json_array_append_new (
        order, json_line_string (t->candidates[i].kernel->name));
    json_array_append_new (
        times, json_real (t->candidates[i].score / t->candidates[0].score));
  }
  json_object_set_new (o, "tuned", json_line_string (owl2_matmul_kernels.op));
  json_object_set_new (
      o, "family", json_line_string (owl2_family_name (t->work->family)));
  json_object_set_new (
      o, "type", json_line_string (owl2_type_name (t->work->type)));
  json_object_set_new (o, "n", json_integer (t->work->n));
  json_object_set_new (o, "k", json_integer (t->work->k));
  json_object_set_new (o, "order", order);
  json_object_set_new (o, "times", times);
  json_object_set_new (o, "before", json_line_string (before->name));
  return o;
}

/* Adds it to @tuning. */
static gboolean
tune_one (OvkDevice *dev, const Owl2Work *work, Owl2Tuning *tuning,
    BenchPrint print, GError **error)
{
  g_autoptr (OvkCmd) cmd = ovk_cmd_new (dev, "tune", error);
  const Owl2Kernel *before =
      owl2_kernel_pick (&owl2_matmul_kernels, ovk_device_caps (dev), work);
  const Owl2Kernel *order[MAX_KERNELS];
  Tune t = { .dev = dev, .cmd = cmd, .work = work };
  gboolean ok = cmd && tune_init (&t, error) && measure (&t, error);

  if (ok) {
    sort (&t);
    for (guint i = 0; i < t.n; i++)
      order[i] = t.candidates[i].kernel;
    owl2_tuning_add (tuning, &owl2_matmul_kernels, work, order, t.n);
    print (result (&t, before));
  }
  tune_clear (&t);
  return ok;
}

/* ---- the file ----------------------------------------------------------- */

gboolean
bench_tune (OvkDevice *dev, const GArray *works, const char *path,
    BenchPrint print, GError **error)
{
  g_autoptr (Owl2Tuning) tuning = owl2_tuning_new ();
  g_autofree char *text = NULL;

  for (guint i = 0; i < works->len; i++)
    if (!tune_one (
            dev, &g_array_index (works, Owl2Work, i), tuning, print, error))
      return FALSE;
  text = owl2_tuning_write (tuning, ovk_device_caps (dev));
  return owl2_cache_write (path, text, strlen (text), TRUE, error);
}
