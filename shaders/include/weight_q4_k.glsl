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

#ifdef OWL2_TEXELS
# define TEXEL_COLUMNS 16
# define TEXEL_ELEMENTS 4
# define TEXEL_UNITS 4
# define TEXEL_BLOCK(LAST16) 16
# define WEIGHT_MIN
# define WEIGHT_SCALED(PART, GROUP, X_SUM) \
    ((GROUP).x * (PART) - (GROUP).y * (X_SUM))

/* The first texel of a block: d and dmin, scales and mins. */
uvec4
load_head (uint at, uint k16, uint k)
{
  return w_texel (at + k16 / 16 * 9);
}

vec2
head_group (uvec4 head, uint k16, uint u)
{
  uint g = (k16 + u) / 2;
  uint j = 8 * (g & 3), low = head.y >> j, high = head.z >> j;
  uint both = head.w >> j;
  uvec2 first = uvec2 (low & 63u, high & 63u);
  uvec2 second = uvec2 ((both & 15u) | (low >> 2 & 48u),
    (both >> 4 & 15u) | (high >> 2 & 48u));

  return unpackHalf2x16 (head.x) * vec2 (g < 4 ? first : second);
}

/* Two texels have the low nibbles of 32 columns, then the high ones of 32 more.
 * Four units at once are just these, so that each texel is loaded once. */
void
load_16 (out float w[16], uint at, uint k16, uint u, bool quad, uint last)
{
  uint i = k16 % 16 + u;
  bool high = quad ? u / 2 % 2 == 1 : (i & 2) != 0;
  uint pair = quad ? k16 % 16 / 4 + u / 4 : i / 4;
  uvec4 t = w_texel (at + k16 / 16 * 9 + 1 + 2 * pair
      + (quad ? u & 1 : i & 1));

  [[unroll]] for (uint c = 0; c < 4; c++) {
    uint v = t[c] >> (high ? 4 : 0);

    [[unroll]] for (uint e = 0; e < 4; e++)
      w[4 * c + e] = float (v >> 8 * e & 15u);
  }
}
#endif

#ifdef OWL2_CHUNKS
/* The head of a block is as long as the quants of 32 elements. A chunk is two
 * groups, which lie in the low and in the high halves of the same bytes. */
layout (set = 0, binding = 1) readonly buffer W16 { uvec4 w16[]; };

# define CHUNK_ELEMENTS 64
# define CHUNK_AHEAD 1
# define CHUNK_PARTS 2
# define CHUNK_SCALED
# define CHUNK_MIN
# define CHUNK_K4(c, part) ((c) * 16 + (part) * 8)

struct WeightChunk {
  uvec4 head, quants[2];
};

WeightChunk
load_chunk (uint at, uint c, uint k)
{
  uint block = at / 4 + c / 4 * 9, first = block + 1 + 2 * (c & 3);
  return WeightChunk (w16[block], uvec4[2] (w16[first], w16[first + 1]));
}

/* Four bits as the last of a half are a number below the normal ones: 2^-24
 * times what they are as an integer, or with four zeros behind them 2^-20. GPUs
 * multiply halves as they are, while to convert integers takes time. */
vec4
chunk_values (WeightChunk chunk, uint part, uint j)
{
  uint v = chunk.quants[j / 4][j % 4];
  uint mask = part == 0 ? 0x000f000fu : 0x00f000f0u;
  vec2 even = unpackHalf2x16 (v & mask), odd = unpackHalf2x16 (v >> 8 & mask);
  return vec4 (even.x, odd.x, even.y, odd.y);
}

/* Of the block's four chunks the first two have their scales and mins in words
 * 1 and 2, six bits a byte. Those of the others lie in word 3, four bits each,
 * and two above what the first have. */
vec2
chunk_group (WeightChunk chunk, uint c, uint part)
{
  bool first = (c & 2) == 0;
  uint at = 16 * (c & 1), mask = first ? 0x3f3fu : 0x0f0fu;
  uint above = first ? 0 : 0x3030u;
  uvec4 h = chunk.head;
  uint scales = (first ? h.y : h.w) >> at & mask | h.y >> at + 2 & above;
  uint mins = (first ? h.z : h.w >> 4) >> at & mask | h.z >> at + 2 & above;
  vec2 d = unpackHalf2x16 (h.x);
  return d * vec2 (part == 0 ? 16777216.0 : 1048576.0, 1.0)
      * vec2 (scales >> 8 * part & 255u, mins >> 8 * part & 255u);
}
#endif
