#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame of any format to packed RGB bytes, by the formula in picture.h. Each
 * component of src lies at an offset, a row's and a pixel's bytes apart. One
 * invocation makes four pixels, three words of dst; rows of dst are whole words,
 * padded with zeros. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_to_rgb pc; };
layout (set = 0, binding = 0) readonly buffer Src { uint s[]; };
layout (set = 0, binding = 1) writeonly buffer Dst { uint d[]; };

int
load_byte (uint at)
{
  return int ((s[at >> 2] >> (8 * (at & 3))) & 0xff);
}

/* One row's chroma at four pixels, from the four samples around them. */
ivec4
along_row (uint at, uint step, uvec4 columns)
{
  ivec4 c;

  [[unroll]] for (uint j = 0; j < 4; j++)
    c[j] = load_byte (at + columns[j] * step);
  if (pc.h_shift == 0)
    return c;
  if ((pc.flags & OWL2_TO_RGB_COSITED_H) != 0)
    return ivec4 (c.y, (c.y + c.z + 1) >> 1, c.z, (c.z + c.w + 1) >> 1);
  return (ivec4 (c.x, 3 * c.y, c.y, 3 * c.z)
             + ivec4 (3 * c.y, c.z, 3 * c.z, c.w) + 2)
      >> 2;
}

ivec4
load_chroma (uint offset, uint stride, uint step, uvec4 columns, uint y)
{
  if (pc.v_shift == 0)
    return along_row (offset + y * stride, step, columns);

  bool odd = (y & 1) != 0;
  uint last = (pc.height + 1) / 2 - 1;
  uint below = min ((y + 1) / 2, last), above = (max (y, 1) - 1) / 2;
  ivec4 a = along_row (offset + above * stride, step, columns);
  ivec4 b = along_row (offset + below * stride, step, columns);

  if ((pc.flags & OWL2_TO_RGB_COSITED_V) != 0)
    return odd ? a : b;
  return odd ? (3 * a + b + 2) >> 2 : (a + 3 * b + 2) >> 2;
}

ivec4
times (ivec4 x, int factor)
{
  x -= 128;
  return ((x << 8 | (x & 255)) * factor) >> 16;
}

ivec4
to_byte (ivec4 x)
{
  return clamp (x, ivec4 (-128), ivec4 (127)) + 128;
}

void
main ()
{
  uint groups = (pc.width + 3) / 4, n = pc.height * groups;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint y = i / groups, x = i % groups * 4;
    uvec4 pixels = min (uvec4 (x, x + 1, x + 2, x + 3), uvec4 (pc.width - 1));
    uint last = ((pc.width + 1) >> pc.h_shift) - 1;
    uvec4 columns = pixels;
    ivec4 first, second, third;

    if (pc.h_shift != 0)
      columns = min (uvec4 (max (x, 2) / 2 - 1, x / 2, x / 2 + 1, x / 2 + 2),
          uvec4 (last));
    [[unroll]] for (uint j = 0; j < 4; j++)
      first[j] =
          load_byte (pc.offset0 + y * pc.stride0 + pixels[j] * pc.step0);
    second = load_chroma (pc.offset1, pc.stride1, pc.step1, columns, y);
    third = load_chroma (pc.offset2, pc.stride1, pc.step1, columns, y);
    if ((pc.flags & OWL2_TO_RGB_YUV) != 0) {
      ivec4 luma = times (first, pc.y);
      ivec4 u = second, v = third;

      first = to_byte (luma + times (v, pc.rv));
      second = to_byte (luma + times (u, pc.gu) + times (v, pc.gv));
      third = to_byte (luma + times (u, pc.bu));
    }

    uint at = pc.d_offset + y * pc.d_stride + x / 4 * 3;
    uint left = pc.d_stride - x / 4 * 3;
    uvec4 there = uvec4 (lessThan (uvec4 (x, x + 1, x + 2, x + 3),
        uvec4 (pc.width)));
    uvec4 r = uvec4 (first) * there, g = uvec4 (second) * there;
    uvec4 b = uvec4 (third) * there;

    d[at] = r.x | g.x << 8 | b.x << 16 | r.y << 24;
    if (left > 1)
      d[at + 1] = g.y | b.y << 8 | r.z << 16 | g.z << 24;
    if (left > 2)
      d[at + 2] = b.z | r.w << 8 | g.w << 16 | b.w << 24;
  }
}
