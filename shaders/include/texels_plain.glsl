/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texels of weights that share no scales: one head for the whole row. */
#define TEXEL_BLOCK(LAST16) ((LAST16) + 1)
#define WEIGHT_SCALED(PART, GROUP, X_SUM) (PART)

uvec4
load_head (uint at, uint k16, uint k)
{
  return uvec4 (0);
}

vec2
head_group (uvec4 head, uint k16, uint u)
{
  return vec2 (1.0, 0.0);
}
