/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timestamps around commands. */
#ifndef OVK_TIMER_H
#define OVK_TIMER_H

#include "ovk_gpu.h"

G_BEGIN_DECLS

/* The sums per kind of command, of all timers of a device. */
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
 * OvkTimer: timestamps before the commands of a recording and after the last.
 */
typedef struct {
  OvkGpu *gpu;      /* borrowed */
  GArray *pools;    /* VkQueryPool, filled one after another */
  GArray *segments; /* OvkTiming of each command; between two stretches of
                     * them, one without a name */
  guint n_stamps;   /* written in the recording */
} OvkTimer;

void ovk_timer_init (OvkTimer *timer, OvkGpu *gpu);
void ovk_timer_clear (OvkTimer *timer); /* the device is done with it */
void ovk_timer_reset (OvkTimer *timer); /* forgets the recording */
/* Ends the command before, if any, and begins one of @label and name @what; a
 * NULL @what only ends. Errors: NO_MEMORY. */
gboolean ovk_timer_mark (OvkTimer *timer, VkCommandBuffer buffer,
    const char *label, const char *what, GError **error);
/* (nullable): the command that is being recorded, to count its work in; until
 * the next mark. */
OvkTiming *ovk_timer_current (OvkTimer *timer);
/* Adds what the finished recording measured to the sums. */
void ovk_timer_collect (OvkTimer *timer, OvkTimings *timings);

G_END_DECLS

#endif
