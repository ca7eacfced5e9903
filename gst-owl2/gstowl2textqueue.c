/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2textqueue.h"

static void
item_free (gpointer data)
{
  GstOwl2TextItem *item = data;

  if (item->event)
    gst_event_unref (item->event);
  if (item->text)
    g_bytes_unref (item->text);
  g_free (item);
}

static GstOwl2TextItem *
queue_push (GstOwl2TextQueue *queue, GstOwl2TextItemKind kind)
{
  GstOwl2TextItem *item = g_new0 (GstOwl2TextItem, 1);

  item->kind = kind;
  g_queue_push_tail (&queue->items, item);
  return item;
}

void
gst_owl2_text_queue_clear (GstOwl2TextQueue *queue)
{
  g_queue_clear_full (&queue->items, item_free);
  queue->n_texts = 0;
  queue->last_text = NULL;
}

void
gst_owl2_text_queue_event (GstOwl2TextQueue *queue, GstEvent *event)
{
  queue_push (queue, GST_OWL2_TEXT_ITEM_EVENT)->event = event;
}

void
gst_owl2_text_queue_gap (
    GstOwl2TextQueue *queue, GstClockTime start, GstClockTime end)
{
  GstOwl2TextItem *item = g_queue_peek_tail (&queue->items);

  if (!item || item->kind != GST_OWL2_TEXT_ITEM_GAP) {
    item = queue_push (queue, GST_OWL2_TEXT_ITEM_GAP);
    item->start = start;
  }
  item->end = end;
}

guint
gst_owl2_text_queue_text (
    GstOwl2TextQueue *queue, GBytes *text, GstClockTime start, GstClockTime end)
{
  GList *l = queue->items.head, *next;
  GstOwl2TextItem *item;
  guint n_dropped = 0;

  for (; l && queue->n_texts >= GST_OWL2_MAX_TEXTS; l = next) {
    next = l->next;
    item = l->data;
    if (item->kind != GST_OWL2_TEXT_ITEM_TEXT)
      continue;
    g_queue_delete_link (&queue->items, l);
    item_free (item);
    queue->n_texts--;
    queue->discont = TRUE;
    n_dropped++;
  }
  item = queue_push (queue, GST_OWL2_TEXT_ITEM_TEXT);
  item->text = g_bytes_ref (text);
  item->start = start;
  item->end = end;
  queue->n_texts++;
  queue->last_text = item;
  return n_dropped;
}

GstOwl2TextItem *
gst_owl2_text_queue_pop (GstOwl2TextQueue *queue)
{
  GstOwl2TextItem *item = g_queue_pop_head (&queue->items);

  if (item == queue->last_text)
    queue->last_text = NULL;
  if (item && item->event)
    queue->discont |= GST_EVENT_TYPE (item->event) == GST_EVENT_SEGMENT;
  if (item && item->kind == GST_OWL2_TEXT_ITEM_TEXT) {
    queue->n_texts--;
    item->discont = queue->discont;
    queue->discont = FALSE;
  }
  return item;
}

GstFlowReturn
gst_owl2_text_item_push (GstOwl2TextItem *item, GstPad *pad)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GstBuffer *buffer;

  switch (item->kind) {
    case GST_OWL2_TEXT_ITEM_EVENT:
      gst_pad_push_event (pad, g_steal_pointer (&item->event));
      break;
    case GST_OWL2_TEXT_ITEM_GAP:
      gst_pad_push_event (
          pad, gst_event_new_gap (item->start, item->end - item->start));
      break;
    case GST_OWL2_TEXT_ITEM_TEXT:
      buffer = gst_buffer_new_wrapped_bytes (item->text);
      GST_BUFFER_PTS (buffer) = item->start;
      GST_BUFFER_DURATION (buffer) = item->end - item->start;
      if (item->discont)
        GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
      ret = gst_pad_push (pad, buffer);
      break;
  }
  item_free (item);
  return ret;
}
