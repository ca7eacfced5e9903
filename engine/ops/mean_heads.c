/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

void
owl2_op_mean_heads (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    guint n_heads, float scale, gboolean add)
{
  guint32 spec[] = { owl2_workgroup (cmd) };

  g_return_if_fail (x->type == OWL2_TYPE_F32 && out->type == OWL2_TYPE_F32);
  g_return_if_fail (n_heads > 0 && x->rows == n_heads * out->rows);
  g_return_if_fail (x->cols == out->cols);
  if (!owl2_piece_fits (cmd, "mean_heads", "x", owl2_rows_bytes (x, x->rows))
      || !owl2_piece_fits (
          cmd, "mean_heads", "out", owl2_rows_bytes (out, out->rows)))
    return;

  owl2_explain (cmd, OWL2_OP_MEAN_HEADS, .cols = out->cols);

  Owl2Operand operands[] = {
    owl2_operand (cmd, x, 0, x->rows, OVK_READ),
    owl2_operand (cmd, out, 0, out->rows, OVK_READ_WRITE),
  };
  struct owl2_pc_mean_heads pc = {
    .rows = out->rows,
    .cols = out->cols,
    .n_heads = n_heads,
    .add = add,
    .x_offset = operands[0].offset,
    .x_stride = x->stride,
    .o_offset = operands[1].offset,
    .o_stride = out->stride,
    .scale = scale,
  };

  owl2_record (cmd, &owl2_shader_mean_heads, spec, G_N_ELEMENTS (spec),
      operands, &pc, owl2_groups (cmd, out->rows, out->cols));
}
