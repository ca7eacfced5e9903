/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2worker-private.h"
#include "printable.h"
#include <math.h>

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

#define PROGRESS_GAP_NS (250 * GST_MSECOND)

static guint64
now_ns (void)
{
  return (guint64) g_get_monotonic_time () * 1000;
}

/* ---- loading ------------------------------------------------------------ */

static void
worker_log (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  static const GstDebugLevel levels[] = {
    [OWL2_LOG_ERROR] = GST_LEVEL_ERROR,
    [OWL2_LOG_WARNING] = GST_LEVEL_WARNING,
    [OWL2_LOG_INFO] = GST_LEVEL_INFO,
    [OWL2_LOG_DEBUG] = GST_LEVEL_DEBUG,
    [OWL2_LOG_LOG] = GST_LEVEL_LOG,
    [OWL2_LOG_TRACE] = GST_LEVEL_TRACE,
  };

  g_autofree char *shown = owl2_printable_message (message);

  if (level >= OWL2_LOG_ERROR && level <= OWL2_LOG_TRACE)
    GST_CAT_LEVEL_LOG (
        gst_owl2_debug, levels[level], NULL, "%s: %s", area, shown);
}

/* What the debug category lets through, so that the engine formats no more. */
static Owl2LogLevel
worker_log_level (void)
{
  GstDebugLevel threshold = gst_debug_category_get_threshold (gst_owl2_debug);

  if (threshold <= GST_LEVEL_ERROR)
    return OWL2_LOG_ERROR;
  if (threshold <= GST_LEVEL_FIXME)
    return OWL2_LOG_WARNING;
  if (threshold <= GST_LEVEL_INFO)
    return OWL2_LOG_INFO;
  if (threshold <= GST_LEVEL_DEBUG)
    return OWL2_LOG_DEBUG;
  return threshold <= GST_LEVEL_LOG ? OWL2_LOG_LOG : OWL2_LOG_TRACE;
}

static gboolean
run_is_stopping (GstOwl2Run *run)
{
  gboolean stopping;

  g_mutex_lock (&run->worker->lock);
  stopping = run->stopping;
  g_mutex_unlock (&run->worker->lock);
  return stopping;
}

static void
run_tell_progress (
    GstOwl2Run *run, GstProgressType type, const char *text, int percent)
{
  if (run->detached)
    return;
  g_mutex_lock (&run->worker->lock);
  run->told_start =
      type == GST_PROGRESS_TYPE_START || type == GST_PROGRESS_TYPE_CONTINUE;
  g_mutex_unlock (&run->worker->lock);
  run->worker->funcs.progress (type, text, percent, run->worker->user_data);
}

/* Tells each stage, and in between no more than four times a second. */
static gboolean
run_on_progress (const char *stage, double fraction, gpointer user_data)
{
  GstOwl2Run *run = user_data;
  int percent = (int) (100 * CLAMP (fraction, 0., 1.));
  guint64 now = now_ns ();

  if (run_is_stopping (run))
    return FALSE;
  if (now - run->progress_ns >= PROGRESS_GAP_NS
      || g_strcmp0 (stage, run->progress_stage) != 0) {
    g_autofree char *text = g_strdup_printf ("%s (%d %%)", stage, percent);

    run->progress_ns = now;
    g_free (run->progress_stage);
    run->progress_stage = g_strdup (stage);
    run_tell_progress (run, GST_PROGRESS_TYPE_CONTINUE, text, percent);
  }
  return !run_is_stopping (run);
}

static void
run_update_memory (GstOwl2Run *run)
{
  GstOwl2Stats *stats = run->worker->stats;
  Owl2ModelInfo info = { 0 };

  owl2_model_get_info (run->model, &info);
  g_mutex_lock (&stats->lock);
  stats->counts.weights_bytes = info.weights_bytes;
  stats->counts.device_bytes = info.device_bytes;
  stats->counts.weights_users = 1;
  g_mutex_unlock (&stats->lock);
}

gboolean
gst_owl2_run_load (GstOwl2Run *run)
{
  const GstOwl2WorkerConfig *config = run->config;
  g_autofree char *cache_dir =
      g_build_filename (g_get_user_cache_dir (), "owl2", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = NULL;
  Owl2ModelParams params = {
    .path = config->model,
    .device = config->device,
    .cache_dir = cache_dir,
    .kv_type = (Owl2KvType) config->kv_type,
    .mmap = config->mmap,
    .log = { worker_log, NULL, worker_log_level () },
    .progress = run_on_progress,
    .progress_data = run,
  };
  g_autofree char *prompt = owl2_prompt_format (
      gst_owl2_settings_question (config->settings), TRUE, NULL, 0);
  Owl2SessionParams session_params = {
    .language_only = config->language_only,
    .kv_type = (Owl2KvType) config->kv_type,
    .prompt = prompt,
    .n_frames = config->settings->n_frames,
    .max_tokens = config->settings->max_tokens,
  };
  Owl2ModelInfo info = { 0 };
  g_autofree char *shown = NULL;

  run_tell_progress (run, GST_PROGRESS_TYPE_START, "Loading the model", 0);
  if (!run_is_stopping (run))
    run->model = owl2_model_load (&params, &error);
  if (run->model && !run_is_stopping (run))
    session = owl2_session_new (run->model, &session_params, &error);
  if (!session) {
    if (run_is_stopping (run))
      return FALSE;
    run_tell_progress (run, GST_PROGRESS_TYPE_ERROR, error->message, 0);
    gst_owl2_run_fail (run, error);
    return FALSE;
  }

  owl2_model_get_info (run->model, &info);
  run->model_name = g_utf8_make_valid (info.name ? info.name : "", -1);
  run->image_size = info.image_size;
  run_update_memory (run);
  shown = owl2_printable_message (run->model_name);
  GST_INFO ("model '%s' on '%s' (%s), %" G_GUINT64_FORMAT " bytes of weights",
      shown, GST_STR_NULL (info.device), GST_STR_NULL (info.driver),
      info.weights_bytes);
  run_tell_progress (run, GST_PROGRESS_TYPE_COMPLETE, "Model loaded", 100);

  g_mutex_lock (&run->worker->lock);
  run->session = g_steal_pointer (&session);
  run->state = STATE_READY;
  g_cond_broadcast (&run->worker->cond);
  g_mutex_unlock (&run->worker->lock);
  return TRUE;
}

void
gst_owl2_run_unload (GstOwl2Run *run)
{
  Owl2Session *session;

  g_mutex_lock (&run->worker->lock);
  session = g_steal_pointer (&run->session);
  g_mutex_unlock (&run->worker->lock);
  owl2_session_free (session);
  g_clear_pointer (&run->model, owl2_model_unref);
  g_clear_pointer (&run->model_name, g_free);
  g_clear_pointer (&run->progress_stage, g_free);
  gst_owl2_rgb_clear (&run->rgb);
}

/* ---- encoding and answering --------------------------------------------- */

/* Around each call of the session, so that a cancel hits this call or none.
 * FALSE if the work of @epoch is void already. */
static gboolean
run_begin_call (GstOwl2Run *run, guint epoch)
{
  GstOwl2Worker *w = run->worker;
  gboolean ok;

  g_mutex_lock (&w->lock);
  ok = !run->stopping && epoch == w->epoch;
  run->in_call = ok;
  g_mutex_unlock (&w->lock);
  return ok;
}

/* FALSE if the work of @epoch became void during the call. */
static gboolean
run_end_call (GstOwl2Run *run, guint epoch)
{
  GstOwl2Worker *w = run->worker;
  gboolean ok;

  g_mutex_lock (&w->lock);
  run->in_call = FALSE;
  owl2_session_uncancel (run->session);
  ok = !run->stopping && epoch == w->epoch;
  g_mutex_unlock (&w->lock);
  return ok;
}

/* Of a request. What the device can't do for one clip, such as a prompt whose
 * keys fit no binding, it may do for the next. */
static gboolean
error_is_fatal (const GError *error)
{
  return error->domain == OWL2_ERROR
         && (error->code == OWL2_ERROR_DEVICE_LOST
             || error->code == OWL2_ERROR_NO_DEVICE
             || error->code == OWL2_ERROR_BAD_FILE);
}

gboolean
gst_owl2_run_encode (GstOwl2Run *run, GstOwl2Frame *frame, guint epoch)
{
  GstOwl2Worker *w = run->worker;
  g_autofree gpointer memory = NULL;
  Owl2Features *features = NULL;
  GError *error = NULL;
  Owl2Image image;
  guint64 encode_ns = 0;

  if (frame->features || frame->error)
    return TRUE;

  if (gst_owl2_rgb_convert (&run->rgb, frame, &image, &memory, &error)) {
    if (!run_begin_call (run, epoch))
      return FALSE;
    features = owl2_session_encode (run->session, &image, &encode_ns, &error);
    if (!run_end_call (run, epoch)) {
      owl2_features_unref (features);
      g_clear_error (&error);
      return FALSE;
    }
    if (!features && error_is_fatal (error)) {
      gst_owl2_run_fail (run, error);
      g_error_free (error);
      return FALSE;
    }
  }

  g_mutex_lock (&w->lock);
  frame->features = features;
  frame->error = error;
  gst_owl2_frame_drop_raw (frame);
  g_cond_broadcast (&w->cond); /* there is room again */
  g_mutex_unlock (&w->lock);

  if (features) {
    GST_LOG ("encoded frame at %" GST_TIME_FORMAT " in %" G_GUINT64_FORMAT
             " us",
        GST_TIME_ARGS (frame->time), encode_ns / 1000);
    g_mutex_lock (&w->stats->lock);
    w->stats->counts.frames_encoded++;
    w->stats->counts.encode_ns += encode_ns;
    g_mutex_unlock (&w->stats->lock);
  }
  return TRUE;
}

gboolean
gst_owl2_run_shrink (GstOwl2Run *run, GstOwl2Frame *frame, guint epoch)
{
  GstOwl2Worker *w = run->worker;
  const gsize small_bytes = 3 * (gsize) run->image_size * run->image_size;
  g_autofree gpointer memory = NULL;
  guint8 *small = NULL;
  GError *error = NULL;
  Owl2Image image;

  if (frame->features || frame->error || frame->small
      || frame->raw_bytes <= small_bytes)
    return TRUE;

  if (gst_owl2_rgb_convert (&run->rgb, frame, &image, &memory, &error)) {
    if (!run_begin_call (run, epoch))
      return FALSE;
    small = owl2_session_shrink (run->session, &image, &error);
    if (!run_end_call (run, epoch)) {
      g_free (small);
      g_clear_error (&error);
      return FALSE;
    }
    if (!small && error_is_fatal (error)) {
      gst_owl2_run_fail (run, error);
      g_error_free (error);
      return FALSE;
    }
  }

  g_mutex_lock (&w->lock);
  frame->error = error;
  if (small)
    gst_owl2_frame_set_small (frame, small, run->image_size);
  else
    gst_owl2_frame_drop_raw (frame);
  g_cond_broadcast (&w->cond);
  g_mutex_unlock (&w->lock);
  return TRUE;
}

/* A clip on its way to an answer. */
typedef struct {
  GstOwl2Run *run;
  const GstOwl2Job *job;
  guint64 id;
  guint epoch;
  GString *text;
  guint n_tokens;
  double log_probability; /* sum over the tokens */
} Asking;

static GstOwl2Answer *
asking_answer (const Asking *asking, const char *text)
{
  const GstOwl2Job *job = asking->job;
  const GstOwl2Frame *last = job->frames[job->n_frames - 1];
  GstOwl2Answer *answer = gst_owl2_answer_new ();

  answer->id = asking->id;
  answer->text = g_strdup (text);
  answer->prompt = g_strdup (gst_owl2_settings_question (job->settings));
  answer->model = g_strdup (asking->run->model_name);
  answer->element = g_strdup (asking->run->config->element);
  answer->start = job->start;
  answer->end = job->end;
  answer->times = g_new (GstClockTime, job->n_frames);
  answer->n_times = job->n_frames;
  for (guint i = 0; i < job->n_frames; i++)
    answer->times[i] = job->frames[i]->time;
  answer->latency = now_ns () - last->arrived_ns;
  return answer;
}

static gboolean
asking_on_token (
    gint32 id, double probability, const char *text, gpointer user_data)
{
  Asking *asking = user_data;
  GstOwl2Run *run = asking->run;
  GstOwl2Worker *w = run->worker;
  gboolean ok;

  asking->n_tokens++;
  /* As the engine's: one that is rounded to nothing is not impossible. */
  asking->log_probability += log (MAX (probability, G_MINDOUBLE));
  g_string_append (asking->text, text);

  g_mutex_lock (&w->lock);
  ok = !run->stopping && asking->epoch == w->epoch;
  g_mutex_unlock (&w->lock);

  if (ok && asking->job->settings->partial) {
    g_autoptr (GstOwl2Answer) answer =
        asking_answer (asking, asking->text->str);

    answer->n_tokens = asking->n_tokens;
    answer->confidence = exp (asking->log_probability / asking->n_tokens);
    w->funcs.answer (answer, w->user_data);
  }
  return ok;
}

/* Counts what the answer took, makes it known, and lets it be the latest. */
static void
run_publish (GstOwl2Run *run, const Asking *asking, const Owl2Answer *got)
{
  GstOwl2Worker *w = run->worker;
  GstOwl2Answer *answer = asking_answer (asking, got->text);
  guint n_reused = 0;

  answer->n_tokens = got->n_ids;
  answer->n_prompt_tokens = got->n_prompt;
  answer->confidence = got->confidence;
  answer->final = TRUE;
  for (guint i = 0; i < asking->job->n_frames; i++)
    n_reused += asking->job->frames[i]->uses++ > 0;

  g_mutex_lock (&w->stats->lock);
  w->stats->counts.clips_answered++;
  w->stats->counts.frames_reused += n_reused;
  w->stats->counts.tokens += got->n_ids;
  w->stats->counts.prompt_tokens += got->n_prompt;
  w->stats->counts.prompt_tokens_reused += got->n_reused;
  w->stats->counts.prefill_ns += got->prefill_ns;
  w->stats->counts.decode_ns += got->decode_ns;
  g_mutex_unlock (&w->stats->lock);
  run_update_memory (run);

  GST_DEBUG ("answer %" G_GUINT64_FORMAT " to %" GST_TIME_FORMAT
             " - %" GST_TIME_FORMAT ", %u frames, %u + %u tokens",
      answer->id, GST_TIME_ARGS (answer->start), GST_TIME_ARGS (answer->end),
      answer->n_times, answer->n_prompt_tokens, answer->n_tokens);
  w->funcs.answer (answer, w->user_data);

  g_mutex_lock (&w->lock);
  if (w->run == run && asking->epoch == w->epoch) {
    GstOwl2Answer *old = w->latest;

    w->latest = answer;
    answer = old;
  }
  g_mutex_unlock (&w->lock);
  gst_owl2_answer_unref (answer);
}

static void
run_lose (GstOwl2Run *run, const GstOwl2Job *job, const GError *error)
{
  GstOwl2Worker *w = run->worker;

  g_mutex_lock (&w->stats->lock);
  w->stats->counts.clips_dropped++;
  g_mutex_unlock (&w->stats->lock);
  w->funcs.lost (job, error, w->user_data);
}

void
gst_owl2_run_answer (GstOwl2Run *run, const GstOwl2Job *job, guint epoch)
{
  Owl2Features *features[GST_OWL2_MAX_FRAMES];
  Asking asking = { .run = run, .job = job, .epoch = epoch };
  g_autofree char *prompt = owl2_prompt_format (
      gst_owl2_settings_question (job->settings), TRUE, NULL, 0);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (Owl2Answer) got = NULL;
  g_autoptr (GError) error = NULL;
  Owl2Request request = {
    .prompt = prompt,
    .frames = features,
    .n_frames = job->n_frames,
    .sampling = gst_owl2_settings_sampling (job->settings),
    .on_token = asking_on_token,
    .user_data = &asking,
  };

  for (guint i = 0; i < job->n_frames; i++) {
    if (!gst_owl2_run_encode (run, job->frames[i], epoch))
      return;
    if (job->frames[i]->error) {
      run_lose (run, job, job->frames[i]->error);
      return;
    }
    features[i] = job->frames[i]->features;
  }

  asking.id = ++run->next_id;
  asking.text = text;
  if (!run_begin_call (run, epoch))
    return;
  got = owl2_session_generate (run->session, &request, &error);
  if (!run_end_call (run, epoch))
    return;
  if (got)
    run_publish (run, &asking, got);
  else if (error_is_fatal (error))
    gst_owl2_run_fail (run, error);
  else
    run_lose (run, job, error);
}
