/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One life of the worker, from a start to the stop: it opens the model, encodes
 * frames as they arrive and answers clips, oldest first.
 *
 * It has no thread. What it has to do is a state machine under a lock: each
 * step hands something to the engine and goes, and the engine's callback, which
 * only notes the result, asks for the next step. Steps run in the run's lane,
 * which is the only place from where others are called back. */
#ifndef GST_OWL2_RUN_H
#define GST_OWL2_RUN_H

#include "gstowl2ask.h"
#include "gstowl2stats.h"

G_BEGIN_DECLS

/* Copies of frames that wait to be encoded, all together. One frame is always
 * taken, however big. */
#define GST_OWL2_MAX_RAW_BYTES (256 * 1024 * 1024)
/* When there are more, those that may never be wanted are kept at the model's
 * size. */
#define GST_OWL2_LAZY_RAW_BYTES (GST_OWL2_MAX_RAW_BYTES / 2)
/* Clips that wait or are being answered, when clips may be dropped: one and
 * one. (When they may not, the stream waits until there are no more than
 * GST_OWL2_MAX_HELD_CLIPS before the next frame.) */
#define GST_OWL2_MAX_BUSY_CLIPS 2

/* Questions that wait. */
#define GST_OWL2_MAX_ASKED 64

/**
 * GstOwl2WorkerFuncs:
 * @progress: of loading; START first, CONTINUE, then COMPLETE or ERROR, unless
 *   it is stopped before
 * @answer: to @job, final or not; a stream that waits for it goes on afterwards
 * @thinned: @job has fewer frames than it was to have
 * @lost: one clip could not be answered, the stream goes on
 * @device_lost: as the device is; the model is about to be loaded again, of
 *   which progress is told
 * @failed: nothing goes on
 */
typedef struct {
  void (*progress) (
      GstProgressType type, const char *text, int percent, gpointer user_data);
  void (*answer) (
      const GstOwl2Job *job, const GstOwl2Answer *answer, gpointer user_data);
  void (*thinned) (const GstOwl2Job *job, gpointer user_data);
  void (*lost) (const GstOwl2Job *job, const GError *error, gpointer user_data);
  void (*device_lost) (const GError *error, gpointer user_data);
  void (*failed) (const GError *error, gpointer user_data);
} GstOwl2WorkerFuncs;

/**
 * GstOwl2WorkerConfig: copied.
 * @element: whose answers these are
 * @share: the model with others of the process
 * @nice: of the threads of the model and of those that call back; 0 to 19
 * @cache_bytes: 0: as the engine likes
 * @settings: room is made for clips like these before the stream begins
 */
typedef struct {
  const char *element;
  const char *model;
  const char *device;
  gboolean language_only;
  GstOwl2KvType kv_type;
  gboolean mmap;
  gboolean share;
  int nice;
  guint64 cache_bytes;
  GstOwl2Settings *settings;
} GstOwl2WorkerConfig;

/* (transfer full): an atomic reference-counted box. */
GstOwl2WorkerConfig *gst_owl2_config_copy (const GstOwl2WorkerConfig *config);
void gst_owl2_config_unref (GstOwl2WorkerConfig *config); /* accepts NULL */

typedef struct _GstOwl2Run GstOwl2Run;

/* Keeps references to @config, made by gst_owl2_config_copy(), @stats and
 * @pool; @user_data lives until it is stopped. */
GstOwl2Run *gst_owl2_run_new (const GstOwl2WorkerFuncs *funcs,
    gpointer user_data, GstOwl2WorkerConfig *config, GstOwl2Stats *stats,
    GstOwl2Pool *pool);
GstOwl2Run *gst_owl2_run_ref (GstOwl2Run *run);
void gst_owl2_run_unref (GstOwl2Run *run); /* accepts NULL */

/* FALSE if it fails at once; that is told by then, on this thread.
 * @rests: loads the model, and no more */
gboolean gst_owl2_run_start (GstOwl2Run *run, gboolean rests);
/* In place of the start, and without a word: rests with a model (transfer full)
 * that is there. */
void gst_owl2_run_keep (GstOwl2Run *run, Owl2Model *model);
/* Ends the rest: goes on as if it was just started with @config, whose model it
 * has or is loading. FALSE if it does not rest, or has nothing for @config. */
gboolean gst_owl2_run_adopt (GstOwl2Run *run, GstOwl2WorkerConfig *config);
/* Makes it rest, so that every waiting call returns and the load goes on.
 * FALSE if there is more to it by now; then it is to be stopped. */
gboolean gst_owl2_run_rest (GstOwl2Run *run);
/* (transfer full) (nullable): one that another run can use. */
Owl2Model *gst_owl2_run_ref_model (GstOwl2Run *run);
/* Cancels what is running and lets every waiting call return. */
void gst_owl2_run_cancel (GstOwl2Run *run);
/* Cancels, and returns when no callback can come any more, or in a callback at
 * once. Returns: TRUE if a load that START was told of came to no end */
gboolean gst_owl2_run_stop (GstOwl2Run *run);
/* After the stop: whether something is still under way, if only for itself. */
gboolean gst_owl2_run_is_busy (GstOwl2Run *run);
void gst_owl2_run_wait_idle (GstOwl2Run *run);
/* Whether the caller is in one of its callbacks. */
gboolean gst_owl2_run_is_current (GstOwl2Run *run);

/* As the worker's functions of these names. */
void gst_owl2_run_set_flushing (GstOwl2Run *run, gboolean flushing);
gboolean gst_owl2_run_is_ready (GstOwl2Run *run);
guint64 gst_owl2_run_answer_ns (GstOwl2Run *run);
GstFlowReturn gst_owl2_run_flow (GstOwl2Run *run);
GstOwl2Frame *gst_owl2_run_take (GstOwl2Run *run, const GstOwl2Picture *picture,
    gboolean wait, gboolean lazy, GError **error);
guint gst_owl2_run_submit (GstOwl2Run *run, GstOwl2Job *job, gboolean may_drop);
void gst_owl2_run_set_newest (GstOwl2Run *run, GstOwl2Job *job);
guint64 gst_owl2_run_ask (GstOwl2Run *run, GstOwl2Settings *settings,
    const char *question, GstOwl2Place *place, GError **error);
void gst_owl2_run_ask_job (GstOwl2Run *run, GstOwl2Job *job, gboolean in_turn);
GstFlowReturn gst_owl2_run_finish (
    GstOwl2Run *run, guint64 timeout_ns, guint *n_dropped);
/* Brings up to date what the stats tell of the model. */
void gst_owl2_run_update_stats (GstOwl2Run *run);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Run, gst_owl2_run_unref)

G_END_DECLS

#endif
