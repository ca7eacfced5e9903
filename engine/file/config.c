/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hyperparameters: their keys, their limits, and what must agree. */
#include "config.h"

#include <math.h>
#include <string.h>

/* Limits several times above the full-size model's numbers, chosen so that
 * these products stay below 2^32: width * mlp, vocabulary * width,
 * context * width, image tokens * width, 3 * patch^2 * width. */
#define MAX_WIDTH 16384u
#define MAX_MLP 131072u
#define MAX_LAYERS 1024u
#define MAX_HEADS 1024u
#define MAX_HEAD_DIM 1024u
#define MAX_IMAGE 8192u
#define MAX_PATCH 256u
#define MAX_GRID 256u
#define MAX_QUERIES 16384u
#define MAX_VOCAB 262143u
#define MAX_CONTEXT 131072u

/* Where a number lies in Owl2Config, and its key. */
typedef struct {
  const char *key; /* after OWL2_ARCH "." */
  gsize offset;
  guint min, max;
} UintKey;

typedef struct {
  const char *key;
  gsize offset;
  float min, max;
} FloatKey;

#define AT(field) G_STRUCT_OFFSET (Owl2Config, field)

static const UintKey uint_keys[] = {
  { "context_length", AT (decoder.n_ctx), 1, MAX_CONTEXT },
  { "embedding_length", AT (decoder.width), 1, MAX_WIDTH },
  { "block_count", AT (decoder.n_layers), 1, MAX_LAYERS },
  { "feed_forward_length", AT (decoder.mlp), 1, MAX_MLP },
  { "attention.head_count", AT (decoder.n_heads), 1, MAX_HEADS },
  { "attention.head_count_kv", AT (decoder.n_kv_heads), 1, MAX_HEADS },
  { "vocab_size", AT (decoder.n_vocab), 1, MAX_VOCAB },
  { "vision.image_size", AT (vision.image_size), 1, MAX_IMAGE },
  { "vision.patch_size", AT (vision.patch_size), 1, MAX_PATCH },
  { "vision.embedding_length", AT (vision.width), 1, MAX_WIDTH },
  { "vision.block_count", AT (vision.n_layers), 1, MAX_LAYERS },
  { "vision.feed_forward_length", AT (vision.mlp), 1, MAX_MLP },
  { "vision.attention.head_count", AT (vision.n_heads), 1, MAX_HEADS },
  { "abstractor.embedding_length", AT (abstractor.width), 1, MAX_WIDTH },
  { "abstractor.block_count", AT (abstractor.n_layers), 1, MAX_LAYERS },
  { "abstractor.feed_forward_length", AT (abstractor.mlp), 1, MAX_MLP },
  { "abstractor.attention.head_count", AT (abstractor.n_heads), 1, MAX_HEADS },
  { "abstractor.query_count", AT (abstractor.n_queries), 1, MAX_QUERIES },
};

static const FloatKey float_keys[] = {
  { "attention.layer_norm_rms_epsilon", AT (decoder.eps), 1e-12f, 0.1f },
  { "rope.freq_base", AT (decoder.rope_base), 1.f, 1e12f },
  { "vision.attention.layer_norm_epsilon", AT (vision.eps), 1e-12f, 0.1f },
  { "abstractor.ffn_norm_epsilon", AT (abstractor.eps), 1e-12f, 0.1f },
};

#define KEY_ROPE_DIMS OWL2_ARCH ".rope.dimension_count"
#define KEY_IMAGE_MEAN OWL2_ARCH ".vision.image_mean"
#define KEY_IMAGE_STD OWL2_ARCH ".vision.image_std"

static gboolean bad (const char *source, GError **error, const char *format,
    ...) G_GNUC_PRINTF (3, 4);

static gboolean
bad (const char *source, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (
      error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s: %s", source, message);
  return FALSE;
}

void
owl2_config_clear (Owl2Config *config)
{
  g_free (config->name);
  memset (config, 0, sizeof (*config));
}

/* ---- check ------------------------------------------------------------ */

static gboolean
check_heads (const char *part, guint width, guint heads, guint *head_dim,
    const char *source, GError **error)
{
  if (width % heads != 0)
    return bad (source, error, "%s: width %u is not divisible by %u heads",
        part, width, heads);
  *head_dim = width / heads;
  if (*head_dim > MAX_HEAD_DIM)
    return bad (source, error, "%s: heads are %u wide, the limit is %u", part,
        *head_dim, MAX_HEAD_DIM);
  return TRUE;
}

static gboolean
check_ranges (const Owl2Config *config, const char *source, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (uint_keys); i++) {
    const UintKey *k = &uint_keys[i];
    guint value = G_STRUCT_MEMBER (guint, config, k->offset);

    if (value < k->min || value > k->max)
      return bad (source, error, "%s is %u, not from %u to %u", k->key, value,
          k->min, k->max);
  }
  for (guint i = 0; i < G_N_ELEMENTS (float_keys); i++) {
    const FloatKey *k = &float_keys[i];
    float value = G_STRUCT_MEMBER (float, config, k->offset);

    /* Written so that NaN fails. */
    if (!(value >= k->min && value <= k->max))
      return bad (source, error, "%s is %g, not from %g to %g", k->key,
          (double) value, (double) k->min, (double) k->max);
  }
  for (guint i = 0; i < 3; i++) {
    float mean = config->image_mean[i], std = config->image_std[i];

    if (!(fabsf (mean) <= 1e3f))
      return bad (source, error, "image_mean %u is %g, not from -1000 to 1000",
          i, (double) mean);
    if (!(std >= 1e-6f && std <= 1e3f))
      return bad (source, error, "image_std %u is %g, not from 1e-6 to 1000", i,
          (double) std);
  }
  return TRUE;
}

gboolean
owl2_config_check (Owl2Config *config, const char *source, GError **error)
{
  if (!check_ranges (config, source, error)
      || !check_heads ("vision", config->vision.width, config->vision.n_heads,
          &config->vision.head_dim, source, error)
      || !check_heads ("abstractor", config->abstractor.width,
          config->abstractor.n_heads, &config->abstractor.head_dim, source,
          error)
      || !check_heads ("decoder", config->decoder.width,
          config->decoder.n_heads, &config->decoder.head_dim, source, error))
    return FALSE;
  if (config->decoder.head_dim % 2 != 0)
    return bad (source, error,
        "decoder: heads are %u wide, an odd number can't be rotated",
        config->decoder.head_dim);
  if (config->decoder.n_heads % config->decoder.n_kv_heads != 0)
    return bad (source, error,
        "decoder: %u heads are no multiple of %u key-value heads",
        config->decoder.n_heads, config->decoder.n_kv_heads);
  if (config->vision.width != config->abstractor.width)
    return bad (source, error, "vision width %u and abstractor width %u differ",
        config->vision.width, config->abstractor.width);
  if (config->abstractor.width % 4 != 0)
    return bad (source, error, "abstractor width %u is not divisible by 4",
        config->abstractor.width);
  if (config->vision.image_size % config->vision.patch_size != 0)
    return bad (source, error, "image size %u is no multiple of patch size %u",
        config->vision.image_size, config->vision.patch_size);
  config->vision.grid = config->vision.image_size / config->vision.patch_size;
  if (config->vision.grid > MAX_GRID)
    return bad (source, error, "%u patches along an edge, the limit is %u",
        config->vision.grid, MAX_GRID);
  config->vision.n_tokens = 1 + config->vision.grid * config->vision.grid;
  return TRUE;
}

/* ---- read ------------------------------------------------------------- */

static gboolean
read_triple (float *out, const Owl2Gguf *gguf, const char *key, GError **error)
{
  const float *values;
  guint n;

  if (!owl2_gguf_f32s (gguf, key, &values, &n, error))
    return FALSE;
  if (n != 3)
    return bad (
        owl2_gguf_name (gguf), error, "key '%s' has %u values, not 3", key, n);
  memcpy (out, values, 3 * sizeof (float));
  return TRUE;
}

/* The token list, where there is one, is as long as the embedding. */
static gboolean
check_vocab (const Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  static const char key[] = "tokenizer.ggml.tokens";
  const char *const *tokens;
  guint n;

  if (!owl2_gguf_has (gguf, key))
    return TRUE;
  if (!owl2_gguf_strings (gguf, key, &tokens, &n, error))
    return FALSE;
  if (n != config->decoder.n_vocab)
    return bad (owl2_gguf_name (gguf), error,
        "key '%s' has %u tokens, the vocabulary %u", key, n,
        config->decoder.n_vocab);
  return TRUE;
}

static gboolean
read_numbers (Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (uint_keys); i++) {
    g_autofree char *key = g_strconcat (OWL2_ARCH ".", uint_keys[i].key, NULL);

    if (!owl2_gguf_u32 (gguf, key,
            &G_STRUCT_MEMBER (guint, config, uint_keys[i].offset), error))
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (float_keys); i++) {
    g_autofree char *key = g_strconcat (OWL2_ARCH ".", float_keys[i].key, NULL);

    if (!owl2_gguf_f32 (gguf, key,
            &G_STRUCT_MEMBER (float, config, float_keys[i].offset), error))
      return FALSE;
  }
  return read_triple (config->image_mean, gguf, KEY_IMAGE_MEAN, error)
         && read_triple (config->image_std, gguf, KEY_IMAGE_STD, error);
}

static gboolean
read_all (Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  const char *source = owl2_gguf_name (gguf);
  const char *arch, *name = OWL2_ARCH;
  guint rope_dims;

  if (!owl2_gguf_string (gguf, "general.architecture", &arch, error))
    return FALSE;
  if (strcmp (arch, OWL2_ARCH) != 0) {
    g_autofree char *safe = g_strescape (arch, NULL);

    return bad (source, error, "general.architecture is '%.64s', not '%s'",
        safe, OWL2_ARCH);
  }
  if (owl2_gguf_has (gguf, "general.name")
      && !owl2_gguf_string (gguf, "general.name", &name, error))
    return FALSE;
  config->name = g_strdup (name);
  if (!read_numbers (config, gguf, error)
      || !owl2_config_check (config, source, error)
      || !owl2_gguf_u32_or (
          gguf, KEY_ROPE_DIMS, config->decoder.head_dim, &rope_dims, error))
    return FALSE;
  if (rope_dims != config->decoder.head_dim)
    return bad (source, error, "key '%s' is %u, not the head width %u",
        KEY_ROPE_DIMS, rope_dims, config->decoder.head_dim);
  return check_vocab (config, gguf, error);
}

gboolean
owl2_config_read (Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  memset (config, 0, sizeof (*config));
  if (read_all (config, gguf, error))
    return TRUE;
  owl2_config_clear (config);
  return FALSE;
}

void
owl2_config_write (const Owl2Config *config, Owl2GgufWriter *writer)
{
  owl2_gguf_writer_string (writer, "general.architecture", OWL2_ARCH);
  owl2_gguf_writer_string (
      writer, "general.name", config->name ? config->name : OWL2_ARCH);
  for (guint i = 0; i < G_N_ELEMENTS (uint_keys); i++) {
    g_autofree char *key = g_strconcat (OWL2_ARCH ".", uint_keys[i].key, NULL);

    owl2_gguf_writer_u32 (
        writer, key, G_STRUCT_MEMBER (guint, config, uint_keys[i].offset));
  }
  for (guint i = 0; i < G_N_ELEMENTS (float_keys); i++) {
    g_autofree char *key = g_strconcat (OWL2_ARCH ".", float_keys[i].key, NULL);

    owl2_gguf_writer_f32 (
        writer, key, G_STRUCT_MEMBER (float, config, float_keys[i].offset));
  }
  owl2_gguf_writer_u32 (writer, KEY_ROPE_DIMS, config->decoder.head_dim);
  owl2_gguf_writer_f32s (writer, KEY_IMAGE_MEAN, config->image_mean, 3);
  owl2_gguf_writer_f32s (writer, KEY_IMAGE_STD, config->image_std, 3);
}
