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
