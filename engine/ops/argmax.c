/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#define WORKGROUP 128 /* one workgroup for all: as large as allowed */

void
owl2_op_argmax (OvkCmd *cmd, OvkSlice result, const Owl2Tensor *logits)
{
  guint32 spec[] = { WORKGROUP };
  Owl2Tensor one = owl2_tensor_cols (*logits, 0, 1);
  guint piece, c, n;

  g_return_if_fail (result.size >= sizeof (Owl2Argmax));
  g_return_if_fail (logits->rows == 1 && logits->cols > 0);

  /* A row in pieces: columns become rows of one element. */
  one.stride = 1;
  piece = owl2_piece_rows (cmd, "argmax", logits->cols, &one, NULL);
  if (piece == 0)
    return;

  for (c = 0; c < logits->cols; c += n) {
    n = MIN (piece, logits->cols - c);

    Owl2Operand operands[] = {
      owl2_operand (cmd, &one, c, n, OVK_READ),
      owl2_operand_bytes (cmd, result, 0, sizeof (Owl2Argmax),
          c > 0 ? OVK_READ_WRITE : OVK_WRITE),
    };
    struct owl2_pc_argmax pc = {
      .n = n,
      .l_offset = operands[0].offset,
      .first = c,
      .go_on = c > 0,
      .r_offset = operands[1].offset / 4,
    };

    owl2_record (
        cmd, &owl2_shader_argmax, spec, G_N_ELEMENTS (spec), operands, &pc, 1);
  }
}
