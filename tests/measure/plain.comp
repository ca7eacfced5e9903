/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A matrix product as nobody would leave it, which stays as it is: out[m][n] =
 * ROUNDS times the sum of x[m][k] * w[n][k], an invocation an element. What the
 * model's kernels take is measured by what this takes. */
#version 450

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ROUNDS = 1;

layout (set = 0, binding = 0) readonly buffer X { float x[]; };
layout (set = 0, binding = 1) readonly buffer W { float w[]; };
layout (set = 0, binding = 2) writeonly buffer Out { float o[]; };

layout (push_constant) uniform Push { uint m, n, k; } pc;

void
main ()
{
  uint i = gl_GlobalInvocationID.x;
  uint row = i / pc.n, col = i % pc.n;
  float sum = 0.0;

  if (row >= pc.m)
    return;
  for (uint r = 0; r < ROUNDS; r++)
    for (uint k = 0; k < pc.k; k++)
      sum += x[row * pc.k + k] * w[col * pc.k + k];
  o[i] = sum;
}
