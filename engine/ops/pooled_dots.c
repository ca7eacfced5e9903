/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#define WORKGROUP 128 /* there is one: as large as allowed */

void
owl2_op_pooled_dots (
    OvkCmd *cmd, OvkSlice dots, const Owl2Tensor *x, const Owl2Tensor *y)
{
  guint32 spec[] = { WORKGROUP };

  g_return_if_fail (x->type == OWL2_TYPE_F32 && y->type == OWL2_TYPE_F32);
  g_return_if_fail (x->rows == y->rows && x->cols == y->cols);
  g_return_if_fail (dots.size >= 12);
  if (!owl2_piece_fits (cmd, "pooled_dots", "x", owl2_rows_bytes (x, x->rows))
      || !owl2_piece_fits (
          cmd, "pooled_dots", "y", owl2_rows_bytes (y, y->rows)))
    return;

  owl2_explain (cmd, OWL2_OP_POOLED_DOTS, .cols = x->cols);

  Owl2Operand operands[] = {
    owl2_operand (cmd, x, 0, x->rows, OVK_READ),
    owl2_operand (cmd, y, 0, y->rows, OVK_READ),
    owl2_operand_bytes (cmd, dots, 0, 12, OVK_WRITE),
  };
  struct owl2_pc_pooled_dots pc = {
    .rows = x->rows,
    .cols = x->cols,
    .x_offset = operands[0].offset,
    .x_stride = x->stride,
    .y_offset = operands[1].offset,
    .y_stride = y->stride,
    .d_offset = operands[2].offset / 4,
  };

  owl2_record (cmd, &owl2_shader_pooled_dots, spec, G_N_ELEMENTS (spec),
      operands, &pc, 1);
}
