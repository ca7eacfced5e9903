#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of rows of logits: index of the first largest, its value, log (sum (exp)),
 * and how many are NaN or infinite; those take no part. The id that a row bans
 * can't be the largest, but counts in the sum. One workgroup a row, more rows if
 * the grid is limited; a row in several bindings is done piece by piece, each
 * going on from the result of the ones before. No good logit at all: id 0, max
 * and log_sum_exp minus infinity; none but the banned one: id 0, max minus
 * infinity. */
#include "include/owl2.glsl"
#include "include/bad.glsl"

layout (push_constant) uniform Push { owl2_pc_argmax pc; };
layout (set = 0, binding = 0) readonly buffer Logits { uint l[]; };
layout (set = 0, binding = 1) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 2) buffer Results { uint results[]; };

shared float max_tmp[gl_WorkGroupSize.x];
shared float sum_tmp[gl_WorkGroupSize.x];
shared float win_tmp[gl_WorkGroupSize.x];
shared uint id_tmp[gl_WorkGroupSize.x];
shared uint bad_tmp[gl_WorkGroupSize.x];

#define NONE 0xffffffffu
#define LOWEST (-3.402823466e38)
#define MINUS_INFINITY 0xff800000u

/* The row's result, with what the pieces before found. */
void
store (uint at, float top, float sum, float win, uint id, uint bad)
{
  float lse = top + log (sum);

  if (pc.go_on != 0) {
    bad += results[at + 3];
    if (!is_bad (results[at + 2])) {
      float before = uintBitsToFloat (results[at + 2]);
      float m = max (before, top);

      lse = m + log (sum * exp (top - m) + exp (before - m));
      sum = 1.0;
    }
    if (!is_bad (results[at + 1])) {
      float before = uintBitsToFloat (results[at + 1]);

      if (id == NONE || before >= win) {
        id = results[at];
        win = before;
      }
    }
  }
  results[at] = id == NONE ? 0 : id;
  results[at + 1] = id == NONE ? MINUS_INFINITY : floatBitsToUint (win);
  results[at + 2] = sum == 0.0 ? MINUS_INFINITY : floatBitsToUint (lse);
  results[at + 3] = bad;
}

void
main ()
{
  uint i = gl_LocalInvocationIndex;

  for (uint r = gl_WorkGroupID.x; r < pc.rows; r += gl_NumWorkGroups.x) {
    uint at = pc.l_offset + r * pc.l_stride;
    uint ban = rows[pc.r_offset + r].ban;
    float top = LOWEST, sum = 0.0, win = LOWEST;
    uint id = NONE, bad = 0;

    for (uint c = i; c < pc.n; c += gl_WorkGroupSize.x) {
      uint bits = l[at + c];
      float v = uintBitsToFloat (bits);

      if (is_bad (bits)) {
        bad++;
        continue;
      }
      if (sum == 0.0 || v > top) {
        sum = sum == 0.0 ? 1.0 : sum * exp (top - v) + 1.0;
        top = v;
      } else {
        sum += exp (v - top);
      }
      if (pc.first + c != ban && (id == NONE || v > win)) {
        win = v;
        id = pc.first + c;
      }
    }
    max_tmp[i] = top;
    sum_tmp[i] = sum;
    win_tmp[i] = win;
    id_tmp[i] = id;
    bad_tmp[i] = bad;
    barrier ();

    for (uint n = gl_WorkGroupSize.x / 2; n > 0; n /= 2) {
      if (i < n) {
        float a = max_tmp[i], b = max_tmp[i + n], m = max (a, b);
        float wa = win_tmp[i], wb = win_tmp[i + n];
        uint ia = id_tmp[i], ib = id_tmp[i + n];

        /* An empty part has sum 0 and the lowest value. */
        sum_tmp[i] = sum_tmp[i] * exp (a - m) + sum_tmp[i + n] * exp (b - m);
        max_tmp[i] = m;
        id_tmp[i] = wa > wb ? ia : wb > wa ? ib : min (ia, ib);
        win_tmp[i] = max (wa, wb);
        bad_tmp[i] += bad_tmp[i + n];
      }
      barrier ();
    }
    if (i == 0)
      store (4 * (pc.e_offset + rows[pc.r_offset + r].result), max_tmp[0],
        sum_tmp[0], win_tmp[0], id_tmp[0], bad_tmp[0]);
    barrier ();
  }
}
