#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adds up the rows of x and of y [rows][cols] to two vectors a and b, and writes
 * their products a a, b b and a b. One workgroup: invocation i has the columns
 * i, i + workgroup and so on, and the parts are added in pairs, so the order is
 * always the same. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_pooled_dots pc; };
layout (set = 0, binding = 0) readonly buffer X { float x[]; };
layout (set = 0, binding = 1) readonly buffer Y { float y[]; };
layout (set = 0, binding = 2) writeonly buffer Dots { float dots[]; };

shared vec3 tmp[gl_WorkGroupSize.x];

void
main ()
{
  uint i = gl_LocalInvocationIndex;
  vec3 sum = vec3 (0.0);

  for (uint c = i; c < pc.cols; c += gl_WorkGroupSize.x) {
    float a = 0.0, b = 0.0;

    for (uint r = 0; r < pc.rows; r++) {
      a += x[pc.x_offset + r * pc.x_stride + c];
      b += y[pc.y_offset + r * pc.y_stride + c];
    }
    sum += vec3 (a * a, b * b, a * b);
  }
  tmp[i] = sum;
  barrier ();

  for (uint n = gl_WorkGroupSize.x / 2; n > 0; n /= 2) {
    if (i < n)
      tmp[i] += tmp[i + n];
    barrier ();
  }
  if (i == 0) {
    dots[pc.d_offset] = tmp[0].x;
    dots[pc.d_offset + 1] = tmp[0].y;
    dots[pc.d_offset + 2] = tmp[0].z;
  }
}
