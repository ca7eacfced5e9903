/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "folder.h"
#include "files.h"
#include "json.h"

#include <errno.h>
#include <string.h>

#define MAX_ADAPTER_BYTES (1u << 20)

struct _Folder {
  char *dir;
  GPtrArray *inputs; /* Owl2Input, owned */
};

void
folder_free (Folder *folder)
{
  if (!folder)
    return;
  g_ptr_array_unref (folder->inputs);
  g_free (folder->dir);
  g_free (folder);
}

const char *
folder_path (const Folder *folder)
{
  return folder->dir;
}

gboolean
folder_has (const Folder *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder->dir, name, NULL);
  struct stat st;

  return lstat (path, &st) == 0;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
folder_list (const Folder *folder, const char *prefix, const char *suffix)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) listing = g_dir_open (folder->dir, 0, NULL);
  const char *name;

  while (listing && (name = g_dir_read_name (listing)))
    if (g_str_has_prefix (name, prefix) && g_str_has_suffix (name, suffix))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

const Owl2Input *
folder_open (Folder *folder, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (folder->dir, name, NULL);
  g_autoptr (Owl2Input) in = owl2_input_open (path, error);
  const Owl2Input *borrowed = in;

  if (!in || !owl2_input_settle (in, error))
    return NULL;
  g_ptr_array_add (folder->inputs, g_steal_pointer (&in));
  return borrowed;
}

GBytes *
folder_read (
    Folder *folder, const char *name, guint64 max_bytes, GError **error)
{
  const Owl2Input *in = folder_open (folder, name, error);

  return in ? owl2_input_copy (
             in, 0, owl2_input_size (in), max_bytes, "the file", error)
            : NULL;
}

gboolean
folder_check_apart (const Folder *folder, const char *out, GError **error)
{
  for (guint i = 0; i < folder->inputs->len; i++) {
    const Owl2Input *in = g_ptr_array_index (folder->inputs, i);

    if (owl2_input_is (in, out))
      return convert_bad (out, error,
          "is a file of the checkpoint itself, %s; not to be written over",
          owl2_input_path (in));
  }
  return TRUE;
}

gboolean
folder_check (const Folder *folder, GError **error)
{
  for (guint i = 0; i < folder->inputs->len; i++)
    if (!owl2_input_check (g_ptr_array_index (folder->inputs, i), error))
      return FALSE;
  return TRUE;
}

/* ---- what is no checkpoint -------------------------------------------- */

static gboolean
has_weights (const Folder *folder)
{
  static const char *const forms[][2] = { { "model.", ".safetensors" },
    { "model-", ".safetensors" }, { "model.safetensors", ".index.json" },
    { "pytorch_model.", ".bin" }, { "pytorch_model-", ".bin" },
    { "pytorch_model.bin", ".index.json" } };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    g_autoptr (GPtrArray) names =
        folder_list (folder, forms[i][0], forms[i][1]);

    if (names->len > 0)
      return TRUE;
  }
  return FALSE;
}

/* (transfer full) (nullable): the model that an adapter belongs to. */
static char *
read_base_name (Folder *folder)
{
  json_auto_t *object = convert_json_load (
      folder, "adapter_config.json", MAX_ADAPTER_BYTES, NULL);
  const char *name =
      json_string_value (json_object_get (object, "base_model_name_or_path"));

  return name ? convert_quote (name, strlen (name)) : NULL;
}

static gboolean
refuse_adapter (Folder *folder, GError **error)
{
  static const char *const files[] = { "adapter_model.safetensors",
    "adapter_model.bin", "adapter_config.json", "non_lora_trainables.bin" };
  g_autofree char *base = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    if (!folder_has (folder, files[i]))
      continue;
    /* Weights that would be left out; whether they are in the others already,
     * nothing says. */
    if (has_weights (folder))
      return convert_bad (folder->dir, error,
          "%s lies beside the model's weights; move it to a folder of its own, "
          "and, if it is not merged into them, name that with --lora",
          files[i]);
    base = read_base_name (folder);
    return convert_bad (folder->dir, error,
        "only a LoRA adapter (%s), without the weights of its base model '%s'; "
        "convert that, and name this folder with --lora",
        files[i], base ? base : "unknown");
  }
  return TRUE;
}

/* What people have that holds or stands for a checkpoint, but is none. */
static gboolean
refuse_others (const Folder *folder, GError **error)
{
  static const struct {
    const char *prefix, *suffix, *what;
  } others[] = {
    { "snapshots", "",
        "a download cache; the checkpoint is the folder below "
        "snapshots/" },
    { "zero_to_fp32", ".py",
        "a training checkpoint of DeepSpeed in pieces; "
        "its zero_to_fp32.py makes pytorch_model.bin" },
    { "pytorch_model_fsdp", "",
        "a training checkpoint of FSDP in pieces; "
        "save it as one model first" },
    { "consolidated.", ".pth",
        "weights in Meta's own form, not Hugging "
        "Face's" },
    { "", ".gguf", "a model file already, no checkpoint" },
    { "tf_model", ".h5", "weights of TensorFlow, not PyTorch" },
    { "flax_model", ".msgpack", "weights of Flax, not PyTorch" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    g_autoptr (GPtrArray) names =
        folder_list (folder, others[i].prefix, others[i].suffix);

    if (names->len > 0) {
      const char *name = g_ptr_array_index (names, 0);
      g_autofree char *safe = convert_quote (name, strlen (name));

      return convert_bad (
          folder->dir, error, "no weights, but %s: %s", safe, others[i].what);
    }
  }
  return TRUE;
}

/* @what: it should be, with what it should hold. */
static Folder *
open_dir (const char *dir, const char *what, GError **error)
{
  g_autoptr (Folder) folder = g_new0 (Folder, 1);
  struct stat st;

  folder->dir = g_strdup (dir);
  folder->inputs =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_input_unref);
  if (stat (dir, &st) != 0) {
    convert_bad (dir, error, "can't be opened: %s", g_strerror (errno));
    return NULL;
  }
  if (!S_ISDIR (st.st_mode)) {
    convert_bad (dir, error, "not the directory of %s, but %s", what,
        owl2_input_kind (st.st_mode));
    return NULL;
  }
  return g_steal_pointer (&folder);
}

Folder *
folder_new_adapter (const char *dir, GError **error)
{
  static const char config[] = "adapter_config.json";
  g_autoptr (Folder) folder = open_dir (
      dir, "a LoRA adapter, with adapter_config.json and its weights", error);

  if (folder && !folder_has (folder, config)) {
    convert_bad (dir, error, "no %s, so no LoRA adapter to merge", config);
    return NULL;
  }
  return g_steal_pointer (&folder);
}

Folder *
folder_new (const char *dir, GError **error)
{
  g_autoptr (Folder) folder = open_dir (dir,
      "a checkpoint, with config.json, tokenizer.model and the weights", error);

  if (!folder)
    return NULL;
  if (!refuse_adapter (folder, error)
      || (!has_weights (folder) && !refuse_others (folder, error)))
    return NULL;
  return g_steal_pointer (&folder);
}
