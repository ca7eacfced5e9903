#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adds to a word how many elements of x [rows][cols] are NaN or infinite: whole
 * numbers, so in any order. One invocation an element, more if the grid is
 * limited. */
#include "include/owl2.glsl"
#include "include/bad.glsl"

layout (push_constant) uniform Push { owl2_pc_count_bad pc; };
layout (set = 0, binding = 0) readonly buffer X { uint x[]; };
layout (set = 0, binding = 1) buffer Count { uint count[]; };

shared uint bad;

void
main ()
{
  uint mine = 0;

  if (gl_LocalInvocationIndex == 0)
    bad = 0;
  barrier ();
  for (uint i = OWL2_FIRST; i < pc.rows * pc.cols; i += OWL2_STEP)
    mine += uint (
      is_bad (x[pc.x_offset + i / pc.cols * pc.x_stride + i % pc.cols]));
  if (mine != 0)
    atomicAdd (bad, mine);
  barrier ();
  if (gl_LocalInvocationIndex == 0 && bad != 0)
    atomicAdd (count[pc.c_offset], bad);
}
