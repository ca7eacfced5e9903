/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of weights, four elements at a time, by the type that -D picks. Rows
 * begin at multiples of 16 bytes and are padded with zeros to that. @at is the
 * row's start in units of the type: elements for F32 and F16, words for the
 * quantised types.
 *
 * OWL2_F16: halves, read as words.
 * OWL2_Q8_0: k / 4 words of int8 quants, then k / 32 halves of scales (see
 *   engine/ops/weight.c, which packs rows so: the file's blocks of 34 bytes
 *   would lie across words).
 * OWL2_Q4_K: the file's blocks of 36 words: d and dmin, 12 bytes of 6-bit scales
 *   and mins of 8 groups, 256 quants of 4 bits (see engine/base/quant.h). */
#ifndef OWL2_WEIGHT_GLSL
#define OWL2_WEIGHT_GLSL

#if defined OWL2_F16
layout (set = 0, binding = 1) readonly buffer W4 { uvec2 w4[]; };
layout (set = 0, binding = 1) readonly buffer W8 { uvec4 w8[]; };
#elif defined OWL2_Q8_0 || defined OWL2_Q4_K
layout (set = 0, binding = 1) readonly buffer W1 { uint w1[]; };
#else
layout (set = 0, binding = 1) readonly buffer W4 { vec4 w4[]; };
#endif

#ifdef OWL2_Q4_K
/* Scale and min of group g of the block at word @at. */
vec2
q4_k_group (uint at, uint g)
{
  vec2 d = unpackHalf2x16 (w1[at]);
  uint j = 8 * (g & 3), low = w1[at + 1] >> j, high = w1[at + 2] >> j;

  if (g < 4)
    return d * vec2 (low & 63u, high & 63u);

  uint both = w1[at + 3] >> j;
  return d * vec2 ((both & 15u) | (low >> 2 & 48u),
    (both >> 4 & 15u) | (high >> 2 & 48u));
}

vec4
q4_k_nibbles (uint word, uint g)
{
  uint v = word >> (4 * (g & 1));
  return vec4 (v & 15u, v >> 8 & 15u, v >> 16 & 15u, v >> 24 & 15u);
}
#endif

#ifdef OWL2_Q8_0
vec4
q8_0_bytes (uint word)
{
  int v = int (word);
  return vec4 (bitfieldExtract (v, 0, 8), bitfieldExtract (v, 8, 8),
    bitfieldExtract (v, 16, 8), bitfieldExtract (v, 24, 8));
}
#endif

/* What the 32 elements from 32 k32 on share: scale and min. Kernels that go
 * along a row load it once for all of them. */
#if defined OWL2_Q8_0 || defined OWL2_Q4_K
# define WEIGHT_GROUP 32
#else
# define WEIGHT_GROUP 1
#endif

vec2
load_group (uint at, uint k32, uint k)
{
#if defined OWL2_Q8_0
  vec2 d = unpackHalf2x16 (w1[at + k / 4 + k32 / 2]);
  return vec2 ((k32 & 1) != 0 ? d.y : d.x, 0.0);
#elif defined OWL2_Q4_K
  return q4_k_group (at + k32 / 8 * 36, k32 & 7);
#else
  return vec2 (1.0, 0.0);
#endif
}

/* Elements 4 k4 .. 4 k4 + 3 of a row; @group is that of k4 / 8. */
vec4
load_in_group (uint at, uint k4, vec2 group)
{
#if defined OWL2_F16
  uvec2 h = w4[at / 4 + k4];
  return vec4 (unpackHalf2x16 (h.x), unpackHalf2x16 (h.y));
#elif defined OWL2_Q8_0
  return group.x * q8_0_bytes (w1[at + k4]);
#elif defined OWL2_Q4_K
  uint g = k4 / 8 & 7, word = at + k4 / 64 * 36 + 4 + g / 2 * 8 + (k4 & 7);
  /* Not contracted, so that the values are the format's to the bit. */
  precise vec4 v = group.x * q4_k_nibbles (w1[word], g) - group.y;
  return v;
#else
  return w4[at / 4 + k4];
#endif
}

/* The same where neighbours are loaded by others; @k: elements of the row. */
vec4
load_weight (uint at, uint k4, uint k)
{
  return load_in_group (at, k4, load_group (at, k4 / 8, k));
}

#endif
