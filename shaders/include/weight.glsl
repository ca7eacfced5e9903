/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of weights, four elements at a time. Rows begin at multiples of 16 bytes
 * and are padded with zeros to that. @at is the row's start in units of the
 * type: elements for F32 and F16, words for the types of blocks.
 *
 * A type is a file weight_TYPE.glsl, which has binding 1 and
 *
 *   WEIGHT_GROUP: 32 elements share something that is loaded by itself, or 1;
 *   vec2 load_group (uint at, uint k32, uint k): that of the 32 elements from
 *     32 k32 on: scale and min, as a rule. @k: elements of the row. Kernels that
 *     go along a row load it once for all of them;
 *   vec4 load_in_group (uint at, uint k4, vec2 group): elements 4 k4 ..
 *     4 k4 + 3 of a row; @group is that of k4 / 8;
 *   WEIGHT_LOAD_8 (at, k8, a, b), if eight are better loaded at once: elements
 *     8 k8 .. 8 k8 + 7 into the vec4 a and b;
 *   WEIGHT_HALVES_8 (at, k8), if they are halves already: these eight.
 *
 * With OWL2_TEXELS rows are read as texels of 16 bytes, w_texel (i), in units
 * of 16 elements. @at is the row's first texel then, and the file has also
 *
 *   TEXEL_ELEMENTS: units of the type in a texel;
 *   TEXEL_COLUMNS: elements of the row in a texel;
 *   TEXEL_UNITS: units of 16 that are best loaded one after the other;
 *   TEXEL_BLOCK (LAST): units, of rows that end with unit LAST, that share a
 *     head: scales, as a rule;
 *   uvec4 load_head (uint at, uint k16, uint k): that of unit k16;
 *   vec2 head_group (uvec4 head, uint k16, uint u): the scale and min of the
 *     head's unit k16 + u;
 *   load_16 (out float w[16], uint at, uint k16, uint u, bool quad, uint last):
 *     the elements of unit k16 + u, unscaled; @quad: k16 is a multiple of 4;
 *     @last: of the row's texels without heads, read for those behind it;
 *   WEIGHT_SCALED (PART, GROUP, X_SUM): a sum of products with these, scaled;
 *   WEIGHT_MIN, if that wants the sum of the other factors.
 *
 * With OWL2_CHUNKS, for kernels that load 16 bytes at a time, chunks:
 *
 *   CHUNK_ELEMENTS: elements of a chunk; CHUNK_AHEAD: chunks to be loaded
 *     before the first is used, for about 64 bytes; CHUNK_PARTS: parts of a
 *     chunk, each of one group and of consecutive elements;
 *   CHUNK_K4 (c, part): where that begins in chunk c: element 4 CHUNK_K4. If not
 *     given, chunks have one part and lie one after the other;
 *   WeightChunk load_chunk (uint at, uint c, uint k): only loads;
 *   vec4 chunk_values (WeightChunk chunk, uint part, uint j): elements 4 j ..
 *     4 j + 3 of the part, less what all of the part share;
 *   CHUNK_SCALED: they are to be multiplied by the first number of
 *     vec2 chunk_group (WeightChunk chunk, uint c, uint part);
 *   CHUNK_MIN: and then the second is to be taken off. */
#ifndef OWL2_WEIGHT_GLSL
#define OWL2_WEIGHT_GLSL

#ifdef OWL2_TEXELS
layout (set = 0, binding = 6) uniform usamplerBuffer w_texels;

uvec4
w_texel (uint i)
{
  return texelFetch (w_texels, int (i));
}
#endif

/* The build makes this, in a folder for each type. */
#include "weight_type.glsl"

#if defined (OWL2_CHUNKS) && !defined (CHUNK_K4)
# define CHUNK_K4(c, part) ((c) * (CHUNK_ELEMENTS / 4))
#endif

/* Where neighbours are loaded by others. */
vec4
load_weight (uint at, uint k4, uint k)
{
  return load_in_group (at, k4, load_group (at, k4 / 8, k));
}

/* Elements 8 k8 .. 8 k8 + 7, rounded to halves. Blocks have a scale to 32
 * elements at the most. */
uvec4
load_weight_halves (uint at, uint k8, uint k)
{
#ifdef WEIGHT_HALVES_8
  return WEIGHT_HALVES_8 (at, k8);
#else
  vec2 group = load_group (at, k8 / 4, k);
  vec4 a = load_in_group (at, 2 * k8, group);
  vec4 b = load_in_group (at, 2 * k8 + 1, group);

  return uvec4 (packHalf2x16 (a.xy), packHalf2x16 (a.zw),
    packHalf2x16 (b.xy), packHalf2x16 (b.zw));
#endif
}

#endif
