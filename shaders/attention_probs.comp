#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probs[head * n_q + row][key] = softmax (q k' * scale); keys that a causal
 * mask hides get 0. For looking inside, so simple rather than fast: one
 * workgroup a row; an invocation owns every WORKGROUP-th key and keeps its
 * scores in out itself until they are normalised. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"

layout (constant_id = OWL2_SC_ATTENTION_HEAD_DIM) const uint HEAD_DIM = 64;

layout (push_constant) uniform Push { owl2_pc_attention pc; };
layout (set = 0, binding = 0) readonly buffer Q { float q[]; };
layout (set = 0, binding = 1) readonly buffer K { float k[]; };
layout (set = 0, binding = 2) buffer Out { float o[]; };

const float LOWEST = -3.402823466e38;

void
main ()
{
  uint first = gl_LocalInvocationIndex, step = gl_WorkGroupSize.x;

  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint head = (pc.row0 + r) / pc.n_q, row = (pc.row0 + r) % pc.n_q;
    uint qr = pc.q_offset + row * pc.q_stride + head * pc.q_head_stride;
    uint kr = pc.k_offset + head / pc.group * pc.kv_head_stride;
    uint or = pc.o_offset + r * pc.o_stride;
    uint n_keys = pc.causal != 0 ? min (pc.n_k, pc.pos0 + row + 1) : pc.n_k;
    float top = LOWEST, sum = 0.0;

    for (uint j = first; j < n_keys; j += step) {
      float s = 0.0;

      for (uint d = 0; d < HEAD_DIM; d++)
        s += q[qr + d] * k[kr + j * pc.k_stride + d];
      s *= pc.scale;
      o[or + j] = s;
      top = max (top, s);
    }
    top = group_max (top);
    for (uint j = first; j < n_keys; j += step) {
      float p = exp (o[or + j] - top);

      o[or + j] = p;
      sum += p;
    }
    float norm = 1.0 / group_sum (sum);
    for (uint j = first; j < pc.n_k; j += step)
      o[or + j] = j < n_keys ? o[or + j] * norm : 0.0;
  }
}
