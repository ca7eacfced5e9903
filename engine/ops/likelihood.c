/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

/* Of the picks, those of @n rows of the logits from @row on, which fit. */
static void
likelihood_piece (OvkCmd *cmd, OvkSlice out, OvkSlice picks, guint n_picks,
    const Owl2Tensor *logits, guint first, guint row, guint n)
{
  gsize out_bytes = n_picks * sizeof (Owl2Likelihood);
  guint32 spec[] = { owl2_workgroup_row (cmd, logits->cols) };
  Owl2Operand operands[] = {
    owl2_operand (cmd, logits, row, n, OVK_READ),
    owl2_operand_bytes (cmd, picks, 0, n_picks * sizeof (Owl2Pick), OVK_READ),
    owl2_operand_bytes (cmd, out, 0, out_bytes, OVK_WRITE),
  };
  struct owl2_pc_likelihood pc = {
    .rows = n,
    .n = logits->cols,
    .row0 = first + row,
    .n_picks = n_picks,
    .l_offset = operands[0].offset,
    .l_stride = logits->stride,
    .p_offset = operands[1].offset / (guint32) sizeof (Owl2Pick),
    .o_offset = operands[2].offset / (guint32) sizeof (Owl2Likelihood),
  };

  /* Which of the rows, and how many of the picks, the device reads. */
  operands[0].bytes = operands[2].bytes = 0;
  owl2_record (cmd, &owl2_shader_likelihood, spec, G_N_ELEMENTS (spec),
      operands, &pc, n_picks);
}

void
owl2_op_likelihood (OvkCmd *cmd, OvkSlice out, OvkSlice picks, guint n_picks,
    const Owl2Tensor *logits, guint first)
{
  guint piece;

  g_return_if_fail (n_picks > 0 && logits->cols > 0);
  g_return_if_fail (picks.offset % sizeof (Owl2Pick) == 0
                    && picks.size / sizeof (Owl2Pick) >= n_picks);
  g_return_if_fail (out.offset % sizeof (Owl2Likelihood) == 0
                    && out.size / sizeof (Owl2Likelihood) >= n_picks);
  piece = owl2_piece_rows (cmd, "likelihood", logits->rows, logits, NULL);
  owl2_explain (cmd, OWL2_OP_LIKELIHOOD, .cols = logits->cols);
  if (piece == 0
      || !owl2_piece_fits (cmd, "likelihood", "the picks", picks.size)
      || !owl2_piece_fits (cmd, "likelihood", "the likelihoods", out.size))
    return;
  for (guint r = 0; r < logits->rows; r += piece)
    likelihood_piece (cmd, out, picks, n_picks, logits, first, r,
        MIN (piece, logits->rows - r));
}
