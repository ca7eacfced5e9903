/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkpoint.h"
#include "files.h"
#include "json.h"

#include <string.h>

/* The full-size model's index has 70 KB and 33 shards. */
#define MAX_INDEX_BYTES (8u << 20)
#define MAX_SHARDS 1024u

struct _Checkpoint {
  GPtrArray *shards;   /* Shard, owned */
  GHashTable *tensors; /* name -> ShardTensor, both of the shards */
};

/* In order of preference: safetensors can be checked best. */
static const struct {
  const char *index, *single, *prefix, *suffix;
} forms[] = {
  { "model.safetensors.index.json", "model.safetensors", "model-",
      ".safetensors" },
  { "pytorch_model.bin.index.json", "pytorch_model.bin", "pytorch_model-",
      ".bin" },
};

void
checkpoint_free (Checkpoint *ck)
{
  if (!ck)
    return;
  g_clear_pointer (&ck->tensors, g_hash_table_unref);
  g_clear_pointer (&ck->shards, g_ptr_array_unref);
  g_free (ck);
}

static gboolean
add_shard (Checkpoint *ck, Folder *folder, const char *name, GError **error)
{
  const Owl2Input *in;
  Shard *shard;

  if (ck->shards->len >= MAX_SHARDS)
    return convert_bad (
        folder_path (folder), error, "more than %u shards", MAX_SHARDS);
  in = folder_open (folder, name, error);
  shard = in ? shard_new (in, error) : NULL;
  if (!shard)
    return FALSE;
  g_ptr_array_add (ck->shards, shard);
  for (guint i = 0; i < shard_n_tensors (shard); i++) {
    const ShardTensor *t = shard_tensor_at (shard, i);
    const ShardTensor *other = g_hash_table_lookup (ck->tensors, t->name);

    if (other)
      return convert_bad (shard_path (shard), error,
          "tensor '%s' is also in %s", t->name, shard_path (other->shard));
    g_hash_table_insert (ck->tensors, t->name, (gpointer) t);
  }
  return TRUE;
}

/* A shard is a file of the directory itself, whatever the index says. */
static gboolean
is_plain_name (const char *name)
{
  return convert_is_name (name, strlen (name)) && !strchr (name, '/')
         && !strchr (name, '\\') && strcmp (name, ".") != 0
         && strcmp (name, "..") != 0;
}

static gboolean
open_indexed (
    Checkpoint *ck, Folder *folder, const char *index_name, GError **error)
{
  g_autofree char *index_path =
      g_build_filename (folder_path (folder), index_name, NULL);
  json_auto_t *index =
      convert_json_load (folder, index_name, MAX_INDEX_BYTES, error);
  g_autoptr (GHashTable) opened = NULL;
  const char *key;
  json_t *map, *node;

  if (!index)
    return FALSE;
  map = json_object_get (index, "weight_map");
  if (!json_is_object (map))
    return convert_bad (index_path, error, "no weight_map");
  opened = g_hash_table_new (g_str_hash, g_str_equal);
  json_object_foreach (map, key, node) {
    g_autofree char *tensor = convert_quote (key, strlen (key));
    const char *name;
    const Shard *shard;
    const ShardTensor *t;

    if (!json_is_string (node))
      return convert_bad (
          index_path, error, "tensor '%s' has no shard", tensor);
    name = json_string_value (node);
    if (!is_plain_name (name)) {
      g_autofree char *safe = convert_quote (name, strlen (name));

      return convert_bad (index_path, error,
          "shard '%s' of tensor '%s' is no plain file name", safe, tensor);
    }
    if (!g_hash_table_contains (opened, name)) {
      if (!add_shard (ck, folder, name, error))
        return FALSE;
      g_hash_table_insert (opened, (gpointer) name,
          g_ptr_array_index (ck->shards, ck->shards->len - 1));
    }
    shard = g_hash_table_lookup (opened, name);
    t = g_hash_table_lookup (ck->tensors, key);
    if (!t || t->shard != shard)
      return convert_bad (
          index_path, error, "tensor '%s' is not in shard %s", tensor, name);
  }
  return TRUE;
}

/* The files that say by their names what they are. Where an index and a single
 * file are both there, others would take the single one without a word. */
static gboolean
open_form (
    Checkpoint *ck, Folder *folder, guint form, gboolean *found, GError **error)
{
  const char *index = forms[form].index, *single = forms[form].single;
  gboolean has_index = folder_has (folder, index);
  gboolean has_single = folder_has (folder, single);

  *found = has_index || has_single;
  if (has_single && !has_index)
    return add_shard (ck, folder, single, error);
  if (!has_index)
    return TRUE;
  if (!open_indexed (ck, folder, index, error))
    return FALSE;
  for (guint i = 0; has_single && i < ck->shards->len; i++)
    if (g_str_has_suffix (
            shard_path (g_ptr_array_index (ck->shards, i)), single))
      has_single = FALSE;
  return !has_single
         || convert_bad (folder_path (folder), error,
             "both %s and %s, which does not name it, are there; move away the "
             "one that is not meant",
             single, index);
}

static gboolean
open_shards (Checkpoint *ck, Folder *folder, const Owl2Log *log, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    gboolean found;

    if (!open_form (ck, folder, i, &found, error))
      return FALSE;
    if (found)
      return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    g_autoptr (GPtrArray) names =
        folder_list (folder, forms[i].prefix, forms[i].suffix);

    if (names->len == 0)
      continue;
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "%s: no index, taking the %u files %s*%s", folder_path (folder),
        names->len, forms[i].prefix, forms[i].suffix);
    for (guint k = 0; k < names->len; k++)
      if (!add_shard (ck, folder, g_ptr_array_index (names, k), error))
        return FALSE;
    return TRUE;
  }
  return convert_bad (folder_path (folder), error,
      "no weights: neither an index nor pytorch_model*.bin nor "
      "model*.safetensors");
}

Checkpoint *
checkpoint_open (Folder *folder, const Owl2Log *log, GError **error)
{
  g_autoptr (Checkpoint) ck = g_new0 (Checkpoint, 1);

  ck->shards = g_ptr_array_new_with_free_func ((GDestroyNotify) shard_free);
  ck->tensors = g_hash_table_new (g_str_hash, g_str_equal);
  if (!open_shards (ck, folder, log, error))
    return NULL;
  return g_steal_pointer (&ck);
}

const ShardTensor *
checkpoint_find (const Checkpoint *ck, const char *name)
{
  return g_hash_table_lookup (ck->tensors, name);
}

static int
compare_tensors (gconstpointer a, gconstpointer b)
{
  const ShardTensor *x = *(ShardTensor *const *) a;
  const ShardTensor *y = *(ShardTensor *const *) b;

  return strcmp (x->name, y->name);
}

GPtrArray *
checkpoint_tensors (const Checkpoint *ck)
{
  GPtrArray *out = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer t;

  g_hash_table_iter_init (&iter, ck->tensors);
  while (g_hash_table_iter_next (&iter, NULL, &t))
    g_ptr_array_add (out, t);
  g_ptr_array_sort (out, compare_tensors);
  return out;
}
