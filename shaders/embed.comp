#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r] = table[id of row r], for the ids in this piece of the table: t_row0
 * .. t_row0 + t_rows - 1; other rows of out are left alone. The id stands in the
 * table of rows, or in the entry of the results that it names. The table is of
 * any type of weights. One workgroup a row, more rows if the grid is limited.
 */
#include "include/owl2.glsl"
#include "include/weight.glsl"

layout (push_constant) uniform Push { owl2_pc_embed pc; };
layout (set = 0, binding = 0) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };
layout (set = 0, binding = 3) readonly buffer Results {
  owl2_result results[];
};

void
main ()
{
  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint id = rows[pc.r_offset + r].source;
    uint or = pc.o_offset + r * pc.o_stride;

    if (id != OWL2_ROW_GIVEN && (id & OWL2_ROW_RESULT) != 0)
      id = results[pc.e_offset + (id & ~OWL2_ROW_RESULT)].id;
    if (id < pc.t_row0 || id - pc.t_row0 >= pc.t_rows)
      continue;

    uint tr = pc.t_offset + (id - pc.t_row0) * pc.t_stride;
    for (uint c4 = gl_LocalInvocationIndex; c4 < (pc.cols + 3) / 4;
         c4 += gl_WorkGroupSize.x) {
      vec4 v = load_weight (tr, c4, pc.cols);

      for (uint e = 0; e < 4; e++)
        if (4 * c4 + e < pc.cols)
          o[or + 4 * c4 + e] = v[e];
    }
  }
}
