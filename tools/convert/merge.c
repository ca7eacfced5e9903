/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "merge.h"
#include "files.h"
#include "halves.h"

#include <string.h>

/* A tile of the matrix, whose sums stay in registers. */
#define TILE_ROWS 4u
#define TILE_COLS 8u
/* So that a function takes part in the caller's instruction set. */
#define ALWAYS_INLINE __attribute__ ((always_inline))
#if defined(__x86_64__) && !defined(__AVX2__)
#  define HAVE_AVX2_CLONE
#endif

/* The four columns that go through arithmetic together. */
typedef double Doubles __attribute__ ((vector_size (32)));
typedef float Floats __attribute__ ((vector_size (16)));

/* The factors, cut into the tiles' strips: [strip][rank][TILE_COLS] and
 * [strip][rank][TILE_ROWS], the last ones filled up with zeros. */
typedef struct {
  float *a, *b;
  guint rank;
  double scale;
} Pair;

struct _Merge {
  GArray *pairs; /* Pair, owned */
  guint64 rows, cols;
};

/* The sums of one tile. */
typedef struct {
  double at[TILE_ROWS][TILE_COLS];
} Tile;

static void
clear_pair (gpointer data)
{
  Pair *pair = data;

  g_free (pair->a);
  g_free (pair->b);
}

/* (transfer full): all of a tensor. */
static float *
read_all (const ShardTensor *t, GError **error)
{
  gsize n = t->n_elements;
  g_autofree float *values = g_try_malloc_n (n, sizeof (float));
  g_autofree guint8 *bytes = g_try_malloc_n (n, sizeof (float));

  if (!values || !bytes) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for the %" G_GSIZE_FORMAT " values of tensor '%s'", n,
        t->name);
    return NULL;
  }
  if (!shard_tensor_verify (t, error)
      || !shard_tensor_read (t, 0, n, bytes, error))
    return NULL;
  shard_type_decode (t->type, bytes, n, values);
  n = floats_count_not_finite (values, n);
  if (n > 0) {
    convert_bad (shard_path (t->shard), error,
        "tensor '%s' has %" G_GSIZE_FORMAT " values that are not finite",
        t->name, n);
    return NULL;
  }
  return g_steal_pointer (&values);
}

/* (transfer full): strips of @width of a factor, [n][rank] or, @turned,
 * [rank][n]. */
static float *
cut (const float *from, guint64 n, guint rank, gboolean turned, guint width)
{
  gsize n_strips = (n + width - 1) / width;
  float *out = g_try_malloc0_n (n_strips * width, rank * sizeof (float));

  for (guint64 i = 0; out && i < n; i++)
    for (guint k = 0; k < rank; k++)
      out[(i / width * rank + k) * width + i % width] =
          turned ? from[k * n + i] : from[i * rank + k];
  return out;
}

/* (transfer full) */
static float *
read_strips (const ShardTensor *t, gboolean turned, guint width, GError **error)
{
  g_autofree float *values = read_all (t, error);
  guint rank = (guint) t->dims[turned ? 0 : 1];
  float *out = values
                   ? cut (values, t->dims[turned ? 1 : 0], rank, turned, width)
                   : NULL;

  if (values && !out)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for tensor '%s'", t->name);
  return out;
}

Merge *
merge_new (const GArray *changes, guint64 rows, guint64 cols, GError **error)
{
  Merge *merge = g_new0 (Merge, 1);

  merge->rows = rows;
  merge->cols = cols;
  merge->pairs = g_array_new (FALSE, TRUE, sizeof (Pair));
  g_array_set_clear_func (merge->pairs, clear_pair);
  for (guint i = 0; i < changes->len; i++) {
    const LowRank *from = &g_array_index (changes, LowRank, i);
    Pair pair = { .rank = from->rank, .scale = from->scale };

    if ((pair.a = read_strips (from->a, TRUE, TILE_COLS, error)))
      pair.b = read_strips (from->b, FALSE, TILE_ROWS, error);
    g_array_append_val (merge->pairs, pair);
    if (pair.a && pair.b)
      continue;
    merge_free (merge);
    return NULL;
  }
  return merge;
}

void
merge_free (Merge *merge)
{
  if (!merge)
    return;
  g_array_unref (merge->pairs);
  g_free (merge);
}

/* ---- the sums --------------------------------------------------------- */

static inline ALWAYS_INLINE void
load_four (const float *from, Doubles *out)
{
  Floats four;

  memcpy (&four, from, sizeof (four));
  *out = __builtin_convertvector(four, Doubles);
}

/* sums += scale * B A, of one strip of each. A product of two floats is exact
 * in double precision, so that it does not matter whether it is added in one
 * instruction. */
static inline ALWAYS_INLINE void
add_strips (
    const float *a, const float *b, guint rank, double scale, Tile *sums)
{
  Doubles dots[TILE_ROWS][2] = { { { 0 } } };

  for (guint k = 0; k < rank; k++, a += TILE_COLS, b += TILE_ROWS) {
    Doubles left, right;

    load_four (a, &left);
    load_four (a + 4, &right);
    for (guint i = 0; i < TILE_ROWS; i++) {
      dots[i][0] += left * (double) b[i];
      dots[i][1] += right * (double) b[i];
    }
  }
  for (guint i = 0; i < TILE_ROWS; i++)
    for (guint j = 0; j < TILE_COLS; j++)
      sums->at[i][j] += scale * dots[i][j / 4][j % 4];
}

/* The part of a tile that is in the piece. */
static void
take_tile (const Merge *m, const Tile *sums, guint64 row, guint64 col,
    guint64 first, gsize n, float *values)
{
  guint64 end_row = MIN (row + TILE_ROWS, m->rows);
  guint64 end_col = MIN (col + TILE_COLS, m->cols);

  for (guint64 i = row; i < end_row; i++)
    for (guint64 j = col; j < end_col; j++) {
      guint64 index = i * m->cols + j;

      if (index >= first && index - first < n)
        values[index - first] = (float) ((double) values[index - first]
                                         + sums->at[i - row][j - col]);
    }
}

/* Strips of A one after the other, each against all of the piece's rows. */
static inline ALWAYS_INLINE void
add_all (const Merge *m, guint64 first, gsize n, float *values)
{
  guint64 begin = first / m->cols / TILE_ROWS * TILE_ROWS;
  guint64 end = (first + n - 1) / m->cols;

  for (guint64 col = 0; col < m->cols; col += TILE_COLS)
    for (guint64 row = begin; row <= end; row += TILE_ROWS) {
      Tile sums = { { { 0 } } };

      for (guint p = 0; p < m->pairs->len; p++) {
        const Pair *pair = &g_array_index (m->pairs, Pair, p);

        add_strips (pair->a + col * pair->rank, pair->b + row * pair->rank,
            pair->rank, pair->scale, &sums);
      }
      take_tile (m, &sums, row, col, first, n, values);
    }
}

/* The same code with wider registers, which finds the same sums. */
#ifdef HAVE_AVX2_CLONE
__attribute__ ((target ("avx2"))) static void
add_all_avx2 (const Merge *m, guint64 first, gsize n, float *values)
{
  add_all (m, first, n, values);
}
#endif

void
merge_add (const Merge *merge, guint64 first, gsize n, float *values)
{
#ifdef HAVE_AVX2_CLONE
  if (__builtin_cpu_supports ("avx2")) {
    add_all_avx2 (merge, first, n, values);
    return;
  }
#endif
  add_all (merge, first, n, values);
}
