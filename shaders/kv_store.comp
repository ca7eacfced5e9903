#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys or values of rows into their places in the pages of a layer, which lie
 * by page, head, then position, as include/attention.glsl reads them.
 *
 * F32: an invocation copies a word.
 * The smaller types are made of the words, too, so that every driver rounds
 * alike: halves to nearest, ties to even. What is too large for a half becomes
 * the largest; what is no number stays none, so that the model's output shows
 * it.
 * OWL2_F16: an invocation makes a word of two elements.
 * OWL2_Q8_0: an invocation makes two blocks of 32, whose scales are one word.
 *   The scale is the largest magnitude / 127, rounded to a half; the quants are
 *   rounded with what it became, so they are off by half a step at most. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_kv_store pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) writeonly buffer Dst { uint d[]; };
layout (set = 0, binding = 2) readonly buffer Rows { owl2_pass_row rows[]; };

const uint INFINITE = 0x7f800000u;

/* The half of a float's bits. */
uint
to_half (uint bits)
{
  uint sign = bits >> 16 & 0x8000u, b = bits & 0x7fffffffu;

  if (b >= INFINITE)
    return sign | (b == INFINITE ? 0x7c00u : 0x7e00u);
  if (b >= 0x477ff000u)                 /* rounds to 65536 or more */
    return sign | 0x7bffu;
  if (b >= 0x38800000u)                 /* 2^-14 */
    return sign | (b - 0x38000000u + 0xfffu + (b >> 13 & 1u)) >> 13;
  if (b < 0x33000000u)                  /* 2^-25 */
    return sign;

  uint m = (b & 0x7fffffu) | 0x800000u, shift = 126u - (b >> 23);
  uint h = m >> shift, rest = m & ((1u << shift) - 1u), tie = 1u << (shift - 1u);

  return sign | (h + (rest > tie || (rest == tie && (h & 1u) != 0u) ? 1u : 0u));
}

#ifdef OWL2_Q8_0
/* Writes the quants of the block at @from to words @to .. , returns the scale. */
uint
store_block (uint from, uint to)
{
  uint top = 0;

  for (uint e = 0; e < 32; e++)
    top = max (top, s[from + e] & 0x7fffffffu);

  uint h = to_half (floatBitsToUint (uintBitsToFloat (top) * (1.0 / 127.0)));

  if (top >= INFINITE)
    h = 0x7e00u;

  float scale = unpackHalf2x16 (h).x;
  float inverse = top < INFINITE && scale > 0.0 ? 1.0 / scale : 0.0;

  for (uint w = 0; w < 8; w++) {
    uint word = 0;

    for (uint e = 0; e < 4; e++) {
      float x = inverse > 0.0
          ? uintBitsToFloat (s[from + 4 * w + e]) * inverse : 0.0;

      word |= (uint (int (clamp (roundEven (x), -127.0, 127.0))) & 255u)
          << (8 * e);
    }
    d[to + w] = word;
  }
  return h;
}
#endif

void
main ()
{
  uint dim = pc.head_dim;
#if defined OWL2_Q8_0
  uint blocks = dim / 32, units = (blocks + 1) / 2;
#elif defined OWL2_F16
  uint units = (dim + 1) / 2;
#else
  uint units = dim;
#endif

  for (uint item = gl_WorkGroupID.x;
       item < pc.rows * OWL2_SLICES (pc.heads * units);
       item += gl_NumWorkGroups.x) {
    uint r = OWL2_ROW_OF (item, pc.heads * units);
    uint i = OWL2_UNIT_OF (item, pc.heads * units);
    uint u = i % units, head = i / units;
    uint place = rows[pc.r_offset + r].kv_row;
    uint from = pc.s_offset + r * pc.s_stride + head * dim;
    uint row = (place / OWL2_PAGE * pc.heads + head) * OWL2_PAGE;
    uint to = pc.d_offset + (row + place % OWL2_PAGE) * pc.d_stride;

    if (i >= pc.heads * units)
      continue;
#if defined OWL2_Q8_0
    uint scales = store_block (from + 64 * u, to + 16 * u);

    if (2 * u + 1 < blocks)
      scales |= store_block (from + 64 * u + 32, to + 16 * u + 8) << 16;
    d[to + dim / 4 + u] = scales;
#elif defined OWL2_F16
    uint word = to_half (s[from + 2 * u]);

    if (2 * u + 1 < dim)
      word |= to_half (s[from + 2 * u + 1]) << 16;
    d[to + u] = word;
#else
    d[to + u] = s[from + u];
#endif
  }
}
