/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hyperparameters: their keys, their limits, and what must agree. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "printable.h"

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

/* Of general.name, which models of today have a tenth of. */
#define MAX_NAME_BYTES 1024u
/* Of a string in a message. */
#define MAX_SHOWN_BYTES 64u

#define KEY_RECIPE OWL2_ARCH ".recipe"
#define KEY_ROPE_DIMS OWL2_ARCH ".rope.dimension_count"
#define KEY_IMAGE_MEAN OWL2_ARCH ".vision.image_mean"
#define KEY_IMAGE_STD OWL2_ARCH ".vision.image_std"
#define KEY_IMAGE_MODE OWL2_ARCH ".vision.image_mode"

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
  g_free (config->recipe);
  memset (config, 0, sizeof (*config));
}

Owl2ImageMode
owl2_config_image_mode (const Owl2Config *config, Owl2ImageMode asked)
{
  if (asked != OWL2_IMAGE_AUTO)
    return asked;
  return config->image_mode != OWL2_IMAGE_AUTO ? config->image_mode
                                               : OWL2_IMAGE_STRETCH;
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

gboolean
owl2_config_check_same (const Owl2Config *config, const Owl2Config *base,
    const char *source, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (uint_keys); i++) {
    const UintKey *k = &uint_keys[i];
    guint have = G_STRUCT_MEMBER (guint, config, k->offset);
    guint want = G_STRUCT_MEMBER (guint, base, k->offset);

    if (have != want)
      return bad (source, error, "%s is %u, but %u in the base model", k->key,
          have, want);
  }
  for (guint i = 0; i < G_N_ELEMENTS (float_keys); i++) {
    const FloatKey *k = &float_keys[i];
    float have = G_STRUCT_MEMBER (float, config, k->offset);
    float want = G_STRUCT_MEMBER (float, base, k->offset);

    if (have != want)
      return bad (source, error, "%s is %g, but %g in the base model", k->key,
          (double) have, (double) want);
  }
  return TRUE;
}

gboolean
owl2_recipe_name_ok (const char *name)
{
  if (!*name || strlen (name) > OWL2_RECIPE_MAX
      || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  for (; *name; name = g_utf8_next_char (name))
    if (!owl2_is_printable (g_utf8_get_char (name)))
      return FALSE;
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

/* Other tools cut a large model into several files, each with these keys, of
 * which only the first one need have others. */
static gboolean
check_whole (const Owl2Gguf *gguf, GError **error)
{
  guint n, part;

  if (!owl2_gguf_u32_or (gguf, "split.count", 1, &n, error)
      || !owl2_gguf_u32_or (gguf, "split.no", 0, &part, error))
    return FALSE;
  if (n <= 1)
    return TRUE;
  return bad (owl2_gguf_name (gguf), error,
      "is part %" G_GUINT64_FORMAT
      " of %u of a model (key 'split.count'); join "
      "them first: llama-gguf-split --merge FIRST_PART.gguf OUT.gguf",
      (guint64) part + 1, n);
}

static gboolean
check_kind (const Owl2Gguf *gguf, GError **error)
{
  const char *source = owl2_gguf_name (gguf);
  const char *arch, *type = "model", *name = "";
  g_autofree char *shown_arch = NULL;
  g_autofree char *shown_type = NULL;
  g_autofree char *shown_name = NULL;

  if (!owl2_gguf_string (gguf, "general.architecture", &arch, error)
      || (owl2_gguf_has (gguf, "general.type")
          && !owl2_gguf_string (gguf, "general.type", &type, error)))
    return FALSE;
  if (strcmp (arch, OWL2_ARCH) == 0 && strcmp (type, "model") == 0)
    return TRUE;
  if (owl2_gguf_has (gguf, "general.name"))
    (void) owl2_gguf_string (gguf, "general.name", &name, NULL);
  shown_arch = owl2_excerpt (arch, strlen (arch), MAX_SHOWN_BYTES);
  shown_type = owl2_excerpt (type, strlen (type), MAX_SHOWN_BYTES);
  shown_name = owl2_excerpt (name, strlen (name), MAX_SHOWN_BYTES);
  if (strcmp (arch, OWL2_ARCH) == 0)
    return bad (source, error,
        "general.type is '%s', not 'model': '%s' is no model by itself",
        shown_type, shown_name);
  return bad (source, error,
      "general.architecture is '%s', not '%s': the %s '%s' is another kind of "
      "model; owl2-convert makes a file of mPLUG-Owl2's",
      shown_arch, OWL2_ARCH, shown_type, shown_name);
}

/* The number of the layer that a name "@part<number>." belongs to; -1: none. */
static gint64
layer_of (const char *name, const char *part)
{
  char *end;
  guint64 n;

  if (!g_str_has_prefix (name, part) || !g_ascii_isdigit (name[strlen (part)]))
    return -1;
  n = g_ascii_strtoull (name + strlen (part), &end, 10);
  return *end == '.' && n < G_MAXINT64 ? (gint64) n : -1;
}

/* A model of fewer layers than its file has would answer, and wrongly. */
static gboolean
check_layers (const Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  const struct {
    const char *part, *key;
    guint n;
  } parts[] = {
    { "blk.", OWL2_ARCH ".block_count", config->decoder.n_layers },
    { "v.blk.", OWL2_ARCH ".vision.block_count", config->vision.n_layers },
    { "a.blk.", OWL2_ARCH ".abstractor.block_count",
        config->abstractor.n_layers },
  };

  for (guint p = 0; p < G_N_ELEMENTS (parts); p++) {
    const char *last_name = NULL;
    gint64 last = -1;

    for (guint i = 0; i < owl2_gguf_n_tensors (gguf); i++) {
      const char *name = owl2_gguf_tensor_at (gguf, i)->name;
      gint64 layer = layer_of (name, parts[p].part);

      if (layer > last) {
        last = layer;
        last_name = name;
      }
    }
    if (last >= (gint64) parts[p].n)
      return bad (owl2_gguf_name (gguf), error,
          "key '%s' is %u, but the file has tensors of layer %" G_GINT64_FORMAT
          ", as '%s': it needs %" G_GINT64_FORMAT " layers",
          parts[p].key, parts[p].n, last, last_name, last + 1);
  }
  return TRUE;
}

static gboolean
read_name (Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  const char *name = OWL2_ARCH;

  if (owl2_gguf_has (gguf, "general.name")
      && !owl2_gguf_string (gguf, "general.name", &name, error))
    return FALSE;
  if (strlen (name) > MAX_NAME_BYTES)
    return bad (owl2_gguf_name (gguf), error,
        "key 'general.name' has %" G_GSIZE_FORMAT " bytes, the limit is %u",
        strlen (name), MAX_NAME_BYTES);
  config->name = g_strdup (name);
  return TRUE;
}

/* Files of earlier versions, and of checkpoints that leave it open, have no
 * such key. */
static gboolean
read_image_mode (Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  g_autofree char *shown = NULL;
  const char *name;

  if (!owl2_gguf_has (gguf, KEY_IMAGE_MODE))
    return TRUE;
  if (!owl2_gguf_string (gguf, KEY_IMAGE_MODE, &name, error))
    return FALSE;
  if (owl2_image_mode_parse (name, &config->image_mode)
      && config->image_mode != OWL2_IMAGE_AUTO
      && strcmp (name, owl2_image_mode_name (config->image_mode)) == 0)
    return TRUE;
  shown = owl2_excerpt (name, strlen (name), MAX_SHOWN_BYTES);
  return bad (owl2_gguf_name (gguf), error,
      "key '%s' is '%s', not 'stretch', 'pad' or 'crop'", KEY_IMAGE_MODE,
      shown);
}

static gboolean
read_recipe (Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  g_autofree char *shown = NULL;
  const char *name;

  if (!owl2_gguf_has (gguf, KEY_RECIPE))
    return TRUE;
  if (!owl2_gguf_string (gguf, KEY_RECIPE, &name, error))
    return FALSE;
  shown = owl2_excerpt (name, strlen (name), MAX_SHOWN_BYTES);
  if (!owl2_recipe_name_ok (name))
    return bad (owl2_gguf_name (gguf), error,
        "key '%s' is '%s', not a name of 1 to %u printable bytes", KEY_RECIPE,
        shown, OWL2_RECIPE_MAX);
  config->recipe = g_strdup (name);
  return TRUE;
}

static gboolean
read_all (Owl2Config *config, const Owl2Gguf *gguf, GError **error)
{
  const char *source = owl2_gguf_name (gguf);
  guint rope_dims;

  if (!check_whole (gguf, error) || !check_kind (gguf, error)
      || !read_name (config, gguf, error) || !read_recipe (config, gguf, error))
    return FALSE;
  if (!read_numbers (config, gguf, error)
      || !read_image_mode (config, gguf, error)
      || !owl2_config_check (config, source, error)
      || !owl2_gguf_u32_or (
          gguf, KEY_ROPE_DIMS, config->decoder.head_dim, &rope_dims, error))
    return FALSE;
  if (rope_dims != config->decoder.head_dim)
    return bad (source, error, "key '%s' is %u, not the head width %u",
        KEY_ROPE_DIMS, rope_dims, config->decoder.head_dim);
  return check_vocab (config, gguf, error)
         && check_layers (config, gguf, error);
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
  if (config->recipe)
    owl2_gguf_writer_string (writer, KEY_RECIPE, config->recipe);
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
  if (config->image_mode != OWL2_IMAGE_AUTO)
    owl2_gguf_writer_string (
        writer, KEY_IMAGE_MODE, owl2_image_mode_name (config->image_mode));
}
