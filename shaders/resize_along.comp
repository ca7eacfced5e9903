#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tall picture's stretch to a square and the square's shrink in width, in one
 * go, for drivers that run subgroups as SIMD lanes of a CPU (see
 * resize_lanes.comp). Lanes are rows, some to each. Rows are read once, from the
 * left to the right; with each pixel of the picture come those of the square that
 * need none further right, four pixels of the picture each, and are added to the
 * outputs that they belong to.
 *
 * src: packed RGB bytes; steps: see owl2_along_new(); dst: words 0x00BBGGRR
 * [rows][cols]. A workgroup is one subgroup. There a branch costs as much as both
 * of its ways, and a loop's body is gone through once at least: hence the loops
 * that end at their end. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_resize_along pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) readonly buffer Steps { uint steps[]; };
layout (set = 0, binding = 2) writeonly buffer Dst { uint d[]; };

#define LANES gl_WorkGroupSize.x
#define EACH OWL2_ALONG_ROWS
#define OPEN OWL2_RESIZE_OPEN

const uint PARTS = OWL2_ALONG_STEP / gl_WorkGroupSize.x;

uint part[PARTS];          /* a step, over the lanes */
uint next;                 /* of steps */
uint first_row;            /* of the lane */
int px[EACH * 7 * 3];      /* three pixels of the picture, and four more */
int acc[EACH * 3 * OPEN];

#define STEP(N) subgroupShuffle (part[(N) / LANES], (N) % LANES)

int
to_byte (int sum)
{
  return clamp (sum >> 22, 0, 255);
}

void
add_step (const uint p)
{
  int stretch[4], weight[OPEN];

  [[unroll]] for (uint i = 0; i < PARTS; i++)
    part[i] = steps[pc.t_offset + next * OWL2_ALONG_STEP + i * LANES
        + gl_SubgroupInvocationID];
  next++;
  [[unroll]] for (uint t = 0; t < 4; t++)
    stretch[t] = int (STEP (t));
  [[unroll]] for (uint k = 0; k < OPEN; k++)
    weight[k] = int (STEP (4 + k));
  [[unroll]] for (uint r = 0; r < EACH; r++) {
    [[unroll]] for (uint c = 0; c < 3; c++) {
      int sum = 1 << 21;

      [[unroll]] for (uint t = 0; t < 4; t++)
        sum += stretch[t] * px[(r * 7 + p + t) * 3 + c];
      sum = to_byte (sum);
      [[unroll]] for (uint k = 0; k < OPEN; k++)
        acc[(r * OPEN + k) * 3 + c] += weight[k] * sum;
    }
  }
}

/* The first output that is open goes, if it is done. */
void
put_done (bool done, uint o)
{
  [[unroll]] for (uint r = 0; r < EACH; r++) {
    const uint a = r * OPEN * 3;
    uint y = first_row + r * LANES;

    if (done && y < pc.rows)
      d[pc.d_offset + y * pc.cols + o] = uint (to_byte (acc[a]))
          | uint (to_byte (acc[a + 1])) << 8
          | uint (to_byte (acc[a + 2])) << 16;
    [[unroll]] for (uint k = 0; k < 3 * OPEN - 3; k++)
      acc[a + k] = done ? acc[a + k + 3] : acc[a + k];
    [[unroll]] for (uint k = 3 * OPEN - 3; k < 3 * OPEN; k++)
      acc[a + k] = done ? 1 << 21 : acc[a + k];
  }
}

/* Pixels of the square whose last is pixel @p of four. */
void
add_pixel (const uint p)
{
  uint flags;

  do {
    do {
      add_step (p);
      flags = STEP (5 + OPEN);
    } while (flags == 0);
    put_done ((flags & OWL2_ALONG_DONE) != 0, STEP (4 + OPEN));
  } while ((flags & OWL2_ALONG_LAST) == 0);
}

void
main ()
{
  const uint tile_rows = LANES * EACH;
  uint tiles = (pc.rows + tile_rows - 1) / tile_rows;

  for (uint tile = gl_WorkGroupID.x; tile < tiles;
       tile += gl_NumWorkGroups.x) {
    uint x = 0;

    first_row = tile * tile_rows + gl_SubgroupInvocationID;
    next = 0;
    [[unroll]] for (uint i = 0; i < EACH * 7 * 3; i++)
      px[i] = 0;
    [[unroll]] for (uint i = 0; i < EACH * 3 * OPEN; i++)
      acc[i] = 1 << 21;
    do {
      [[unroll]] for (uint r = 0; r < EACH; r++) {
        uint y = min (first_row + r * LANES, pc.rows - 1);
        const uint a = r * 21;

        [[unroll]] for (uint i = 0; i < 9; i++)
          px[a + i] = px[a + i + 12];
        [[unroll]] for (uint w = 0; w < 3; w++) {
          uint word = s[pc.s_offset + y * pc.s_stride
              + min (3 * x + w, pc.s_stride - 1)];

          [[unroll]] for (uint b = 0; b < 4; b++)
            px[a + 9 + 4 * w + b] = int ((word >> (8 * b)) & 0xff);
        }
      }
      add_pixel (0);
      add_pixel (1);
      add_pixel (2);
      add_pixel (3);
    } while (++x < pc.groups);
  }
}
