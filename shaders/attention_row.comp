#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* softmax (q k' * scale) v for one query and head a workgroup: for few queries
 * with many keys. The keys are taken WORKGROUP at a time, one an invocation;
 * maximum and sum of the softmax run along (Milakov, Gimelshein 2018), so no
 * row of scores is ever held. For the values an invocation owns every
 * WORKGROUP-th element of the head. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"

layout (constant_id = OWL2_SC_ATTENTION_HEAD_DIM) const uint HEAD_DIM = 64;
layout (constant_id = OWL2_SC_ATTENTION_CAUSAL) const bool CAUSAL = false;

layout (push_constant) uniform Push { owl2_pc_attention pc; };
layout (set = 0, binding = 0) readonly buffer Q { float q[]; };
layout (set = 0, binding = 1) readonly buffer K { float k[]; };
layout (set = 0, binding = 2) readonly buffer V { float v[]; };
layout (set = 0, binding = 3) writeonly buffer Out { float o[]; };

#define WG gl_WorkGroupSize.x
const uint OWNED = (HEAD_DIM + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
const float LOWEST = -3.402823466e38;

shared float qs[HEAD_DIM];
shared float ps[gl_WorkGroupSize.x];

void
main ()
{
  uint i = gl_LocalInvocationIndex;
  uint items = pc.n_q * pc.n_heads;

  for (uint item = gl_WorkGroupID.x; item < items;
       item += gl_NumWorkGroups.x) {
    uint row = item / pc.n_heads, head = item % pc.n_heads;
    uint kv = head / pc.group * pc.kv_head_stride;
    uint n_keys = CAUSAL ? min (pc.n_k, pc.pos0 + row + 1) : pc.n_k;
    float acc[OWNED];
    float top = LOWEST, sum = 0.0;

    for (uint d = i; d < HEAD_DIM; d += WG)
      qs[d] = q[pc.q_offset + row * pc.q_stride + head * pc.q_head_stride + d]
          * pc.scale;
    for (uint e = 0; e < OWNED; e++)
      acc[e] = 0.0;
    barrier ();

    for (uint j0 = 0; j0 < n_keys; j0 += WG) {
      float s = LOWEST;

      if (j0 + i < n_keys) {
        uint at = pc.k_offset + (j0 + i) * pc.k_stride + kv;

        s = 0.0;
        for (uint d = 0; d < HEAD_DIM; d++)
          s += qs[d] * k[at + d];
      }
      float new_top = max (top, group_max (s));
      float shrink = exp (top - new_top);
      float p = j0 + i < n_keys ? exp (s - new_top) : 0.0;

      top = new_top;
      sum = sum * shrink + p;
      ps[i] = p;
      barrier ();

      uint count = min (WG, n_keys - j0);
      for (uint e = 0; e < OWNED; e++) {
        uint d = e * WG + i;

        if (d < HEAD_DIM) {
          uint at = pc.v_offset + j0 * pc.v_stride + kv + d;
          float a = acc[e] * shrink;

          for (uint j = 0; j < count; j++)
            a += ps[j] * v[at + j * pc.v_stride];
          acc[e] = a;
        }
      }
      barrier ();
    }

    float norm = 1.0 / group_sum (sum);
    for (uint e = 0; e < OWNED; e++) {
      uint d = e * WG + i;

      if (d < HEAD_DIM)
        o[pc.o_offset + row * pc.o_stride + head * HEAD_DIM + d]
            = acc[e] * norm;
    }
  }
}
