/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quant.h"

#include <math.h>
#include <string.h>

#include "half.h"

#define GROUP 32 /* elements that share a scale in Q4_K */
#define GROUPS 8
/* Ranges tried for a group, and fits for each. */
#define SEARCH_STEPS 4
#define SEARCH_ROUNDS 3
#define MAX_HALF 65504.f

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

void
owl2_q8_0_encode (const float *x, gsize n, guint8 *out)
{
  for (; n > 0; n -= 32, x += 32, out += OWL2_Q8_0_BYTES) {
    float max = 0, inverse;

    for (guint i = 0; i < 32; i++)
      max = MAX (max, fabsf (x[i]));
    inverse = max > 0 ? 127 / max : 0;
    put_half (out, max / 127);
    for (guint i = 0; i < 32; i++)
      out[2 + i] = (guint8) (gint8) roundf (x[i] * inverse);
  }
}

void
owl2_q8_0_decode (const guint8 *blocks, gsize n, float *x)
{
  for (; n > 0; n -= 32, x += 32, blocks += OWL2_Q8_0_BYTES)
    for (guint i = 0; i < 32; i++)
      x[i] = get_half (blocks) * (gint8) blocks[2 + i];
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

/* The quants of a group for x = scale q - min, as floats so that the loop is
 * vectorised, and the error, each element weighted by its size: large weights
 * matter more to a product. */
static float
quantise_group (
    const float *x, const float *w, float scale, float min, float *q)
{
  float inverse = scale > 0 ? 1 / scale : 0, errors[8] = { 0 }, error = 0;

  for (guint i = 0; i < GROUP; i += 8)
    for (guint lane = 0; lane < 8; lane++) {
      float v = (x[i + lane] + min) * inverse + 0.5f, e;

      v = v > 0 ? v : 0;
      v = v < 15 ? v : 15;
      v = (float) (gint32) v;
      q[i + lane] = v;
      e = scale * v - min - x[i + lane];
      errors[lane] += w[i + lane] * e * e;
    }
  for (guint lane = 0; lane < 8; lane++)
    error += errors[lane];
  return error;
}

/* Least squares for given quants: the scale and min (not negative) that make
 * the weighted error smallest. FALSE if the quants do not determine them. */
static gboolean
fit_group (
    const float *x, const float *w, const float *q, float *scale, float *min)
{
  float sums[5][8] = { { 0 } }, t[5] = { 0 }, det;

  for (guint i = 0; i < GROUP; i += 8)
    for (guint lane = 0; lane < 8; lane++) {
      float wi = w[i + lane], wq = wi * q[i + lane];

      sums[0][lane] += wi;
      sums[1][lane] += wq;
      sums[2][lane] += wq * q[i + lane];
      sums[3][lane] += wi * x[i + lane];
      sums[4][lane] += wq * x[i + lane];
    }
  for (guint k = 0; k < 5; k++)
    for (guint lane = 0; lane < 8; lane++)
      t[k] += sums[k][lane];
  det = t[0] * t[2] - t[1] * t[1];
  if (det <= 1e-6f * t[0] * t[2])
    return FALSE;
  *scale = (t[0] * t[4] - t[1] * t[3]) / det;
  *min = (t[1] * t[4] - t[2] * t[3]) / det;
  if (*min < 0) {
    *min = 0;
    *scale = t[2] > 0 ? t[4] / t[2] : 0;
  }
  return *scale > 0;
}

/* The best scale and min of a group of 32: the full range and narrower ones
 * (which clip the largest values to place the others better), each improved by
 * least squares. */
static void
search_group (const float *x, const float *w, float *scale, float *min)
{
  float lo = 0, hi = x[0], best = G_MAXFLOAT, q[GROUP];

  for (guint i = 0; i < GROUP; i++) {
    lo = x[i] < lo ? x[i] : lo;
    hi = x[i] > hi ? x[i] : hi;
  }
  *min = -lo;
  *scale = MAX (hi - lo, 0) / 15;
  if (*scale <= 0)
    return;
  for (guint step = 0; step < SEARCH_STEPS; step++) {
    float s = (hi - lo) / (14.f + 0.75f * step), m = -lo;

    for (guint round = 0; round < SEARCH_ROUNDS; round++) {
      float error = quantise_group (x, w, s, m, q);

      if (error < best) {
        best = error;
        *scale = s;
        *min = m;
      }
      if (!fit_group (x, w, q, &s, &m))
        break;
    }
  }
}

static void
encode_q4_k_block (const float *x, guint8 *out)
{
  float scales[GROUPS], mins[GROUPS], w[256], max_scale = 0, max_min = 0;
  float d, dmin, norm = 0;
  guint8 *packed = out + 4;

  for (guint i = 0; i < 256; i++)
    norm += x[i] * x[i];
  norm = sqrtf (norm / 256);
  for (guint i = 0; i < 256; i++)
    w[i] = norm + fabsf (x[i]);
  for (guint j = 0; j < GROUPS; j++) {
    search_group (x + j * GROUP, w + j * GROUP, &scales[j], &mins[j]);
    max_scale = MAX (max_scale, scales[j]);
    max_min = MAX (max_min, mins[j]);
  }
  memset (out, 0, OWL2_Q4_K_BYTES);
  put_half (out, max_scale / 63);
  put_half (out + 2, max_min / 63);
  d = get_half (out);
  dmin = get_half (out + 2);
  for (guint j = 0; j < GROUPS; j++) {
    guint scale = d > 0 ? MIN (63, (guint) (scales[j] / d + 0.5f)) : 0;
    guint min = dmin > 0 ? MIN (63, (guint) (mins[j] / dmin + 0.5f)) : 0;
    guint8 *to = out + 16 + j / 2 * GROUP;
    float q[GROUP];

    put_scale (packed, j, scale, min);
    quantise_group (x + j * GROUP, w + j * GROUP, d * scale, dmin * min, q);
    for (guint i = 0; i < GROUP; i++)
      to[i] |= (guint8) q[i] << (j % 2 * 4);
  }
}

void
owl2_q4_k_encode (const float *x, gsize n, guint8 *out)
{
  for (; n > 0; n -= 256, x += 256, out += OWL2_Q4_K_BYTES)
    encode_q4_k_block (x, out);
}
