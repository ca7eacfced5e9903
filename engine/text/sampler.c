/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chooses the next token. Meaning and order of the steps are those of
 * transformers 4.31 (generation/logits_process.py: RepetitionPenalty-
 * LogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper,
 * TopPLogitsWarper); the arithmetic is double throughout, so that no finite
 * logit overflows on the way. */
#include <math.h>

#include "random.h"
#include "text.h"

typedef struct {
  double score; /* in the end: weight */
  gint32 id;
} Choice;

struct _Owl2Sampler {
  Owl2SamplerParams params;
  guint n_vocab;
  Owl2Random random;
  guint8 *accepted; /* [n_vocab]: the penalty applies */
  Choice *choices;  /* [n_vocab]; NULL while greedy */
};

/* ---- parameters ------------------------------------------------------- */

static gboolean
check (gboolean ok, const char *name, const char *range, double value,
    GError **error)
{
  if (!ok)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "%s must be %s, not %g", name, range, value);
  return ok;
}

Owl2Sampler *
owl2_sampler_new (
    const Owl2SamplerParams *params, guint n_vocab, GError **error)
{
  const Owl2SamplerParams *p = params;
  g_autoptr (Owl2Sampler) sampler = NULL;

  /* Comparisons with NaN are false, so these say no to it. */
  if (!check (p->temperature >= 0 && isfinite (p->temperature), "temperature",
          "0 or more, and finite", (double) p->temperature, error)
      || !check (p->top_p > 0 && p->top_p <= 1, "top-p",
          "more than 0 and at most 1", (double) p->top_p, error)
      || !check (p->repetition_penalty > 0 && isfinite (p->repetition_penalty),
          "repetition-penalty", "more than 0, and finite",
          (double) p->repetition_penalty, error)
      || !check (n_vocab > 0 && n_vocab <= G_MAXINT32, "number of logits",
          "1 to 2147483647", n_vocab, error))
    return NULL;
  sampler = g_new0 (Owl2Sampler, 1);
  sampler->params = *p;
  sampler->n_vocab = n_vocab;
  owl2_random_init (&sampler->random, p->seed);
  sampler->accepted = g_try_malloc0 (n_vocab);
  if (p->temperature > 0)
    sampler->choices = g_try_new (Choice, n_vocab);
  if (!sampler->accepted || (p->temperature > 0 && !sampler->choices)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for a sampler of %u logits", n_vocab);
    return NULL;
  }
  return g_steal_pointer (&sampler);
}

void
owl2_sampler_free (Owl2Sampler *sampler)
{
  if (!sampler)
    return;
  g_free (sampler->accepted);
  g_free (sampler->choices);
  g_free (sampler);
}

gboolean
owl2_sampler_is_argmax (const Owl2Sampler *sampler)
{
  return sampler->params.temperature == 0
         && sampler->params.repetition_penalty == 1;
}

void
owl2_sampler_accept (Owl2Sampler *sampler, gint32 id)
{
  if (id >= 0 && (guint) id < sampler->n_vocab)
    sampler->accepted[id] = 1;
}

/* ---- scores ----------------------------------------------------------- */

static double
penalised (const Owl2Sampler *sampler, const float *logits, guint id)
{
  double score = (double) logits[id];
  double penalty = (double) sampler->params.repetition_penalty;

  if (!sampler->accepted[id])
    return score;
  return score < 0 ? score * penalty : score / penalty;
}

static gint32
choose_largest (const Owl2Sampler *sampler, const float *logits, gint32 banned)
{
  gint32 best = -1;
  double best_score = 0;

  for (guint i = 0; i < sampler->n_vocab; i++) {
    double score;

    if (!isfinite (logits[i]) || (gint32) i == banned)
      continue;
    score = penalised (sampler, logits, i);
    if (best < 0 || score > best_score) {
      best = (gint32) i;
      best_score = score;
    }
  }
  return best;
}

/* ---- top-k and top-p -------------------------------------------------- */

/* Equal scores leave in the order of a stable ascending sort read backwards,
 * as top-p needs it: the larger id first. */
static gboolean
goes_before (const Choice *a, const Choice *b)
{
  return a->score > b->score || (a->score == b->score && a->id > b->id);
}

static void
sift_down (Choice *heap, guint n, guint i)
{
  Choice moved = heap[i];
  guint child;

  while (i < n / 2) {
    child = 2 * i + 1;
    if (child + 1 < n && goes_before (&heap[child + 1], &heap[child]))
      child++;
    if (!goes_before (&heap[child], &moved))
      break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = moved;
}

/* Moves the first of heap[0, n) to heap[n - 1] and makes a heap of the rest:
 * so the choices taken stand at the end, the best one last. */
static void
take_first (Choice *heap, guint n)
{
  Choice first = heap[0];

  heap[0] = heap[n - 1];
  heap[n - 1] = first;
  sift_down (heap, n - 1, 0);
}

/* Keeps the k best, and those equal to the worst of them. */
static guint
take_top_k (Choice *heap, guint n, guint k)
{
  guint rest = n;

  while (rest > 0 && (n - rest < k || heap[0].score == heap[rest].score))
    take_first (heap, rest--);
  return rest;
}

/* Keeps the smallest number of choices, best first, that have top_p of the
 * weight of all; at least one. choices[begin, n) hold scores of which the best
 * is @best; those in [sorted, n) were taken already, the others are a heap. */
static guint
take_top_p (Choice *choices, guint n, guint begin, guint sorted, double best,
    double top_p)
{
  double total = 0, sum = 0;
  guint at = n;

  for (guint i = begin; i < n; i++)
    total += exp (choices[i].score - best);
  do {
    if (at == sorted) {
      take_first (choices, at);
      sorted--;
    }
    at--;
    sum += exp (choices[at].score - best);
  } while (at > begin && sum < top_p * total);
  return at;
}

static gint32
draw (Owl2Sampler *sampler, Choice *choices, guint n, double best)
{
  double total = 0, target;
  gint32 id = -1;

  for (guint i = 0; i < n; i++) {
    choices[i].score = exp (choices[i].score - best);
    total += choices[i].score;
  }
  target = owl2_random_uniform (&sampler->random) * total;
  for (guint i = 0; i < n; i++) {
    if (choices[i].score == 0)
      continue;
    id = choices[i].id; /* the last one, should rounding pass it */
    if (target < choices[i].score)
      break;
    target -= choices[i].score;
  }
  return id;
}

static gint32
choose_random (Owl2Sampler *sampler, const float *logits, gint32 banned)
{
  const Owl2SamplerParams *p = &sampler->params;
  Choice *choices = sampler->choices;
  double best = -INFINITY;
  guint n = 0, begin = 0, sorted;

  for (guint i = 0; i < sampler->n_vocab; i++) {
    if (!isfinite (logits[i]) || (gint32) i == banned)
      continue;
    choices[n].score = penalised (sampler, logits, i) / (double) p->temperature;
    choices[n].id = (gint32) i;
    best = MAX (best, choices[n].score);
    n++;
  }
  if (n == 0)
    return -1;
  if ((p->top_k > 0 && p->top_k < n) || p->top_p < 1) {
    for (guint i = n / 2; i-- > 0;)
      sift_down (choices, n, i);
  }
  sorted = n;
  if (p->top_k > 0 && p->top_k < n)
    begin = sorted = take_top_k (choices, n, p->top_k);
  if (p->top_p < 1)
    begin = take_top_p (choices, n, begin, sorted, best, (double) p->top_p);
  return draw (sampler, choices + begin, n - begin, best);
}

/* ---- choice ----------------------------------------------------------- */

static double
softmax_at (const float *logits, guint n, gint32 id)
{
  double largest = -INFINITY, sum = 0;

  for (guint i = 0; i < n; i++) {
    if (isfinite (logits[i]))
      largest = MAX (largest, (double) logits[i]);
  }
  for (guint i = 0; i < n; i++) {
    if (isfinite (logits[i]))
      sum += exp ((double) logits[i] - largest);
  }
  return exp ((double) logits[id] - largest) / sum;
}

gint32
owl2_sampler_choose (Owl2Sampler *sampler, const float *logits, gint32 banned,
    double *probability)
{
  gint32 id;

  if (sampler->params.temperature == 0)
    id = choose_largest (sampler, logits, banned);
  else
    id = choose_random (sampler, logits, banned);
  if (probability)
    *probability = id < 0 ? 0 : softmax_at (logits, sampler->n_vocab, id);
  return id;
}
