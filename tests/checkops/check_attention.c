/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <math.h>
#include <string.h>

typedef struct {
  guint n_q, n_k, n_heads, n_kv_heads, head_dim;
  gboolean causal;
  guint pos0;
  gboolean interleaved; /* q, k and v by head in one matrix, as ViT's */
  Owl2Family family;
  guint cache; /* k and v in a KV cache: 1 + index of kv_types; else 0 */
} Shape;

static const Owl2Type kv_types[] = { OWL2_TYPE_F32, OWL2_TYPE_F16,
  OWL2_TYPE_Q8_0 };

static const Shape shapes[] = {
  { 1, 1, 1, 1, 1, FALSE, 0, FALSE },
  { 1, 1, 1, 1, 2, TRUE, 0, FALSE },
  { 2, 3, 2, 1, 3, FALSE, 0, FALSE },
  { 17, 17, 4, 4, 16, FALSE, 0, TRUE }, /* mini: ViT */
  { 8, 25, 4, 4, 16, FALSE, 0, FALSE }, /* mini: abstractor */
  { 61, 61, 6, 6, 16, TRUE, 0, FALSE }, /* mini: decoder */
  { 37, 37, 2, 2, 64, FALSE, 0, TRUE }, /* gqa */
  { 16, 53, 2, 2, 64, FALSE, 0, FALSE },
  { 102, 102, 4, 2, 64, TRUE, 0, FALSE },
  { 1, 103, 4, 2, 64, TRUE, 102, FALSE },
  { 1, 64, 32, 32, 128, TRUE, 63, FALSE }, /* 7B, one token */
  { 1, 300, 8, 8, 128, TRUE, 299, FALSE },
  { 65, 65, 4, 4, 128, TRUE, 0, FALSE },
  { 33, 97, 3, 1, 128, TRUE, 64, FALSE }, /* a later piece of a prompt */
  { 5, 129, 6, 3, 80, TRUE, 124, FALSE },
  { 130, 130, 2, 2, 64, FALSE, 0, TRUE },
  { 31, 33, 1, 1, 256, FALSE, 0, FALSE },
  { 64, 64, 2, 1, 256, TRUE, 0, FALSE },
  { 3, 5, 1, 1, 255, FALSE, 0, FALSE },
  { 20, 40, 2, 2, 33, TRUE, 20, FALSE },
  { 7, 7, 3, 3, 5, FALSE, 0, TRUE },
  { 9, 20, 5, 5, 100, TRUE, 2, FALSE }, /* keys that none sees */
  { 1, 2000, 2, 1, 64, FALSE, 0, FALSE },
};

static Shape
random_shape (Check *c)
{
  /* Each is another pipeline, and compiling them is what takes the time. */
  static const guint dims[] = { 5, 16, 32, 64, 64, 80, 96, 128 };
  Shape s = { .n_q = check_between (c, 1, 70),
    .n_kv_heads = check_between (c, 1, 3),
    .head_dim = dims[check_between (c, 0, G_N_ELEMENTS (dims) - 1)],
    .causal = check_between (c, 0, 1),
    .pos0 = check_between (c, 0, 60),
    .interleaved = check_between (c, 0, 2) == 0 };

  s.n_heads = s.n_kv_heads * check_between (c, 1, 3);
  s.n_k = check_between (c, 0, 1) ? s.pos0 + s.n_q : check_between (c, 1, 150);
  if (s.interleaved) {
    s.n_k = s.n_q;
    s.n_heads = s.n_kv_heads;
  }
  return s;
}

typedef struct {
  Owl2Attention a;
  RefAttention ref;
} Inputs;

/* Odd layouts; scores of some width, so that the softmax is neither flat nor
 * all on one key. */
static Inputs
make_inputs (Check *c, const Shape *s)
{
  guint q_cols = s->n_heads * s->head_dim;
  guint kv_cols = s->n_kv_heads * s->head_dim;
  Inputs in = { .a = { .family = s->family,
                    .n_q = s->n_q,
                    .n_k = s->n_k,
                    .n_heads = s->n_heads,
                    .n_kv_heads = s->n_kv_heads,
                    .head_dim = s->head_dim,
                    .q_head_stride = s->head_dim,
                    .kv_head_stride = s->head_dim,
                    .causal = s->causal,
                    .pos0 = s->pos0,
                    .scale = 3.f / sqrtf ((float) s->head_dim) } };

  if (s->interleaved) {
    CheckBuf *all =
        check_in (c, "qkv", s->n_q, 3 * q_cols, -2.f, 2.f, check_lie (c));

    in.a.q_head_stride = in.a.kv_head_stride = 3 * s->head_dim;
    in.a.q = owl2_tensor_cols (all->t, 0, 3 * q_cols);
    in.a.k = owl2_tensor_cols (all->t, s->head_dim, 3 * q_cols - s->head_dim);
    in.a.v = owl2_tensor_cols (
        all->t, 2 * s->head_dim, 3 * q_cols - 2 * s->head_dim);
    in.ref.q = all->val;
    in.ref.k = all->val + s->head_dim;
    in.ref.v = all->val + 2 * s->head_dim;
    in.ref.q_cols = in.ref.k_cols = in.ref.v_cols = 3 * q_cols;
  } else if (s->cache) {
    Owl2Type type = kv_types[s->cache - 1];
    guint capacity = s->n_k + check_between (c, 0, 3);
    CheckBuf *q = check_in (c, "q", s->n_q, q_cols, -2.f, 2.f, check_lie (c));
    CheckBuf *k = check_cache (
        c, "k", type, s->n_kv_heads, capacity, s->n_k, s->head_dim);
    CheckBuf *v = check_cache (
        c, "v", type, s->n_kv_heads, capacity, s->n_k, s->head_dim);

    in.a.q = q->t;
    in.a.k = k->t;
    in.a.v = v->t;
    in.a.kv_head_rows = capacity;
    in.ref.q = q->val;
    in.ref.k = k->val;
    in.ref.v = v->val;
    in.ref.q_cols = q_cols;
    in.ref.k_cols = in.ref.v_cols = s->head_dim;
  } else {
    /* More rows of keys than are used. */
    CheckLie lie = check_lie (c);
    guint spare = lie == LIE_PACKED ? 0 : check_between (c, 0, 3);
    CheckBuf *q = check_in (c, "q", s->n_q, q_cols, -2.f, 2.f, check_lie (c));
    CheckBuf *k = check_in (c, "k", s->n_k + spare, kv_cols, -2.f, 2.f, lie);
    CheckBuf *v =
        check_in (c, "v", s->n_k + spare, kv_cols, -2.f, 2.f, check_lie (c));

    in.a.q = q->t;
    in.a.k = k->t;
    in.a.v = v->t;
    in.ref.q = q->val;
    in.ref.k = k->val;
    in.ref.v = v->val;
    in.ref.q_cols = q_cols;
    in.ref.k_cols = in.ref.v_cols = kv_cols;
  }
  in.ref.n_q = s->n_q;
  in.ref.n_k = s->n_k;
  in.ref.n_heads = s->n_heads;
  in.ref.n_kv_heads = s->n_kv_heads;
  in.ref.head_dim = s->head_dim;
  in.ref.q_head_stride = in.a.q_head_stride;
  in.ref.kv_head_stride =
      s->cache ? in.a.kv_head_rows * s->head_dim : in.a.kv_head_stride;
  in.ref.causal = s->causal;
  in.ref.pos0 = s->pos0;
  in.ref.scale = (double) in.a.scale;
  return in;
}

static void
begin_case (Check *c, const Shape *s)
{
  check_begin (c,
      "%s queries %u keys %u heads %u/%u of %u causal %d pos0 %u interleaved "
      "%d cache %s",
      s->family == OWL2_DECODE ? "decode" : "prefill", s->n_q, s->n_k,
      s->n_heads, s->n_kv_heads, s->head_dim, s->causal, s->pos0,
      s->interleaved,
      s->cache ? owl2_type_name (kv_types[s->cache - 1]) : "none");
}

/* A score is off by sqrt (head_dim) + 4 roundings of its terms' size (see
 * check_matmul.c); that is the relative error of its exponential, to which
 * exp() adds 3 + 2 |x| units with |x| at most twice the largest score. Then
 * comes a sum over the keys. Twice the first, for the softmax divides by a sum
 * of such exponentials. */
static double
units_of_softmax (const Shape *s, double score_mag)
{
  return 2.0 * score_mag * (sqrt (s->head_dim) + 8.0) + sqrt (s->n_k) + 16.0;
}

/* A query's result is the same to the bit among other queries and with fewer,
 * and whatever keys come after those that it sees. */
static void
check_queries_alone (
    Check *c, const Shape *s, Owl2Attention a, const CheckBuf *out)
{
  guint cols = out->t.cols, first = check_between (c, 0, s->n_q - 1);
  guint n = check_between (c, 1, MIN (s->n_q - first, 3));
  g_autofree float *all =
      g_memdup2 (out->val, (gsize) s->n_q * cols * sizeof (float));
  CheckBuf *few = check_out (c, "few queries", n, cols, check_lie (c));

  a.q = owl2_tensor_rows (a.q, first, n);
  a.out = few->t;
  a.n_q = n;
  a.pos0 += first;
  if (a.causal)
    a.n_k = MIN (a.n_k, a.pos0 + n);
  owl2_op_attention (c->cmd, &a);
  if (check_run (c)
      && memcmp (few->val, all + (gsize) first * cols,
          (gsize) n * cols * sizeof (float)))
    check_fail (c, "queries %u to %u of %u differ when computed alone", first,
        first + n - 1, s->n_q);
}

static void
check_one (Check *c, const Shape *s)
{
  gsize cols = (gsize) s->n_heads * s->head_dim, n = s->n_q * cols, i;
  g_autofree double *want = g_new (double, n);
  g_autofree double *mag = g_new (double, n);
  g_autofree double *score_mag = g_new (double, s->n_heads * s->n_q);
  Inputs in;
  CheckBuf *out;

  begin_case (c, s);
  in = make_inputs (c, s);
  out = check_out (c, "out", s->n_q, (guint) cols, check_lie (c));
  in.a.out = out->t;
  owl2_op_attention (c->cmd, &in.a);
  if (check_run (c)) {
    ref_attention (want, mag, NULL, score_mag, &in.ref);
    for (i = 0; i < n; i++)
      mag[i] *= units_of_softmax (
          s, score_mag[i % cols / s->head_dim * s->n_q + i / cols]);
    check_compare (c, out, want, mag, 1.0);
    check_queries_alone (c, s, in.a, out);
  }
  check_end (c);
}

static void
check_one_probs (Check *c, const Shape *s)
{
  gsize n = (gsize) s->n_heads * s->n_q * s->n_k, i;
  g_autofree double *want = g_new (double, n);
  g_autofree double *mag = g_new (double, n);
  g_autofree double *score_mag = g_new (double, s->n_heads * s->n_q);
  Inputs in;
  CheckBuf *out;

  begin_case (c, s);
  in = make_inputs (c, s);
  out = check_out (c, "probs", s->n_heads * s->n_q, s->n_k, check_lie (c));
  owl2_op_attention_probs (c->cmd, &out->t, &in.a);
  if (check_run (c)) {
    ref_attention (NULL, NULL, want, score_mag, &in.ref);
    for (i = 0; i < n; i++)
      mag[i] = want[i] * units_of_softmax (s, score_mag[i / s->n_k]);
    check_compare (c, out, want, mag, 1.0);
  }
  check_end (c);
}

/* FALSE if the shape can't be had in this configuration. */
static gboolean
is_possible (const Check *c, const Shape *s, gboolean probs)
{
  guint factor = s->interleaved ? 3 : 1;
  gsize row = (gsize) s->n_kv_heads * (s->head_dim + 12) * factor + 20;
  gsize q_row = (gsize) s->n_heads * s->head_dim * factor + 20;

  if (s->cache && kv_types[s->cache - 1] == OWL2_TYPE_Q8_0 && s->head_dim % 32)
    return FALSE;
  /* A lowered range changes no kernel, and each kernel is preferred somewhere:
   * two head sizes are enough. Drivers take seconds to compile large ones. */
  if ((c->limit || c->kernel) && s->head_dim != 16 && s->head_dim != 64)
    return FALSE;
  if (!c->limit)
    return TRUE;
  /* Keys and values must fit one binding each, and for the probabilities the
   * queries as well. */
  return (s->n_k + 4) * row * sizeof (float) <= c->limit
         && (!probs || (s->n_q + 4) * q_row * sizeof (float) <= c->limit);
}

/* The fixed shapes with every type of KV cache, the random ones with one. */
static void
check_shapes (
    Check *c, gboolean probs, void (*check) (Check *c, const Shape *s))
{
  guint i, n = G_N_ELEMENTS (shapes) + (c->thorough ? 40 : 15);

  for (i = 0; i < n; i++) {
    gboolean fixed = i < G_N_ELEMENTS (shapes);
    Shape s = fixed ? shapes[i] : random_shape (c);
    guint last = s.interleaved ? 0 : G_N_ELEMENTS (kv_types);
    guint only = fixed ? 0 : check_between (c, 0, last);

    s.family = check_between (c, 0, 1) ? OWL2_DECODE : OWL2_PREFILL;
    for (s.cache = fixed ? 0 : only; s.cache <= (fixed ? last : only);
         s.cache++)
      if (is_possible (c, &s, probs))
        check (c, &s);
  }
}

void
check_attention (Check *c)
{
  check_shapes (c, FALSE, check_one);
}

void
check_attention_probs (Check *c)
{
  check_shapes (c, TRUE, check_one_probs);
}
