/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Included first by every shader: the shared constants, the workgroup's size,
 * and the loops that let a grid of any size cover the work. */
#define OWL2_GLSL
#include "owl2_pc.h"

layout (local_size_x_id = OWL2_SC_WORKGROUP) in;
layout (constant_id = OWL2_SC_VEC4) const bool VEC4 = false;

/* Every shader's loop over elements starts here and steps by OWL2_STEP, so
 * that a grid that the device limits still reaches all of them. */
#define OWL2_FIRST gl_GlobalInvocationID.x
#define OWL2_STEP (gl_NumWorkGroups.x * gl_WorkGroupSize.x)

/* The same where what an invocation does depends on its row: a workgroup then
 * is in one row, so that looking the row up is no load of many places at once.
 * Loops over ITEM, of which OWL2_ROW_OF is the row and OWL2_UNIT_OF this
 * invocation's unit of the row's UNITS, which may lie past the last. */
#define OWL2_SLICES(UNITS) \
    (((UNITS) + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x)
#define OWL2_ROW_OF(ITEM, UNITS) ((ITEM) / OWL2_SLICES (UNITS))
#define OWL2_UNIT_OF(ITEM, UNITS) \
    ((ITEM) % OWL2_SLICES (UNITS) * gl_WorkGroupSize.x \
        + gl_LocalInvocationIndex)
