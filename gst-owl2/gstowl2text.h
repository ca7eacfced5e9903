/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers as timed text on the request pad `text_src`. What is to go out lies
 * in a bounded queue and leaves from the pad's own task: sinks such as
 * textoverlay hold up text until the video is there and video until the text
 * is, so neither may wait for the other here. No call blocks, except that the
 * end of a flush and the pad's release wait for the task to come back from
 * downstream, which was told before.
 *
 * All calls may come from any thread; those about video and its events are made
 * in the order in which these leave. */
#ifndef GST_OWL2_TEXT_H
#define GST_OWL2_TEXT_H

#include "gstowl2meta.h"
#include "gstowl2settings.h"

G_BEGIN_DECLS

#define GST_OWL2_TEXT_CAPS "text/x-raw, format=(string)utf8"

typedef struct _GstOwl2Text GstOwl2Text;

/**
 * GstOwl2TextHow: what the settings mean for this stream.
 * @time: never AUTO
 * @late: a text leaves when its end is known, and GAPs wait for it
 * @grid: ns from one answer to the next, 0: any
 * @slice: a text whose end came before the next answer goes on in pieces of
 * this
 * @scene: with trigger=scene: answers come @grid apart or more, after whole
 *   pieces
 */
typedef struct {
  GstOwl2TextTime time;
  gboolean late;
  GstClockTime grid, slice;
  gboolean scene;
} GstOwl2TextHow;

GstOwl2TextHow gst_owl2_text_how (
    const GstOwl2Settings *settings, gboolean live, gboolean waits);

/* @element is borrowed. */
GstOwl2Text *gst_owl2_text_new (GstElement *element);
void gst_owl2_text_free (GstOwl2Text *text); /* accepts NULL */

void gst_owl2_text_class_init (GstElementClass *klass);
/* (nullable) (transfer floating): the pad, for the element to add; there is
 * one.
 */
GstPad *gst_owl2_text_request (GstOwl2Text *text, GstPadTemplate *templ);
void gst_owl2_text_release (GstOwl2Text *text, GstPad *pad);
/* Forgets the stream, when there is none. */
void gst_owl2_text_reset (GstOwl2Text *text);
gboolean gst_owl2_text_is_wanted (GstOwl2Text *text);

/* An event that is about to leave on the video's pad: (transfer none). */
void gst_owl2_text_event (GstOwl2Text *text, GstEvent *event);
/* Video from @pts on is about to leave; @duration may be NONE. */
void gst_owl2_text_advance (GstOwl2Text *text, const GstOwl2TextHow *how,
    GstClockTime pts, GstClockTime duration);
/* A final answer, before the video that waits for it leaves. */
void gst_owl2_text_answer (
    GstOwl2Text *text, const GstOwl2TextHow *how, const GstOwl2Answer *answer);

G_END_DECLS

#endif
