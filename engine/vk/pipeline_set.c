/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipelines that will be wanted. */
#include "ovk_pipelines.h"

#include <string.h>

/* @what is of what wanted it first. */
typedef struct {
  OvkPipeline key; /* without a handle; first, as it is what is looked up */
  guint64 what[OVK_MAX_WHAT / 8];
  gboolean has_what;
} Wanted;

struct _OvkPipelineSet {
  GHashTable *wanted; /* set of Wanted */
};

OvkPipelineSet *
ovk_pipeline_set_new (void)
{
  OvkPipelineSet *set = g_new0 (OvkPipelineSet, 1);

  set->wanted = g_hash_table_new_full (
      ovk_pipeline_hash, ovk_pipeline_equal, g_free, NULL);
  return set;
}

void
ovk_pipeline_set_free (OvkPipelineSet *set)
{
  if (!set)
    return;
  g_hash_table_unref (set->wanted);
  g_free (set);
}

static OvkPipeline
key_of (const OvkShader *shader, const guint32 *spec, guint n_spec)
{
  OvkPipeline key = { .shader = shader, .n_spec = n_spec };

  if (n_spec)
    memcpy (key.spec, spec, n_spec * sizeof (guint32));
  return key;
}

void
ovk_pipeline_set_add (OvkPipelineSet *set, const OvkShader *shader,
    const guint32 *spec, guint n_spec, const void *what, gsize what_bytes)
{
  Wanted *wanted;

  g_return_if_fail (n_spec <= OVK_MAX_SPEC && what_bytes <= OVK_MAX_WHAT);
  if (ovk_pipeline_set_has (set, shader, spec, n_spec))
    return;
  wanted = g_new0 (Wanted, 1);
  wanted->key = key_of (shader, spec, n_spec);
  wanted->has_what = what != NULL;
  if (what)
    memcpy (wanted->what, what, what_bytes);
  g_hash_table_add (set->wanted, wanted);
}

gboolean
ovk_pipeline_set_has (const OvkPipelineSet *set, const OvkShader *shader,
    const guint32 *spec, guint n_spec)
{
  OvkPipeline key;

  g_return_val_if_fail (n_spec <= OVK_MAX_SPEC, FALSE);
  key = key_of (shader, spec, n_spec);
  return g_hash_table_contains (set->wanted, &key);
}

void
ovk_pipeline_set_foreach (
    const OvkPipelineSet *set, OvkPipelineFunc func, gpointer user_data)
{
  GHashTableIter iter;
  gpointer item;

  g_hash_table_iter_init (&iter, set->wanted);
  while (g_hash_table_iter_next (&iter, &item, NULL)) {
    const Wanted *w = item;

    func (w->key.shader, w->key.spec, w->key.n_spec,
        w->has_what ? w->what : NULL, user_data);
  }
}

guint
ovk_pipeline_set_size (const OvkPipelineSet *set)
{
  return g_hash_table_size (set->wanted);
}

GPtrArray *
ovk_pipeline_set_list (const OvkPipelineSet *set)
{
  GPtrArray *list = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, set->wanted);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (list, key);
  return list;
}
