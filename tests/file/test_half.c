/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 16-bit floats: every pattern there and back, and rounding against exact
 * arithmetic in double precision. */
#include "half.h"

#include <math.h>

static void
test_all_patterns (void)
{
  for (guint32 h = 0; h < 65536; h++) {
    float f = half_from_f16 ((guint16) h);
    guint exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
    double want;

    if (exponent == 31)
      want = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
      want = ldexp (mantissa, -24);
    else
      want = ldexp (1024 + mantissa, (int) exponent - 25);
    if (h & 0x8000)
      want = -want;
    g_assert_true (isnan (want) ? isnan (f) : (double) f == want);
    g_assert_cmphex (half_to_f16 (f), ==, h);
    g_assert_cmpint (half_overflows (f), ==, exponent == 31);
  }
}

/* The nearest of the two neighbours, the even one at the middle. */
static void
check_rounding (guint16 below, double value)
{
  double low = (double) half_from_f16 (below);
  double high = below == 0x7bff
                    ? 65536.0
                    : (double) half_from_f16 ((guint16) (below + 1));
  double middle = (low + high) / 2;
  guint16 want = value < middle || (value == middle && below % 2 == 0)
                     ? below
                     : (guint16) (below + 1);

  g_assert_cmphex (half_to_f16 ((float) value), ==, want);
  g_assert_cmphex (half_to_f16 ((float) -value), ==, want | 0x8000);
}

static void
test_rounding (void)
{
  for (guint16 below = 0; below < 0x7c00; below++) {
    double low = (double) half_from_f16 (below);
    double high = below == 0x7bff
                      ? 65536.0
                      : (double) half_from_f16 ((guint16) (below + 1));
    float middle = (float) ((low + high) / 2);

    check_rounding (below, low);
    check_rounding (below, (double) middle);
    check_rounding (below, (double) nextafterf (middle, 0));
    check_rounding (below, (double) nextafterf (middle, INFINITY));
    if (below > 0)
      check_rounding (below, (double) nextafterf ((float) low, INFINITY));
  }
  g_assert_cmphex (half_to_f16 (1e-30f), ==, 0);
  g_assert_cmphex (half_to_f16 (-1e30f), ==, 0xfc00);
  g_assert_true (isnan (half_from_f16 (half_to_f16 (NAN))));
  /* A NaN whose upper bits are all zero stays a NaN. */
  g_assert_true (
      isnan (half_from_f16 (half_to_f16 (half_bits_to_float (0x7f800001)))));
}

static void
test_bf16 (void)
{
  g_assert_true (half_from_bf16 (0x3f80) == 1.f);
  g_assert_true (half_from_bf16 (0xc2f7) == -123.5f);
  g_assert_true (half_from_bf16 (0x0001) == 0x1p-133f);
  g_assert_true (isinf (half_from_bf16 (0x7f80)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/half/all-patterns", test_all_patterns);
  g_test_add_func ("/file/half/rounding", test_rounding);
  g_test_add_func ("/file/half/bf16", test_bf16);
  return g_test_run ();
}
