/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which commands depend on earlier ones. */
#ifndef OVK_HAZARDS_H
#define OVK_HAZARDS_H

#include "ovk.h"

G_BEGIN_DECLS

/* What a command does to memory. */
typedef enum {
  OVK_USE_SHADER_READ = 1,
  OVK_USE_SHADER_WRITE = 2,
  OVK_USE_TRANSFER_READ = 4,
  OVK_USE_TRANSFER_WRITE = 8,
  OVK_USE_WRITES = OVK_USE_SHADER_WRITE | OVK_USE_TRANSFER_WRITE,
} OvkHow;

typedef struct {
  OvkBuffer *buffer;
  gsize begin, end; /* bytes */
  guint how;        /* OvkHow, or-ed */
} OvkUse;

/* A barrier in every so many commands costs nothing, and it bounds the
 * search. */
#define OVK_MAX_USES 128

/**
 * OvkHazards: the accesses since the last barrier of a command buffer. A
 * barrier separates all before from all after, so the list starts anew.
 */
typedef struct {
  OvkUse uses[OVK_MAX_USES];
  guint n_uses;
  guint how; /* of all */
} OvkHazards;

/* Nothing has been done yet: also after the semaphore between submissions. */
void ovk_hazards_reset (OvkHazards *hazards);
gboolean ovk_use_conflicts (const OvkUse *a, const OvkUse *b);
/* To be called before the command that does @uses: records a barrier into
 * @buffer if that depends on what was done since the last one. */
void ovk_hazards_order (OvkHazards *hazards, VkCommandBuffer buffer,
    const OvkUse *uses, guint n_uses);

G_END_DECLS

#endif
