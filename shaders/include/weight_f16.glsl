/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Halves, read as words. */
layout (set = 0, binding = 1) readonly buffer W4 { uvec2 w4[]; };
layout (set = 0, binding = 1) readonly buffer W8 { uvec4 w8[]; };

#define WEIGHT_GROUP 1

vec2
load_group (uint at, uint k32, uint k)
{
  return vec2 (1.0, 0.0);
}

vec4
load_in_group (uint at, uint k4, vec2 group)
{
  uvec2 h = w4[at / 4 + k4];
  return vec4 (unpackHalf2x16 (h.x), unpackHalf2x16 (h.y));
}

/* Eight are one load. */
#define WEIGHT_LOAD_8(at, k8, a, b)                                            \
  {                                                                            \
    uvec4 h = w8[(at) / 8 + (k8)];                                             \
    a = vec4 (unpackHalf2x16 (h.x), unpackHalf2x16 (h.y));                     \
    b = vec4 (unpackHalf2x16 (h.z), unpackHalf2x16 (h.w));                     \
  }

#define WEIGHT_HALVES_8(at, k8) w8[(at) / 8 + (k8)]

#ifdef OWL2_TEXELS
# define TEXEL_COLUMNS 8
# define TEXEL_ELEMENTS 8
# define TEXEL_UNITS 2
# include "texels_plain.glsl"

void
load_16 (out float w[16], uint at, uint k16, uint u, bool quad, uint last)
{
  [[unroll]] for (uint i = 0; i < 2; i++) {
    uvec4 t = w_texel (at + min (2 * (k16 + u) + i, last));

    [[unroll]] for (uint e = 0; e < 4; e++) {
      vec2 v = unpackHalf2x16 (t[e]);

      w[8 * i + 2 * e] = v.x;
      w[8 * i + 2 * e + 1] = v.y;
    }
  }
}
#endif

#ifdef OWL2_CHUNKS
# define CHUNK_ELEMENTS 8
# define CHUNK_AHEAD 4
# define CHUNK_PARTS 1
# define WeightChunk uvec4

WeightChunk
load_chunk (uint at, uint c, uint k)
{
  return w8[at / 8 + c];
}

vec4
chunk_values (WeightChunk chunk, uint part, uint j)
{
  uint first = chunk[2 * j], second = chunk[2 * j + 1];
  return vec4 (unpackHalf2x16 (first), unpackHalf2x16 (second));
}
#endif
