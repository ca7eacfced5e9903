#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention (see include/attention.glsl) for few queries with many keys, split
 * over the keys: a workgroup takes WORKGROUP keys, whole pages, of one query and
 * head. Four lanes share a key, so that what a subgroup loads at once lies in
 * whole sectors. For the values an invocation owns a vec4 of the head and every
 * GROUPS-th key; the groups are added at the end.
 *
 * A part leaves its sums, not divided yet, and behind them its largest score and
 * the sum of its exponentials, for attention_join.comp; that of a query that has
 * no other is the result. Parts lie [query][head][part]. Those that no query
 * needs are none: how many there are is fixed by what the sequences may have. */
#define OWL2_PAGED
#define OWL2_PARTS
#include "include/owl2.glsl"
#include "include/reduce.glsl"
#include "include/attention.glsl"

#define WG gl_WorkGroupSize.x
#define LANES 4
const uint GROUPS = gl_WorkGroupSize.x / D4;    /* at least 4: WG is 256 */

shared vec4 qs[D4];
shared float lane_sums[gl_WorkGroupSize.x * (LANES + 1)];
shared float ps[gl_WorkGroupSize.x];
shared uint vs[gl_WorkGroupSize.x];     /* where the keys' values start */
shared vec4 groups[gl_WorkGroupSize.x];

/* q k' of the part's keys, of which there are @count from @first on, in the sums
 * of their lanes. */
void
score_keys (uint list, uint head, uint first, uint count)
{
  uint lane = gl_LocalInvocationIndex % LANES;

  for (uint j = gl_LocalInvocationIndex / LANES; j < count; j += WG / LANES) {
    uint page = page_of (list, first + j), at = k_at (page, first + j, head);
    float s = 0.0;

    for (uint d = lane; d < D4; d += LANES)
      s += dot (qs[d], load_k (at, d, k_scale (at, d)));
    lane_sums[j * (LANES + 1) + lane] = s;
    if (lane == 0)
      vs[j] = v_at (page, first + j, head);
  }
}

/* The invocation's share of the values' sum. */
vec4
sum_values (uint count)
{
  uint d4 = gl_LocalInvocationIndex % D4, group = gl_LocalInvocationIndex / D4;
  vec4 acc = vec4 (0.0);

  if (group < GROUPS)
    for (uint j = group; j < count; j += GROUPS)
      acc += ps[j] * load_v (vs[j], d4, v_scale (vs[j], d4));
  return acc;
}

void
main ()
{
  uint i = gl_LocalInvocationIndex, pairs = pc.n_q * pc.n_heads;

  for (uint item = gl_WorkGroupID.x; item < pairs * pc.n_parts;
       item += gl_NumWorkGroups.x) {
    uint pair = item % pairs, part = item / pairs;
    uint row = pair / pc.n_heads, head = pair % pc.n_heads;
    uint n_keys = keys_of (row), first = part * WG;

    if (first >= n_keys)
      continue;

    uint count = min (WG, n_keys - first);

    for (uint d = i; d < D4; d += WG)
      qs[d] = load_q (q_at (row, head), d) * pc.scale;
    barrier ();
    score_keys (pages_of (row), head, first, count);
    barrier ();

    float s = LOWEST;

    if (i < count) {
      s = 0.0;
      for (uint t = 0; t < LANES; t++)
        s += lane_sums[i * (LANES + 1) + t];
    }

    float top = group_max (s), p = i < count ? exp (s - top) : 0.0;

    ps[i] = p;

    float sum = group_sum (p);
    vec4 acc = sum_values (count);

    groups[i] = acc;
    barrier ();

    bool alone = n_keys <= WG;
    uint to = pc.s_offset + (pair * pc.n_parts + part) * (HEAD_DIM + 2);

    if (i < D4) {
      for (uint g = 1; g < GROUPS; g++)
        acc += groups[g * D4 + i];
      for (uint e = 0; e < 4; e++)
        if (4 * i + e < HEAD_DIM) {
          if (alone)
            store_out (row, head, 4 * i + e, acc[e] / sum);
          else
            parts[to + 4 * i + e] = acc[e];
        }
    }
    if (i == 0 && !alone) {
      parts[to + HEAD_DIM] = top;
      parts[to + HEAD_DIM + 1] = sum;
    }
    barrier ();
  }
}
