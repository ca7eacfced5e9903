/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cache_dir.h"
#include "gstowl2recipe.h"
#include "gstowl2run-private.h"
#include "printable.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

#define PROGRESS_GAP_NS (250 * GST_MSECOND)
#define LOADING "Loading the model"
#define LOADED "Model loaded"

static void
run_log (Owl2LogLevel level, const char *area, const char *message,
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
run_log_level (void)
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

/* Tells each stage, and in between no more than four times a second. On the
 * engine's thread. */
static gboolean
run_on_progress (const char *stage, double fraction, gpointer user_data)
{
  GstOwl2Run *run = user_data;
  int percent = (int) (100 * CLAMP (fraction, 0., 1.));
  guint64 now = (guint64) g_get_monotonic_time () * 1000;

  g_mutex_lock (&run->lock);
  if (now - run->progress_ns >= PROGRESS_GAP_NS
      || g_strcmp0 (stage, run->progress_stage) != 0) {
    g_autofree char *text = g_strdup_printf ("%s (%d %%)", stage, percent);

    run->progress_ns = now;
    g_free (run->progress_stage);
    run->progress_stage = g_strdup (stage);
    gst_owl2_run_push_progress (run, GST_PROGRESS_TYPE_CONTINUE, text, percent);
  }
  g_mutex_unlock (&run->lock);
  return TRUE;
}

/* On the engine's thread, or within the call that opens. */
static void
run_on_opened (Owl2Model *model, const GError *error, gpointer user_data)
{
  GstOwl2Run *run = user_data;

  g_mutex_lock (&run->lock);
  run->opened = TRUE;
  run->open_error = error ? g_error_copy (error) : NULL;
  if (!run->stopping)
    run->model = g_steal_pointer (&model);
  gst_owl2_run_kick (run);
  g_mutex_unlock (&run->lock);
  owl2_model_unref (model);
}

Owl2Opening *
gst_owl2_run_open (GstOwl2Run *run, GError **error)
{
  GstOwl2WorkerConfig *config;
  g_autofree char *cache_dir = owl2_cache_dir ();
  Owl2ModelParams params = {
    .cache_dir = cache_dir,
    .log = { run_log, NULL, run_log_level () },
    .progress = run_on_progress,
    .progress_data = run,
  };
  Owl2Opening *opening;

  /* Another stream may bring its own. */
  g_mutex_lock (&run->lock);
  config = g_atomic_rc_box_acquire (run->config);
  g_mutex_unlock (&run->lock);
  params.path = config->model;
  params.device = config->device;
  params.kv_type = (Owl2KvType) config->kv_type;
  params.mmap = config->mmap;
  params.nice = config->nice;
  params.cache_bytes = config->cache_bytes;
  opening = owl2_model_open (&params, config->share, run_on_opened, run, error);
  gst_owl2_config_unref (config);
  return opening;
}

gboolean
gst_owl2_run_start (GstOwl2Run *run, gboolean rests)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstOwl2Lane) lane = gst_owl2_lane_new (run->config->nice, &error);
  Owl2Opening *opening = NULL;

  if (!lane)
    g_prefix_error (&error, "no thread for the answers: ");
  g_mutex_lock (&run->lock);
  run->rests = rests;
  gst_owl2_run_push_progress (run, GST_PROGRESS_TYPE_START, LOADING, 0);
  g_mutex_unlock (&run->lock);
  if (lane)
    opening = gst_owl2_run_open (run, &error);

  g_mutex_lock (&run->lock);
  if (error) {
    gst_owl2_run_tell_progress (run, GST_PROGRESS_TYPE_START, LOADING, 0);
    gst_owl2_run_tell_progress (
        run, GST_PROGRESS_TYPE_ERROR, error->message, 0);
    gst_owl2_run_fail (run, error);
  } else if (!run->stopping) {
    run->opening = g_steal_pointer (&opening);
    run->lane = g_steal_pointer (&lane);
    gst_owl2_run_kick (run);
  }
  g_mutex_unlock (&run->lock);
  owl2_opening_cancel (opening);
  return !error;
}

void
gst_owl2_run_keep (GstOwl2Run *run, Owl2Model *model)
{
  g_autoptr (GstOwl2Lane) lane = gst_owl2_lane_new (run->config->nice, NULL);

  g_mutex_lock (&run->lock);
  if (lane && !run->stopping) {
    run->rests = TRUE;
    run->model = g_steal_pointer (&model);
    run->lane = g_steal_pointer (&lane);
  }
  g_mutex_unlock (&run->lock);
  owl2_model_unref (model);
}

/* Whether they load the same. What else there is in them is a session's. */
static gboolean
is_same_model (const GstOwl2WorkerConfig *a, const GstOwl2WorkerConfig *b)
{
  return g_strcmp0 (a->model, b->model) == 0
         && g_strcmp0 (a->device, b->device) == 0 && a->mmap == b->mmap
         && a->share == b->share && a->nice == b->nice
         && a->cache_bytes == b->cache_bytes;
}

gboolean
gst_owl2_run_adopt (GstOwl2Run *run, GstOwl2WorkerConfig *config)
{
  GstOwl2WorkerConfig *old = NULL;

  g_mutex_lock (&run->lock);
  if (run->rests && !run->stopping && !run->failing
      && run->state == GST_OWL2_RUN_LOADING
      && is_same_model (run->config, config)
      && (run->model ? owl2_model_alive (run->model, NULL)
                     : run->opening != NULL)) {
    old = run->config;
    run->config = g_atomic_rc_box_acquire (config);
    run->rests = FALSE;
    if (run->model && !run->opened) {
      if (!run->told_start)
        gst_owl2_run_push_progress (run, GST_PROGRESS_TYPE_START, LOADING, 0);
      run->opened = TRUE;
    }
    gst_owl2_run_kick (run);
  }
  g_mutex_unlock (&run->lock);
  gst_owl2_config_unref (old);
  return old != NULL;
}

Owl2Model *
gst_owl2_run_ref_model (GstOwl2Run *run)
{
  Owl2Model *model = NULL;

  g_mutex_lock (&run->lock);
  if (run->model && !run->failing && owl2_model_alive (run->model, NULL))
    model = owl2_model_ref (run->model);
  g_mutex_unlock (&run->lock);
  return model;
}

/* With the lock held, which is let go meanwhile. */
static void
run_make_session (GstOwl2Run *run, GError **error)
{
  GstOwl2WorkerConfig *config = g_atomic_rc_box_acquire (run->config);
  const GstOwl2Settings *settings = config->settings;
  g_autofree char *prompt = gst_owl2_recipe_prompt (
      settings, gst_owl2_settings_question (settings), NULL, 0);
  Owl2SessionParams params = {
    .language_only = config->language_only,
    .kv_type = (Owl2KvType) config->kv_type,
    .prompt = prompt,
    /* One for each second: as many as there is room for. */
    .n_frames = MAX (settings->n_frames, 1),
    .max_tokens = gst_owl2_recipe_max_tokens (settings),
  };
  Owl2Model *model = owl2_model_ref (run->model);
  Owl2ModelInfo info = { 0 };
  Owl2Session *session;

  gst_owl2_run_begin_away (run);
  session = owl2_session_new (model, &params, error);
  if (session) {
    g_autofree char *shown = NULL;

    owl2_model_get_info (model, &info);
    g_free (run->model_name);
    run->model_name = g_utf8_make_valid (info.name ? info.name : "", -1);
    run->image_size = info.image_size;
    run->image_mode = info.image_mode;
    shown = owl2_printable_message (run->model_name);
    GST_INFO ("model '%s' on '%s' (%s), %" G_GUINT64_FORMAT " bytes of weights",
        shown, GST_STR_NULL (info.device), GST_STR_NULL (info.driver),
        info.weights_bytes);
  }
  gst_owl2_run_end_away (run);
  /* Another stream, if there is one, makes its own. */
  if (run->stopping || run->rests || run->config != config) {
    g_mutex_unlock (&run->lock);
    g_clear_pointer (&session, owl2_session_free);
    g_clear_error (error);
  } else {
    run->session = session;
    g_mutex_unlock (&run->lock);
  }
  owl2_model_unref (model);
  gst_owl2_config_unref (config);
  g_mutex_lock (&run->lock);
}

/* There is a model, or an error. With the lock held, which is let go
 * meanwhile. */
void
gst_owl2_run_end_load (GstOwl2Run *run)
{
  g_autoptr (GError) error = g_steal_pointer (&run->open_error);

  run->opened = FALSE;
  if (run->model && !run->rests)
    run_make_session (run, &error);
  if (run->stopping)
    return;
  if (run->model && run->rests) {
    if (run->told_start)
      gst_owl2_run_tell_progress (run, GST_PROGRESS_TYPE_COMPLETE, LOADED, 100);
    return;
  }
  if (!run->session && !error)
    return;
  if (!run->session) {
    if (gst_owl2_run_retry (run, error))
      return;
    gst_owl2_run_tell_progress (
        run, GST_PROGRESS_TYPE_ERROR, error->message, 0);
    gst_owl2_run_fail (run, error);
    return;
  }
  g_mutex_unlock (&run->lock);
  gst_owl2_run_update_stats (run);
  g_mutex_lock (&run->lock);
  /* Who is told may count on it. */
  run->state = GST_OWL2_RUN_READY;
  /* What waited for another device does not make answers slow. */
  if (run->asking)
    run->asking->taken_ns = (guint64) g_get_monotonic_time () * 1000;
  g_cond_broadcast (&run->cond);
  gst_owl2_run_tell_progress (run, GST_PROGRESS_TYPE_COMPLETE, LOADED, 100);
}
