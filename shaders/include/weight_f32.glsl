/* SPDX-License-Identifier: LGPL-2.1-or-later */
layout (set = 0, binding = 1) readonly buffer W4 { vec4 w4[]; };

#define WEIGHT_GROUP 1

vec2
load_group (uint at, uint k32, uint k)
{
  return vec2 (1.0, 0.0);
}

vec4
load_in_group (uint at, uint k4, vec2 group)
{
  return w4[at / 4 + k4];
}
