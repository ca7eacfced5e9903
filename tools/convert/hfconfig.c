/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Defaults are those of configuration_mplug_owl2.py and, for preprocessing,
 * of the CLIP image processor. */
#include "hfconfig.h"
#include "files.h"
#include "json.h"

#include <math.h>
#include <string.h>

#define MAX_JSON_BYTES (1u << 20)

/* One object of a file. Getters leave the first failure in @error and give
 * the default from then on, so that a list of them reads like a table. */
typedef struct {
  const char *file, *path; /* path: "visual_config.visual_model." or "" */
  JsonObject *object;      /* NULL: all defaults */
  GError **error;
  gboolean failed;
} Js;

static void fail (Js *js, const char *key, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static void
fail (Js *js, const char *key, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (js->failed)
    return;
  js->failed = TRUE;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  convert_bad (js->file, js->error, "%s%s %s", js->path, key, message);
}

/* The value of @key; NULL where it is missing or null. */
static JsonNode *
member (Js *js, const char *key)
{
  JsonNode *node = js->object ? json_object_get_member (js->object, key) : NULL;

  return node && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

static gboolean
holds (JsonNode *node, GType type)
{
  return JSON_NODE_HOLDS_VALUE (node)
         && json_node_get_value_type (node) == type;
}

static gint64
get_int (Js *js, const char *key, gint64 fallback, gint64 min, gint64 max)
{
  JsonNode *node = member (js, key);
  gint64 value;

  if (!node)
    return fallback;
  if (!holds (node, G_TYPE_INT64)) {
    fail (js, key, "is not an integer");
    return fallback;
  }
  value = json_node_get_int (node);
  if (value < min || value > max) {
    fail (js, key,
        "is %" G_GINT64_FORMAT ", not from %" G_GINT64_FORMAT
        " to %" G_GINT64_FORMAT,
        value, min, max);
    return fallback;
  }
  return value;
}

static guint
get_uint (Js *js, const char *key, guint fallback)
{
  return (guint) get_int (js, key, fallback, 0, G_MAXINT32);
}

static gboolean
get_bool (Js *js, const char *key, gboolean fallback)
{
  JsonNode *node = member (js, key);

  if (!node)
    return fallback;
  if (!holds (node, G_TYPE_BOOLEAN)) {
    fail (js, key, "is neither true nor false");
    return fallback;
  }
  return json_node_get_boolean (node);
}

static gboolean
is_number (JsonNode *node)
{
  return (holds (node, G_TYPE_DOUBLE) || holds (node, G_TYPE_INT64))
         && fabs (json_node_get_double (node)) <= (double) G_MAXFLOAT;
}

static float
get_float (Js *js, const char *key, double fallback)
{
  JsonNode *node = member (js, key);

  if (!node)
    return (float) fallback;
  if (!is_number (node)) {
    fail (js, key, "is not a number");
    return (float) fallback;
  }
  return (float) json_node_get_double (node);
}

/* The model is only implemented for one value of these. */
static void
require_bool (Js *js, const char *key, gboolean wanted)
{
  if (get_bool (js, key, wanted) != wanted)
    fail (js, key, "is %s, supported is only %s, as published",
        wanted ? "false" : "true", wanted ? "true" : "false");
}

static void
require_string (Js *js, const char *key, const char *wanted)
{
  JsonNode *node = member (js, key);
  const char *value;
  g_autofree char *safe = NULL;

  if (!node)
    return;
  if (!holds (node, G_TYPE_STRING)) {
    fail (js, key, "is not a string");
    return;
  }
  value = json_node_get_string (node);
  safe = convert_quote (value, strlen (value));
  if (strcmp (value, wanted) != 0)
    fail (
        js, key, "is '%s', supported is only '%s', as published", safe, wanted);
}

static void
require_uint (Js *js, const char *key, guint wanted, const char *why)
{
  guint value = get_uint (js, key, wanted);

  if (value != wanted)
    fail (js, key, "is %u, not %u (%s)", value, wanted, why);
}

/* A sub-object; all its keys have defaults, so it may be missing. */
static Js
sub (Js *js, const char *key, const char *path)
{
  Js out = {
    .file = js->file, .path = path, .error = js->error, .failed = js->failed
  };
  JsonNode *node = member (js, key);

  if (node && JSON_NODE_HOLDS_OBJECT (node))
    out.object = json_node_get_object (node);
  else if (node)
    fail (js, key, "is not an object");
  out.failed = js->failed;
  return out;
}

/* ---- config.json ------------------------------------------------------ */

static void
read_vision (Js *js, Owl2Config *config)
{
  config->vision.width = get_uint (js, "hidden_size", 1024);
  config->vision.n_layers = get_uint (js, "num_hidden_layers", 24);
  config->vision.n_heads = get_uint (js, "num_attention_heads", 16);
  config->vision.mlp = get_uint (js, "intermediate_size", 4096);
  config->vision.image_size = get_uint (js, "image_size", 448);
  config->vision.patch_size = get_uint (js, "patch_size", 14);
  config->vision.eps = get_float (js, "layer_norm_eps", 1e-6);
  require_uint (js, "num_channels", 3, "frames are RGB");
  require_string (js, "hidden_act", "quick_gelu");
  require_bool (js, "use_cls_token", TRUE);
  require_bool (js, "use_post_layernorm", TRUE);
}

static void
read_abstractor (Js *js, Owl2Config *config)
{
  guint patch = config->vision.patch_size;

  config->abstractor.width = get_uint (js, "hidden_size", 1024);
  config->abstractor.n_layers = get_uint (js, "num_hidden_layers", 6);
  config->abstractor.n_heads = get_uint (js, "num_attention_heads", 16);
  config->abstractor.mlp = get_uint (js, "intermediate_size", 2816);
  config->abstractor.n_queries = get_uint (js, "num_learnable_queries", 64);
  config->abstractor.eps = get_float (js, "layer_norm_eps", 1e-6);
  require_bool (js, "add_v2t_pos_emb", FALSE);
  require_bool (js, "use_cls_token", TRUE);
  require_uint (js, "encoder_hidden_size", config->vision.width,
      "the vision encoder's hidden_size");
  if (patch > 0 && member (js, "grid_size"))
    require_uint (js, "grid_size", config->vision.image_size / patch,
        "image size / patch size");
}

static void
read_decoder (Js *js, HfConfig *hf)
{
  Owl2Config *config = &hf->config;
  guint heads;

  config->decoder.width = get_uint (js, "hidden_size", 4096);
  config->decoder.n_layers = get_uint (js, "num_hidden_layers", 32);
  heads = get_uint (js, "num_attention_heads", 32);
  config->decoder.n_heads = heads;
  config->decoder.n_kv_heads = get_uint (js, "num_key_value_heads", heads);
  config->decoder.mlp = get_uint (js, "intermediate_size", 11008);
  config->decoder.n_vocab = get_uint (js, "vocab_size", 32000);
  config->decoder.n_ctx = get_uint (js, "max_position_embeddings", 2048);
  config->decoder.eps = get_float (js, "rms_norm_eps", 1e-6);
  config->decoder.rope_base = get_float (js, "rope_theta", 10000.0);
  hf->tied = get_bool (js, "tie_word_embeddings", FALSE);
  require_string (js, "hidden_act", "silu");
  require_bool (js, "attention_bias", FALSE);
  require_bool (js, "mlp_bias", FALSE);
  if (heads > 0 && member (js, "head_dim"))
    require_uint (js, "head_dim", config->decoder.width / heads,
        "hidden_size / num_attention_heads");
  if (member (js, "rope_scaling"))
    fail (js, "rope_scaling", "is set, supported is only null, as published");
}

/* An id, or a list of one, as newer files have it. */
static gint32
get_id (Js *js, const char *key)
{
  JsonNode *node = member (js, key);

  if (node && JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);

    if (json_array_get_length (array) == 1)
      node = json_array_get_element (array, 0);
    if (!holds (node, G_TYPE_INT64) || json_node_get_int (node) < 0
        || json_node_get_int (node) > G_MAXINT32) {
      fail (js, key, "is no list of one token id");
      return -1;
    }
    return (gint32) json_node_get_int (node);
  }
  return (gint32) get_int (js, key, -1, -1, G_MAXINT32);
}

/* Ids that two files give must agree. */
static void
read_ids (Js *js, HfConfig *hf)
{
  const struct {
    const char *key;
    gint32 *id;
  } ids[] = {
    { "bos_token_id", &hf->bos_id },
    { "eos_token_id", &hf->eos_id },
    { "pad_token_id", &hf->pad_id },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    gint32 id = get_id (js, ids[i].key);

    if (id >= 0 && *ids[i].id >= 0 && id != *ids[i].id
        && ids[i].id != &hf->pad_id)
      fail (js, ids[i].key, "is %d, but %d in config.json", id, *ids[i].id);
    if (id >= 0)
      *ids[i].id = id;
  }
}

/* The last part of the path that the model was loaded from. */
static char *
read_name (Js *js)
{
  JsonNode *node = member (js, "_name_or_path");
  const char *path;
  g_autofree char *base = NULL;

  if (!node || !holds (node, G_TYPE_STRING))
    return NULL;
  path = json_node_get_string (node);
  base = path[0] ? g_path_get_basename (path) : g_strdup ("");
  if (!convert_is_name (base, strlen (base)) || strcmp (base, ".") == 0
      || strcmp (base, "/") == 0)
    return NULL;
  return g_steal_pointer (&base);
}

static gboolean
parse_config (
    HfConfig *hf, JsonObject *object, const char *file, GError **error)
{
  Js js = { .file = file, .path = "", .object = object, .error = error };
  Js visual, part;

  if (!member (&js, "model_type"))
    fail (&js, "model_type", "is missing, must be 'mplug_owl2'");
  require_string (&js, "model_type", "mplug_owl2");
  read_decoder (&js, hf);
  read_ids (&js, hf);
  visual = sub (&js, "visual_config", "visual_config.");
  part = sub (&visual, "visual_model", "visual_config.visual_model.");
  read_vision (&part, &hf->config);
  visual.failed = part.failed;
  part = sub (&visual, "visual_abstractor", "visual_config.visual_abstractor.");
  read_abstractor (&part, &hf->config);
  if (js.failed || part.failed)
    return FALSE;
  hf->config.name = read_name (&js);
  return owl2_config_check (&hf->config, file, error);
}

/* ---- preprocessor_config.json ----------------------------------------- */

/* A size is a number, or an object with the shorter edge or both edges. */
static void
require_size (Js *js, const char *key, guint wanted)
{
  static const char *const edges[] = { "shortest_edge", "height", "width" };
  JsonNode *node = member (js, key);
  Js size;

  if (!node || !JSON_NODE_HOLDS_OBJECT (node)) {
    require_uint (js, key, wanted, "the vision encoder's image_size");
    return;
  }
  size = sub (js, key, key);
  for (guint i = 0; i < G_N_ELEMENTS (edges); i++) {
    g_autofree char *path = g_strconcat (key, ".", NULL);

    size.path = path;
    require_uint (&size, edges[i], wanted, "the vision encoder's image_size");
  }
  js->failed = size.failed;
}

static void
read_triple (Js *js, const char *key, const float *fallback, float *out)
{
  JsonNode *node = member (js, key);
  JsonArray *array;

  memcpy (out, fallback, 3 * sizeof (float));
  if (!node)
    return;
  array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (!array || json_array_get_length (array) != 3) {
    fail (js, key, "is no list of three numbers");
    return;
  }
  for (guint i = 0; i < 3; i++) {
    JsonNode *item = json_array_get_element (array, i);

    if (is_number (item))
      out[i] = (float) json_node_get_double (item);
    else
      fail (js, key, "is no list of three numbers");
  }
}

static gboolean
parse_preprocessor (
    Owl2Config *config, JsonObject *object, const char *file, GError **error)
{
  static const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f };
  static const float std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };
  Js js = { .file = file, .path = "", .object = object, .error = error };

  read_triple (&js, "image_mean", mean, config->image_mean);
  read_triple (&js, "image_std", std, config->image_std);
  require_size (&js, "size", config->vision.image_size);
  require_bool (&js, "do_resize", TRUE);
  require_bool (&js, "do_normalize", TRUE);
  require_bool (&js, "do_rescale", TRUE);
  if (get_bool (&js, "do_center_crop", TRUE))
    require_size (&js, "crop_size", config->vision.image_size);
  require_uint (&js, "resample", 3, "bicubic");
  if (fabsf (get_float (&js, "rescale_factor", 1 / 255.0) - 1 / 255.f) > 1e-8f)
    fail (&js, "rescale_factor", "is not 1/255");
  return !js.failed;
}

/* ---- files ------------------------------------------------------------ */

void
hfconfig_clear (HfConfig *hf)
{
  owl2_config_clear (&hf->config);
}

static gboolean
parse_all (HfConfig *hf, JsonObject *object, const char *file, GError **error)
{
  memset (hf, 0, sizeof (*hf));
  hf->bos_id = hf->eos_id = hf->pad_id = -1;
  /* Means and deviations are checked with the rest, so they come first. */
  return parse_preprocessor (&hf->config, NULL, file, error)
         && parse_config (hf, object, file, error);
}

gboolean
hfconfig_parse (
    HfConfig *hf, const char *text, gsize n, const char *file, GError **error)
{
  g_autoptr (JsonObject) object = convert_json_parse (text, n, file, error);

  if (object && parse_all (hf, object, file, error))
    return TRUE;
  if (object)
    hfconfig_clear (hf);
  return FALSE;
}

static gboolean
load_others (HfConfig *hf, const char *dir, const Owl2Log *log, GError **error)
{
  g_autofree char *preprocessor =
      g_build_filename (dir, "preprocessor_config.json", NULL);
  g_autofree char *generation =
      g_build_filename (dir, "generation_config.json", NULL);
  g_autoptr (JsonObject) object = NULL;

  if (g_file_test (preprocessor, G_FILE_TEST_EXISTS)) {
    object = convert_json_load (preprocessor, MAX_JSON_BYTES, error);
    if (!object
        || !parse_preprocessor (&hf->config, object, preprocessor, error)
        || !owl2_config_check (&hf->config, preprocessor, error))
      return FALSE;
    g_clear_pointer (&object, json_object_unref);
  } else {
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "%s is missing, taking the published values", preprocessor);
  }
  if (g_file_test (generation, G_FILE_TEST_EXISTS)) {
    Js js = { .file = generation, .path = "", .error = error };

    object = convert_json_load (generation, MAX_JSON_BYTES, error);
    if (!object)
      return FALSE;
    js.object = object;
    read_ids (&js, hf);
    return !js.failed;
  }
  return TRUE;
}

gboolean
hfconfig_load (
    HfConfig *hf, const char *dir, const Owl2Log *log, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "config.json", NULL);
  g_autoptr (JsonObject) object =
      convert_json_load (path, MAX_JSON_BYTES, error);

  if (!object)
    return FALSE;
  if (parse_all (hf, object, path, error) && load_others (hf, dir, log, error))
    return TRUE;
  hfconfig_clear (hf);
  return FALSE;
}
