/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two halves of the worker share: gstowl2worker.c has the queue, the
 * thread and the stream's side; gstowl2ask.c what the thread does with the
 * engine. Nobody else includes this. */
#ifndef GST_OWL2_WORKER_PRIVATE_H
#define GST_OWL2_WORKER_PRIVATE_H

#include "gstowl2worker.h"

G_BEGIN_DECLS

typedef enum {
  STATE_LOADING,
  STATE_READY,
  STATE_FAILED,
} RunState;

/* One thread, from its start to its end, and what it works with. The worker
 * holds it until it is stopped, the thread until it ends: one that is stopped
 * in a callback of its own goes on for a while beside the next. */
typedef struct {
  gatomicrefcount refs;
  GstOwl2Worker *worker;       /* reference */
  GstOwl2WorkerConfig *config; /* reference, never changed */

  /* Under the worker's lock. */
  GThread *thread; /* (nullable): NULL if there could be none */
  RunState state;
  gboolean told_start; /* of a load whose end is not told yet */
  gboolean stopping;
  Owl2Session *session; /* made and freed by the thread */
  gboolean in_call;     /* the session runs, so it may be cancelled */
  gboolean encoding;
  gboolean answering;
  guint answering_epoch;

  /* The thread's own. */
  gboolean detached; /* stopped by itself: nobody may be called any more */
  Owl2Model *model;
  char *model_name;
  guint image_size; /* edge in pixels of what the model sees */
  GstOwl2Rgb rgb;
  guint64 next_id;
  char *progress_stage;
  guint64 progress_ns;
} GstOwl2Run;

/* Held by whoever made it and by each run, so it outlives its owner where a
 * callback drops that. */
struct _GstOwl2Worker {
  gatomicrefcount refs;
  GstOwl2WorkerFuncs funcs;
  gpointer user_data;
  GstOwl2Stats *stats; /* reference */
  GstOwl2Pool *pool;
  GstOwl2WorkerConfig *config; /* of the next run */

  GMutex lock; /* of all below */
  GCond cond;
  GstOwl2Run *run;    /* (nullable): NULL while stopped */
  GstOwl2Run *active; /* (nullable): whose thread has a model; no reference */
  guint n_threads;    /* not yet ended */
  gboolean flushing;
  guint epoch;   /* one more for each flush: older work is void */
  GQueue encode; /* GstOwl2Frame, to be encoded, or if lazy shrunk, when idle */
  GQueue clips;  /* GstOwl2Job */
  GstOwl2Answer *latest;
};

/* On the thread. FALSE if there is nothing to go on with; it is told by then.
 */
gboolean gst_owl2_run_load (GstOwl2Run *run);
void gst_owl2_run_unload (GstOwl2Run *run);
/* Afterwards the frame has features or an error, or FALSE is returned: the work
 * of @epoch is void, or the run has failed. */
gboolean gst_owl2_run_encode (
    GstOwl2Run *run, GstOwl2Frame *frame, guint epoch);
/* Afterwards a lazy frame takes no more room than the model's picture, if that
 * can be done; FALSE as above. */
gboolean gst_owl2_run_shrink (
    GstOwl2Run *run, GstOwl2Frame *frame, guint epoch);
void gst_owl2_run_answer (GstOwl2Run *run, const GstOwl2Job *job, guint epoch);
/* Nothing more is done. The message is out before anyone who waits goes on, so
 * that it is the first of those that the failure brings. */
void gst_owl2_run_fail (GstOwl2Run *run, const GError *error);

G_END_DECLS

#endif
