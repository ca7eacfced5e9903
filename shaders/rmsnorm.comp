#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r] = x[r] / sqrt (mean (x[r]^2) + eps) * w[modality[r]]
 * (Zhang, Sennrich 2019; the weight per modality: mPLUG-Owl2, section 3.2).
 * One workgroup a row, more rows if the grid is limited. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"

layout (constant_id = OWL2_SC_RMSNORM_MODALITY) const bool MODALITY = false;

layout (push_constant) uniform Push { owl2_pc_rmsnorm pc; };
layout (set = 0, binding = 0) readonly buffer X { float x[]; };
layout (set = 0, binding = 1) readonly buffer W0 { float w0[]; };
layout (set = 0, binding = 2) readonly buffer W1 { float w1[]; };
layout (set = 0, binding = 3) readonly buffer Modality { uint modality[]; };
layout (set = 0, binding = 4) writeonly buffer Out { float o[]; };

void
main ()
{
  uint first = gl_LocalInvocationIndex, step = gl_WorkGroupSize.x;

  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint xr = pc.x_offset + r * pc.x_stride;
    uint or = pc.o_offset + r * pc.o_stride;
    float sum = 0.0;

    for (uint c = first; c < pc.cols; c += step)
      sum += x[xr + c] * x[xr + c];
    float norm = 1.0 / sqrt (group_sum (sum) / float (pc.cols) + pc.eps);

    if (MODALITY && modality[pc.m_offset + r] != 0) {
      for (uint c = first; c < pc.cols; c += step)
        o[or + c] = x[xr + c] * norm * w1[pc.w1_offset + c];
    } else {
      for (uint c = first; c < pc.cols; c += step)
        o[or + c] = x[xr + c] * norm * w0[pc.w0_offset + c];
    }
  }
}
