/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

void
owl2_op_copy (OvkCmd *cmd, const Owl2Tensor *dst, const Owl2Tensor *src)
{
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  guint piece, r, n;

  g_return_if_fail (dst->rows == src->rows && dst->cols == src->cols);
  g_return_if_fail (dst->type == OWL2_TYPE_F32 && src->type == OWL2_TYPE_F32);

  piece = owl2_piece_rows (cmd, "copy", src->rows, dst, src, NULL);
  owl2_explain (cmd, OWL2_OP_COPY, .cols = src->cols);
  if (piece == 0)
    return;

  for (r = 0; r < src->rows; r += n) {
    n = MIN (piece, src->rows - r);

    Owl2Operand operands[] = {
      owl2_operand (cmd, src, r, n, OVK_READ),
      owl2_operand (cmd, dst, r, n, OVK_WRITE),
    };
    struct owl2_pc_copy pc = {
      .rows = n,
      .cols = src->cols,
      .s_offset = operands[0].offset,
      .s_stride = src->stride,
      .d_offset = operands[1].offset,
      .d_stride = dst->stride,
    };

    spec[OWL2_SC_VEC4] = owl2_operand_vec4 (&operands[0], src)
                         && owl2_operand_vec4 (&operands[1], dst);
    owl2_record (cmd, &owl2_shader_copy, spec, G_N_ELEMENTS (spec), operands,
        &pc, owl2_groups (cmd, n, src->cols / (spec[OWL2_SC_VEC4] ? 4 : 1)));
  }
}
