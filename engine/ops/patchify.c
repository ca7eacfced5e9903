/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#define LUT_BYTES (3 * 256 * sizeof (float))

void
owl2_op_patchify (OvkCmd *cmd, const Owl2Tensor *out, OvkSlice src,
    OvkSlice lut, guint size, guint patch)
{
  guint32 spec[] = { owl2_workgroup (cmd) };
  gsize src_bytes = (gsize) size * size * sizeof (guint32);
  guint grid, piece, r, n;

  g_return_if_fail (patch > 0 && size >= patch);
  grid = size / patch;
  g_return_if_fail (out->rows == grid * grid);
  g_return_if_fail (out->cols == 3 * patch * patch);
  g_return_if_fail (src.size >= src_bytes && lut.size >= LUT_BYTES);

  piece = owl2_piece_rows (cmd, "patchify", out->rows, out, NULL);
  owl2_explain (cmd, OWL2_OP_PATCHIFY, .cols = patch);
  if (piece == 0 || !owl2_piece_fits (cmd, "patchify", "the image", src_bytes))
    return;

  for (r = 0; r < out->rows; r += n) {
    n = MIN (piece, out->rows - r);

    Owl2Operand operands[] = {
      owl2_operand_bytes (cmd, src, 0, src_bytes, OVK_READ),
      owl2_operand_bytes (cmd, lut, 0, LUT_BYTES, OVK_READ),
      owl2_operand (cmd, out, r, n, OVK_WRITE),
    };
    struct owl2_pc_patchify pc = {
      .grid = grid,
      .edge = patch,
      .size = size,
      .row0 = r,
      .rows = n,
      .s_offset = operands[0].offset / 4,
      .l_offset = operands[1].offset / 4,
      .o_offset = operands[2].offset,
      .o_stride = out->stride,
    };

    owl2_record (cmd, &owl2_shader_patchify, spec, G_N_ELEMENTS (spec),
        operands, &pc, owl2_groups (cmd, n, patch * patch));
  }
}
