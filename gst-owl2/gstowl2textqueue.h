/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is to leave by a pad of text, in order and bounded: GAPs that follow
 * each other are one, and of too many texts the oldest goes. By one thread at a
 * time. */
#ifndef GST_OWL2_TEXT_QUEUE_H
#define GST_OWL2_TEXT_QUEUE_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Texts in a queue. */
#define GST_OWL2_MAX_TEXTS 256

typedef enum {
  GST_OWL2_TEXT_ITEM_EVENT,
  GST_OWL2_TEXT_ITEM_GAP,
  GST_OWL2_TEXT_ITEM_TEXT,
} GstOwl2TextItemKind;

/**
 * GstOwl2TextItem:
 * @event: of an EVENT
 * @text: of a TEXT
 * @discont: of a TEXT: the first one of its segment, or texts before it are
 * lost
 * @start: position in the segment, as is @end; not of an EVENT
 */
typedef struct {
  GstOwl2TextItemKind kind;
  GstEvent *event;
  GBytes *text;
  gboolean discont;
  GstClockTime start, end;
} GstOwl2TextItem;

/**
 * GstOwl2TextQueue: zeros are an empty one.
 * @last_text: (nullable): the newest text that is still in it and may be given
 *   another end
 * @discont: of the next text that is taken
 */
typedef struct {
  GQueue items; /* GstOwl2TextItem */
  guint n_texts;
  GstOwl2TextItem *last_text;
  gboolean discont;
} GstOwl2TextQueue;

void gst_owl2_text_queue_clear (GstOwl2TextQueue *queue);
/* @event: (transfer full) */
void gst_owl2_text_queue_event (GstOwl2TextQueue *queue, GstEvent *event);
void gst_owl2_text_queue_gap (
    GstOwl2TextQueue *queue, GstClockTime start, GstClockTime end);
/* Returns: how many had to go for it */
guint gst_owl2_text_queue_text (GstOwl2TextQueue *queue, GBytes *text,
    GstClockTime start, GstClockTime end);
/* (transfer full) (nullable) */
GstOwl2TextItem *gst_owl2_text_queue_pop (GstOwl2TextQueue *queue);
/* @item: (transfer full). Whoever takes it may block. */
GstFlowReturn gst_owl2_text_item_push (GstOwl2TextItem *item, GstPad *pad);

G_END_DECLS

#endif
