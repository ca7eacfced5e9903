/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of a Vulkan device that is not the engine's own. */
#ifndef OWL2_FOREIGN_H
#define OWL2_FOREIGN_H

#include <glib.h>

G_BEGIN_DECLS

#define OWL2_UUID_BYTES 16
/* Both sides make their buffer for the same handles and uses, so that it needs
 * the same; for sources that know Vulkan. */
#define OWL2_FOREIGN_HANDLE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define OWL2_FOREIGN_USAGE                                                     \
  (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT       \
      | VK_BUFFER_USAGE_TRANSFER_DST_BIT)

/**
 * Owl2Foreign: memory that another logical device of the same hardware and
 * driver has exported as OWL2_FOREIGN_HANDLE, bound from its first byte to a
 * buffer of @size_bytes for OWL2_FOREIGN_USAGE.
 * @fd: stays the caller's, and may be closed after the import
 * @allocation_bytes, @memory_type: as it was allocated
 * @device_uuid, @driver_uuid: of VkPhysicalDeviceIDProperties, on that side
 */
typedef struct {
  int fd;
  guint64 allocation_bytes;
  guint memory_type;
  gsize size_bytes;
  guint8 device_uuid[OWL2_UUID_BYTES];
  guint8 driver_uuid[OWL2_UUID_BYTES];
} Owl2Foreign;

G_END_DECLS

#endif
