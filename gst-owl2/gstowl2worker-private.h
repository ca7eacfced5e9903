/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two halves of the worker share: gstowl2worker.c has the queue, the
 * thread and the stream's side; gstowl2ask.c what the thread does with the
 * engine. Nobody else includes this. */
#ifndef GST_OWL2_WORKER_PRIVATE_H
#define GST_OWL2_WORKER_PRIVATE_H

#include "gstowl2worker.h"

G_BEGIN_DECLS

typedef enum {
  STATE_STOPPED,
  STATE_LOADING,
  STATE_READY,
  STATE_FAILED,
} WorkerState;

struct _GstOwl2Worker {
  GstOwl2WorkerFuncs funcs;
  gpointer user_data;
  GstOwl2Stats *stats;
  GstOwl2Pool *pool;

  /* Set before the thread starts, read by it. */
  char *model_path;
  char *device;
  gboolean language_only;
  GstOwl2KvType kv_type;
  gboolean mmap;
  int nice;
  GstOwl2Settings *settings;

  GThread *thread; /* of whoever starts and stops */

  GMutex lock; /* of everything down to the next blank line */
  GCond cond;
  WorkerState state;
  gboolean stopping;
  gboolean flushing;
  guint epoch;          /* one more for each flush: older work is void */
  Owl2Session *session; /* made and freed by the thread */
  gboolean in_call;     /* the session runs, so it may be cancelled */
  gboolean encoding;
  gboolean answering;
  guint answering_epoch;
  GQueue encode; /* GstOwl2Frame, to be encoded when idle */
  GQueue clips;  /* GstOwl2Job */
  GstOwl2Answer *latest;

  /* The thread's own. */
  Owl2Model *model;
  char *model_name;
  GstOwl2Rgb rgb;
  guint64 next_id;
  char *progress_stage;
  guint64 progress_ns;
};

/* On the thread. FALSE if there is nothing to go on with; it is told by then.
 */
gboolean gst_owl2_worker_load (GstOwl2Worker *w);
void gst_owl2_worker_unload (GstOwl2Worker *w);
/* Afterwards the frame has features or an error, or FALSE is returned: the work
 * of @epoch is void, or the worker has failed. */
gboolean gst_owl2_worker_encode (
    GstOwl2Worker *w, GstOwl2Frame *frame, guint epoch);
void gst_owl2_worker_answer (
    GstOwl2Worker *w, const GstOwl2Job *job, guint epoch);
/* Nothing more is done. The message is out before anyone who waits goes on, so
 * that it is the first of those that the failure brings. */
void gst_owl2_worker_fail (GstOwl2Worker *w, const GError *error);

G_END_DECLS

#endif
