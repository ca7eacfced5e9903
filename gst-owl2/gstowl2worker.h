/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bounded queue between the stream and the engine, without a thread of its
 * own: the engine's are shared by all elements with the same model, and those
 * that call back by all elements. Callbacks come one at a time, in order,
 * without any lock held, and may stop and start the worker, or free it.
 *
 * Calls are made by the streaming thread unless it says otherwise. */
#ifndef GST_OWL2_WORKER_H
#define GST_OWL2_WORKER_H

#include "gstowl2run.h"

G_BEGIN_DECLS

typedef struct _GstOwl2Worker GstOwl2Worker;

/* Keeps a reference to @stats. @user_data lives until the worker is freed, and
 * through a callback that frees it. */
GstOwl2Worker *gst_owl2_worker_new (
    const GstOwl2WorkerFuncs *funcs, gpointer user_data, GstOwl2Stats *stats);
/* Stops first, and unless it is called by a callback, returns when nothing is
 * under way any more. Accepts NULL. */
void gst_owl2_worker_free (GstOwl2Worker *w);

/* From the thread that changes states, while it is stopped or rests. */
void gst_owl2_worker_configure (
    GstOwl2Worker *w, const GstOwl2WorkerConfig *config);
/* Returns at once, whatever the load takes. FALSE if it can be told at once
 * that there will be no model; progress and failed were called then, on this
 * thread, and it is stopped. */
gboolean gst_owl2_worker_start (GstOwl2Worker *w);
/* The same, but it rests: the model alone is loaded, and calls of the stream
 * are as if it were stopped. */
gboolean gst_owl2_worker_preload (GstOwl2Worker *w);
/* In place of a start, where it rests: FALSE if it does not, or not with the
 * model of the configuration; then it is to be stopped and started. */
gboolean gst_owl2_worker_resume (GstOwl2Worker *w);
/* Cancels what is running and lets every waiting call return. Any thread.
 * @keep: but not the load: gst_owl2_worker_rest() follows */
void gst_owl2_worker_cancel (GstOwl2Worker *w, gboolean keep);
/* As the stop, but it rests afterwards if it was started and there is a model,
 * or one is being loaded. */
gboolean gst_owl2_worker_rest (GstOwl2Worker *w);
/* Cancels, and returns when no callback can come any more; then it may be
 * started anew. Any thread. In a callback of its own it returns at once, and
 * that callback is the last one.
 *
 * Returns: TRUE if a load that START was told of came to no end
 */
gboolean gst_owl2_worker_stop (GstOwl2Worker *w);

/* TRUE drops all work, cancels between tokens, and lets waiting calls return
 * GST_FLOW_FLUSHING, until FALSE. Any thread. */
void gst_owl2_worker_set_flushing (GstOwl2Worker *w, gboolean flushing);

/* Whether the model is loaded. Any thread. */
gboolean gst_owl2_worker_is_ready (GstOwl2Worker *w);
/* What an answer takes from its turn on, in ns, of late; 0: unknown. Any
 * thread. */
guint64 gst_owl2_worker_answer_ns (GstOwl2Worker *w);

/* GST_FLOW_OK, _FLUSHING (also when it is not started) or _ERROR. */
GstFlowReturn gst_owl2_worker_flow (GstOwl2Worker *w);

/* Makes a frame, or returns NULL if there is no room (@wait: waits for it) or
 * the picture can't be read (then with @error).
 * @lazy: it is likely not to be needed: don't encode it before it is asked
 *   about, but keep it at the model's size if room is short */
GstOwl2Frame *gst_owl2_worker_take (GstOwl2Worker *w,
    const GstOwl2Picture *picture, gboolean wait, gboolean lazy,
    GError **error);
/* (transfer full): @may_drop: at most GST_OWL2_MAX_BUSY_CLIPS, the newest ones.
 * Returns: how many waiting clips were dropped for it */
guint gst_owl2_worker_submit (
    GstOwl2Worker *w, GstOwl2Job *job, gboolean may_drop);
/* (transfer full): the clip that questions are about from now on. */
void gst_owl2_worker_set_newest (GstOwl2Worker *w, GstOwl2Job *job);
/* Asks about it, before all clips that wait; never dropped. Any thread.
 * @place: (transfer full) (nullable): of the answer
 * Returns: the answer's id, or 0 with @error: there is no clip yet, or
 * GST_OWL2_MAX_ASKED questions wait. */
guint64 gst_owl2_worker_ask (GstOwl2Worker *w, GstOwl2Settings *settings,
    const char *question, GstOwl2Place *place, GError **error);
/* (transfer full): a job that asks somebody's question, never dropped for being
 * busy. @in_turn: after the clips that wait, else before. Any thread. */
void gst_owl2_worker_ask_job (
    GstOwl2Worker *w, GstOwl2Job *job, gboolean in_turn);
/* Returns when the answer under way, or if there is none the newest clip's, and
 * those to questions are there, or after @timeout_ns; the rest is given up.
 * @n_dropped: (out): clips and questions that got no answer */
GstFlowReturn gst_owl2_worker_finish (
    GstOwl2Worker *w, guint64 timeout_ns, guint *n_dropped);

/* Brings up to date what the stats tell of the model. Any thread. */
void gst_owl2_worker_update_stats (GstOwl2Worker *w);
/* Of all frames that are alive. Any thread. */
gsize gst_owl2_worker_raw_bytes (GstOwl2Worker *w);

G_END_DECLS

#endif
