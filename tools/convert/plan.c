/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan.h"
#include "files.h"

#include <string.h>

#define MAX_NAMED 3u /* tensors in a line about many */

static char *
shape_text (guint n_dims, const guint64 *dims)
{
  GString *out = g_string_new ("[");

  for (guint d = 0; d < n_dims; d++)
    g_string_append_printf (
        out, "%s%" G_GUINT64_FORMAT, d ? ", " : "", dims[d]);
  g_string_append_c (out, ']');
  return g_string_free (out, FALSE);
}

static gboolean
check_source (const ShardTensor *t, const Owl2TensorSpec *spec, GError **error)
{
  g_autofree char *have = shape_text (t->n_dims, t->dims);
  g_autofree char *want = shape_text (spec->n_source_dims, spec->source_dims);

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
  const ShardTensor *t = checkpoint_find (from->checkpoint, spec->source);

  if (!t && from->hf->tied && strcmp (spec->name, "output.weight") == 0)
    t = checkpoint_find (from->checkpoint, "model.embed_tokens.weight");
  return t;
}

/* Says what of the checkpoint is not used. */
static void
report_unused (const PlanSource *from, const GArray *specs)
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
}

GArray *
plan_new (const PlanSource *from, const GArray *specs, GError **error)
{
  g_autoptr (GArray) plans = g_array_new (FALSE, FALSE, sizeof (Plan));
  const char *missing = NULL;
  guint n_missing = 0;

  for (guint i = 0; i < specs->len; i++) {
    const Owl2TensorSpec *spec = &g_array_index (specs, Owl2TensorSpec, i);
    Plan plan = { .spec = spec, .source = find_source (from, spec) };

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
  report_unused (from, specs);
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
  static const Owl2Type quantised[] = { OWL2_TYPE_Q4_K, OWL2_TYPE_Q8_0 };
  static const Owl2Type types[] = { OWL2_TYPE_Q8_0, OWL2_TYPE_F16 };

  for (guint i = 0; i < plans->len; i++) {
    Plan *plan = &g_array_index (plans, Plan, i);

    plan->type = owl2_config_tensor_type (plan->spec, wish);
  }
  for (guint i = 0; i < G_N_ELEMENTS (quantised); i++)
    for (guint j = 0; j < G_N_ELEMENTS (types); j++)
      report_types (plans, wish, quantised[i], types[j], log);
}
