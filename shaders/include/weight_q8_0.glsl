/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* k / 4 words of int8 quants, then k / 32 halves of scales: owl2_q8_0_pack()
 * makes rows so, as the file's blocks of 34 bytes would lie across words. */
layout (set = 0, binding = 1) readonly buffer W1 { uint w1[]; };

#define WEIGHT_GROUP 32

vec4
q8_0_bytes (uint word)
{
  int v = int (word);
  return vec4 (bitfieldExtract (v, 0, 8), bitfieldExtract (v, 8, 8),
    bitfieldExtract (v, 16, 8), bitfieldExtract (v, 24, 8));
}

vec2
load_group (uint at, uint k32, uint k)
{
  vec2 d = unpackHalf2x16 (w1[at + k / 4 + k32 / 2]);
  return vec2 ((k32 & 1) != 0 ? d.y : d.x, 0.0);
}

vec4
load_in_group (uint at, uint k4, vec2 group)
{
  return group.x * q8_0_bytes (w1[at + k4]);
}

#ifdef OWL2_TEXELS
# define TEXEL_COLUMNS 16
# define TEXEL_ELEMENTS 4
# define TEXEL_UNITS 2
# define TEXEL_BLOCK(LAST16) 16
# define WEIGHT_SCALED(PART, GROUP, X_SUM) ((GROUP).x * (PART))

/* Eight scales. */
uvec4
load_head (uint at, uint k16, uint k)
{
  return w_texel (at + k / 16 + k16 / 16);
}

vec2
head_group (uvec4 head, uint k16, uint u)
{
  uint i = (k16 + u) / 2;
  uint low = (i & 2) != 0 ? head.y : head.x;
  uint high = (i & 2) != 0 ? head.w : head.z;
  vec2 d = unpackHalf2x16 ((i & 4) != 0 ? high : low);

  return vec2 ((i & 1) != 0 ? d.y : d.x, 0.0);
}

void
load_16 (out float w[16], uint at, uint k16, uint u, bool quad, uint last)
{
  uvec4 t = w_texel (at + min (k16 + u, last));

  [[unroll]] for (uint i = 0; i < 4; i++) {
    vec4 v = q8_0_bytes (t[i]);

    [[unroll]] for (uint e = 0; e < 4; e++)
      w[4 * i + e] = v[e];
  }
}
#endif

#ifdef OWL2_CHUNKS
layout (set = 0, binding = 1) readonly buffer W16 { uvec4 w16[]; };

# define CHUNK_ELEMENTS 16
# define CHUNK_AHEAD 2
# define CHUNK_PARTS 1
# define CHUNK_SCALED

struct WeightChunk {
  uvec4 quants;
  uint scales; /* of this group of 32 and of its neighbour */
};

WeightChunk
load_chunk (uint at, uint c, uint k)
{
  return WeightChunk (w16[at / 4 + c], w1[at + k / 4 + c / 4]);
}

vec4
chunk_values (WeightChunk chunk, uint part, uint j)
{
  return q8_0_bytes (chunk.quants[j]);
}

vec2
chunk_group (WeightChunk chunk, uint c, uint part)
{
  return vec2 (unpackHalf2x16 (chunk.scales >> 8 * (c & 2)).x, 0.0);
}
#endif
