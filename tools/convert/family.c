/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "family.h"
#include "files.h"

#include <string.h>

/* ---- relatives of another architecture -------------------------------- */

#define OWL1 "the first mPLUG-Owl, which has no modality-adaptive decoder"
#define OWL21 "mPLUG-Owl2.1, whose decoder is Qwen"
#define OWL3 "mPLUG-Owl3, which reads pictures by cross attention"
#define DOCOWL "mPLUG-DocOwl, which reads pictures through an H-reducer"
#define Q_SCORER "Q-Scorer, which scores by tokens and layers of its own"
#define OTHER "; that is another architecture than mPLUG-Owl2, not supported"

static const struct {
  const char *type, *what;
} model_types[] = {
  { "mplug-owl", OWL1 },
  { "mplug_owl", OWL1 },
  { "mplug_owl2_1", OWL21 },
  { "mplugowl3", OWL3 },
  { "mplug_owl3", OWL3 },
  { "mplug_docowl", DOCOWL },
  { "mplug-docowl", DOCOWL },
  { "mplugdocowl", DOCOWL },
};

/* Keys that no mPLUG-Owl2 has, of config.json or of its visual_config. */
static const struct {
  const char *key, *what;
} keys[] = {
  { "score_token_id", Q_SCORER },
  { "score_tokens", Q_SCORER },
  { "deepmlp_hidden_dims", Q_SCORER },
  { "visual_hreducer", DOCOWL },
};

/* Parts of names. */
static const struct {
  const char *part, *what;
} tensors[] = {
  { "deepmlp.", Q_SCORER },
  { ".vision2text.", DOCOWL },
  { "transformer.h.", OWL21 },
  { "language_model.", "mPLUG-Owl3 or the first mPLUG-Owl" },
};

void
family_check_config (Js *js)
{
  const char *type = json_string_value (js_member (js, "model_type"));
  const json_t *visual = js_member (js, "visual_config");

  for (guint i = 0; type && i < G_N_ELEMENTS (model_types); i++)
    if (strcmp (type, model_types[i].type) == 0)
      js_fail (
          js, "model_type", "is '%s': %s" OTHER, type, model_types[i].what);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (js_member (js, keys[i].key) || json_object_get (visual, keys[i].key))
      js_fail (js, keys[i].key, "is set: this is %s" OTHER, keys[i].what);
}

gboolean
family_check_tensor (const ShardTensor *t, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
    if (strstr (t->name, tensors[i].part))
      return convert_bad (shard_path (t->shard), error,
          "tensor '%s' is of %s" OTHER, t->name, tensors[i].what);
  return TRUE;
}

gboolean
family_check_token (const char *token, const char *file, GError **error)
{
  return strcmp (token, "<score1>") != 0
         || convert_bad (
             file, error, "token '%s' is of %s" OTHER, token, Q_SCORER);
}

/* ---- recipes ---------------------------------------------------------- */

/* Published names. q-align-iaa-vqa is made for two, so it is not here. */
static const struct {
  const char *name, *recipe;
} scorers[] = {
  { "one-align", "quality" },
  { "q-align-quality", "quality" },
  { "q-align-image", "quality" },
  { "q-align-iqa", "quality" },
  { "q-align-aesthetic", "aesthetics" },
  { "q-align-vqa", "video-quality" },
  { "q-align-maxwell-lora", "video-quality" },
  { "q-instruct-mplug-owl2", "q-instruct" },
  { "mplug_owl2_7b_448_qinstruct_preview_v0.1", "q-instruct" },
  { "mplug_owl2_7b_448_qinstruct_preview_v0.2", "q-instruct" },
  { "co-instruct", "co-instruct" },
  { "co-instruct-preview", "co-instruct" },
};

static const char *
recipe_of_name (const char *name)
{
  for (guint i = 0; name && i < G_N_ELEMENTS (scorers); i++)
    if (strcmp (name, scorers[i].name) == 0)
      return scorers[i].recipe;
  return NULL;
}

/* (transfer full): of a folder; of one in a download cache,
 * models--OWNER--NAME/snapshots/COMMIT, NAME. */
static char *
published_name (const char *dir)
{
  static const char cache[] = "models--";
  g_autofree char *full = g_canonicalize_filename (dir, NULL);
  g_autofree char *above = g_path_get_dirname (full);
  g_autofree char *above_base = g_path_get_basename (above);
  g_autofree char *top = g_path_get_dirname (above);
  g_autofree char *top_base = g_path_get_basename (top);
  const char *name = g_str_has_prefix (top_base, cache)
                         ? strstr (top_base + strlen (cache), "--")
                         : NULL;

  if (name && strcmp (above_base, "snapshots") == 0)
    return g_strdup (name + 2);
  return g_path_get_basename (full);
}

const char *
family_recipe (const json_t *config, const char *dir, char **why)
{
  const char *from =
      json_string_value (json_object_get (config, "_name_or_path"));
  g_autofree char *folder = published_name (dir);
  g_autofree char *base = from ? g_path_get_basename (from) : NULL;
  const char *recipe;

  if (json_is_array (json_object_get (config, "level_ids"))
      && json_is_array (json_object_get (config, "level_prefix"))) {
    *why = g_strdup ("config.json has level_ids");
    return "deqa";
  }
  if ((recipe = recipe_of_name (folder))) {
    *why = g_strdup_printf ("the folder is named '%s'", folder);
    return recipe;
  }
  if ((recipe = recipe_of_name (base)))
    *why = g_strdup_printf ("_name_or_path is '%s'", base);
  return recipe;
}
