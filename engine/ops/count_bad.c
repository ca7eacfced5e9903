/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

/* Each workgroup with something to tell waits for the others with such. */
#define MAX_GROUPS 256

void
owl2_op_count_bad (OvkCmd *cmd, OvkSlice count, const Owl2Tensor *x)
{
  guint32 spec[] = { owl2_workgroup (cmd) };
  guint piece, r, n;

  g_return_if_fail (x->type == OWL2_TYPE_F32 && count.size >= 4);
  piece = owl2_piece_rows (cmd, "count_bad", x->rows, x, NULL);
  owl2_explain (cmd, OWL2_OP_COUNT_BAD, .cols = x->cols);
  if (piece == 0)
    return;

  count.size = 4;
  ovk_cmd_fill (cmd, count, 0);
  for (r = 0; r < x->rows; r += n) {
    n = MIN (piece, x->rows - r);

    Owl2Operand operands[] = {
      owl2_operand (cmd, x, r, n, OVK_READ),
      owl2_operand_bytes (cmd, count, 0, 4, OVK_READ_WRITE),
    };
    struct owl2_pc_count_bad pc = {
      .rows = n,
      .cols = x->cols,
      .x_offset = operands[0].offset,
      .x_stride = x->stride,
      .c_offset = operands[1].offset / 4,
    };

    owl2_record (cmd, &owl2_shader_count_bad, spec, G_N_ELEMENTS (spec),
        operands, &pc, MIN (owl2_groups (cmd, n, x->cols), MAX_GROUPS));
  }
}
