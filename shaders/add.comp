#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r][c] = a[r][c] + b[(row0 + r) % b_rows][c]. One invocation an element,
 * more if the grid is limited. out may be a. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_add pc; };
layout (set = 0, binding = 0) readonly buffer A { float a[]; };
layout (set = 0, binding = 1) readonly buffer B { float b[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };

void
main ()
{
  uint n = pc.rows * pc.cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / pc.cols, c = i % pc.cols;
    uint rb = (pc.row0 + r) % pc.b_rows;

    o[pc.o_offset + r * pc.o_stride + c] =
        a[pc.a_offset + r * pc.a_stride + c]
        + b[pc.b_offset + rb * pc.b_stride + c];
  }
}
