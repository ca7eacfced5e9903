/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkops.h"

#include <math.h>
#include <string.h>

/* How the queries of a shape go. */
typedef enum {
  FRAME,   /* each sees all keys */
  PREFILL, /* one sequence in pages, from position n_k - n_q on */
  DECODE,  /* sequences in pages, each query in any, of up to n_k keys */
} Way;

typedef struct {
  guint n_q, n_k, n_heads, n_kv_heads, head_dim;
  gboolean interleaved; /* q, k and v by head in one matrix, as ViT's */
  Way way;
  Owl2Type type;
  guint n_sequences;
} Shape;

static const Owl2Type kv_types[] = { OWL2_TYPE_F32, OWL2_TYPE_F16,
  OWL2_TYPE_Q8_0 };

static const Shape shapes[] = {
  { 1, 1, 1, 1, 1, FALSE, FRAME },
  { 1, 1, 1, 1, 2, FALSE, PREFILL },
  { 2, 3, 2, 1, 3, FALSE, FRAME },
  { 17, 17, 4, 4, 16, TRUE, FRAME },    /* mini: ViT */
  { 8, 25, 4, 4, 16, FALSE, FRAME },    /* mini: abstractor */
  { 61, 61, 6, 6, 16, FALSE, PREFILL }, /* mini: decoder */
  { 37, 37, 2, 2, 64, TRUE, FRAME },    /* gqa */
  { 16, 53, 2, 2, 64, FALSE, FRAME },
  { 102, 102, 4, 2, 64, FALSE, PREFILL },
  { 1, 103, 4, 2, 64, FALSE, DECODE },
  { 1, 64, 32, 32, 128, FALSE, DECODE }, /* 7B, one token */
  { 1, 300, 8, 8, 128, FALSE, DECODE },
  { 2, 256, 4, 2, 64, FALSE, DECODE },   /* one part of a split */
  { 16, 300, 4, 2, 128, FALSE, DECODE }, /* as many as a pass has */
  { 65, 65, 4, 4, 128, FALSE, PREFILL },
  { 33, 97, 3, 1, 128, FALSE, PREFILL }, /* a later piece of a prompt */
  { 5, 129, 6, 3, 80, FALSE, PREFILL },
  { 5, 129, 6, 3, 80, FALSE, DECODE },
  { 130, 130, 2, 2, 64, TRUE, FRAME },
  { 31, 33, 1, 1, 256, FALSE, FRAME },
  { 64, 64, 2, 1, 256, FALSE, PREFILL },
  { 4, 200, 2, 1, 256, FALSE, DECODE },
  { 3, 5, 1, 1, 255, FALSE, FRAME },
  { 20, 40, 2, 2, 33, FALSE, PREFILL },
  { 7, 7, 3, 3, 5, TRUE, FRAME },
  { 9, 20, 5, 5, 100, FALSE, DECODE },
  { 1, 2000, 2, 1, 64, FALSE, DECODE },
  { 3, 2000, 1, 1, 64, FALSE, PREFILL },
  { 30, 150, 2, 1, 16, FALSE, PREFILL },
  { 9, 150, 2, 1, 16, FALSE, DECODE },
};

static Shape
random_shape (Check *c)
{
  /* Each is another pipeline, and compiling them is what takes the time. */
  static const guint dims[] = { 5, 16, 32, 64, 64, 80, 96, 128 };
  Shape s = { .n_q = check_between (c, 1, 70),
    .n_kv_heads = check_between (c, 1, 3),
    .head_dim = dims[check_between (c, 0, G_N_ELEMENTS (dims) - 1)],
    .way = (Way) check_between (c, FRAME, DECODE),
    .type = kv_types[check_between (c, 0, G_N_ELEMENTS (kv_types) - 1)] };

  s.n_heads = s.n_kv_heads * check_between (c, 1, 3);
  s.n_k = check_between (c, 1, 150);
  s.interleaved = s.way == FRAME && check_between (c, 0, 1);
  if (s.way == PREFILL)
    s.n_k = s.n_q + check_between (c, 0, 1) * check_between (c, 0, 150);
  if (s.interleaved) {
    s.n_k = s.n_q;
    s.n_heads = s.n_kv_heads;
  }
  return s;
}

/* Sequences in a pool of pages. */
typedef struct {
  guint n_pages;
  guint32 *list;              /* the sequences' pages, one list after another */
  guint32 *positions, *lists; /* of each query */
  Owl2PassRow *rows;
  Owl2Rows of;
  CheckBuf *k, *v;
} Paged;

static void
paged_clear (Paged *p)
{
  g_free (p->list);
  g_free (p->positions);
  g_free (p->lists);
  g_free (p->rows);
}

typedef struct {
  Owl2Attention a;
  RefAttention ref;
  Paged paged;
} Inputs;

static guint
pages_of_sequence (const Shape *s)
{
  return (s->n_k + OWL2_PAGE - 1) / OWL2_PAGE;
}

/* One more than are used. */
static guint
pages_of (const Shape *s)
{
  return s->n_sequences * pages_of_sequence (s) + 1;
}

/* Queries in sequences, whose pages lie in any order; only what some query sees
 * is a number. */
static void
make_paged (Check *c, const Shape *s, Inputs *in)
{
  Paged *p = &in->paged;
  guint each = pages_of_sequence (s), n = s->n_sequences * each;
  g_autofree gboolean *used = NULL;

  p->n_pages = pages_of (s);
  p->list = g_new (guint32, p->n_pages);
  p->positions = g_new (guint32, s->n_q);
  p->lists = g_new (guint32, s->n_q);
  p->rows = g_new0 (Owl2PassRow, s->n_q);
  used = g_new0 (gboolean, p->n_pages * OWL2_PAGE);
  for (guint i = 0; i < p->n_pages; i++) {
    guint other = check_between (c, 0, i);

    p->list[i] = p->list[other];
    p->list[other] = i;
  }
  for (guint i = 0; i < s->n_q; i++) {
    guint sequence = check_between (c, 0, s->n_sequences - 1);
    guint position = s->way == PREFILL ? s->n_k - s->n_q + i
                     : i               ? check_between (c, 0, s->n_k - 1)
                                       : s->n_k - 1;

    p->rows[i].position = p->positions[i] = position;
    p->rows[i].pages = p->lists[i] = sequence * each;
    for (guint j = 0; j <= position; j++)
      used[p->list[sequence * each + j / OWL2_PAGE] * OWL2_PAGE
           + j % OWL2_PAGE] = TRUE;
  }
  p->of = check_rows (c, p->rows, s->n_q);
  p->k = check_pages (
      c, "k", s->type, p->n_pages, s->n_kv_heads, s->head_dim, used);
  p->v = check_pages (
      c, "v", s->type, p->n_pages, s->n_kv_heads, s->head_dim, used);
  in->a.k = p->k->t;
  in->a.v = p->v->t;
  in->a.pages = check_slice (check_words (c, "pages", p->list, n));
  in->a.most_keys = s->n_k + check_between (c, 0, 300);
  in->a.scratch = check_slice (check_words (c, "scratch", NULL,
      owl2_attention_scratch (s->n_q, s->n_heads, s->head_dim, in->a.most_keys)
          / 4));
  in->ref.k = p->k->val;
  in->ref.v = p->v->val;
  in->ref.positions = p->positions;
  in->ref.lists = p->lists;
  in->ref.pages = p->list;
}

/* Odd layouts; scores of some width, so that the softmax is neither flat nor
 * all on one key. */
static void
make_inputs (Check *c, const Shape *s, Inputs *in)
{
  guint q_cols = s->n_heads * s->head_dim;
  guint kv_cols = s->n_kv_heads * s->head_dim;

  *in =
      (Inputs){ .a = { .family = s->way == DECODE ? OWL2_DECODE : OWL2_PREFILL,
                    .n_q = s->n_q,
                    .n_k = s->n_k,
                    .n_heads = s->n_heads,
                    .n_kv_heads = s->n_kv_heads,
                    .head_dim = s->head_dim,
                    .q_head_stride = s->head_dim,
                    .kv_head_stride = s->head_dim,
                    .scale = 3.f / sqrtf ((float) s->head_dim) } };
  in->ref = (RefAttention){ .n_q = s->n_q,
    .n_k = s->n_k,
    .n_heads = s->n_heads,
    .n_kv_heads = s->n_kv_heads,
    .head_dim = s->head_dim,
    .q_cols = q_cols,
    .k_cols = kv_cols,
    .v_cols = kv_cols,
    .scale = (double) in->a.scale };

  if (s->interleaved) {
    /* For a kernel that is asked for, so that each of them fits something. */
    CheckLie lie = c->kernel ? LIE_PACKED : check_lie (c);
    CheckBuf *all = check_in (c, "qkv", s->n_q, 3 * q_cols, -2.f, 2.f, lie);

    in->a.q_head_stride = in->a.kv_head_stride = 3 * s->head_dim;
    in->a.q = owl2_tensor_cols (all->t, 0, 3 * q_cols);
    in->a.k = owl2_tensor_cols (all->t, s->head_dim, 3 * q_cols - s->head_dim);
    in->a.v = owl2_tensor_cols (
        all->t, 2 * s->head_dim, 3 * q_cols - 2 * s->head_dim);
    in->ref.q = all->val;
    in->ref.k = all->val + s->head_dim;
    in->ref.v = all->val + 2 * s->head_dim;
    in->ref.q_cols = in->ref.k_cols = in->ref.v_cols = 3 * q_cols;
  } else {
    CheckBuf *q = check_in (c, "q", s->n_q, q_cols, -2.f, 2.f, check_lie (c));

    in->a.q = q->t;
    in->ref.q = q->val;
    if (s->way != FRAME) {
      make_paged (c, s, in);
      in->a.rows = &in->paged.of;
    } else {
      /* More rows of keys than are used. */
      CheckLie lie = check_lie (c);
      guint spare = lie == LIE_PACKED ? 0 : check_between (c, 0, 3);
      CheckBuf *k = check_in (c, "k", s->n_k + spare, kv_cols, -2.f, 2.f, lie);
      CheckBuf *v =
          check_in (c, "v", s->n_k + spare, kv_cols, -2.f, 2.f, check_lie (c));

      in->a.k = k->t;
      in->a.v = v->t;
      in->ref.k = k->val;
      in->ref.v = v->val;
    }
  }
  in->ref.q_head_stride = in->a.q_head_stride;
  in->ref.kv_head_stride = in->a.kv_head_stride;
}

static void
begin_case (Check *c, const Shape *s)
{
  static const char *const names[] = { "frame", "prefill", "decode" };

  check_begin (c,
      "%s queries %u keys %u heads %u/%u of %u interleaved %d, %u sequences "
      "in %s",
      names[s->way], s->n_q, s->n_k, s->n_heads, s->n_kv_heads, s->head_dim,
      s->interleaved, s->n_sequences, owl2_type_name (s->type));
}

/* A query's result is the same to the bit among other queries and with fewer.
 */
static void
check_queries_alone (
    Check *c, const Shape *s, Owl2Attention a, const CheckBuf *out)
{
  guint cols = out->t.cols, first = check_between (c, 0, s->n_q - 1);
  guint n = check_between (c, 1, MIN (s->n_q - first, 3));
  g_autofree float *all =
      g_memdup2 (out->val, (gsize) s->n_q * cols * sizeof (float));
  CheckBuf *few = check_out (c, "few queries", n, cols, check_lie (c));
  Owl2Rows rows;

  a.q = owl2_tensor_rows (a.q, first, n);
  a.out = few->t;
  a.n_q = n;
  if (a.rows) {
    rows = *a.rows;
    rows.first += first;
    a.rows = &rows;
  }
  owl2_op_attention (c->cmd, &a);
  if (check_run (c)
      && memcmp (few->val, all + (gsize) first * cols,
          (gsize) n * cols * sizeof (float)))
    check_fail (c, "queries %u to %u of %u differ when computed alone", first,
        first + n - 1, s->n_q);
}

/* And wherever the pages lie: here each one further on. */
static void
check_other_pages (Check *c, const Shape *s, Inputs *in, const CheckBuf *out)
{
  gsize n = (gsize) s->n_q * out->t.cols * sizeof (float);
  gsize page =
      owl2_tensor_bytes (s->type, s->n_kv_heads * OWL2_PAGE, s->head_dim);
  gsize bytes = in->paged.n_pages * page;
  g_autofree float *before = g_memdup2 (out->val, n);
  guint n_list = s->n_sequences * pages_of_sequence (s);
  g_autoptr (GError) error = NULL;
  CheckBuf *pools[] = { in->paged.k, in->paged.v };

  for (guint i = 0; i < 2; i++) {
    guint8 *host = (guint8 *) pools[i]->host;
    g_autofree guint8 *old = g_memdup2 (host, bytes);

    memcpy (host + page, old, bytes - page);
    memcpy (host, old + bytes - page, page);
    if (!ovk_slice_write (c->dev, pools[i]->t.slice, host, bytes, &error))
      check_fail (c, "%s", error->message);
  }
  for (guint i = 0; i < n_list; i++)
    in->paged.list[i] = (in->paged.list[i] + 1) % in->paged.n_pages;
  in->a.pages =
      check_slice (check_words (c, "other pages", in->paged.list, n_list));
  owl2_op_attention (c->cmd, &in->a);
  if (check_run (c) && memcmp (out->val, before, n) != 0)
    check_fail (c, "it differs where the pages lie elsewhere");
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
  make_inputs (c, s, &in);
  out = check_out (c, "out", s->n_q, (guint) cols, check_lie (c));
  in.a.out = out->t;
  owl2_op_attention (c->cmd, &in.a);
  if (check_run (c)) {
    ref_attention (want, mag, NULL, score_mag, &in.ref);
    for (i = 0; i < n; i++)
      mag[i] *= ref_softmax_units (s->head_dim, s->n_k,
          score_mag[i % cols / s->head_dim * s->n_q + i / cols]);
    check_compare (c, out, want, mag, 1.0);
    check_queries_alone (c, s, in.a, out);
    if (s->way != FRAME)
      check_other_pages (c, s, &in, out);
  }
  paged_clear (&in.paged);
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
  make_inputs (c, s, &in);
  out = check_out (c, "probs", s->n_heads * s->n_q, s->n_k, check_lie (c));
  owl2_op_attention_probs (c->cmd, &out->t, &in.a);
  if (check_run (c)) {
    ref_attention (NULL, NULL, want, score_mag, &in.ref);
    for (i = 0; i < n; i++)
      mag[i] = want[i]
               * ref_softmax_units (s->head_dim, s->n_k, score_mag[i / s->n_k]);
    check_compare (c, out, want, mag, 1.0);
  }
  paged_clear (&in.paged);
  check_end (c);
}

/* FALSE if the shape can't be had in this configuration. */
static gboolean
is_possible (const Check *c, const Shape *s, gboolean probs)
{
  guint factor = s->interleaved ? 3 : 1;
  gsize row = (gsize) s->n_kv_heads * (s->head_dim + 12) * factor + 20;
  gsize q_row = (gsize) s->n_heads * s->head_dim * factor + 20;
  guint n_k = s->way == FRAME ? s->n_k : pages_of (s) * OWL2_PAGE;

  if (s->way == FRAME ? s->type != OWL2_TYPE_F32
                      : s->type == OWL2_TYPE_Q8_0 && s->head_dim % 32)
    return FALSE;
  /* A lowered range changes no kernel, and each kernel is preferred somewhere:
   * two head sizes are enough. Drivers take seconds to compile large ones. A
   * GPU need not be among them, so that what these prefer is tried in full. */
  if ((c->limit || (c->kernel && strcmp (c->kernel, "attention_split") != 0))
      && s->head_dim != 16 && s->head_dim != 64)
    return FALSE;
  if (!c->limit)
    return TRUE;
  /* Keys and values must fit one binding each, and for the probabilities the
   * queries as well. */
  return (n_k + 4) * row * sizeof (float) <= c->limit
         && (!probs || (s->n_q + 4) * q_row * sizeof (float) <= c->limit);
}

/* The fixed shapes with every type of keys, the random ones with one. */
static void
check_shapes (
    Check *c, gboolean probs, void (*check) (Check *c, const Shape *s))
{
  const guint step = check_step (c);
  const guint n = G_N_ELEMENTS (shapes) + (c->thorough ? 40 : 15);

  for (guint i = check_between (c, 0, step - 1); i < n; i += step) {
    gboolean fixed = i < G_N_ELEMENTS (shapes);
    Shape s = fixed ? shapes[i] : random_shape (c);

    s.n_sequences = s.way == DECODE ? check_between (c, 1, MIN (s.n_q, 5)) : 1;
    for (guint t = 0; t < (fixed ? G_N_ELEMENTS (kv_types) : 1); t++) {
      if (fixed)
        s.type = kv_types[t];
      if (is_possible (c, &s, probs))
        check (c, &s);
    }
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
