/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vit.h"

#include <math.h>

gboolean
owl2_vit_buffers_alloc (Owl2VitBuffers *b, OvkArena *arena,
    const Owl2Config *config, GError **error)
{
  guint T = config->vision.n_tokens, width = config->vision.width;

  return owl2_tensor_alloc (&b->x, arena, T, width, error)
         && owl2_tensor_alloc (&b->h, arena, T, width, error)
         && owl2_tensor_alloc (&b->qkv, arena, T, 3 * width, error)
         && owl2_tensor_alloc (&b->attn, arena, T, width, error)
         && owl2_tensor_alloc (&b->mlp, arena, T, config->vision.mlp, error);
}

/* b->h = pre_layernorm ([class; patches W'] + position) */
static gboolean
record_embeddings (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2VitBuffers *b, const Owl2Tensor *patches, GError **error)
{
  const Owl2VitWeights *w = &weights->vit;
  guint T = b->x.rows;
  Owl2Tensor x_class = owl2_tensor_rows (b->x, 0, 1);
  Owl2Tensor x_patches = owl2_tensor_rows (b->x, 1, T - 1);
  Owl2Tensor pos_class = owl2_tensor_rows (w->position, 0, 1);
  Owl2Tensor pos_patches = owl2_tensor_rows (w->position, 1, T - 1);
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "vit embed");
  owl2_op_add (cmd, &x_class, &w->class_embd, &pos_class);
  owl2_op_matmul (cmd, OWL2_PREFILL, &x_patches, patches, &w->patch, NULL,
      OWL2_ACT_NONE, &pos_patches);
  owl2_op_layernorm (cmd, &b->h, &b->x, &w->pre_ln.w, &w->pre_ln.b,
      weights->config.vision.eps);
  owl2_op_copy (cmd, &b->x, &b->h);
  return owl2_exec_step (exec, error);
}

/* x += attention (ln1 (x)), x += mlp (ln2 (x)) */
static gboolean
record_layer (Owl2Exec *exec, const Owl2Weights *weights, Owl2VitBuffers *b,
    const Owl2VitLayer *layer, GError **error)
{
  guint T = b->x.rows, width = b->x.cols;
  guint d = weights->config.vision.head_dim;
  Owl2Attention attention = {
    .family = OWL2_PREFILL,
    /* Interleaved by head: query, key and value of a head lie side by side. */
    .q = owl2_tensor_cols (b->qkv, 0, 3 * width),
    .k = owl2_tensor_cols (b->qkv, d, 3 * width - d),
    .v = owl2_tensor_cols (b->qkv, 2 * d, 3 * width - 2 * d),
    .out = b->attn,
    .n_q = T,
    .n_k = T,
    .n_heads = weights->config.vision.n_heads,
    .n_kv_heads = weights->config.vision.n_heads,
    .head_dim = d,
    .q_head_stride = 3 * d,
    .kv_head_stride = 3 * d,
    .scale = 1.f / sqrtf (d),
  };
  float eps = weights->config.vision.eps;
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "vit attention");
  owl2_op_layernorm (cmd, &b->h, &b->x, &layer->ln1.w, &layer->ln1.b, eps);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->qkv, &b->h, &layer->qkv.w,
      &layer->qkv.b, OWL2_ACT_NONE, NULL);
  cmd = owl2_exec_next (exec, "vit attention", error);
  if (!cmd)
    return FALSE;
  owl2_op_attention (cmd, &attention);
  cmd = owl2_exec_next (exec, "vit attention", error);
  if (!cmd)
    return FALSE;
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->x, &b->attn, &layer->out.w,
      &layer->out.b, OWL2_ACT_NONE, &b->x);
  cmd = owl2_exec_next (exec, "vit mlp", error);
  if (!cmd)
    return FALSE;
  owl2_op_layernorm (cmd, &b->h, &b->x, &layer->ln2.w, &layer->ln2.b, eps);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->mlp, &b->h, &layer->up.w, &layer->up.b,
      OWL2_ACT_QUICK_GELU, NULL);
  cmd = owl2_exec_next (exec, "vit mlp", error);
  if (!cmd)
    return FALSE;
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->x, &b->mlp, &layer->down.w,
      &layer->down.b, OWL2_ACT_NONE, &b->x);
  return owl2_exec_step (exec, error);
}

gboolean
owl2_vit_record (Owl2Exec *exec, const Owl2Weights *weights, Owl2VitBuffers *b,
    const Owl2Tensor *patches, GError **error)
{
  gsize shape[3] = { 1, b->x.rows, b->x.cols };

  if (!record_embeddings (exec, weights, b, patches, error)
      || !owl2_exec_tap (
          exec, "vision_embeddings", -1, &b->x, 3, shape, 0, error))
    return FALSE;
  for (guint i = 0; i < weights->config.vision.n_layers; i++)
    if (!record_layer (exec, weights, b, &weights->vit.layers[i], error)
        || !owl2_exec_tap (exec, "vision_hidden", i, &b->x, 3, shape, 0, error))
      return FALSE;
  owl2_op_layernorm (owl2_exec_cmd (exec), &b->h, &b->x,
      &weights->vit.post_ln.w, &weights->vit.post_ln.b,
      weights->config.vision.eps);
  return owl2_exec_tap (
      exec, "vision_last_hidden", -1, &b->h, 3, shape, 0, error);
}
