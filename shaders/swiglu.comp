#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out = gate * sigmoid (gate) * up. One invocation an element, or four if
 * VEC4; more if the grid is limited. out may be gate or up. */
#include "include/owl2.glsl"
#include "include/act.glsl"

layout (push_constant) uniform Push { owl2_pc_swiglu pc; };
layout (set = 0, binding = 0) readonly buffer Gate1 { float g1[]; };
layout (set = 0, binding = 0) readonly buffer Gate4 { vec4 g4[]; };
layout (set = 0, binding = 1) readonly buffer Up1 { float u1[]; };
layout (set = 0, binding = 1) readonly buffer Up4 { vec4 u4[]; };
layout (set = 0, binding = 2) writeonly buffer Out1 { float o1[]; };
layout (set = 0, binding = 2) writeonly buffer Out4 { vec4 o4[]; };

void
main ()
{
  uint width = VEC4 ? 4 : 1;
  uint cols = pc.cols / width, n = pc.rows * cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / cols, c = i % cols * width;
    uint at = pc.o_offset + r * pc.o_stride + c;
    uint at_g = pc.g_offset + r * pc.g_stride + c;
    uint at_u = pc.u_offset + r * pc.u_stride + c;

    if (VEC4) {
      vec4 g = g4[at_g / 4];

      o4[at / 4] = vec4 (x_sigmoid (g.x, 1.0), x_sigmoid (g.y, 1.0),
          x_sigmoid (g.z, 1.0), x_sigmoid (g.w, 1.0)) * u4[at_u / 4];
    } else {
      o1[at] = x_sigmoid (g1[at_g], 1.0) * u1[at_u];
    }
  }
}
