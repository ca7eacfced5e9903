/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* k / 4 words of int8 quants, then k / 32 halves of scales: owl2_q8_0_pack()
 * makes rows so, as the file's blocks of 34 bytes would lie across words. */
layout (set = 0, binding = 1) readonly buffer W1 { uint w1[]; };

#define WEIGHT_GROUP 32

vec4
q8_0_bytes (uint word)
{
  int v = int (word);
  return vec4 (bitfieldExtract (v, 0, 8), bitfieldExtract (v, 8, 8),
    bitfieldExtract (v, 16, 8), bitfieldExtract (v, 24, 8));
}

vec2
load_group (uint at, uint k32, uint k)
{
  vec2 d = unpackHalf2x16 (w1[at + k / 4 + k32 / 2]);
  return vec2 ((k32 & 1) != 0 ? d.y : d.x, 0.0);
}

vec4
load_in_group (uint at, uint k4, vec2 group)
{
  return group.x * q8_0_bytes (w1[at + k4]);
}
