/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2worker.h"

struct _GstOwl2Worker {
  GstOwl2WorkerFuncs funcs;
  gpointer user_data;
  GstOwl2Stats *stats; /* reference */
  GstOwl2Pool *pool;
  GstOwl2WorkerConfig *config; /* of the next run */

  GMutex lock;     /* of all below; before a run's own */
  GstOwl2Run *run; /* (nullable): NULL while stopped */
  GPtrArray *over; /* GstOwl2Run: stopped, but still at something */
  gboolean flushing;
};

GstOwl2Worker *
gst_owl2_worker_new (
    const GstOwl2WorkerFuncs *funcs, gpointer user_data, GstOwl2Stats *stats)
{
  GstOwl2Worker *w = g_new0 (GstOwl2Worker, 1);

  w->funcs = *funcs;
  w->user_data = user_data;
  w->stats = gst_owl2_stats_ref (stats);
  w->pool = gst_owl2_pool_new ();
  g_mutex_init (&w->lock);
  w->over =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_owl2_run_unref);
  return w;
}

void
gst_owl2_worker_free (GstOwl2Worker *w)
{
  gboolean own = FALSE;

  if (!w)
    return;
  gst_owl2_worker_stop (w);
  for (guint i = 0; i < w->over->len; i++)
    own |= gst_owl2_run_is_current (w->over->pdata[i]);
  for (guint i = 0; i < w->over->len && !own; i++)
    gst_owl2_run_wait_idle (w->over->pdata[i]);
  g_ptr_array_unref (w->over);
  gst_owl2_pool_unref (w->pool);
  gst_owl2_stats_unref (w->stats);
  gst_owl2_config_unref (w->config);
  g_mutex_clear (&w->lock);
  g_free (w);
}

void
gst_owl2_worker_configure (GstOwl2Worker *w, const GstOwl2WorkerConfig *config)
{
  gst_owl2_config_unref (w->config);
  w->config = gst_owl2_config_copy (config);
}

/* (transfer full): a run with the worker's configuration, which is the worker's
 * from now on. */
static GstOwl2Run *
worker_begin (GstOwl2Worker *w)
{
  GstOwl2Run *run =
      gst_owl2_run_new (&w->funcs, w->user_data, w->config, w->stats, w->pool);

  g_mutex_lock (&w->lock);
  g_warn_if_fail (!w->run);
  w->run = gst_owl2_run_ref (run);
  gst_owl2_run_set_flushing (run, w->flushing);
  g_mutex_unlock (&w->lock);
  return run;
}

/* FALSE if it fails at once. */
static gboolean
worker_load (GstOwl2Worker *w, gboolean rests)
{
  g_autoptr (GstOwl2Run) run = worker_begin (w);

  if (gst_owl2_run_start (run, rests))
    return TRUE;
  /* Those that it was told to may have started another. */
  g_mutex_lock (&w->lock);
  if (w->run == run)
    g_clear_pointer (&w->run, gst_owl2_run_unref);
  g_mutex_unlock (&w->lock);
  gst_owl2_run_stop (run);
  return FALSE;
}

/* (transfer full) (nullable) */
static GstOwl2Run *
worker_run (GstOwl2Worker *w)
{
  GstOwl2Run *run;

  g_mutex_lock (&w->lock);
  run = w->run ? gst_owl2_run_ref (w->run) : NULL;
  g_mutex_unlock (&w->lock);
  return run;
}

gboolean
gst_owl2_worker_preload (GstOwl2Worker *w)
{
  return worker_load (w, TRUE);
}

gboolean
gst_owl2_worker_start (GstOwl2Worker *w)
{
  return worker_load (w, FALSE);
}

gboolean
gst_owl2_worker_resume (GstOwl2Worker *w)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  return run && gst_owl2_run_adopt (run, w->config);
}

void
gst_owl2_worker_cancel (GstOwl2Worker *w, gboolean keep)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  if (run && !(keep && gst_owl2_run_rest (run)))
    gst_owl2_run_cancel (run);
}

gboolean
gst_owl2_worker_rest (GstOwl2Worker *w)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);
  g_autoptr (GstOwl2Run) next = NULL;
  Owl2Model *model;
  gboolean cancelled;

  if (!run || gst_owl2_run_rest (run))
    return FALSE;
  model = gst_owl2_run_ref_model (run);
  cancelled = gst_owl2_worker_stop (w);
  if (!model)
    return cancelled;
  next = worker_begin (w);
  gst_owl2_run_keep (next, model);
  return cancelled;
}

gboolean
gst_owl2_worker_stop (GstOwl2Worker *w)
{
  g_autoptr (GstOwl2Run) run = NULL;
  gboolean cancelled;

  g_mutex_lock (&w->lock);
  for (guint i = w->over->len; i > 0; i--)
    if (!gst_owl2_run_is_busy (w->over->pdata[i - 1]))
      g_ptr_array_remove_index (w->over, i - 1);
  run = g_steal_pointer (&w->run);
  g_mutex_unlock (&w->lock);
  if (!run)
    return FALSE;
  cancelled = gst_owl2_run_stop (run);
  g_mutex_lock (&w->lock);
  if (gst_owl2_run_is_busy (run))
    g_ptr_array_add (w->over, g_steal_pointer (&run));
  g_mutex_unlock (&w->lock);
  return cancelled;
}

/* ---- from the stream --------------------------------------------------- */

void
gst_owl2_worker_set_flushing (GstOwl2Worker *w, gboolean flushing)
{
  g_mutex_lock (&w->lock);
  w->flushing = flushing;
  if (w->run)
    gst_owl2_run_set_flushing (w->run, flushing);
  g_mutex_unlock (&w->lock);
}

gboolean
gst_owl2_worker_is_ready (GstOwl2Worker *w)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  return run && gst_owl2_run_is_ready (run);
}

guint64
gst_owl2_worker_answer_ns (GstOwl2Worker *w)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  return run ? gst_owl2_run_answer_ns (run) : 0;
}

GstFlowReturn
gst_owl2_worker_flow (GstOwl2Worker *w)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  return run ? gst_owl2_run_flow (run) : GST_FLOW_FLUSHING;
}

GstOwl2Frame *
gst_owl2_worker_take (GstOwl2Worker *w, const GstOwl2Picture *picture,
    gboolean wait, gboolean lazy, GError **error)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  return run ? gst_owl2_run_take (run, picture, wait, lazy, error) : NULL;
}

guint
gst_owl2_worker_submit (GstOwl2Worker *w, GstOwl2Job *job, gboolean may_drop)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  if (run)
    return gst_owl2_run_submit (run, job, may_drop);
  gst_owl2_job_free (job);
  return 0;
}

void
gst_owl2_worker_set_newest (GstOwl2Worker *w, GstOwl2Job *job)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  if (run)
    gst_owl2_run_set_newest (run, job);
  else
    gst_owl2_job_free (job);
}

guint64
gst_owl2_worker_ask (GstOwl2Worker *w, GstOwl2Settings *settings,
    const char *question, GstOwl2Place *place, GError **error)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  if (run)
    return gst_owl2_run_ask (run, settings, question, place, error);
  gst_owl2_place_end (place);
  g_set_error_literal (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
      "the element is stopped");
  return 0;
}

void
gst_owl2_worker_ask_job (GstOwl2Worker *w, GstOwl2Job *job, gboolean in_turn)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  if (run)
    gst_owl2_run_ask_job (run, job, in_turn);
  else
    gst_owl2_job_free (job);
}

GstFlowReturn
gst_owl2_worker_finish (GstOwl2Worker *w, guint64 timeout_ns, guint *n_dropped)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  *n_dropped = 0;
  return run ? gst_owl2_run_finish (run, timeout_ns, n_dropped)
             : GST_FLOW_FLUSHING;
}

void
gst_owl2_worker_update_stats (GstOwl2Worker *w)
{
  g_autoptr (GstOwl2Run) run = worker_run (w);

  if (run) {
    gst_owl2_run_update_stats (run);
    return;
  }
  g_mutex_lock (&w->stats->lock);
  w->stats->counts.weights_users = 0;
  g_mutex_unlock (&w->stats->lock);
}

gsize
gst_owl2_worker_raw_bytes (GstOwl2Worker *w)
{
  return gst_owl2_pool_raw_bytes (w->pool);
}
