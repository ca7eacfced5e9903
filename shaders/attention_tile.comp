#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention (see include/attention.glsl) for many queries. A workgroup of 128
 * takes 32 queries of one head, and the keys 32 at a time: scores, running
 * softmax, then their product with the values. Heads pass through shared
 * memory in slices of 32 elements, so that heads of 256 fit in 16 KiB. An
 * invocation computes 4 queries by 2 keys of the scores, a quarter of the keys
 * of one query in the softmax, and 4 queries by every 16th element of out. */
#include "include/owl2.glsl"
#include "include/attention.glsl"

#define TILE 32                 /* queries, keys, and elements in a slice */
#define PITCH (TILE / 4 + 1)    /* vec4s of a row; odd, against bank conflicts */
const uint SLICES = (HEAD_DIM + TILE - 1) / TILE;

shared vec4 qs[TILE * PITCH];
shared vec4 ks[TILE * PITCH];   /* then the values */
shared vec4 ps[TILE * PITCH];   /* scores, then exponentials */
shared float tops[TILE];
shared float shrinks[TILE];
shared float sums[TILE];
shared float quarter[TILE * 4];

void
load_slice_k (uint j0, uint end, uint page, uint head, uint slice)
{
  for (uint t = gl_LocalInvocationIndex; t < TILE * TILE / 4;
       t += gl_WorkGroupSize.x) {
    uint j = t / (TILE / 4), c = t % (TILE / 4), d4 = slice * TILE / 4 + c;
    uint at = k_at (page, j0 + j, head);

    ks[j * PITCH + c] = j0 + j < end && d4 < D4
        ? load_k (at, d4, k_scale (at, d4)) : vec4 (0.0);
  }
}

void
load_slice_v (uint j0, uint end, uint page, uint head, uint slice)
{
  for (uint t = gl_LocalInvocationIndex; t < TILE * TILE / 4;
       t += gl_WorkGroupSize.x) {
    uint j = t / (TILE / 4), c = t % (TILE / 4), d4 = slice * TILE / 4 + c;
    uint at = v_at (page, j0 + j, head);

    ks[j * PITCH + c] = j0 + j < end && d4 < D4
        ? load_v (at, d4, v_scale (at, d4)) : vec4 (0.0);
  }
}

void
load_slice_q (uint row0, uint head, uint slice)
{
  for (uint t = gl_LocalInvocationIndex; t < TILE * TILE / 4;
       t += gl_WorkGroupSize.x) {
    uint r = t / (TILE / 4), c = t % (TILE / 4), d4 = slice * TILE / 4 + c;

    qs[r * PITCH + c] = row0 + r < pc.n_q && d4 < D4
        ? load_q (q_at (row0 + r, head), d4) * pc.scale : vec4 (0.0);
  }
}

/* ps = exp (scores - top), and what that changes; four invocations a row. */
void
softmax (uint first, uint row0, uint j0)
{
  uint i = gl_LocalInvocationIndex, r = i / 4, part = i % 4;
  uint seen = keys_of_run (first, row0 + r);    /* before, after the tile, too */
  uint at = r * PITCH + part * 2;
  vec4 s[2] = { ps[at], ps[at + 1] };
  float top = LOWEST, sum = 0.0;

  [[unroll]] for (uint e = 0; e < 8; e++)
    if (j0 + part * 8 + e < seen)
      top = max (top, s[e / 4][e % 4]);
  quarter[i] = top;
  barrier ();
  top = max (max (quarter[4 * r], quarter[4 * r + 1]),
      max (quarter[4 * r + 2], quarter[4 * r + 3]));
  top = max (top, tops[r]);
  barrier ();
  [[unroll]] for (uint e = 0; e < 8; e++) {
    float p = j0 + part * 8 + e < seen ? exp (s[e / 4][e % 4] - top) : 0.0;

    s[e / 4][e % 4] = p;
    sum += p;
  }
  ps[at] = s[0];
  ps[at + 1] = s[1];
  quarter[i] = sum;
  barrier ();
  if (part == 0) {
    shrinks[r] = exp (tops[r] - top);
    sums[r] = sums[r] * shrinks[r]
        + (quarter[i] + quarter[i + 1] + quarter[i + 2] + quarter[i + 3]);
    tops[r] = top;
  }
  barrier ();
}

void
main ()
{
  uint i = gl_LocalInvocationIndex;
  uint r4 = i / 16 * 4, c = i % 16;     /* queries r4 .. r4 + 3 */
  uint tiles_q = (pc.n_q + TILE - 1) / TILE;
  uint first = keys_of (0), list = pages_of (0);

  for (uint item = gl_WorkGroupID.x; item < tiles_q * pc.n_heads;
       item += gl_NumWorkGroups.x) {
    uint row0 = item % tiles_q * TILE, head = item / tiles_q;
    /* The last query sees the most. */
    uint end = keys_of_run (first, min (row0 + TILE, pc.n_q) - 1);
    float acc[SLICES * 8];

    [[unroll]] for (uint t = 0; t < SLICES * 8; t++)
      acc[t] = 0.0;
    if (i < TILE) {
      tops[i] = LOWEST;
      sums[i] = 0.0;
    }

    for (uint j0 = 0; j0 < end; j0 += TILE) {
      vec4 s[2] = { vec4 (0.0), vec4 (0.0) };   /* keys c, c + 16 */
      uint page = page_of (list, j0);

      for (uint slice = 0; slice < SLICES; slice++) {
        barrier ();
        load_slice_q (row0, head, slice);
        load_slice_k (j0, end, page, head, slice);
        barrier ();
        [[dont_unroll]] for (uint d = 0; d < TILE / 4; d++) {
          vec4 a = ks[c * PITCH + d], b = ks[(c + 16) * PITCH + d];

          [[unroll]] for (uint e = 0; e < 4; e++) {
            vec4 q = qs[(r4 + e) * PITCH + d];

            s[0][e] += dot (q, a);
            s[1][e] += dot (q, b);
          }
        }
      }
      [[unroll]] for (uint e = 0; e < 4; e++) {
        ps[(r4 + e) * PITCH + c / 4][c % 4] = s[0][e];
        ps[(r4 + e) * PITCH + c / 4 + 4][c % 4] = s[1][e];
      }
      barrier ();
      softmax (first, row0, j0);

      [[unroll]] for (uint e = 0; e < 4; e++)
        [[unroll]] for (uint t = 0; t < SLICES * 2; t++)
          acc[t * 4 + e] *= shrinks[r4 + e];
      [[unroll]] for (uint slice = 0; slice < SLICES; slice++) {
        load_slice_v (j0, end, page, head, slice);
        barrier ();
        [[dont_unroll]] for (uint j4 = 0; j4 < TILE / 4; j4++) {
          vec4 a, b;            /* elements c, c + 16 of four keys */

          [[unroll]] for (uint u = 0; u < 4; u++) {
            a[u] = ks[(4 * j4 + u) * PITCH + c / 4][c % 4];
            b[u] = ks[(4 * j4 + u) * PITCH + c / 4 + 4][c % 4];
          }
          [[unroll]] for (uint e = 0; e < 4; e++) {
            vec4 p = ps[(r4 + e) * PITCH + j4];

            acc[slice * 8 + e] += dot (p, a);
            acc[slice * 8 + 4 + e] += dot (p, b);
          }
        }
        barrier ();
      }
    }

    [[unroll]] for (uint e = 0; e < 4; e++) {
      float norm = 1.0 / sums[r4 + e];

      [[unroll]] for (uint t = 0; t < SLICES * 2; t++) {
        uint d = t * 16 + c;

        if (row0 + r4 + e < pc.n_q && d < HEAD_DIM)
          store_out (row0 + r4 + e, head, d, acc[t * 4 + e] * norm);
      }
    }
    barrier ();
  }
}
