/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Defaults are those of configuration_mplug_owl2.py and, for preprocessing,
 * of the CLIP image processor. */
#include "hfconfig.h"
#include "family.h"
#include "files.h"
#include "js.h"
#include "rope.h"

#include <math.h>
#include <string.h>

#define MAX_JSON_BYTES (1u << 20)

/* ---- config.json ------------------------------------------------------ */

static void
require_empty (Js *js, const char *key)
{
  json_t *node = js_member (js, key);

  if (node && (!json_is_object (node) || json_object_size (node) > 0))
    js_fail (js, key, "is not empty, as published");
}

static void
read_vision (Js *js, Owl2Config *config)
{
  config->vision.width = js_uint (js, "hidden_size", 1024);
  config->vision.n_layers = js_uint (js, "num_hidden_layers", 24);
  config->vision.n_heads = js_uint (js, "num_attention_heads", 16);
  config->vision.mlp = js_uint (js, "intermediate_size", 4096);
  config->vision.image_size = js_uint (js, "image_size", 448);
  config->vision.patch_size = js_uint (js, "patch_size", 14);
  config->vision.eps = js_float (js, "layer_norm_eps", 1e-6);
  js_require_uint (js, "num_channels", 3, "frames are RGB");
  js_require_string (js, "hidden_act", "quick_gelu");
  js_require_bool (js, "use_cls_token", TRUE);
  js_require_bool (js, "use_post_layernorm", TRUE);
  require_empty (js, "pruned_heads");
}

static void
read_abstractor (Js *js, Owl2Config *config)
{
  guint patch = config->vision.patch_size;

  config->abstractor.width = js_uint (js, "hidden_size", 1024);
  config->abstractor.n_layers = js_uint (js, "num_hidden_layers", 6);
  config->abstractor.n_heads = js_uint (js, "num_attention_heads", 16);
  config->abstractor.mlp = js_uint (js, "intermediate_size", 2816);
  config->abstractor.n_queries = js_uint (js, "num_learnable_queries", 64);
  config->abstractor.eps = js_float (js, "layer_norm_eps", 1e-6);
  js_require_bool (js, "add_v2t_pos_emb", FALSE);
  js_require_bool (js, "use_cls_token", TRUE);
  js_require_uint (js, "encoder_hidden_size", config->vision.width,
      "the vision encoder's hidden_size");
  if (patch > 0 && js_member (js, "grid_size"))
    js_require_uint (js, "grid_size", config->vision.image_size / patch,
        "image size / patch size");
  require_empty (js, "pruned_heads");
}

/* Later models look at the last positions only, in some layers or all. */
static void
require_full_attention (Js *js, guint n_ctx)
{
  const json_t *list = js_member (js, "layer_types");
  guint window = js_uint (js, "sliding_window", n_ctx);

  if (js_bool (js, "use_sliding_window", TRUE) && window < n_ctx)
    js_fail (js, "sliding_window",
        "is %u, less than the %u positions of the context; supported is only "
        "null, as published",
        window, n_ctx);
  for (gsize i = 0; i < json_array_size (list); i++)
    if (g_strcmp0 (
            json_string_value (json_array_get (list, i)), "full_attention")
        != 0)
      js_fail (js, "layer_types", "has others than 'full_attention'");
  if (list && !json_is_array (list))
    js_fail (js, "layer_types", "is no list");
}

static void
read_decoder (Js *js, HfConfig *hf)
{
  Owl2Config *config = &hf->config;
  guint heads;

  config->decoder.width = js_uint (js, "hidden_size", 4096);
  config->decoder.n_layers = js_uint (js, "num_hidden_layers", 32);
  heads = js_uint (js, "num_attention_heads", 32);
  config->decoder.n_heads = heads;
  config->decoder.n_kv_heads = js_uint (js, "num_key_value_heads", heads);
  config->decoder.mlp = js_uint (js, "intermediate_size", 11008);
  config->decoder.n_vocab = js_uint (js, "vocab_size", 32000);
  config->decoder.n_ctx = js_uint (js, "max_position_embeddings", 2048);
  config->decoder.eps = js_float (js, "rms_norm_eps", 1e-6);
  config->decoder.rope_base = rope_read_theta (js, 10000.f);
  hf->tied = js_bool (js, "tie_word_embeddings", FALSE);
  js_require_string (js, "hidden_act", "silu");
  js_require_bool (js, "attention_bias", FALSE);
  js_require_bool (js, "mlp_bias", FALSE);
  if (heads > 0 && js_member (js, "head_dim"))
    js_require_uint (js, "head_dim", config->decoder.width / heads,
        "hidden_size / num_attention_heads");
  require_full_attention (js, config->decoder.n_ctx);
  js_require_null (js, "quantization_config");
  js_require_null (js, "compression_config");
  js_require_null (js, "attn_logit_softcapping");
  js_require_null (js, "final_logit_softcapping");
  require_empty (js, "pruned_heads");
}

/* An id, or a list of one, as newer files have it. */
static gint32
get_id (Js *js, const char *key)
{
  const json_t *node = js_member (js, key);

  if (json_is_array (node)) {
    if (json_array_size (node) == 1)
      node = json_array_get (node, 0);
    if (!json_is_integer (node) || json_integer_value (node) < 0
        || json_integer_value (node) > G_MAXINT32) {
      js_fail (js, key, "is no list of one token id");
      return -1;
    }
    return (gint32) json_integer_value (node);
  }
  return (gint32) js_int (js, key, -1, -1, G_MAXINT32);
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
      js_fail (js, ids[i].key, "is %d, but %d in config.json", id, *ids[i].id);
    if (id >= 0)
      *ids[i].id = id;
  }
}

/* The last part of the path that the model was loaded from. */
static char *
read_name (Js *js)
{
  const char *path = json_string_value (js_member (js, "_name_or_path"));
  g_autofree char *base = NULL;

  if (!path)
    return NULL;
  base = path[0] ? g_path_get_basename (path) : g_strdup ("");
  if (!convert_is_name (base, strlen (base)) || strcmp (base, ".") == 0
      || strcmp (base, "/") == 0)
    return NULL;
  return g_steal_pointer (&base);
}

/* How pictures become square, as process_images() of the published mm_utils.py
 * has it: it crops for all that is not one of two words. A file that says
 * nothing leaves it open, since the published evaluations ignore it. */
static Owl2ImageMode
read_image_mode (Js *js)
{
  const json_t *node = js_member (js, "image_aspect_ratio");
  const char *value = json_string_value (node);

  if (node && !value)
    js_fail (js, "image_aspect_ratio", "is not a string");
  if (!value)
    return OWL2_IMAGE_AUTO;
  return strcmp (value, "pad") == 0      ? OWL2_IMAGE_PAD
         : strcmp (value, "resize") == 0 ? OWL2_IMAGE_STRETCH
                                         : OWL2_IMAGE_CROP;
}

static gboolean
parse_config (HfConfig *hf, json_t *object, const char *file, GError **error)
{
  Js js = { .file = file, .path = "", .object = object, .error = error };
  Js visual, part;

  family_check_config (&js);
  if (!js_member (&js, "model_type"))
    js_fail (&js, "model_type", "is missing, must be 'mplug_owl2'");
  js_require_string (&js, "model_type", "mplug_owl2");
  read_decoder (&js, hf);
  hf->config.image_mode = read_image_mode (&js);
  read_ids (&js, hf);
  visual = js_sub (&js, "visual_config", "visual_config.");
  part = js_sub (&visual, "visual_model", "visual_config.visual_model.");
  read_vision (&part, &hf->config);
  visual.failed = part.failed;
  part =
      js_sub (&visual, "visual_abstractor", "visual_config.visual_abstractor.");
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
  json_t *node = js_member (js, key);
  Js size;

  if (!json_is_object (node)) {
    js_require_uint (js, key, wanted, "the vision encoder's image_size");
    return;
  }
  size = js_sub (js, key, key);
  for (guint i = 0; i < G_N_ELEMENTS (edges); i++) {
    g_autofree char *path = g_strconcat (key, ".", NULL);

    size.path = path;
    js_require_uint (
        &size, edges[i], wanted, "the vision encoder's image_size");
  }
  js->failed = size.failed;
}

static void
read_triple (Js *js, const char *key, const float *fallback, float *out)
{
  const json_t *list = js_member (js, key);
  gboolean ok = json_array_size (list) == 3;

  memcpy (out, fallback, 3 * sizeof (float));
  if (!list)
    return;
  for (guint i = 0; ok && i < 3; i++) {
    const json_t *item = json_array_get (list, i);

    ok = js_is_number (item);
    out[i] = (float) json_number_value (item);
  }
  if (!ok)
    js_fail (js, key, "is no list of three numbers");
}

static gboolean
parse_preprocessor (
    Owl2Config *config, json_t *object, const char *file, GError **error)
{
  static const float mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f };
  static const float std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };
  Js js = { .file = file, .path = "", .object = object, .error = error };

  read_triple (&js, "image_mean", mean, config->image_mean);
  read_triple (&js, "image_std", std, config->image_std);
  require_size (&js, "size", config->vision.image_size);
  js_require_bool (&js, "do_resize", TRUE);
  js_require_bool (&js, "do_normalize", TRUE);
  js_require_bool (&js, "do_rescale", TRUE);
  if (js_bool (&js, "do_center_crop", TRUE))
    require_size (&js, "crop_size", config->vision.image_size);
  js_require_uint (&js, "resample", 3, "bicubic");
  if (fabsf (js_float (&js, "rescale_factor", 1 / 255.0) - 1 / 255.f) > 1e-8f)
    js_fail (&js, "rescale_factor", "is not 1/255");
  return !js.failed;
}

/* ---- files ------------------------------------------------------------ */

void
hfconfig_clear (HfConfig *hf)
{
  owl2_config_clear (&hf->config);
}

static gboolean
parse_all (HfConfig *hf, json_t *object, const char *file, GError **error)
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
  json_auto_t *object = convert_json_parse (text, n, file, error);

  if (object && parse_all (hf, object, file, error))
    return TRUE;
  if (object)
    hfconfig_clear (hf);
  return FALSE;
}

static gboolean
load_others (HfConfig *hf, Folder *folder, const Owl2Log *log, GError **error)
{
  g_autofree char *preprocessor =
      g_build_filename (folder_path (folder), "preprocessor_config.json", NULL);
  g_autofree char *generation =
      g_build_filename (folder_path (folder), "generation_config.json", NULL);
  json_auto_t *object = NULL;

  if (folder_has (folder, "preprocessor_config.json")) {
    object = convert_json_load (
        folder, "preprocessor_config.json", MAX_JSON_BYTES, error);
    if (!object
        || !parse_preprocessor (&hf->config, object, preprocessor, error)
        || !owl2_config_check (&hf->config, preprocessor, error))
      return FALSE;
    g_clear_pointer (&object, json_decref);
  } else {
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "%s is missing, taking the published values", preprocessor);
  }
  if (folder_has (folder, "generation_config.json")) {
    Js js = { .file = generation, .path = "", .error = error };

    object = convert_json_load (
        folder, "generation_config.json", MAX_JSON_BYTES, error);
    if (!object)
      return FALSE;
    js.object = object;
    read_ids (&js, hf);
    return !js.failed;
  }
  return TRUE;
}

/* What was found out about how the model is asked. */
static void
read_recipe (
    HfConfig *hf, const json_t *object, Folder *folder, const Owl2Log *log)
{
  g_autofree char *why = NULL;
  const char *recipe = family_recipe (object, folder_path (folder), &why);

  if (!recipe)
    return;
  g_free (hf->config.recipe);
  hf->config.recipe = g_strdup (recipe);
  owl2_log (log, OWL2_LOG_INFO, "convert",
      "%s: the recipe is '%s', as %s; --recipe names another",
      folder_path (folder), recipe, why);
}

/* What is taken for a crop, though other words are possible. */
static void
report_aspect (const json_t *object, const char *file, const Owl2Log *log)
{
  const char *mode =
      json_string_value (json_object_get (object, "image_aspect_ratio"));
  g_autofree char *safe = mode ? convert_quote (mode, strlen (mode)) : NULL;

  if (mode && strcmp (mode, "pad") != 0 && strcmp (mode, "resize") != 0)
    owl2_log (log, OWL2_LOG_INFO, "convert",
        "%s: image_aspect_ratio is '%s', for which the published code crops; "
        "--image-mode names another",
        file, safe);
}

gboolean
hfconfig_load (HfConfig *hf, Folder *folder, const Owl2Log *log, GError **error)
{
  g_autofree char *path =
      g_build_filename (folder_path (folder), "config.json", NULL);
  json_auto_t *object =
      convert_json_load (folder, "config.json", MAX_JSON_BYTES, error);

  if (!object)
    return FALSE;
  if (parse_all (hf, object, path, error)
      && load_others (hf, folder, log, error)) {
    report_aspect (object, path, log);
    read_recipe (hf, object, folder, log);
    return TRUE;
  }
  hfconfig_clear (hf);
  return FALSE;
}

gboolean
hfconfig_load_adapter (
    HfConfig *hf, Folder *folder, const Owl2Log *log, GError **error)
{
  static const char name[] = "config.json";
  g_autofree char *path = g_build_filename (folder_path (folder), name, NULL);
  json_auto_t *object = NULL;

  if (folder_has (folder, name)) {
    HfConfig own = { .tied = FALSE };
    gboolean ok;

    object = convert_json_load (folder, name, MAX_JSON_BYTES, error);
    ok = object && parse_all (&own, object, path, error)
         && owl2_config_check_same (&own.config, &hf->config, path, error);
    if (own.config.image_mode != OWL2_IMAGE_AUTO)
      hf->config.image_mode = own.config.image_mode;
    hfconfig_clear (&own);
    if (!ok)
      return FALSE;
    report_aspect (object, path, log);
  }
  read_recipe (hf, object, folder, log);
  return TRUE;
}
