/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

void
owl2_op_turn (OvkCmd *cmd, OvkSlice dst, gsize dst_stride, OvkSlice src,
    gsize src_stride, guint width, guint height, guint turn)
{
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  gboolean across = (turn & OWL2_TURN_TRANSPOSE) != 0;
  guint dst_width = across ? height : width;
  guint dst_height = across ? width : height;
  gsize src_bytes = src_stride * height, dst_bytes = dst_stride * dst_height;
  guint32 first = 0, x_step = 3, y_step = (guint32) src_stride;

  g_return_if_fail (dst_stride % 4 == 0 && src_stride % 4 == 0);
  g_return_if_fail (dst_stride >= 3 * (gsize) dst_width);
  g_return_if_fail (src.size >= src_bytes && dst.size >= dst_bytes);
  if (!owl2_piece_fits (cmd, "turn", "the frame", src_bytes)
      || !owl2_piece_fits (cmd, "turn", "the turned frame", dst_bytes))
    return;

  /* Steps wrap around, so that they may be negative. */
  if (turn & OWL2_TURN_MIRROR_X) {
    first += (width - 1) * 3;
    x_step = -x_step;
  }
  if (turn & OWL2_TURN_MIRROR_Y) {
    first += (height - 1) * (guint32) src_stride;
    y_step = -y_step;
  }

  owl2_explain (cmd, OWL2_OP_TURN);

  Owl2Operand operands[] = {
    owl2_operand_bytes (cmd, src, 0, src_bytes, OVK_READ),
    owl2_operand_bytes (cmd, dst, 0, dst_bytes, OVK_WRITE),
  };
  struct owl2_pc_turn pc = {
    .width = dst_width,
    .height = dst_height,
    .s_offset = operands[0].offset + first,
    .right = across ? y_step : x_step,
    .down = across ? x_step : y_step,
    .d_offset = operands[1].offset / 4,
    .d_stride = (guint32) (dst_stride / 4),
  };

  owl2_record (cmd, &owl2_shader_turn, spec, G_N_ELEMENTS (spec), operands, &pc,
      owl2_groups (cmd, dst_height, (dst_width + 3) / 4));
}
