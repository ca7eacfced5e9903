/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one buffer through which the host's bytes go to the device. */
#ifndef OVK_STAGING_H
#define OVK_STAGING_H

#include "ovk_buffer.h"

G_BEGIN_DECLS

/**
 * OvkStaging: one buffer that the host sees, and which pieces of it are in use:
 * by recordings, and by submissions until they are reached. A piece lies where
 * there is room first, so that the rest of the buffer is never touched.
 */
typedef struct {
  OvkHeap *heap; /* borrowed */
  GMutex lock;   /* of all below; never held over a wait for the device */
  GCond changed;
  OvkBuffer *buffer; /* (nullable) made when first needed */
  GArray *pieces;    /* in their order */
  gsize size;        /* bytes; less in tests, before the first use */
} OvkStaging;

void ovk_staging_init (OvkStaging *s, OvkHeap *heap);
void ovk_staging_close (OvkStaging *s); /* frees the buffer */
void ovk_staging_clear (OvkStaging *s);
/* Bytes that the recording of @owner, which is only compared, reads, where the
 * host may write until it is submitted. Waits for submissions while there is no
 * room, and for the recordings of others if this one holds nothing. Errors:
 * NO_MEMORY, also if nothing gets free; DEVICE_LOST. */
guint8 *ovk_staging_reserve (OvkStaging *s, gconstpointer owner,
    gsize size_bytes, OvkSlice *slice, GError **error);
/* What the host wrote for the recording of @owner goes to the device. */
gboolean ovk_staging_flush (OvkStaging *s, gconstpointer owner, GError **error);
/* That recording was submitted as @ticket; 0: it was dropped. */
void ovk_staging_release (OvkStaging *s, gconstpointer owner, guint64 ticket);

G_END_DECLS

#endif
