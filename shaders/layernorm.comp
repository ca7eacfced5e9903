#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r] = (x[r] - mean) / sqrt (var + eps) * w + b (Ba et al. 2016). The
 * variance is summed around the mean in a second pass: the one-pass formula
 * loses all digits where the mean is large. One workgroup a row, more rows if
 * the grid is limited. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"

layout (push_constant) uniform Push { owl2_pc_layernorm pc; };
layout (set = 0, binding = 0) readonly buffer X { float x[]; };
layout (set = 0, binding = 1) readonly buffer W { float w[]; };
layout (set = 0, binding = 2) readonly buffer B { float b[]; };
layout (set = 0, binding = 3) writeonly buffer Out { float o[]; };

void
main ()
{
  uint first = gl_LocalInvocationIndex, step = gl_WorkGroupSize.x;

  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint xr = pc.x_offset + r * pc.x_stride;
    uint or = pc.o_offset + r * pc.o_stride;
    float sum = 0.0;

    for (uint c = first; c < pc.cols; c += step)
      sum += x[xr + c];
    float mean = group_sum (sum) / float (pc.cols);

    sum = 0.0;
    for (uint c = first; c < pc.cols; c += step) {
      float d = x[xr + c] - mean;
      sum += d * d;
    }
    float norm = 1.0 / sqrt (group_sum (sum) / float (pc.cols) + pc.eps);

    for (uint c = first; c < pc.cols; c += step)
      o[or + c] = (x[xr + c] - mean) * norm * w[pc.w_offset + c]
          + b[pc.b_offset + c];
  }
}
