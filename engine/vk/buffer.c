/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers, from their making to their end. */
#include "ovk_buffer.h"

guint64
ovk_buffer_last_use (OvkBuffer *buffer)
{
  return ovk_queue_last_use (buffer->heap->queue, &buffer->last_use);
}

void
ovk_touched_keep (OvkHeap *heap, OvkTouched *touched, gboolean keep)
{
  if (touched->kept == keep)
    return;
  g_mutex_lock (&heap->kept_lock);
  if (keep)
    g_ptr_array_add (heap->kept, touched);
  else
    g_ptr_array_remove_fast (heap->kept, touched);
  g_mutex_unlock (&heap->kept_lock);
  touched->kept = keep;
}

/* Nobody can use it again. */
static void
buffer_forget (OvkBuffer *buffer)
{
  OvkHeap *heap = buffer->heap;

  g_mutex_lock (&heap->kept_lock);
  for (guint i = 0; i < heap->kept->len; i++) {
    OvkTouched *touched = g_ptr_array_index (heap->kept, i);

    touched->stale |= g_hash_table_remove (touched->buffers, buffer);
  }
  g_mutex_unlock (&heap->kept_lock);
}

void
ovk_buffer_free (OvkBuffer *buffer)
{
  OvkHeap *heap;

  if (!buffer)
    return;
  heap = buffer->heap;
  buffer_forget (buffer);
  if (!ovk_queue_settle (heap->queue, ovk_buffer_last_use (buffer))) {
    ovk_shelf_put (
        &heap->queue->parked, buffer, (GDestroyNotify) ovk_buffer_free);
    return;
  }
  g_clear_pointer (&buffer->views, g_hash_table_unref);
  if (buffer->handle)
    vkDestroyBuffer (heap->gpu->handle, buffer->handle, NULL);
  if (buffer->memory)
    vkFreeMemory (heap->gpu->handle, buffer->memory, NULL);
  ovk_heap_discharge (heap, &buffer->charge);
  g_clear_pointer (&buffer->host, g_bytes_unref);
  g_free (buffer);
}

static gboolean
buffer_back (OvkBuffer *buffer, const char *name, GError **error)
{
  OvkHeap *heap = buffer->heap;
  VkMemoryRequirements needs;
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .memoryTypeIndex = buffer->type,
  };
  VkResult result;

  vkGetBufferMemoryRequirements (heap->gpu->handle, buffer->handle, &needs);
  info.allocationSize = needs.size;
  if (needs.size > heap->gpu->caps.max_allocation_bytes)
    return ovk_heap_too_large (heap, name, needs.size, error);
  /* What is spare, half a KiB, is in nobody's plans. */
  if (!ovk_heap_charge (heap, &buffer->charge, buffer->type, name,
          needs.size - buffer->spare, error))
    return FALSE;
  result = vkAllocateMemory (heap->gpu->handle, &info, NULL, &buffer->memory);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY
      || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
    buffer->memory = VK_NULL_HANDLE;
    return ovk_heap_no_memory (
        heap, name, needs.size, ", but the driver refused", error);
  }
  if (result != VK_SUCCESS) {
    buffer->memory = VK_NULL_HANDLE;
    ovk_set_error (heap->gpu, error, result,
        "%s: allocating '%s', %" G_GUINT64_FORMAT " bytes, failed",
        heap->gpu->caps.name, name, (guint64) needs.size);
    return FALSE;
  }
  ovk_gpu_name (heap->gpu, VK_OBJECT_TYPE_DEVICE_MEMORY,
      OVK_HANDLE (buffer->memory), "%s", name);
  result =
      vkBindBufferMemory (heap->gpu->handle, buffer->handle, buffer->memory, 0);
  if (result == VK_SUCCESS && buffer->mappable)
    result = vkMapMemory (heap->gpu->handle, buffer->memory, 0, VK_WHOLE_SIZE,
        0, (void **) &buffer->map);
  if (result != VK_SUCCESS) {
    buffer->map = NULL;
    ovk_set_error (heap->gpu, error, result,
        "%s: binding '%s', %" G_GUINT64_FORMAT " bytes, failed",
        heap->gpu->caps.name, name, (guint64) needs.size);
    return FALSE;
  }
  return TRUE;
}

OvkBuffer *
ovk_buffer_new (OvkHeap *heap, const char *name, gsize size_bytes, guint type,
    gboolean mappable, GError **error)
{
  g_autoptr (OvkBuffer) buffer = g_new0 (OvkBuffer, 1);

  buffer->heap = heap;
  buffer->size = size_bytes;
  buffer->spare = ovk_gpu_buffer_bytes (heap->gpu, size_bytes) - size_bytes;
  buffer->type = type;
  buffer->mappable = mappable;
  if (!ovk_gpu_alive (heap->gpu, error))
    return NULL;
  if (size_bytes > heap->gpu->caps.max_allocation_bytes) {
    ovk_heap_too_large (heap, name, size_bytes, error);
    return NULL;
  }
  if (!ovk_heap_create_handle (heap, size_bytes, &buffer->handle, error)
      || !buffer_back (buffer, name, error))
    return NULL;
  ovk_gpu_name (heap->gpu, VK_OBJECT_TYPE_BUFFER, OVK_HANDLE (buffer->handle),
      "%s", name);
  return g_steal_pointer (&buffer);
}

typedef struct {
  gint64 offset; /* key */
  OvkGpu *gpu;
  VkBufferView handle;
} View;

static void
view_free (gpointer data)
{
  View *view = data;

  vkDestroyBufferView (view->gpu->handle, view->handle, NULL);
  g_free (view);
}

gsize
ovk_buffer_texel_bytes (const OvkBuffer *buffer, gsize offset)
{
  gsize bytes =
      MIN (buffer->heap->gpu->caps.max_storage_range + OVK_TEXEL_SPARE,
          buffer->size + buffer->spare - offset)
      / OVK_TEXEL_BYTES * OVK_TEXEL_BYTES;

  if (buffer->spare && (bytes >> 8 & 0xff) == 0)
    bytes -= OVK_TEXEL_SPARE / 2;
  return bytes;
}

VkResult
ovk_buffer_texels (OvkBuffer *buffer, gsize offset, VkBufferView *view)
{
  OvkHeap *heap = buffer->heap;
  g_autoptr (GMutexLocker) locker = NULL;
  VkBufferViewCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
    .buffer = buffer->handle,
    .format = OVK_TEXEL_FORMAT,
    .offset = offset,
    .range = ovk_buffer_texel_bytes (buffer, offset),
  };
  gint64 key = (gint64) offset;
  View *found;
  VkResult result;

  locker = g_mutex_locker_new (&heap->lock);
  if (!buffer->views)
    buffer->views =
        g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, view_free);
  found = g_hash_table_lookup (buffer->views, &key);
  if (!found) {
    result = vkCreateBufferView (heap->gpu->handle, &info, NULL, view);
    if (result != VK_SUCCESS)
      return result;
    found = g_new (View, 1);
    *found = (View){ key, heap->gpu, *view };
    g_hash_table_add (buffer->views, found);
  }
  *view = found->handle;
  return VK_SUCCESS;
}

gboolean
ovk_buffer_sync (
    OvkBuffer *buffer, gsize offset, gsize size, gboolean read, GError **error)
{
  OvkHeap *heap = buffer->heap;
  gsize atom = heap->gpu->copy_atom;
  gsize begin = offset / atom * atom;
  gsize end = (offset + size + atom - 1) / atom * atom;
  VkMappedMemoryRange range = {
    .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
    .memory = buffer->memory,
    .offset = begin,
    .size = end >= buffer->size ? VK_WHOLE_SIZE : end - begin,
  };
  VkResult result;

  if (ovk_heap_type_flags (heap, buffer->type)
      & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
    return TRUE;
  if (read)
    result = vkInvalidateMappedMemoryRanges (heap->gpu->handle, 1, &range);
  else
    result = vkFlushMappedMemoryRanges (heap->gpu->handle, 1, &range);
  if (result == VK_SUCCESS)
    return TRUE;
  ovk_set_error (heap->gpu, error, result, "%s: synchronizing memory failed",
      heap->gpu->caps.name);
  return FALSE;
}

gboolean
ovk_buffer_is_cached (const OvkBuffer *buffer)
{
  return (ovk_heap_type_flags (buffer->heap, buffer->type)
             & VK_MEMORY_PROPERTY_HOST_CACHED_BIT)
         != 0;
}
