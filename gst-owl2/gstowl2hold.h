/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What leaves by the video's pad, in order. Where the stream waits for answers,
 * video and events from a clip's last frame on, or its first, are held here
 * until the clip is answered, while upstream goes on; only when that is full
 * does upstream wait.
 *
 * What is held leaves from a task of the pad. Nothing is held, and there is no
 * task, where the stream does not wait; then all leaves on the streaming
 * thread. */
#ifndef GST_OWL2_HOLD_H
#define GST_OWL2_HOLD_H

#include "gstowl2place.h"

G_BEGIN_DECLS

/* Buffers, events and clips that are held at most, whatever their times and
 * sizes are. */
#define GST_OWL2_MAX_HELD_ITEMS 4096
#define GST_OWL2_MAX_HELD_CLIPS 16

/**
 * GstOwl2HoldFuncs: one at a time, in order, without a lock held.
 * @buffer: (transfer full) @buffer; @answer: (nullable): the latest in its
 * place
 * @event: (transfer full) @event
 * @answer: the video is where this answer belongs; @took_ns: from its clip's
 *   last frame on
 * @failed: downstream takes no more video, and the end of the stream was given
 *   already, so that nobody else could tell
 */
typedef struct {
  GstFlowReturn (*buffer) (
      GstBuffer *buffer, GstOwl2Answer *answer, gpointer user_data);
  gboolean (*event) (GstEvent *event, gpointer user_data);
  void (*answer) (GstOwl2Answer *answer, guint64 took_ns, gpointer user_data);
  void (*failed) (GstFlowReturn flow, gpointer user_data);
} GstOwl2HoldFuncs;

/**
 * GstOwl2HoldHow:
 * @queues: the stream waits for answers
 * @max_time: ns of running time; if this or @max_bytes is 0 nothing is held,
 *   and the streaming thread waits
 */
typedef struct {
  gboolean queues;
  guint64 max_time, max_bytes;
} GstOwl2HoldHow;

/* @pad: borrowed, until it was deactivated for the last time; its task is
 * named after it, and it posts the messages about that. */
GstOwl2Hold *gst_owl2_hold_new (
    const GstOwl2HoldFuncs *funcs, GstPad *pad, gpointer user_data);
GstOwl2Hold *gst_owl2_hold_ref (GstOwl2Hold *hold);
void gst_owl2_hold_unref (GstOwl2Hold *hold); /* accepts NULL */

/* The pad was activated; or is deactivated: all that is held goes, the latest
 * answer too, and the task has ended, unless this is it. Any thread. */
void gst_owl2_hold_set_active (GstOwl2Hold *hold, gboolean active);
/* FALSE in a flush, and while the pad is not active. Any thread. */
gboolean gst_owl2_hold_is_open (GstOwl2Hold *hold);
/* Begin of a flush, before and after downstream was told, and its end. What is
 * held goes; events that outlive a flush are left on the pad. */
void gst_owl2_hold_flush_start (GstOwl2Hold *hold);
void gst_owl2_hold_flush_told (GstOwl2Hold *hold);
void gst_owl2_hold_flush_stop (GstOwl2Hold *hold);

/* (transfer full): the place of an answer. @holds: what is given from now on
 * leaves after it; else the answer is the latest once it is there. Any thread,
 * but the streaming thread if @holds. */
GstOwl2Place *gst_owl2_hold_place (GstOwl2Hold *hold, gboolean holds);
/* (transfer full): the place of an answer whose clip begins here; what is given
 * from now on leaves after it. Where there is no room for the rest of the clip
 * video leaves all the same, and the place moves on to what is left, until it
 * is settled. By the streaming thread. */
GstOwl2Place *gst_owl2_hold_place_early (GstOwl2Hold *hold);
/* What is given from now on leaves when all answers under way are there. */
void gst_owl2_hold_rest (GstOwl2Hold *hold);

/* @buffer, @event: (transfer full): from @start to @end in running time, NONE
 * if that is not known. By the streaming thread, which may wait. An event is
 * what is sent in order. */
GstFlowReturn gst_owl2_hold_buffer (GstOwl2Hold *hold,
    const GstOwl2HoldHow *how, GstBuffer *buffer, GstClockTime start,
    GstClockTime end);
gboolean gst_owl2_hold_event (GstOwl2Hold *hold, const GstOwl2HoldHow *how,
    GstEvent *event, GstClockTime start, GstClockTime end);
/* Returns when all has left; FALSE if it will not. The same. */
gboolean gst_owl2_hold_wait (GstOwl2Hold *hold);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Hold, gst_owl2_hold_unref)

G_END_DECLS

#endif
