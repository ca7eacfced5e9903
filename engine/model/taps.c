/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "taps.h"

gboolean
owl2_tap_rows (Owl2Exec *exec, const char *name, gint index, Owl2Tensor tensor,
    guint n, GError **error)
{
  gsize shape[2] = { n, tensor.cols };

  if (!n)
    return TRUE;
  tensor.rows = n;
  return owl2_exec_tap (exec, name, index, &tensor, 2, shape, 0, error);
}

gboolean
owl2_tap_attention (
    Owl2Exec *exec, const Owl2Attention *attention, guint layer, GError **error)
{
  gsize shape[3] = { attention->n_heads, attention->n_q, attention->n_k };
  OvkArena *arena;
  Owl2Tensor probs;
  gboolean ok;

  if (!exec->tap)
    return TRUE;
  arena = ovk_arena_new (exec->dev, "attention probabilities", 1 << 20);
  ok = owl2_tensor_alloc (&probs, arena, attention->n_heads * attention->n_q,
      attention->n_k, error);
  if (ok) {
    owl2_op_attention_probs (owl2_exec_cmd (exec), &probs, attention);
    ok = owl2_exec_tap (exec, "attn", layer, &probs, 3, shape, 1, error);
  }
  if (!ok)
    owl2_exec_abandon (exec);
  ovk_arena_free (arena);
  return ok;
}

gboolean
owl2_tap_logits (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2DecoderBuffers *b, guint n, GError **error)
{
  Owl2Tensor x = owl2_tensor_rows (b->x, 0, n);
  Owl2Tensor h = owl2_tensor_rows (b->h, 0, n), logits;
  OvkArena *arena;
  gboolean ok;

  if (!exec->tap || !n)
    return TRUE;
  owl2_op_rmsnorm (owl2_exec_cmd (exec), &h, &x, &weights->decoder.norm,
      &weights->decoder.norm, NULL, weights->config.decoder.eps);
  if (!owl2_tap_rows (exec, "final_norm", -1, h, n, error))
    return FALSE;
  arena = ovk_arena_new (exec->dev, "all logits", 1 << 20);
  ok = owl2_tensor_alloc (
      &logits, arena, n, weights->config.decoder.n_vocab, error);
  if (ok) {
    owl2_op_matmul (owl2_exec_cmd (exec), OWL2_PREFILL, &logits, &h,
        &weights->decoder.output, NULL, OWL2_ACT_NONE, NULL);
    ok = owl2_tap_rows (exec, "logits", -1, logits, n, error);
  }
  if (!ok)
    owl2_exec_abandon (exec);
  ovk_arena_free (arena);
  return ok;
}
