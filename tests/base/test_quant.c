/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quantised blocks against a decoder written from the published layout alone,
 * one element at a time, and against the error that the formats allow. */
#include <math.h>
#include <string.h>

#include "half.h"
#include "quant.h"
#include "types.h"

static float
uniform (void)
{
  return g_test_rand_double_range (-1, 1);
}

static float
half_at (const guint8 *p)
{
  return half_from_f16 ((guint16) (p[0] | p[1] << 8));
}

/* Element i of a Q4_K block, by bit positions: the 6-bit numbers of groups 0-3
 * fill the low bits of bytes 0-7, those of groups 4-7 are split between the
 * nibbles of bytes 8-11 and the top two bits of bytes 0-7. */
static float
q4_k_element (const guint8 *block, guint i)
{
  const guint8 *p = block + 4, *q = block + 16;
  guint g = i / 32, scale, min, quant;

  if (g < 4) {
    scale = p[g] % 64;
    min = p[4 + g] % 64;
  } else {
    scale = p[8 + g - 4] % 16 + p[g - 4] / 64 * 16;
    min = p[8 + g - 4] / 16 + p[g] / 64 * 16;
  }
  quant = q[i / 64 * 32 + i % 32];
  quant = i / 32 % 2 ? quant / 16 : quant % 16;
  return half_at (block) * scale * quant - half_at (block + 2) * min;
}

static void
test_decode (void)
{
  guint8 block[OWL2_Q4_K_BYTES], q8[OWL2_Q8_0_BYTES];
  float x[256];

  for (guint round = 0; round < 200; round++) {
    for (guint i = 0; i < sizeof block; i++)
      block[i] = g_test_rand_int_range (0, 256);
    for (guint i = 0; i < sizeof q8; i++)
      q8[i] = g_test_rand_int_range (0, 256);
    /* Finite halves. */
    block[1] &= 0x3b;
    block[3] &= 0x3b;
    q8[1] &= 0xbb;
    owl2_q4_k_decode (block, 256, x);
    for (guint i = 0; i < 256; i++)
      g_assert_cmpfloat (x[i], ==, q4_k_element (block, i));
    owl2_q8_0_decode (q8, 32, x);
    for (guint i = 0; i < 32; i++)
      g_assert_cmpfloat (x[i], ==, half_at (q8) * (gint8) q8[2 + i]);
  }
}

static void
test_q8_0_error (void)
{
  for (guint round = 0; round < 500; round++) {
    float x[64], y[64], scale = exp2f (12 * uniform ());
    guint8 blocks[2 * OWL2_Q8_0_BYTES];

    for (guint i = 0; i < 64; i++)
      x[i] = scale * uniform ();
    owl2_q8_0_encode (x, 64, blocks);
    owl2_q8_0_decode (blocks, 64, y);
    for (guint b = 0; b < 2; b++) {
      float max = 0;

      for (guint i = 0; i < 32; i++)
        max = MAX (max, fabsf (x[32 * b + i]));
      /* Half a step of max / 127, and the rounding of d to 11 bits, which the
       * largest quant multiplies; subnormal halves are 2^-25 off at most. */
      for (guint i = 0; i < 32; i++)
        g_assert_cmpfloat (fabsf (x[32 * b + i] - y[32 * b + i]), <=,
            max / 127 * 0.5f * 1.001f + max * 0x1p-11f + 127 * 0x1p-25f);
    }
  }
}

static void
test_q4_k_error (void)
{
  double error = 0, power = 0;

  for (guint round = 0; round < 300; round++) {
    float x[256], y[256], scale = exp2f (8 * uniform ());
    guint8 block[OWL2_Q4_K_BYTES];

    for (guint i = 0; i < 256; i++) {
      float sum = 0;

      for (guint k = 0; k < 6; k++)
        sum += uniform ();
      x[i] = scale * sum;
    }
    owl2_q4_k_encode (x, 256, block);
    owl2_q4_k_decode (block, 256, y);
    for (guint i = 0; i < 256; i++) {
      error += pow ((x[i] - y[i]) / scale, 2);
      power += pow (x[i] / scale, 2);
    }
  }
  /* A bell curve cut at its largest of 32 values, about two deviations to each
   * side, in 15 steps: 4.2 / 15 / sqrt (12) = 0.081 of a deviation for a plain
   * range; the search must do better. */
  g_test_message ("relative error %.4f", sqrt (error / power));
  g_assert_cmpfloat (sqrt (error / power), <, 0.076);
}

static void
test_special (void)
{
  float x[256] = { 0 }, y[256];
  guint8 block[8 * OWL2_Q8_0_BYTES];

  owl2_q4_k_encode (x, 256, block);
  owl2_q4_k_decode (block, 256, y);
  g_assert_cmpmem (x, sizeof x, y, sizeof y);
  owl2_q8_0_encode (x, 256, block);
  owl2_q8_0_decode (block, 256, y);
  g_assert_cmpmem (x, sizeof x, y, sizeof y);

  /* One constant, of either sign. */
  for (gint sign = -1; sign <= 1; sign += 2) {
    for (guint i = 0; i < 256; i++)
      x[i] = 0.37f * sign;
    owl2_q4_k_encode (x, 256, block);
    owl2_q4_k_decode (block, 256, y);
    for (guint i = 0; i < 256; i++)
      g_assert_cmpfloat (fabsf (x[i] - y[i]), <, 0.37f * 0x1p-9f);
  }
  /* Too small for a half: zero, whatever the quants. */
  for (guint i = 0; i < 256; i++)
    x[i] = i % 2 ? 1e-38f : -3e-41f;
  owl2_q8_0_encode (x, 256, block);
  owl2_q8_0_decode (block, 256, y);
  for (guint i = 0; i < 256; i++)
    g_assert_cmpfloat (y[i], ==, 0);
  owl2_q4_k_encode (x, 256, block);
  owl2_q4_k_decode (block, 256, y);
  for (guint i = 0; i < 256; i++)
    g_assert_cmpfloat (y[i], ==, 0);

  /* More than a half can hold is clamped, never infinite. */
  for (guint i = 0; i < 256; i++)
    x[i] = i % 2 ? 3e38f : -3e38f;
  owl2_q8_0_encode (x, 256, block);
  owl2_q8_0_decode (block, 256, y);
  g_assert_true (isfinite (y[0]) && isfinite (y[1]));
  owl2_q4_k_encode (x, 256, block);
  owl2_q4_k_decode (block, 256, y);
  g_assert_true (isfinite (y[0]) && isfinite (y[1]));
}

/* Numbers whose products and sums need no rounding to be the same everywhere:
 * about a bell curve, from a fixed sequence. */
static void
fixed_numbers (float *x, gsize n)
{
  guint32 state = 12345;

  for (gsize i = 0; i < n; i++) {
    gint32 sum = 0;

    for (guint k = 0; k < 4; k++) {
      state = state * 1664525u + 1013904223u;
      sum += (gint32) (state >> 20) - 2048;
    }
    x[i] = (float) sum * 0x1p-17f;
  }
}

static guint64
fnv (const guint8 *p, gsize n)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (gsize i = 0; i < n; i++)
    hash = (hash ^ p[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

/* A machine with wide registers and one without, gcc and clang, debug builds
 * and others make the same file. The numbers are what the first one made. */
static void
test_same_everywhere (void)
{
  enum { N = 64 * 256 };
  g_autofree float *x = g_new (float, N);
  g_autofree guint8 *blocks = g_malloc (N * 2);

  fixed_numbers (x, N);
  owl2_q8_0_encode (x, N, blocks);
  g_assert_cmphex (fnv (blocks, N / 32 * OWL2_Q8_0_BYTES), ==,
      G_GUINT64_CONSTANT (0xa1aed175adb63e59));
  owl2_q4_k_encode (x, N, blocks);
  g_assert_cmphex (fnv (blocks, N / 256 * OWL2_Q4_K_BYTES), ==,
      G_GUINT64_CONSTANT (0x12a3c95d4fefbd62));
}

/* Q8_0 has one published way to make it: d = max / 127, x / d rounded with
 * halves away from zero. */
static void
test_q8_0_published (void)
{
  for (guint round = 0; round < 3000; round++) {
    guint8 block[OWL2_Q8_0_BYTES];
    float x[32], max = 0, scale = exp2f (14 * uniform ());
    guint16 half;

    for (guint i = 0; i < 32; i++) {
      /* Every third a multiple of the half step, where rounding shows. */
      x[i] = i == 0       ? 127 * scale
             : i % 3 == 0 ? scale * 0.5f * g_test_rand_int_range (-254, 255)
                          : scale * 127 * uniform ();
      max = MAX (max, fabsf (x[i]));
    }
    owl2_q8_0_encode (x, 32, block);
    half = half_to_f16 (max / 127);
    g_assert_cmpmem (block, 2, &half, 2);
    for (guint i = 0; i < 32; i++)
      g_assert_cmpint (
          (gint8) block[2 + i], ==, (int) roundf (x[i] * (1 / (max / 127))));
  }
}

static void
test_types (void)
{
  Owl2Type type;

  g_assert_cmpuint (owl2_type_block (OWL2_TYPE_Q4_K), ==, OWL2_Q4_K_BLOCK);
  g_assert_cmpuint (
      owl2_type_block_bytes (OWL2_TYPE_Q8_0), ==, OWL2_Q8_0_BYTES);
  g_assert_true (owl2_type_parse ("Q4_K", &type));
  g_assert_cmpint (type, ==, OWL2_TYPE_Q4_K);
  g_assert_false (owl2_type_parse ("q4", &type));
  g_assert_null (owl2_type_name ((Owl2Type) 7));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quant/decode", test_decode);
  g_test_add_func ("/quant/q8_0-error", test_q8_0_error);
  g_test_add_func ("/quant/q4_k-error", test_q4_k_error);
  g_test_add_func ("/quant/q8_0-published", test_q8_0_published);
  g_test_add_func ("/quant/same-everywhere", test_same_everywhere);
  g_test_add_func ("/quant/special", test_special);
  g_test_add_func ("/quant/types", test_types);
  return g_test_run ();
}
