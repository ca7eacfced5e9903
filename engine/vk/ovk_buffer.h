/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers, each with its memory. */
#ifndef OVK_BUFFER_H
#define OVK_BUFFER_H

#include "ovk_heap.h"

G_BEGIN_DECLS

struct _OvkBuffer {
  OvkLastUse last_use; /* first, so that sets of buffers are sets of these */
  OvkHeap *heap;       /* borrowed */
  VkBuffer handle;
  VkDeviceMemory memory;
  gsize size; /* bytes */
  gsize used; /* bytes, by the arena */
  OvkCharge charge;
  guint type; /* memory type */
  gboolean mappable;
  GBytes *host; /* (nullable) reference: memory of the host, read only */
  guint8 *map;  /* (nullable) all of it, while it lives */
};

/* @mappable: the type is visible to the host, and the buffer is to be mapped.
 * Its contents are undefined. */
OvkBuffer *ovk_buffer_new (OvkHeap *heap, const char *name, gsize size_bytes,
    guint type, gboolean mappable, GError **error);
/* Waits until the device has finished with it; accepts NULL. */
void ovk_buffer_free (OvkBuffer *buffer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkBuffer, ovk_buffer_free)
guint64 ovk_buffer_last_use (OvkBuffer *buffer);
/* The host reads it at the speed of its own memory. */
gboolean ovk_buffer_is_cached (const OvkBuffer *buffer);
/* Brings what the host wrote to the device, or (@read) the reverse; there is
 * nothing to do for memory that is coherent. */
gboolean ovk_buffer_sync (
    OvkBuffer *buffer, gsize offset, gsize size, gboolean read, GError **error);

/* The buffers that a recording uses. */
typedef struct {
  GHashTable *buffers; /* set of OvkBuffer */
  OvkBuffer *last;     /* (nullable) newest */
  gboolean kept;       /* among the heap's */
  gboolean stale;      /* one of them was freed while it was kept */
} OvkTouched;

/* Notices from now on which of its buffers are freed, or no more. */
void ovk_touched_keep (OvkHeap *heap, OvkTouched *touched, gboolean keep);

G_END_DECLS

#endif
