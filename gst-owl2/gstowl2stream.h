/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the streaming thread knows: where a buffer lies in time, which clips
 * want its frame, and whether the stream has to wait. All calls are the
 * streaming thread's, or are made while there is none. */
#ifndef GST_OWL2_STREAM_H
#define GST_OWL2_STREAM_H

#include "gstowl2hold.h"
#include "gstowl2limit.h"
#include "gstowl2questions.h"
#include "gstowl2worker.h"

G_BEGIN_DECLS

typedef struct _GstOwl2Stream GstOwl2Stream;

/* All are borrowed and outlive the stream; warnings are posted on @element, and
 * the latency query goes out of @sinkpad. */
GstOwl2Stream *gst_owl2_stream_new (GstElement *element, GstPad *sinkpad,
    GstOwl2Worker *worker, GstOwl2Hold *hold, GstOwl2Stats *stats,
    GstOwl2Questions *questions);
void gst_owl2_stream_free (GstOwl2Stream *stream); /* accepts NULL */

/* As after a flush. @all: also the caps, the orientation and the limits of
 * warnings. */
void gst_owl2_stream_reset (GstOwl2Stream *stream, gboolean all);
gboolean gst_owl2_stream_set_caps (GstOwl2Stream *stream, GstCaps *caps);
void gst_owl2_stream_set_segment (
    GstOwl2Stream *stream, const GstSegment *segment);
/* STREAM_START and TAG events: which way up the stream is. */
void gst_owl2_stream_event (GstOwl2Stream *stream, GstEvent *event);

/* Whether upstream is live, and the stream waits for answers, as it was when
 * the last buffer came. Any thread. */
gboolean gst_owl2_stream_is_live (GstOwl2Stream *stream);
gboolean gst_owl2_stream_waits (GstOwl2Stream *stream);

/* (out): from where to where [@pts, @pts + @duration) is in running time; NONE
 * where that is not known. */
void gst_owl2_stream_running_time (const GstOwl2Stream *stream,
    GstClockTime pts, GstClockTime duration, GstClockTime *start,
    GstClockTime *end);

/* Looks at a buffer, takes its frame for the clips that want it, and asks the
 * questions up to its end. The answers that the stream waits for have their
 * places then, before this buffer. */
GstFlowReturn gst_owl2_stream_buffer (
    GstOwl2Stream *stream, GstOwl2Settings *settings, GstBuffer *buffer);
GstFlowReturn gst_owl2_stream_gap (GstOwl2Stream *stream,
    GstOwl2Settings *settings, GstClockTime pts, GstClockTime duration);
/* The stream ends here: what it gave is answered before the end, whatever
 * `when-busy` says; of a live stream that drops, only the answer under way,
 * within `eos-timeout`, which is waited for here, unless it is the one answer
 * of `trigger=eos`. */
GstFlowReturn gst_owl2_stream_drain (
    GstOwl2Stream *stream, GstOwl2Settings *settings);

G_END_DECLS

#endif
