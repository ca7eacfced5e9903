/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2run-private.h"

/* ---- lifetimes ---------------------------------------------------------- */

static void
config_clear (gpointer data)
{
  GstOwl2WorkerConfig *config = data;

  g_free ((char *) config->element);
  g_free ((char *) config->model);
  g_free ((char *) config->device);
  gst_owl2_settings_unref (config->settings);
}

void
gst_owl2_config_unref (GstOwl2WorkerConfig *config)
{
  if (config)
    g_atomic_rc_box_release_full (config, config_clear);
}

GstOwl2WorkerConfig *
gst_owl2_config_copy (const GstOwl2WorkerConfig *config)
{
  GstOwl2WorkerConfig *copy = g_atomic_rc_box_new (GstOwl2WorkerConfig);

  *copy = *config;
  copy->element = g_strdup (config->element);
  copy->model = g_strdup (config->model);
  copy->device = g_strdup (config->device);
  copy->settings = gst_owl2_settings_ref (config->settings);
  return copy;
}

void
gst_owl2_progress_free (gpointer data)
{
  g_free (((GstOwl2Progress *) data)->text);
  g_free (data);
}

void
gst_owl2_past_turn_free (gpointer data)
{
  g_free (((GstOwl2PastTurn *) data)->question);
  g_free (((GstOwl2PastTurn *) data)->answer);
  g_free (data);
}

GstOwl2Run *
gst_owl2_run_ref (GstOwl2Run *run)
{
  g_atomic_ref_count_inc (&run->refs);
  return run;
}

void
gst_owl2_run_unref (GstOwl2Run *run)
{
  if (!run || !g_atomic_ref_count_dec (&run->refs))
    return;
  g_queue_clear_full (&run->progress, gst_owl2_progress_free);
  g_queue_clear_full (&run->partials, (GDestroyNotify) gst_owl2_answer_unref);
  g_queue_clear_full (&run->turns, gst_owl2_past_turn_free);
  g_clear_error (&run->open_error);
  g_clear_error (&run->fatal);
  g_clear_error (&run->got_error);
  owl2_answer_free (run->got);
  gst_owl2_asking_free (run->asking);
  gst_owl2_rgb_clear (&run->rgb);
  gst_owl2_lane_unref (run->lane);
  gst_owl2_pool_unref (run->pool);
  gst_owl2_stats_unref (run->stats);
  gst_owl2_config_unref (run->config);
  g_free (run->progress_stage);
  g_free (run->model_name);
  g_cond_clear (&run->cond);
  g_mutex_clear (&run->lock);
  g_free (run);
}

/* Asks for a step. With the lock held. */
void
gst_owl2_run_kick (GstOwl2Run *run)
{
  if (run->kicked || !run->lane)
    return;
  run->kicked = TRUE;
  gst_owl2_lane_push (run->lane, run->step, gst_owl2_run_ref (run),
      (GDestroyNotify) gst_owl2_run_unref);
}

/* With the lock held. */
void
gst_owl2_run_take_queues (GstOwl2Run *run, GQueue *encode, GQueue *clips)
{
  *encode = run->encode;
  *clips = run->clips;
  g_queue_init (&run->encode);
  g_queue_init (&run->clips);
  for (GstOwl2Job *job; (job = g_queue_pop_head (&run->asked));)
    g_queue_push_tail (clips, job);
  for (GstOwl2PastTurn *turn; (turn = g_queue_pop_head (&run->turns));)
    gst_owl2_past_turn_free (turn);
  if (run->scene)
    g_queue_push_tail (encode, g_steal_pointer (&run->scene));
  if (run->newest)
    g_queue_push_tail (clips, g_steal_pointer (&run->newest));
}

void
gst_owl2_run_free_queues (GQueue *encode, GQueue *clips)
{
  g_queue_clear_full (encode, (GDestroyNotify) gst_owl2_frame_unref);
  g_queue_clear_full (clips, (GDestroyNotify) gst_owl2_job_free);
}

/* ---- telling ------------------------------------------------------------ */

/* Around each of the funcs, with the lock held, which is let go in between. */
void
gst_owl2_run_begin_callback (GstOwl2Run *run)
{
  run->callback = g_thread_self ();
  g_mutex_unlock (&run->lock);
}

void
gst_owl2_run_end_callback (GstOwl2Run *run)
{
  g_mutex_lock (&run->lock);
  run->callback = NULL;
  g_cond_broadcast (&run->cond);
}

/* Around what may take long, likewise: a stop does not wait for it, and may be
 * over afterwards. */
void
gst_owl2_run_begin_away (GstOwl2Run *run)
{
  run->away = TRUE;
  g_cond_broadcast (&run->cond);
  g_mutex_unlock (&run->lock);
}

void
gst_owl2_run_end_away (GstOwl2Run *run)
{
  g_mutex_lock (&run->lock);
  run->away = FALSE;
}

/* With the lock held. */
void
gst_owl2_run_tell_progress (
    GstOwl2Run *run, GstProgressType type, const char *text, int percent)
{
  if (run->stopping)
    return;
  run->told_start =
      type == GST_PROGRESS_TYPE_START || type == GST_PROGRESS_TYPE_CONTINUE;
  gst_owl2_run_begin_callback (run);
  run->funcs.progress (type, text, percent, run->user_data);
  gst_owl2_run_end_callback (run);
}

/* Nothing more is done. The message is out before anyone who waits goes on, so
 * that it is the first of those that the failure brings. With the lock held. */
void
gst_owl2_run_fail (GstOwl2Run *run, const GError *error)
{
  GstOwl2Place *place = NULL;
  GQueue encode, clips;

  if (run->stopping)
    return;
  run->failing = TRUE;
  gst_owl2_run_begin_callback (run);
  run->funcs.failed (error, run->user_data);
  gst_owl2_run_end_callback (run);
  run->state = GST_OWL2_RUN_FAILED;
  gst_owl2_run_take_queues (run, &encode, &clips);
  /* The engine may still have the clip. */
  if (run->asking)
    place = g_steal_pointer (&run->asking->job->place);
  g_mutex_unlock (&run->lock);
  gst_owl2_place_end (place);
  gst_owl2_run_free_queues (&encode, &clips);
  g_mutex_lock (&run->lock);
}

/* With the lock held. */
void
gst_owl2_run_push_progress (
    GstOwl2Run *run, GstProgressType type, const char *text, int percent)
{
  GstOwl2Progress *progress = g_new (GstOwl2Progress, 1);

  *progress = (GstOwl2Progress){ type, g_strdup (text), percent };
  g_queue_push_tail (&run->progress, progress);
  gst_owl2_run_kick (run);
}

/* ---- what there is to do ----------------------------------------------- */

gboolean
gst_owl2_run_is_void (const GstOwl2Run *run, guint epoch)
{
  return run->stopping || epoch != run->epoch;
}

gboolean
gst_owl2_run_works_on (const GstOwl2Run *run, const GstOwl2Frame *frame)
{
  for (guint i = 0; i < GST_OWL2_MAX_WORK; i++)
    if (run->work[i] == frame)
      return TRUE;
  return FALSE;
}

/* Takes out what is encoded by now, and what no clip wants any more. With the
 * lock held. */
void
gst_owl2_run_prune (GstOwl2Run *run)
{
  for (GList *l = run->encode.head, *next; l; l = next) {
    GstOwl2Frame *frame = l->data;

    next = l->next;
    if (frame->features || frame->error || frame->small
        || gst_owl2_run_works_on (run, frame)
        || g_atomic_ref_count_compare (&frame->refs, 1)) {
      g_queue_delete_link (&run->encode, l);
      gst_owl2_frame_unref (frame);
    }
  }
}

/* (nullable): the place in the queue of what there is to do: frames that are
 * sure to be wanted first, the others only to make room. With the lock held. */
GList *
gst_owl2_run_next_frame (GstOwl2Run *run)
{
  for (GList *l = run->encode.head; l; l = l->next)
    if (!((GstOwl2Frame *) l->data)->lazy)
      return l;
  return gst_owl2_pool_raw_bytes (run->pool) > GST_OWL2_LAZY_RAW_BYTES
             ? run->encode.head
             : NULL;
}

void
gst_owl2_run_update_stats (GstOwl2Run *run)
{
  Owl2Model *model = NULL;
  Owl2ModelInfo info = { 0 };
  guint n_users;

  g_mutex_lock (&run->lock);
  if (run->model)
    model = owl2_model_ref (run->model);
  g_mutex_unlock (&run->lock);
  if (!model)
    return;
  owl2_model_get_info (model, &info);
  n_users = owl2_model_n_users (model);
  owl2_model_unref (model);
  g_mutex_lock (&run->stats->lock);
  run->stats->counts.weights_bytes = info.weights_bytes;
  run->stats->counts.device_bytes = info.device_bytes;
  run->stats->counts.weights_users = n_users;
  g_mutex_unlock (&run->stats->lock);
}
