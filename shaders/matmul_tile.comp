#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix product for many rows (see include/matmul.glsl). A workgroup of 128
 * computes a tile of TILE_M = 64 rows by TILE_N = 64 columns of out, from
 * slices of 16 columns of x and w in shared memory, transposed; an invocation
 * keeps 8 rows by 4 columns in registers. Loops over registers say that they
 * are to be unrolled: without that an H100 took 20 times as long. */
#include "include/owl2.glsl"
#include "include/act.glsl"
#include "include/matmul.glsl"

#define BK 16           /* columns of x and w in a slice */
#define TM 8            /* rows of an invocation */
#define TN 4            /* columns of an invocation */
#define LINES (128 / (BK / 4))  /* of the tile's rows, loaded at a time */
#define LOADS (64 / LINES)

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
  /* Neighbouring invocations load the same row's next four columns. */
  uint line = i / (BK / 4), c = i % (BK / 4);

  for (uint tile = gl_WorkGroupID.x; tile < tiles;
       tile += gl_NumWorkGroups.x) {
    uint m0 = tile / tiles_n * TILE_M, n0 = tile % tiles_n * TILE_N;
    vec4 sum[TM];

    [[unroll]] for (uint m = 0; m < TM; m++)
      sum[m] = vec4 (0.0);

    for (uint k4 = 0; k4 < k4_end; k4 += BK / 4) {
      vec4 from_x[LOADS], from_w[LOADS];

      [[unroll]] for (uint t = 0; t < LOADS; t++) {
        uint m = m0 + line + t * LINES, n = n0 + line + t * LINES;

        from_x[t] = m < pc.m && k4 + c < k4_end ? load_x (m, k4 + c)
            : vec4 (0.0);
        from_w[t] = n < pc.n && k4 + c < k4_end ? load_w (n, k4 + c)
            : vec4 (0.0);
      }
      [[unroll]] for (uint t = 0; t < LOADS; t++) {
        uint l = line + t * LINES;

        [[unroll]] for (uint e = 0; e < 4; e++) {
          xs[(4 * c + e) * (TILE_M / 4 + 1) + l / 4][l % 4] = from_x[t][e];
          ws[(4 * c + e) * (TILE_N / 4 + 1) + l / 4][l % 4] = from_w[t][e];
        }
      }
      barrier ();

      [[unroll]] for (uint k = 0; k < BK; k++) {
        vec4 w = ws[k * (TILE_N / 4 + 1) + tn / 4];

        [[unroll]] for (uint m4 = 0; m4 < TM / 4; m4++) {
          vec4 x = xs[k * (TILE_M / 4 + 1) + tm / 4 + m4];

          sum[4 * m4] += x.x * w;
          sum[4 * m4 + 1] += x.y * w;
          sum[4 * m4 + 2] += x.z * w;
          sum[4 * m4 + 3] += x.w * w;
        }
      }
      barrier ();
    }

    [[unroll]] for (uint m = 0; m < TM; m++)
      [[unroll]] for (uint n = 0; n < TN; n++)
        if (m0 + tm + m < pc.m && n0 + tn + n < pc.n)
          store (m0 + tm + m, n0 + tn + n, sum[m][n]);
  }
}
