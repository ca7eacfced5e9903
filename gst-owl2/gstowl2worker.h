/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One thread and a bounded queue between the stream and the engine. The thread
 * loads the model, encodes frames as they arrive, and answers clips, oldest
 * first. Callbacks run on it, without any lock held, and may stop and start the
 * worker, or free it.
 *
 * Calls are made by the streaming thread unless it says otherwise. */
#ifndef GST_OWL2_WORKER_H
#define GST_OWL2_WORKER_H

#include "gstowl2frame.h"
#include "gstowl2meta.h"
#include "gstowl2settings.h"

G_BEGIN_DECLS

/* Copies of frames that wait to be encoded, all together. One frame is always
 * taken, however big. */
#define GST_OWL2_MAX_RAW_BYTES (256 * 1024 * 1024)
/* When there are more, those that may never be wanted are kept at the model's
 * size. */
#define GST_OWL2_LAZY_RAW_BYTES (GST_OWL2_MAX_RAW_BYTES / 2)
/* Clips that wait or are being answered, when clips may be dropped: one and
 * one. (When they may not, the stream waits after each frame that completes
 * clips, so at most GST_OWL2_MAX_OPEN_CLIPS are there.) */
#define GST_OWL2_MAX_BUSY_CLIPS 2

typedef struct _GstOwl2Worker GstOwl2Worker;

/**
 * GstOwl2Stats: shared by element, stream and worker; any thread, under @lock.
 * Times are ns.
 */
typedef struct {
  gatomicrefcount refs;
  GMutex lock;
  struct {
    guint64 frames_seen, frames_sampled, frames_encoded, frames_reused;
    guint64 clips_answered, clips_dropped;
    guint64 tokens, prompt_tokens, prompt_tokens_reused;
    guint64 encode_ns, prefill_ns, decode_ns;
    guint64 weights_bytes, device_bytes;
    guint weights_users;
  } counts;
} GstOwl2Stats;

GstOwl2Stats *gst_owl2_stats_new (void);
GstOwl2Stats *gst_owl2_stats_ref (GstOwl2Stats *stats);
void gst_owl2_stats_unref (GstOwl2Stats *stats); /* accepts NULL */
/* (transfer full): as in the element's property. */
GstStructure *gst_owl2_stats_to_structure (GstOwl2Stats *stats);

/**
 * GstOwl2Job: a clip to be answered.
 * @frames: (array length=n_frames): with repetitions
 */
typedef struct {
  GstOwl2Settings *settings;
  GstClockTime start, end;
  GstOwl2Frame *frames[GST_OWL2_MAX_FRAMES];
  guint n_frames;
} GstOwl2Job;

void gst_owl2_job_free (GstOwl2Job *job); /* accepts NULL */

/**
 * GstOwl2WorkerFuncs:
 * @progress: of loading; START first, CONTINUE, then COMPLETE or ERROR, unless
 *   it is stopped before
 * @answer: final or not; a stream that waits for it goes on afterwards
 * @lost: one clip could not be answered, the stream goes on
 * @failed: nothing goes on
 */
typedef struct {
  void (*progress) (
      GstProgressType type, const char *text, int percent, gpointer user_data);
  void (*answer) (const GstOwl2Answer *answer, gpointer user_data);
  void (*lost) (const GstOwl2Job *job, const GError *error, gpointer user_data);
  void (*failed) (const GError *error, gpointer user_data);
} GstOwl2WorkerFuncs;

/**
 * GstOwl2WorkerConfig: copied.
 * @element: whose answers these are
 * @nice: of the thread, and so of all that the engine and the driver start from
 *   it; 0 to 19
 * @settings: room is made for clips like these before the stream begins
 */
typedef struct {
  const char *element;
  const char *model;
  const char *device;
  gboolean language_only;
  GstOwl2KvType kv_type;
  gboolean mmap;
  int nice;
  GstOwl2Settings *settings;
} GstOwl2WorkerConfig;

/* Keeps a reference to @stats. @user_data lives until the worker is freed, and
 * through a callback that frees it. */
GstOwl2Worker *gst_owl2_worker_new (
    const GstOwl2WorkerFuncs *funcs, gpointer user_data, GstOwl2Stats *stats);
/* Stops first, and unless it is called by a callback, returns when all threads
 * have ended. Accepts NULL. */
void gst_owl2_worker_free (GstOwl2Worker *w);

/* From the thread that changes states, while it is stopped. */
void gst_owl2_worker_configure (
    GstOwl2Worker *w, const GstOwl2WorkerConfig *config);
void gst_owl2_worker_start (GstOwl2Worker *w);
/* Waits until the model is loaded or has failed to, but no longer than
 * @timeout_ns, and in a callback not at all, since nothing is loaded before
 * that returns. Returns: FALSE if it has failed. */
gboolean gst_owl2_worker_wait_loaded (GstOwl2Worker *w, guint64 timeout_ns);
/* Cancels what is running and lets every waiting call return. Any thread. */
void gst_owl2_worker_cancel (GstOwl2Worker *w);
/* Cancels, and returns when no callback can come any more; then it may be
 * started anew. Any thread. In a callback of its own it can't wait for the
 * thread, which then ends by itself; a new one waits for that before it loads.
 *
 * Returns: TRUE if a load that START was told of came to no end
 */
gboolean gst_owl2_worker_stop (GstOwl2Worker *w);

/* TRUE drops all work, cancels between tokens, forgets the last answer, and
 * lets waiting calls return GST_FLOW_FLUSHING, until FALSE. Any thread. */
void gst_owl2_worker_set_flushing (GstOwl2Worker *w, gboolean flushing);

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
/* Returns when all submitted clips are answered. */
GstFlowReturn gst_owl2_worker_wait (GstOwl2Worker *w);
/* (nullable) (transfer full): the latest answer. */
GstOwl2Answer *gst_owl2_worker_latest (GstOwl2Worker *w);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Job, gst_owl2_job_free)

G_END_DECLS

#endif
