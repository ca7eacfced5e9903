/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipelines that will be wanted. */
#include "ovk_pipelines.h"

#include <string.h>

struct _OvkPipelineSet {
  GHashTable *wanted; /* set of OvkPipeline without handles */
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

void
ovk_pipeline_set_add (OvkPipelineSet *set, const OvkShader *shader,
    const guint32 *spec, guint n_spec)
{
  OvkPipeline key = { .shader = shader, .n_spec = n_spec };

  g_return_if_fail (n_spec <= OVK_MAX_SPEC);
  if (n_spec)
    memcpy (key.spec, spec, n_spec * sizeof (guint32));
  if (!g_hash_table_contains (set->wanted, &key))
    g_hash_table_add (set->wanted, g_memdup2 (&key, sizeof (key)));
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
