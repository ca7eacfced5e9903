#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A picture's stretch to a square and the square's shrink in width, in one go,
 * for drivers that run subgroups as SIMD lanes of a CPU (see
 * matmul_texels.comp).
 * The square is in no memory: lanes are its rows, and four pixels of each at a
 * time are made of rows of the picture and added to the outputs that they belong
 * to, of which as many are open as lie over one place.
 *
 * src: packed RGB bytes; filter: that of the stretch, as resize.comp has it;
 * steps: see owl2_steps_new(); dst: words 0x00BBGGRR [rows][cols]. A workgroup is
 * one subgroup, and one that it repeats is as many rows. */
#include "include/owl2.glsl"

/* Rows of the picture that a subgroup's rows lie over, in subgroups; 0: the
 * picture is the square. */
layout (constant_id = OWL2_SC_RESIZE_WINDOW) const uint WINDOW = 1;

layout (push_constant) uniform Push { owl2_pc_resize_lanes pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) readonly buffer Filter { uint f[]; };
layout (set = 0, binding = 2) readonly buffer Steps { uint steps[]; };
layout (set = 0, binding = 3) writeonly buffer Dst { uint d[]; };

/* Lanes are columns of a picture of words, which is shrunk in height alone:
 * src [..][s_stride], of which "rows" columns count, dst [cols][rows]. */
layout (constant_id = OWL2_SC_RESIZE_DOWN) const bool DOWN = false;

#define LANES gl_WorkGroupSize.x
#define OPEN OWL2_RESIZE_OPEN

/* Weights of the stretch: the window's rows in the square's row. */
const uint WINDOWS = WINDOW > 0 ? WINDOW : 1;
const uint ROWS = WINDOWS * gl_WorkGroupSize.x;
const uint PARTS = OWL2_RESIZE_STEP / gl_WorkGroupSize.x;

int
to_byte (int sum)
{
  return clamp (sum >> 22, 0, 255);
}

void
main ()
{
  uint lane = gl_SubgroupInvocationID;
  uint tiles = (pc.rows + LANES - 1) / LANES;

  for (uint tile = gl_WorkGroupID.x; tile < tiles;
       tile += gl_NumWorkGroups.x) {
    uint y = min (tile * LANES + lane, pc.rows - 1), base = y;
    uint row[WINDOWS];
    int stretch[ROWS];
    int acc[3 * OPEN];

    if (WINDOW > 0) {
      uint fo = pc.f_offset + y * (OWL2_FILTER_HEAD + pc.taps);
      uint first = f[fo], count = f[fo + 1];

      base = subgroupShuffle (first, 0);
      [[unroll]] for (uint j = 0; j < ROWS; j++) {
        uint t = base + j - first;

        stretch[j] = t < count
            ? int (f[fo + OWL2_FILTER_HEAD + min (t, pc.taps - 1)])
            : 0;
      }
      [[unroll]] for (uint v = 0; v < WINDOW; v++)
        row[v] = pc.s_offset
            + min (base + v * LANES + lane, pc.src_rows - 1) * pc.s_stride;
    } else {
      row[0] = pc.s_offset + (DOWN ? y : y * pc.s_stride);
    }
    [[unroll]] for (uint k = 0; k < 3 * OPEN; k++)
      acc[k] = 1 << 21;

    uint i = 0;
    do {
      uint part[PARTS];
      int value[12];

      [[unroll]] for (uint p = 0; p < PARTS; p++)
        part[p] = steps[pc.t_offset + i * OWL2_RESIZE_STEP + p * LANES + lane];

#define STEP(N) subgroupShuffle (part[(N) / LANES], (N) % LANES)
      uint x = STEP (4 * OPEN + 2);

      [[unroll]] for (uint px = 0; px < (DOWN ? 4 : 0); px++) {
        uint from = min (4 * x + px, pc.src_rows - 1);
        uint word = s[row[0] + from * pc.s_stride];

        [[unroll]] for (uint c = 0; c < 3; c++)
          value[3 * px + c] = int ((word >> (8 * c)) & 0xff);
      }
      [[unroll]] for (uint w = 0; w < (DOWN ? 0 : 3); w++) {
        uint at = min (3 * x + w, pc.s_stride - 1);

        if (WINDOW == 0) {
          uint word = s[row[0] + at];

          [[unroll]] for (uint b = 0; b < 4; b++)
            value[4 * w + b] = int ((word >> (8 * b)) & 0xff);
        } else {
          int sum[4];

          [[unroll]] for (uint b = 0; b < 4; b++)
            sum[b] = 1 << 21;
          [[unroll]] for (uint v = 0; v < WINDOW; v++) {
            uint word = s[row[v] + at];

            [[unroll]] for (uint b = 0; b < 4; b++) {
              uint byte = (word >> (8 * b)) & 0xff;

              [[unroll]] for (uint r = 0; r < LANES; r++)
                sum[b] += int (subgroupShuffle (byte, r))
                    * stretch[v * LANES + r];
            }
          }
          [[unroll]] for (uint b = 0; b < 4; b++)
            value[4 * w + b] = to_byte (sum[b]);
        }
      }

      [[unroll]] for (uint k = 0; k < OPEN; k++) {
        [[unroll]] for (uint px = 0; px < 4; px++) {
          int weight = int (STEP (4 * k + px));

          [[unroll]] for (uint c = 0; c < 3; c++)
            acc[3 * k + c] += weight * value[3 * px + c];
        }
      }

      uint o = STEP (4 * OPEN);
      bool done = STEP (4 * OPEN + 1) != 0;
      int outside = int (STEP (4 * OPEN + 3));

      if (done && tile * LANES + lane < pc.rows)
        d[pc.d_offset + (DOWN ? o * pc.rows + y : y * pc.cols + o)] =
            uint (to_byte (acc[0] + outside * OWL2_PAD_R))
            | uint (to_byte (acc[1] + outside * OWL2_PAD_G)) << 8
            | uint (to_byte (acc[2] + outside * OWL2_PAD_B)) << 16;
      [[unroll]] for (uint k = 0; k < 3 * OPEN - 3; k++)
        acc[k] = done ? acc[k + 3] : acc[k];
      [[unroll]] for (uint k = 3 * OPEN - 3; k < 3 * OPEN; k++)
        acc[k] = done ? 1 << 21 : acc[k];
    } while (++i < pc.n_steps);
  }
}
