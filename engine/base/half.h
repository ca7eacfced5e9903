/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 16-bit floats. Exact in both directions where the value allows it, otherwise
 * rounded to nearest, ties to even. */
#ifndef OWL2_HALF_H
#define OWL2_HALF_H

#include <glib.h>
#include <string.h>

static inline float
half_bits_to_float (guint32 bits)
{
  float f;

  memcpy (&f, &bits, 4);
  return f;
}

static inline guint32
half_float_to_bits (float f)
{
  guint32 bits;

  memcpy (&bits, &f, 4);
  return bits;
}

static inline float
half_from_bf16 (guint16 b)
{
  return half_bits_to_float ((guint32) b << 16);
}

static inline float
half_from_f16 (guint16 h)
{
  guint32 sign = (guint32) (h & 0x8000) << 16;
  guint32 exponent = (h >> 10) & 31, mantissa = h & 0x3ff;

  if (exponent == 31) /* infinity, NaN */
    return half_bits_to_float (sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) /* zero, subnormal: mantissa * 2^-24 */
    return half_bits_to_float (
        sign | half_float_to_bits ((float) mantissa * 0x1p-24f));
  return half_bits_to_float (sign | (exponent + 112) << 23 | mantissa << 13);
}

/* Values of 65520 and more become infinity. */
static inline guint16
half_to_f16 (float f)
{
  guint32 bits = half_float_to_bits (f);
  guint16 sign = (guint16) ((bits >> 16) & 0x8000);

  bits &= 0x7fffffff;
  if (bits > 0x7f800000) /* NaN stays one, with its upper bits */
    return (guint16) (sign | 0x7c00
                      | ((bits >> 13) & 0x3ff ? (bits >> 13) & 0x3ff : 0x200));
  if (bits >= 0x477ff000)
    return sign | 0x7c00;
  if (bits < 0x38800000) /* below 2^-14: adding 0.5 rounds to 2^-24 */
    return (guint16) (sign
                      | (half_float_to_bits (half_bits_to_float (bits) + 0.5f)
                          - 0x3f000000));
  return (guint16) (sign
                    | ((bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13));
}

/* TRUE if half_to_f16() gives infinity or NaN. */
static inline gboolean
half_overflows (float f)
{
  return (half_float_to_bits (f) & 0x7fffffff) >= 0x477ff000;
}

#endif
