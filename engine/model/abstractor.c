/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One layer (x: queries; v: vision features, the same in every layer), as in
 * the published modeling_mplug_owl2.py / visual_encoder.py:
 *
 *   h  = norm1 (x)
 *   kv = [h ; normk (v)]
 *   q  = query (h + q_pos)
 *   k  = key (kv + [q_pos ; k_pos])
 *   w  = value (kv)
 *   t  = h + out (attention (q, k, w))         the residual is h, not x
 *   x' = t + w2 (ffn_ln (silu (w1 (u)) * w3 (u)))   u = norm2 (t)
 */
#include "abstractor.h"

#include <math.h>

#include "look.h"

/* norm1, normk and norm2, whatever the configuration says. */
#define NORM_EPS 1e-5f

gboolean
owl2_abstractor_buffers_alloc (Owl2AbstractorBuffers *b, OvkArena *arena,
    const Owl2Config *config, guint n_frames, GError **error)
{
  guint Q = config->abstractor.n_queries, T = config->vision.n_tokens;
  guint width = config->abstractor.width, mlp = config->abstractor.mlp;
  Owl2Tensor *queries[] = { &b->x, &b->h, &b->t, &b->q_in, &b->q, &b->attn };
  Owl2Tensor *keys[] = { &b->kv, &b->k_in, &b->k, &b->v };
  Owl2Tensor *mlps[] = { &b->gate, &b->up, &b->act, &b->norm };

  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    if (!owl2_tensor_alloc (queries[i], arena, n_frames * Q, width, error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (!owl2_tensor_alloc (keys[i], arena, n_frames * (Q + T), width, error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (mlps); i++)
    if (!owl2_tensor_alloc (mlps[i], arena, n_frames * Q, mlp, error))
      return FALSE;
  return owl2_tensor_alloc (
      &b->out, arena, n_frames * (Q + 1), config->decoder.width, error);
}

/* The rows of the first @n_frames. */
static Owl2AbstractorBuffers
first_frames (
    const Owl2AbstractorBuffers *b, const Owl2Config *config, guint n_frames)
{
  guint Q = config->abstractor.n_queries, T = config->vision.n_tokens;
  Owl2AbstractorBuffers used = *b;
  Owl2Tensor *queries[] = { &used.x, &used.h, &used.t, &used.q_in, &used.q,
    &used.attn, &used.gate, &used.up, &used.act, &used.norm };
  Owl2Tensor *keys[] = { &used.kv, &used.k_in, &used.k, &used.v };

  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    *queries[i] = owl2_tensor_rows (*queries[i], 0, n_frames * Q);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    *keys[i] = owl2_tensor_rows (*keys[i], 0, n_frames * (Q + T));
  used.out = owl2_tensor_rows (b->out, 0, n_frames * (Q + 1));
  return used;
}

/* b->kv = [h ; normk (v)], b->k_in = b->kv + [q_pos ; k_pos], for each frame */
static void
record_keys (OvkCmd *cmd, const Owl2Weights *weights,
    const Owl2AbstractorBuffers *b, const Owl2AbstractorLayer *layer,
    const Owl2Tensor *vision)
{
  guint Q = weights->config.abstractor.n_queries;
  guint T = weights->config.vision.n_tokens;

  for (guint f = 0; f < b->x.rows / Q; f++) {
    guint row = f * (Q + T);
    Owl2Tensor h = owl2_tensor_rows (b->h, f * Q, Q);
    Owl2Tensor v = owl2_tensor_rows (*vision, f * T, T);
    Owl2Tensor kv_queries = owl2_tensor_rows (b->kv, row, Q);
    Owl2Tensor kv_vision = owl2_tensor_rows (b->kv, row + Q, T);
    Owl2Tensor k_queries = owl2_tensor_rows (b->k_in, row, Q);
    Owl2Tensor k_vision = owl2_tensor_rows (b->k_in, row + Q, T);

    owl2_op_copy (cmd, &kv_queries, &h);
    owl2_op_layernorm (
        cmd, &kv_vision, &v, &layer->lnk.w, &layer->lnk.b, NORM_EPS);
    owl2_op_add (cmd, &k_queries, &kv_queries, &layer->q_pos);
    owl2_op_add (cmd, &k_vision, &kv_vision, &layer->k_pos);
  }
}

/* A frame's queries look at its own keys. */
static Owl2Attention
attention_of (
    const Owl2Weights *weights, const Owl2AbstractorBuffers *b, guint frame)
{
  guint Q = weights->config.abstractor.n_queries;
  guint T = weights->config.vision.n_tokens;
  guint d = weights->config.abstractor.head_dim;

  return (Owl2Attention){
    .family = OWL2_PREFILL,
    .q = owl2_tensor_rows (b->q, frame * Q, Q),
    .k = owl2_tensor_rows (b->k, frame * (Q + T), Q + T),
    .v = owl2_tensor_rows (b->v, frame * (Q + T), Q + T),
    .out = owl2_tensor_rows (b->attn, frame * Q, Q),
    .n_q = Q,
    .n_k = Q + T,
    .n_heads = weights->config.abstractor.n_heads,
    .n_kv_heads = weights->config.abstractor.n_heads,
    .head_dim = d,
    .q_head_stride = d,
    .kv_head_stride = d,
    .scale = 1.f / sqrtf (d),
  };
}

/* Of frames that want it, what their queries look at. Keys are the queries, the
 * class token, then the patches. */
static void
record_look (OvkCmd *cmd, const Owl2Weights *weights,
    const Owl2AbstractorBuffers *b, const Owl2AbstractorLook *look, guint layer)
{
  guint Q = weights->config.abstractor.n_queries;
  guint n_patches = weights->config.vision.n_tokens - 1;

  for (guint f = 0; look && f < b->x.rows / Q; f++) {
    Owl2Attention a = attention_of (weights, b, f);

    if (look->to[f].buffer)
      owl2_look_record (cmd, look->to[f], &a, look->probs, Q + 1, n_patches,
          1.f / (a.n_heads * weights->config.abstractor.n_layers), layer > 0);
  }
}

/* b->t = h + out (attention (...)) */
static gboolean
record_attention (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2AbstractorBuffers *b, guint i, const Owl2Tensor *vision,
    const Owl2AbstractorLook *look, GError **error)
{
  const Owl2AbstractorLayer *layer = &weights->abstractor.layers[i];
  guint n_frames = b->x.rows / weights->config.abstractor.n_queries;
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "abstractor attention");
  owl2_op_layernorm (cmd, &b->h, &b->x, &layer->ln1.w, &layer->ln1.b, NORM_EPS);
  owl2_op_add (cmd, &b->q_in, &b->h, &layer->q_pos);
  record_keys (cmd, weights, b, layer, vision);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->q, &b->q_in, &layer->q.w, &layer->q.b,
      OWL2_ACT_NONE, NULL);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->k, &b->k_in, &layer->k.w, &layer->k.b,
      OWL2_ACT_NONE, NULL);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->v, &b->kv, &layer->v.w, &layer->v.b,
      OWL2_ACT_NONE, NULL);
  cmd = owl2_exec_next (exec, "abstractor attention", error);
  if (!cmd)
    return FALSE;
  for (guint f = 0; f < n_frames; f++) {
    Owl2Attention attention = attention_of (weights, b, f);

    owl2_op_attention (cmd, &attention);
  }
  record_look (cmd, weights, b, look, i);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->t, &b->attn, &layer->out.w,
      &layer->out.b, OWL2_ACT_NONE, &b->h);
  return owl2_exec_step (exec, error);
}

/* b->x = t + w2 (ffn_ln (silu (w1 (u)) * w3 (u))) */
static gboolean
record_mlp (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2AbstractorBuffers *b, const Owl2AbstractorLayer *layer,
    GError **error)
{
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "abstractor mlp");
  owl2_op_layernorm (
      cmd, &b->q_in, &b->t, &layer->ln2.w, &layer->ln2.b, NORM_EPS);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->gate, &b->q_in, &layer->gate.w,
      &layer->gate.b, OWL2_ACT_NONE, NULL);
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->up, &b->q_in, &layer->up.w,
      &layer->up.b, OWL2_ACT_NONE, NULL);
  owl2_op_swiglu (cmd, &b->act, &b->gate, &b->up);
  owl2_op_layernorm (cmd, &b->norm, &b->act, &layer->ffn_norm.w,
      &layer->ffn_norm.b, weights->config.abstractor.eps);
  cmd = owl2_exec_next (exec, "abstractor mlp", error);
  if (!cmd)
    return FALSE;
  owl2_op_matmul (cmd, OWL2_PREFILL, &b->x, &b->norm, &layer->down.w,
      &layer->down.b, OWL2_ACT_NONE, &b->t);
  return owl2_exec_step (exec, error);
}

gboolean
owl2_abstractor_record (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2AbstractorBuffers *b, const Owl2Tensor *vision, guint n_frames,
    const Owl2AbstractorLook *look, GError **error)
{
  const Owl2AbstractorWeights *w = &weights->abstractor;
  const Owl2AbstractorBuffers used =
      first_frames (b, &weights->config, n_frames);
  guint Q = weights->config.abstractor.n_queries;
  gsize shape[3] = { n_frames, Q, b->x.cols };
  gsize out_shape[3] = { n_frames, Q + 1, b->out.cols };
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "abstractor queries");
  for (guint f = 0; f < n_frames; f++) {
    Owl2Tensor x = owl2_tensor_rows (used.x, f * Q, Q);

    owl2_op_copy (cmd, &x, &w->query_embd);
  }
  for (guint i = 0; i < weights->config.abstractor.n_layers; i++)
    if (!record_attention (exec, weights, &used, i, vision, look, error)
        || !record_mlp (exec, weights, &used, &w->layers[i], error)
        || !owl2_exec_tap (
            exec, "abstractor_hidden", i, &used.x, 3, shape, 0, error))
      return FALSE;
  cmd = owl2_exec_cmd (exec);
  ovk_cmd_label (cmd, "abstractor output");
  for (guint f = 0; f < n_frames; f++) {
    Owl2Tensor x = owl2_tensor_rows (used.x, f * Q, Q);
    Owl2Tensor rows = owl2_tensor_rows (used.out, f * (Q + 1), Q);
    Owl2Tensor last = owl2_tensor_rows (used.out, f * (Q + 1) + Q, 1);

    owl2_op_matmul (cmd, OWL2_PREFILL, &rows, &x, &w->proj.w, &w->proj.b,
        OWL2_ACT_NONE, NULL);
    owl2_op_copy (cmd, &last, &w->eos);
  }
  return owl2_exec_step (exec, error)
         && owl2_exec_tap (
             exec, "abstractor_output", -1, &used.out, 3, out_shape, 0, error);
}
