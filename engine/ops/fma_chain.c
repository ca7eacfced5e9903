/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#define CHAINS 8 /* elements of an invocation */

void
owl2_op_fma_chain (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    guint steps, float a, float b)
{
  guint32 spec[] = { owl2_workgroup (cmd) };
  Owl2Operand operands[2];
  struct owl2_pc_fma_chain pc = {
    .cols = x->cols, .steps = steps, .a = a, .b = b
  };

  g_return_if_fail (x->rows == 1 && out->rows == 1 && out->cols == x->cols);
  g_return_if_fail (steps % OWL2_FMA_CHAIN_STEPS == 0);

  if (!owl2_piece_rows (cmd, "fma_chain", 1, x, out, NULL))
    return;
  owl2_explain (cmd, OWL2_OP_NONE);
  operands[0] = owl2_operand (cmd, x, 0, 1, OVK_READ);
  operands[1] = owl2_operand (cmd, out, 0, 1, OVK_WRITE);
  pc.x_offset = operands[0].offset;
  pc.o_offset = operands[1].offset;
  owl2_record (cmd, &owl2_shader_fma_chain, spec, G_N_ELEMENTS (spec), operands,
      &pc, owl2_groups (cmd, 1, (x->cols + CHAINS - 1) / CHAINS));
  ovk_cmd_add_work (cmd, 2.0 * x->cols * steps);
}
