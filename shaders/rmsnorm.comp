#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r] = x[r] / sqrt (mean (x[r]^2) + eps) * w[modality of row r]
 * (Zhang, Sennrich 2019; the weight per modality: mPLUG-Owl2, section 3.2).
 * One workgroup a row, more rows if the grid is limited. out may be x. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"

layout (constant_id = OWL2_SC_RMSNORM_MODALITY) const bool MODALITY = false;

layout (push_constant) uniform Push { owl2_pc_rmsnorm pc; };
layout (set = 0, binding = 0) readonly buffer X1 { float x1[]; };
layout (set = 0, binding = 0) readonly buffer X4 { vec4 x4[]; };
layout (set = 0, binding = 1) readonly buffer Language1 { float w0_1[]; };
layout (set = 0, binding = 1) readonly buffer Language4 { vec4 w0_4[]; };
layout (set = 0, binding = 2) readonly buffer Vision1 { float w1_1[]; };
layout (set = 0, binding = 2) readonly buffer Vision4 { vec4 w1_4[]; };
layout (set = 0, binding = 3) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 4) writeonly buffer Out1 { float o1[]; };
layout (set = 0, binding = 4) writeonly buffer Out4 { vec4 o4[]; };

void
main ()
{
  uint first = gl_LocalInvocationIndex, step = gl_WorkGroupSize.x;
  uint n = VEC4 ? pc.cols / 4 : pc.cols;

  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint at = pc.x_offset + r * pc.x_stride;
    uint to = pc.o_offset + r * pc.o_stride;
    bool vision = MODALITY && rows[pc.r_offset + r].modality != 0;
    float sum = 0.0;

    for (uint c = first; c < n; c += step)
      sum += VEC4 ? dot (x4[at / 4 + c], x4[at / 4 + c])
                  : x1[at + c] * x1[at + c];
    float norm = 1.0 / sqrt (group_sum (sum) / float (pc.cols) + pc.eps);

    for (uint c = first; c < n; c += step) {
      if (VEC4)
        o4[to / 4 + c] = x4[at / 4 + c] * norm
            * (vision ? w1_4[pc.w1_offset / 4 + c]
                      : w0_4[pc.w0_offset / 4 + c]);
      else
        o1[to + c] = x1[at + c] * norm
            * (vision ? w1_1[pc.w1_offset + c] : w0_1[pc.w0_offset + c]);
    }
  }
}
