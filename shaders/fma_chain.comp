#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[i] = x[i] after pc.steps times x = x * a + b: all that a device can do
 * where memory is out of the way. An invocation has CHAINS elements at a time,
 * each of which waits only for itself: as many as a core of a CPU or a GPU has
 * multiply-adds under way, and as few as stay in registers. They lie apart, so
 * that neighbouring invocations have neighbouring elements. Of the steps a
 * number is unrolled, so that the loop itself costs next to nothing. */
#include "include/owl2.glsl"

#define CHAINS 8

layout (push_constant) uniform Push { owl2_pc_fma_chain pc; };
layout (set = 0, binding = 0) readonly buffer X { float x[]; };
layout (set = 0, binding = 1) writeonly buffer Out { float o[]; };

void
main ()
{
  for (uint i = OWL2_FIRST; i < pc.cols; i += CHAINS * OWL2_STEP) {
    float v[CHAINS];

    [[unroll]] for (uint c = 0; c < CHAINS; c++) {
      uint at = i + c * OWL2_STEP;

      v[c] = at < pc.cols ? x[pc.x_offset + at] : 0.0;
    }
    for (uint s = 0; s < pc.steps; s += OWL2_FMA_CHAIN_STEPS)
      [[unroll]] for (uint u = 0; u < OWL2_FMA_CHAIN_STEPS; u++)
        [[unroll]] for (uint c = 0; c < CHAINS; c++)
          v[c] = v[c] * pc.a + pc.b;
    [[unroll]] for (uint c = 0; c < CHAINS; c++) {
      uint at = i + c * OWL2_STEP;

      if (at < pc.cols)
        o[pc.o_offset + at] = v[c];
    }
  }
}
