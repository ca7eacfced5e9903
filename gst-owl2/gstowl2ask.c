/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2ask.h"
#include "gstowl2alert.h"
#include "gstowl2recipe.h"

#include <math.h>

void
gst_owl2_job_free (GstOwl2Job *job)
{
  if (!job)
    return;
  for (guint i = 0; i < job->n_frames; i++)
    gst_owl2_frame_unref (job->frames[i]);
  gst_owl2_settings_unref (job->settings);
  gst_owl2_place_end (job->place);
  if (job->on_free)
    job->on_free (job->on_free_data);
  g_free (job->question);
  g_free (job);
}

GstOwl2Job *
gst_owl2_job_new (GstOwl2Settings *settings, GstClockTime start,
    GstClockTime end, GstOwl2Frame *const *frames, guint n_frames)
{
  GstOwl2Job *job = g_new0 (GstOwl2Job, 1);
  gboolean backwards = frames[0]->time > frames[n_frames - 1]->time;

  job->settings = gst_owl2_settings_ref (settings);
  job->start = start;
  job->end = end;
  job->n_frames = job->n_wanted = n_frames;
  for (guint i = 0; i < n_frames; i++)
    job->frames[i] =
        gst_owl2_frame_ref (frames[backwards ? n_frames - 1 - i : i]);
  return job;
}

GstOwl2Job *
gst_owl2_job_copy (const GstOwl2Job *job, GstOwl2Settings *settings)
{
  GstOwl2Job *copy = gst_owl2_job_new (
      settings, job->start, job->end, job->frames, job->n_frames);

  copy->n_wanted = job->n_wanted;
  return copy;
}

void
gst_owl2_job_thin (GstOwl2Job *job, guint n)
{
  guint kept = 0;

  for (guint i = 0; i < job->n_frames; i++) {
    if (kept < n && i == (guint) ((guint64) kept * job->n_frames / n))
      job->frames[kept++] = job->frames[i];
    else
      gst_owl2_frame_unref (job->frames[i]);
  }
  job->n_frames = kept;
}

guint64
gst_owl2_job_arrived_ns (const GstOwl2Job *job)
{
  guint64 last = 0;

  for (guint i = 0; i < job->n_frames; i++)
    last = MAX (last, job->frames[i]->arrived_ns);
  return last;
}

const char *
gst_owl2_job_question (const GstOwl2Job *job)
{
  return job->question ? job->question
                       : gst_owl2_settings_question (job->settings);
}

char *
gst_owl2_job_literal (const GstOwl2Job *job)
{
  return job->question ? owl2_prompt_plain (job->question)
                       : g_strdup (gst_owl2_settings_question (job->settings));
}

char *
gst_owl2_job_prompt (
    const GstOwl2Job *job, const Owl2Turn *turns, guint n_turns)
{
  g_autofree char *question = gst_owl2_job_literal (job);

  return gst_owl2_recipe_prompt (job->settings, question, turns, n_turns);
}

/* A step of FNV-1a. */
static guint64
hash_add (guint64 hash, guint8 byte)
{
  return (hash ^ byte) * G_GUINT64_CONSTANT (0x100000001b3);
}

Owl2Sampling
gst_owl2_job_sampling (const GstOwl2Job *job)
{
  Owl2Sampling sampling = gst_owl2_settings_sampling (job->settings);
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (guint i = 0; i < 8; i++)
    hash = hash_add (hash, (guint8) (sampling.seed >> 8 * i));
  for (guint i = 0; i < 8; i++)
    hash = hash_add (hash, (guint8) (job->start >> 8 * i));
  for (const char *s = gst_owl2_job_question (job); *s; s++)
    hash = hash_add (hash, (guint8) *s);
  sampling.seed = hash;
  return sampling;
}

GstOwl2Asking *
gst_owl2_asking_new (GstOwl2Job *job, guint epoch)
{
  GstOwl2Asking *asking = g_new0 (GstOwl2Asking, 1);

  asking->job = job;
  asking->decision =
      job->sample.frame ? GST_OWL2_DECISION_OPEN : GST_OWL2_DECISION_ANSWER;
  asking->epoch = epoch;
  asking->taken_ns = (guint64) g_get_monotonic_time () * 1000;
  asking->text = g_string_new (NULL);
  return asking;
}

void
gst_owl2_asking_free (GstOwl2Asking *asking)
{
  if (!asking)
    return;
  gst_owl2_job_free (asking->job);
  g_clear_error (&asking->compare_error);
  g_string_free (asking->text, TRUE);
  g_free (asking);
}

void
gst_owl2_asking_add (
    GstOwl2Asking *asking, double probability, const char *text)
{
  asking->n_tokens++;
  /* As the engine's: one that is rounded to nothing is not impossible. */
  asking->log_probability += log (MAX (probability, G_MINDOUBLE));
  g_string_append (asking->text, text);
}

static GstOwl2Answer *
asking_answer (const GstOwl2Asking *asking, const char *text)
{
  const GstOwl2Job *job = asking->job;
  GstOwl2Answer *answer = gst_owl2_answer_new ();

  answer->id = asking->id;
  answer->text = g_strdup (text);
  answer->prompt = g_strdup (gst_owl2_job_question (job));
  answer->model = g_strdup (asking->model);
  answer->element = g_strdup (asking->element);
  answer->start = job->start;
  answer->end = job->end;
  answer->times = g_new (GstClockTime, job->n_frames);
  answer->n_times = job->n_frames;
  for (guint i = 0; i < job->n_frames; i++)
    answer->times[i] = job->frames[i]->time;
  answer->n_wanted = job->n_wanted;
  answer->latency =
      (guint64) g_get_monotonic_time () * 1000 - gst_owl2_job_arrived_ns (job);
  return answer;
}

GstOwl2Answer *
gst_owl2_asking_partial (const GstOwl2Asking *asking)
{
  GstOwl2Answer *answer = asking_answer (asking, asking->text->str);

  answer->n_tokens = asking->n_tokens;
  answer->confidence = exp (asking->log_probability / asking->n_tokens);
  gst_owl2_answer_seal (answer);
  return answer;
}

/* What was chosen from, as the engine was asked. */
static void
asking_fill_choices (
    const GstOwl2Asking *asking, const Owl2Answer *got, GstOwl2Answer *answer)
{
  Owl2Request request = { NULL };

  gst_owl2_recipe_choices (asking->job->settings, &request);
  if (!got->probabilities || got->n_choices != request.n_choices)
    return;
  answer->n_choices = got->n_choices;
  answer->choices = g_new0 (char *, got->n_choices + 1);
  for (guint i = 0; i < got->n_choices; i++)
    answer->choices[i] = g_strdup (request.choices[i]);
  answer->probabilities =
      g_memdup2 (got->probabilities, got->n_choices * sizeof (double));
  answer->scored = request.choice_weights != NULL;
  answer->score = got->score;
}

GstOwl2Answer *
gst_owl2_asking_final (
    const GstOwl2Asking *asking, const Owl2Answer *got, gboolean *alert)
{
  GstOwl2Answer *answer = asking_answer (asking, got->text);

  answer->n_tokens = got->n_ids;
  answer->n_prompt_tokens = got->n_prompt;
  answer->confidence = got->confidence;
  answer->final = TRUE;
  asking_fill_choices (asking, got, answer);
  if (got->maps)
    answer->look = gst_owl2_look_new (
        got, &asking->job->frames[asking->job->n_frames - 1]->seen);
  if (asking->job->source == GST_OWL2_SOURCE_TRIGGER)
    gst_owl2_alert_update (asking->job->settings, answer, alert);
  gst_owl2_answer_seal (answer);
  return answer;
}
