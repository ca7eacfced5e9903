#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention (see include/attention.glsl) for few queries with many keys: one
 * query and head a workgroup. The keys are taken WORKGROUP at a time, one an
 * invocation. For the values an invocation owns a vec4 of the head and every
 * PARTS-th key; the parts are added at the end. */
#define OWL2_PAGED
#include "include/owl2.glsl"
#include "include/reduce.glsl"
#include "include/attention.glsl"

#define WG gl_WorkGroupSize.x
const uint PARTS = gl_WorkGroupSize.x / D4;     /* at least 1: WG >= 64 */

shared vec4 qs[D4];
shared float ps[gl_WorkGroupSize.x];
shared uint vs[gl_WorkGroupSize.x];     /* where the keys' values start */
shared vec4 parts[gl_WorkGroupSize.x];

void
main ()
{
  uint i = gl_LocalInvocationIndex, d4 = i % D4, part = i / D4;
  uint items = pc.n_q * pc.n_heads;

  for (uint item = gl_WorkGroupID.x; item < items;
       item += gl_NumWorkGroups.x) {
    uint row = item / pc.n_heads, head = item % pc.n_heads;
    uint n_keys = keys_of (row), list = pages_of (row);
    float top = LOWEST, sum = 0.0;
    vec4 acc = vec4 (0.0);

    for (uint d = i; d < D4; d += WG)
      qs[d] = load_q (q_at (row, head), d) * pc.scale;
    barrier ();

    for (uint j0 = 0; j0 < n_keys; j0 += WG) {
      float s = LOWEST;

      if (j0 + i < n_keys) {
        uint page = page_of (list, j0 + i), at = k_at (page, j0 + i, head);

        vs[i] = v_at (page, j0 + i, head);
        s = 0.0;
        for (uint d = 0; d < D4; d++)
          s += dot (qs[d], load_k (at, d, k_scale (at, d)));
      }
      float new_top = max (top, group_max (s));
      float shrink = exp (top - new_top);
      float p = j0 + i < n_keys ? exp (s - new_top) : 0.0;

      top = new_top;
      sum = sum * shrink + p;
      ps[i] = p;
      barrier ();

      uint count = min (WG, n_keys - j0);

      acc *= shrink;
      if (part < PARTS)
        for (uint j = part; j < count; j += PARTS) {
          uint at = vs[j];

          acc += ps[j] * load_v (at, d4, v_scale (at, d4));
        }
      barrier ();
    }

    float norm = 1.0 / group_sum (sum);

    parts[i] = acc;
    barrier ();
    if (i < D4) {
      for (uint p = 1; p < PARTS; p++)
        acc += parts[p * D4 + i];
      acc *= norm;
      for (uint e = 0; e < 4; e++)
        if (4 * i + e < HEAD_DIM)
          store_out (row, head, 4 * i + e, acc[e]);
    }
    barrier ();
  }
}
