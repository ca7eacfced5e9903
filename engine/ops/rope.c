/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#include <math.h>

void
owl2_op_rope (OvkCmd *cmd, const Owl2Tensor *x, const Owl2Tensor *table,
    guint n_heads, guint head_dim, const Owl2Rows *rows)
{
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  guint piece, r, n;

  g_return_if_fail (head_dim % 2 == 0 && table->cols >= head_dim);
  g_return_if_fail (x->cols >= n_heads * head_dim);
  g_return_if_fail (owl2_rows_lie (rows, x->rows));

  piece = owl2_piece_rows (cmd, "rope", x->rows, x, NULL);
  if (piece == 0
      || !owl2_piece_fits (cmd, "rope", "the table of angles",
          owl2_rows_bytes (table, table->rows)))
    return;

  for (r = 0; r < x->rows; r += n) {
    n = MIN (piece, x->rows - r);

    Owl2Operand operands[] = {
      owl2_operand (cmd, x, r, n, OVK_READ_WRITE),
      owl2_operand (cmd, table, 0, table->rows, OVK_READ),
      owl2_operand_rows (cmd, rows, r, n),
    };
    struct owl2_pc_rope pc = {
      .rows = n,
      .n_heads = n_heads,
      .head_dim = head_dim,
      .x_offset = operands[0].offset,
      .x_stride = x->stride,
      .t_offset = operands[1].offset,
      .t_stride = table->stride,
      .r_offset = operands[2].offset,
    };

    spec[OWL2_SC_VEC4] = head_dim % 8 == 0
                         && owl2_operand_vec4 (&operands[0], x)
                         && owl2_operand_vec4 (&operands[1], table);
    owl2_record (cmd, &owl2_shader_rope, spec, G_N_ELEMENTS (spec), operands,
        &pc,
        owl2_groups_of_rows (
            cmd, n, n_heads * head_dim / (spec[OWL2_SC_VEC4] ? 8 : 2)));
  }
}

/* LlamaRotaryEmbedding of transformers 4.31: every step is rounded to fp32,
 * which is visible in the angles of late positions. */
void
owl2_rope_table (float *table, guint n_pos, guint head_dim, float base)
{
  guint half = head_dim / 2, pos, i;

  for (i = 0; i < half; i++) {
    float frequency = 1.f / powf (base, (float) (2 * i) / (float) head_dim);

    for (pos = 0; pos < n_pos; pos++) {
      float angle = (float) pos * frequency;
      float *row = table + (gsize) pos * head_dim;

      row[i] = (float) cos ((double) angle);
      row[half + i] = (float) sin ((double) angle);
    }
  }
}
