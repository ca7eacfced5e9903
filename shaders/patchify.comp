#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[patch row-major][channel][y][x] = lut[channel][byte]: the rows that the
 * patch convolution's weight, flattened, is multiplied with. src: words
 * 0x00BBGGRR [size][size]. One invocation a pixel, more if the grid is limited:
 * where lanes are those of a CPU, loads and divisions are loops over them, and so
 * are done once for all three channels. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_patchify pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) readonly buffer Lut { float lut[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };

void
main ()
{
  uint edge = pc.edge, area = edge * edge, grid = pc.grid;
  uint n = pc.rows * area;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / area, e = i - r * area;
    uint down = (pc.row0 + r) / grid, right = pc.row0 + r - down * grid;
    uint py = e / edge, px = e - py * edge;
    uint pixel = s[pc.s_offset + (down * edge + py) * pc.size
        + right * edge + px];
    uint to = pc.o_offset + r * pc.o_stride + e;

    for (uint channel = 0; channel < 3; channel++)
      o[to + channel * area] =
          lut[pc.l_offset + channel * 256 + (pixel >> (8 * channel) & 0xff)];
  }
}
