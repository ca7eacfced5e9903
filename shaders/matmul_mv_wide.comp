#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_shuffle : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix times few vectors (see include/matmul.glsl): at most TILE_M rows of
 * x, for which each weight is read once. A workgroup computes TILE_N columns of
 * out; its LANES take every LANES-th chunk of the rows of weights, in loads of
 * 16 bytes, then their sums are added up as a tree.
 *
 * The order of a sum is that of the chunks in a lane, then that of the tree. It
 * depends neither on TILE_M and TILE_N nor on the size of subgroups nor on
 * EAGER: every pipeline gives the same bits. What is multiplied and added at
 * once is therefore written as fma(). */
#define OWL2_CHUNKS
#include "include/owl2.glsl"
#include "include/act.glsl"
#include "include/matmul.glsl"

layout (constant_id = OWL2_SC_MATMUL_SUBGROUP) const uint SUBGROUP = 1;
layout (constant_id = OWL2_SC_MATMUL_EAGER) const bool EAGER = false;

#define TILE (TILE_M * TILE_N)
#define LANES gl_WorkGroupSize.x
#define QUADS (CHUNK_ELEMENTS / CHUNK_PARTS / 4) /* vec4s of a part */

/* What lanes hand to each other: of each sum one number of each subgroup. Where
 * subgroups are not what was said of them, one of each lane, of ROUND sums at a
 * time. */
#define ROUND 4
#define PARTS (LANES / SUBGROUP)
shared float part_sum[TILE * PARTS + ROUND * LANES];

float sum[TILE];

/* dot (a, b) + s, in this order. */
float
add_dot (vec4 a, vec4 b, float s)
{
  return fma (a.w, b.w, fma (a.z, b.z, fma (a.y, b.y, fma (a.x, b.x, s))));
}

/* Columns of x past the last are 0, where @whole does not say that there are
 * none. */
vec4
x_quad (uint m, uint k4, bool whole)
{
  m = min (m, pc.m - 1);
  return whole || k4 < (pc.k + 3) / 4 ? load_x (m, k4) : vec4 (0.0);
}

#ifdef CHUNK_SCALED
float dots[CHUNK_PARTS * TILE];
#endif
#ifdef CHUNK_MIN
float ones[CHUNK_PARTS * TILE_M];
#endif

void
begin_parts ()
{
#ifdef CHUNK_SCALED
  [[unroll]] for (uint t = 0; t < CHUNK_PARTS * TILE; t++)
    dots[t] = 0.0;
#endif
#ifdef CHUNK_MIN
  [[unroll]] for (uint t = 0; t < CHUNK_PARTS * TILE_M; t++)
    ones[t] = 0.0;
#endif
}

/* With scale and min of part @p, which all products of it share. */
void
end_part (WeightChunk chunk[TILE_N], uint c, uint p)
{
#ifdef CHUNK_SCALED
  [[unroll]] for (uint n = 0; n < TILE_N; n++) {
    vec2 group = chunk_group (chunk[n], c, p);

    [[unroll]] for (uint m = 0; m < TILE_M; m++) {
      uint t = n * TILE_M + m;

      sum[t] = fma (group.x, dots[p * TILE + t], sum[t]);
#ifdef CHUNK_MIN
      sum[t] = fma (-group.y, ones[p * TILE_M + m], sum[t]);
#endif
    }
  }
#endif
}

/* Vec4 @j of part @p of chunk @c. */
void
add_quad (WeightChunk chunk[TILE_N], uint c, uint p, uint j, bool whole)
{
  vec4 x[TILE_M];

  [[unroll]] for (uint m = 0; m < TILE_M; m++) {
    x[m] = x_quad (m, CHUNK_K4 (c, p) + j, whole);
#ifdef CHUNK_MIN
    ones[p * TILE_M + m] += (x[m].x + x[m].y) + (x[m].z + x[m].w);
#endif
  }
  [[unroll]] for (uint n = 0; n < TILE_N; n++) {
    vec4 w = chunk_values (chunk[n], p, j);

    [[unroll]] for (uint m = 0; m < TILE_M; m++) {
      uint t = n * TILE_M + m;
#ifdef CHUNK_SCALED
      dots[p * TILE + t] = add_dot (x[m], w, dots[p * TILE + t]);
#else
      sum[t] = add_dot (x[m], w, sum[t]);
#endif
    }
  }
}

/* Adds the products of chunk @c, which @chunk is in each column. With few sums
 * parts take turns, since they share work on what was loaded; else one follows
 * the other, which takes fewer registers. */
void
add_chunk (WeightChunk chunk[TILE_N], uint c, bool whole)
{
  const bool in_turn = TILE <= 8;

  begin_parts ();
  if (EAGER) {
    [[unroll]] for (uint s = 0; s < CHUNK_PARTS * QUADS; s++) {
      uint p = in_turn ? s % CHUNK_PARTS : s / QUADS;
      uint j = in_turn ? s / CHUNK_PARTS : s % QUADS;

      add_quad (chunk, c, p, j, whole);
      if (j == QUADS - 1)
        end_part (chunk, c, p);
    }
  } else {
    [[dont_unroll]] for (uint j = 0; j < QUADS; j++)
      [[unroll]] for (uint p = 0; p < CHUNK_PARTS; p++)
        add_quad (chunk, c, p, j, whole);
    [[unroll]] for (uint p = 0; p < CHUNK_PARTS; p++)
      end_part (chunk, c, p);
  }
}

/* CHUNK_AHEAD chunks, LANES apart, all of which are loaded first. */
void
add_chunks (uint n0, uint c)
{
  WeightChunk chunk[CHUNK_AHEAD][TILE_N];

  [[unroll]] for (uint u = 0; u < CHUNK_AHEAD; u++)
    [[unroll]] for (uint n = 0; n < TILE_N; n++)
      chunk[u][n] = load_chunk (pc.w_offset
          + min (n0 + n, pc.n - 1) * pc.w_stride, c + u * LANES, pc.k);
  [[unroll]] for (uint u = 0; u < CHUNK_AHEAD; u++)
    add_chunk (chunk[u], c + u * LANES, true);
}

void
store_sum (uint n0, uint t, float all)
{
  if (n0 + t / TILE_M < pc.n && t % TILE_M < pc.m)
    store (t % TILE_M, n0 + t / TILE_M, all);
}

/* The tree over @n numbers from @at on, a power of two. */
float
add_parts (uint at, uint n)
{
  for (uint step = 1; step < n; step *= 2)
    for (uint j = 0; j < n; j += 2 * step)
      part_sum[at + j] += part_sum[at + j + step];
  return part_sum[at];
}

void
finish_lanes (uint n0)
{
  uint i = gl_LocalInvocationIndex;

  [[unroll]] for (uint t0 = 0; t0 < TILE; t0 += ROUND) {
    [[unroll]] for (uint t = 0; t < min (TILE - t0, ROUND); t++)
      part_sum[t * LANES + i] = sum[t0 + t];
    barrier ();
    if (i < min (TILE - t0, ROUND))
      store_sum (n0, t0 + i, add_parts (i * LANES, LANES));
    barrier ();
  }
}

#define LEFT (TILE > SUBGROUP ? TILE / SUBGROUP : 1) /* sums of a lane then */

/* One step of the tree. While lanes have several sums, two share them out: each
 * adds up one half, of which the first is sum @first of all. */
void
add_lanes (uint step, inout uint first)
{
  uint keep = TILE / (2 * step);
  bool upper = (gl_SubgroupInvocationID & step) != 0;

  if (step >= SUBGROUP)
    return;
  if (keep == 0) {
    sum[0] += subgroupShuffleXor (sum[0], step);
    return;
  }
  first += upper ? keep : 0;
  [[unroll]] for (uint t = 0; t < keep; t++) {
    float its = upper ? sum[t] : sum[keep + t];
    float mine = upper ? sum[keep + t] : sum[t];

    sum[t] = mine + subgroupShuffleXor (its, step);
  }
}

void
finish_subgroups (uint n0)
{
  uint i = gl_SubgroupInvocationID, first = 0;

  /* Steps are constants from the start, which drivers want of shuffles. */
  add_lanes (1, first);
  add_lanes (2, first);
  add_lanes (4, first);
  add_lanes (8, first);
  add_lanes (16, first);
  add_lanes (32, first);
  add_lanes (64, first);
  if (PARTS == 1) {
    [[unroll]] for (uint t = 0; t < LEFT; t++)
      if (i < TILE)
        store_sum (n0, first + t, sum[t]);
    return;
  }
  [[unroll]] for (uint t = 0; t < LEFT; t++)
    if (i < TILE)
      part_sum[(first + t) * PARTS + gl_SubgroupID] = sum[t];
  barrier ();
  for (uint t = gl_LocalInvocationIndex; t < TILE; t += LANES)
    store_sum (n0, t, add_parts (t * PARTS, PARTS));
  barrier ();
}

void
main ()
{
  bool full = gl_SubgroupSize == SUBGROUP && gl_NumSubgroups == PARTS;
  uint i = full ? gl_SubgroupID * SUBGROUP + gl_SubgroupInvocationID
      : gl_LocalInvocationIndex;
  /* Chunks up to here are loaded several at a time. */
  uint ahead = 0;

  if (EAGER && CHUNK_AHEAD > 1)
    ahead = pc.k / (CHUNK_ELEMENTS * CHUNK_AHEAD * LANES) * CHUNK_AHEAD * LANES;

  for (uint n0 = gl_WorkGroupID.x * TILE_N; n0 < pc.n;
       n0 += gl_NumWorkGroups.x * TILE_N) {
    [[unroll]] for (uint t = 0; t < TILE; t++)
      sum[t] = 0.0;
    if (EAGER && CHUNK_AHEAD > 1)
      for (uint c = 0; c < ahead; c += CHUNK_AHEAD * LANES)
        add_chunks (n0, c + i);
    for (uint c = ahead + i; c < (pc.k + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS;
         c += LANES) {
      WeightChunk chunk[TILE_N];

      [[unroll]] for (uint n = 0; n < TILE_N; n++)
        chunk[n] = load_chunk (pc.w_offset
            + min (n0 + n, pc.n - 1) * pc.w_stride, c, pc.k);
      add_chunk (chunk, c, WEIGHT_GROUP > 1);
    }

    if (full)
      finish_subgroups (n0);
    else
      finish_lanes (n0);
  }
}
