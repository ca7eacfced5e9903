/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "export.h"

#include <string.h>
#include <unistd.h>

static gboolean
can_export (const OvkDevice *dev)
{
  VkPhysicalDeviceExternalBufferInfo info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
    .usage = OWL2_FOREIGN_USAGE,
    .handleType = OWL2_FOREIGN_HANDLE,
  };
  VkExternalBufferProperties props = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
  };

  if (!dev->gpu.imports_fd)
    return FALSE;
  vkGetPhysicalDeviceExternalBufferProperties (
      dev->gpu.physical, &info, &props);
  return (props.externalMemoryProperties.externalMemoryFeatures
             & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT)
         != 0;
}

gboolean
vk_export_init (VkExport *self, OvkDevice *dev, gsize size)
{
  VkDevice device = dev->gpu.handle;
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = OWL2_FOREIGN_HANDLE,
  };
  VkBufferCreateInfo buffer = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = &external,
    .size = size,
    .usage = OWL2_FOREIGN_USAGE,
  };
  VkExportMemoryAllocateInfo export = {
    .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
    .handleTypes = OWL2_FOREIGN_HANDLE,
  };
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = &export,
  };
  VkMemoryGetFdInfoKHR get = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
    .handleType = OWL2_FOREIGN_HANDLE,
  };
  VkPhysicalDeviceIDProperties id = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
  };
  VkPhysicalDeviceProperties2 props = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &id,
  };
  PFN_vkGetMemoryFdKHR get_fd =
      (PFN_vkGetMemoryFdKHR) (gpointer) vkGetDeviceProcAddr (
          device, "vkGetMemoryFdKHR");
  VkMemoryRequirements needs;
  int type;

  *self = (VkExport){ .dev = dev, .foreign = { .fd = -1 } };
  if (!can_export (dev))
    return FALSE;
  g_assert_cmpint (
      vkCreateBuffer (device, &buffer, NULL, &self->handle), ==, VK_SUCCESS);
  vkGetBufferMemoryRequirements (device, self->handle, &needs);
  type = ovk_heap_pick_type (&dev->heap, needs.memoryTypeBits, -1,
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
          | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
      0, 0);
  if (type < 0) {
    vk_export_clear (self);
    return FALSE;
  }
  info.allocationSize = needs.size;
  info.memoryTypeIndex = (guint) type;
  g_assert_cmpint (
      vkAllocateMemory (device, &info, NULL, &self->memory), ==, VK_SUCCESS);
  g_assert_cmpint (vkBindBufferMemory (device, self->handle, self->memory, 0),
      ==, VK_SUCCESS);
  g_assert_cmpint (vkMapMemory (device, self->memory, 0, VK_WHOLE_SIZE, 0,
                       (void **) &self->map),
      ==, VK_SUCCESS);
  get.memory = self->memory;
  g_assert_cmpint (get_fd (device, &get, &self->foreign.fd), ==, VK_SUCCESS);
  vkGetPhysicalDeviceProperties2 (dev->gpu.physical, &props);
  memcpy (self->foreign.device_uuid, id.deviceUUID, VK_UUID_SIZE);
  memcpy (self->foreign.driver_uuid, id.driverUUID, VK_UUID_SIZE);
  self->foreign.allocation_bytes = needs.size;
  self->foreign.memory_type = (guint) type;
  self->foreign.size_bytes = size;
  return TRUE;
}

void
vk_export_clear (VkExport *self)
{
  VkDevice device = self->dev->gpu.handle;

  if (self->foreign.fd >= 0)
    close (self->foreign.fd);
  vkDestroyBuffer (device, self->handle, NULL);
  vkFreeMemory (device, self->memory, NULL);
  *self = (VkExport){ .dev = self->dev, .foreign = { .fd = -1 } };
}
