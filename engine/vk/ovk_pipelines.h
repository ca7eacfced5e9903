/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pipelines of a device, their layouts, and the driver's cache of them. */
#ifndef OVK_PIPELINES_H
#define OVK_PIPELINES_H

#include "ovk_gpu.h"

G_BEGIN_DECLS

struct _OvkPipeline {
  const OvkShader *shader; /* key, with the two below */
  guint n_spec;
  guint32 spec[OVK_MAX_SPEC];

  VkPipeline handle;       /* NULL while some thread makes it */
  VkPipelineLayout layout; /* borrowed from the device, as the next */
  VkDescriptorSetLayout set_layout;
  gint verified; /* atomic: it may be used */
};

typedef struct {
  OvkGpu *gpu; /* borrowed */
  GMutex lock; /* of all below, except the cache itself */
  GCond made;
  GHashTable *known; /* set of OvkPipeline */
  VkDescriptorSetLayout set_layouts[OVK_MAX_BINDINGS + 1][OVK_MAX_TEXELS + 1];
  VkPipelineLayout layouts[OVK_MAX_BINDINGS + 1][OVK_MAX_TEXELS + 1]
                          [OVK_MAX_PUSH_BYTES / 4 + 1];
  VkPipelineCache cache;
  char *cache_path; /* (nullable) */
  guint64 shaders_hash;
  gsize cache_saved_bytes; /* size of what the file holds */
  gboolean cache_grown;    /* pipelines were made since it was written */
  gboolean cache_failed;   /* it could not be written, which was said */
} OvkPipelines;

void ovk_pipelines_init (OvkPipelines *ps, OvkGpu *gpu);
gboolean ovk_pipelines_open (OvkPipelines *ps, const char *cache_dir,
    guint64 shaders_hash, GError **error);
void ovk_pipelines_close (OvkPipelines *ps); /* none is in use */
void ovk_pipelines_clear (OvkPipelines *ps);
/* As ovk_pipeline_get() and ovk_device_save_cache(). */
OvkPipeline *ovk_pipelines_get (OvkPipelines *ps, const OvkShader *shader,
    const guint32 *spec, guint n_spec, GError **error);
void ovk_pipelines_save_cache (OvkPipelines *ps);
gboolean ovk_pipelines_save_beside (OvkPipelines *ps, const char *suffix,
    const void *data, gsize size, GError **error);
GBytes *ovk_pipelines_load_beside (
    OvkPipelines *ps, const char *suffix, GError **error);

guint ovk_pipeline_hash (gconstpointer pipeline); /* of the key */
gboolean ovk_pipeline_equal (gconstpointer a, gconstpointer b);

/* @what: (nullable): as in OvkVerifyFunc; kept if the pipeline is new */
void ovk_pipeline_set_add (OvkPipelineSet *set, const OvkShader *shader,
    const guint32 *spec, guint n_spec, const void *what, gsize what_bytes);
/* (transfer container): its OvkPipeline, without handles, as long as it lives
 */
GPtrArray *ovk_pipeline_set_list (const OvkPipelineSet *set);

G_END_DECLS

#endif
