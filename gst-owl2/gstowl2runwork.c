/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2recipe.h"
#include "gstowl2run-private.h"
#include "printable.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* ---- frames ------------------------------------------------------------- */

/* A frame that the engine has. */
typedef struct {
  GstOwl2Run *run; /* borrowed: the session ends before the run does */
  GstOwl2Frame *frame;
  gpointer memory; /* of the pixels */
  guint epoch;
} Work;

/* Of a request: nothing can go on as it is. What the device can't do for one
 * clip, such as a prompt whose keys fit no binding, it may do for the next. */
static gboolean
error_is_fatal (const GError *error)
{
  return error->domain == OWL2_ERROR
         && (error->code == OWL2_ERROR_DEVICE_LOST
             || error->code == OWL2_ERROR_NO_DEVICE
             || error->code == OWL2_ERROR_BAD_FILE);
}

/* With the lock held. */
static void
run_begin_work (GstOwl2Run *run, GstOwl2Frame *frame)
{
  guint i = 0;

  while (run->work[i])
    i++;
  run->work[i] = gst_owl2_frame_ref (frame);
  run->n_work++;
}

/* The frame is what it will be; there is room again. With the lock held. */
static void
run_end_work (GstOwl2Run *run, GstOwl2Frame *frame)
{
  guint i = 0;

  while (run->work[i] != frame)
    i++;
  run->work[i] = NULL;
  run->n_work--;
  gst_owl2_frame_unref (frame);
  g_cond_broadcast (&run->cond);
}

/* The first one counts. With the lock held. */
static void
run_note_fatal (GstOwl2Run *run, const GError *error)
{
  if (!run->fatal)
    run->fatal = g_error_copy (error);
}

/* Of a frame that somebody wants. FALSE if it is without an end yet, as another
 * device may encode it. With the lock held. */
static gboolean
run_take_error (GstOwl2Run *run, GstOwl2Frame *frame, const GError *error)
{
  if (error && error_is_fatal (error)) {
    run_note_fatal (run, error);
    g_queue_push_tail (&run->encode, gst_owl2_frame_ref (frame));
    return FALSE;
  }
  frame->error = error ? g_error_copy (error) : NULL;
  return TRUE;
}

/* On the engine's thread, as all that follows up to run_start_work(). FALSE if
 * nobody wants to know. With the lock held. */
static gboolean
work_take_error (Work *work, const GError *error)
{
  GstOwl2Run *run = work->run;

  run->n_calls--;
  gst_owl2_run_kick (run);
  return !gst_owl2_run_is_void (run, work->epoch)
         && run_take_error (run, work->frame, error);
}

static void
work_on_encoded (Owl2Features *features, guint64 encode_ns, const GError *error,
    gpointer user_data)
{
  Work *work = user_data;
  GstOwl2Run *run = work->run;

  if (features)
    GST_LOG ("%s: encoded frame at %" GST_TIME_FORMAT " in %" G_GUINT64_FORMAT
             " us",
        run->config->element, GST_TIME_ARGS (work->frame->time),
        encode_ns / 1000);
  g_mutex_lock (&run->lock);
  if (work_take_error (work, error)) {
    g_mutex_lock (&run->stats->lock);
    run->stats->counts.frames_encoded += features != NULL;
    run->stats->counts.encode_ns += features ? encode_ns : 0;
    g_mutex_unlock (&run->stats->lock);
    work->frame->features = g_steal_pointer (&features);
    work->frame->encode_ns = encode_ns;
    gst_owl2_frame_drop_raw (work->frame);
  }
  run_end_work (run, work->frame);
  g_mutex_unlock (&run->lock);
  owl2_features_unref (features);
  g_free (work->memory);
  g_free (work);
}

static void
work_on_shrunk (guint8 *rgb, const GError *error, gpointer user_data)
{
  Work *work = user_data;
  GstOwl2Run *run = work->run;

  g_mutex_lock (&run->lock);
  if (work_take_error (work, error)) {
    if (rgb)
      gst_owl2_frame_set_small (
          work->frame, g_steal_pointer (&rgb), run->image_size);
    else
      gst_owl2_frame_drop_raw (work->frame);
  }
  run_end_work (run, work->frame);
  g_mutex_unlock (&run->lock);
  g_free (rgb);
  g_free (work->memory);
  g_free (work);
}

/* Gives the frame to the engine; what becomes of it is in the frame afterwards,
 * unless the work is void. With the lock held, which is let go meanwhile. */
static void
run_start_work (GstOwl2Run *run, GstOwl2Frame *frame, gboolean shrink)
{
  g_autofree Work *work = g_new0 (Work, 1);
  g_autofree gpointer memory = NULL;
  g_autoptr (GError) error = NULL;
  Owl2Image image;
  Owl2Model *model;
  gboolean ok;

  *work = (Work){ run, frame, NULL, run->epoch };
  model = owl2_model_ref (run->model); /* a stop lets go of the run's */
  run_begin_work (run, frame);
  gst_owl2_run_begin_away (run);
  ok = gst_owl2_frame_land (frame, model, &error)
       && gst_owl2_rgb_convert (&run->rgb, frame, &image, &memory, &error);
  owl2_model_unref (model);
  gst_owl2_run_end_away (run);
  if (gst_owl2_run_is_void (run, work->epoch)) {
    run_end_work (run, frame);
    return;
  }
  if (!ok) {
    if (run_take_error (run, frame, error))
      gst_owl2_frame_drop_raw (frame);
    run_end_work (run, frame);
    return;
  }
  run->n_calls++;
  image.look = frame->look;
  /* What was made small is square already. */
  if (!frame->small)
    gst_owl2_seen_init (&frame->seen, &image, run->image_mode, run->image_size);
  work->memory = g_steal_pointer (&memory);
  if (shrink)
    owl2_session_shrink_async (
        run->session, &image, work_on_shrunk, g_steal_pointer (&work));
  else
    owl2_session_encode_async (
        run->session, &image, work_on_encoded, g_steal_pointer (&work));
}

/* When there is no clip to answer, or it is not known yet. FALSE if there is
 * nothing to do. With the lock held. */
gboolean
gst_owl2_run_step_frames (GstOwl2Run *run)
{
  const gsize small_bytes = 3 * (gsize) run->image_size * run->image_size;
  g_autoptr (GstOwl2Frame) frame = NULL;
  GList *next;

  gst_owl2_run_prune (run);
  next = gst_owl2_run_next_frame (run);
  if (!next)
    return FALSE;
  frame = next->data;
  /* Whether one more has to be shrunk is known when the last one is. */
  if (run->n_work >= (frame->lazy ? 1 : GST_OWL2_MAX_WORK)) {
    frame = NULL;
    return FALSE;
  }
  g_queue_delete_link (&run->encode, next);
  if (!frame->lazy || frame->raw_bytes > small_bytes)
    run_start_work (run, frame, frame->lazy);
  g_cond_broadcast (&run->cond);
  return TRUE;
}

gboolean
gst_owl2_run_want_frame (GstOwl2Run *run, GstOwl2Frame *frame)
{
  if (frame->features || run->n_work >= GST_OWL2_MAX_WORK
      || gst_owl2_run_works_on (run, frame))
    return FALSE;
  run_start_work (run, frame, FALSE);
  return TRUE;
}

/* ---- clips -------------------------------------------------------------- */

/* On the engine's thread. */
static gboolean
run_on_token (
    gint32 id, double probability, const char *text, gpointer user_data)
{
  GstOwl2Run *run = user_data;
  GstOwl2Asking *asking = run->asking;
  gboolean ok;

  gst_owl2_asking_add (asking, probability, text);
  g_mutex_lock (&run->lock);
  ok = !gst_owl2_run_is_void (run, asking->epoch);
  if (ok && text[0] && asking->job->settings->partial) {
    g_queue_push_tail (&run->partials, gst_owl2_asking_partial (asking));
    gst_owl2_run_kick (run);
  }
  g_mutex_unlock (&run->lock);
  return ok;
}

/* On the engine's thread. */
static void
run_on_answered (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  GstOwl2Run *run = user_data;

  g_mutex_lock (&run->lock);
  run->n_calls--;
  run->generating = FALSE;
  run->generated = TRUE;
  run->got = answer;
  run->got_error = error ? g_error_copy (error) : NULL;
  gst_owl2_run_kick (run);
  g_mutex_unlock (&run->lock);
}

/* With the lock held, which is let go meanwhile, as in all that follows. */
void
gst_owl2_run_tell_partial (GstOwl2Run *run)
{
  g_autoptr (GstOwl2Answer) answer = g_queue_pop_head (&run->partials);

  if (!run->asking || gst_owl2_run_is_void (run, run->asking->epoch))
    return;
  gst_owl2_run_begin_callback (run);
  run->funcs.answer (run->asking->job, answer, run->user_data);
  gst_owl2_run_end_callback (run);
}

/* The answer, and where its time went. */
static void
run_log_answer (
    const GstOwl2Run *run, const Owl2Answer *got, const GstOwl2Answer *answer)
{
  const GstOwl2Asking *asking = run->asking;
  const GstOwl2Job *job = asking->job;
  const double arrived_ns = (double) gst_owl2_job_arrived_ns (job);
  const guint max_tokens = job->settings->max_tokens;
  g_autofree char *text = NULL;
  guint64 encode_ns = 0;

  if (got->truncated && got->n_ids < max_tokens)
    GST_WARNING ("%s: answer %" G_GUINT64_FORMAT " ends after %u of max-tokens"
                 " %u: with a prompt of %u the context is full",
        answer->element, answer->id, got->n_ids, max_tokens, got->n_prompt);
  if (gst_debug_category_get_threshold (gst_owl2_debug) < GST_LEVEL_DEBUG)
    return;
  for (guint i = 0; i < job->n_frames; i++)
    if (job->frames[i]->uses == 0)
      encode_ns += job->frames[i]->encode_ns;
  text = owl2_printable_message (answer->text);
  GST_DEBUG ("%s: answer %" G_GUINT64_FORMAT " to %" GST_TIME_FORMAT
             " - %" GST_TIME_FORMAT ", %u frames, %u + %u tokens (%u reused):"
             " \"%s\"",
      answer->element, answer->id, GST_TIME_ARGS (answer->start),
      GST_TIME_ARGS (answer->end), answer->n_times, answer->n_prompt_tokens,
      answer->n_tokens, got->n_reused, text);
  GST_DEBUG ("%s: answer %" G_GUINT64_FORMAT
             " took %.1f ms: %.1f ms until it was"
             " begun, of which the device encoded new frames for %.1f; prefill"
             " %.1f, decode %.1f",
      answer->element, answer->id, 1e-6 * (double) answer->latency,
      1e-6 * ((double) asking->begun_ns - arrived_ns),
      1e-6 * (double) encode_ns, 1e-6 * (double) got->prefill_ns,
      1e-6 * (double) got->decode_ns);
}

/* What was said goes into the prompts to come. With the lock held. */
static void
run_remember (GstOwl2Run *run, const GstOwl2Answer *answer)
{
  GstOwl2PastTurn *turn = g_new (GstOwl2PastTurn, 1);

  turn->question = gst_owl2_job_literal (run->asking->job);
  turn->answer = owl2_prompt_plain (answer->text);
  g_queue_push_tail (&run->turns, turn);
  while (run->turns.length > GST_OWL2_MAX_HISTORY)
    gst_owl2_past_turn_free (g_queue_pop_head (&run->turns));
}

/* The next ones are compared with this. With the lock held. */
static void
run_set_scene (GstOwl2Run *run, const GstOwl2Sample *sample)
{
  if (!sample->frame)
    return;
  gst_owl2_frame_unref (run->scene);
  run->scene = gst_owl2_frame_ref (sample->frame);
  run->scene_t = sample->t;
  run->scene_series = sample->series;
}

/* With the lock held. */
static void
run_count_time (GstOwl2Run *run)
{
  const guint64 now = (guint64) g_get_monotonic_time () * 1000;
  const guint64 took = now - run->asking->taken_ns;

  run->answer_ns = run->answer_ns ? (3 * run->answer_ns + took) / 4 : took;
}

/* Counts what the answer took, makes it known, and leaves it in its place. */
static void
run_publish (GstOwl2Run *run, const Owl2Answer *got)
{
  const GstOwl2Asking *asking = run->asking;
  GstOwl2Answer *answer = gst_owl2_asking_final (asking, got, &run->alert);
  guint n_reused = 0;

  run_count_time (run);
  run_log_answer (run, got, answer);
  for (guint i = 0; i < asking->job->n_frames; i++)
    n_reused += asking->job->frames[i]->uses++ > 0;
  g_mutex_unlock (&run->lock);

  g_mutex_lock (&run->stats->lock);
  run->stats->counts.clips_answered++;
  run->stats->counts.frames_reused += n_reused;
  run->stats->counts.tokens += got->n_ids;
  run->stats->counts.prompt_tokens += got->n_prompt;
  run->stats->counts.prompt_tokens_reused += got->n_reused;
  run->stats->counts.prefill_ns += got->prefill_ns;
  run->stats->counts.decode_ns += got->decode_ns;
  g_mutex_unlock (&run->stats->lock);
  gst_owl2_run_update_stats (run);

  g_mutex_lock (&run->lock);
  if (!gst_owl2_run_is_void (run, asking->epoch)) {
    gst_owl2_run_begin_callback (run);
    run->funcs.answer (asking->job, answer, run->user_data);
    gst_owl2_run_end_callback (run);
  }
  run->n_losses = 0;
  if (!gst_owl2_run_is_void (run, asking->epoch)) {
    run_remember (run, answer);
    run_set_scene (run, &asking->job->sample);
    if (asking->job->place)
      gst_owl2_place_fill (asking->job->place, answer);
  }
  gst_owl2_answer_unref (answer);
}

void
gst_owl2_run_lose (GstOwl2Run *run, const GError *error)
{
  g_mutex_lock (&run->stats->lock);
  run->stats->counts.clips_dropped++;
  g_mutex_unlock (&run->stats->lock);
  gst_owl2_run_begin_callback (run);
  run->funcs.lost (run->asking->job, error, run->user_data);
  gst_owl2_run_end_callback (run);
}

/* The clip is done with. */
void
gst_owl2_run_end_clip (GstOwl2Run *run)
{
  GstOwl2Asking *asking = g_steal_pointer (&run->asking);

  g_mutex_unlock (&run->lock);
  gst_owl2_asking_free (asking);
  g_mutex_lock (&run->lock);
  /* There may be room for pictures, as well. */
  g_cond_broadcast (&run->cond);
}

/* Of the clip. A device that is lost may be replaced. */
static void
run_take_refusal (GstOwl2Run *run, const GError *error)
{
  const gboolean fatal = error_is_fatal (error);

  if (fatal && error->code != OWL2_ERROR_DEVICE_LOST) {
    gst_owl2_run_fail (run, error);
    return;
  }
  if (fatal)
    run_note_fatal (run, error);
  gst_owl2_run_lose (run, error);
}

void
gst_owl2_run_refuse (GstOwl2Run *run, const GError *error)
{
  run_take_refusal (run, error);
  gst_owl2_run_end_clip (run);
}

/* What the engine made of the clip. */
void
gst_owl2_run_step_generated (GstOwl2Run *run)
{
  g_autoptr (Owl2Answer) got = g_steal_pointer (&run->got);
  g_autoptr (GError) error = g_steal_pointer (&run->got_error);

  run->generated = FALSE;
  if (!gst_owl2_run_is_void (run, run->asking->epoch)) {
    if (got)
      run_publish (run, got);
    else
      run_take_refusal (run, error);
  }
  gst_owl2_run_end_clip (run);
}

/* The request that @prompt is for, but for the frames themselves. */
static Owl2Request
job_request (const GstOwl2Job *job, const char *prompt)
{
  Owl2Request request = {
    .prompt = prompt,
    .n_frames = job->n_frames,
    .answer_prefix = gst_owl2_recipe_answer_prefix (job->settings),
    .sampling = gst_owl2_job_sampling (job),
  };

  gst_owl2_recipe_choices (job->settings, &request);
  return request;
}

static gboolean
run_is_short (GstOwl2Run *run, const char *prompt)
{
  const Owl2Request request = job_request (run->asking->job, prompt);

  return owl2_session_room (run->session, &request) == OWL2_ROOM_SHORT;
}

/* (transfer full): the prompt, with as many of the newest turns as are wanted
 * and the context has room for beside the answer. With the lock held. */
static char *
run_prompt (GstOwl2Run *run)
{
  const GstOwl2Job *job = run->asking->job;
  Owl2Turn turns[GST_OWL2_MAX_HISTORY] = { 0 };
  const guint wanted = MIN (job->settings->history, run->turns.length);
  guint n = wanted;
  char *prompt;

  for (guint i = 0; i < wanted; i++) {
    const GstOwl2PastTurn *turn =
        g_queue_peek_nth (&run->turns, run->turns.length - wanted + i);

    turns[i] = (Owl2Turn){ turn->question, turn->answer };
  }
  prompt = gst_owl2_job_prompt (job, turns, n);
  while (n && run_is_short (run, prompt)) {
    g_free (prompt);
    n--;
    prompt = gst_owl2_job_prompt (job, turns + wanted - n, n);
  }
  if (n < wanted)
    GST_INFO ("%s: the context has room for %u of %u earlier turns beside"
              " max-tokens %u",
        run->config->element, n, wanted, job->settings->max_tokens);
  return prompt;
}

/* Whether the settings want it, and did when the frames came. */
static gboolean
run_looks (const GstOwl2Job *job)
{
  gboolean all = job->settings->look;

  for (guint i = 0; i < job->n_frames; i++)
    all = all && owl2_features_look (job->frames[i]->features);
  return all;
}

static void
run_start_generate (GstOwl2Run *run)
{
  GstOwl2Asking *asking = run->asking;
  const GstOwl2Job *job = asking->job;
  Owl2Features *features[GST_OWL2_MAX_FRAMES];
  g_autofree char *prompt = run_prompt (run);
  Owl2Request request = job_request (job, prompt);

  request.frames = features;
  request.look = run_looks (job);
  request.on_token = run_on_token;
  request.user_data = run;
  for (guint i = 0; i < job->n_frames; i++)
    features[i] = job->frames[i]->features;
  asking->id = job->id ? job->id : ++run->next_id;
  asking->model = run->model_name;
  asking->element = run->config->element;
  asking->begun_ns = (guint64) g_get_monotonic_time () * 1000;
  run->n_calls++;
  run->generating = TRUE;
  owl2_session_generate_async (run->session, &request, run_on_answered, run);
}

/* Of frames that are as many as there are seconds, those that there is room
 * for, and a word about the others. */
static void
run_thin (GstOwl2Run *run, GstOwl2Job *job)
{
  g_autofree char *prompt = gst_owl2_job_prompt (job, NULL, 0);
  const Owl2Request request = job_request (job, prompt);
  guint n;

  if (job->settings->n_frames)
    return;
  n = owl2_session_most_frames (run->session, &request);
  if (n < job->n_frames)
    gst_owl2_job_thin (job, n);
  if (job->n_frames == job->n_wanted)
    return;
  gst_owl2_run_begin_callback (run);
  run->funcs.thinned (job, run->user_data);
  gst_owl2_run_end_callback (run);
}

/* Before anything is computed for the clip. */
static void
run_prepare (GstOwl2Run *run, GstOwl2Job *job)
{
  g_autoptr (GError) error = NULL;

  run->asking->prepared = TRUE;
  if (gst_owl2_recipe_check (job->settings, job->question, &error)) {
    run_thin (run, job);
    return;
  }
  gst_owl2_run_lose (run, error);
  gst_owl2_run_end_clip (run);
}

/* The next thing for the clip. FALSE if it is the engine's turn. */
gboolean
gst_owl2_run_step_clip (GstOwl2Run *run)
{
  GstOwl2Job *job = run->asking->job;
  gboolean waits = FALSE;

  if (!run->asking->prepared) {
    run_prepare (run, job);
    return TRUE;
  }
  for (guint i = 0; i < job->n_frames; i++)
    if (job->frames[i]->error) {
      gst_owl2_run_lose (run, job->frames[i]->error);
      gst_owl2_run_end_clip (run);
      return TRUE;
    }
  for (guint i = 0; i < job->n_frames; i++) {
    if (gst_owl2_run_want_frame (run, job->frames[i]))
      return TRUE;
    waits = waits || !job->frames[i]->features;
  }
  if (waits)
    return FALSE;
  run_start_generate (run);
  return TRUE;
}
