/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "room.h"

#include "quant.h"
#include "scheduler.h"

static const char *const kv_names[] = { "auto", "f16", "q8_0", "f32" };

gboolean
owl2_kv_type_parse (const char *name, Owl2KvType *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (kv_names); i++)
    if (g_ascii_strcasecmp (name, kv_names[i]) == 0) {
      *type = (Owl2KvType) i;
      return TRUE;
    }
  return FALSE;
}

const char *
owl2_kv_type_name (Owl2KvType type)
{
  g_return_val_if_fail ((guint) type < G_N_ELEMENTS (kv_names), "?");
  return kv_names[type];
}

Owl2Type
owl2_room_kv_type (const Owl2Model *model, Owl2KvType wanted)
{
  guint head_dim = model->weights->config.decoder.head_dim;

  switch (wanted) {
    case OWL2_KV_F32:
      return OWL2_TYPE_F32;
    case OWL2_KV_F16:
      return OWL2_TYPE_F16;
    case OWL2_KV_Q8_0:
      if (head_dim % OWL2_Q8_0_BLOCK == 0)
        return OWL2_TYPE_Q8_0;
      owl2_log (&model->log, OWL2_LOG_WARNING, "engine",
          "the KV cache is f16, not q8_0: heads of %u are not whole blocks of "
          "%u",
          head_dim, OWL2_Q8_0_BLOCK);
      return OWL2_TYPE_F16;
    case OWL2_KV_AUTO:
      break;
  }
  return owl2_kvpool_auto_type (model->weights);
}

static guint64
mib (guint64 bytes)
{
  return (bytes + (1 << 20) - 1) >> 20;
}

static guint64
weights_mib (const Owl2Model *model)
{
  return (model->weights->copied_bytes + model->weights->mapped_bytes) >> 20;
}

gboolean
owl2_room_check_work (const Owl2Model *model, GError **error)
{
  guint64 n_free = ovk_device_free_bytes (model->dev);
  guint64 bytes = owl2_work_bytes (model, error);

  if (!bytes)
    return FALSE;
  bytes += owl2_ops_scratch_bytes (model->dev);
  if (bytes <= n_free)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s needs %" G_GUINT64_FORMAT
      " MiB more for working buffers; the device '%s' has %" G_GUINT64_FORMAT
      " MiB free beside %" G_GUINT64_FORMAT " MiB of weights",
      model->weights->config.name, mib (bytes),
      ovk_device_caps (model->dev)->name, n_free >> 20, weights_mib (model));
  return FALSE;
}

gboolean
owl2_room_check_kv (
    const Owl2Model *model, Owl2KvPool *pool, guint n_positions, GError **error)
{
  Owl2Type type = owl2_kvpool_type (pool);
  guint64 n_free = ovk_device_free_bytes (model->dev);
  guint64 bytes = owl2_kvpool_bytes (model->weights, type, n_positions);
  guint64 taken = owl2_kvpool_taken (pool);

  if (bytes <= taken || bytes - taken <= n_free)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s needs %" G_GUINT64_FORMAT " MiB more: the KV cache for %u positions "
      "in %s %" G_GUINT64_FORMAT " MiB, of which %" G_GUINT64_FORMAT
      " MiB are there; the device '%s' has %" G_GUINT64_FORMAT
      " MiB free beside %" G_GUINT64_FORMAT " MiB of weights",
      model->weights->config.name, mib (bytes - taken), n_positions,
      owl2_type_name (type), mib (bytes), taken >> 20,
      ovk_device_caps (model->dev)->name, n_free >> 20, weights_mib (model));
  return FALSE;
}
