#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r][c] = a[r][c] + b[(row0 + r) % b_rows][c]. One invocation an element,
 * or four if VEC4; more if the grid is limited. out may be a. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_add pc; };
layout (set = 0, binding = 0) readonly buffer A1 { float a1[]; };
layout (set = 0, binding = 0) readonly buffer A4 { vec4 a4[]; };
layout (set = 0, binding = 1) readonly buffer B1 { float b1[]; };
layout (set = 0, binding = 1) readonly buffer B4 { vec4 b4[]; };
layout (set = 0, binding = 2) writeonly buffer Out1 { float o1[]; };
layout (set = 0, binding = 2) writeonly buffer Out4 { vec4 o4[]; };

void
main ()
{
  uint width = VEC4 ? 4 : 1;
  uint cols = pc.cols / width, n = pc.rows * cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / cols, c = i % cols * width;
    uint rb = (pc.row0 + r) % pc.b_rows;
    uint at = pc.o_offset + r * pc.o_stride + c;
    uint at_a = pc.a_offset + r * pc.a_stride + c;
    uint at_b = pc.b_offset + rb * pc.b_stride + c;

    if (VEC4)
      o4[at / 4] = a4[at_a / 4] + b4[at_b / 4];
    else
      o1[at] = a1[at_a] + b1[at_b];
  }
}
