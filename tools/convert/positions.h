/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The abstractor's fixed position tables, for checkpoints without them
 * (get_1d_sincos_pos_embed_from_grid and get_2d_sincos_pos_embed of the
 * published visual_encoder.py). */
#ifndef OWL2_CONVERT_POSITIONS_H
#define OWL2_CONVERT_POSITIONS_H

#include <glib.h>

/* [n][width] */
void positions_1d (float *out, guint n, guint width);
/* [1 + grid * grid][width]; the class token's row is zero */
void positions_2d (float *out, guint grid, guint width);

#endif
