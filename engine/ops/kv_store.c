/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

/* Elements that one invocation makes, and that one 32-bit word of dst holds (of
 * Q8_0, whose tensors count words, 1). */
static const guint elements_of[] = { 1, 2, 64 };
static const guint units_of_word[] = { 1, 2, 1 };

void
owl2_op_kv_store (OvkCmd *cmd, const Owl2Tensor *dst, const Owl2Tensor *src,
    guint n_heads, const Owl2Rows *rows)
{
  static const OvkShader *const shaders[] = OWL2_TYPED_KV (kv_store);
  guint type = owl2_type_index (dst->type), dim = dst->cols;
  guint n_units, piece, r, n;
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  Owl2Operand to;

  g_return_if_fail (owl2_type_info (dst->type)->is_kv);
  g_return_if_fail (src->type == OWL2_TYPE_F32 && src->cols == n_heads * dim);
  g_return_if_fail (dst->rows % (n_heads * OWL2_PAGE) == 0);
  g_return_if_fail (owl2_rows_lie (rows, src->rows));
  g_return_if_fail (dst->type != OWL2_TYPE_Q8_0 || dim % 32 == 0);

  piece = owl2_piece_rows (cmd, "kv_store", src->rows, src, NULL);
  if (piece == 0
      || !owl2_piece_fits (
          cmd, "kv_store", "a layer", owl2_rows_bytes (dst, dst->rows)))
    return;

  n_units = (dim + elements_of[type] - 1) / elements_of[type];
  to = owl2_operand (cmd, dst, 0, dst->rows, OVK_WRITE);
  for (r = 0; r < src->rows; r += n) {
    n = MIN (piece, src->rows - r);

    Owl2Operand operands[] = {
      owl2_operand (cmd, src, r, n, OVK_READ),
      to,
      owl2_operand_rows (cmd, rows, r, n),
    };
    struct owl2_pc_kv_store pc = {
      .rows = n,
      .heads = n_heads,
      .head_dim = dim,
      .s_offset = operands[0].offset,
      .s_stride = src->stride,
      .d_offset = to.offset / units_of_word[type],
      .d_stride = dst->stride / units_of_word[type],
      .r_offset = operands[2].offset,
    };

    owl2_record (cmd, shaders[type], spec, G_N_ELEMENTS (spec), operands, &pc,
        owl2_groups_of_rows (cmd, n, n_heads * n_units));
  }
}
