/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kvcache.h"

#include <string.h>

#define STEP 256 /* positions */
#define BLOCK_BYTES (64u << 20)
/* At most this is lost between two tensors. */
#define ALIGN_BYTES 256

void
owl2_kvcache_init (Owl2KvCache *cache, const Owl2Weights *weights)
{
  guint n_layers = weights->config.decoder.n_layers;

  memset (cache, 0, sizeof *cache);
  cache->weights = weights;
  cache->k = g_new0 (Owl2Tensor, n_layers);
  cache->v = g_new0 (Owl2Tensor, n_layers);
}

void
owl2_kvcache_clear (Owl2KvCache *cache)
{
  g_clear_pointer (&cache->arena, ovk_arena_free);
  g_clear_pointer (&cache->k, g_free);
  g_clear_pointer (&cache->v, g_free);
  cache->capacity = 0;
}

static gboolean
fill_rope (Owl2KvCache *cache, guint capacity, GError **error)
{
  const Owl2Config *config = &cache->weights->config;
  guint d = config->decoder.head_dim;
  gsize bytes = (gsize) capacity * d * sizeof (float);
  g_autofree float *table = g_try_malloc (bytes);

  if (!table) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no %" G_GSIZE_FORMAT " bytes of host memory for the rotary table",
        bytes);
    return FALSE;
  }
  owl2_rope_table (table, capacity, d, config->decoder.rope_base);
  return owl2_tensor_alloc (&cache->rope, cache->arena, capacity, d, error)
         && ovk_slice_write (
             cache->weights->dev, cache->rope.slice, table, bytes, error);
}

static gboolean
grow (Owl2KvCache *cache, guint capacity, GError **error)
{
  const Owl2Config *config = &cache->weights->config;
  guint cols = config->decoder.n_kv_heads * config->decoder.head_dim;
  guint n_tensors = 2 * config->decoder.n_layers + 1;
  guint64 bytes =
      n_tensors * (guint64) ALIGN_BYTES
      + (2ull * config->decoder.n_layers * cols + config->decoder.head_dim)
            * capacity * sizeof (float);
  guint64 n_free;

  cache->capacity = 0;
  g_clear_pointer (&cache->arena, ovk_arena_free);
  n_free = ovk_device_free_bytes (cache->weights->dev);
  if (bytes > n_free) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "the KV cache of %u positions needs %" G_GUINT64_FORMAT
        " MiB, the device has %" G_GUINT64_FORMAT " MiB free",
        capacity, bytes >> 20, n_free >> 20);
    return FALSE;
  }
  cache->arena =
      ovk_arena_new (cache->weights->dev, "kv cache", MIN (BLOCK_BYTES, bytes));
  for (guint i = 0; i < config->decoder.n_layers; i++)
    if (!owl2_tensor_alloc (&cache->k[i], cache->arena, capacity, cols, error)
        || !owl2_tensor_alloc (
            &cache->v[i], cache->arena, capacity, cols, error))
      return FALSE;
  if (!fill_rope (cache, capacity, error))
    return FALSE;
  cache->capacity = capacity;
  return TRUE;
}

gboolean
owl2_kvcache_reset (Owl2KvCache *cache, guint n_positions, GError **error)
{
  guint n_ctx = cache->weights->config.decoder.n_ctx;

  cache->n = 0;
  if (n_positions <= cache->capacity)
    return TRUE;
  return grow (
      cache, MIN (n_ctx, (n_positions + STEP - 1) / STEP * STEP), error);
}
