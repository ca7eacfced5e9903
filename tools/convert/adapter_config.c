/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adapter_config.h"
#include "files.h"
#include "js.h"

#include <math.h>
#include <string.h>

/* Eight times that of the largest adapter published for this architecture. */
#define MAX_RANK 1024u

/* Keys without a say in what the adapter adds to the weights: how it was
 * trained, or begun, and notes. Those that have one are read below. */
static const char *const harmless[] = { "auto_mapping",
  "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying",
  "eva_config", "exclude_modules", "inference_mode", "layers_pattern",
  "layers_to_transform", "loftq_config", "lora_dropout", "lora_ga_config",
  "megatron_config", "megatron_core", "modules_to_save", "peft_version",
  "qalora_group_size", "revision", "runtime_config", "task_type", NULL };

static const char *const heeded[] = { "peft_type", "r", "lora_alpha",
  "use_rslora", "fan_in_fan_out", "rank_pattern", "alpha_pattern",
  "init_lora_weights", "target_modules", NULL };

/* null, false, "", [] and {} are all "no" to PEFT. */
static gboolean
is_set (const json_t *node)
{
  return !json_is_null (node) && !json_is_false (node)
         && !(json_is_string (node) && !json_string_value (node)[0])
         && !(json_is_array (node) && json_array_size (node) == 0)
         && !(json_is_object (node) && json_object_size (node) == 0);
}

static void
check_keys (Js *js)
{
  const char *key;
  json_t *value;

  json_object_foreach (js->object, key, value) {
    g_autofree char *safe = convert_quote (key, strlen (key));

    if (is_set (value) && !g_strv_contains (harmless, key)
        && !g_strv_contains (heeded, key))
      js_fail (js, safe,
          "is set; that is more than the plain LoRA that can be merged here "
          "(peft: merge_and_unload can, maybe)");
  }
}

/* Some ways to begin change the base's weights, too. */
static void
check_start (Js *js)
{
  static const char *const others[] = { "gaussian", "eva", "orthogonal", NULL };
  const char *value = json_string_value (js_member (js, "init_lora_weights"));
  g_autofree char *safe = value ? convert_quote (value, strlen (value)) : NULL;

  if (value && !g_strv_contains (others, value))
    js_fail (js, "init_lora_weights",
        "is '%s', which changes the base model's weights, too; make a usual "
        "adapter of it first (peft: path_initial_model_for_weight_conversion)",
        safe);
}

/* Patterns are regular expressions to PEFT; names are all that is needed. */
static void
check_pattern (Js *js, const char *name, gboolean is_rank)
{
  g_autofree char *path = g_strconcat (name, ".", NULL);
  Js patterns = js_sub (js, name, path);
  const char *key;
  json_t *value;

  json_object_foreach (patterns.object, key, value) {
    g_autofree char *safe = convert_quote (key, strlen (key));
    const char *plain = key + (key[0] == '^');

    if (!plain[0]
        || strspn (plain, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-")
               != strlen (plain))
      js_fail (&patterns, safe, "is no plain name of a module");
    if (is_rank && !json_is_null (value))
      js_int (&patterns, key, 1, 1, MAX_RANK);
    else if (!js_is_number (value))
      js_fail (&patterns, safe, "is not a number");
  }
  js->failed = patterns.failed;
}

static void
check_targets (Js *js)
{
  const json_t *list = js_member (js, "target_modules");

  if (json_is_string (list))
    return;
  if (!json_is_array (list) || json_array_size (list) == 0)
    js_fail (js, "target_modules", "is no list of modules");
  for (gsize i = 0; i < json_array_size (list); i++)
    if (!json_is_string (json_array_get (list, i)))
      js_fail (js, "target_modules", "has something else than names");
}

static void
read_numbers (Js *js, AdapterConfig *config)
{
  const json_t *alpha = js_member (js, "lora_alpha");

  config->rank = (guint) js_int (js, "r", 8, 1, MAX_RANK);
  if (alpha && !js_is_number (alpha))
    js_fail (js, "lora_alpha", "is not a number");
  config->alpha = alpha ? json_number_value (alpha) : 8;
  config->rank_stabilised = js_bool (js, "use_rslora", FALSE);
  config->swapped = js_bool (js, "fan_in_fan_out", FALSE);
}

void
adapter_config_clear (AdapterConfig *config)
{
  json_decref (config->root);
  memset (config, 0, sizeof (*config));
}

gboolean
adapter_config_parse (AdapterConfig *config, const char *text, gsize n,
    const char *file, GError **error)
{
  Js js = { .file = file, .path = "", .error = error };

  memset (config, 0, sizeof (*config));
  config->root = js.object = convert_json_parse (text, n, file, error);
  if (!js.object)
    return FALSE;
  if (!js_member (&js, "peft_type"))
    js_fail (&js, "peft_type", "is missing, must be 'LORA'");
  js_require_string (&js, "peft_type", "LORA");
  check_keys (&js);
  check_start (&js);
  read_numbers (&js, config);
  check_pattern (&js, "rank_pattern", TRUE);
  check_pattern (&js, "alpha_pattern", FALSE);
  check_targets (&js);
  config->base = json_string_value (js_member (&js, "base_model_name_or_path"));
  if (js.failed)
    adapter_config_clear (config);
  return !js.failed;
}

/* TRUE if @name is @module or the last parts of it. */
static gboolean
is_end_of (const char *name, const char *module)
{
  gsize n = strlen (name), all = strlen (module);

  return n <= all && strcmp (module + all - n, name) == 0
         && (n == all || module[all - n - 1] == '.');
}

gboolean
adapter_config_targets (const AdapterConfig *config, const char *module)
{
  const json_t *list = json_object_get (config->root, "target_modules");

  for (gsize i = 0; i < json_array_size (list); i++)
    if (is_end_of (json_string_value (json_array_get (list, i)), module))
      return TRUE;
  return json_is_string (list);
}

/* (nullable): the value of the first pattern that fits. */
static const json_t *
find_pattern (
    const AdapterConfig *config, const char *patterns, const char *module)
{
  json_t *object = json_object_get (config->root, patterns);
  const char *key;
  json_t *value;

  json_object_foreach (object, key, value)
    if (key[0] == '^' ? strcmp (key + 1, module) == 0 : is_end_of (key, module))
      return value;
  return NULL;
}

guint
adapter_config_scale (
    const AdapterConfig *config, const char *module, double *scale)
{
  const json_t *rank = find_pattern (config, "rank_pattern", module);
  const json_t *alpha = find_pattern (config, "alpha_pattern", module);
  double r = rank ? (double) json_integer_value (rank) : config->rank;
  double a = alpha ? json_number_value (alpha) : config->alpha;

  *scale = a / (config->rank_stabilised ? sqrt (r) : r);
  return (guint) r;
}
