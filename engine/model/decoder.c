/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "decoder.h"

#include <math.h>
#include <string.h>

/* An id that no table has: owl2_op_embed() leaves such rows as they are. */
#define NO_TOKEN G_MAXUINT32

gboolean
owl2_decoder_buffers_init (Owl2DecoderBuffers *b, OvkArena *arena,
    const Owl2Config *config, GError **error)
{
  guint C = MIN (OWL2_DECODER_CHUNK, config->decoder.n_ctx);
  guint width = config->decoder.width, mlp = config->decoder.mlp;
  guint kv = config->decoder.n_kv_heads * config->decoder.head_dim;

  memset (b, 0, sizeof *b);
  b->chunk = C;
  return owl2_tensor_alloc (&b->x, arena, C, width, error)
         && owl2_tensor_alloc (&b->h, arena, C, width, error)
         && owl2_tensor_alloc (&b->q, arena, C, width, error)
         && owl2_tensor_alloc (&b->attn, arena, C, width, error)
         && owl2_tensor_alloc (&b->k, arena, C, kv, error)
         && owl2_tensor_alloc (&b->v, arena, C, kv, error)
         && owl2_tensor_alloc (&b->gate, arena, C, mlp, error)
         && owl2_tensor_alloc (&b->up, arena, C, mlp, error)
         && owl2_tensor_alloc (&b->last, arena, 1, width, error)
         && owl2_tensor_alloc (
             &b->logits, arena, 1, config->decoder.n_vocab, error)
         && ovk_arena_alloc (arena, C * sizeof (guint32), &b->ids, error)
         && ovk_arena_alloc (arena, sizeof (Owl2Argmax), &b->argmax, error)
         && owl2_modality_init (&b->modality, arena, C, error);
}

void
owl2_decoder_buffers_clear (Owl2DecoderBuffers *b)
{
  owl2_modality_clear (&b->modality);
}

/* The first n rows of a chunk's buffer. */
static Owl2Tensor
top (Owl2Tensor tensor, guint n)
{
  return owl2_tensor_rows (tensor, 0, n);
}

/* Uploads those of rows first .. of b->x that are features. They come from the
 * host, so everything before must be done with b->x. */
static gboolean
upload_features (Owl2Exec *exec, Owl2DecoderBuffers *b,
    const Owl2DecoderRun *run, guint first, guint n, GError **error)
{
  gsize row_bytes = (gsize) b->x.cols * sizeof (float);
  g_autoptr (OvkUploader) up = NULL;

  if (!owl2_exec_finish (exec, error))
    return FALSE;
  up = ovk_uploader_new (exec->dev, error);
  if (!up)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    OvkSlice row = b->x.slice;

    row.offset += i * row_bytes;
    row.size = row_bytes;
    if (run->keys[first + i].frame
        && !ovk_uploader_rows (up, row, row_bytes, run->rows[first + i],
            row_bytes, row_bytes, 1, error))
      return FALSE;
  }
  return ovk_uploader_finish (up, error);
}

/* b->x = the inputs; tokens are looked up on the device. */
static gboolean
record_inputs (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2DecoderBuffers *b, const Owl2DecoderRun *run, guint first, guint n,
    GError **error)
{
  g_autofree guint32 *ids = g_new (guint32, n);
  g_autofree guint32 *modality = g_new (guint32, n);
  OvkSlice slice = b->ids;
  Owl2Tensor x = top (b->x, n);
  gboolean features = FALSE;
  OvkCmd *cmd;

  for (guint i = 0; i < n; i++) {
    const Owl2KvKey *key = &run->keys[first + i];

    ids[i] = key->frame ? NO_TOKEN : key->index;
    modality[i] = key->frame && !run->language_only;
    features |= key->frame != 0;
  }
  if (features && !upload_features (exec, b, run, first, n, error))
    return FALSE;
  cmd = owl2_exec_cmd (exec);
  ovk_cmd_label (cmd, "embed");
  slice.size = n * sizeof (guint32);
  ovk_cmd_update (cmd, slice, ids, slice.size);
  owl2_modality_record (&b->modality, cmd, modality, n);
  owl2_op_embed (cmd, &x, &weights->decoder.embed, slice, n);
  return TRUE;
}

static gboolean
tap_attention (
    Owl2Exec *exec, const Owl2Attention *attention, guint layer, GError **error)
{
  OvkArena *arena;
  Owl2Tensor probs;
  gsize shape[3] = { attention->n_heads, attention->n_q, attention->n_k };
  gboolean ok;

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

/* x += o (attention (q (h), k (h), v (h))), h = norm (x); keys are rotated in
 * F32, then keys and values go into the cache. */
static gboolean
record_attention (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2KvCache *cache, Owl2DecoderBuffers *b, const Owl2DecoderRun *run,
    guint layer, guint n, GError **error)
{
  const Owl2Config *config = &weights->config;
  const Owl2DecoderLayer *w = &weights->decoder.layers[layer];
  guint pos0 = cache->n, d = config->decoder.head_dim;
  guint n_heads = config->decoder.n_heads;
  guint n_kv_heads = config->decoder.n_kv_heads;
  Owl2Tensor x = top (b->x, n), h = top (b->h, n), q = top (b->q, n);
  Owl2Tensor attn = top (b->attn, n);
  Owl2Tensor k = top (b->k, n), v = top (b->v, n);
  Owl2Attention attention = {
    .family = run->family,
    .q = q,
    .k = cache->k[layer],
    .v = cache->v[layer],
    .out = attn,
    .n_q = n,
    .n_k = pos0 + n,
    .n_heads = n_heads,
    .n_kv_heads = n_kv_heads,
    .head_dim = d,
    .q_head_stride = d,
    .kv_head_rows = cache->capacity,
    .causal = TRUE,
    .pos0 = pos0,
    .scale = 1.f / sqrtf (d),
  };
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "decoder attention");
  owl2_mam_norm (cmd, &h, &x, w->attn_norm, &b->modality, config->decoder.eps);
  owl2_op_matmul (cmd, run->family, &q, &h, &w->q, NULL, OWL2_ACT_NONE, NULL);
  owl2_mam_project (cmd, run->family, &k, &h, w->k, &b->modality);
  owl2_mam_project (cmd, run->family, &v, &h, w->v, &b->modality);
  owl2_op_rope (cmd, &q, &cache->rope, n_heads, d, pos0);
  owl2_op_rope (cmd, &k, &cache->rope, n_kv_heads, d, pos0);
  owl2_op_kv_store (cmd, &cache->k[layer], &k, n_kv_heads, pos0);
  owl2_op_kv_store (cmd, &cache->v[layer], &v, n_kv_heads, pos0);
  cmd = owl2_exec_next (exec, "decoder attention", error);
  if (!cmd)
    return FALSE;
  owl2_op_attention (cmd, &attention);
  if (run->attention && exec->tap
      && !tap_attention (exec, &attention, layer, error))
    return FALSE;
  cmd = owl2_exec_cmd (exec);
  owl2_op_matmul (
      cmd, run->family, &x, &attn, &w->out, NULL, OWL2_ACT_NONE, &x);
  return owl2_exec_step (exec, error);
}

/* x += down (silu (gate (h)) * up (h)), h = norm (x) */
static gboolean
record_mlp (Owl2Exec *exec, const Owl2Weights *weights, Owl2DecoderBuffers *b,
    Owl2Family family, guint layer, guint n, GError **error)
{
  const Owl2DecoderLayer *w = &weights->decoder.layers[layer];
  Owl2Tensor x = top (b->x, n), h = top (b->h, n);
  Owl2Tensor gate = top (b->gate, n), up = top (b->up, n);
  OvkCmd *cmd = owl2_exec_cmd (exec);

  ovk_cmd_label (cmd, "decoder mlp");
  owl2_mam_norm (
      cmd, &h, &x, w->ffn_norm, &b->modality, weights->config.decoder.eps);
  owl2_op_matmul (cmd, family, &gate, &h, &w->gate, NULL, OWL2_ACT_NONE, NULL);
  cmd = owl2_exec_next (exec, "decoder mlp", error);
  if (!cmd)
    return FALSE;
  owl2_op_matmul (cmd, family, &up, &h, &w->up, NULL, OWL2_ACT_NONE, NULL);
  owl2_op_swiglu (cmd, &gate, &gate, &up);
  cmd = owl2_exec_next (exec, "decoder mlp", error);
  if (!cmd)
    return FALSE;
  owl2_op_matmul (cmd, family, &x, &gate, &w->down, NULL, OWL2_ACT_NONE, &x);
  return owl2_exec_step (exec, error);
}

/* The final norm and logits of every position, which only a tap wants. */
static gboolean
tap_logits (Owl2Exec *exec, const Owl2Weights *weights, Owl2DecoderBuffers *b,
    guint n, GError **error)
{
  Owl2Tensor x = top (b->x, n), h = top (b->h, n), logits;
  gsize h_shape[2] = { n, h.cols };
  gsize shape[2] = { n, weights->config.decoder.n_vocab };
  OvkArena *arena;
  gboolean ok;

  if (!exec->tap)
    return TRUE;
  owl2_op_rmsnorm (owl2_exec_cmd (exec), &h, &x, &weights->decoder.norm,
      &weights->decoder.norm, NULL, weights->config.decoder.eps);
  if (!owl2_exec_tap (exec, "final_norm", -1, &h, 2, h_shape, 0, error))
    return FALSE;
  arena = ovk_arena_new (exec->dev, "all logits", 1 << 20);
  ok = owl2_tensor_alloc (&logits, arena, n, shape[1], error);
  if (ok) {
    owl2_op_matmul (owl2_exec_cmd (exec), OWL2_PREFILL, &logits, &h,
        &weights->decoder.output, NULL, OWL2_ACT_NONE, NULL);
    ok = owl2_exec_tap (exec, "logits", -1, &logits, 2, shape, 0, error);
  }
  if (!ok)
    owl2_exec_abandon (exec);
  ovk_arena_free (arena);
  return ok;
}

/* Positions first .. of the run. */
static gboolean
run_chunk (Owl2Exec *exec, const Owl2Weights *weights, Owl2KvCache *cache,
    Owl2DecoderBuffers *b, const Owl2DecoderRun *run, guint first, guint n,
    GError **error)
{
  gsize shape[2] = { n, b->x.cols };
  Owl2Tensor x = top (b->x, n);

  if (!record_inputs (exec, weights, b, run, first, n, error)
      || !owl2_exec_tap (exec, "inputs_embeds", -1, &x, 2, shape, 0, error))
    return FALSE;
  for (guint i = 0; i < weights->config.decoder.n_layers; i++)
    if (!record_attention (exec, weights, cache, b, run, i, n, error)
        || !record_mlp (exec, weights, b, run->family, i, n, error)
        || !owl2_exec_tap (exec, "hidden", i, &x, 2, shape, 0, error))
      return FALSE;
  if (!tap_logits (exec, weights, b, n, error))
    return FALSE;
  if (run->family == OWL2_PREFILL)
    owl2_kvcache_append (cache, run->keys + first, n);
  else
    cache->n += n;
  return TRUE;
}

gboolean
owl2_decoder_run (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2KvCache *cache, Owl2DecoderBuffers *b, const Owl2DecoderRun *run,
    GError **error)
{
  guint done = 0, count = 0;
  Owl2Tensor last;
  OvkCmd *cmd;

  g_return_val_if_fail (
      run->n > 0 && cache->n + run->n <= cache->capacity, FALSE);
  for (; done < run->n; done += count) {
    count = MIN (b->chunk - cache->n % b->chunk, run->n - done);
    if (!run_chunk (exec, weights, cache, b, run, done, count, error))
      return FALSE;
  }
  last = owl2_tensor_rows (b->x, count - 1, 1);
  cmd = owl2_exec_cmd (exec);
  ovk_cmd_label (cmd, "logits");
  owl2_op_rmsnorm (cmd, &b->last, &last, &weights->decoder.norm,
      &weights->decoder.norm, NULL, weights->config.decoder.eps);
  owl2_op_matmul (cmd, OWL2_DECODE, &b->logits, &b->last,
      &weights->decoder.output, NULL, OWL2_ACT_NONE, NULL);
  owl2_op_argmax (cmd, b->argmax, &b->logits);
  return owl2_exec_finish (exec, error);
}
