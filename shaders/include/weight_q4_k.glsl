/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file's blocks of 36 words: d and dmin, 12 bytes of 6-bit scales and mins
 * of 8 groups, 256 quants of 4 bits (see engine/base/quant.h). */
layout (set = 0, binding = 1) readonly buffer W1 { uint w1[]; };

#define WEIGHT_GROUP 32

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

vec2
load_group (uint at, uint k32, uint k)
{
  return q4_k_group (at + k32 / 8 * 36, k32 & 7);
}

vec4
load_in_group (uint at, uint k4, vec2 group)
{
  uint g = k4 / 8 & 7, word = at + k4 / 64 * 36 + 4 + g / 2 * 8 + (k4 & 7);
  /* Not contracted, so that the values are the format's to the bit. */
  precise vec4 v = group.x * q4_k_nibbles (w1[word], g) - group.y;
  return v;
}
