/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ovk_gpu.h"

#include <string.h>

/* ---- errors ----------------------------------------------------------- */

static const char *
result_name (VkResult result)
{
  switch (result) {
    case VK_NOT_READY:
      return "not ready";
    case VK_TIMEOUT:
      return "timed out";
    case VK_INCOMPLETE:
      return "incomplete answer";
    case VK_ERROR_OUT_OF_HOST_MEMORY:
      return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
      return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED:
      return "initialization failed";
    case VK_ERROR_DEVICE_LOST:
      return "device lost";
    case VK_ERROR_MEMORY_MAP_FAILED:
      return "mapping memory failed";
    case VK_ERROR_LAYER_NOT_PRESENT:
      return "layer not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
      return "extension not present";
    case VK_ERROR_FEATURE_NOT_PRESENT:
      return "feature not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      return "no usable driver";
    case VK_ERROR_TOO_MANY_OBJECTS:
      return "too many objects";
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
      return "fragmented memory";
    case VK_ERROR_OUT_OF_POOL_MEMORY:
      return "pool exhausted";
    case VK_ERROR_INVALID_EXTERNAL_HANDLE:
      return "invalid handle";
    case VK_ERROR_INVALID_SHADER_NV:
      return "invalid shader";
    default:
      return "unknown error";
  }
}

void
ovk_set_error (
    OvkGpu *gpu, GError **error, VkResult result, const char *format, ...)
{
  g_autofree char *text = NULL;
  Owl2Error code;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_MEMORY_MAP_FAILED:
      code = OWL2_ERROR_NO_MEMORY;
      break;
    case VK_ERROR_DEVICE_LOST:
      code = OWL2_ERROR_DEVICE_LOST;
      if (gpu)
        g_atomic_int_set (&gpu->lost, 1);
      break;
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      code = OWL2_ERROR_NO_DEVICE;
      break;
    case VK_ERROR_LAYER_NOT_PRESENT:
    case VK_ERROR_EXTENSION_NOT_PRESENT:
    case VK_ERROR_FEATURE_NOT_PRESENT:
      code = OWL2_ERROR_UNSUPPORTED;
      break;
    default:
      code = OWL2_ERROR_FAILED;
      break;
  }
  g_set_error (error, OWL2_ERROR, code, "%s: %s (Vulkan result %d)", text,
      result_name (result), (int) result);
}

gboolean
ovk_gpu_alive (OvkGpu *gpu, GError **error)
{
  if (!g_atomic_int_get (&gpu->lost))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST,
      "%s was lost earlier; only freeing is possible", gpu->caps.name);
  return FALSE;
}

/* ---- what it has ------------------------------------------------------ */

gboolean
ovk_has_extension (
    const VkExtensionProperties *props, guint n, const char *name)
{
  for (guint i = 0; i < n; i++) {
    if (strcmp (props[i].extensionName, name) == 0)
      return TRUE;
  }
  return FALSE;
}

void
ovk_gpu_name (
    OvkGpu *gpu, VkObjectType type, guint64 object, const char *format, ...)
{
  g_autofree char *name = NULL;
  VkDebugUtilsObjectNameInfoEXT info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
    .objectType = type,
    .objectHandle = object,
  };
  va_list args;

  if (!gpu->set_name || !object)
    return;
  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  info.pObjectName = name;
  /* A name that could not be set is no reason to fail anything. */
  (void) gpu->set_name (gpu->handle, &info);
}

VkBufferUsageFlags
ovk_gpu_usage (const OvkGpu *gpu, VkBufferUsageFlags usage)
{
  return usage
         | (gpu->caps.texels ? VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT : 0);
}

gsize
ovk_gpu_buffer_bytes (const OvkGpu *gpu, gsize size_bytes)
{
  gsize bytes =
      (size_bytes + OVK_TEXEL_BYTES - 1) / OVK_TEXEL_BYTES * OVK_TEXEL_BYTES
      + OVK_TEXEL_SPARE;

  if (!gpu->caps.texels)
    return size_bytes;
  return bytes & (bytes - 1) ? bytes : bytes + OVK_TEXEL_BYTES;
}

gboolean
ovk_gpu_can_import (const OvkGpu *gpu)
{
  VkPhysicalDeviceExternalBufferInfo info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
    .usage = ovk_gpu_usage (gpu, OVK_IMPORT_USAGE),
    .handleType = OVK_IMPORT_HANDLE,
  };
  VkExternalBufferProperties props = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
  };
  VkExternalMemoryFeatureFlags features;

  vkGetPhysicalDeviceExternalBufferProperties (gpu->physical, &info, &props);
  features = props.externalMemoryProperties.externalMemoryFeatures;
  return (features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)
         && !(features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT);
}
