/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the element's own files share: gstowl2.c has the class and the
 * properties, gstowl2states.c what the states mean, gstowl2pads.c the pads that
 * are always there. Nobody else
 * includes this. */
#ifndef GST_OWL2_PRIVATE_H
#define GST_OWL2_PRIVATE_H

#include "gstowl2.h"
#include "gstowl2latency.h"
#include "gstowl2stream.h"
#include "gstowl2text.h"
#include "gstowl2vulkan.h"

G_BEGIN_DECLS

struct _GstOwl2 {
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  /* Under the object lock. */
  char *model;
  char *device;
  gboolean modality_adaptive;
  gboolean mmap;
  gboolean share;
  gboolean preload;
  GstOwl2KvType kv_type;
  int nice;
  guint64 cache_bytes;
  GstOwl2Settings *settings; /* replaced, never changed */

  GstOwl2Stats *stats;
  GstOwl2Worker *worker;
  GstOwl2Vulkan *vulkan; /* shared with other elements */
  GstOwl2Stream *stream; /* of the streaming thread */
  GstOwl2Hold *hold;
  GstOwl2Latency latency;
  /* Of the video that leaves; its thread's. */
  GstSegment out_segment;
  GstVideoInfo out_info;
  gboolean out_raw; /* it is in memory that can be drawn on */
  GstOwl2Text *text;
  GstOwl2Questions *questions;
  gint video_seek, text_seek; /* atomic: sequence numbers of the last ones */
  /* Of the worker's callbacks. */
  GstOwl2WarningLimit lost_limit, thinned_limit;
};

/* (transfer full): the snapshot of now. Any thread. */
GstOwl2Settings *gst_owl2_ref_settings (GstOwl2 *self);

/* Posts the message, and lives through what its handler does. */
void gst_owl2_on_progress (
    GstProgressType type, const char *text, int percent, gpointer user_data);

/* Posts the error. */
void gst_owl2_on_failed (const GError *error, gpointer user_data);

/* ---- gstowl2states.c ---------------------------------------------------- */

/* Before the parent's change of state; FALSE: it fails. */
gboolean gst_owl2_begin_change (GstOwl2 *self, GstStateChange transition);
/* After it, as it came out. */
void gst_owl2_end_change (
    GstOwl2 *self, GstStateChange transition, GstStateChangeReturn ret);

/* ---- gstowl2pads.c ------------------------------------------------------ */

void gst_owl2_pads_class_init (GstElementClass *klass);
/* Adds them to @self, and makes its stream. */
void gst_owl2_pads_init (GstOwl2 *self);

/* A final answer leaves as text, if somebody takes texts. Any thread. */
void gst_owl2_tell_text (GstOwl2 *self, const GstOwl2Answer *answer);

void gst_owl2_question_class_init (GstElementClass *klass);
/* (nullable) (transfer floating): the pad, for the element to add; there is
 * one.
 */
GstPad *gst_owl2_question_request (GstOwl2 *self, GstPadTemplate *templ);
void gst_owl2_question_release (GstOwl2 *self, GstPad *pad);
/* Seeks upstream of the video, by @pad, and that of the questions.
 * @event: (transfer full) */
gboolean gst_owl2_question_seek (GstOwl2 *self, GstPad *pad, GstEvent *event);
/* Warns of questions that came to nothing. @wait: for the rest of them */
void gst_owl2_question_tell_lost (GstOwl2 *self, gboolean wait);

G_END_DECLS

#endif
