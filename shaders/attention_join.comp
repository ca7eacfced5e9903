#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts together the parts that attention_split.comp leaves of each query and
 * head, in the order of their keys: with m the largest of the scores top[p],
 *   out = sum_p exp (top[p] - m) acc[p] / sum_p exp (top[p] - m) sum[p].
 * A query of one part is there already. One workgroup a query and head, more
 * where the grid is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_attention_join pc; };
layout (set = 0, binding = 0) readonly buffer Parts { float parts[]; };
layout (set = 0, binding = 1) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };

void
main ()
{
  uint each = pc.head_dim + 2;

  for (uint pair = gl_WorkGroupID.x; pair < pc.n_q * pc.n_heads;
       pair += gl_NumWorkGroups.x) {
    uint row = pair / pc.n_heads, head = pair % pc.n_heads;
    uint n = rows[pc.r_offset + row].position / pc.part + 1;
    uint from = pc.s_offset + pair * pc.n_parts * each;
    float top = parts[from + pc.head_dim], sum = 0.0;

    if (n == 1)
      continue;
    for (uint p = 1; p < n; p++)
      top = max (top, parts[from + p * each + pc.head_dim]);
    for (uint p = 0; p < n; p++) {
      uint at = from + p * each + pc.head_dim;

      sum += exp (parts[at] - top) * parts[at + 1];
    }
    for (uint d = gl_LocalInvocationIndex; d < pc.head_dim;
         d += gl_WorkGroupSize.x) {
      float acc = 0.0;

      for (uint p = 0; p < n; p++) {
        uint at = from + p * each;

        acc += exp (parts[at + pc.head_dim] - top) * parts[at + d];
      }
      o[pc.o_offset + row * pc.o_stride + head * pc.head_dim + d] = acc / sum;
    }
  }
}
