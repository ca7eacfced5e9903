#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix product for llvmpipe, which runs subgroups as SIMD lanes of a CPU (see
 * include/matmul.glsl). There a load from a storage buffer with an address per
 * lane is a loop over the lanes with a branch for each, but a texel of 16 bytes
 * per lane is a short piece of code without any: a load for each lane and a
 * transposition. So rows of w, one a lane, and of x are read as texels. A
 * shuffle from a constant lane is one instruction; every store to a variable
 * that lives across a loop is masked, and push constants are gathered lane by
 * lane, so both stay out of the inner loop as far as they can.
 *
 * A workgroup is one subgroup of WORKGROUP lanes and computes TILE_M rows by
 * TILE_N columns of out; lanes are columns of out, TILE_N a multiple of 4
 * WORKGROUP. Where TILE_M is a multiple of WORKGROUP, a lane loads rows of x,
 * else four columns of each of the rows.
 *
 * A sum is that over 16 columns in their order, scaled; and these added up in
 * their order: it does not depend on the tile. */
#define OWL2_TEXELS
#include "include/owl2.glsl"
#include "include/act.glsl"
#include "include/matmul.glsl"

layout (set = 0, binding = 5) uniform usamplerBuffer x_texels;

#define LANES gl_WorkGroupSize.x
const uint WS = TILE_N / gl_WorkGroupSize.x;    /* rows of w of a lane */
const bool ROWS = TILE_M % gl_WorkGroupSize.x == 0;
const uint XS = ROWS ? TILE_M / gl_WorkGroupSize.x : TILE_M;
/* Units of 16 columns that are computed at once. Where lanes have columns of x,
 * they load as many. */
const uint LANE_UNITS = gl_WorkGroupSize.x / 4;
const uint UNITS = ROWS ? 1
    : LANE_UNITS > TEXEL_UNITS ? LANE_UNITS : TEXEL_UNITS;
const uint XT = ROWS ? 4 * UNITS : UNITS / LANE_UNITS;  /* texels of a row */

/* Each lane's own sums, so that the loop that stores them can be a loop: no
 * lane reads another's, and no barrier is needed. */
shared vec4 sums[TILE_M * TILE_N / 4];

/* Columns 4 k4 .. 4 k4 + 3 of row m, which starts at texel @at; 0 behind. */
vec4
texel_of_x (uint m, uint at, uint k4, uint last4)
{
  uint i = min (k4, last4);
  vec4 v = VEC4 ? uintBitsToFloat (texelFetch (x_texels, int (at + i)))
      : load_x (m, i);

  return k4 > last4 ? vec4 (0.0) : v;
}

void
main ()
{
  uint lane = gl_SubgroupInvocationID;
  uint rows = pc.m, cols = pc.n, k = pc.k;
  uint x_offset = pc.x_offset, x_stride = pc.x_stride;
  uint w_offset = pc.w_offset, w_stride = pc.w_stride;
  uint tiles_m = (rows + TILE_M - 1) / TILE_M;
  uint tiles = (cols + TILE_N - 1) / TILE_N * tiles_m;
  uint last4 = (k + 3) / 4 - 1, last16 = (k + 15) / 16 - 1;
  uint last_texel = (k + TEXEL_COLUMNS - 1) / TEXEL_COLUMNS - 1;

  /* Tiles that follow each other share rows of w, of which there are more. */
  for (uint tile = gl_WorkGroupID.x; tile < tiles;
       tile += gl_NumWorkGroups.x) {
    uint m0 = tile % tiles_m * TILE_M, n0 = tile / tiles_m * TILE_N;
    float sum[TILE_M * WS];
    uint w_at[WS], x_row[XS], x_at[XS];

    [[unroll]] for (uint t = 0; t < TILE_M * WS; t++)
      sum[t] = 0.0;
    /* Rows past the last read the last row again; unused. */
    [[unroll]] for (uint j = 0; j < WS; j++)
      w_at[j] = (w_offset + min (n0 + j * LANES + lane, cols - 1) * w_stride)
          / TEXEL_ELEMENTS;
    [[unroll]] for (uint i = 0; i < XS; i++) {
      x_row[i] = min (ROWS ? m0 + i * LANES + lane : m0 + i, rows - 1);
      x_at[i] = (x_offset + x_row[i] * x_stride) / 4;
    }

    for (uint first = 0; first <= last16; first += TEXEL_BLOCK (last16)) {
      uvec4 head[WS];
      uint end = min (first + TEXEL_BLOCK (last16), last16 + 1);

      [[unroll]] for (uint j = 0; j < WS; j++)
        head[j] = load_head (w_at[j], first, k);
      [[dont_unroll]] for (uint k16 = first; k16 < end; k16 += UNITS) {
        vec4 x[XS * XT];
        float x_sum[TILE_M * UNITS];

        [[unroll]] for (uint i = 0; i < XS; i++) {
          [[unroll]] for (uint u = 0; u < XT; u++)
            x[i * XT + u] = texel_of_x (x_row[i], x_at[i],
                4 * k16 + (ROWS ? u : u * LANES + lane), last4);
        }
#ifdef WEIGHT_MIN
        [[unroll]] for (uint i = 0; i < XS; i++) {
          float four[XT], own = 0.0;

          [[unroll]] for (uint u = 0; u < XT; u++) {
            vec4 v = x[i * XT + u];

            four[u] = (v.x + v.y) + (v.z + v.w);
          }
          if (ROWS)
            own = ((four[0] + four[1 % XT]) + (four[2 % XT] + four[3 % XT]));
          [[unroll]] for (uint r = 0; r < TILE_M / XS; r++) {
            [[unroll]] for (uint u = 0; u < UNITS; u++) {
              uint l = 4 * u % LANES;
              float f = four[4 * u / LANES % XT];
              float s = ROWS ? subgroupShuffle (own, r)
                  : (subgroupShuffle (f, l) + subgroupShuffle (f, l + 1))
                  + (subgroupShuffle (f, l + 2) + subgroupShuffle (f, l + 3));

              x_sum[(i * (TILE_M / XS) + r) * UNITS + u] = s;
            }
          }
        }
#endif
        [[unroll]] for (uint j = 0; j < WS; j++) {
          [[unroll]] for (uint u = 0; u < UNITS; u++) {
            float w[16];
            vec2 group = head_group (head[j], k16 - first, u);

            load_16 (w, w_at[j], k16, u, UNITS % 4 == 0, last_texel);
            [[unroll]] for (uint r = 0; r < TILE_M; r++) {
              precise float part;

              [[unroll]] for (uint e = 0; e < 16; e++) {
                uint e4 = 4 * u + e / 4;
                float b = ROWS
                    ? subgroupShuffle (x[r / LANES * XT + e4 % XT][e % 4],
                        r % LANES)
                    : subgroupShuffle (x[r % XS * XT + e4 / LANES % XT][e % 4],
                        e4 % LANES);

                part = e == 0 ? b * w[e] : part + b * w[e];
              }
              part = WEIGHT_SCALED (part, group, x_sum[r * UNITS + u]);
              sum[j * TILE_M + r] += part;
            }
          }
        }
      }
    }

    [[unroll]] for (uint q = 0; q < TILE_M * WS / 4; q++)
      sums[q * LANES + lane] = vec4 (sum[4 * q], sum[4 * q + 1],
        sum[4 * q + 2], sum[4 * q + 3]);
    [[dont_unroll]] for (uint q = 0; q < TILE_M * WS / 4; q++) {
      vec4 v = sums[q * LANES + lane];

      [[dont_unroll]] for (uint e = 0; e < 4; e++) {
        uint t = 4 * q + e;
        uint m = m0 + t % TILE_M, n = n0 + t / TILE_M * LANES + lane;

        if (m < rows && n < cols)
          store (m, n, v[e]);
      }
    }
  }
}
