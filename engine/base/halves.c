/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "halves.h"
#include "half.h"

#include <math.h>

/* Elements counted in 32 bits, so that a vector holds as many counters as
 * numbers. */
#define COUNT_CHUNK 65536u

static inline guint16
get_u16 (const guint8 *p)
{
  guint16 value;

  memcpy (&value, p, 2);
  return GUINT16_FROM_LE (value);
}

void
halves_from_f16 (const guint8 *in, gsize n, float *out)
{
  for (gsize i = 0; i < n; i++) {
    guint32 half = get_u16 (in + 2 * i), sign = (half & 0x8000) << 16;
    guint32 bits = (half & 0x7fff) << 13;
    /* The exponent's bias is 15, not 127; subnormal numbers come out right by
     * the same product. Infinity and NaN have exponent 31: 2^16 or more. */
    guint32 scaled = half_float_to_bits (half_bits_to_float (bits) * 0x1p112f);

    bits = bits >= 0x0f800000 ? bits | 0x7f800000 : scaled;
    out[i] = half_bits_to_float (bits | sign);
  }
}

void
halves_from_bf16 (const guint8 *in, gsize n, float *out)
{
  for (gsize i = 0; i < n; i++)
    out[i] = half_from_bf16 (get_u16 (in + 2 * i));
}

void
halves_to_f16 (const float *in, gsize n, guint8 *out)
{
  for (gsize i = 0; i < n; i++) {
    guint32 all = half_float_to_bits (in[i]), bits = all & 0x7fffffff;
    guint32 nan = bits >> 13 & 0x3ff, half, small;
    guint16 result;

    nan = 0x7c00 | (nan ? nan : 0x200);
    /* Below 2^-14: adding 0.5 rounds to 2^-24. */
    small = half_float_to_bits (half_bits_to_float (bits) + 0.5f) - 0x3f000000;
    half = (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13;
    half = bits < 0x38800000 ? small : half;
    half = bits >= 0x477ff000 ? 0x7c00 : half;
    half = bits > 0x7f800000 ? nan : half;
    result = GUINT16_TO_LE ((guint16) (half | (all >> 16 & 0x8000)));
    memcpy (out + 2 * i, &result, 2);
  }
}

gsize
halves_count_not_finite (const guint8 *in, gsize n)
{
  gsize total = 0;

  for (gsize at = 0; at < n; at += COUNT_CHUNK) {
    gsize end = MIN (n, at + COUNT_CHUNK);
    guint32 count = 0;

    for (gsize i = at; i < end; i++)
      count += (get_u16 (in + 2 * i) & 0x7c00) == 0x7c00;
    total += count;
  }
  return total;
}

static gsize
count_from (const float *in, gsize n, gint32 limit)
{
  gsize total = 0;

  for (gsize at = 0; at < n; at += COUNT_CHUNK) {
    gsize end = MIN (n, at + COUNT_CHUNK);
    guint32 count = 0;

    for (gsize i = at; i < end; i++)
      count += (gint32) (half_float_to_bits (in[i]) & 0x7fffffff) >= limit;
    total += count;
  }
  return total;
}

gsize
floats_count_not_finite (const float *in, gsize n)
{
  return count_from (in, n, 0x7f800000);
}

gsize
floats_count_beyond_f16 (const float *in, gsize n, float *largest)
{
  gsize count = count_from (in, n, 0x477ff000);

  if (count > 0) {
    *largest = 0;
    for (gsize i = 0; i < n; i++)
      *largest = fabsf (in[i]) > *largest ? fabsf (in[i]) : *largest;
  }
  return count;
}
