#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#ifdef OWL2_SHUFFLE
# extension GL_KHR_shader_subgroup_shuffle : require
#else
# extension GL_KHR_shader_subgroup_ballot : require
#endif
#extension GL_EXT_control_flow_attributes : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention (see include/attention.glsl) for many queries, for drivers that
 * run subgroups as SIMD lanes of a CPU (see matmul_texels.comp). A lane owns
 * QUERIES queries of one head, with all of their elements, scores and sums, so
 * the softmax needs no other lane. Keys and values are loaded one a lane and
 * their elements broadcast. A workgroup is one subgroup. */
#include "include/owl2.glsl"
#include "include/attention.glsl"

layout (constant_id = OWL2_SC_ATTENTION_QUERIES) const uint QUERIES = 1;

#ifdef OWL2_SHUFFLE
# define BROADCAST(V, LANE) subgroupShuffle (V, LANE)
#else
# define BROADCAST(V, LANE) subgroupBroadcast (V, LANE)
#endif

#define LANES gl_WorkGroupSize.x
/* Taken at a time; a lane loads one. */
const uint KEYS = gl_WorkGroupSize.x < 8 ? gl_WorkGroupSize.x : 8;

/* Each lane's own results, so that the loop that stores them can be a loop: no
 * lane reads another's, and no barrier is needed. */
shared vec4 outs[QUERIES * D4 * gl_WorkGroupSize.x];

void
main ()
{
  uint lane = gl_SubgroupInvocationID;
  uint tile = LANES * QUERIES;
  uint tiles_q = (pc.n_q + tile - 1) / tile;
  uint first = keys_of (0), list = pages_of (0);

  for (uint item = gl_WorkGroupID.x; item < tiles_q * pc.n_heads;
       item += gl_NumWorkGroups.x) {
    uint row0 = item % tiles_q * tile, head = item / tiles_q;
    /* The last query sees the most. */
    uint end = keys_of_run (first, min (row0 + tile, pc.n_q) - 1);
    vec4 q[QUERIES * D4], acc[QUERIES * D4];
    float top[QUERIES], sum[QUERIES];

    [[unroll]] for (uint t = 0; t < QUERIES; t++) {
      uint row = min (row0 + t * LANES + lane, pc.n_q - 1);

      top[t] = LOWEST;
      sum[t] = 0.0;
      [[unroll]] for (uint d = 0; d < D4; d++) {
        q[t * D4 + d] = load_q (q_at (row, head), d) * pc.scale;
        acc[t * D4 + d] = vec4 (0.0);
      }
    }

    for (uint j0 = 0; j0 < end; j0 += KEYS) {
      uint key = min (j0 + lane % KEYS, end - 1), page = page_of (list, j0);
      float s[QUERIES * KEYS];

      [[unroll]] for (uint t = 0; t < QUERIES * KEYS; t++)
        s[t] = 0.0;
      float scale;

      [[unroll]] for (uint d = 0; d < D4; d++) {
        if (d % KV_GROUP == 0)
          scale = k_scale (k_at (page, key, head), d);

        vec4 k = load_k (k_at (page, key, head), d, scale);

        [[unroll]] for (uint j = 0; j < KEYS; j++) {
          [[unroll]] for (uint e = 0; e < 4; e++) {
            float b = BROADCAST (k[e], j);

            [[unroll]] for (uint t = 0; t < QUERIES; t++)
              s[t * KEYS + j] += q[t * D4 + d][e] * b;
          }
        }
      }

      float shrink[QUERIES];

      [[unroll]] for (uint t = 0; t < QUERIES; t++) {
        uint seen = keys_of_run (first, row0 + t * LANES + lane);
        float new_top = top[t], add = 0.0;

        [[unroll]] for (uint j = 0; j < KEYS; j++)
          new_top = max (new_top, j0 + j < seen ? s[t * KEYS + j] : LOWEST);
        [[unroll]] for (uint j = 0; j < KEYS; j++) {
          float p = j0 + j < seen ? exp (s[t * KEYS + j] - new_top) : 0.0;

          s[t * KEYS + j] = p;
          add += p;
        }
        shrink[t] = exp (top[t] - new_top);
        sum[t] = sum[t] * shrink[t] + add;
        top[t] = new_top;
      }

      [[unroll]] for (uint d = 0; d < D4; d++) {
        if (d % KV_GROUP == 0)
          scale = v_scale (v_at (page, key, head), d);

        vec4 v = load_v (v_at (page, key, head), d, scale);
        vec4 a[QUERIES];

        [[unroll]] for (uint t = 0; t < QUERIES; t++)
          a[t] = acc[t * D4 + d] * shrink[t];
        [[unroll]] for (uint j = 0; j < KEYS; j++) {
          [[unroll]] for (uint e = 0; e < 4; e++) {
            float b = BROADCAST (v[e], j);

            [[unroll]] for (uint t = 0; t < QUERIES; t++)
              a[t][e] += s[t * KEYS + j] * b;
          }
        }
        [[unroll]] for (uint t = 0; t < QUERIES; t++)
          acc[t * D4 + d] = a[t];
      }
    }

    [[unroll]] for (uint t = 0; t < QUERIES; t++)
      [[unroll]] for (uint d = 0; d < D4; d++)
        outs[(t * D4 + d) * LANES + lane] = acc[t * D4 + d] * (1.0 / sum[t]);
    [[dont_unroll]] for (uint i = 0; i < QUERIES * D4; i++) {
      uint row = row0 + i / D4 * LANES + lane;
      vec4 v = outs[i * LANES + lane];

      [[dont_unroll]] for (uint e = 0; e < 4; e++)
        if (row < pc.n_q && 4 * (i % D4) + e < HEAD_DIM)
          store_out (row, head, 4 * (i % D4) + e, v[e]);
    }
  }
}
