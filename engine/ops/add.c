/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

void
owl2_op_add (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *a,
    const Owl2Tensor *b)
{
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  gboolean repeats = b->rows != a->rows;
  guint piece, r, n;

  g_return_if_fail (out->rows == a->rows && out->cols == a->cols);
  g_return_if_fail (b->cols == a->cols && b->rows > 0);

  /* A repeating operand is bound whole. */
  piece = owl2_piece_rows (cmd, "add", a->rows, out, a, repeats ? a : b, NULL);
  owl2_explain (cmd, OWL2_OP_ADD, .cols = a->cols);
  if (piece == 0
      || (repeats
          && !owl2_piece_fits (cmd, "add", "the second operand",
              ((gsize) b->rows * b->stride) * sizeof (float))))
    return;

  for (r = 0; r < a->rows; r += n) {
    n = MIN (piece, a->rows - r);

    Owl2Operand operands[] = {
      owl2_operand (cmd, a, r, n, OVK_READ),
      owl2_operand (cmd, b, repeats ? 0 : r, repeats ? b->rows : n, OVK_READ),
      owl2_operand (cmd, out, r, n, OVK_WRITE),
    };
    struct owl2_pc_add pc = {
      .rows = n,
      .cols = a->cols,
      .row0 = repeats ? r : 0,
      .a_offset = operands[0].offset,
      .a_stride = a->stride,
      .b_offset = operands[1].offset,
      .b_stride = b->stride,
      .b_rows = repeats ? b->rows : n,
      .o_offset = operands[2].offset,
      .o_stride = out->stride,
    };

    spec[OWL2_SC_VEC4] = owl2_operand_vec4 (&operands[0], a)
                         && owl2_operand_vec4 (&operands[1], b)
                         && owl2_operand_vec4 (&operands[2], out);
    owl2_record (cmd, &owl2_shader_add, spec, G_N_ELEMENTS (spec), operands,
        &pc, owl2_groups (cmd, n, a->cols / (spec[OWL2_SC_VEC4] ? 4 : 1)));
  }
}
