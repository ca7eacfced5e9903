#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dst = src, as words, so that every bit pattern survives. One invocation an
 * element, more if the grid is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_copy pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) writeonly buffer Dst { uint d[]; };

void
main ()
{
  uint n = pc.rows * pc.cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / pc.cols, c = i % pc.cols;

    d[pc.d_offset + r * pc.d_stride + c] =
        s[pc.s_offset + r * pc.s_stride + c];
  }
}
