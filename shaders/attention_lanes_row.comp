#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention (see include/attention.glsl) for a single query, for drivers that
 * run subgroups as SIMD lanes of a CPU (see matmul_texels.comp) and shuffle fast.
 * A workgroup is one subgroup and takes a query of one head. The keys are taken
 * one a lane; of the values a lane owns every LANES-th vec4. Nothing but the
 * loads is left of a key then, and those of a smaller type are fewer. */
#define OWL2_PAGED
#include "include/owl2.glsl"
#include "include/attention.glsl"

#define LANES gl_WorkGroupSize.x
const uint OWN = (D4 + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;

void
main ()
{
  uint lane = gl_SubgroupInvocationID;
  uint items = pc.n_q * pc.n_heads;

  for (uint item = gl_WorkGroupID.x; item < items;
       item += gl_NumWorkGroups.x) {
    uint row = item / pc.n_heads, head = item % pc.n_heads;
    uint n_keys = keys_of (row), list = pages_of (row);
    float top = LOWEST, sum = 0.0;
    vec4 q[D4], acc[OWN];

    [[unroll]] for (uint d = 0; d < D4; d++)
      q[d] = load_q (q_at (row, head), d) * pc.scale;
    [[unroll]] for (uint t = 0; t < OWN; t++)
      acc[t] = vec4 (0.0);

    for (uint j0 = 0; j0 < n_keys; j0 += LANES) {
      uint page = page_of (list, j0);
      uint at = k_at (page, min (j0 + lane, n_keys - 1), head);
      float s = 0.0, scale, new_top = top;

      [[unroll]] for (uint d = 0; d < D4; d++) {
        if (d % KV_GROUP == 0)
          scale = k_scale (at, d);
        s += dot (q[d], load_k (at, d, scale));
      }
      if (j0 + lane >= n_keys)
        s = LOWEST;
      [[unroll]] for (uint j = 0; j < LANES; j++)
        new_top = max (new_top, subgroupShuffle (s, j));

      float p = j0 + lane < n_keys ? exp (s - new_top) : 0.0;
      float shrink = exp (top - new_top);

      sum = sum * shrink + p;
      top = new_top;
      [[unroll]] for (uint t = 0; t < OWN; t++)
        acc[t] *= shrink;
      [[dont_unroll]] for (uint j = 0; j < min (LANES, n_keys - j0); j++) {
        float pj = subgroupShuffle (p, j);

        at = v_at (page, j0 + j, head);
        [[unroll]] for (uint t = 0; t < OWN; t++) {
          uint d = min (t * LANES + lane, D4 - 1);

          acc[t] += pj * load_v (at, d, v_scale (at, d));
        }
      }
    }

    float all = 0.0;

    [[unroll]] for (uint j = 0; j < LANES; j++)
      all += subgroupShuffle (sum, j);
    [[unroll]] for (uint t = 0; t < OWN; t++) {
      uint d = t * LANES + lane;

      if (d < D4)
        [[unroll]] for (uint e = 0; e < 4; e++)
          if (4 * d + e < HEAD_DIM)
            store_out (row, head, 4 * d + e, acc[t][e] / all);
    }
  }
}
