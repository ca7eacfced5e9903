/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the matmul kernels share: bindings, loads of four elements of a row,
 * and the end of the formula
 *   out[m][n] = act (sum_k x[m][k] w[n][k] + bias[n]) + residual[m][n].
 * Rows of w are loaded by their type (include/weight.glsl); rows of x may start
 * anywhere. With OWL2_X_HALVES both are loaded as halves, eight elements at a
 * time, and x lies as matmul_halves.comp makes it. */
#include "weight.glsl"

layout (constant_id = OWL2_SC_MATMUL_TILE_M) const uint TILE_M = 1;
layout (constant_id = OWL2_SC_MATMUL_TILE_N) const uint TILE_N = 1;

layout (push_constant) uniform Push { owl2_pc_matmul pc; };
#ifdef OWL2_X_HALVES
layout (set = 0, binding = 0) readonly buffer X8 { uvec4 x8[]; };
layout (set = 0, binding = 0) readonly buffer Scales { float scales[]; };
#else
layout (set = 0, binding = 0) readonly buffer X1 { float x1[]; };
layout (set = 0, binding = 0) readonly buffer X4 { vec4 x4[]; };
#endif
layout (set = 0, binding = 2) readonly buffer Bias { float bias[]; };
layout (set = 0, binding = 3) readonly buffer Residual { float residual[]; };
layout (set = 0, binding = 4) writeonly buffer Out { float o[]; };

#ifdef OWL2_X_HALVES
uvec4
load_x8 (uint m, uint k8)
{
  return x8[m * pc.x_stride + k8];
}

float
scale_of_x (uint m)
{
  return scales[pc.x_offset + m];
}

uvec4
load_w8 (uint n, uint k8)
{
  return load_weight_halves (pc.w_offset + n * pc.w_stride, k8, pc.k);
}
#else
/* Columns 4 k4 .. 4 k4 + 3 of row m; those past the last are 0. */
vec4
load_x (uint m, uint k4)
{
  if (VEC4)
    return x4[(pc.x_offset + m * pc.x_stride) / 4 + k4];

  uint at = pc.x_offset + m * pc.x_stride + 4 * k4;
  uint left = pc.k - 4 * k4;
  vec4 v = vec4 (x1[at], 0.0, 0.0, 0.0);
  if (left > 1)
    v.y = x1[at + 1];
  if (left > 2)
    v.z = x1[at + 2];
  if (left > 3)
    v.w = x1[at + 3];
  return v;
}

vec4
load_w (uint n, uint k4)
{
  return load_weight (pc.w_offset + n * pc.w_stride, k4, pc.k);
}
#endif

void
store (uint m, uint n, float sum)
{
  if ((pc.then & OWL2_MATMUL_BIAS) != 0)
    sum += bias[pc.b_offset + n];
  if ((pc.then & OWL2_MATMUL_QUICK_GELU) != 0)
    sum = x_sigmoid (sum, 1.702);
  if ((pc.then & OWL2_MATMUL_RESIDUAL) != 0)
    sum += residual[pc.r_offset + m * pc.r_stride + n];
  o[pc.o_offset + m * pc.o_stride + n] = sum;
}
