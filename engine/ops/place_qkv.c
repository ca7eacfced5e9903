/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#include <math.h>

/* Elements of keys or values that one invocation makes, by type, and those
 * where it makes them by fours, of both halves of a head. */
static const guint elements_of[] = { 1, 2, 64 };
static const guint elements_of_fours[] = { 8, 8, 64 };
/* And that one 32-bit word holds (of Q8_0, whose tensors count words, 1). */
static const guint units_of_word[] = { 1, 2, 1 };

/* Invocations for a row. */
static guint
units_of_row (const Owl2PlaceQkv *p, guint type, gboolean vec4)
{
  guint dim = p->k.cols;
  guint each = vec4 ? elements_of_fours[type] : elements_of[type];

  return p->n_heads * dim / (vec4 ? 8 : 1)
         + 2 * p->n_kv_heads * ((dim + each - 1) / each);
}

/* Rows @first .. @first + @n - 1; all operands fit. */
static void
place_piece (OvkCmd *cmd, const Owl2PlaceQkv *p, guint first, guint n)
{
  static const OvkShader *const shaders[] = OWL2_TYPED_KV (place_qkv);
  guint type = owl2_type_index (p->k.type);
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  Owl2Operand operands[] = {
    owl2_operand (cmd, &p->qkv, first, n, OVK_READ),
    owl2_operand (cmd, &p->table, 0, p->table.rows, OVK_READ),
    owl2_operand_rows (cmd, p->rows, first, n),
    owl2_operand (cmd, &p->q, first, n, OVK_WRITE),
    owl2_operand (cmd, &p->k, 0, p->k.rows, OVK_WRITE),
    owl2_operand (cmd, &p->v, 0, p->v.rows, OVK_WRITE),
  };
  struct owl2_pc_place_qkv pc = {
    .rows = n,
    .n_heads = p->n_heads,
    .n_kv_heads = p->n_kv_heads,
    .head_dim = p->k.cols,
    .s_offset = operands[0].offset,
    .s_stride = p->qkv.stride,
    .t_offset = operands[1].offset,
    .t_stride = p->table.stride,
    .r_offset = operands[2].offset,
    .q_offset = operands[3].offset,
    .q_stride = p->q.stride,
    .k_offset = operands[4].offset / units_of_word[type],
    .v_offset = operands[5].offset / units_of_word[type],
    .kv_stride = p->k.stride / units_of_word[type],
  };

  operands[1].bytes = (gsize) n * p->k.cols * sizeof (float);
  operands[4].bytes = operands[5].bytes =
      owl2_operand_rows_bytes (&p->k, n * p->n_kv_heads);
  spec[OWL2_SC_VEC4] = p->k.cols % 8 == 0
                       && owl2_operand_vec4 (&operands[0], &p->qkv)
                       && owl2_operand_vec4 (&operands[1], &p->table)
                       && owl2_operand_vec4 (&operands[3], &p->q);
  owl2_record (cmd, shaders[type], spec, G_N_ELEMENTS (spec), operands, &pc,
      owl2_groups_of_rows (cmd, n, units_of_row (p, type, spec[OWL2_SC_VEC4])));
}

void
owl2_op_place_qkv (OvkCmd *cmd, const Owl2PlaceQkv *p)
{
  guint dim = p->k.cols, piece, r, n;

  g_return_if_fail (dim % 2 == 0 && p->table.cols >= dim);
  g_return_if_fail (p->q.cols == p->n_heads * dim);
  g_return_if_fail (p->qkv.cols == (p->n_heads + 2 * p->n_kv_heads) * dim);
  g_return_if_fail (owl2_type_info (p->k.type)->is_kv);
  g_return_if_fail (
      p->v.type == p->k.type && p->v.cols == dim && p->v.stride == p->k.stride);
  g_return_if_fail (p->k.rows % (p->n_kv_heads * OWL2_PAGE) == 0);
  g_return_if_fail (p->q.rows == p->qkv.rows);
  g_return_if_fail (owl2_rows_lie (p->rows, p->qkv.rows));
  g_return_if_fail (p->k.type != OWL2_TYPE_Q8_0 || dim % 32 == 0);

  owl2_explain (cmd, OWL2_OP_PLACE_QKV, .type = p->k.type, .cols = dim);
  piece = owl2_piece_rows (cmd, "place_qkv", p->qkv.rows, &p->qkv, &p->q, NULL);
  if (piece == 0
      || !owl2_piece_fits (cmd, "place_qkv", "the table of angles",
          owl2_rows_bytes (&p->table, p->table.rows))
      || !owl2_piece_fits (cmd, "place_qkv", "a layer",
          owl2_rows_bytes (&p->k, MAX (p->k.rows, p->v.rows))))
    return;
  for (r = 0; r < p->qkv.rows; r += n) {
    n = MIN (piece, p->qkv.rows - r);
    place_piece (cmd, p, r, n);
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
