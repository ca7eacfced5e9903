/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of a device for what one command leaves to the next. */
#ifndef OVK_SCRATCH_H
#define OVK_SCRATCH_H

#include "ovk_buffer.h"

G_BEGIN_DECLS

/* All recordings share it: submissions follow each other. */
typedef struct {
  OvkHeap *heap;     /* borrowed */
  GMutex lock;       /* of the next one */
  OvkBuffer *buffer; /* (nullable) made when first needed */
} OvkScratch;

void ovk_scratch_init (OvkScratch *scratch, OvkHeap *heap);
void ovk_scratch_close (OvkScratch *scratch); /* frees the buffer */
void ovk_scratch_clear (OvkScratch *scratch);
/* (transfer none): OVK_SCRATCH_BYTES, whatever is in them. Any thread. */
OvkBuffer *ovk_scratch_get (OvkScratch *scratch, GError **error);

G_END_DECLS

#endif
