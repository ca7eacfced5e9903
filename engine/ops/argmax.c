/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#define WORKGROUP 128 /* one workgroup a row: as large as allowed */

/* Columns @first .. @first + @n - 1 of rows, which all fit a binding. */
static void
argmax_piece (OvkCmd *cmd, OvkSlice results, const Owl2Tensor *logits,
    const Owl2Rows *rows, guint row, guint n_rows, guint first, guint n)
{
  guint32 spec[] = { WORKGROUP };
  Owl2Tensor piece = owl2_tensor_cols (*logits, first, n);
  Owl2Operand operands[] = {
    owl2_operand (cmd, &piece, row, n_rows, OVK_READ),
    owl2_operand_rows (cmd, rows, row, n_rows),
    owl2_operand_results (cmd, results, first ? OVK_READ_WRITE : OVK_WRITE),
  };
  struct owl2_pc_argmax pc = {
    .rows = n_rows,
    .n = n,
    .l_offset = operands[0].offset,
    .l_stride = logits->stride,
    .first = first,
    .go_on = first > 0,
    .r_offset = operands[1].offset,
    .e_offset = operands[2].offset,
  };

  owl2_record (cmd, &owl2_shader_argmax, spec, G_N_ELEMENTS (spec), operands,
      &pc, n_rows);
}

void
owl2_op_argmax (OvkCmd *cmd, OvkSlice results, const Owl2Tensor *logits,
    const Owl2Rows *rows)
{
  Owl2Tensor one = owl2_tensor_cols (*logits, 0, 1);
  guint n_rows, n_cols, r, c;

  g_return_if_fail (owl2_results_lie (results));
  g_return_if_fail (logits->cols > 0 && owl2_rows_lie (rows, logits->rows));

  /* A row in pieces: columns become rows of one element. */
  one.stride = 1;
  n_cols = owl2_piece_rows (cmd, "argmax", logits->cols, &one, NULL);
  if (n_cols == 0
      || !owl2_piece_fits (cmd, "argmax", "the results", results.size))
    return;
  n_rows = n_cols < logits->cols
               ? 1
               : owl2_piece_rows (cmd, "argmax", logits->rows, logits, NULL);
  for (r = 0; r < logits->rows; r += n_rows)
    for (c = 0; c < logits->cols; c += n_cols)
      argmax_piece (cmd, results, logits, rows, r,
          MIN (n_rows, logits->rows - r), c, MIN (n_cols, logits->cols - c));
}
