/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The converter's loops over many 16-bit floats give, bit for bit, what half.h
 * gives for each alone. */
#include <math.h>

#include "half.h"
#include "halves.h"

#define N 65536u

/* All patterns, at an odd address, as entries of a zip may lie. */
static void
test_from (void)
{
  g_autofree guint8 *bytes = g_malloc (2 * N + 1);
  g_autofree float *out = g_new (float, N);
  gsize n_bad = 0;

  for (guint i = 0; i < N; i++) {
    guint16 pattern = GUINT16_TO_LE ((guint16) i);

    memcpy (bytes + 1 + 2 * i, &pattern, 2);
  }
  halves_from_f16 (bytes + 1, N, out);
  for (guint i = 0; i < N; i++) {
    g_assert_cmphex (half_float_to_bits (out[i]), ==,
        half_float_to_bits (half_from_f16 ((guint16) i)));
    n_bad += !isfinite (out[i]);
  }
  g_assert_cmpuint (halves_count_not_finite (bytes + 1, N), ==, n_bad);
  g_assert_cmpuint (floats_count_not_finite (out, N), ==, n_bad);
  halves_from_bf16 (bytes + 1, N, out);
  for (guint i = 0; i < N; i++)
    g_assert_cmphex (half_float_to_bits (out[i]), ==,
        half_float_to_bits (half_from_bf16 ((guint16) i)));
}

/* All signs, exponents and upper bits of the mantissa, with lower bits on both
 * sides of every rounding. */
static void
test_to (void)
{
  static const guint32 lower[] = { 0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000,
    0x2fff, 0x3000, 0x3001, 0x7fff, 0x8000, 0xefff, 0xf000, 0xf001, 0xffff };
  g_autofree float *in = g_new (float, N);
  g_autofree guint8 *out = g_malloc (2 * N + 1);

  for (guint k = 0; k < G_N_ELEMENTS (lower); k++) {
    gsize n_beyond = 0, n_bad = 0;
    float largest = 0;

    for (guint i = 0; i < N; i++) {
      in[i] = half_bits_to_float (i << 16 | lower[k]);
      n_beyond += half_overflows (in[i]);
      n_bad += !isfinite (in[i]);
    }
    halves_to_f16 (in, N, out + 1);
    for (guint i = 0; i < N; i++) {
      guint16 got;

      memcpy (&got, out + 1 + 2 * i, 2);
      g_assert_cmphex (GUINT16_FROM_LE (got), ==, half_to_f16 (in[i]));
    }
    g_assert_cmpuint (floats_count_not_finite (in, N), ==, n_bad);
    g_assert_cmpuint (floats_count_beyond_f16 (in, N, &largest), ==, n_beyond);
    g_assert_true (largest >= 3e38f);
  }
}

/* Counters of 32 bits do not wrap, and the last part counts. */
static void
test_count (void)
{
  gsize n = 3 * N + 7;
  g_autofree float *in = g_new0 (float, n);
  float largest = -1;

  g_assert_cmpuint (floats_count_beyond_f16 (in, n, &largest), ==, 0);
  g_assert_cmpfloat (largest, ==, -1);
  in[n - 1] = -65520.f;
  in[N] = 65519.f;
  g_assert_cmpuint (floats_count_beyond_f16 (in, n, &largest), ==, 1);
  g_assert_cmpfloat (largest, ==, 65520.f);
  g_assert_cmpuint (floats_count_not_finite (in, n), ==, 0);
  for (gsize i = 0; i < n; i++)
    in[i] = NAN;
  g_assert_cmpuint (floats_count_not_finite (in, n), ==, n);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/halves/from", test_from);
  g_test_add_func ("/file/halves/to", test_to);
  g_test_add_func ("/file/halves/count", test_count);
  return g_test_run ();
}
