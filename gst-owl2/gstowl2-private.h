/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the element's own files share: gstowl2.c has the class, the properties
 * and the states, gstowl2pads.c the pads that are always there. Nobody else
 * includes this. */
#ifndef GST_OWL2_PRIVATE_H
#define GST_OWL2_PRIVATE_H

#include "gstowl2.h"
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
  GstOwl2KvType kv_type;
  int nice;
  guint64 cache_bytes;
  GstOwl2Settings *settings; /* replaced, never changed */

  GstOwl2Stats *stats;
  GstOwl2Worker *worker;
  GstOwl2Vulkan *vulkan; /* shared with other elements */
  GstOwl2Stream *stream; /* of the streaming thread */
  GstOwl2Text *text;
  gint video_seek, text_seek; /* atomic: sequence numbers of the last ones */
  GstOwl2WarningLimit lost_limit; /* of the worker's callbacks */
};

/* (transfer full): the snapshot of now. Any thread. */
GstOwl2Settings *gst_owl2_ref_settings (GstOwl2 *self);

/* ---- gstowl2pads.c ------------------------------------------------------ */

void gst_owl2_pads_class_init (GstElementClass *klass);
/* Adds them to @self, and makes its stream. */
void gst_owl2_pads_init (GstOwl2 *self);

/* What @settings mean for the text of this stream. Any thread. */
GstOwl2TextHow gst_owl2_text_how_now (
    GstOwl2 *self, const GstOwl2Settings *settings);
/* All video leaves here: the latest answer is put on it, and text goes on up to
 * its end. (transfer full) */
GstFlowReturn gst_owl2_push_video (GstOwl2 *self, GstBuffer *buffer);
/* And all events that go along with it. (transfer full) */
gboolean gst_owl2_push_event (GstOwl2 *self, GstEvent *event);

G_END_DECLS

#endif
