/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory of a device: which kinds there are, and the books of what is
 * allocated. */
#ifndef OVK_HEAP_H
#define OVK_HEAP_H

#include "ovk_queue.h"

G_BEGIN_DECLS

typedef struct {
  OvkGpu *gpu;     /* borrowed, as the next */
  OvkQueue *queue; /* what uses the memory */
  VkPhysicalDeviceMemoryProperties memory;
  guint type_device; /* memory types, see ovk_heap_open() */
  guint type_upload;
  guint type_readback;

  GMutex lock; /* of the next two */
  guint64 allocated;
  guint n_allocations;

  GMutex kept_lock; /* of the next one, and of what is in it */
  GPtrArray *kept;  /* OvkTouched, borrowed, that outlive their submission */
} OvkHeap;

void ovk_heap_init (OvkHeap *heap, OvkGpu *gpu, OvkQueue *queue);
/* Picks the memory types for buffers, and sets caps.unified_memory. */
gboolean ovk_heap_open (OvkHeap *heap, gboolean no_unified, GError **error);
void ovk_heap_clear (OvkHeap *heap);

/* The memory type among @bits on heap @index (-1: any) with all of @needed,
 * most of @liked and least of @disliked; -1 if there is none. */
int ovk_heap_pick_type (const OvkHeap *heap, guint32 bits, int index,
    VkMemoryPropertyFlags needed, VkMemoryPropertyFlags liked,
    VkMemoryPropertyFlags disliked);
VkMemoryPropertyFlags ovk_heap_type_flags (const OvkHeap *heap, guint type);
/* A buffer without memory, for storage and transfers. */
gboolean ovk_heap_create_handle (
    OvkHeap *heap, gsize size_bytes, VkBuffer *handle, GError **error);

guint64 ovk_heap_allocated_bytes (OvkHeap *heap);
guint64 ovk_heap_free_bytes (OvkHeap *heap);

/* What was entered into the books for one allocation. */
typedef struct {
  gsize bytes;
  gboolean counted;
} OvkCharge;

/* Enters an allocation of @bytes of memory type @type; NO_MEMORY if there are
 * not as many, or too many allocations. */
gboolean ovk_heap_charge (OvkHeap *heap, OvkCharge *charge, guint type,
    const char *name, gsize bytes, GError **error);
void ovk_heap_discharge (OvkHeap *heap, const OvkCharge *charge);
/* Errors of allocations, FALSE. @why: what follows the numbers. */
gboolean ovk_heap_no_memory (OvkHeap *heap, const char *name,
    guint64 size_bytes, const char *why, GError **error);
gboolean ovk_heap_too_large (
    OvkHeap *heap, const char *name, guint64 size_bytes, GError **error);

G_END_DECLS

#endif
