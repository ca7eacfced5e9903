#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[r][c] = scale * sum over h of x[h * rows + r][c], added to what is there
 * if ADD. One invocation an element; more if the grid is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_mean_heads pc; };
layout (set = 0, binding = 0) readonly buffer X { float x[]; };
layout (set = 0, binding = 1) buffer Out { float o[]; };

void
main ()
{
  uint n = pc.rows * pc.cols;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / pc.cols, c = i % pc.cols;
    uint at = pc.o_offset + r * pc.o_stride + c;
    float sum = 0.0;

    for (uint h = 0; h < pc.n_heads; h++)
      sum += x[pc.x_offset + (h * pc.rows + r) * pc.x_stride + c];
    sum *= pc.scale;
    o[at] = pc.add != 0 ? o[at] + sum : sum;
  }
}
