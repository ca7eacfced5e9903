/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

void
owl2_op_layernorm (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    const Owl2Tensor *w, const Owl2Tensor *b, float eps)
{
  guint32 spec[] = { owl2_workgroup_row (cmd, x->cols), FALSE };
  guint piece, r, n;

  g_return_if_fail (out->rows == x->rows && out->cols == x->cols);
  g_return_if_fail (w->cols == x->cols && b->cols == x->cols);

  piece = owl2_piece_rows (cmd, "layernorm", x->rows, out, x, w, NULL);
  owl2_explain (cmd, OWL2_OP_LAYERNORM, .cols = x->cols);
  if (piece == 0)
    return;

  for (r = 0; r < x->rows; r += n) {
    n = MIN (piece, x->rows - r);

    Owl2Operand operands[] = {
      owl2_operand (cmd, x, r, n, OVK_READ),
      owl2_operand (cmd, w, 0, 1, OVK_READ),
      owl2_operand (cmd, b, 0, 1, OVK_READ),
      owl2_operand (cmd, out, r, n, OVK_WRITE),
    };
    struct owl2_pc_layernorm pc = {
      .rows = n,
      .cols = x->cols,
      .x_offset = operands[0].offset,
      .x_stride = x->stride,
      .w_offset = operands[1].offset,
      .b_offset = operands[2].offset,
      .o_offset = operands[3].offset,
      .o_stride = out->stride,
      .eps = eps,
    };

    spec[OWL2_SC_VEC4] = owl2_operand_vec4 (&operands[0], x)
                         && owl2_operand_vec4 (&operands[1], w)
                         && owl2_operand_vec4 (&operands[2], b)
                         && owl2_operand_vec4 (&operands[3], out);
    owl2_record (cmd, &owl2_shader_layernorm, spec, G_N_ELEMENTS (spec),
        operands, &pc, n);
  }
}
