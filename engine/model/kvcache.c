/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kvcache.h"

#include <string.h>

/* Tensors of a layer in one block, so that little is lost at blocks' ends, and
 * no block is so large that a driver has none. */
#define BLOCK_BYTES (256u << 20)
/* What pieces of an arena are rounded to, on any device. */
#define ALIGN_BYTES 256

void
owl2_kvcache_init (
    Owl2KvCache *cache, const Owl2Weights *weights, Owl2Type type)
{
  guint n_layers = weights->config.decoder.n_layers;

  memset (cache, 0, sizeof *cache);
  cache->weights = weights;
  cache->kv.type = type;
  cache->kv.k = g_new0 (Owl2Tensor, n_layers);
  cache->kv.v = g_new0 (Owl2Tensor, n_layers);
  cache->keys = g_array_new (FALSE, FALSE, sizeof (Owl2KvKey));
}

void
owl2_kvcache_clear (Owl2KvCache *cache)
{
  g_clear_pointer (&cache->arena, ovk_arena_free);
  g_clear_pointer (&cache->kv.k, g_free);
  g_clear_pointer (&cache->kv.v, g_free);
  g_clear_pointer (&cache->keys, g_array_unref);
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
  return owl2_tensor_alloc (&cache->kv.rope, cache->arena, capacity, d, error)
         && ovk_slice_write (
             cache->weights->dev, cache->kv.rope.slice, table, bytes, error);
}

Owl2Type
owl2_kvcache_auto_type (const Owl2Weights *weights)
{
  for (guint i = 0; i < weights->config.decoder.n_layers; i++)
    if (weights->decoder.layers[i].k[0].type != OWL2_TYPE_F32)
      return OWL2_TYPE_F16;
  return OWL2_TYPE_F32;
}

/* Memory grows by whole pages. */
static guint
pages_for (guint n_positions)
{
  return n_positions / OWL2_PAGE + (n_positions % OWL2_PAGE != 0);
}

static guint
capacity_for (const Owl2KvCache *cache, guint n_positions)
{
  return (guint) MIN ((guint64) pages_for (n_positions) * OWL2_PAGE,
      cache->weights->config.decoder.n_ctx);
}

static guint
rows_for (const Owl2KvCache *cache, guint capacity)
{
  return pages_for (capacity) * OWL2_PAGE
         * cache->weights->config.decoder.n_kv_heads;
}

/* Keys or values of one layer. */
static guint64
layer_bytes (const Owl2KvCache *cache, guint capacity)
{
  return (guint64) rows_for (cache, capacity)
         * owl2_tensor_bytes (
             cache->kv.type, 1, cache->weights->config.decoder.head_dim);
}

static guint64
rounded (guint64 bytes)
{
  return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

guint64
owl2_kvcache_bytes (const Owl2KvCache *cache, guint n_positions)
{
  const Owl2Config *config = &cache->weights->config;
  guint capacity = capacity_for (cache, n_positions);

  return 2 * config->decoder.n_layers * rounded (layer_bytes (cache, capacity))
         + rounded (
             (guint64) capacity * config->decoder.head_dim * sizeof (float));
}

static gboolean
check_size (const Owl2KvCache *cache, guint capacity, GError **error)
{
  OvkDevice *dev = cache->weights->dev;
  gsize limit = ovk_device_caps (dev)->max_storage_range - ALIGN_BYTES;
  guint64 layer = layer_bytes (cache, capacity);
  guint64 bytes = owl2_kvcache_bytes (cache, capacity);
  guint64 n_free = ovk_device_free_bytes (dev);

  if (layer > limit) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "the keys of %u positions of a layer take %" G_GUINT64_FORMAT
        " MiB in %s, a binding of the device holds %" G_GSIZE_FORMAT " MiB",
        capacity, layer >> 20, owl2_type_name (cache->kv.type), limit >> 20);
    return FALSE;
  }
  if (bytes > n_free) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "the KV cache of %u positions needs %" G_GUINT64_FORMAT
        " MiB in %s, the device has %" G_GUINT64_FORMAT " MiB free",
        capacity, bytes >> 20, owl2_type_name (cache->kv.type), n_free >> 20);
    return FALSE;
  }
  return TRUE;
}

static gboolean
grow (Owl2KvCache *cache, guint capacity, GError **error)
{
  const Owl2Config *config = &cache->weights->config;
  guint rows = rows_for (cache, capacity);
  guint d = config->decoder.head_dim;

  cache->capacity = 0;
  g_clear_pointer (&cache->arena, ovk_arena_free);
  if (!check_size (cache, capacity, error))
    return FALSE;
  cache->arena = ovk_arena_new (cache->weights->dev, "kv cache",
      MIN (BLOCK_BYTES, owl2_kvcache_bytes (cache, capacity)));
  for (guint i = 0; i < config->decoder.n_layers; i++)
    if (!owl2_tensor_alloc_typed (
            &cache->kv.k[i], cache->arena, cache->kv.type, rows, d, error)
        || !owl2_tensor_alloc_typed (
            &cache->kv.v[i], cache->arena, cache->kv.type, rows, d, error))
      return FALSE;
  if (!fill_rope (cache, capacity, error))
    return FALSE;
  cache->kv.n_pages = pages_for (capacity);
  cache->capacity = capacity;
  return TRUE;
}

void
owl2_kvcache_forget (Owl2KvCache *cache)
{
  cache->n = 0;
  g_array_set_size (cache->keys, 0);
}

void
owl2_kvcache_append (Owl2KvCache *cache, const Owl2KvKey *keys, guint n)
{
  g_return_if_fail (cache->keys->len == cache->n);
  g_array_append_vals (cache->keys, keys, n);
  cache->n += n;
}

/* Positions from the first on that are those of the prompt already. */
static guint
count_equal (const Owl2KvCache *cache, const Owl2KvKey *prompt, guint n)
{
  guint i;

  for (i = 0; i < MIN (n, cache->keys->len); i++) {
    const Owl2KvKey *key = &g_array_index (cache->keys, Owl2KvKey, i);

    if (key->frame != prompt[i].frame || key->index != prompt[i].index)
      break;
  }
  return i;
}

gboolean
owl2_kvcache_begin (Owl2KvCache *cache, const Owl2KvKey *prompt, guint n_prompt,
    guint n_positions, GError **error)
{
  if (n_positions > cache->capacity) {
    owl2_kvcache_forget (cache);
    return grow (cache, capacity_for (cache, n_positions), error);
  }
  cache->n = n_prompt ? count_equal (cache, prompt, n_prompt - 1) : 0;
  g_array_set_size (cache->keys, cache->n);
  return TRUE;
}
