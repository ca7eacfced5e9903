/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of weights, four elements at a time. Rows begin at multiples of 16 bytes
 * and are padded with zeros to that. @at is the row's start in units of the
 * type: elements for F32 and F16, words for the types of blocks.
 *
 * A type is a file weight_TYPE.glsl, which has binding 1 and
 *
 *   WEIGHT_GROUP: 32 elements share something that is loaded by itself, or 1;
 *   vec2 load_group (uint at, uint k32, uint k): that of the 32 elements from
 *     32 k32 on: scale and min, as a rule. @k: elements of the row. Kernels that
 *     go along a row load it once for all of them;
 *   vec4 load_in_group (uint at, uint k4, vec2 group): elements 4 k4 ..
 *     4 k4 + 3 of a row; @group is that of k4 / 8;
 *   WEIGHT_LOAD_8 (at, k8, a, b), if eight are better loaded at once: elements
 *     8 k8 .. 8 k8 + 7 into the vec4 a and b. */
#ifndef OWL2_WEIGHT_GLSL
#define OWL2_WEIGHT_GLSL

/* The build makes this, in a folder for each type. */
#include "weight_type.glsl"

/* Where neighbours are loaded by others. */
vec4
load_weight (uint at, uint k4, uint k)
{
  return load_in_group (at, k4, load_group (at, k4 / 8, k));
}

#endif
