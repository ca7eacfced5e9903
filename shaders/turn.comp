#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packed RGB bytes, mirrored and turned. One invocation makes four pixels, three
 * words of dst; rows of dst are whole words, padded with zeros. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_turn pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) writeonly buffer Dst { uint d[]; };

void
main ()
{
  uint groups = (pc.width + 3) / 4, n = pc.height * groups;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint y = i / groups, x = i % groups * 4;
    uint words[3] = { 0, 0, 0 };

    [[unroll]] for (uint j = 0; j < 4; j++) {
      uint at = pc.s_offset + min (x + j, pc.width - 1) * pc.right
          + y * pc.down;

      [[unroll]] for (uint c = 0; c < 3; c++) {
        uint byte = (s[(at + c) >> 2] >> (8 * ((at + c) & 3))) & 0xff;
        const uint to = 3 * j + c;

        words[to / 4] |= (x + j < pc.width ? byte : 0) << (8 * (to % 4));
      }
    }

    uint at = pc.d_offset + y * pc.d_stride + x / 4 * 3;
    uint left = pc.d_stride - x / 4 * 3;

    d[at] = words[0];
    if (left > 1)
      d[at + 1] = words[1];
    if (left > 2)
      d[at + 2] = words[2];
  }
}
