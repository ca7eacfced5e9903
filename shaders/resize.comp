#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One pass of Pillow's resize, in its integers: each channel is
 *   clamp ((2^21 + outside * pad + sum (weight[t] * byte[first + t])) >> 22,
 *       0, 255).
 * filter: u32 [out][OWL2_FILTER_HEAD + taps]: first, count, outside, int32
 * weights. Pixels are words 0x00BBGGRR, or packed RGB bytes for src. One
 * invocation a pixel of dst, more if the grid is limited. */
#include "include/owl2.glsl"

layout (constant_id = OWL2_SC_RESIZE_RGB) const bool RGB = false;
layout (constant_id = OWL2_SC_RESIZE_VERTICAL) const bool VERTICAL = false;

layout (push_constant) uniform Push { owl2_pc_resize pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) readonly buffer Filter { uint f[]; };
layout (set = 0, binding = 2) writeonly buffer Dst { uint d[]; };

uint
load_byte (uint at)
{
  return (s[at >> 2] >> (8 * (at & 3))) & 0xff;
}

ivec3
load_pixel (uint y, uint x)
{
  if (RGB) {
    uint at = pc.s_offset + y * pc.s_stride + 3 * x;
    return ivec3 (load_byte (at), load_byte (at + 1), load_byte (at + 2));
  }
  uint p = s[pc.s_offset + y * pc.s_stride + x];
  return ivec3 (p & 0xff, (p >> 8) & 0xff, (p >> 16) & 0xff);
}

void
main ()
{
  uint n = pc.rows * pc.cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint y = i / pc.cols, x = i % pc.cols;
    uint fo = pc.f_offset
        + (VERTICAL ? pc.filter0 + y : x) * (OWL2_FILTER_HEAD + pc.taps);
    uint first = f[fo], count = f[fo + 1];
    ivec3 sum = (1 << 21)
        + int (f[fo + 2]) * ivec3 (OWL2_PAD_R, OWL2_PAD_G, OWL2_PAD_B);

    for (uint t = 0; t < count; t++) {
      int w = int (f[fo + OWL2_FILTER_HEAD + t]);
      sum += w * (VERTICAL ? load_pixel (first + t, x)
                           : load_pixel (y, first + t));
    }
    uvec3 p = uvec3 (clamp (sum >> 22, ivec3 (0), ivec3 (255)));
    d[pc.d_offset + i] = p.x | p.y << 8 | p.z << 16;
  }
}
