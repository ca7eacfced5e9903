#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix times few vectors (see include/matmul.glsl): at most TILE_M rows of
 * x, for which each weight is read once. A workgroup computes TILE_N columns of
 * out; its invocations take every WORKGROUP-th vec4 of k, then the parts are
 * added through shared memory. */
#include "include/owl2.glsl"
#include "include/act.glsl"
#include "include/matmul.glsl"

shared float part[TILE_M * TILE_N * gl_WorkGroupSize.x];

void
main ()
{
  uint i = gl_LocalInvocationIndex;
  uint k4_end = (pc.k + 3) / 4;

  for (uint n0 = gl_WorkGroupID.x * TILE_N; n0 < pc.n;
       n0 += gl_NumWorkGroups.x * TILE_N) {
    float sum[TILE_M * TILE_N];

    for (uint t = 0; t < TILE_M * TILE_N; t++)
      sum[t] = 0.0;
    for (uint k4 = i; k4 < k4_end; k4 += gl_WorkGroupSize.x) {
      vec4 x[TILE_M];

      /* Rows past the last read the last row again; unused, as are columns. */
      for (uint m = 0; m < TILE_M; m++)
        x[m] = load_x (min (m, pc.m - 1), k4);
      for (uint n = 0; n < TILE_N; n++) {
        vec4 w = load_w (min (n0 + n, pc.n - 1), k4);

        for (uint m = 0; m < TILE_M; m++)
          sum[n * TILE_M + m] += dot (x[m], w);
      }
    }

    for (uint t = 0; t < TILE_M * TILE_N; t++)
      part[t * gl_WorkGroupSize.x + i] = sum[t];
    barrier ();
    for (uint t = i; t < TILE_M * TILE_N; t += gl_WorkGroupSize.x) {
      float all = 0.0;

      for (uint j = 0; j < gl_WorkGroupSize.x; j++)
        all += part[t * gl_WorkGroupSize.x + j];
      if (n0 + t / TILE_M < pc.n && t % TILE_M < pc.m)
        store (t % TILE_M, n0 + t / TILE_M, all);
    }
    barrier ();
  }
}
