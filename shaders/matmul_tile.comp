#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix product for many rows (see include/matmul.glsl). A workgroup of 128
 * computes a tile of TILE_M = 64 rows by TILE_N = 64 columns of out, from
 * slices of 16 columns of x and w in shared memory, transposed; an invocation
 * keeps 8 rows by 4 columns in registers. */
#include "include/owl2.glsl"
#include "include/act.glsl"
#include "include/matmul.glsl"

#define BK 16           /* columns of x and w in a slice */
#define TM 8            /* rows of an invocation */
#define TN 4            /* columns of an invocation */

/* One vec4 of padding puts a column's elements into different banks. */
shared vec4 xs[BK * (TILE_M / 4 + 1)];
shared vec4 ws[BK * (TILE_N / 4 + 1)];

void
main ()
{
  uint i = gl_LocalInvocationIndex;
  uint tiles_n = (pc.n + TILE_N - 1) / TILE_N;
  uint tiles = (pc.m + TILE_M - 1) / TILE_M * tiles_n;
  uint k4_end = (pc.k + 3) / 4;
  uint tm = i / (TILE_N / TN) * TM;     /* first row in the tile */
  uint tn = i % (TILE_N / TN) * TN;

  for (uint tile = gl_WorkGroupID.x; tile < tiles;
       tile += gl_NumWorkGroups.x) {
    uint m0 = tile / tiles_n * TILE_M, n0 = tile % tiles_n * TILE_N;
    vec4 sum[TM];

    for (uint m = 0; m < TM; m++)
      sum[m] = vec4 (0.0);

    for (uint k4 = 0; k4 < k4_end; k4 += BK / 4) {
      /* Neighbouring invocations read the same row's next four columns. */
      for (uint t = i; t < TILE_M * BK / 4; t += gl_WorkGroupSize.x) {
        uint m = t / (BK / 4), c = t % (BK / 4);
        vec4 v = vec4 (0.0);

        if (m0 + m < pc.m && k4 + c < k4_end)
          v = load_x (m0 + m, k4 + c);
        for (uint e = 0; e < 4; e++)
          xs[(4 * c + e) * (TILE_M / 4 + 1) + m / 4][m % 4] = v[e];
      }
      for (uint t = i; t < TILE_N * BK / 4; t += gl_WorkGroupSize.x) {
        uint n = t / (BK / 4), c = t % (BK / 4);
        vec4 v = vec4 (0.0);

        if (n0 + n < pc.n && k4 + c < k4_end)
          v = load_w (n0 + n, k4 + c);
        for (uint e = 0; e < 4; e++)
          ws[(4 * c + e) * (TILE_N / 4 + 1) + n / 4][n % 4] = v[e];
      }
      barrier ();

      for (uint k = 0; k < BK; k++) {
        vec4 w = ws[k * (TILE_N / 4 + 1) + tn / 4];

        for (uint m4 = 0; m4 < TM / 4; m4++) {
          vec4 x = xs[k * (TILE_M / 4 + 1) + tm / 4 + m4];

          sum[4 * m4] += x.x * w;
          sum[4 * m4 + 1] += x.y * w;
          sum[4 * m4 + 2] += x.z * w;
          sum[4 * m4 + 3] += x.w * w;
        }
      }
      barrier ();
    }

    for (uint m = 0; m < TM; m++)
      for (uint n = 0; n < TN; n++)
        if (m0 + tm + m < pc.m && n0 + tn + n < pc.n)
          store (m0 + tm + m, n0 + tn + n, sum[m][n]);
  }
}
