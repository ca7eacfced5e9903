/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device holds its parts together; they do not know it. */
#ifndef OVK_DEVICE_H
#define OVK_DEVICE_H

#include "ovk_pipelines.h"
#include "ovk_scratch.h"
#include "ovk_staging.h"
#include "ovk_timer.h"

G_BEGIN_DECLS

struct _OvkDevice {
  gatomicrefcount refs;
  OvkDevice *parent; /* (nullable) reference: of a twin, owns the instance */
  OvkGpu gpu;
  OvkQueue queue;
  OvkHeap heap;
  OvkStaging staging;
  OvkScratch scratch;
  OvkPipelines pipelines;
  OvkVerifyFunc verify; /* (nullable) */
  OvkTimings timings;
  OvkShelf writers; /* of transfer.c, which rest, as the next */
  OvkShelf readers;
};

/* Another device of the same hardware and with the same caps, without a cache
 * on disk: what goes wrong on it does no harm to @dev. */
OvkDevice *ovk_device_twin (OvkDevice *dev, GError **error);

G_END_DECLS

#endif
