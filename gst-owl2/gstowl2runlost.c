/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device that is lost does not come back, but the driver's next one may be
 * there after a while. All that the old one had goes first, so that there is
 * room for the model again; elements that shared it, idle ones as well, let go
 * of it, too, and find the first one's. */
#include "gstowl2run-private.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* Loads in a row that bring no answer, before it is given up: after 1/4, 1/2,
 * 1, 2 and 4 s. */
#define MAX_TRIES 5
#define FIRST_DELAY (GST_SECOND / 4)

/* Those that were not stopped. */
static struct {
  GMutex lock;  /* before a run's own */
  GQueue links; /* of the runs; borrowed */
} runs = { .links = G_QUEUE_INIT };

void
gst_owl2_run_enlist (GstOwl2Run *run)
{
  run->link.data = run;
  g_mutex_lock (&runs.lock);
  g_queue_push_tail_link (&runs.links, &run->link);
  g_mutex_unlock (&runs.lock);
}

void
gst_owl2_run_strike (GstOwl2Run *run)
{
  g_mutex_lock (&runs.lock);
  if (run->link.data)
    g_queue_unlink (&runs.links, &run->link);
  run->link.data = NULL;
  g_mutex_unlock (&runs.lock);
}

/* One that has nothing to ask the device would keep the model. Without a run's
 * lock. */
static void
tell_users (const Owl2Model *model, const GError *error)
{
  g_mutex_lock (&runs.lock);
  for (GList *l = runs.links.head; l; l = l->next) {
    GstOwl2Run *run = l->data;

    g_mutex_lock (&run->lock);
    if (run->model == model && !run->fatal && !run->stopping
        && (run->state == GST_OWL2_RUN_READY || run->rests)) {
      run->fatal = g_error_copy (error);
      gst_owl2_run_kick (run);
    }
    g_mutex_unlock (&run->lock);
  }
  g_mutex_unlock (&runs.lock);
}

/* On the clock's thread. */
static gboolean
on_retry (GstClock *clock, GstClockTime time, GstClockID id, gpointer user_data)
{
  GstOwl2Run *run = user_data;

  g_mutex_lock (&run->lock);
  /* Not one that was cancelled. */
  if (run->retry == id && !run->stopping) {
    run->retry_due = TRUE;
    gst_owl2_run_kick (run);
  }
  g_mutex_unlock (&run->lock);
  return TRUE;
}

void
gst_owl2_run_cancel_retry (GstClockID retry)
{
  if (!retry)
    return;
  gst_clock_id_unschedule (retry);
  gst_clock_id_unref (retry);
}

/* With the lock held, as all that follows. */
static void
run_schedule (GstOwl2Run *run)
{
  g_autoptr (GstClock) clock = gst_system_clock_obtain ();
  const GstClockTime delay = FIRST_DELAY << run->n_losses++;

  run->retry =
      gst_clock_new_single_shot_id (clock, gst_clock_get_time (clock) + delay);
  /* Without the clock's thread it is now. */
  if (gst_clock_id_wait_async (run->retry, on_retry, gst_owl2_run_ref (run),
          (GDestroyNotify) gst_owl2_run_unref)
      != GST_CLOCK_OK)
    run->retry_due = TRUE;
}

/* Lets go of the model and of all that its device had. @lost: (nullable): the
 * others that have the model do so, too. */
static void
run_drop_model (GstOwl2Run *run, const GError *lost)
{
  Owl2Opening *opening = g_steal_pointer (&run->opening);
  Owl2Session *session = g_steal_pointer (&run->session);
  Owl2Model *model = g_steal_pointer (&run->model);
  GPtrArray *features = gst_owl2_pool_lose_features (run->pool);
  GstOwl2Frame *scene = g_steal_pointer (&run->scene);

  run->opened = FALSE;
  run->cancelled = FALSE;
  gst_owl2_run_begin_away (run);
  if (lost)
    tell_users (model, lost);
  owl2_opening_cancel (opening);
  owl2_session_free (session);
  g_ptr_array_unref (features);
  gst_owl2_frame_unref (scene);
  owl2_model_unref (model);
  gst_owl2_run_end_away (run);
}

gboolean
gst_owl2_run_step_lost (GstOwl2Run *run)
{
  g_autoptr (GError) error = NULL;

  /* The engine ends all it has with the same error. */
  if (run->n_calls)
    return FALSE;
  if (run->generated) {
    gst_owl2_run_step_generated (run);
    return TRUE;
  }
  if (run->asking && run->asking->compare_error) {
    gst_owl2_run_refuse (run, run->asking->compare_error);
    return TRUE;
  }
  g_queue_clear_full (&run->partials, (GDestroyNotify) gst_owl2_answer_unref);
  error = g_steal_pointer (&run->fatal);
  if (run->n_losses >= MAX_TRIES) {
    gst_owl2_run_fail (run, error);
    return FALSE;
  }
  run->state = GST_OWL2_RUN_LOADING;
  run_drop_model (run, error);
  if (run->stopping)
    return FALSE;
  gst_owl2_run_begin_callback (run);
  run->funcs.device_lost (error, run->user_data);
  gst_owl2_run_end_callback (run);
  gst_owl2_run_tell_progress (
      run, GST_PROGRESS_TYPE_START, "Loading the model again", 0);
  if (!run->stopping)
    run_schedule (run);
  return TRUE;
}

void
gst_owl2_run_step_retry (GstOwl2Run *run)
{
  Owl2Opening *opening;
  GstClockID retry = g_steal_pointer (&run->retry);
  GError *error = NULL;

  run->retry_due = FALSE;
  gst_owl2_run_begin_away (run);
  gst_owl2_run_cancel_retry (retry);
  opening = gst_owl2_run_open (run, &error);
  gst_owl2_run_end_away (run);
  if (run->stopping) {
    g_mutex_unlock (&run->lock);
    owl2_opening_cancel (opening);
    g_clear_error (&error);
    g_mutex_lock (&run->lock);
    return;
  }
  run->opening = opening;
  if (error) {
    run->opened = TRUE;
    run->open_error = error;
  }
}

gboolean
gst_owl2_run_retry (GstOwl2Run *run, const GError *error)
{
  g_autofree char *text = NULL;

  if (!run->n_losses || run->n_losses >= MAX_TRIES)
    return FALSE;
  run_drop_model (run, NULL);
  if (run->stopping)
    return TRUE;
  text = g_strdup_printf ("Loading the model again: %s", error->message);
  GST_INFO ("%s: %s", run->config->element, text);
  gst_owl2_run_tell_progress (run, GST_PROGRESS_TYPE_CONTINUE, text, 0);
  if (!run->stopping)
    run_schedule (run);
  return TRUE;
}
