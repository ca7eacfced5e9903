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
  gsize size;  /* bytes */
  gsize spare; /* bytes behind these */
  gsize used; /* bytes, by the arena */
  OvkCharge charge;
  guint type; /* memory type */
  gboolean mappable;
  GBytes *host; /* (nullable) reference: memory of the host, read only */
  guint8 *map;  /* (nullable) all of it, while it lives */
  GHashTable *views; /* (nullable) VkBufferView by offset; under heap->lock */
};

/* @mappable: the type is visible to the host, and the buffer is to be mapped.
 * Its contents are undefined. */
OvkBuffer *ovk_buffer_new (OvkHeap *heap, const char *name, gsize size_bytes,
    guint type, gboolean mappable, GError **error);
/* Waits until the device has finished with it; accepts NULL. */
void ovk_buffer_free (OvkBuffer *buffer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkBuffer, ovk_buffer_free)
guint64 ovk_buffer_last_use (OvkBuffer *buffer);
/* Texels from @offset on, a multiple of their size, at least as far as a
 * binding could reach; as long as the buffer lives. @view: only set on success.
 * llvmpipe before Mesa 23 compiles a pipeline anew, which takes a tenth of a
 * second, for buffers whose size is a power of two and for texels whose size in
 * bytes has zeros in bits 8 to 15, which it takes for a number of levels. What
 * the buffer has to spare keeps all of them of one kind. */
VkResult ovk_buffer_texels (
    OvkBuffer *buffer, gsize offset, VkBufferView *view);
/* That they take, of what may be read of them. */
gsize ovk_buffer_texel_bytes (const OvkBuffer *buffer, gsize offset);
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
