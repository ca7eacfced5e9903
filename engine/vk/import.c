/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's memory as a device's, with VK_EXT_external_memory_host. */
#include "ovk_import.h"

#include <string.h>

static gboolean
refuse (const OvkGpu *gpu, const char *name, const char *why, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
      "%s can't read '%s' where it lies: %s", gpu->caps.name, name, why);
  return FALSE;
}

static gboolean
create_handle (OvkBuffer *buffer, const char *name, GError **error)
{
  OvkGpu *gpu = buffer->heap->gpu;
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = OVK_IMPORT_HANDLE,
  };
  VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = &external,
    .size = buffer->size,
    .usage = ovk_gpu_usage (gpu, OVK_IMPORT_USAGE),
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  VkResult result = vkCreateBuffer (gpu->handle, &info, NULL, &buffer->handle);

  if (result == VK_SUCCESS)
    return TRUE;
  buffer->handle = VK_NULL_HANDLE;
  ovk_set_error (gpu, error, result,
      "%s: creating a buffer of %" G_GSIZE_FORMAT " bytes over '%s' failed",
      gpu->caps.name, buffer->size, name);
  return FALSE;
}

/* The memory type for the pages at buffer->map; -1: none. */
static int
pick_type (OvkBuffer *buffer)
{
  OvkGpu *gpu = buffer->heap->gpu;
  VkMemoryHostPointerPropertiesEXT host = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
  };
  VkMemoryRequirements needs;

  vkGetBufferMemoryRequirements (gpu->handle, buffer->handle, &needs);
  /* The import has no bytes to spare. */
  if (needs.size > buffer->size
      || gpu->host_pointer_properties (
             gpu->handle, OVK_IMPORT_HANDLE, buffer->map, &host)
             != VK_SUCCESS)
    return -1;
  return ovk_heap_pick_type (buffer->heap,
      needs.memoryTypeBits & host.memoryTypeBits, -1,
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
          | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
      VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 0);
}

static gboolean
import_pages (OvkBuffer *buffer, const char *name, GError **error)
{
  OvkGpu *gpu = buffer->heap->gpu;
  VkImportMemoryHostPointerInfoEXT import = {
    .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
    .handleType = OVK_IMPORT_HANDLE,
    .pHostPointer = buffer->map,
  };
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = &import,
    .allocationSize = buffer->size,
    .memoryTypeIndex = buffer->type,
  };
  VkResult result;

  if (!ovk_heap_charge (
          buffer->heap, &buffer->charge, buffer->type, name, 0, error))
    return FALSE;
  result = vkAllocateMemory (gpu->handle, &info, NULL, &buffer->memory);
  if (result != VK_SUCCESS)
    buffer->memory = VK_NULL_HANDLE;
  else
    result =
        vkBindBufferMemory (gpu->handle, buffer->handle, buffer->memory, 0);
  if (result == VK_SUCCESS)
    return TRUE;
  ovk_set_error (gpu, error, result,
      "%s: taking %" G_GSIZE_FORMAT " bytes of '%s' where they lie failed",
      gpu->caps.name, buffer->size, name);
  return FALSE;
}

/* @start and @size_bytes are multiples of the import's alignment. */
static OvkBuffer *
buffer_import (OvkHeap *heap, const char *name, GBytes *memory, guintptr start,
    gsize size_bytes, GError **error)
{
  g_autoptr (OvkBuffer) buffer = g_new0 (OvkBuffer, 1);
  OvkGpu *gpu = heap->gpu;
  int type;

  buffer->heap = heap;
  buffer->size = size_bytes;
  buffer->host = g_bytes_ref (memory);
  buffer->map = (guint8 *) start;
  if (!ovk_gpu_alive (gpu, error))
    return NULL;
  if (!create_handle (buffer, name, error))
    return NULL;
  type = pick_type (buffer);
  if (type < 0) {
    refuse (gpu, name, "it has no type of memory for these pages", error);
    return NULL;
  }
  buffer->type = (guint) type;
  if (!import_pages (buffer, name, error))
    return NULL;
  ovk_gpu_name (gpu, VK_OBJECT_TYPE_DEVICE_MEMORY, OVK_HANDLE (buffer->memory),
      "%s", name);
  ovk_gpu_name (
      gpu, VK_OBJECT_TYPE_BUFFER, OVK_HANDLE (buffer->handle), "%s", name);
  return g_steal_pointer (&buffer);
}

/* Some drivers take pages that they can't have, such as those that may only be
 * read, and are lost with the first work that needs them. So another device
 * goes first, with the first page. */
static gboolean
probe (OvkDevice *dev, const char *name, GBytes *memory, guintptr start,
    GError **error)
{
  gsize n = dev->gpu.caps.host_import_align;
  g_autoptr (OvkDevice) twin = ovk_device_twin (dev, error);
  g_autoptr (OvkBuffer) page = NULL;
  g_autoptr (OvkArena) arena = NULL;
  g_autoptr (OvkCmd) cmd = NULL;
  g_autofree guint8 *copy = g_malloc0 (n);
  OvkSlice slice;

  if (!twin)
    return FALSE;
  page = buffer_import (&twin->heap, name, memory, start, n, error);
  arena = ovk_arena_new (twin, "probe", n);
  cmd = page ? ovk_cmd_new (twin, "probe", error) : NULL;
  if (!cmd || !ovk_arena_alloc (arena, n, &slice, error))
    return FALSE;
  ovk_cmd_copy (cmd, slice, (OvkSlice){ page, 0, n });
  if (!ovk_cmd_run (cmd, error)
      || !ovk_slice_read (twin, slice, copy, n, error))
    return FALSE;
  if (memcmp (copy, (const void *) start, n) != 0)
    return refuse (&dev->gpu, name, "it reads something else there", error);
  return TRUE;
}

OvkImport *
ovk_import_new (OvkDevice *dev, const char *name, GBytes *memory,
    const void *data, gsize size_bytes, GError **error)
{
  guintptr start = (guintptr) data, align = dev->gpu.caps.host_import_align;
  OvkBuffer *buffer;
  OvkImport *import;

  if (!align || !size_bytes) {
    refuse (&dev->gpu, name, "it does not work on the host's memory", error);
    return NULL;
  }
  size_bytes += start % align;
  start -= start % align;
  size_bytes += (align - size_bytes % align) % align;
  if (size_bytes > dev->gpu.caps.max_allocation_bytes) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: '%s' has %" G_GSIZE_FORMAT " bytes, one allocation may have "
        "%" G_GSIZE_FORMAT,
        dev->gpu.caps.name, name, size_bytes,
        dev->gpu.caps.max_allocation_bytes);
    return NULL;
  }
  /* Software works with the process's own pages, whatever they are. */
  if (dev->gpu.caps.type != VK_PHYSICAL_DEVICE_TYPE_CPU
      && !probe (dev, name, memory, start, error))
    return NULL;
  buffer = buffer_import (&dev->heap, name, memory, start, size_bytes, error);
  if (!buffer)
    return NULL;
  import = g_new0 (OvkImport, 1);
  import->dev = ovk_device_ref (dev);
  import->buffer = buffer;
  return import;
}

OvkSlice
ovk_import_slice (const OvkImport *import, const void *data, gsize size_bytes)
{
  gsize offset = (const guint8 *) data - import->buffer->map;
  const OvkSlice none = { NULL, 0, 0 };

  g_return_val_if_fail (offset <= import->buffer->size
                            && size_bytes <= import->buffer->size - offset,
      none);
  return (OvkSlice){ import->buffer, offset, size_bytes };
}

void
ovk_import_free (OvkImport *import)
{
  if (!import)
    return;
  ovk_buffer_free (import->buffer);
  ovk_device_unref (import->dev);
  g_free (import);
}
