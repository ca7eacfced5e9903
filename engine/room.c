/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "room.h"

#include "abstractor.h"
#include "decoder.h"
#include "image.h"
#include "quant.h"
#include "vit.h"

gboolean
owl2_kv_type_parse (const char *name, Owl2KvType *type)
{
  static const char *const names[] = { "auto", "f16", "q8_0", "f32" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_ascii_strcasecmp (name, names[i]) == 0) {
      *type = (Owl2KvType) i;
      return TRUE;
    }
  return FALSE;
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
  return owl2_kvcache_auto_type (model->weights);
}

/* The buffers are laid out as ever, in an arena that only counts. */
guint64
owl2_room_buffers (const Owl2Model *model, GError **error)
{
  const Owl2Config *config = &model->weights->config;
  g_autoptr (OvkArena) arena = ovk_arena_new_counting (model->dev);
  Owl2ImageBuffers image;
  Owl2VitBuffers vit;
  Owl2AbstractorBuffers abstractor;
  Owl2DecoderBuffers decoder = { 0 };
  gboolean ok =
      owl2_image_buffers_alloc (&image, arena, config, 1, error)
      && owl2_vit_buffers_alloc (&vit, arena, config, 1, error)
      && owl2_abstractor_buffers_alloc (&abstractor, arena, config, 1, error)
      && owl2_decoder_buffers_init (&decoder, arena, config, error);

  owl2_decoder_buffers_clear (&decoder);
  return ok ? ovk_arena_bytes (arena) : 0;
}

gboolean
owl2_room_check (const Owl2Model *model, const Owl2KvCache *cache,
    guint n_positions, guint64 buffers, GError **error)
{
  guint64 kv = n_positions ? owl2_kvcache_bytes (cache, n_positions) : 0;
  guint64 n_free = ovk_device_free_bytes (model->dev);
  g_autofree char *positions = NULL;

  if (kv + buffers <= n_free)
    return TRUE;
  positions = n_positions ? g_strdup_printf (" for %u positions in %s",
                  n_positions, owl2_type_name (cache->type))
                          : g_strdup ("");
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s needs %" G_GUINT64_FORMAT
      " MiB more: the KV cache%s %" G_GUINT64_FORMAT
      " MiB, working buffers %" G_GUINT64_FORMAT
      " MiB; the device '%s' has %" G_GUINT64_FORMAT
      " MiB free beside %" G_GUINT64_FORMAT " MiB of weights",
      model->weights->config.name, (kv + buffers + (1 << 20) - 1) >> 20,
      positions, kv >> 20, buffers >> 20, ovk_device_caps (model->dev)->name,
      n_free >> 20,
      (model->weights->copied_bytes + model->weights->mapped_bytes) >> 20);
  return FALSE;
}
