/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ref.h"

#include <math.h>

float
ref_half_to_float (uint16_t half)
{
  int exponent = (half >> 10) & 31, mantissa = half & 1023;
  double value;

  if (exponent == 31)
    value = mantissa ? NAN : INFINITY;
  else if (exponent == 0)
    value = ldexp (mantissa, -24);
  else
    value = ldexp (1024 + mantissa, exponent - 25);
  return (float) (half & 0x8000 ? -value : value);
}

uint16_t
ref_half_from_float (float value)
{
  uint16_t sign = signbit (value) ? 0x8000 : 0;
  double x = fabs ((double) value), rounded;
  int exponent;

  if (isnan (value))
    return 0x7e00;
  if (x >= 65520.0) /* halfway to the next power after 65504 */
    return sign | 0x7c00;
  if (x < ldexp (1.0, -14))
    return sign | (uint16_t) nearbyint (ldexp (x, 24));
  frexp (x, &exponent); /* x = 0.5 .. 1 times 2^exponent */
  rounded = nearbyint (ldexp (x, 11 - exponent)); /* 1024 .. 2048 */
  return (uint16_t) (sign + ((exponent + 14) << 10) + (int) rounded - 1024);
}
