/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <string.h>

/* ---- from a file ------------------------------------------------------ */

/* A vector is [1][cols] here and one-dimensional in the file. */
static gboolean
gguf_tensor (const Owl2TensorSpec *spec, Owl2WeightsData *data,
    gpointer user_data, GError **error)
{
  const Owl2Gguf *gguf = user_data;
  const Owl2GgufTensor *t = owl2_gguf_tensor (gguf, spec->name);
  guint64 rows = t ? t->dims[1] : 0, cols = t ? t->dims[0] : 0;
  GBytes *bytes = owl2_gguf_bytes (gguf);

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
  *data = (Owl2WeightsData){
    .type = t->type,
    .data = bytes ? (const guint8 *) g_bytes_get_data (bytes, NULL) + t->offset
                  : NULL,
    .row_stride = t->size_bytes / t->dims[1],
  };
  return TRUE;
}

static gboolean
gguf_read_tensor (const Owl2TensorSpec *spec, gsize offset, void *dst, gsize n,
    gpointer user_data, GError **error)
{
  const Owl2Gguf *gguf = user_data;

  return owl2_gguf_read (
      gguf, owl2_gguf_tensor (gguf, spec->name), offset, dst, n, error);
}

static gboolean
gguf_check (gpointer user_data, GError **error)
{
  return owl2_gguf_check (user_data, error);
}

Owl2WeightsSource
owl2_weights_source_gguf (const Owl2Gguf *gguf)
{
  return (Owl2WeightsSource){
    .name = owl2_gguf_name (gguf),
    .memory = owl2_gguf_bytes (gguf),
    .tensor = gguf_tensor,
    .read = gguf_read_tensor,
    .check = gguf_check,
    .user_data = (gpointer) gguf,
  };
}

/* ---- names to fields -------------------------------------------------- */

/* The table has every name of owl2_config_tensors(); a name that is not there
 * is this file's mistake, caught by any test that loads a model. */
static void
bind_one (GHashTable *table, Owl2Tensor *tensor, const char *name)
{
  const Owl2Place *found = g_hash_table_lookup (table, name);

  if (!found)
    g_error ("no tensor named '%s' in the table of tensors", name);
  *tensor = found->tensor;
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
owl2_weights_new (OvkDevice *dev, const Owl2Config *config,
    const Owl2WeightsSource *source, GError **error)
{
  g_autoptr (Owl2Weights) weights = g_new0 (Owl2Weights, 1);

  weights->dev = ovk_device_ref (dev);
  weights->config = *config;
  weights->config.name = g_strdup (config->name);
  weights->places = owl2_places_new (dev, &weights->config, source, error);
  if (!weights->places)
    return NULL;
  weights->copied_bytes = weights->places->copied_bytes;
  weights->mapped_bytes = weights->places->mapped_bytes;
  bind_vit (weights, weights->places->table);
  bind_abstractor (weights, weights->places->table);
  bind_decoder (weights, weights->places->table);
  return g_steal_pointer (&weights);
}

gboolean
owl2_weights_upload (Owl2Weights *weights, const Owl2WeightsSource *source,
    Owl2WeightsProgress progress, gpointer progress_data, GError **error)
{
  return owl2_places_fill (
      weights->places, source, progress, progress_data, error);
}

void
owl2_weights_free (Owl2Weights *weights)
{
  if (!weights)
    return;
  g_free (weights->vit.layers);
  g_free (weights->abstractor.layers);
  g_free (weights->decoder.layers);
  g_clear_pointer (&weights->places, owl2_places_free);
  owl2_config_clear (&weights->config);
  g_clear_pointer (&weights->dev, ovk_device_unref);
  g_free (weights);
}
