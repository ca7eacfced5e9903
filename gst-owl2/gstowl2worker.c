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

/* ---- the thread -----------------------------------------------------------
 */

void
gst_owl2_worker_fail (GstOwl2Worker *w, const GError *error)
{
  GQueue encode, clips;
  gboolean stopping;

  g_mutex_lock (&w->lock);
  stopping = w->stopping;
  g_mutex_unlock (&w->lock);
  if (stopping)
    return;
  w->funcs.failed (error, w->user_data);

  g_mutex_lock (&w->lock);
  w->state = STATE_FAILED;
  encode = w->encode;
  clips = w->clips;
  g_queue_init (&w->encode);
  g_queue_init (&w->clips);
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
    if (frame->features || frame->error
        || g_atomic_ref_count_compare (&frame->refs, 1)) {
      g_queue_delete_link (&w->encode, l);
      gst_owl2_frame_unref (frame);
    }
  }
}

static void
worker_loop (GstOwl2Worker *w)
{
  g_mutex_lock (&w->lock);
  while (!w->stopping && w->state == STATE_READY) {
    const guint epoch = w->epoch;
    GstOwl2Job *job = g_queue_pop_head (&w->clips);
    GstOwl2Frame *frame = NULL;

    if (job) {
      w->answering = TRUE;
      w->answering_epoch = epoch;
      g_mutex_unlock (&w->lock);
      gst_owl2_worker_answer (w, job, epoch);
      gst_owl2_job_free (job);
      g_mutex_lock (&w->lock);
      w->answering = FALSE;
      g_cond_broadcast (&w->cond);
      continue;
    }

    worker_prune (w);
    frame = g_queue_pop_head (&w->encode);
    if (frame) {
      w->encoding = TRUE;
      g_mutex_unlock (&w->lock);
      gst_owl2_worker_encode (w, frame, epoch);
      gst_owl2_frame_unref (frame);
      g_mutex_lock (&w->lock);
      w->encoding = FALSE;
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
worker_lower_priority (GstOwl2Worker *w)
{
#ifdef __linux__
  int nice;

  errno = 0;
  nice = getpriority (PRIO_PROCESS, 0);
  if ((nice != -1 || errno == 0) && nice >= w->nice)
    return;
  if (setpriority (PRIO_PROCESS, 0, w->nice) != 0)
    GST_DEBUG ("nice %d: %s", w->nice, g_strerror (errno));
#endif
}

static gpointer
worker_run (gpointer user_data)
{
  GstOwl2Worker *w = user_data;

  worker_lower_priority (w);
  if (gst_owl2_worker_load (w))
    worker_loop (w);
  gst_owl2_worker_unload (w);
  return NULL;
}

/* ---- starting and stopping --------------------------------------------- */

GstOwl2Worker *
gst_owl2_worker_new (
    const GstOwl2WorkerFuncs *funcs, gpointer user_data, GstOwl2Stats *stats)
{
  GstOwl2Worker *w = g_new0 (GstOwl2Worker, 1);

  w->funcs = *funcs;
  w->user_data = user_data;
  w->stats = stats;
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
  gst_owl2_pool_unref (w->pool);
  g_free (w->model_path);
  g_free (w->device);
  gst_owl2_settings_unref (w->settings);
  g_cond_clear (&w->cond);
  g_mutex_clear (&w->lock);
  g_free (w);
}

void
gst_owl2_worker_configure (GstOwl2Worker *w, const GstOwl2WorkerConfig *config)
{
  g_return_if_fail (!w->thread);

  g_free (w->model_path);
  w->model_path = g_strdup (config->model);
  g_free (w->device);
  w->device = g_strdup (config->device);
  w->language_only = config->language_only;
  w->kv_type = config->kv_type;
  w->mmap = config->mmap;
  w->nice = config->nice;
  gst_owl2_settings_unref (w->settings);
  w->settings = gst_owl2_settings_ref (config->settings);
}

void
gst_owl2_worker_start (GstOwl2Worker *w)
{
  g_autoptr (GError) error = NULL;

  g_return_if_fail (!w->thread);
  w->next_id = 0;

  g_mutex_lock (&w->lock);
  w->state = STATE_LOADING;
  w->stopping = FALSE;
  g_mutex_unlock (&w->lock);

  w->thread = g_thread_try_new ("owl2", worker_run, w, &error);
  if (!w->thread)
    gst_owl2_worker_fail (w, error);
}

gboolean
gst_owl2_worker_wait_loaded (GstOwl2Worker *w, guint64 timeout_ns)
{
  gint64 end = g_get_monotonic_time () + (gint64) (timeout_ns / 1000);
  gboolean ok;

  g_mutex_lock (&w->lock);
  while (w->state == STATE_LOADING && !w->stopping)
    if (!g_cond_wait_until (&w->cond, &w->lock, end))
      break;
  ok = w->state != STATE_FAILED;
  g_mutex_unlock (&w->lock);
  return ok;
}

void
gst_owl2_worker_cancel (GstOwl2Worker *w)
{
  g_mutex_lock (&w->lock);
  w->stopping = TRUE;
  if (w->in_call)
    owl2_session_cancel (w->session);
  g_cond_broadcast (&w->cond);
  g_mutex_unlock (&w->lock);
}

void
gst_owl2_worker_stop (GstOwl2Worker *w)
{
  gst_owl2_worker_cancel (w);
  g_clear_pointer (&w->thread, g_thread_join);

  g_mutex_lock (&w->lock);
  w->state = STATE_STOPPED;
  free_queues (&w->encode, &w->clips);
  g_clear_pointer (&w->latest, gst_owl2_answer_unref);
  g_mutex_unlock (&w->lock);
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
    if (w->in_call)
      owl2_session_cancel (w->session);
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
  if (w->stopping || w->flushing || w->state == STATE_STOPPED)
    return GST_FLOW_FLUSHING;
  return w->state == STATE_FAILED ? GST_FLOW_ERROR : GST_FLOW_OK;
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
 * taking room, so waiting ends; lazy ones take half of it at most. */
static gboolean
worker_has_room (GstOwl2Worker *w, gsize size, gboolean wait)
{
  gboolean room = FALSE;

  g_mutex_lock (&w->lock);
  while (worker_flow (w) == GST_FLOW_OK) {
    worker_prune (w);
    room = gst_owl2_pool_raw_bytes (w->pool) + size <= GST_OWL2_MAX_RAW_BYTES
           || (g_queue_is_empty (&w->encode) && !w->encoding);
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

  if (!lazy || gst_owl2_pool_raw_bytes (w->pool) > GST_OWL2_MAX_RAW_BYTES / 2) {
    g_mutex_lock (&w->lock);
    if (worker_flow (w) == GST_FLOW_OK) {
      g_queue_push_tail (&w->encode, gst_owl2_frame_ref (frame));
      g_cond_broadcast (&w->cond);
    }
    g_mutex_unlock (&w->lock);
  }
  return frame;
}

guint
gst_owl2_worker_submit (GstOwl2Worker *w, GstOwl2Job *job, gboolean may_drop)
{
  GQueue dropped = G_QUEUE_INIT;
  guint n_dropped;

  g_mutex_lock (&w->lock);
  if (worker_flow (w) == GST_FLOW_OK) {
    guint busy = w->answering && w->answering_epoch == w->epoch;

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
  while (
      (ret = worker_flow (w)) == GST_FLOW_OK
      && (w->clips.length || (w->answering && w->answering_epoch == w->epoch)))
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
