#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r] = (x[r] - mean) / sqrt (var + eps) * w + b (Ba et al. 2016). The
 * variance is summed around the mean in a second pass: the one-pass formula
 * loses all digits where the mean is large. One workgroup a row, more rows if
 * the grid is limited. out may be x. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"

layout (push_constant) uniform Push { owl2_pc_layernorm pc; };
layout (set = 0, binding = 0) readonly buffer X1 { float x1[]; };
layout (set = 0, binding = 0) readonly buffer X4 { vec4 x4[]; };
layout (set = 0, binding = 1) readonly buffer W1 { float w1[]; };
layout (set = 0, binding = 1) readonly buffer W4 { vec4 w4[]; };
layout (set = 0, binding = 2) readonly buffer B1 { float b1[]; };
layout (set = 0, binding = 2) readonly buffer B4 { vec4 b4[]; };
layout (set = 0, binding = 3) writeonly buffer Out1 { float o1[]; };
layout (set = 0, binding = 3) writeonly buffer Out4 { vec4 o4[]; };

void
main ()
{
  uint first = gl_LocalInvocationIndex, step = gl_WorkGroupSize.x;
  uint n = VEC4 ? pc.cols / 4 : pc.cols;

  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint at = pc.x_offset + r * pc.x_stride;
    uint to = pc.o_offset + r * pc.o_stride;
    float sum = 0.0;

    for (uint c = first; c < n; c += step)
      sum += VEC4 ? dot (x4[at / 4 + c], vec4 (1.0)) : x1[at + c];
    float mean = group_sum (sum) / float (pc.cols);

    sum = 0.0;
    for (uint c = first; c < n; c += step) {
      if (VEC4) {
        vec4 d = x4[at / 4 + c] - mean;
        sum += dot (d, d);
      } else {
        float d = x1[at + c] - mean;
        sum += d * d;
      }
    }
    float norm = 1.0 / sqrt (group_sum (sum) / float (pc.cols) + pc.eps);

    for (uint c = first; c < n; c += step) {
      if (VEC4)
        o4[to / 4 + c] = (x4[at / 4 + c] - mean) * norm
            * w4[pc.w_offset / 4 + c] + b4[pc.b_offset / 4 + c];
      else
        o1[to + c] = (x1[at + c] - mean) * norm * w1[pc.w_offset + c]
            + b1[pc.b_offset + c];
    }
  }
}
