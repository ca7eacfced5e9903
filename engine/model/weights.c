/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights.h"

#include <string.h>

/* Weights lie in blocks of this, or in one that just holds a small model. */
#define BLOCK_BYTES (64u << 20)
/* Host memory for rows that are packed before they are uploaded. */
#define PACK_BYTES (1u << 20)
/* At most this is lost between two tensors. */
#define ALIGN_BYTES 256

/* ---- from a file ------------------------------------------------------ */

/* A vector is [1][cols] here and one-dimensional in the file. */
static gboolean
gguf_tensor (const Owl2TensorSpec *spec, Owl2WeightsData *data,
    gpointer user_data, GError **error)
{
  const Owl2Gguf *gguf = user_data;
  const Owl2GgufTensor *t = owl2_gguf_tensor (gguf, spec->name);
  guint64 rows = t ? t->dims[1] : 0, cols = t ? t->dims[0] : 0;

  if (!t) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: tensor '%s' is missing", owl2_gguf_name (gguf), spec->name);
    return FALSE;
  }
  if (t->n_dims > 2 || cols != spec->cols || rows != spec->rows) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: tensor '%s' has the shape [%" G_GUINT64_FORMAT
        ", %" G_GUINT64_FORMAT
        "] in %u dimensions, the configuration asks for [%" G_GUINT64_FORMAT
        ", %" G_GUINT64_FORMAT "]",
        owl2_gguf_name (gguf), spec->name, rows, cols, t->n_dims, spec->rows,
        spec->cols);
    return FALSE;
  }
  if (t->type != OWL2_TYPE_F32 && spec->keep_f32) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: tensor '%s' is of type %s; only f32 is read here",
        owl2_gguf_name (gguf), spec->name, owl2_type_name (t->type));
    return FALSE;
  }
  *data = (Owl2WeightsData){ t->type, t->data, t->size_bytes / t->dims[1] };
  return TRUE;
}

Owl2WeightsSource
owl2_weights_source_gguf (const Owl2Gguf *gguf)
{
  return (Owl2WeightsSource){
    .name = owl2_gguf_name (gguf),
    .tensor = gguf_tensor,
    .user_data = (gpointer) gguf,
  };
}

/* ---- uploading -------------------------------------------------------- */

static gboolean
check_memory (OvkDevice *dev, const Owl2WeightsSource *source,
    const GArray *specs, guint64 *total, GError **error)
{
  guint64 bytes = 0, n_free = ovk_device_free_bytes (dev);

  for (guint i = 0; i < specs->len; i++) {
    const Owl2TensorSpec *spec = &g_array_index (specs, Owl2TensorSpec, i);
    Owl2WeightsData data;

    if (!source->tensor (spec, &data, source->user_data, error))
      return FALSE;
    bytes +=
        owl2_tensor_bytes (data.type, spec->rows, spec->cols) + ALIGN_BYTES;
  }
  if (bytes > n_free) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: the weights need %" G_GUINT64_FORMAT
        " MiB, the device '%s' has %" G_GUINT64_FORMAT " MiB free",
        source->name, bytes >> 20, ovk_device_caps (dev)->name, n_free >> 20);
    return FALSE;
  }
  *total = bytes;
  return TRUE;
}

/* Rows whose layout on the device is another than in the file, a chunk at a
 * time. */
static gboolean
upload_packed (OvkUploader *up, const Owl2WeightsData *src,
    const Owl2Tensor *dst, gsize stride_bytes, GError **error)
{
  guint rows = CLAMP (PACK_BYTES / stride_bytes, 1, dst->rows), n;
  g_autofree guint8 *packed = g_malloc (rows * stride_bytes);

  for (guint first = 0; first < dst->rows; first += n) {
    OvkSlice slice = dst->slice;

    n = MIN (rows, dst->rows - first);
    for (guint r = 0; r < n; r++)
      owl2_weight_pack_row (src->type,
          src->data + (first + r) * src->row_stride, dst->cols,
          packed + r * stride_bytes);
    slice.offset += first * stride_bytes;
    slice.size = n * stride_bytes;
    if (!ovk_uploader_rows (up, slice, stride_bytes, packed, stride_bytes,
            stride_bytes, n, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
upload_tensor (Owl2Weights *weights, OvkUploader *up,
    const Owl2TensorSpec *spec, const Owl2WeightsData *src, Owl2Tensor *dst,
    GError **error)
{
  gsize row_bytes = spec->cols / owl2_type_block (src->type)
                    * owl2_type_block_bytes (src->type);
  gsize stride_bytes = owl2_tensor_bytes (src->type, 1, spec->cols);

  *dst = (Owl2Tensor){
    .type = src->type,
    .rows = spec->rows,
    .cols = spec->cols,
    .stride = owl2_tensor_stride (src->type, spec->cols),
  };
  if (!ovk_arena_alloc (
          weights->arena, stride_bytes * dst->rows, &dst->slice, error))
    return FALSE;
  if (owl2_weight_is_packed (src->type))
    return upload_packed (up, src, dst, stride_bytes, error);
  return ovk_uploader_rows (up, dst->slice, stride_bytes, src->data,
      src->row_stride, row_bytes, dst->rows, error);
}

/* (transfer full): name -> Owl2Tensor. */
static GHashTable *
upload_all (Owl2Weights *weights, const Owl2WeightsSource *source,
    const GArray *specs, guint64 total, Owl2WeightsProgress progress,
    gpointer progress_data, GError **error)
{
  g_autoptr (GHashTable) table =
      g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  g_autoptr (OvkUploader) up = ovk_uploader_new (weights->dev, error);
  guint64 done = 0;

  if (!up)
    return NULL;
  for (guint i = 0; i < specs->len; i++) {
    const Owl2TensorSpec *spec = &g_array_index (specs, Owl2TensorSpec, i);
    Owl2Tensor *tensor = g_new0 (Owl2Tensor, 1);
    Owl2WeightsData data;

    g_hash_table_insert (table, (gpointer) spec->name, tensor);
    if (!source->tensor (spec, &data, source->user_data, error))
      return NULL;
    if (!upload_tensor (weights, up, spec, &data, tensor, error)) {
      g_prefix_error (error, "%s: tensor '%s': ", source->name, spec->name);
      return NULL;
    }
    done += tensor->slice.size;
    if (progress && !progress ((double) done / MAX (total, 1), progress_data)) {
      g_set_error_literal (
          error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "loading was cancelled");
      return NULL;
    }
  }
  if (!ovk_uploader_finish (up, error))
    return NULL;
  return g_steal_pointer (&table);
}

/* ---- names to fields -------------------------------------------------- */

/* The table has every name of owl2_config_tensors(); a name that is not there
 * is this file's mistake, caught by any test that loads a model. */
static void
bind_one (GHashTable *table, Owl2Tensor *tensor, const char *name)
{
  const Owl2Tensor *found = g_hash_table_lookup (table, name);

  if (!found)
    g_error ("no tensor named '%s' in the table of tensors", name);
  *tensor = *found;
}

static void
bind_w (GHashTable *table, Owl2Tensor *tensor, const char *prefix, guint i,
    const char *name)
{
  char full[96];

  g_snprintf (full, sizeof full, "%sblk.%u.%s.weight", prefix, i, name);
  bind_one (table, tensor, full);
}

static void
bind_affine (GHashTable *table, Owl2Affine *affine, const char *prefix, guint i,
    const char *name)
{
  char full[96];

  bind_w (table, &affine->w, prefix, i, name);
  g_snprintf (full, sizeof full, "%sblk.%u.%s.bias", prefix, i, name);
  bind_one (table, &affine->b, full);
}

static void
bind_vit (Owl2Weights *w, GHashTable *table)
{
  Owl2VitWeights *vit = &w->vit;

  bind_one (table, &vit->patch, "v.patch_embd.weight");
  bind_one (table, &vit->class_embd, "v.class_embd");
  bind_one (table, &vit->position, "v.position_embd.weight");
  bind_one (table, &vit->pre_ln.w, "v.pre_ln.weight");
  bind_one (table, &vit->pre_ln.b, "v.pre_ln.bias");
  bind_one (table, &vit->post_ln.w, "v.post_ln.weight");
  bind_one (table, &vit->post_ln.b, "v.post_ln.bias");
  vit->layers = g_new0 (Owl2VitLayer, w->config.vision.n_layers);
  for (guint i = 0; i < w->config.vision.n_layers; i++) {
    Owl2VitLayer *layer = &vit->layers[i];

    bind_affine (table, &layer->ln1, "v.", i, "ln1");
    bind_affine (table, &layer->qkv, "v.", i, "attn_qkv");
    bind_affine (table, &layer->out, "v.", i, "attn_out");
    bind_affine (table, &layer->ln2, "v.", i, "ln2");
    bind_affine (table, &layer->up, "v.", i, "ffn_up");
    bind_affine (table, &layer->down, "v.", i, "ffn_down");
  }
}

static void
bind_abstractor (Owl2Weights *w, GHashTable *table)
{
  Owl2AbstractorWeights *a = &w->abstractor;

  bind_one (table, &a->query_embd, "a.query_embd");
  bind_one (table, &a->eos, "a.eos");
  bind_one (table, &a->proj.w, "a.proj.weight");
  bind_one (table, &a->proj.b, "a.proj.bias");
  a->layers = g_new0 (Owl2AbstractorLayer, w->config.abstractor.n_layers);
  for (guint i = 0; i < w->config.abstractor.n_layers; i++) {
    Owl2AbstractorLayer *layer = &a->layers[i];
    char name[64];

    g_snprintf (name, sizeof name, "a.blk.%u.q_pos", i);
    bind_one (table, &layer->q_pos, name);
    g_snprintf (name, sizeof name, "a.blk.%u.k_pos", i);
    bind_one (table, &layer->k_pos, name);
    bind_affine (table, &layer->ln1, "a.", i, "ln1");
    bind_affine (table, &layer->lnk, "a.", i, "lnk");
    bind_affine (table, &layer->q, "a.", i, "attn_q");
    bind_affine (table, &layer->k, "a.", i, "attn_k");
    bind_affine (table, &layer->v, "a.", i, "attn_v");
    bind_affine (table, &layer->out, "a.", i, "attn_out");
    bind_affine (table, &layer->ln2, "a.", i, "ln2");
    bind_affine (table, &layer->gate, "a.", i, "ffn_gate");
    bind_affine (table, &layer->up, "a.", i, "ffn_up");
    bind_affine (table, &layer->ffn_norm, "a.", i, "ffn_norm");
    bind_affine (table, &layer->down, "a.", i, "ffn_down");
  }
}

static void
bind_decoder (Owl2Weights *w, GHashTable *table)
{
  Owl2DecoderWeights *d = &w->decoder;

  bind_one (table, &d->embed, "token_embd.weight");
  bind_one (table, &d->norm, "output_norm.weight");
  bind_one (table, &d->output, "output.weight");
  d->layers = g_new0 (Owl2DecoderLayer, w->config.decoder.n_layers);
  for (guint i = 0; i < w->config.decoder.n_layers; i++) {
    Owl2DecoderLayer *layer = &d->layers[i];

    bind_w (table, &layer->attn_norm[0], "", i, "attn_norm");
    bind_w (table, &layer->attn_norm[1], "", i, "attn_norm_img");
    bind_w (table, &layer->ffn_norm[0], "", i, "ffn_norm");
    bind_w (table, &layer->ffn_norm[1], "", i, "ffn_norm_img");
    bind_w (table, &layer->q, "", i, "attn_q");
    bind_w (table, &layer->k[0], "", i, "attn_k");
    bind_w (table, &layer->k[1], "", i, "attn_k_img");
    bind_w (table, &layer->v[0], "", i, "attn_v");
    bind_w (table, &layer->v[1], "", i, "attn_v_img");
    bind_w (table, &layer->out, "", i, "attn_output");
    bind_w (table, &layer->gate, "", i, "ffn_gate");
    bind_w (table, &layer->up, "", i, "ffn_up");
    bind_w (table, &layer->down, "", i, "ffn_down");
  }
}

Owl2Weights *
owl2_weights_load (OvkDevice *dev, const Owl2Config *config,
    const Owl2WeightsSource *source, Owl2WeightsProgress progress,
    gpointer progress_data, GError **error)
{
  g_autoptr (Owl2Weights) weights = g_new0 (Owl2Weights, 1);
  g_autoptr (GArray) specs = NULL;
  g_autoptr (GHashTable) table = NULL;
  guint64 total = 0;

  weights->dev = ovk_device_ref (dev);
  weights->config = *config;
  weights->config.name = g_strdup (config->name);
  specs = owl2_config_tensors (&weights->config);
  if (!check_memory (dev, source, specs, &total, error))
    return NULL;
  weights->arena = ovk_arena_new (dev, "weights", MIN (BLOCK_BYTES, total));
  table = upload_all (
      weights, source, specs, total, progress, progress_data, error);
  if (!table)
    return NULL;
  bind_vit (weights, table);
  bind_abstractor (weights, table);
  bind_decoder (weights, table);
  return g_steal_pointer (&weights);
}

void
owl2_weights_free (Owl2Weights *weights)
{
  if (!weights)
    return;
  g_free (weights->vit.layers);
  g_free (weights->abstractor.layers);
  g_free (weights->decoder.layers);
  g_clear_pointer (&weights->arena, ovk_arena_free);
  owl2_config_clear (&weights->config);
  g_clear_pointer (&weights->dev, ovk_device_unref);
  g_free (weights);
}
