/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the frames that are compared are answered. That goes by the frames
 * and by those before alone: one is decided on after the other, and each is
 * compared with the one that was answered last. */
#include "gstowl2run-private.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* On the engine's thread. */
static void
run_on_compared (double distance, const GError *error, gpointer user_data)
{
  GstOwl2Run *run = user_data;
  GstOwl2Asking *asking;

  g_mutex_lock (&run->lock);
  asking = run->asking;
  asking->decision = GST_OWL2_DECISION_COMPARED;
  asking->distance = distance;
  asking->compare_error = error ? g_error_copy (error) : NULL;
  run->n_calls--;
  gst_owl2_run_kick (run);
  g_mutex_unlock (&run->lock);
}

static gboolean
run_leave_out (GstOwl2Run *run, const char *why)
{
  GST_LOG ("%s: frame at %" GST_TIME_FORMAT " is not answered: %s",
      run->config->element,
      GST_TIME_ARGS (run->asking->job->sample.frame->time), why);
  gst_owl2_run_end_clip (run);
  return TRUE;
}

static gboolean
run_take_in (GstOwl2Run *run, const char *why)
{
  GST_DEBUG ("%s: frame at %" GST_TIME_FORMAT " is answered: %s",
      run->config->element,
      GST_TIME_ARGS (run->asking->job->sample.frame->time), why);
  run->asking->decision = GST_OWL2_DECISION_ANSWER;
  return TRUE;
}

static gboolean
run_refuse (GstOwl2Run *run, const GError *error)
{
  gst_owl2_run_refuse (run, error);
  return TRUE;
}

static gboolean
run_decide (GstOwl2Run *run)
{
  const GstOwl2Asking *asking = run->asking;
  const double threshold = asking->job->settings->scene_threshold;
  g_autofree char *why = NULL;

  if (asking->compare_error)
    return run_refuse (run, asking->compare_error);
  why = g_strdup_printf (
      "the distance is %.4f, the threshold %.4f", asking->distance, threshold);
  return asking->distance > threshold ? run_take_in (run, why)
                                      : run_leave_out (run, why);
}

gboolean
gst_owl2_run_step_scene (GstOwl2Run *run)
{
  GstOwl2Asking *asking = run->asking;
  const GstOwl2Settings *settings = asking->job->settings;
  const GstOwl2Sample *sample = &asking->job->sample;
  const guint64 step = gst_owl2_settings_scene_step (settings);
  guint64 since;

  if (asking->decision == GST_OWL2_DECISION_COMPARING)
    return FALSE;
  if (asking->decision == GST_OWL2_DECISION_COMPARED)
    return run_decide (run);
  if (!run->scene || run->scene_series != sample->series)
    return run_take_in (run, "it is the first");

  since = (guint64) (sample->t - run->scene_t);
  if (since < settings->min_interval)
    return run_leave_out (run, "min-interval has not passed");
  /* The next one would come too late. */
  if (settings->max_interval
      && since > settings->max_interval - MIN (step, settings->max_interval))
    return run_take_in (run, "max-interval has passed");

  if (sample->frame->error)
    return run_refuse (run, sample->frame->error);
  if (gst_owl2_run_want_frame (run, sample->frame))
    return TRUE;
  if (!sample->frame->features)
    return FALSE;
  asking->decision = GST_OWL2_DECISION_COMPARING;
  run->n_calls++;
  owl2_session_distance_async (run->session, run->scene->features,
      sample->frame->features, run_on_compared, run);
  return TRUE;
}
