/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all parts of a device know of it: its handle, what it has, how its
 * objects are named, and how its results become errors. */
#ifndef OVK_GPU_H
#define OVK_GPU_H

#include "ovk.h"

G_BEGIN_DECLS

#define OVK_SECOND_NS G_GUINT64_CONSTANT (1000000000)
#define OVK_MAX_PUSH_BYTES 128u

/**
 * OvkGpu: nothing of it changes once the device is open, except @lost.
 */
typedef struct {
  VkInstance instance;
  VkPhysicalDevice physical;
  VkDevice handle;
  Owl2Log log;
  OvkCaps caps;
  guint queue_family;
  guint timestamp_bits;
  gsize copy_atom;    /* nonCoherentAtomSize */
  guint max_bindings; /* storage buffers a shader stage may have */
  guint max_allocations;
  gboolean has_budget;
  gboolean imports_fd; /* VK_KHR_external_memory_fd */
  gboolean debug_utils; /* the instance has them, and they are wanted */
  PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties;
  PFN_vkSetDebugUtilsObjectNameEXT set_name; /* (nullable), as the next two */
  PFN_vkCmdBeginDebugUtilsLabelEXT begin_label;
  PFN_vkCmdEndDebugUtilsLabelEXT end_label;

  gint lost; /* atomic; the device is gone or hangs */
} OvkGpu;

/* The only place where a VkResult becomes a GError. The text is @format, then
 * the name of @result. Marks the device as lost where @result says so; @gpu
 * may be NULL. */
void ovk_set_error (OvkGpu *gpu, GError **error, VkResult result,
    const char *format, ...) G_GNUC_PRINTF (4, 5);
/* FALSE with DEVICE_LOST once the device is gone. */
gboolean ovk_gpu_alive (OvkGpu *gpu, GError **error);

gboolean ovk_has_extension (
    const VkExtensionProperties *props, guint n, const char *name);
/* What shaders read as texels. */
#define OVK_TEXEL_BYTES 16
#define OVK_TEXEL_FORMAT VK_FORMAT_R32G32B32A32_UINT
/* Bytes that buffers have behind their last, so that there are texels of any
 * place in them; see ovk_buffer_texels(). */
#define OVK_TEXEL_SPARE 512
/* The usage of a buffer that they may read so where the device can, in addition
 * to @usage. */
VkBufferUsageFlags ovk_gpu_usage (const OvkGpu *gpu, VkBufferUsageFlags usage);
/* The size of such a buffer for @size_bytes. */
gsize ovk_gpu_buffer_bytes (const OvkGpu *gpu, gsize size_bytes);

/* Buffers over the host's memory, and whether the driver has them; some that
 * have the extension offer it for nothing. */
#define OVK_IMPORT_USAGE                                                       \
  (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT)
#define OVK_IMPORT_HANDLE VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
gboolean ovk_gpu_can_import (const OvkGpu *gpu);

/* A name for debuggers; does nothing where nobody listens. */
void ovk_gpu_name (OvkGpu *gpu, VkObjectType type, guint64 object,
    const char *format, ...) G_GNUC_PRINTF (4, 5);

/* Handles as debug utils want them. Those of queues and command buffers are
 * pointers everywhere, all others are so on 64-bit systems only. */
#define OVK_HANDLE(handle) ((guint64) (handle))
#define OVK_POINTER(handle) ((guint64) (guintptr) (handle))

G_END_DECLS

#endif
