/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adapter.h"
#include "adapter_config.h"
#include "family.h"
#include "files.h"

#include <string.h>

#define MAX_CONFIG_BYTES (1u << 20)

typedef struct {
  Folder *folder;
  AdapterConfig config;
  Shard *shards[2]; /* the adapter's; whole tensors (nullable) */
} Adapter;

struct _Adapters {
  GPtrArray *list;     /* Adapter, owned */
  GHashTable *whole;   /* published name -> ShardTensor */
  GHashTable *changes; /* published name -> GArray of LowRank, owned */
};

/* The matching of one adapter. */
typedef struct {
  Adapters *all;
  const Adapter *adapter;
  GHashTable *specs; /* published name -> Owl2TensorSpec */
  GHashTable *whole; /* as in Adapters */
  GHashTable *pairs; /* published name -> LowRank, owned */
  GError **error;
} Matching;

/* ---- files ------------------------------------------------------------ */

static void
adapter_free (gpointer data)
{
  Adapter *adapter = data;

  adapter_config_clear (&adapter->config);
  for (guint i = 0; i < G_N_ELEMENTS (adapter->shards); i++)
    shard_free (adapter->shards[i]);
  folder_free (adapter->folder);
  g_free (adapter);
}

static gboolean
read_config (Adapter *adapter, const Owl2Log *log, GError **error)
{
  static const char name[] = "adapter_config.json";
  g_autofree char *path =
      g_build_filename (folder_path (adapter->folder), name, NULL);
  g_autoptr (GBytes) bytes =
      folder_read (adapter->folder, name, MAX_CONFIG_BYTES, error);
  const char *text;
  gsize n;

  if (!bytes)
    return FALSE;
  text = g_bytes_get_data (bytes, &n);
  if (!adapter_config_parse (
          &adapter->config, text ? text : "", n, path, error))
    return FALSE;
  if (adapter->config.swapped)
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "%s: fan_in_fan_out is true, which has no meaning for this model's "
        "layers",
        path);
  return TRUE;
}

static gboolean
open_shard (Adapter *adapter, guint i, const char *name, GError **error)
{
  const Owl2Input *in = folder_open (adapter->folder, name, error);

  adapter->shards[i] = in ? shard_new (in, error) : NULL;
  return adapter->shards[i] != NULL;
}

/* safetensors go first, as in PEFT. */
static gboolean
open_weights (Adapter *adapter, const Owl2Log *log, GError **error)
{
  static const char *const forms[] = { "adapter_model.safetensors",
    "adapter_model.bin" };
  static const char whole[] = "non_lora_trainables.bin";
  const char *dir = folder_path (adapter->folder);
  guint i = 0;

  while (i < G_N_ELEMENTS (forms) && !folder_has (adapter->folder, forms[i]))
    i++;
  if (i == G_N_ELEMENTS (forms))
    return convert_bad (dir, error,
        "no weights of an adapter: neither adapter_model.safetensors nor "
        "adapter_model.bin");
  if (!open_shard (adapter, 0, forms[i], error))
    return FALSE;
  if (folder_has (adapter->folder, whole))
    return open_shard (adapter, 1, whole, error);
  if (folder_has (adapter->folder, "config.json"))
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "%s has a config.json, but no %s; such adapters are published with one",
        dir, whole);
  return TRUE;
}

static Adapter *
adapter_open (const char *dir, const Owl2Log *log, GError **error)
{
  Adapter *adapter = g_new0 (Adapter, 1);

  if ((adapter->folder = folder_new_adapter (dir, error))
      && read_config (adapter, log, error)
      && open_weights (adapter, log, error))
    return adapter;
  adapter_free (adapter);
  return NULL;
}

Adapters *
adapters_open (const char *const *dirs, const Owl2Log *log, GError **error)
{
  Adapters *adapters = g_new0 (Adapters, 1);

  adapters->list = g_ptr_array_new_with_free_func (adapter_free);
  adapters->whole = g_hash_table_new (g_str_hash, g_str_equal);
  adapters->changes = g_hash_table_new_full (
      g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_array_unref);
  for (; dirs && *dirs; dirs++) {
    Adapter *adapter = adapter_open (*dirs, log, error);

    if (!adapter) {
      adapters_free (adapters);
      return NULL;
    }
    g_ptr_array_add (adapters->list, adapter);
  }
  return adapters;
}

void
adapters_free (Adapters *adapters)
{
  if (!adapters)
    return;
  g_hash_table_unref (adapters->changes);
  g_hash_table_unref (adapters->whole);
  g_ptr_array_unref (adapters->list);
  g_free (adapters);
}

gboolean
adapters_check_apart (const Adapters *adapters, const char *out, GError **error)
{
  for (guint i = 0; i < adapters->list->len; i++) {
    const Adapter *adapter = g_ptr_array_index (adapters->list, i);

    if (!folder_check_apart (adapter->folder, out, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
adapters_check (const Adapters *adapters, GError **error)
{
  for (guint i = 0; i < adapters->list->len; i++) {
    const Adapter *adapter = g_ptr_array_index (adapters->list, i);

    if (!folder_check (adapter->folder, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
adapters_configure (
    const Adapters *adapters, HfConfig *hf, const Owl2Log *log, GError **error)
{
  for (guint i = 0; i < adapters->list->len; i++) {
    const Adapter *adapter = g_ptr_array_index (adapters->list, i);

    if (!hfconfig_load_adapter (hf, adapter->folder, log, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- places ----------------------------------------------------------- */

/* The tensor of the model that a name stands for, whatever wrappers of modules
 * there were when it was saved: "base_model.model.lm_head.weight". */
static const Owl2TensorSpec *
find_spec (const Matching *m, const char *name)
{
  static const char *const prefixes[] = { "", "model.", "base_model.",
    "base_model.model." };

  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++) {
    const Owl2TensorSpec *spec = NULL;

    if (g_str_has_prefix (name, prefixes[i]))
      spec = g_hash_table_lookup (m->specs, name + strlen (prefixes[i]));
    if (spec)
      return spec;
  }
  return NULL;
}

/* The name without what PEFT puts between a module and its weights. */
static const Owl2TensorSpec *
find_whole (const Matching *m, const char *name)
{
  static const char *const wrappers[] = { ".modules_to_save.default",
    ".modules_to_save", ".base_layer" };

  for (guint i = 0; i < G_N_ELEMENTS (wrappers); i++) {
    const char *at = strstr (name, wrappers[i]);

    if (at && at[strlen (wrappers[i])] == '.') {
      g_autofree char *plain = g_strdup_printf (
          "%.*s%s", (int) (at - name), name, at + strlen (wrappers[i]));

      return find_spec (m, plain);
    }
  }
  return find_spec (m, name);
}

static gboolean
no_place (const Matching *m, const ShardTensor *t)
{
  return convert_bad (shard_path (t->shard), m->error,
      "tensor '%s' has no place in the model", t->name);
}

static gboolean
match_whole (Matching *m, const ShardTensor *t)
{
  const Owl2TensorSpec *spec = find_whole (m, t->name);
  const ShardTensor *other;

  if (!spec)
    return no_place (m, t);
  other = g_hash_table_lookup (m->whole, spec->source);
  if (other)
    return convert_bad (shard_path (t->shard), m->error,
        "tensor '%s' is '%s', as is '%s' of %s", t->name, spec->source,
        other->name, shard_path (other->shard));
  g_hash_table_insert (m->whole, (gpointer) spec->source, (gpointer) t);
  return TRUE;
}

/* One of the two factors; @at: of ".lora_" in the name. */
static gboolean
match_factor (Matching *m, const ShardTensor *t, const char *at)
{
  g_autofree char *name =
      g_strdup_printf ("%.*s.weight", (int) (at - t->name), t->name);
  const char *rest = at + strlen (".lora_A");
  gboolean is_a = g_str_has_prefix (at, ".lora_A.");
  const Owl2TensorSpec *spec = find_spec (m, name);
  const ShardTensor **slot;
  LowRank *pair;

  if ((!is_a && !g_str_has_prefix (at, ".lora_B."))
      || (strcmp (rest, ".weight") != 0
          && strcmp (rest, ".default.weight") != 0))
    return convert_bad (shard_path (t->shard), m->error,
        "tensor '%s' is more than lora_A and lora_B of a linear layer, and "
        "can't be merged here (peft: merge_and_unload can, maybe)",
        t->name);
  if (!spec)
    return no_place (m, t);
  pair = g_hash_table_lookup (m->pairs, spec->source);
  if (!pair) {
    pair = g_new0 (LowRank, 1);
    g_hash_table_insert (m->pairs, (gpointer) spec->source, pair);
  }
  slot = is_a ? &pair->a : &pair->b;
  if (*slot)
    return convert_bad (shard_path (t->shard), m->error,
        "tensor '%s' is '%s' of %s once more", t->name, (*slot)->name,
        shard_path ((*slot)->shard));
  *slot = t;
  return TRUE;
}

static gboolean
match_tensor (Matching *m, const ShardTensor *t)
{
  const char *at = strstr (t->name, ".lora_");

  if (!family_check_tensor (t, m->error))
    return FALSE;
  if (t->type == SHARD_OTHER)
    return convert_bad (shard_path (t->shard), m->error,
        "tensor '%s' is %s; fp32, fp16 and bf16 are supported", t->name,
        t->type_name);
  if (at)
    return match_factor (m, t, at);
  /* rope_theta decides, as in checkpoints. */
  return g_str_has_suffix (t->name, ".rotary_emb.inv_freq")
         || match_whole (m, t);
}

/* ---- pairs ------------------------------------------------------------ */

static gboolean
check_shape (const Matching *m, const ShardTensor *t, guint64 rows,
    guint64 cols, const Owl2TensorSpec *spec)
{
  g_autofree char *have = shard_shape_text (t->n_dims, t->dims);
  g_autofree char *want = shard_shape_text (2, (guint64[]){ rows, cols });
  g_autofree char *base =
      shard_shape_text (spec->n_source_dims, spec->source_dims);

  return strcmp (have, want) == 0
         || convert_bad (shard_path (t->shard), m->error,
             "tensor '%s' is %s, must be %s: by adapter_config.json and as "
             "'%s' is %s",
             t->name, have, want, spec->source, base);
}

static gboolean
check_pair (const Matching *m, LowRank *pair, const Owl2TensorSpec *spec)
{
  const ShardTensor *one = pair->a ? pair->a : pair->b;
  const char *path = shard_path (one->shard);
  g_autofree char *module =
      g_strndup (spec->source, strlen (spec->source) - strlen (".weight"));

  pair->rank = adapter_config_scale (&m->adapter->config, module, &pair->scale);
  if (!pair->a || !pair->b)
    return convert_bad (path, m->error, "tensor '%s' has no lora_%c beside it",
        one->name, pair->a ? 'B' : 'A');
  if (spec->n_source_dims != 2)
    return convert_bad (path, m->error,
        "tensor '%s' is of '%s', which is no linear layer; that can't be "
        "merged here (peft: merge_and_unload can)",
        one->name, spec->source);
  if (!adapter_config_targets (&m->adapter->config, module))
    return convert_bad (path, m->error,
        "tensor '%s' is of a module that target_modules of "
        "adapter_config.json does not name",
        one->name);
  if (pair->rank * (spec->rows + spec->cols) > MERGE_MAX_ELEMENTS)
    return convert_bad (path, m->error,
        "tensor '%s' is of rank %u, more than %" G_GUINT64_FORMAT
        " for a matrix of %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT,
        one->name, pair->rank, MERGE_MAX_ELEMENTS / (spec->rows + spec->cols),
        spec->rows, spec->cols);
  return check_shape (m, pair->a, pair->rank, spec->cols, spec)
         && check_shape (m, pair->b, spec->rows, pair->rank, spec);
}

/* The pairs of one adapter go behind those before it. */
static gboolean
take_pairs (Matching *m)
{
  GHashTableIter iter;
  gpointer name, pair;

  g_hash_table_iter_init (&iter, m->pairs);
  while (g_hash_table_iter_next (&iter, &name, &pair)) {
    GArray *changes = g_hash_table_lookup (m->all->changes, name);

    if (!check_pair (m, pair, g_hash_table_lookup (m->specs, name)))
      return FALSE;
    if (!changes) {
      changes = g_array_new (FALSE, FALSE, sizeof (LowRank));
      g_hash_table_insert (m->all->changes, name, changes);
    }
    g_array_append_vals (changes, pair, 1);
  }
  return TRUE;
}

/* Whole tensors stand for all that was before. */
static void
take_whole (Matching *m, const Owl2Log *log)
{
  GHashTableIter iter;
  gpointer name, t;
  guint n_before = 0;

  g_hash_table_iter_init (&iter, m->whole);
  while (g_hash_table_iter_next (&iter, &name, &t)) {
    n_before += g_hash_table_remove (m->all->changes, name)
                || g_hash_table_contains (m->all->whole, name);
    g_hash_table_insert (m->all->whole, name, t);
  }
  if (n_before > 0)
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "%s: %u of its whole tensors take the place of what adapters before it "
        "made",
        folder_path (m->adapter->folder), n_before);
}

static gboolean
check_tied (const Matching *m, gboolean tied)
{
  static const char *const names[] = { "model.embed_tokens.weight",
    "lm_head.weight" };

  for (guint i = 0; tied && i < G_N_ELEMENTS (names); i++)
    if (g_hash_table_contains (m->whole, names[i])
        || g_hash_table_contains (m->pairs, names[i]))
      return convert_bad (folder_path (m->adapter->folder), m->error,
          "changes '%s', which is not supported where tie_word_embeddings is "
          "true",
          names[i]);
  return TRUE;
}

static gboolean
match_adapter (Matching *m, gboolean tied, const Owl2Log *log)
{
  const char *dir = folder_path (m->adapter->folder);
  const char *base = m->adapter->config.base;
  g_autofree char *safe =
      convert_quote (base ? base : "unknown", base ? strlen (base) : 7);

  for (guint i = 0; i < G_N_ELEMENTS (m->adapter->shards); i++) {
    const Shard *shard = m->adapter->shards[i];

    for (guint k = 0; shard && k < shard_n_tensors (shard); k++)
      if (!match_tensor (m, shard_tensor_at (shard, k)))
        return FALSE;
  }
  if (g_hash_table_size (m->pairs) + g_hash_table_size (m->whole) == 0)
    return convert_bad (dir, m->error, "an adapter without tensors");
  if (!check_tied (m, tied))
    return FALSE;
  take_whole (m, log);
  if (!take_pairs (m))
    return FALSE;
  owl2_log (log, OWL2_LOG_INFO, "convert",
      "%s: %u matrices changed and %u tensors replaced; it is made for '%s'",
      dir, g_hash_table_size (m->pairs), g_hash_table_size (m->whole), safe);
  return TRUE;
}

gboolean
adapters_match (Adapters *adapters, const GArray *specs, gboolean tied,
    const Owl2Log *log, GError **error)
{
  g_autoptr (GHashTable) by_name = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < specs->len; i++) {
    Owl2TensorSpec *spec = &g_array_index (specs, Owl2TensorSpec, i);

    g_hash_table_insert (by_name, spec->source, spec);
  }
  for (guint i = 0; i < adapters->list->len; i++) {
    g_autoptr (GHashTable) whole = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GHashTable) pairs =
        g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
    Matching m = { adapters, g_ptr_array_index (adapters->list, i), by_name,
      whole, pairs, error };

    if (!match_adapter (&m, tied, log))
      return FALSE;
  }
  return TRUE;
}

const ShardTensor *
adapters_replacement (const Adapters *adapters, const char *name)
{
  return g_hash_table_lookup (adapters->whole, name);
}

const GArray *
adapters_changes (const Adapters *adapters, const char *name)
{
  return g_hash_table_lookup (adapters->changes, name);
}
