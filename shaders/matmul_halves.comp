#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of x as halves, for matmul_matrix.comp: halves[m][k] = x[m][k] 2^s with
 * s such that the largest of the row is in [2^14, 2^15), and scales[m] = 2^-s,
 * which is exact. So nothing overflows, and what is less than 2^-28 of the
 * row's largest loses bits or is lost. What is no number, or infinite, stays so.
 * Columns are padded with zeros to whole slices.
 *
 * It is a pass of its own since the scale needs the whole row, and since the
 * workgroups of a product, of which each row of x meets a dozen or more, then
 * read half as much and convert nothing. A workgroup makes a row. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"

layout (push_constant) uniform Push { owl2_pc_matmul_halves pc; };
layout (set = 0, binding = 0) readonly buffer X1 { float x1[]; };
layout (set = 0, binding = 0) readonly buffer X4 { vec4 x4[]; };
layout (set = 0, binding = 1) writeonly buffer Halves { uvec4 halves[]; };
layout (set = 0, binding = 1) writeonly buffer Scales { float scales[]; };

/* Columns 4 k4 .. 4 k4 + 3; those past the last are 0. */
vec4
load (uint row, uint k4)
{
  uint at = pc.x_offset + row * pc.x_stride + 4 * k4;
  vec4 v = vec4 (0.0);

  if (VEC4)
    return 4 * k4 < pc.cols ? x4[at / 4] : v;
  for (uint e = 0; e < 4; e++)
    if (4 * k4 + e < pc.cols)
      v[e] = x1[at + e];
  return v;
}

/* As bits, for drivers need not keep NaN apart. */
uint
larger (uint most, vec4 v)
{
  uvec4 bits = floatBitsToUint (v) & 0x7fffffffu;

  return max (max (most, max (bits.x, bits.y)), max (bits.z, bits.w));
}

void
main ()
{
  uint i = gl_LocalInvocationIndex;

  for (uint row = gl_WorkGroupID.x; row < pc.rows;
       row += gl_NumWorkGroups.x) {
    uint most = 0;

    for (uint k4 = i; k4 < (pc.cols + 3) / 4; k4 += gl_WorkGroupSize.x)
      most = larger (most, load (row, k4));

    /* With the exponents of zero and of infinity, too, both powers are normal
     * numbers. */
    int s = min (127 + 14 - int (group_max (float (most >> 23))), 126);
    float up = uintBitsToFloat (uint (127 + s) << 23);

    for (uint k8 = i; k8 < pc.units; k8 += gl_WorkGroupSize.x) {
      vec4 a = up * load (row, 2 * k8), b = up * load (row, 2 * k8 + 1);

      halves[row * pc.units + k8] = uvec4 (packHalf2x16 (a.xy),
        packHalf2x16 (a.zw), packHalf2x16 (b.xy), packHalf2x16 (b.zw));
    }
    if (i == 0)
      scales[pc.s_offset + row] = uintBitsToFloat (uint (127 - s) << 23);
  }
}
