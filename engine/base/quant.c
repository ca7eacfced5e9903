/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quant.h"

#include <math.h>
#include <string.h>

#include "half.h"

#define GROUP 32 /* elements that share a scale in Q4_K */
#define GROUPS 8
/* Ranges tried for a group, and fits for each. */
#define SEARCH_STEPS 6
#define SEARCH_ROUNDS 3
#define MAX_HALF 65504.f

/* So that a function takes part in the caller's instruction set. */
#define ALWAYS_INLINE __attribute__ ((always_inline))
#if defined(__x86_64__) && !defined(__AVX2__)
#  define HAVE_AVX2_CLONE
#endif

static void
put_half (guint8 *out, float value)
{
  guint16 half = half_to_f16 (CLAMP (value, -MAX_HALF, MAX_HALF));

  memcpy (out, &half, 2);
}

static float
get_half (const guint8 *in)
{
  guint16 half;

  memcpy (&half, in, 2);
  return half_from_f16 (half);
}

/* ---- Q8_0 ------------------------------------------------------------- */

/* Written so that both loops are vectorised: absolute values are compared as
 * integers, and halves are rounded away from zero without a call. */
static inline ALWAYS_INLINE void
encode_q8_0_block (const float *x, guint8 *out)
{
  gint32 max_bits = 0;
  float d, inverse;

  for (guint i = 0; i < 32; i++) {
    gint32 bits = (gint32) (half_float_to_bits (x[i]) & 0x7fffffff);

    max_bits = MAX (max_bits, bits);
  }
  d = half_bits_to_float ((guint32) max_bits) / 127;
  put_half (out, d);
  /* 1 / d of the smallest numbers is infinite; as halves they are zero. */
  inverse = get_half (out) > 0 ? 1 / d : 0;
  for (guint i = 0; i < 32; i++) {
    float v = x[i] * inverse, rest;
    gint32 whole = (gint32) v;

    rest = v - (float) whole;
    whole += (rest >= 0.5f) - (rest <= -0.5f);
    out[2 + i] = (guint8) whole;
  }
}

static inline ALWAYS_INLINE void
encode_q8_0 (const float *x, gsize n, guint8 *out)
{
  for (; n > 0; n -= 32, x += 32, out += OWL2_Q8_0_BYTES)
    encode_q8_0_block (x, out);
}

void
owl2_q8_0_decode (const guint8 *blocks, gsize n, float *x)
{
  for (; n > 0; n -= 32, x += 32, blocks += OWL2_Q8_0_BYTES)
    for (guint i = 0; i < 32; i++)
      x[i] = get_half (blocks) * (gint8) blocks[2 + i];
}

void
owl2_q8_0_pack (const guint8 *blocks, guint cols, guint8 *packed)
{
  guint n = cols / OWL2_Q8_0_BLOCK;
  guint8 *scales = packed + cols;

  for (guint b = 0; b < n; b++, blocks += OWL2_Q8_0_BYTES) {
    memcpy (scales + 2 * b, blocks, 2);
    memcpy (packed + (gsize) b * OWL2_Q8_0_BLOCK, blocks + 2, OWL2_Q8_0_BLOCK);
  }
}

/* ---- Q4_K ------------------------------------------------------------- */

/* Scale and min of group j from the 12 packed bytes: the low 6 bits of the
 * first 8 bytes hold groups 0 to 3; groups 4 to 7 have their low 4 bits in the
 * last 4 bytes and their high 2 in the top of the first 8. */
static void
get_scale (const guint8 *packed, guint j, guint *scale, guint *min)
{
  if (j < 4) {
    *scale = packed[j] & 63;
    *min = packed[j + 4] & 63;
  } else {
    *scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
    *min = packed[j + 4] >> 4 | (packed[j] >> 6) << 4;
  }
}

static void
put_scale (guint8 *packed, guint j, guint scale, guint min)
{
  if (j < 4) {
    packed[j] |= scale;
    packed[j + 4] |= min;
  } else {
    packed[j + 4] |= (scale & 15) | (min & 15) << 4;
    packed[j - 4] |= (scale >> 4) << 6;
    packed[j] |= (min >> 4) << 6;
  }
}

static guint
round_6_bits (float x)
{
  return x < 63 ? (guint) (x + 0.5f) : 63;
}

void
owl2_q4_k_decode (const guint8 *blocks, gsize n, float *x)
{
  for (; n > 0; n -= 256, x += 256, blocks += OWL2_Q4_K_BYTES) {
    float d = get_half (blocks), dmin = get_half (blocks + 2);
    const guint8 *q = blocks + 16;

    for (guint j = 0; j < GROUPS; j++) {
      guint scale, min, shift = j % 2 * 4;
      float s, m;

      /* Two groups share 32 bytes, low nibbles first. */
      get_scale (blocks + 4, j, &scale, &min);
      s = d * scale;
      m = dmin * min;
      for (guint i = 0; i < GROUP; i++)
        x[j * GROUP + i] = s * (q[j / 2 * GROUP + i] >> shift & 15) - m;
    }
  }
}

/* The search treats the 8 groups of a block side by side, a lane each, so that
 * sums need no reduction and choices no branch. Lanes never mix, and products
 * are not contracted: every machine finds the same blocks. */
typedef float Lanes __attribute__ ((vector_size (GROUPS * sizeof (float))));
typedef gint32 LaneInts
    __attribute__ ((vector_size (GROUPS * sizeof (gint32))));

#define ALL_LANES(x) ((Lanes){ x, x, x, x, x, x, x, x })
/* Where @mask (all ones or zeros): @a, else @b. */
#define CHOOSE(mask, a, b)                                                     \
  ((Lanes) (((mask) & (LaneInts) (a)) | (~(mask) & (LaneInts) (b))))

/* 8 groups while their scales are sought. */
typedef struct {
  Lanes x[GROUP], w[GROUP]; /* values; what an error of each weighs */
  Lanes sum_w, sum_wx;
  Lanes scale, min; /* the best so far; min is not negative */
  Lanes error;      /* of them */
} Search;

/* Sums over a group's elements: what least squares needs. */
typedef struct {
  Lanes error, wq, wqq, wqx;
} Sums;

/* The quant of @x for x = scale q - min. */
static inline ALWAYS_INLINE void
quantise (const Lanes *x, const Lanes *min, const Lanes *inverse, Lanes *q)
{
  Lanes zero = { 0 }, most = ALL_LANES (15.f);
  Lanes v = (*x + *min) * *inverse + 0.5f;

  v = CHOOSE (v > zero, v, zero);
  v = CHOOSE (v < most, v, most);
  *q = __builtin_convertvector(__builtin_convertvector(v, LaneInts), Lanes);
}

static inline ALWAYS_INLINE void
invert (const Lanes *scale, Lanes *inverse)
{
  Lanes zero = { 0 };

  *inverse = CHOOSE (*scale > zero, 1.f / *scale, zero);
}

/* Each element is weighted by its size: large weights matter more to a
 * product. */
static inline ALWAYS_INLINE void
measure (const Search *s, const Lanes *scale, const Lanes *min, Sums *sums)
{
  Lanes inverse, zero = { 0 };
  Sums t = { zero, zero, zero, zero };

  invert (scale, &inverse);
  for (guint i = 0; i < GROUP; i++) {
    Lanes q, e, wq;

    quantise (&s->x[i], min, &inverse, &q);
    e = *scale * q - *min - s->x[i];
    wq = s->w[i] * q;
    t.error += s->w[i] * e * e;
    t.wq += wq;
    t.wqq += wq * q;
    t.wqx += wq * s->x[i];
  }
  *sums = t;
}

/* Least squares for given quants: the scale and min (not negative) that make
 * the weighted error smallest. Lanes whose quants do not determine them stay
 * as they are. */
static inline ALWAYS_INLINE void
fit (const Search *s, const Sums *t, Lanes *scale, Lanes *min)
{
  Lanes zero = { 0 };
  Lanes det = s->sum_w * t->wqq - t->wq * t->wq;
  Lanes best_scale = (s->sum_w * t->wqx - t->wq * s->sum_wx) / det;
  Lanes best_min = (t->wq * t->wqx - t->wqq * s->sum_wx) / det;
  LaneInts below = best_min < zero, good;

  best_min = CHOOSE (below, zero, best_min);
  best_scale = CHOOSE (below, t->wqx / t->wqq, best_scale);
  good = (det > 1e-6f * s->sum_w * t->wqq) & (best_scale > zero);
  *scale = CHOOSE (good, best_scale, *scale);
  *min = CHOOSE (good, best_min, *min);
}

static inline ALWAYS_INLINE void
start_search (Search *s, const float *x)
{
  float norm = 0, *to = (float *) s->x;
  Lanes zero = { 0 };

  for (guint i = 0; i < GROUP; i++)
    for (guint j = 0; j < GROUPS; j++)
      to[i * GROUPS + j] = x[j * GROUP + i];
  s->sum_w = s->sum_wx = zero;
  for (guint i = 0; i < GROUP; i++)
    s->sum_w += s->x[i] * s->x[i];
  for (guint j = 0; j < GROUPS; j++)
    norm += s->sum_w[j];
  norm = sqrtf (norm / 256);
  s->sum_w = zero;
  for (guint i = 0; i < GROUP; i++) {
    s->w[i] = norm + CHOOSE (s->x[i] > zero, s->x[i], -s->x[i]);
    s->sum_w += s->w[i];
    s->sum_wx += s->w[i] * s->x[i];
  }
}

/* The best scale and min of each group: the full range and narrower ones
 * (which clip the largest values to place the others better), each improved by
 * least squares. */
static inline ALWAYS_INLINE void
search (Search *s)
{
  Lanes lo = { 0 }, hi = s->x[0], range;

  for (guint i = 0; i < GROUP; i++) {
    lo = CHOOSE (s->x[i] < lo, s->x[i], lo);
    hi = CHOOSE (s->x[i] > hi, s->x[i], hi);
  }
  range = CHOOSE (hi > lo, hi - lo, lo - lo);
  s->min = -lo;
  s->scale = range / 15.f;
  s->error = ALL_LANES (G_MAXFLOAT);
  for (guint step = 0; step < SEARCH_STEPS; step++) {
    Lanes scale = range / (14.f + 0.6f * (float) step), min = -lo;

    for (guint round = 0; round < SEARCH_ROUNDS; round++) {
      LaneInts better;
      Sums sums;

      measure (s, &scale, &min, &sums);
      better = sums.error < s->error;
      s->error = CHOOSE (better, sums.error, s->error);
      s->scale = CHOOSE (better, scale, s->scale);
      s->min = CHOOSE (better, min, s->min);
      if (round + 1 < SEARCH_ROUNDS)
        fit (s, &sums, &scale, &min);
    }
  }
}

/* The quants for the scales and mins as they are stored, two groups to 32
 * bytes. */
static inline ALWAYS_INLINE void
put_quants (const Search *s, const Lanes *scale, const Lanes *min, guint8 *out)
{
  Lanes inverse;

  invert (scale, &inverse);
  for (guint i = 0; i < GROUP; i++) {
    LaneInts ints;
    Lanes q;

    quantise (&s->x[i], min, &inverse, &q);
    ints = __builtin_convertvector(q, LaneInts);
    for (guint j = 0; j < GROUPS; j += 2)
      out[j / 2 * GROUP + i] = (guint8) (ints[j] | ints[j + 1] << 4);
  }
}

static inline ALWAYS_INLINE void
encode_q4_k_block (const float *x, guint8 *out)
{
  float d, dmin, max_scale = 0, max_min = 0;
  Search s;

  start_search (&s, x);
  search (&s);
  for (guint j = 0; j < GROUPS; j++) {
    max_scale = MAX (max_scale, s.scale[j]);
    max_min = MAX (max_min, s.min[j]);
  }
  memset (out, 0, 16);
  put_half (out, max_scale / 63);
  put_half (out + 2, max_min / 63);
  d = get_half (out);
  dmin = get_half (out + 2);
  for (guint j = 0; j < GROUPS; j++) {
    guint scale = d > 0 ? round_6_bits (s.scale[j] / d) : 0;
    guint min = dmin > 0 ? round_6_bits (s.min[j] / dmin) : 0;

    put_scale (out + 4, j, scale, min);
    s.scale[j] = d * (float) scale;
    s.min[j] = dmin * (float) min;
  }
  put_quants (&s, &s.scale, &s.min, out + 16);
}

static inline ALWAYS_INLINE void
encode_q4_k (const float *x, gsize n, guint8 *out)
{
  for (; n > 0; n -= 256, x += 256, out += OWL2_Q4_K_BYTES)
    encode_q4_k_block (x, out);
}

/* ---- the machine ------------------------------------------------------ */

/* The same code with wider registers, which finds the same blocks. */
#ifdef HAVE_AVX2_CLONE
__attribute__ ((target ("avx2"))) static void
encode_q8_0_avx2 (const float *x, gsize n, guint8 *out)
{
  encode_q8_0 (x, n, out);
}

__attribute__ ((target ("avx2"))) static void
encode_q4_k_avx2 (const float *x, gsize n, guint8 *out)
{
  encode_q4_k (x, n, out);
}
#endif

void
owl2_q8_0_encode (const float *x, gsize n, guint8 *out)
{
#ifdef HAVE_AVX2_CLONE
  if (__builtin_cpu_supports ("avx2")) {
    encode_q8_0_avx2 (x, n, out);
    return;
  }
#endif
  encode_q8_0 (x, n, out);
}

void
owl2_q4_k_encode (const float *x, gsize n, guint8 *out)
{
#ifdef HAVE_AVX2_CLONE
  if (__builtin_cpu_supports ("avx2")) {
    encode_q4_k_avx2 (x, n, out);
    return;
  }
#endif
  encode_q4_k (x, n, out);
}
