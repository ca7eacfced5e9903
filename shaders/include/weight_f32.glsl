/* SPDX-License-Identifier: LGPL-2.1-or-later */
layout (set = 0, binding = 1) readonly buffer W4 { vec4 w4[]; };

#define WEIGHT_GROUP 1

vec2
load_group (uint at, uint k32, uint k)
{
  return vec2 (1.0, 0.0);
}

vec4
load_in_group (uint at, uint k4, vec2 group)
{
  return w4[at / 4 + k4];
}

#ifdef OWL2_TEXELS
# define TEXEL_COLUMNS 4
# define TEXEL_ELEMENTS 4
# define TEXEL_UNITS 2
# include "texels_plain.glsl"

void
load_16 (out float w[16], uint at, uint k16, uint u, bool quad, uint last)
{
  [[unroll]] for (uint i = 0; i < 4; i++) {
    uvec4 t = w_texel (at + min (4 * (k16 + u) + i, last));
    vec4 v = uintBitsToFloat (t);

    [[unroll]] for (uint e = 0; e < 4; e++)
      w[4 * i + e] = v[e];
  }
}
#endif

#ifdef OWL2_CHUNKS
# define CHUNK_ELEMENTS 4
# define CHUNK_AHEAD 4
# define CHUNK_PARTS 1
# define WeightChunk vec4

WeightChunk
load_chunk (uint at, uint c, uint k)
{
  return w4[at / 4 + c];
}

vec4
chunk_values (WeightChunk chunk, uint part, uint j)
{
  return chunk;
}
#endif
