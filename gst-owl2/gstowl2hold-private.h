/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the queue share: gstowl2hold.c has what is held and leaves,
 * gstowl2place.c the places of answers in it. Nobody else includes this. */
#ifndef GST_OWL2_HOLD_PRIVATE_H
#define GST_OWL2_HOLD_PRIVATE_H

#include "gstowl2hold.h"

G_BEGIN_DECLS

/* A buffer, an event, or, with a place, the answer that what follows waits
 * for. */
typedef struct {
  GstMiniObject *object; /* (nullable) */
  GstOwl2Place *place;   /* (nullable): reference */
  GstClockTime start, end;
  gsize bytes;
} Item;

struct _GstOwl2Place {
  gatomicrefcount refs;
  GstOwl2Hold *hold; /* reference */
  gboolean holds;
  gint64 begun_us;

  /* Under the hold's lock. */
  guint epoch;
  gboolean queued;
  gboolean moves; /* on, where there is no more room */
  gboolean ended;
  gint64 ended_us;
  GstOwl2Answer *answer; /* (nullable) */
  GList link;            /* in `open` until it has ended */
};

struct _GstOwl2Hold {
  gatomicrefcount refs;
  GstOwl2HoldFuncs funcs;
  gpointer user_data;
  GstPad *pad; /* borrowed */

  GMutex lock; /* of all below */
  GCond cond;
  gboolean active, flushing;
  guint life;             /* one more for each activation and deactivation */
  guint epoch;            /* one more for each of those and each flush */
  GQueue items;           /* Item */
  gsize bytes;            /* of them */
  guint n_places;         /* among them */
  GQueue open;            /* GstOwl2Place: borrowed */
  GThread *pusher;        /* (nullable): who is in one of the funcs */
  gboolean taken;         /* of the last event; the pusher's */
  GstFlowReturn flow;     /* of what left from the task, not told yet */
  GstOwl2Answer *current; /* (nullable) */
  GstTask *task;          /* (nullable) */
  GThread *task_thread;   /* (nullable): its, if it is `task` */
};

GstOwl2Place *gst_owl2_place_ref (GstOwl2Place *place);
void gst_owl2_place_unref (GstOwl2Place *place);

G_END_DECLS

#endif
