#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One row of logits: index of the first largest, its value, log (sum (exp)),
 * and how many are NaN or infinite; those take no part. One workgroup; a row
 * in several bindings is done piece by piece, each going on from the result
 * of the ones before. Result: id, max, log_sum_exp, n_bad. No good logit at
 * all: id 0, max and log_sum_exp minus infinity. */
#include "include/owl2.glsl"

layout (push_constant) uniform Push { owl2_pc_argmax pc; };
layout (set = 0, binding = 0) readonly buffer Logits { uint l[]; };
layout (set = 0, binding = 1) buffer Result { uint result[]; };

shared float max_tmp[gl_WorkGroupSize.x];
shared float sum_tmp[gl_WorkGroupSize.x];
shared uint id_tmp[gl_WorkGroupSize.x];
shared uint bad_tmp[gl_WorkGroupSize.x];

#define NONE 0xffffffffu
#define LOWEST (-3.402823466e38)

/* Compared as bits, for drivers need not keep NaN and infinity apart. */
bool
is_bad (uint bits)
{
  return (bits & 0x7f800000u) == 0x7f800000u;
}

void
main ()
{
  uint i = gl_LocalInvocationIndex;
  float top = LOWEST, sum = 0.0;
  uint id = NONE, bad = 0;

  for (uint c = i; c < pc.n; c += gl_WorkGroupSize.x) {
    uint bits = l[pc.l_offset + c];
    float v = uintBitsToFloat (bits);

    if (is_bad (bits)) {
      bad++;
    } else if (id == NONE || v > top) {
      sum = id == NONE ? 1.0 : sum * exp (top - v) + 1.0;
      top = v;
      id = pc.first + c;
    } else {
      sum += exp (v - top);
    }
  }
  max_tmp[i] = top;
  sum_tmp[i] = sum;
  id_tmp[i] = id;
  bad_tmp[i] = bad;
  barrier ();

  for (uint n = gl_WorkGroupSize.x / 2; n > 0; n /= 2) {
    if (i < n) {
      float a = max_tmp[i], b = max_tmp[i + n];
      uint ia = id_tmp[i], ib = id_tmp[i + n];
      float m = max (a, b);

      /* An empty part has sum 0 and the lowest value. */
      sum_tmp[i] = sum_tmp[i] * exp (a - m) + sum_tmp[i + n] * exp (b - m);
      id_tmp[i] = a > b ? ia : b > a ? ib : min (ia, ib);
      max_tmp[i] = m;
      bad_tmp[i] += bad_tmp[i + n];
    }
    barrier ();
  }
  if (i != 0)
    return;

  top = max_tmp[0];
  sum = sum_tmp[0];
  id = id_tmp[0];
  bad = bad_tmp[0];
  uint at = pc.r_offset;

  if (pc.go_on != 0) {
    bad += result[at + 3];
    if (!is_bad (result[at + 1])) {
      float before = uintBitsToFloat (result[at + 1]);
      float lse = uintBitsToFloat (result[at + 2]);
      float m = max (before, top);

      sum = sum * exp (top - m) + exp (lse - m);
      if (id == NONE || before >= top)
        id = result[at];
      top = m;
    }
  }
  result[at] = id == NONE ? 0 : id;
  result[at + 1] = id == NONE ? 0xff800000u : floatBitsToUint (top);
  result[at + 2] = id == NONE ? 0xff800000u
      : floatBitsToUint (top + log (sum));
  result[at + 3] = bad;
}
