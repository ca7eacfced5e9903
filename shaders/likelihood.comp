#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the probabilities of some tokens are made of: for each pick the logit of
 * its token, the largest of its row, and the row's sum of exp (logit - largest).
 * Logits that are NaN or infinite are counted, and take no part. One workgroup a
 * pick; those of rows that are not here are left alone. More of them where the
 * grid is limited.
 *
 * The logarithm of a probability is compared with those of others that have more
 * or fewer tokens, so that what is lost here does not cancel out: exp() is made
 * by hand, for drivers may be off by many units, and an invocation's sum keeps
 * what its additions lose (Kahan 1965). */
#include "include/owl2.glsl"
#include "include/bad.glsl"
#include "include/reduce.glsl"

layout (push_constant) uniform Push { owl2_pc_likelihood pc; };
layout (set = 0, binding = 0) readonly buffer Logits { uint l[]; };
layout (set = 0, binding = 1) readonly buffer Picks { owl2_pick picks[]; };
layout (set = 0, binding = 2) writeonly buffer Out { owl2_likelihood o[]; };

#define LOWEST (-3.402823466e38)

/* exp (x), x <= 0, to a unit; 0 where that is of no account. By parts of log 2
 * and the polynomial of Cephes (Moshier, expf.c). */
float
exp_of (float x)
{
  if (x < -87.0)
    return 0.0;

  float n = floor (x * 1.44269504 + 0.5);
  precise float head = x - n * 0.693359375;
  precise float r = head - n * -2.12194440e-4;
  float p = 1.9875691500e-4;

  p = p * r + 1.3981999507e-3;
  p = p * r + 8.3334519073e-3;
  p = p * r + 4.1665795894e-2;
  p = p * r + 1.6666665459e-1;
  p = p * r + 5.0000001201e-1;
  p = p * r * r + r + 1.0;
  return p * uintBitsToFloat (uint (int (n) + 127) << 23);
}

float
sum_of (uint at, float top)
{
  precise float sum = 0.0, lost = 0.0;

  for (uint c = gl_LocalInvocationIndex; c < pc.n; c += gl_WorkGroupSize.x) {
    uint bits = l[at + c];

    if (is_bad (bits))
      continue;

    precise float add = exp_of (uintBitsToFloat (bits) - top) - lost;
    precise float next = sum + add;

    lost = (next - sum) - add;
    sum = next;
  }
  return sum;
}

void
main ()
{
  for (uint i = gl_WorkGroupID.x; i < pc.n_picks; i += gl_NumWorkGroups.x) {
    uint row = picks[pc.p_offset + i].row - pc.row0;
    uint id = picks[pc.p_offset + i].id;

    if (row >= pc.rows)
      continue;

    uint at = pc.l_offset + row * pc.l_stride;
    float top = LOWEST, bad = 0.0;

    for (uint c = gl_LocalInvocationIndex; c < pc.n; c += gl_WorkGroupSize.x)
      if (is_bad (l[at + c]))
        bad += 1.0;
      else
        top = max (top, uintBitsToFloat (l[at + c]));
    top = group_max (top);
    bad = group_sum (bad);

    float sum = group_sum (sum_of (at, top));

    if (gl_LocalInvocationIndex == 0)
      o[pc.o_offset + i] = owl2_likelihood (uintBitsToFloat (l[at + id]), top,
        sum, uint (bad));
  }
}
