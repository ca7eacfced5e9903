/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one queue of a device and its timeline. */
#ifndef OVK_QUEUE_H
#define OVK_QUEUE_H

#include "ovk_gpu.h"
#include "ovk_shelf.h"

G_BEGIN_DECLS

/* A wait fails when the device finishes nothing for as long as this. */
#define OVK_TIMEOUT_NS (60 * OVK_SECOND_NS)
/* A CPU device may be short of a CPU, and compiles at the first dispatch. */
#define OVK_TIMEOUT_CPU_NS (600 * OVK_SECOND_NS)

/**
 * OvkQueue: one queue and one timeline semaphore. Each submission waits for
 * the one before it and signals the next value, so the queue is a straight
 * line, and "value V is reached" means that all up to V is done and visible.
 */
typedef struct {
  OvkGpu *gpu; /* borrowed */
  VkSemaphore timeline;
  guint64 timeout_ns;
  gint hung;       /* atomic; the device may still touch its memory */
  OvkShelf parked; /* what could not be freed, as the device hangs */

  /* Of all below, and of all OvkLastUse; taken last. Whatever Vulkan wants one
   * thread at a time for at the queue, waiting for the whole device as well, is
   * called under it. */
  GMutex lock;
  VkQueue handle;
  guint64 submitted; /* newest value handed to the queue */
  guint64 waited;    /* newest value that was waited for */
  GArray *infos;     /* VkSubmitInfo: room for those of a submission */
  GArray *links;     /* likewise for what they point to */
} OvkQueue;

/* The timeline value at which something was last used, 0 if never. */
typedef struct {
  guint64 value; /* under the queue's lock */
} OvkLastUse;

void ovk_queue_init (OvkQueue *queue, OvkGpu *gpu);
gboolean ovk_queue_open (OvkQueue *queue, GError **error);
void ovk_queue_close (OvkQueue *queue); /* all is settled */
void ovk_queue_clear (OvkQueue *queue);

/* Submits @buffers in order, as one link of the chain each. @value: the
 * timeline value that says that all is done; it becomes that of the set @uses
 * of OvkLastUse before anyone else can look. */
gboolean ovk_queue_submit (OvkQueue *queue, const VkCommandBuffer *buffers,
    guint n_buffers, GHashTable *uses, guint64 *value, GError **error);
guint64 ovk_queue_submitted (OvkQueue *queue);
guint64 ovk_queue_last_use (OvkQueue *queue, const OvkLastUse *use);
/* As ovk_device_reached() and ovk_device_wait(). */
gboolean ovk_queue_reached (OvkQueue *queue, guint64 value, guint64 within_ns);
gboolean ovk_queue_wait (
    OvkQueue *queue, guint64 value, const char *what, GError **error);
/* Waits for @value before something is destroyed. FALSE: the device hangs and
 * may still use it, so that it has to be parked. */
gboolean ovk_queue_settle (OvkQueue *queue, guint64 value);

G_END_DECLS

#endif
