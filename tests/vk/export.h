/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A buffer of one device that another may import, written by the host. */
#ifndef VK_TEST_EXPORT_H
#define VK_TEST_EXPORT_H

#include "ovk_device.h"

typedef struct {
  OvkDevice *dev; /* borrowed */
  VkBuffer handle;
  VkDeviceMemory memory;
  guint8 *map;
  Owl2Foreign foreign;
} VkExport;

/* FALSE where the device exports nothing that the host sees. */
gboolean vk_export_init (VkExport *self, OvkDevice *dev, gsize size);
void vk_export_clear (VkExport *self);

#endif
