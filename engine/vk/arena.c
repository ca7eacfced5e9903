/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of device memory, and slices of them. */
#include "ovk_device.h"

#include <string.h>

struct _OvkArena {
  OvkDevice *dev; /* reference */
  char *name;
  gsize block_bytes;
  gsize align;       /* of slices, a power of two */
  gboolean counts;   /* only: takes nothing */
  guint type;        /* memory type of the blocks */
  gboolean mapped;   /* the host sees them */
  GMutex lock;       /* of the next two */
  GPtrArray *blocks; /* OvkBuffer, owned */
  guint64 bytes;
};

/* Contents of a new block: the host is faster where it has a cache over it. */
static gboolean
buffer_zero (OvkDevice *dev, OvkBuffer *buffer, GError **error)
{
  g_autoptr (OvkCmd) cmd = NULL;

  if (buffer->map && ovk_buffer_is_cached (buffer)) {
    memset (buffer->map, 0, buffer->size);
    return ovk_buffer_sync (buffer, 0, buffer->size, FALSE, error);
  }
  cmd = ovk_cmd_new (dev, "zeroing", error);
  if (!cmd)
    return FALSE;
  ovk_cmd_fill (cmd, (OvkSlice){ buffer, 0, buffer->size }, 0);
  return ovk_cmd_run (cmd, error);
}

OvkArena *
ovk_arena_new (OvkDevice *dev, const char *name, gsize block_bytes)
{
  OvkArena *arena = g_new0 (OvkArena, 1);

  arena->dev = ovk_device_ref (dev);
  arena->name = g_strdup (name);
  /* 256 suits every device's caches; drivers rarely ask for more. */
  arena->align = MAX (dev->gpu.caps.storage_align, 256);
  arena->type = dev->heap.type_device;
  arena->mapped = dev->gpu.caps.unified_memory;
  arena->block_bytes = MIN (block_bytes, dev->gpu.caps.max_allocation_bytes)
                       / arena->align * arena->align;
  arena->blocks =
      g_ptr_array_new_with_free_func ((GDestroyNotify) ovk_buffer_free);
  g_mutex_init (&arena->lock);
  return arena;
}

OvkArena *
ovk_arena_new_results (OvkDevice *dev, const char *name, gsize block_bytes)
{
  OvkArena *arena = ovk_arena_new (dev, name, block_bytes);

  arena->type = dev->heap.type_readback;
  arena->mapped = TRUE;
  return arena;
}

OvkArena *
ovk_arena_new_counting (OvkDevice *dev)
{
  OvkArena *arena = ovk_arena_new (dev, "counting", 0);

  arena->counts = TRUE;
  return arena;
}

void
ovk_arena_free (OvkArena *arena)
{
  if (!arena)
    return;
  g_ptr_array_unref (arena->blocks);
  g_mutex_clear (&arena->lock);
  ovk_device_unref (arena->dev);
  g_free (arena->name);
  g_free (arena);
}

static OvkBuffer *
arena_add_block (OvkArena *arena, gsize size_bytes, GError **error)
{
  g_autofree char *name =
      g_strdup_printf ("%s %u", arena->name, arena->blocks->len);
  g_autoptr (OvkBuffer) block = ovk_buffer_new (
      &arena->dev->heap, name, size_bytes, arena->type, arena->mapped, error);

  if (!block || !buffer_zero (arena->dev, block, error))
    return NULL;
  arena->bytes += size_bytes;
  g_ptr_array_add (arena->blocks, block);
  return g_steal_pointer (&block);
}

/* A block with room for @size_bytes, which is a multiple of the alignment. */
static OvkBuffer *
arena_find_block (OvkArena *arena, gsize size_bytes, GError **error)
{
  g_autoptr (GError) failure = NULL;
  OvkBuffer *block = NULL;

  for (guint i = arena->blocks->len; i-- > 0;) {
    block = g_ptr_array_index (arena->blocks, i);
    if (block->size - block->used >= size_bytes)
      return block;
  }
  block =
      arena_add_block (arena, MAX (size_bytes, arena->block_bytes), &failure);
  /* Near the end of the memory a smaller block may still do. */
  if (!block && size_bytes < arena->block_bytes
      && g_error_matches (failure, OWL2_ERROR, OWL2_ERROR_NO_MEMORY)) {
    g_clear_error (&failure);
    block = arena_add_block (arena, size_bytes, &failure);
  }
  if (!block)
    g_propagate_error (error, g_steal_pointer (&failure));
  return block;
}

gboolean
ovk_arena_alloc (
    OvkArena *arena, gsize size_bytes, OvkSlice *slice, GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  OvkDevice *dev = arena->dev;
  OvkBuffer *block;
  gsize rounded;

  if (size_bytes > dev->gpu.caps.max_allocation_bytes)
    return ovk_heap_too_large (&dev->heap, arena->name, size_bytes, error);
  rounded = (MAX (size_bytes, 1) + arena->align - 1) & ~(arena->align - 1);
  locker = g_mutex_locker_new (&arena->lock);
  if (arena->counts) {
    *slice = (OvkSlice){ NULL, 0, size_bytes };
    arena->bytes += rounded;
    return TRUE;
  }
  block = arena_find_block (arena, rounded, error);
  if (!block)
    return FALSE;
  *slice = (OvkSlice){ block, block->used, size_bytes };
  block->used += rounded;
  return TRUE;
}

guint64
ovk_arena_bytes (const OvkArena *arena)
{
  GMutex *lock = (GMutex *) &arena->lock;
  guint64 bytes;

  g_mutex_lock (lock);
  bytes = arena->bytes;
  g_mutex_unlock (lock);
  return bytes;
}
