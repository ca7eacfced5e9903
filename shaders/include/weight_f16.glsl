/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Halves, read as words. */
layout (set = 0, binding = 1) readonly buffer W4 { uvec2 w4[]; };
layout (set = 0, binding = 1) readonly buffer W8 { uvec4 w8[]; };

#define WEIGHT_GROUP 1

vec2
load_group (uint at, uint k32, uint k)
{
  return vec2 (1.0, 0.0);
}

vec4
load_in_group (uint at, uint k4, vec2 group)
{
  uvec2 h = w4[at / 4 + k4];
  return vec4 (unpackHalf2x16 (h.x), unpackHalf2x16 (h.y));
}

/* Eight are one load. */
#define WEIGHT_LOAD_8(at, k8, a, b)                                            \
  {                                                                            \
    uvec4 h = w8[(at) / 8 + (k8)];                                             \
    a = vec4 (unpackHalf2x16 (h.x), unpackHalf2x16 (h.y));                     \
    b = vec4 (unpackHalf2x16 (h.z), unpackHalf2x16 (h.w));                     \
  }
