/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#define WORKGROUP 128
/* Logits of a workgroup: eight of an invocation, so that the vocabulary of a
 * model is some 30 workgroups. A processor, which takes turns at workgroups, is
 * faster with one, if a binding of it holds so many. */
#define PART 1024
#define PART_CPU 65536
#define FOUND_WORDS 5 /* what is found in a part */

static guint
count_parts (guint n, guint part)
{
  return (n + part - 1) / part;
}

gsize
owl2_argmax_scratch (guint rows, guint n)
{
  gsize row = (gsize) count_parts (n, PART) * FOUND_WORDS * sizeof (guint32);

  return n > PART ? rows * row : 0;
}

static guint
part_of (OvkCmd *cmd)
{
  const OvkCaps *caps = ovk_device_caps (ovk_cmd_device (cmd));
  gboolean large = caps->type == VK_PHYSICAL_DEVICE_TYPE_CPU
                   && caps->max_storage_range >= 2 * PART_CPU * sizeof (float);

  return large ? PART_CPU : PART;
}

/* For @n_rows rows from @row on: @join: puts their parts together; else finds
 * those of @n columns from @first on, a multiple of a part. All operands fit.
 */
static void
argmax_piece (OvkCmd *cmd, OvkSlice results, const Owl2Tensor *logits,
    const Owl2Rows *rows, OvkSlice scratch, guint row, guint n_rows,
    guint first, guint n, gboolean join)
{
  guint32 spec[] = { WORKGROUP, FALSE, join };
  Owl2Tensor piece = owl2_tensor_cols (*logits, first, n);
  gsize found = owl2_argmax_scratch (n_rows, logits->cols);
  /* A binding that is not used gets something valid. */
  Owl2Operand operands[] = {
    owl2_operand (cmd, &piece, row, n_rows, OVK_READ),
    owl2_operand_rows (cmd, rows, row, n_rows),
    owl2_operand_results (cmd, results, OVK_WRITE),
    found ? owl2_operand_bytes (
        cmd, scratch, 0, found, join ? OVK_READ : OVK_WRITE)
          : owl2_operand_results (cmd, results, OVK_WRITE),
  };
  struct owl2_pc_argmax pc = {
    .rows = n_rows,
    .n = logits->cols,
    .part = part_of (cmd),
    .n_parts = count_parts (logits->cols, part_of (cmd)),
    .part0 = first / part_of (cmd),
    .n_here = count_parts (n, part_of (cmd)),
    .l_offset = operands[0].offset,
    .l_stride = logits->stride,
    .r_offset = operands[1].offset,
    .e_offset = operands[2].offset,
    .p_offset = operands[3].offset / 4,
  };

  operands[2].bytes =
      join || logits->cols <= pc.part ? n_rows * sizeof (Owl2Result) : 0;
  if (join)
    operands[0].bytes = 0;
  owl2_record (cmd, &owl2_shader_argmax, spec, G_N_ELEMENTS (spec), operands,
      &pc, (gsize) n_rows * (join ? 1 : pc.n_here));
}

void
owl2_op_argmax (OvkCmd *cmd, OvkSlice results, const Owl2Tensor *logits,
    const Owl2Rows *rows, OvkSlice scratch)
{
  Owl2Tensor one = owl2_tensor_cols (*logits, 0, 1);
  guint part = part_of (cmd), n_rows, n_cols, r, c;

  g_return_if_fail (owl2_results_lie (results));
  g_return_if_fail (logits->cols > 0 && owl2_rows_lie (rows, logits->rows));
  g_return_if_fail (
      scratch.size >= owl2_argmax_scratch (logits->rows, logits->cols));

  owl2_explain (cmd, OWL2_OP_ARGMAX, .cols = logits->cols);
  /* A row in pieces of whole parts: columns become rows of one element. */
  one.stride = 1;
  n_cols = owl2_piece_rows (cmd, "argmax", logits->cols, &one, NULL);
  if (n_cols == 0
      || !owl2_piece_fits (cmd, "argmax", "the results", results.size)
      || !owl2_piece_fits (cmd, "argmax", "what is found", scratch.size))
    return;
  n_rows = n_cols < logits->cols
               ? 1
               : owl2_piece_rows (cmd, "argmax", logits->rows, logits, NULL);
  if (n_cols < logits->cols)
    n_cols = n_cols / part * part;
  for (r = 0; r < logits->rows; r += n_rows) {
    guint n = MIN (n_rows, logits->rows - r);

    for (c = 0; c < logits->cols; c += n_cols)
      argmax_piece (cmd, results, logits, rows, scratch, r, n, c,
          MIN (n_cols, logits->cols - c), FALSE);
    if (logits->cols > part)
      argmax_piece (cmd, results, logits, rows, scratch, r, n, 0, 1, TRUE);
  }
}
