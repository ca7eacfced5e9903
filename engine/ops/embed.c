/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

/* Every piece of the table is one dispatch over all rows, which writes those
 * whose id lies in the piece. */
void
owl2_op_embed (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *table,
    const Owl2Rows *rows, guint n, OvkSlice results)
{
  static const OvkShader *const shaders[] = OWL2_TYPED (embed);
  const OvkShader *shader = shaders[owl2_type_index (table->type)];
  guint32 spec[] = { owl2_workgroup_row (cmd, table->cols) };
  guint piece, table_piece, r, n_rows, t, t_rows;

  g_return_if_fail (out->cols == table->cols && n <= out->rows);
  g_return_if_fail (table->cols % owl2_type_block (table->type) == 0);
  g_return_if_fail (owl2_rows_lie (rows, n) && owl2_results_lie (results));

  piece = owl2_piece_rows (cmd, "embed", n, out, NULL);
  table_piece = owl2_piece_rows (cmd, "embed", table->rows, table, NULL);
  owl2_explain (cmd, OWL2_OP_EMBED, .type = table->type, .cols = table->cols);
  if (piece == 0 || table_piece == 0
      || !owl2_piece_fits (cmd, "embed", "the results", results.size))
    return;

  for (t = 0; t < table->rows; t += t_rows) {
    t_rows = MIN (table_piece, table->rows - t);
    for (r = 0; r < n; r += n_rows) {
      n_rows = MIN (piece, n - r);

      Owl2Operand operands[] = {
        owl2_operand_rows (cmd, rows, r, n_rows),
        owl2_operand (cmd, table, t, t_rows, OVK_READ),
        owl2_operand (cmd, out, r, n_rows, OVK_WRITE),
        owl2_operand_results (cmd, results, OVK_READ),
      };
      struct owl2_pc_embed pc = {
        .rows = n_rows,
        .cols = table->cols,
        .r_offset = operands[0].offset,
        .e_offset = operands[3].offset,
        .t_row0 = t,
        .t_rows = t_rows,
        .t_offset = operands[1].offset,
        .t_stride = table->stride,
        .o_offset = operands[2].offset,
        .o_stride = out->stride,
      };

      /* The piece of the table in which an id lies is not known here. */
      operands[1].bytes = t ? 0 : owl2_operand_rows_bytes (table, n_rows);
      operands[3].bytes = 0;
      owl2_record (
          cmd, shader, spec, G_N_ELEMENTS (spec), operands, &pc, n_rows);
    }
  }
}
