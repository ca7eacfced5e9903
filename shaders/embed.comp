#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[i] = table[ids[i]], for the ids in this piece of the table: t_row0 ..
 * t_row0 + t_rows - 1; other rows of out are left alone. OWL2_F16: the table's
 * elements are halves. One workgroup a row, more rows if the grid is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_embed pc; };
layout (set = 0, binding = 0) readonly buffer Ids { uint ids[]; };
layout (set = 0, binding = 1) readonly buffer Table { uint t[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };

void
main ()
{
  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint id = ids[pc.i_offset + r];
    uint or = pc.o_offset + r * pc.o_stride;

    if (id < pc.t_row0 || id - pc.t_row0 >= pc.t_rows)
      continue;

    uint tr = pc.t_offset + (id - pc.t_row0) * pc.t_stride;
    for (uint c = gl_LocalInvocationIndex; c < pc.cols;
         c += gl_WorkGroupSize.x) {
#ifdef OWL2_F16
      vec2 pair = unpackHalf2x16 (t[(tr + c) / 2]);
      o[or + c] = ((tr + c) & 1) != 0 ? pair.y : pair.x;
#else
      o[or + c] = uintBitsToFloat (t[tr + c]);
#endif
    }
  }
}
