/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

void
owl2_op_rmsnorm (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    const Owl2Tensor *w_language, const Owl2Tensor *w_vision,
    const Owl2Rows *rows, float eps)
{
  gboolean pick = rows != NULL && w_vision != NULL;
  guint32 spec[] = { owl2_workgroup_row (cmd, x->cols), FALSE, pick };
  guint piece, r, n;

  g_return_if_fail (out->rows == x->rows && out->cols == x->cols);
  g_return_if_fail (w_language->cols == x->cols);
  g_return_if_fail (w_vision == NULL || w_vision->cols == x->cols);
  g_return_if_fail (rows == NULL || owl2_rows_lie (rows, x->rows));

  piece = owl2_piece_rows (cmd, "rmsnorm", x->rows, out, x, w_language, NULL);
  owl2_explain (cmd, OWL2_OP_RMSNORM, .cols = x->cols, .flag = pick);
  if (piece == 0)
    return;

  for (r = 0; r < x->rows; r += n) {
    n = MIN (piece, x->rows - r);

    /* Bindings that are not used get something valid. */
    Owl2Operand operands[] = {
      owl2_operand (cmd, x, r, n, OVK_READ),
      owl2_operand (cmd, w_language, 0, 1, OVK_READ),
      owl2_operand (cmd, pick ? w_vision : w_language, 0, 1, OVK_READ),
      pick ? owl2_operand_rows (cmd, rows, r, n)
           : owl2_operand (cmd, x, r, n, OVK_READ),
      owl2_operand (cmd, out, r, n, OVK_WRITE),
    };
    struct owl2_pc_rmsnorm pc = {
      .rows = n,
      .cols = x->cols,
      .x_offset = operands[0].offset,
      .x_stride = x->stride,
      .w0_offset = operands[1].offset,
      .w1_offset = operands[2].offset,
      .r_offset = operands[3].offset,
      .o_offset = operands[4].offset,
      .o_stride = out->stride,
      .eps = eps,
    };

    spec[OWL2_SC_VEC4] =
        owl2_operand_vec4 (&operands[0], x)
        && owl2_operand_vec4 (&operands[1], w_language)
        && (!pick || owl2_operand_vec4 (&operands[2], w_vision))
        && owl2_operand_vec4 (&operands[4], out);
    owl2_record (
        cmd, &owl2_shader_rmsnorm, spec, G_N_ELEMENTS (spec), operands, &pc, n);
  }
}
