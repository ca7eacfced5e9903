/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rotary embedding as configurations of all ages write it. */
#ifndef OWL2_CONVERT_ROPE_H
#define OWL2_CONVERT_ROPE_H

#include "js.h"

G_BEGIN_DECLS

/* The base of the rotation: rope_theta, which newer files have inside
 * rope_parameters (or rope_scaling), by itself or once for each kind of layer.
 * Fails where two places differ, and where anything asks for more than the
 * plain rotation, which is all that the model has. */
float rope_read_theta (Js *config, float fallback);

G_END_DECLS

#endif
