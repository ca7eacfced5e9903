/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out[i] = mul * (a[i] + b[i]) + add, and io[i] = io[i] * 3 + out[i]: two
 * inputs, an output, and a buffer that is read and written. Adding ROUNDS
 * times makes it slow at will. */
#version 450

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint MUL = 1;
layout (constant_id = 2) const uint ROUNDS = 1;

layout (set = 0, binding = 0) readonly buffer A { uint a[]; };
layout (set = 0, binding = 1) readonly buffer B { uint b[]; };
layout (set = 0, binding = 2) writeonly buffer Out { uint o[]; };
layout (set = 0, binding = 3) buffer InOut { uint io[]; };

layout (push_constant) uniform Push { uint n; uint add; } pc;

void
main ()
{
  uint i = gl_GlobalInvocationID.x;
  uint x;

  if (i >= pc.n)
    return;
  x = MUL * (a[i] + b[i]);
  for (uint r = 0; r < ROUNDS; r++)
    x = x * 1664525u + pc.add;
  o[i] = x;
  io[i] = io[i] * 3u + x;
}
