/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"
#include "family.h"
#include "files.h"

#include <string.h>

#define MAX_NAMED 3u              /* tensors in a line about many */
#define TIED_CHUNK (256u * 1024u) /* elements compared at once */

static gboolean
check_source (const ShardTensor *t, const Owl2TensorSpec *spec, GError **error)
{
  g_autofree char *have = shard_shape_text (t->n_dims, t->dims);
  g_autofree char *want =
      shard_shape_text (spec->n_source_dims, spec->source_dims);

  if (t->type == SHARD_OTHER)
    return convert_bad (shard_path (t->shard), error,
        "tensor '%s' is %s; fp32, fp16 and bf16 are supported", t->name,
        t->type_name);
  if (strcmp (have, want) != 0)
    return convert_bad (shard_path (t->shard), error,
        "tensor '%s' is %s, the configuration asks for %s", t->name, have,
        want);
  return TRUE;
}

/* The tensor of the checkpoint, or that which stands for it. */
static const ShardTensor *
find_source (const PlanSource *from, const Owl2TensorSpec *spec)
{
  const ShardTensor *t = adapters_replacement (from->adapters, spec->source);

  if (!t)
    t = checkpoint_find (from->checkpoint, spec->source);
  if (!t && from->hf->tied && strcmp (spec->name, "output.weight") == 0)
    t = checkpoint_find (from->checkpoint, "model.embed_tokens.weight");
  return t;
}

/* ---- what is not used ------------------------------------------------- */

/* Layers behind the last that the configuration has: a wrong number there, and
 * another model than the one that was trained. */
static gboolean
check_layer (const PlanSource *from, const ShardTensor *t, GError **error)
{
  const Owl2Config *config = &from->hf->config;
  const struct {
    const char *prefix;
    guint n_layers;
  } stacks[] = {
    { "model.layers.", config->decoder.n_layers },
    { "model.vision_model.encoder.layers.", config->vision.n_layers },
    { "model.visual_abstractor.encoder.layers.", config->abstractor.n_layers },
  };

  for (guint i = 0; i < G_N_ELEMENTS (stacks); i++)
    if (g_str_has_prefix (t->name, stacks[i].prefix)) {
      const char *number = t->name + strlen (stacks[i].prefix);

      if (g_ascii_isdigit (*number)
          && g_ascii_strtoull (number, NULL, 10) >= stacks[i].n_layers)
        return convert_bad (shard_path (t->shard), error,
            "tensor '%s' is of a layer behind the %u that num_hidden_layers of "
            "config.json says there are",
            t->name, stacks[i].n_layers);
    }
  return TRUE;
}

/* What would be left out and changes the answers. */
static gboolean
check_unused (const PlanSource *from, const ShardTensor *t, GHashTable *used,
    GError **error)
{
  if (strstr (t->name, ".lora_"))
    return convert_bad (shard_path (t->shard), error,
        "tensor '%s' is of a LoRA adapter, which is not merged into the "
        "weights; in a folder of its own it could be, with --lora",
        t->name);
  if (g_str_has_suffix (t->name, ".bias")) {
    g_autofree char *weight = g_strdup_printf (
        "%.*sweight", (int) (strlen (t->name) - strlen ("bias")), t->name);

    if (g_hash_table_contains (used, weight))
      return convert_bad (shard_path (t->shard), error,
          "tensor '%s' has no place in the model: '%s' has no bias there",
          t->name, weight);
  }
  return check_layer (from, t, error);
}

static gboolean
check_family (const PlanSource *from, GError **error)
{
  g_autoptr (GPtrArray) all = checkpoint_tensors (from->checkpoint);

  for (guint i = 0; i < all->len; i++)
    if (!family_check_tensor (g_ptr_array_index (all, i), error))
      return FALSE;
  return TRUE;
}

/* Says what of the checkpoint is not used. */
static gboolean
report_unused (const PlanSource *from, const GArray *specs, GError **error)
{
  g_autoptr (GHashTable) used = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) all = checkpoint_tensors (from->checkpoint);
  guint n_ignored = 0;

  for (guint i = 0; i < specs->len; i++)
    g_hash_table_add (used, g_array_index (specs, Owl2TensorSpec, i).source);
  for (guint i = 0; i < all->len; i++) {
    const ShardTensor *t = g_ptr_array_index (all, i);

    if (g_hash_table_contains (used, t->name))
      continue;
    if (!check_unused (from, t, used, error))
      return FALSE;
    /* The published code computes its rotation table from rope_theta before
     * it reads any file. */
    if (g_str_has_suffix (t->name, ".rotary_emb.inv_freq"))
      n_ignored++;
    else
      owl2_log (from->log, OWL2_LOG_WARNING, "convert",
          "%s: tensor '%s' is unknown and left out", shard_path (t->shard),
          t->name);
  }
  if (n_ignored > 0)
    owl2_log (from->log, OWL2_LOG_INFO, "convert",
        "%u stored rotary_emb.inv_freq left out: rope_theta decides",
        n_ignored);
  return TRUE;
}

/* Where both are there and said to be one, which of them the published code
 * ends up with depends on the order of the files. */
static gboolean
check_tied (const PlanSource *from, GError **error)
{
  const ShardTensor *a =
      checkpoint_find (from->checkpoint, "model.embed_tokens.weight");
  const ShardTensor *b = checkpoint_find (from->checkpoint, "lm_head.weight");
  g_autofree guint8 *left = NULL, *right = NULL;
  guint64 at = 0;

  if (!from->hf->tied || !a || !b || (a->shard == b->shard && a->at == b->at))
    return TRUE;
  left = g_malloc (TIED_CHUNK * sizeof (float));
  right = g_malloc (TIED_CHUNK * sizeof (float));
  while (a->type == b->type && a->type != SHARD_OTHER
         && a->n_elements == b->n_elements && at < a->n_elements) {
    gsize n = (gsize) MIN (a->n_elements - at, TIED_CHUNK);

    if (!shard_tensor_read (a, at, n, left, error)
        || !shard_tensor_read (b, at, n, right, error))
      return FALSE;
    if (memcmp (left, right, n * shard_type_bytes (a->type)) != 0)
      break;
    at += n;
  }
  return at == a->n_elements
         || convert_bad (from->dir, error,
             "tie_word_embeddings is true, but tensors '%s' and '%s' differ",
             a->name, b->name);
}

static void
clear_plan (gpointer data)
{
  Plan *plan = data;

  merge_free (plan->merge);
}

GArray *
plan_new (const PlanSource *from, const GArray *specs, GError **error)
{
  g_autoptr (GArray) plans = g_array_new (FALSE, FALSE, sizeof (Plan));
  const char *missing = NULL;
  guint n_missing = 0;

  g_array_set_clear_func (plans, clear_plan);
  if (!check_family (from, error))
    return NULL;
  for (guint i = 0; i < specs->len; i++) {
    const Owl2TensorSpec *spec = &g_array_index (specs, Owl2TensorSpec, i);
    Plan plan = { .spec = spec,
      .source = find_source (from, spec),
      .changes = adapters_changes (from->adapters, spec->source) };

    if (!plan.source && !spec->computable) {
      missing = missing ? missing : spec->source;
      n_missing++;
    }
    if (plan.source && !check_source (plan.source, spec, error))
      return NULL;
    g_array_append_val (plans, plan);
  }
  if (n_missing > 1)
    convert_bad (from->dir, error,
        "tensor '%s' and %u more are missing in the weights", missing,
        n_missing - 1);
  else if (n_missing == 1)
    convert_bad (
        from->dir, error, "tensor '%s' is missing in the weights", missing);
  if (n_missing > 0)
    return NULL;
  if (!report_unused (from, specs, error) || !check_tied (from, error))
    return NULL;
  return g_steal_pointer (&plans);
}

/* ---- types ------------------------------------------------------------ */

/* The first few names of @named, and how many there are beside. */
static char *
list_names (const GPtrArray *named)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < MIN (named->len, MAX_NAMED); i++) {
    const Owl2TensorSpec *spec = g_ptr_array_index (named, i);

    g_string_append_printf (out, "%s'%s' [%" G_GUINT64_FORMAT "]",
        i > 0 ? ", " : "", spec->name, spec->cols);
  }
  if (named->len > MAX_NAMED)
    g_string_append_printf (out, " and %u more", named->len - MAX_NAMED);
  return g_string_free (out, FALSE);
}

/* One line for all that suit @suited in a file of @wish and are of @type: they
 * suffer too much from @wish, or their rows made them so. */
static void
report_types (const GArray *plans, Owl2Type wish, Owl2Type suited,
    Owl2Type type, const Owl2Log *log)
{
  g_autoptr (GPtrArray) named = g_ptr_array_new ();
  g_autofree char *names = NULL;

  for (guint i = 0; i < plans->len; i++) {
    const Plan *plan = &g_array_index (plans, Plan, i);

    if (plan->type == type
        && owl2_config_suited_type (plan->spec, wish) == suited)
      g_ptr_array_add (named, (gpointer) plan->spec);
  }
  if (named->len == 0 || type == wish)
    return;
  names = list_names (named);
  if (type == suited)
    owl2_log (log, OWL2_LOG_INFO, "convert",
        "%u tensor%s written as %s, since %s costs them most: %s", named->len,
        named->len == 1 ? "" : "s", owl2_type_name (type),
        owl2_type_name (wish), names);
  else
    owl2_log (log, OWL2_LOG_INFO, "convert",
        "%u tensor%s written as %s, since %s takes rows of a multiple of %u: "
        "%s",
        named->len, named->len == 1 ? "" : "s", owl2_type_name (type),
        owl2_type_name (suited), owl2_type_block (suited), names);
}

void
plan_choose_types (GArray *plans, Owl2Type wish, const Owl2Log *log)
{
  for (guint i = 0; i < plans->len; i++) {
    Plan *plan = &g_array_index (plans, Plan, i);

    plan->type = owl2_config_tensor_type (plan->spec, wish);
  }
  /* Types of blocks, each with what may stand in its place. */
  for (guint i = owl2_n_types (); i-- > 0;) {
    const Owl2TypeInfo *suited = owl2_type_at (i);

    for (const Owl2TypeInfo *type = suited; suited->block > 1;
         type = owl2_type_info (type->better)) {
      report_types (plans, wish, suited->type, type->type, log);
      if (type->block == 1)
        break;
    }
  }
}
