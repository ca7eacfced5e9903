/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another device's memory, with VK_KHR_external_memory_fd. */
#include "ovk_cmd.h"
#include "ovk_import.h"

#include <string.h>
#include <unistd.h>

static gboolean
refuse (const OvkDevice *dev, const char *name, const char *why, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
      "%s can't take '%s' from another device: %s", dev->gpu.caps.name, name,
      why);
  return FALSE;
}

/* An opaque handle means something to the driver that made it alone. */
static gboolean
check_origin (const OvkDevice *dev, const char *name,
    const Owl2Foreign *foreign, GError **error)
{
  VkPhysicalDeviceIDProperties id = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
  };
  VkPhysicalDeviceProperties2 props = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &id,
  };

  if (!dev->gpu.imports_fd)
    return refuse (dev, name, "it has no external memory", error);
  vkGetPhysicalDeviceProperties2 (dev->gpu.physical, &props);
  if (memcmp (id.deviceUUID, foreign->device_uuid, VK_UUID_SIZE) != 0)
    return refuse (dev, name, "that is other hardware", error);
  if (memcmp (id.driverUUID, foreign->driver_uuid, VK_UUID_SIZE) != 0)
    return refuse (dev, name, "that has another driver", error);
  if (foreign->memory_type >= dev->heap.memory.memoryTypeCount
      || !foreign->size_bytes
      || foreign->size_bytes > foreign->allocation_bytes)
    return refuse (dev, name, "its sizes or its type are none", error);
  return TRUE;
}

static gboolean
create_handle (OvkBuffer *buffer, const char *name, const Owl2Foreign *foreign,
    GError **error)
{
  OvkGpu *gpu = buffer->heap->gpu;
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = OWL2_FOREIGN_HANDLE,
  };
  VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = &external,
    .size = buffer->size,
    .usage = OWL2_FOREIGN_USAGE,
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  VkMemoryRequirements needs;
  VkResult result = vkCreateBuffer (gpu->handle, &info, NULL, &buffer->handle);

  if (result != VK_SUCCESS) {
    buffer->handle = VK_NULL_HANDLE;
    ovk_set_error (gpu, error, result,
        "%s: creating a buffer of %" G_GSIZE_FORMAT " bytes over '%s' failed",
        gpu->caps.name, buffer->size, name);
    return FALSE;
  }
  vkGetBufferMemoryRequirements (gpu->handle, buffer->handle, &needs);
  if (needs.size <= foreign->allocation_bytes
      && (needs.memoryTypeBits & (1u << buffer->type)))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
      "%s: '%s' has %" G_GUINT64_FORMAT " bytes of memory type %u, a buffer of "
      "%" G_GSIZE_FORMAT " needs %" G_GUINT64_FORMAT " of the types 0x%x",
      gpu->caps.name, name, foreign->allocation_bytes, buffer->type,
      buffer->size, (guint64) needs.size, needs.memoryTypeBits);
  return FALSE;
}

static gboolean
bind_memory (OvkBuffer *buffer, const char *name, const Owl2Foreign *foreign,
    GError **error)
{
  OvkGpu *gpu = buffer->heap->gpu;
  VkImportMemoryFdInfoKHR import = {
    .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
    .handleType = OWL2_FOREIGN_HANDLE,
    .fd = dup (foreign->fd),
  };
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = &import,
    .allocationSize = foreign->allocation_bytes,
    .memoryTypeIndex = buffer->type,
  };
  VkResult result;

  if (import.fd < 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "%s: '%s' has no file descriptor to be had: %d", gpu->caps.name, name,
        foreign->fd);
    return FALSE;
  }
  /* The other device has counted it. */
  if (!ovk_heap_charge (
          buffer->heap, &buffer->charge, buffer->type, name, 0, error)) {
    close (import.fd);
    return FALSE;
  }
  result = vkAllocateMemory (gpu->handle, &info, NULL, &buffer->memory);
  if (result != VK_SUCCESS) {
    buffer->memory = VK_NULL_HANDLE;
    close (import.fd); /* the driver has it only on success */
  } else {
    result =
        vkBindBufferMemory (gpu->handle, buffer->handle, buffer->memory, 0);
  }
  if (result == VK_SUCCESS)
    return TRUE;
  ovk_set_error (gpu, error, result,
      "%s: taking %" G_GUINT64_FORMAT " bytes of '%s' failed", gpu->caps.name,
      foreign->allocation_bytes, name);
  return FALSE;
}

OvkImport *
ovk_import_foreign (OvkDevice *dev, const char *name,
    const Owl2Foreign *foreign, GError **error)
{
  g_autoptr (OvkBuffer) buffer = NULL;
  OvkImport *import;

  if (!ovk_gpu_alive (&dev->gpu, error)
      || !check_origin (dev, name, foreign, error))
    return NULL;
  buffer = g_new0 (OvkBuffer, 1);
  buffer->heap = &dev->heap;
  buffer->size = foreign->size_bytes;
  buffer->type = foreign->memory_type;
  if (!create_handle (buffer, name, foreign, error)
      || !bind_memory (buffer, name, foreign, error))
    return NULL;
  ovk_gpu_name (&dev->gpu, VK_OBJECT_TYPE_BUFFER, OVK_HANDLE (buffer->handle),
      "%s", name);
  import = g_new0 (OvkImport, 1);
  import->dev = ovk_device_ref (dev);
  import->buffer = g_steal_pointer (&buffer);
  return import;
}

OvkSlice
ovk_import_all (const OvkImport *import)
{
  return (OvkSlice){ import->buffer, 0, import->buffer->size };
}

void
ovk_cmd_acquire (OvkCmd *cmd, OvkSlice slice)
{
  VkCommandBuffer buffer;
  VkBufferMemoryBarrier barrier = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
    .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT,
    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_EXTERNAL,
    .dstQueueFamilyIndex = cmd->dev->gpu.queue_family,
    .buffer = slice.buffer->handle,
    .offset = slice.offset,
    .size = slice.size,
  };

  if (cmd->error || cmd->collect || !(buffer = ovk_cmd_next (cmd, "acquire")))
    return;
  ovk_cmd_touch (cmd, slice.buffer);
  vkCmdPipelineBarrier (buffer, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT, 0,
      0, NULL, 1, &barrier, 0, NULL);
}
