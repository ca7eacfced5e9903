#version 450
#extension GL_GOOGLE_include_directive : require
/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of rows of logits: index of the first largest, its value, log (sum (exp)),
 * and how many are NaN or infinite; those take no part. The id that a row bans
 * can't be the largest, but counts in the sum. No good logit at all: id 0, max
 * and log_sum_exp minus infinity; none but the banned one: id 0, max minus
 * infinity.
 *
 * A row is cut into parts, each of one workgroup; what these found, five words a
 * part, another dispatch (JOIN) puts together, one workgroup a row. A row of one
 * part is done at once. More of either where the grid is limited. */
#include "include/owl2.glsl"
#include "include/bad.glsl"

layout (constant_id = OWL2_SC_ARGMAX_JOIN) const bool JOIN = false;

layout (push_constant) uniform Push { owl2_pc_argmax pc; };
layout (set = 0, binding = 0) readonly buffer Logits { uint l[]; };
layout (set = 0, binding = 1) readonly buffer Rows { owl2_pass_row rows[]; };
layout (set = 0, binding = 2) buffer Results { uint results[]; };
layout (set = 0, binding = 3) buffer Parts { uint parts[]; };

#define NONE 0xffffffffu
#define LOWEST (-3.402823466e38)
#define MINUS_INFINITY 0xff800000u

/* What was found in some logits. In none: sum 0, top and win LOWEST, id NONE.
 */
struct Found {
  float top, sum; /* largest, and sum of exp (x - top) */
  float win;      /* largest but for the banned one, and its index */
  uint id, bad;
};

shared Found tmp[gl_WorkGroupSize.x];

Found
join (Found a, Found b)
{
  float m = max (a.top, b.top);

  return Found (m, a.sum * exp (a.top - m) + b.sum * exp (b.top - m),
    max (a.win, b.win),
    a.win > b.win ? a.id : b.win > a.win ? b.id : min (a.id, b.id),
    a.bad + b.bad);
}

/* Every WORKGROUP-th of the part's logits, from @at on; @first: index of the
 * part's first, of @n. */
Found
look (uint at, uint first, uint n, uint ban)
{
  Found f = Found (LOWEST, 0.0, LOWEST, NONE, 0);

  for (uint c = gl_LocalInvocationIndex; c < n; c += gl_WorkGroupSize.x) {
    uint bits = l[at + c];
    float v = uintBitsToFloat (bits);

    if (is_bad (bits)) {
      f.bad++;
      continue;
    }
    if (f.sum == 0.0 || v > f.top) {
      f.sum = f.sum == 0.0 ? 1.0 : f.sum * exp (f.top - v) + 1.0;
      f.top = v;
    } else {
      f.sum += exp (v - f.top);
    }
    if (first + c != ban && (f.id == NONE || v > f.win)) {
      f.win = v;
      f.id = first + c;
    }
  }
  return f;
}

/* Every WORKGROUP-th of a row's parts, which are at @at. */
Found
look_at_parts (uint at)
{
  Found f = Found (LOWEST, 0.0, LOWEST, NONE, 0);

  for (uint p = gl_LocalInvocationIndex; p < pc.n_parts;
       p += gl_WorkGroupSize.x) {
    uint i = at + 5 * p;

    f = join (f, Found (uintBitsToFloat (parts[i]),
          uintBitsToFloat (parts[i + 1]), uintBitsToFloat (parts[i + 2]),
          parts[i + 3], parts[i + 4]));
  }
  return f;
}

void
store_part (uint i, Found f)
{
  parts[i] = floatBitsToUint (f.top);
  parts[i + 1] = floatBitsToUint (f.sum);
  parts[i + 2] = floatBitsToUint (f.win);
  parts[i + 3] = f.id;
  parts[i + 4] = f.bad;
}

void
store_result (uint i, Found f)
{
  results[i] = f.id == NONE ? 0 : f.id;
  results[i + 1] = f.id == NONE ? MINUS_INFINITY : floatBitsToUint (f.win);
  results[i + 2] = f.sum == 0.0 ? MINUS_INFINITY
      : floatBitsToUint (f.top + log (f.sum));
  results[i + 3] = f.bad;
}

void
main ()
{
  uint i = gl_LocalInvocationIndex, each = JOIN ? 1 : pc.n_here;

  for (uint item = gl_WorkGroupID.x; item < pc.rows * each;
       item += gl_NumWorkGroups.x) {
    uint r = item / each, part = pc.part0 + item % each, row = pc.r_offset + r;
    uint at = pc.p_offset + 5 * r * pc.n_parts;

    if (JOIN)
      tmp[i] = look_at_parts (at);
    else
      tmp[i] = look (pc.l_offset + r * pc.l_stride + item % each * pc.part,
        part * pc.part, min (pc.part, pc.n - part * pc.part), rows[row].ban);
    barrier ();
    for (uint n = gl_WorkGroupSize.x / 2; n > 0; n /= 2) {
      if (i < n)
        tmp[i] = join (tmp[i], tmp[i + n]);
      barrier ();
    }
    if (i == 0 && (JOIN || pc.n_parts == 1))
      store_result (4 * (pc.e_offset + rows[row].result), tmp[0]);
    else if (i == 0)
      store_part (at + 5 * part, tmp[0]);
    barrier ();
  }
}
