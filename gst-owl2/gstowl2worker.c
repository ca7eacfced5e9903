/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2worker-private.h"

#include <errno.h>
#include <sys/resource.h>

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

void
gst_owl2_job_free (GstOwl2Job *job)
{
  if (!job)
    return;
  for (guint i = 0; i < job->n_frames; i++)
    gst_owl2_frame_unref (job->frames[i]);
  gst_owl2_settings_unref (job->settings);
  g_free (job);
}

GstOwl2Stats *
gst_owl2_stats_new (void)
{
  GstOwl2Stats *stats = g_new0 (GstOwl2Stats, 1);

  g_atomic_ref_count_init (&stats->refs);
  g_mutex_init (&stats->lock);
  return stats;
}

GstOwl2Stats *
gst_owl2_stats_ref (GstOwl2Stats *stats)
{
  g_atomic_ref_count_inc (&stats->refs);
  return stats;
}

void
gst_owl2_stats_unref (GstOwl2Stats *stats)
{
  if (!stats || !g_atomic_ref_count_dec (&stats->refs))
    return;
  g_mutex_clear (&stats->lock);
  g_free (stats);
}

GstStructure *
gst_owl2_stats_to_structure (GstOwl2Stats *stats)
{
  GstStructure *s;

  g_mutex_lock (&stats->lock);
  s = gst_structure_new ("owl2-stats", "frames-seen", G_TYPE_UINT64,
      stats->counts.frames_seen, "frames-sampled", G_TYPE_UINT64,
      stats->counts.frames_sampled, "frames-encoded", G_TYPE_UINT64,
      stats->counts.frames_encoded, "frames-reused", G_TYPE_UINT64,
      stats->counts.frames_reused, "clips-answered", G_TYPE_UINT64,
      stats->counts.clips_answered, "clips-dropped", G_TYPE_UINT64,
      stats->counts.clips_dropped, "tokens", G_TYPE_UINT64,
      stats->counts.tokens, "prompt-tokens", G_TYPE_UINT64,
      stats->counts.prompt_tokens, "prompt-tokens-reused", G_TYPE_UINT64,
      stats->counts.prompt_tokens_reused, "encode-time", G_TYPE_UINT64,
      stats->counts.encode_ns, "prefill-time", G_TYPE_UINT64,
      stats->counts.prefill_ns, "decode-time", G_TYPE_UINT64,
      stats->counts.decode_ns, "weights-bytes", G_TYPE_UINT64,
      stats->counts.weights_bytes, "weights-users", G_TYPE_UINT,
      stats->counts.weights_users, "device-bytes", G_TYPE_UINT64,
      stats->counts.device_bytes, NULL);
  g_mutex_unlock (&stats->lock);
  return s;
}

static void
free_queues (GQueue *encode, GQueue *clips)
{
  g_queue_clear_full (encode, (GDestroyNotify) gst_owl2_frame_unref);
  g_queue_clear_full (clips, (GDestroyNotify) gst_owl2_job_free);
}

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

static void
config_unref (GstOwl2WorkerConfig *config)
{
  if (config)
    g_atomic_rc_box_release_full (config, config_clear);
}

static void
worker_unref (GstOwl2Worker *w)
{
  if (!g_atomic_ref_count_dec (&w->refs))
    return;
  gst_owl2_pool_unref (w->pool);
  gst_owl2_stats_unref (w->stats);
  config_unref (w->config);
  g_cond_clear (&w->cond);
  g_mutex_clear (&w->lock);
  g_free (w);
}

static GstOwl2Run *
run_new (GstOwl2Worker *w)
{
  GstOwl2Run *run = g_new0 (GstOwl2Run, 1);

  g_atomic_ref_count_init (&run->refs);
  g_atomic_ref_count_inc (&w->refs);
  run->worker = w;
  run->config = g_atomic_rc_box_acquire (w->config);
  return run;
}

static void
run_unref (GstOwl2Run *run)
{
  if (!g_atomic_ref_count_dec (&run->refs))
    return;
  config_unref (run->config);
  worker_unref (run->worker);
  g_free (run);
}

/* ---- the thread --------------------------------------------------------- */

/* The run whose thread this is. */
static GPrivate current_run;

static gboolean
is_own_thread (GstOwl2Worker *w)
{
  const GstOwl2Run *run = g_private_get (&current_run);

  return run && run->worker == w;
}

void
gst_owl2_run_fail (GstOwl2Run *run, const GError *error)
{
  GstOwl2Worker *w = run->worker;
  GQueue encode = G_QUEUE_INIT, clips = G_QUEUE_INIT;
  gboolean stopping;

  g_mutex_lock (&w->lock);
  stopping = run->stopping;
  g_mutex_unlock (&w->lock);
  if (stopping)
    return;
  w->funcs.failed (error, w->user_data);

  g_mutex_lock (&w->lock);
  run->state = STATE_FAILED;
  if (w->run == run) {
    encode = w->encode;
    clips = w->clips;
    g_queue_init (&w->encode);
    g_queue_init (&w->clips);
  }
  g_cond_broadcast (&w->cond);
  g_mutex_unlock (&w->lock);
  free_queues (&encode, &clips);
}

/* Takes out what is encoded by now, and what no clip wants any more. With the
 * lock held. */
static void
worker_prune (GstOwl2Worker *w)
{
  for (GList *l = w->encode.head, *next; l; l = next) {
    GstOwl2Frame *frame = l->data;

    next = l->next;
    if (frame->features || frame->error || frame->small
        || g_atomic_ref_count_compare (&frame->refs, 1)) {
      g_queue_delete_link (&w->encode, l);
      gst_owl2_frame_unref (frame);
    }
  }
}

/* (nullable): the place in the queue of what there is to do: frames that are
 * sure to be wanted first, the others only to make room. With the lock held. */
static GList *
worker_next (GstOwl2Worker *w)
{
  for (GList *l = w->encode.head; l; l = l->next)
    if (!((GstOwl2Frame *) l->data)->lazy)
      return l;
  return gst_owl2_pool_raw_bytes (w->pool) > GST_OWL2_LAZY_RAW_BYTES
             ? w->encode.head
             : NULL;
}

static void
run_loop (GstOwl2Run *run)
{
  GstOwl2Worker *w = run->worker;

  g_mutex_lock (&w->lock);
  while (!run->stopping && run->state == STATE_READY) {
    const guint epoch = w->epoch;
    GstOwl2Job *job = g_queue_pop_head (&w->clips);
    GList *next;

    if (job) {
      run->answering = TRUE;
      run->answering_epoch = epoch;
      g_mutex_unlock (&w->lock);
      gst_owl2_run_answer (run, job, epoch);
      gst_owl2_job_free (job);
      g_mutex_lock (&w->lock);
      run->answering = FALSE;
      g_cond_broadcast (&w->cond);
      continue;
    }

    worker_prune (w);
    next = worker_next (w);
    if (next) {
      GstOwl2Frame *frame = next->data;

      g_queue_delete_link (&w->encode, next);
      run->encoding = TRUE;
      g_mutex_unlock (&w->lock);
      if (frame->lazy)
        gst_owl2_run_shrink (run, frame, epoch);
      else
        gst_owl2_run_encode (run, frame, epoch);
      gst_owl2_frame_unref (frame);
      g_mutex_lock (&w->lock);
      run->encoding = FALSE;
      g_cond_broadcast (&w->cond);
      continue;
    }
    g_cond_wait (&w->cond, &w->lock);
  }
  g_mutex_unlock (&w->lock);
}

/* Linux has a nice value for each thread, which the threads that it starts
 * inherit: those that compile, and those of a driver that computes on the CPU.
 * So this comes before the device is opened. A process that is nicer by itself
 * stays so. */
static void
run_lower_priority (const GstOwl2Run *run)
{
#ifdef __linux__
  int nice;

  errno = 0;
  nice = getpriority (PRIO_PROCESS, 0);
  if ((nice != -1 || errno == 0) && nice >= run->config->nice)
    return;
  if (setpriority (PRIO_PROCESS, 0, run->config->nice) != 0)
    GST_DEBUG ("nice %d: %s", run->config->nice, g_strerror (errno));
#endif
}

static gpointer
run_thread (gpointer user_data)
{
  GstOwl2Run *run = user_data;
  GstOwl2Worker *w = run->worker;
  gboolean wanted;

  g_private_set (&current_run, run);
  run_lower_priority (run);

  /* Two models at a time may be more than the device has room for. */
  g_mutex_lock (&w->lock);
  while (w->active && !run->stopping)
    g_cond_wait (&w->cond, &w->lock);
  wanted = !run->stopping;
  if (wanted)
    w->active = run;
  g_mutex_unlock (&w->lock);

  if (wanted) {
    if (gst_owl2_run_load (run))
      run_loop (run);
    gst_owl2_run_unload (run);
  }

  g_mutex_lock (&w->lock);
  if (wanted)
    w->active = NULL;
  w->n_threads--;
  g_cond_broadcast (&w->cond);
  g_mutex_unlock (&w->lock);
  run_unref (run);
  return NULL;
}

/* ---- starting and stopping ---------------------------------------------- */

GstOwl2Worker *
gst_owl2_worker_new (
    const GstOwl2WorkerFuncs *funcs, gpointer user_data, GstOwl2Stats *stats)
{
  GstOwl2Worker *w = g_new0 (GstOwl2Worker, 1);

  g_atomic_ref_count_init (&w->refs);
  w->funcs = *funcs;
  w->user_data = user_data;
  w->stats = gst_owl2_stats_ref (stats);
  w->pool = gst_owl2_pool_new ();
  g_mutex_init (&w->lock);
  g_cond_init (&w->cond);
  g_queue_init (&w->encode);
  g_queue_init (&w->clips);
  return w;
}

void
gst_owl2_worker_free (GstOwl2Worker *w)
{
  if (!w)
    return;
  gst_owl2_worker_stop (w);
  if (!is_own_thread (w)) {
    g_mutex_lock (&w->lock);
    while (w->n_threads)
      g_cond_wait (&w->cond, &w->lock);
    g_mutex_unlock (&w->lock);
  }
  worker_unref (w);
}

void
gst_owl2_worker_configure (GstOwl2Worker *w, const GstOwl2WorkerConfig *config)
{
  GstOwl2WorkerConfig *copy = g_atomic_rc_box_new (GstOwl2WorkerConfig);

  *copy = *config;
  copy->element = g_strdup (config->element);
  copy->model = g_strdup (config->model);
  copy->device = g_strdup (config->device);
  copy->settings = gst_owl2_settings_ref (config->settings);
  config_unref (w->config);
  w->config = copy;
}

void
gst_owl2_worker_start (GstOwl2Worker *w)
{
  GstOwl2Run *run = run_new (w);
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&w->lock);
  g_warn_if_fail (!w->run);
  w->run = run;
  g_atomic_ref_count_inc (&run->refs);
  w->n_threads++;
  run->thread = g_thread_try_new ("owl2", run_thread, run, &error);
  if (!run->thread)
    w->n_threads--;
  g_mutex_unlock (&w->lock);

  if (error) {
    g_prefix_error (&error, "no thread for the model: ");
    gst_owl2_run_fail (run, error);
    run_unref (run);
  }
}

gboolean
gst_owl2_worker_wait_loaded (GstOwl2Worker *w, guint64 timeout_ns)
{
  gint64 end = g_get_monotonic_time () + (gint64) (timeout_ns / 1000);
  gboolean ok;

  g_mutex_lock (&w->lock);
  while (!is_own_thread (w) && w->run && w->run->state == STATE_LOADING
         && !w->run->stopping)
    if (!g_cond_wait_until (&w->cond, &w->lock, end))
      break;
  ok = !w->run || w->run->state != STATE_FAILED;
  g_mutex_unlock (&w->lock);
  return ok;
}

/* With the lock held. */
static void
worker_cancel (GstOwl2Worker *w)
{
  if (w->run) {
    w->run->stopping = TRUE;
    if (w->run->in_call)
      owl2_session_cancel (w->run->session);
  }
  g_cond_broadcast (&w->cond);
}

void
gst_owl2_worker_cancel (GstOwl2Worker *w)
{
  g_mutex_lock (&w->lock);
  worker_cancel (w);
  g_mutex_unlock (&w->lock);
}

gboolean
gst_owl2_worker_stop (GstOwl2Worker *w)
{
  GQueue encode, clips;
  GstOwl2Answer *latest;
  gboolean cancelled;
  GstOwl2Run *run;

  g_mutex_lock (&w->lock);
  worker_cancel (w);
  run = g_steal_pointer (&w->run);
  encode = w->encode;
  clips = w->clips;
  g_queue_init (&w->encode);
  g_queue_init (&w->clips);
  latest = g_steal_pointer (&w->latest);
  g_mutex_unlock (&w->lock);

  free_queues (&encode, &clips);
  gst_owl2_answer_unref (latest);
  if (!run)
    return FALSE;
  if (run == g_private_get (&current_run)) {
    run->detached = TRUE;
    g_thread_unref (run->thread);
  } else if (run->thread) {
    g_thread_join (run->thread);
  }
  g_mutex_lock (&w->lock);
  cancelled = run->told_start;
  run->told_start = FALSE;
  g_mutex_unlock (&w->lock);
  run_unref (run);
  return cancelled;
}

/* ---- from the stream --------------------------------------------------- */

void
gst_owl2_worker_set_flushing (GstOwl2Worker *w, gboolean flushing)
{
  GQueue encode = G_QUEUE_INIT, clips = G_QUEUE_INIT;

  g_mutex_lock (&w->lock);
  w->flushing = flushing;
  if (flushing) {
    w->epoch++;
    if (w->run && w->run->in_call)
      owl2_session_cancel (w->run->session);
    encode = w->encode;
    clips = w->clips;
    g_queue_init (&w->encode);
    g_queue_init (&w->clips);
    g_clear_pointer (&w->latest, gst_owl2_answer_unref);
    g_cond_broadcast (&w->cond);
  }
  g_mutex_unlock (&w->lock);
  free_queues (&encode, &clips);
}

/* With the lock held. */
static GstFlowReturn
worker_flow (GstOwl2Worker *w)
{
  if (!w->run || w->run->stopping || w->flushing)
    return GST_FLOW_FLUSHING;
  return w->run->state == STATE_FAILED ? GST_FLOW_ERROR : GST_FLOW_OK;
}

GstFlowReturn
gst_owl2_worker_flow (GstOwl2Worker *w)
{
  GstFlowReturn ret;

  g_mutex_lock (&w->lock);
  ret = worker_flow (w);
  g_mutex_unlock (&w->lock);
  return ret;
}

/* Frames that are not lazy are in the queue or being encoded until they stop
 * taking room, and lazy ones are shrunk down to half of it, so waiting ends. */
static gboolean
worker_has_room (GstOwl2Worker *w, gsize size, gboolean wait)
{
  gboolean room = FALSE;

  g_mutex_lock (&w->lock);
  while (worker_flow (w) == GST_FLOW_OK) {
    worker_prune (w);
    room = gst_owl2_pool_raw_bytes (w->pool) + size <= GST_OWL2_MAX_RAW_BYTES
           || (!worker_next (w) && !w->run->encoding);
    if (room || !wait)
      break;
    g_cond_wait (&w->cond, &w->lock);
  }
  g_mutex_unlock (&w->lock);
  return room;
}

GstOwl2Frame *
gst_owl2_worker_take (GstOwl2Worker *w, const GstOwl2Picture *picture,
    gboolean wait, gboolean lazy, GError **error)
{
  GstOwl2Frame *frame;

  if (!worker_has_room (w, picture->info->size, wait))
    return NULL;
  frame = gst_owl2_frame_new (w->pool, picture, error);
  if (!frame)
    return NULL;

  g_mutex_lock (&w->stats->lock);
  w->stats->counts.frames_sampled++;
  g_mutex_unlock (&w->stats->lock);

  frame->lazy = lazy;
  g_mutex_lock (&w->lock);
  if (worker_flow (w) == GST_FLOW_OK) {
    g_queue_push_tail (&w->encode, gst_owl2_frame_ref (frame));
    if (worker_next (w))
      g_cond_broadcast (&w->cond);
  }
  g_mutex_unlock (&w->lock);
  return frame;
}

guint
gst_owl2_worker_submit (GstOwl2Worker *w, GstOwl2Job *job, gboolean may_drop)
{
  GQueue dropped = G_QUEUE_INIT;
  guint n_dropped;

  g_mutex_lock (&w->lock);
  if (worker_flow (w) == GST_FLOW_OK) {
    guint busy = w->run->answering && w->run->answering_epoch == w->epoch;

    g_queue_push_tail (&w->clips, job);
    while (may_drop && w->clips.length + busy > GST_OWL2_MAX_BUSY_CLIPS)
      g_queue_push_tail (&dropped, g_queue_pop_head (&w->clips));
    g_cond_broadcast (&w->cond);
    job = NULL;
  }
  g_mutex_unlock (&w->lock);

  gst_owl2_job_free (job);
  n_dropped = dropped.length;
  g_queue_clear_full (&dropped, (GDestroyNotify) gst_owl2_job_free);
  return n_dropped;
}

GstFlowReturn
gst_owl2_worker_wait (GstOwl2Worker *w)
{
  GstFlowReturn ret;

  g_mutex_lock (&w->lock);
  while ((ret = worker_flow (w)) == GST_FLOW_OK
         && (w->clips.length
             || (w->run->answering && w->run->answering_epoch == w->epoch)))
    g_cond_wait (&w->cond, &w->lock);
  g_mutex_unlock (&w->lock);
  return ret;
}

GstOwl2Answer *
gst_owl2_worker_latest (GstOwl2Worker *w)
{
  GstOwl2Answer *answer;

  g_mutex_lock (&w->lock);
  answer = w->latest ? gst_owl2_answer_ref (w->latest) : NULL;
  g_mutex_unlock (&w->lock);
  return answer;
}
