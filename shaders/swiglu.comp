#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out = gate * sigmoid (gate) * up. One invocation an element, more if the
 * grid is limited. out may be gate or up. */
#include "include/owl2.glsl"
#include "include/act.glsl"

layout (push_constant) uniform Push { owl2_pc_swiglu pc; };
layout (set = 0, binding = 0) readonly buffer Gate { float g[]; };
layout (set = 0, binding = 1) readonly buffer Up { float u[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };

void
main ()
{
  uint n = pc.rows * pc.cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / pc.cols, c = i % pc.cols;

    o[pc.o_offset + r * pc.o_stride + c] =
        x_sigmoid (g[pc.g_offset + r * pc.g_stride + c], 1.0)
        * u[pc.u_offset + r * pc.u_stride + c];
  }
}
