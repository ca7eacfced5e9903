#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dst = src, as words, so that every bit pattern survives. One invocation an
 * element, or four if VEC4; more if the grid is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_copy pc; };
layout (set = 0, binding = 0) readonly buffer Src1 { uint s1[]; };
layout (set = 0, binding = 0) readonly buffer Src4 { uvec4 s4[]; };
layout (set = 0, binding = 1) writeonly buffer Dst1 { uint d1[]; };
layout (set = 0, binding = 1) writeonly buffer Dst4 { uvec4 d4[]; };

void
main ()
{
  uint width = VEC4 ? 4 : 1;
  uint cols = pc.cols / width, n = pc.rows * cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / cols, c = i % cols * width;
    uint from = pc.s_offset + r * pc.s_stride + c;
    uint to = pc.d_offset + r * pc.d_stride + c;

    if (VEC4)
      d4[to / 4] = s4[from / 4];
    else
      d1[to] = s1[from];
  }
}
