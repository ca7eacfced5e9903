/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

void
owl2_op_swiglu (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *gate,
    const Owl2Tensor *up)
{
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  guint piece, r, n;

  g_return_if_fail (out->rows == gate->rows && out->cols == gate->cols);
  g_return_if_fail (up->rows == gate->rows && up->cols == gate->cols);

  piece = owl2_piece_rows (cmd, "swiglu", out->rows, out, gate, up, NULL);
  owl2_explain (cmd, OWL2_OP_SWIGLU, .cols = out->cols);
  if (piece == 0)
    return;

  for (r = 0; r < out->rows; r += n) {
    n = MIN (piece, out->rows - r);

    Owl2Operand operands[] = {
      owl2_operand (cmd, gate, r, n, OVK_READ),
      owl2_operand (cmd, up, r, n, OVK_READ),
      owl2_operand (cmd, out, r, n, OVK_WRITE),
    };
    struct owl2_pc_swiglu pc = {
      .rows = n,
      .cols = out->cols,
      .g_offset = operands[0].offset,
      .g_stride = gate->stride,
      .u_offset = operands[1].offset,
      .u_stride = up->stride,
      .o_offset = operands[2].offset,
      .o_stride = out->stride,
    };

    spec[OWL2_SC_VEC4] = owl2_operand_vec4 (&operands[0], gate)
                         && owl2_operand_vec4 (&operands[1], up)
                         && owl2_operand_vec4 (&operands[2], out);
    owl2_record (cmd, &owl2_shader_swiglu, spec, G_N_ELEMENTS (spec), operands,
        &pc, owl2_groups (cmd, n, out->cols / (spec[OWL2_SC_VEC4] ? 4 : 1)));
  }
}
