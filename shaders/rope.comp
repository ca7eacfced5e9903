#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rotary position embedding by halves (Su et al. 2021; LLaMA's pairing):
 *   a = x[i], b = x[i + head_dim / 2]
 *   x[i] = a cos - b sin, x[i + head_dim / 2] = b cos + a sin
 * in place. x [rows][n_heads * head_dim]; table row [cos: head_dim / 2][sin:
 * head_dim / 2] of the row's position. One invocation a pair, or four if VEC4
 * (the halves then are whole vec4s); more if the grid is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_rope pc; };
layout (set = 0, binding = 0) buffer X1 { float x1[]; };
layout (set = 0, binding = 0) buffer X4 { vec4 x4[]; };
layout (set = 0, binding = 1) readonly buffer Table1 { float t1[]; };
layout (set = 0, binding = 1) readonly buffer Table4 { vec4 t4[]; };
layout (set = 0, binding = 2) readonly buffer Rows { owl2_pass_row rows[]; };

void
main ()
{
  uint width = VEC4 ? 4 : 1;
  uint half_dim = pc.head_dim / 2;
  uint steps = half_dim / width;        /* of a head */
  uint units = pc.n_heads * steps;      /* of a row */

  for (uint item = gl_WorkGroupID.x; item < pc.rows * OWL2_SLICES (units);
       item += gl_NumWorkGroups.x) {
    uint r = OWL2_ROW_OF (item, units), u = OWL2_UNIT_OF (item, units);
    uint h = u / steps, e = u % steps * width;
    uint at = pc.x_offset + r * pc.x_stride + h * pc.head_dim + e;
    uint tab = pc.t_offset + rows[pc.r_offset + r].position * pc.t_stride + e;

    if (u >= units)
      continue;
    if (VEC4) {
      vec4 a = x4[at / 4], b = x4[(at + half_dim) / 4];
      vec4 c = t4[tab / 4], s = t4[(tab + half_dim) / 4];

      x4[at / 4] = a * c - b * s;
      x4[(at + half_dim) / 4] = b * c + a * s;
    } else {
      float a = x1[at], b = x1[at + half_dim];
      float c = t1[tab], s = t1[tab + half_dim];

      x1[at] = a * c - b * s;
      x1[at + half_dim] = b * c + a * s;
    }
  }
}
