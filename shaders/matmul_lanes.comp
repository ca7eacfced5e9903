#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix product for drivers that run subgroups as SIMD lanes of a CPU (see
 * include/matmul.glsl) and don't read texels fast (see matmul_texels.comp).
 * There a load with an address per lane is a loop over the lanes, and every
 * store to a variable that lives across a loop is masked. So rows of x and of w
 * are loaded one a lane, eight columns at a time; each element of x is
 * broadcast to the lanes, which are the columns of out; and a sum is updated
 * once per eight columns.
 *
 * A workgroup is one subgroup of WORKGROUP lanes and computes TILE_M rows by
 * TILE_N columns of out, both multiples of WORKGROUP. */
#include "include/owl2.glsl"
#include "include/act.glsl"
#include "include/matmul.glsl"

#define LANES gl_WorkGroupSize.x
const uint XS = TILE_M / gl_WorkGroupSize.x;    /* rows of x of a lane */
const uint WS = TILE_N / gl_WorkGroupSize.x;    /* rows of w of a lane */

/* Groups of eight columns that share a scale. Without scales that is one, and
 * its loop must fold away: a sum that lives across one more loop is masked once
 * more, which cost a third of the speed. */
#if WEIGHT_GROUP == 1
# define GROUP8 1
# define GROUP_LOOP [[unroll]]
#else
# define GROUP8 (WEIGHT_GROUP / 8)
# define GROUP_LOOP [[dont_unroll]]
#endif

/* Rows past the last read the last row again; unused. */
uint
row_of_w (uint n)
{
  return pc.w_offset + min (n, pc.n - 1) * pc.w_stride;
}

/* Each lane's own sums, so that the loop that stores them can be a loop: no
 * lane reads another's, and no barrier is needed. */
shared vec4 sums[TILE_M * TILE_N / 4];

void
main ()
{
  uint lane = gl_SubgroupInvocationID;
  uint tiles_m = (pc.m + TILE_M - 1) / TILE_M;
  uint tiles = (pc.n + TILE_N - 1) / TILE_N * tiles_m;
  uint last4 = (pc.k + 3) / 4 - 1, last8 = (pc.k + 7) / 8 - 1;

  /* Tiles that follow each other share rows of w, of which there are more. */
  for (uint tile = gl_WorkGroupID.x; tile < tiles;
       tile += gl_NumWorkGroups.x) {
    uint m0 = tile % tiles_m * TILE_M, n0 = tile / tiles_m * TILE_N;
    float sum[TILE_M * WS];

    [[unroll]] for (uint t = 0; t < TILE_M * WS; t++)
      sum[t] = 0.0;

    /* Eight columns at a time; with quantised weights, in groups of four times
     * that, which share a scale. */
    for (uint g8 = 0; g8 <= last8; g8 += GROUP8) {
      vec2 group[WS];

      [[unroll]] for (uint j = 0; j < WS; j++)
        group[j] = load_group (row_of_w (n0 + j * LANES + lane), g8 / 4, pc.k);
      GROUP_LOOP for (uint u8 = 0; u8 < GROUP8; u8++) {
        uint k8 = g8 + u8;
        vec4 w[2 * WS];

        [[unroll]] for (uint j = 0; j < WS; j++) {
          uint at = row_of_w (n0 + j * LANES + lane);
#ifdef WEIGHT_LOAD_8
          WEIGHT_LOAD_8 (at, k8, w[2 * j], w[2 * j + 1])
#else
          w[2 * j] = load_in_group (at, 2 * k8, group[j]);
          w[2 * j + 1] = load_in_group (at, min (2 * k8 + 1, last4), group[j]);
#endif
        }
        [[unroll]] for (uint i = 0; i < XS; i++) {
          uint m = min (m0 + i * LANES + lane, pc.m - 1);
          vec4 x[2];

          x[0] = load_x (m, 2 * k8);
          x[1] = load_x (m, min (2 * k8 + 1, last4));
          if (2 * k8 + 1 > last4)
            x[1] = vec4 (0.0);
          [[unroll]] for (uint r = 0; r < LANES; r++) {
            float part[WS];

            [[unroll]] for (uint j = 0; j < WS; j++)
              part[j] = sum[(i * LANES + r) * WS + j];
            [[unroll]] for (uint u = 0; u < 2; u++) {
              [[unroll]] for (uint e = 0; e < 4; e++) {
                float b = subgroupBroadcast (x[u][e], r);

                [[unroll]] for (uint j = 0; j < WS; j++)
                  part[j] += b * w[2 * j + u][e];
              }
            }
            [[unroll]] for (uint j = 0; j < WS; j++)
              sum[(i * LANES + r) * WS + j] = part[j];
          }
        }
      }
    }

    [[unroll]] for (uint j = 0; j < WS; j++) {
      [[unroll]] for (uint m4 = 0; m4 < TILE_M / 4; m4++) {
        vec4 v;

        [[unroll]] for (uint e = 0; e < 4; e++)
          v[e] = sum[(4 * m4 + e) * WS + j];
        sums[(j * (TILE_M / 4) + m4) * LANES + lane] = v;
      }
    }
    [[dont_unroll]] for (uint t = 0; t < WS * TILE_M / 4; t++) {
      uint m = m0 + t % (TILE_M / 4) * 4;
      uint n = n0 + t / (TILE_M / 4) * LANES + lane;
      vec4 v = sums[t * LANES + lane];

      [[dont_unroll]] for (uint e = 0; e < 4; e++)
        if (m + e < pc.m && n < pc.n)
          store (m + e, n, v[e]);
    }
  }
}
