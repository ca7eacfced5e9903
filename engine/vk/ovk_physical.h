/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices that there are, before one is opened. */
#ifndef OVK_PHYSICAL_H
#define OVK_PHYSICAL_H

#include "ovk.h"

G_BEGIN_DECLS

/* A physical device, and why it can't be used. */
typedef struct {
  VkPhysicalDevice handle;
  OvkCaps caps;
  VkPhysicalDeviceLimits limits;
  guint queue_family;
  guint timestamp_bits;
  const char *lacks; /* (nullable) constant; NULL: usable */
} OvkCandidate;

const char *ovk_type_name (VkPhysicalDeviceType type);
/* @debug_utils: (out): names and labels can be given. */
gboolean ovk_instance_new (
    VkInstance *instance, gboolean *debug_utils, GError **error);
/* (transfer full): GArray of OvkCandidate, in the loader's order. */
GArray *ovk_candidates_find (VkInstance instance, GError **error);
/* (transfer container): those of @found that fit @wanted, the best first.
 * Never empty on success. */
GPtrArray *ovk_candidates_choose (
    const GArray *found, const char *wanted, GError **error);

G_END_DECLS

#endif
