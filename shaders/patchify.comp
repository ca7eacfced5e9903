#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[patch row-major][channel][y][x] = lut[channel][byte]: the rows that the
 * patch convolution's weight, flattened, is multiplied with. src: words
 * 0x00BBGGRR [size][size]. One invocation an element of out, more if the grid
 * is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_patchify pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) readonly buffer Lut { float lut[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };

void
main ()
{
  uint area = pc.edge * pc.edge;
  uint n = pc.rows * 3 * area;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / (3 * area), e = i % (3 * area);
    uint channel = e / area, py = e % area / pc.edge, px = e % pc.edge;
    uint y = (pc.row0 + r) / pc.grid * pc.edge + py;
    uint x = (pc.row0 + r) % pc.grid * pc.edge + px;
    uint pixel = s[pc.s_offset + y * pc.size + x];
    uint byte = (pixel >> (8 * channel)) & 0xff;

    o[pc.o_offset + r * pc.o_stride + e] =
        lut[pc.l_offset + channel * 256 + byte];
  }
}
