/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2run-private.h"

/* ---- the state machine -------------------------------------------------- */

/* One thing at a time. FALSE if there is nothing to do for now. */
static gboolean
run_step_once (GstOwl2Run *run)
{
  GstOwl2Progress *progress = NULL;

  if (run->stopping || run->state == GST_OWL2_RUN_FAILED)
    return FALSE;
  progress = g_queue_pop_head (&run->progress);
  if (progress) {
    gst_owl2_run_tell_progress (
        run, progress->type, progress->text, progress->percent);
    gst_owl2_progress_free (progress);
    return TRUE;
  }
  /* A flush left it, and the engine has nothing of it any more. */
  if (run->asking && !run->n_calls && !run->generated
      && gst_owl2_run_is_void (run, run->asking->epoch)) {
    gst_owl2_run_end_clip (run);
    return TRUE;
  }
  if (g_error_matches (run->fatal, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST))
    return gst_owl2_run_step_lost (run);
  if (run->state == GST_OWL2_RUN_LOADING) {
    if (run->retry_due)
      gst_owl2_run_step_retry (run);
    else if (run->opened)
      gst_owl2_run_end_load (run);
    else
      return FALSE;
    return TRUE;
  }
  if (run->fatal) {
    g_autoptr (GError) error = g_steal_pointer (&run->fatal);

    gst_owl2_run_fail (run, error);
    return FALSE;
  }
  if (run->partials.length) {
    gst_owl2_run_tell_partial (run);
    return TRUE;
  }
  if (run->generated) {
    gst_owl2_run_step_generated (run);
    return TRUE;
  }
  if (run->cancelled && run->n_calls == 0) {
    run->cancelled = FALSE;
    owl2_session_uncancel (run->session);
  }
  if (run->cancelled || run->generating)
    return FALSE;
  if (!run->asking && (run->asked.length || run->clips.length))
    run->asking = gst_owl2_asking_new (
        g_queue_pop_head (run->asked.length ? &run->asked : &run->clips),
        run->epoch);
  if (!run->asking)
    return gst_owl2_run_step_frames (run);
  if (run->asking->decision == GST_OWL2_DECISION_ANSWER)
    return gst_owl2_run_step_clip (run);
  /* What is decided on next is encoded meanwhile. */
  return gst_owl2_run_step_scene (run)
         || (run->asking && gst_owl2_run_step_frames (run));
}

/* What is left when it is stopped, and the engine has nothing of it any more:
 * by the stop, or, in a callback, the step around it. The model goes last. With
 * the lock held, which is let go meanwhile. */
static void
run_release (GstOwl2Run *run)
{
  GstOwl2Asking *asking = NULL;
  Owl2Answer *got = NULL;
  Owl2Model *model = NULL;

  if (run->ended) {
    asking = g_steal_pointer (&run->asking);
    got = g_steal_pointer (&run->got);
    model = g_steal_pointer (&run->model);
  }
  g_mutex_unlock (&run->lock);
  gst_owl2_asking_free (asking);
  owl2_answer_free (got);
  owl2_model_unref (model);
  g_mutex_lock (&run->lock);
}

/* In the lane. */
static void
run_step (gpointer data)
{
  GstOwl2Run *run = data;

  g_mutex_lock (&run->lock);
  run->kicked = FALSE;
  run->stepping = g_thread_self ();
  while (run_step_once (run))
    ;
  if (run->stopping)
    run_release (run);
  run->stepping = NULL;
  g_cond_broadcast (&run->cond);
  g_mutex_unlock (&run->lock);
}

GstOwl2Run *
gst_owl2_run_new (const GstOwl2WorkerFuncs *funcs, gpointer user_data,
    GstOwl2WorkerConfig *config, GstOwl2Stats *stats, GstOwl2Pool *pool)
{
  GstOwl2Run *run = g_new0 (GstOwl2Run, 1);

  g_atomic_ref_count_init (&run->refs);
  run->step = run_step;
  run->funcs = *funcs;
  run->user_data = user_data;
  run->config = g_atomic_rc_box_acquire (config);
  run->stats = gst_owl2_stats_ref (stats);
  run->pool = gst_owl2_pool_ref (pool);
  g_mutex_init (&run->lock);
  g_cond_init (&run->cond);
  g_queue_init (&run->progress);
  g_queue_init (&run->encode);
  g_queue_init (&run->clips);
  g_queue_init (&run->asked);
  g_queue_init (&run->turns);
  g_queue_init (&run->partials);
  gst_owl2_run_enlist (run);
  return run;
}

/* ---- stopping ----------------------------------------------------------- */

/* With the lock held. */
static void
run_cancel (GstOwl2Run *run)
{
  run->stopping = TRUE;
  if (run->session)
    owl2_session_cancel (run->session);
  g_cond_broadcast (&run->cond);
}

void
gst_owl2_run_cancel (GstOwl2Run *run)
{
  g_mutex_lock (&run->lock);
  run_cancel (run);
  g_mutex_unlock (&run->lock);
}

gboolean
gst_owl2_run_is_current (GstOwl2Run *run)
{
  gboolean current;

  g_mutex_lock (&run->lock);
  current = run->callback == g_thread_self ();
  g_mutex_unlock (&run->lock);
  return current;
}

/* (nullable) (transfer none) */
static GstOwl2Lane *
run_lane (GstOwl2Run *run)
{
  GstOwl2Lane *lane;

  g_mutex_lock (&run->lock);
  lane = run->lane;
  g_mutex_unlock (&run->lock);
  return lane;
}

gboolean
gst_owl2_run_is_busy (GstOwl2Run *run)
{
  GstOwl2Lane *lane = run_lane (run);

  return lane && gst_owl2_lane_is_busy (lane);
}

void
gst_owl2_run_wait_idle (GstOwl2Run *run)
{
  GstOwl2Lane *lane = run_lane (run);

  if (lane)
    gst_owl2_lane_wait (lane);
}

gboolean
gst_owl2_run_stop (GstOwl2Run *run)
{
  GQueue encode, clips;
  GstOwl2Lane *lane;
  GThread *self = g_thread_self ();
  Owl2Opening *opening;
  GstClockID retry;
  Owl2Session *session;
  gboolean cancelled;

  gst_owl2_run_strike (run);
  g_mutex_lock (&run->lock);
  run_cancel (run);
  gst_owl2_run_take_queues (run, &encode, &clips);
  opening = g_steal_pointer (&run->opening);
  session = g_steal_pointer (&run->session);
  retry = g_steal_pointer (&run->retry);
  g_mutex_unlock (&run->lock);

  gst_owl2_run_cancel_retry (retry);
  owl2_opening_cancel (opening);
  owl2_session_free (session); /* may wait for the engine's callbacks */
  lane = run_lane (run);
  if (lane)
    gst_owl2_lane_close (lane);
  gst_owl2_run_free_queues (&encode, &clips);

  g_mutex_lock (&run->lock);
  while ((run->callback && run->callback != self)
         || (run->stepping && run->stepping != self && !run->away))
    g_cond_wait (&run->cond, &run->lock);
  run->ended = TRUE;
  cancelled = run->told_start;
  run->told_start = FALSE;
  if (run->stepping != self)
    run_release (run);
  g_mutex_unlock (&run->lock);
  return cancelled;
}

/* ---- from the stream ---------------------------------------------------- */

/* All that is there to do is void. With the lock held; the queues are freed
 * without it. */
static void
run_give_up (GstOwl2Run *run, GQueue *encode, GQueue *clips)
{
  run->epoch++;
  if (run->n_calls) {
    run->cancelled = TRUE;
    owl2_session_cancel (run->session);
  }
  gst_owl2_run_take_queues (run, encode, clips);
  g_cond_broadcast (&run->cond);
  gst_owl2_run_kick (run);
}

gboolean
gst_owl2_run_rest (GstOwl2Run *run)
{
  GQueue encode = G_QUEUE_INIT, clips = G_QUEUE_INIT;
  gboolean rests;

  g_mutex_lock (&run->lock);
  if (!run->stopping && run->state == GST_OWL2_RUN_LOADING) {
    run->rests = TRUE;
    run_give_up (run, &encode, &clips);
  }
  rests = run->rests;
  g_mutex_unlock (&run->lock);
  gst_owl2_run_free_queues (&encode, &clips);
  return rests;
}

void
gst_owl2_run_set_flushing (GstOwl2Run *run, gboolean flushing)
{
  GQueue encode = G_QUEUE_INIT, clips = G_QUEUE_INIT;

  g_mutex_lock (&run->lock);
  run->flushing = flushing;
  if (flushing)
    run_give_up (run, &encode, &clips);
  g_mutex_unlock (&run->lock);
  gst_owl2_run_free_queues (&encode, &clips);
}

/* With the lock held. */
static GstFlowReturn
run_flow (GstOwl2Run *run)
{
  if (run->stopping || run->flushing || run->rests)
    return GST_FLOW_FLUSHING;
  return run->state == GST_OWL2_RUN_FAILED ? GST_FLOW_ERROR : GST_FLOW_OK;
}

gboolean
gst_owl2_run_is_ready (GstOwl2Run *run)
{
  gboolean ready;

  g_mutex_lock (&run->lock);
  ready = run->state == GST_OWL2_RUN_READY;
  g_mutex_unlock (&run->lock);
  return ready;
}

guint64
gst_owl2_run_answer_ns (GstOwl2Run *run)
{
  guint64 ns;

  g_mutex_lock (&run->lock);
  ns = run->answer_ns;
  g_mutex_unlock (&run->lock);
  return ns;
}

GstFlowReturn
gst_owl2_run_flow (GstOwl2Run *run)
{
  GstFlowReturn ret;

  g_mutex_lock (&run->lock);
  ret = run_flow (run);
  g_mutex_unlock (&run->lock);
  return ret;
}

/* Frames that are not lazy are in the queue or being encoded until they stop
 * taking room, and lazy ones are shrunk down to half of it, so waiting ends. */
static gboolean
run_has_room (GstOwl2Run *run, gsize size, gboolean wait)
{
  gboolean room = FALSE;

  g_mutex_lock (&run->lock);
  while (run_flow (run) == GST_FLOW_OK) {
    gst_owl2_run_prune (run);
    room = gst_owl2_pool_raw_bytes (run->pool) + size <= GST_OWL2_MAX_RAW_BYTES
           || (!gst_owl2_run_next_frame (run) && !run->n_work);
    if (room || !wait)
      break;
    g_cond_wait (&run->cond, &run->lock);
  }
  g_mutex_unlock (&run->lock);
  return room;
}

GstOwl2Frame *
gst_owl2_run_take (GstOwl2Run *run, const GstOwl2Picture *picture,
    gboolean wait, gboolean lazy, GError **error)
{
  GstOwl2Frame *frame;

  if (!run_has_room (run, picture->info->size, wait))
    return NULL;
  frame = gst_owl2_frame_new (run->pool, picture, error);
  if (!frame)
    return NULL;

  g_mutex_lock (&run->stats->lock);
  run->stats->counts.frames_sampled++;
  g_mutex_unlock (&run->stats->lock);

  frame->lazy = lazy;
  g_mutex_lock (&run->lock);
  if (run_flow (run) == GST_FLOW_OK) {
    g_queue_push_tail (&run->encode, gst_owl2_frame_ref (frame));
    if (gst_owl2_run_next_frame (run))
      gst_owl2_run_kick (run);
  }
  g_mutex_unlock (&run->lock);
  return frame;
}

/* Whether there is a clip or a question in work that is not void. With the lock
 * held. */
static gboolean
run_is_asking (const GstOwl2Run *run)
{
  return run->asking && run->asking->epoch == run->epoch;
}

/* Jobs in the queue. With the lock held. */
static guint
count_from (const GQueue *queue, GstOwl2Source source)
{
  guint n = 0;

  for (const GList *l = queue->head; l; l = l->next)
    n += ((const GstOwl2Job *) l->data)->source == source;
  return n;
}

/* Moves the oldest clips but for @keep, and no question. With the lock held. */
static void
run_drop_clips (GstOwl2Run *run, guint keep, GQueue *dropped)
{
  guint n = count_from (&run->clips, GST_OWL2_SOURCE_TRIGGER);

  for (GList *l = run->clips.head, *next; l && n > keep; l = next) {
    GstOwl2Job *job = l->data;

    next = l->next;
    if (job->source != GST_OWL2_SOURCE_TRIGGER)
      continue;
    g_queue_delete_link (&run->clips, l);
    g_queue_push_tail (dropped, job);
    n--;
  }
}

/* Those that were to be answered in any case. */
static guint
count_clips (const GQueue *jobs)
{
  guint n = 0;

  for (const GList *l = jobs->head; l; l = l->next)
    n += !((const GstOwl2Job *) l->data)->sample.frame;
  return n;
}

guint
gst_owl2_run_submit (GstOwl2Run *run, GstOwl2Job *job, gboolean may_drop)
{
  GQueue dropped = G_QUEUE_INIT;
  guint n_dropped;

  g_mutex_lock (&run->lock);
  if (run_flow (run) == GST_FLOW_OK) {
    /* A question takes no clip's place. */
    guint busy = run_is_asking (run)
                 && run->asking->job->source == GST_OWL2_SOURCE_TRIGGER;

    g_queue_push_tail (&run->clips, job);
    if (may_drop)
      run_drop_clips (run, GST_OWL2_MAX_BUSY_CLIPS - busy, &dropped);
    gst_owl2_run_kick (run);
    job = NULL;
  }
  g_mutex_unlock (&run->lock);

  gst_owl2_job_free (job);
  n_dropped = count_clips (&dropped);
  g_queue_clear_full (&dropped, (GDestroyNotify) gst_owl2_job_free);
  return n_dropped;
}

void
gst_owl2_run_set_newest (GstOwl2Run *run, GstOwl2Job *job)
{
  GstOwl2Job *old = job;

  g_mutex_lock (&run->lock);
  if (run_flow (run) == GST_FLOW_OK) {
    old = run->newest;
    run->newest = job;
  }
  g_mutex_unlock (&run->lock);
  gst_owl2_job_free (old);
}

guint64
gst_owl2_run_ask (GstOwl2Run *run, GstOwl2Settings *settings,
    const char *question, GstOwl2Place *place, GError **error)
{
  guint64 id = 0;
  guint n;

  g_mutex_lock (&run->lock);
  n = count_from (&run->asked, GST_OWL2_SOURCE_ASK);
  if (run_flow (run) != GST_FLOW_OK || !run->newest) {
    g_set_error_literal (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
        "there is no frame yet that it could be about");
  } else if (n >= GST_OWL2_MAX_ASKED) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED,
        "%u questions wait already, which is the most", n);
  } else {
    GstOwl2Job *job = gst_owl2_job_copy (run->newest, settings);

    job->source = GST_OWL2_SOURCE_ASK;
    job->question = g_utf8_make_valid (question, -1);
    job->place = g_steal_pointer (&place);
    job->id = id = ++run->next_id;
    g_queue_push_tail (&run->asked, job);
    gst_owl2_run_kick (run);
  }
  g_mutex_unlock (&run->lock);
  gst_owl2_place_end (place);
  return id;
}

void
gst_owl2_run_ask_job (GstOwl2Run *run, GstOwl2Job *job, gboolean in_turn)
{
  g_mutex_lock (&run->lock);
  if (run_flow (run) == GST_FLOW_OK) {
    g_queue_push_tail (in_turn ? &run->clips : &run->asked, job);
    gst_owl2_run_kick (run);
    job = NULL;
  }
  g_mutex_unlock (&run->lock);
  gst_owl2_job_free (job);
}

/* Clips and questions that are not done with. With the lock held. */
static guint
run_n_open (const GstOwl2Run *run)
{
  return run->clips.length + run->asked.length + run_is_asking (run);
}

GstFlowReturn
gst_owl2_run_finish (GstOwl2Run *run, guint64 timeout_ns, guint *n_dropped)
{
  const gint64 end =
      g_get_monotonic_time () + (gint64) (MIN (timeout_ns, G_MAXINT64) / 1000);
  GQueue encode = G_QUEUE_INIT, clips = G_QUEUE_INIT, late = G_QUEUE_INIT;
  GstFlowReturn ret;
  guint keep;

  g_mutex_lock (&run->lock);
  keep = run_is_asking (run) ? 0 : 1;
  run_drop_clips (run, keep, &late);
  *n_dropped = count_clips (&late);
  while ((ret = run_flow (run)) == GST_FLOW_OK && run_n_open (run)) {
    if (g_cond_wait_until (&run->cond, &run->lock, end))
      continue;
    *n_dropped += run_n_open (run);
    run_give_up (run, &encode, &clips);
  }
  g_mutex_unlock (&run->lock);
  gst_owl2_run_free_queues (&encode, &clips);
  gst_owl2_run_free_queues (&encode, &late);
  return ret;
}
