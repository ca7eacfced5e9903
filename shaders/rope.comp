#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rotary position embedding by halves (Su et al. 2021; LLaMA's pairing):
 *   a = x[i], b = x[i + head_dim / 2]
 *   x[i] = a cos - b sin, x[i + head_dim / 2] = b cos + a sin
 * in place. x [rows][n_heads * head_dim]; table row [cos: head_dim / 2][sin:
 * head_dim / 2]. One invocation a pair, more if the grid is limited. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_rope pc; };
layout (set = 0, binding = 0) buffer X { float x[]; };
layout (set = 0, binding = 1) readonly buffer Table { float t[]; };

void
main ()
{
  uint half_dim = pc.head_dim / 2;
  uint pairs = pc.n_heads * half_dim;   /* of a row */
  uint n = pc.rows * pairs;

  for (uint i = OWL2_FIRST; i < n; i += OWL2_STEP) {
    uint r = i / pairs, p = i % pairs;
    uint h = p / half_dim, e = p % half_dim;
    uint at = pc.x_offset + r * pc.x_stride + h * pc.head_dim + e;
    uint tab = pc.t_offset + r * pc.t_stride + e;
    float a = x[at], b = x[at + half_dim];
    float c = t[tab], s = t[tab + half_dim];

    x[at] = a * c - b * s;
    x[at + half_dim] = b * c + a * s;
  }
}
