#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* probs[head * n_q + row][key] = softmax (q k' * scale); keys that a row does
 * not see get 0. For looking inside, so simple rather than fast: one
 * workgroup a row; an invocation owns every WORKGROUP-th key and keeps its
 * scores in out itself until they are normalised. */
#include "include/owl2.glsl"
#include "include/reduce.glsl"
#define OWL2_KEYS_ALONE
#include "include/attention.glsl"

layout (set = 0, binding = 2) buffer Out { float o[]; };

void
main ()
{
  uint first = gl_LocalInvocationIndex, step = gl_WorkGroupSize.x;

  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint head = (pc.row0 + r) / pc.n_q, row = (pc.row0 + r) % pc.n_q;
    uint or = pc.o_offset + r * pc.o_stride, n_keys = keys_of (row);
    uint list = pages_of (row);
    float top = LOWEST, sum = 0.0;

    for (uint j = first; j < n_keys; j += step) {
      uint at = k_at (page_of (list, j), j, head);
      float s = 0.0;

      for (uint d = 0; d < D4; d++)
        s += dot (load_q (q_at (row, head), d),
          load_k (at, d, k_scale (at, d)));
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
