/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timestamps around commands. */
#ifndef OVK_TIMER_H
#define OVK_TIMER_H

#include "ovk_gpu.h"

G_BEGIN_DECLS

/* The sums per label, of all timers of a device. */
typedef struct {
  gint on;      /* atomic: recordings are to be timed */
  GMutex lock;  /* of the next one */
  GArray *sums; /* OvkTiming */
} OvkTimings;

void ovk_timings_init (OvkTimings *timings);
void ovk_timings_clear (OvkTimings *timings);
/* (transfer full): the sums, which begin anew. */
GArray *ovk_timings_take (OvkTimings *timings);

/**
 * OvkTimer: timestamps between stretches of commands with one label each.
 */
typedef struct {
  OvkGpu *gpu;      /* borrowed */
  GArray *pools;    /* VkQueryPool, filled one after another */
  GArray *segments; /* of the recording */
  guint n_stamps;   /* written in the recording */
} OvkTimer;

void ovk_timer_init (OvkTimer *timer, OvkGpu *gpu);
void ovk_timer_clear (OvkTimer *timer); /* the device is done with it */
void ovk_timer_reset (OvkTimer *timer); /* forgets the recording */
/* Ends the stretch before, if any, and begins one of @label; a NULL label only
 * ends. Errors: NO_MEMORY. */
gboolean ovk_timer_mark (
    OvkTimer *timer, VkCommandBuffer buffer, const char *label, GError **error);
void ovk_timer_count_dispatch (OvkTimer *timer);
/* Adds what the finished recording measured to the sums. */
void ovk_timer_collect (OvkTimer *timer, OvkTimings *timings);

G_END_DECLS

#endif
