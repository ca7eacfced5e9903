/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that comes from elsewhere. */
#ifndef OVK_IMPORT_H
#define OVK_IMPORT_H

#include "ovk_device.h"

G_BEGIN_DECLS

struct _OvkImport {
  OvkDevice *dev; /* reference */
  OvkBuffer *buffer;
};

G_END_DECLS

#endif
