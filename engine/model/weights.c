/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

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

/* ---- tensors to fields ------------------------------------------------ */

/* What the fields of a part are in, and what each kind of tensor fills. */
typedef Owl2VitWeights Part_V;
typedef Owl2VitLayer Part_VL;
typedef Owl2AbstractorWeights Part_A;
typedef Owl2AbstractorLayer Part_AL;
typedef Owl2DecoderWeights Part_D;
typedef Owl2DecoderLayer Part_DL;
typedef Owl2Tensor Kind_MATRIX, Kind_VECTOR, Kind_PATCHES, Kind_TABLE, Kind_ROW,
    Kind_SINCOS;
typedef Owl2Affine Kind_LINEAR, Kind_NORM;

#define PART(part, name, source, n_layers)
#define TENSOR(part, kind, name, source, rows, cols, field)                    \
  G_STATIC_ASSERT (sizeof (((Part_##part *) 0)->field) == sizeof (Kind_##kind));
#include "tensors.inc"

/* Where the tensors of a row of the table go, in their part. */
static const gsize offsets[] = {
#define PART(part, name, source, n_layers)
#define TENSOR(part, kind, name, source, rows, cols, field)                    \
  G_STRUCT_OFFSET (Part_##part, field),
#include "tensors.inc"
};

static guint8 *
part_at (Owl2Weights *w, Owl2TensorPart part, guint layer)
{
  guint8 *const parts[] = {
    [OWL2_PART_V] = (guint8 *) &w->vit,
    [OWL2_PART_VL] = (guint8 *) &w->vit.layers[layer],
    [OWL2_PART_A] = (guint8 *) &w->abstractor,
    [OWL2_PART_AL] = (guint8 *) &w->abstractor.layers[layer],
    [OWL2_PART_D] = (guint8 *) &w->decoder,
    [OWL2_PART_DL] = (guint8 *) &w->decoder.layers[layer],
  };

  return parts[part];
}

static void
bind_tensors (Owl2Weights *w)
{
  const Owl2Config *config = &w->config;

  w->vit.layers = g_new0 (Owl2VitLayer, config->vision.n_layers);
  w->abstractor.layers =
      g_new0 (Owl2AbstractorLayer, config->abstractor.n_layers);
  w->decoder.layers = g_new0 (Owl2DecoderLayer, config->decoder.n_layers);
  for (guint i = 0; i < w->places->specs->len; i++) {
    const Owl2TensorSpec *spec =
        &g_array_index (w->places->specs, Owl2TensorSpec, i);
    const Owl2Place *place = g_hash_table_lookup (w->places->table, spec->name);
    guint8 *part = part_at (w, spec->part, spec->layer);
    gsize at = offsets[spec->row]
               + (spec->is_bias ? G_STRUCT_OFFSET (Owl2Affine, b) : 0);

    G_STRUCT_MEMBER (Owl2Tensor, part, at) = place->tensor;
  }
}

static void
join (Owl2Joint *joint, const Owl2Tensor *w)
{
  Owl2Tensor *last = joint->n ? &joint->w[joint->n - 1] : NULL;

  if (last && last->type == w->type && last->cols == w->cols
      && last->slice.buffer == w->slice.buffer
      && last->slice.offset + last->slice.size == w->slice.offset) {
    last->rows += w->rows;
    last->slice.size += w->slice.size;
  } else {
    joint->w[joint->n++] = *w;
  }
}

static void
join_layer (Owl2DecoderLayer *layer)
{
  const Owl2Tensor *const qkv[2][3] = { { &layer->q, &layer->k[0],
                                            &layer->v[0] },
    { &layer->k[1], &layer->v[1], &layer->q } };

  for (guint m = 0; m < 2; m++)
    for (guint i = 0; i < 3; i++)
      join (&layer->qkv[m], qkv[m][i]);
  join (&layer->gate_up, &layer->gate);
  join (&layer->gate_up, &layer->up);
}

Owl2Weights *
owl2_weights_new (OvkDevice *dev, const Owl2Config *config,
    const Owl2WeightsSource *source, GError **error)
{
  g_autoptr (Owl2Weights) weights = g_new0 (Owl2Weights, 1);

  weights->dev = ovk_device_ref (dev);
  weights->config = *config;
  weights->config.name = g_strdup (config->name);
  weights->config.recipe = g_strdup (config->recipe);
  weights->places = owl2_places_new (dev, &weights->config, source, error);
  if (!weights->places)
    return NULL;
  weights->copied_bytes = weights->places->copied_bytes;
  weights->mapped_bytes = weights->places->mapped_bytes;
  bind_tensors (weights);
  for (guint i = 0; i < config->decoder.n_layers; i++)
    join_layer (&weights->decoder.layers[i]);
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
