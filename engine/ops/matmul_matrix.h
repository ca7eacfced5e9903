/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What matmul_matrix.comp wants of matmul.c beside a row of its table. */
#ifndef OWL2_MATMUL_MATRIX_H
#define OWL2_MATMUL_MATRIX_H

#include "kernels.h"
#include "operand.h"

G_BEGIN_DECLS

gboolean owl2_matrix_fits (const OvkCaps *caps, const Owl2Work *work);
Owl2Tile owl2_matrix_tile (
    const OvkCaps *caps, const Owl2Work *work, guint rows);
/* Rows of x, a multiple of the tile's, that one dispatch takes. */
guint owl2_matrix_rows (const OvkCaps *caps, const Owl2Work *work);
/* Fills in the constants from OWL2_SC_MATRIX_M on. */
void owl2_matrix_spec (
    const OvkCaps *caps, const Owl2Tile *tile, guint32 *spec);
/* Records that @x becomes halves with scales. @halves: (out): the operand in
 * place of @x; @units: (out): of eight halves, in a row. FALSE: @cmd failed */
gboolean owl2_matrix_halves (OvkCmd *cmd, const Owl2Tile *tile,
    const Owl2Tensor *x, Owl2Operand *halves, guint32 *units);

G_END_DECLS

#endif
