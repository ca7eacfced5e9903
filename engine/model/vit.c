/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vit.h"

#include <math.h>

gboolean
owl2_vit_buffers_alloc (Owl2VitBuffers *b, OvkArena *arena,
    const Owl2Config *config, guint n_frames, GError **error)
{
  guint rows = n_frames * config->vision.n_tokens, width = config->vision.width;

  return owl2_tensor_alloc (&b->x, arena, rows, width, error)
         && owl2_tensor_alloc (&b->h, arena, rows, width, error)
         && owl2_tensor_alloc (&b->qkv, arena, rows, 3 * width, error)
         && owl2_tensor_alloc (&b->attn, arena, rows, width, error)
         && owl2_tensor_alloc (&b->mlp, arena, rows, config->vision.mlp, error);
}

/* The rows of the first @n_frames. */
static Owl2VitBuffers
first_frames (const Owl2VitBuffers *b, const Owl2Config *config, guint n_frames)
{
  guint rows = n_frames * config->vision.n_tokens;

  return (Owl2VitBuffers){
    .x = owl2_tensor_rows (b->x, 0, rows),
    .h = owl2_tensor_rows (b->h, 0, rows),
    .qkv = owl2_tensor_rows (b->qkv, 0, rows),
    .attn = owl2_tensor_rows (b->attn, 0, rows),
    .mlp = owl2_tensor_rows (b->mlp, 0, rows),
  };
}

/* b->h = pre_layernorm ([class; patches W'] + position), for each frame */
static gboolean
record_embeddings (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2VitBuffers *b, const Owl2Tensor *patches, GError **error)
{
  const Owl2VitWeights *w = &weights->vit;
  guint T = weights->config.vision.n_tokens;
  Owl2Tensor pos_class = owl2_tensor_rows (w->position, 0, 1);
  Owl2Tensor pos_patches = owl2_tensor_rows (w->position, 1, T - 1);
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "vit embed");
  for (guint row = 0; row < b->x.rows; row += T) {
    Owl2Tensor x_class = owl2_tensor_rows (b->x, row, 1);
    Owl2Tensor x_patches = owl2_tensor_rows (b->x, row + 1, T - 1);
    Owl2Tensor own = owl2_tensor_rows (*patches, row / T * (T - 1), T - 1);

    owl2_op_add (cmd, &x_class, &w->class_embd, &pos_class);
    owl2_op_matmul (cmd, OWL2_PREFILL, &x_patches, &own, &w->patch, NULL,
        OWL2_ACT_NONE, &pos_patches);
  }
  owl2_op_layernorm (cmd, &b->h, &b->x, &w->pre_ln.w, &w->pre_ln.b,
      weights->config.vision.eps);
  owl2_op_copy (cmd, &b->x, &b->h);
  return owl2_exec_step (exec, error);
}

/* Each frame's tokens look at each other. */
static void
record_attention (
    OvkCmd *cmd, const Owl2Weights *weights, const Owl2VitBuffers *b)
{
  guint T = weights->config.vision.n_tokens, width = b->x.cols;
  guint d = weights->config.vision.head_dim;

  for (guint row = 0; row < b->x.rows; row += T) {
    Owl2Tensor qkv = owl2_tensor_rows (b->qkv, row, T);
    Owl2Attention attention = {
      .family = OWL2_PREFILL,
      /* Interleaved by head: query, key and value of a head lie side by side.
       */
      .q = owl2_tensor_cols (qkv, 0, 3 * width),
      .k = owl2_tensor_cols (qkv, d, 3 * width - d),
      .v = owl2_tensor_cols (qkv, 2 * d, 3 * width - 2 * d),
      .out = owl2_tensor_rows (b->attn, row, T),
      .n_q = T,
      .n_k = T,
      .n_heads = weights->config.vision.n_heads,
      .n_kv_heads = weights->config.vision.n_heads,
      .head_dim = d,
      .q_head_stride = 3 * d,
      .kv_head_stride = 3 * d,
      .scale = 1.f / sqrtf (d),
    };

    owl2_op_attention (cmd, &attention);
  }
}

/* x += attention (ln1 (x)), x += mlp (ln2 (x)) */
static gboolean
record_layer (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2VitBuffers *b, const Owl2VitLayer *layer, GError **error)
{
  float eps = weights->config.vision.eps;
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "vit attention");
  owl2_op_layernorm (cmd, &b->h, &b->x, &layer->ln1.w, &layer->ln1.b, eps);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->qkv, &b->h, &layer->qkv.w,
      &layer->qkv.b, OWL2_ACT_NONE, NULL);
  cmd = owl2_exec_next (exec, "vit attention", error);
  if (!cmd)
    return FALSE;
  record_attention (cmd, weights, b);
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
    const Owl2Tensor *patches, guint n_frames, GError **error)
{
  const Owl2VitBuffers used = first_frames (b, &weights->config, n_frames);
  gsize shape[3] = { n_frames, weights->config.vision.n_tokens, b->x.cols };

  if (!record_embeddings (exec, weights, &used, patches, error)
      || !owl2_exec_tap (
          exec, "vision_embeddings", -1, &used.x, 3, shape, 0, error))
    return FALSE;
  for (guint i = 0; i < weights->config.vision.n_layers; i++)
    if (!record_layer (exec, weights, &used, &weights->vit.layers[i], error)
        || !owl2_exec_tap (
            exec, "vision_hidden", i, &used.x, 3, shape, 0, error))
      return FALSE;
  ovk_cmd_label (owl2_exec_cmd (exec), "vit output");
  owl2_op_layernorm (owl2_exec_cmd (exec), &used.h, &used.x,
      &weights->vit.post_ln.w, &weights->vit.post_ln.b,
      weights->config.vision.eps);
  return owl2_exec_tap (
      exec, "vision_last_hidden", -1, &used.h, 3, shape, 0, error);
}
