/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "async.h"

#include <sys/resource.h>

typedef enum { ENCODE, SHRINK, GENERATE, END } Kind;

typedef struct {
  Kind kind;
  Owl2Session *session;
  Owl2Image image;
  Owl2Request request; /* prompt and frames of its own */
  union {
    Owl2EncodedFunc encoded;
    Owl2ShrunkFunc shrunk;
    Owl2AnsweredFunc answered;
  } done;
  gpointer user_data;
} Job;

struct _Owl2Async {
  GMutex lock;
  GCond cond;
  GQueue jobs; /* Job, under the lock */
  GThread *thread;
  int nice;
};

static void
job_free (Job *job)
{
  for (guint i = 0; i < job->request.n_frames; i++)
    owl2_features_unref (job->request.frames[i]);
  g_free ((gpointer) job->request.frames);
  g_free ((char *) job->request.prompt);
  g_free (job);
}

static void
job_run (Job *job)
{
  g_autoptr (GError) error = NULL;
  guint64 encode_ns = 0;

  switch (job->kind) {
    case ENCODE: {
      Owl2Features *features =
          owl2_session_encode (job->session, &job->image, &encode_ns, &error);

      job->done.encoded (features, encode_ns, error, job->user_data);
      break;
    }
    case SHRINK: {
      guint8 *rgb = owl2_session_shrink (job->session, &job->image, &error);

      job->done.shrunk (rgb, error, job->user_data);
      break;
    }
    case GENERATE: {
      Owl2Answer *answer =
          owl2_session_generate (job->session, &job->request, &error);

      job->done.answered (answer, error, job->user_data);
      break;
    }
    default:
      break;
  }
}

static gpointer
async_thread (gpointer user_data)
{
  Owl2Async *async = user_data;
  gboolean more = TRUE;

#ifdef __linux__
  if (getpriority (PRIO_PROCESS, 0) < async->nice)
    setpriority (PRIO_PROCESS, 0, async->nice);
#endif
  while (more) {
    Job *job;

    g_mutex_lock (&async->lock);
    while (!(job = g_queue_pop_head (&async->jobs)))
      g_cond_wait (&async->cond, &async->lock);
    g_mutex_unlock (&async->lock);
    more = job->kind != END;
    job_run (job);
    job_free (job);
  }
  return NULL;
}

Owl2Async *
owl2_async_new (int nice, GError **error)
{
  Owl2Async *async = g_new0 (Owl2Async, 1);
  g_autoptr (GError) failure = NULL;

  async->nice = nice;
  g_mutex_init (&async->lock);
  g_cond_init (&async->cond);
  g_queue_init (&async->jobs);
  async->thread =
      g_thread_try_new ("owl2-engine", async_thread, async, &failure);
  if (async->thread)
    return async;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "no thread for a session: %s", failure->message);
  owl2_async_free (async);
  return NULL;
}

static Job *
job_new (Kind kind, Owl2Session *session, gpointer user_data)
{
  Job *job = g_new0 (Job, 1);

  job->kind = kind;
  job->session = session;
  job->user_data = user_data;
  return job;
}

static void
submit (Owl2Async *async, Job *job)
{
  g_mutex_lock (&async->lock);
  g_queue_push_tail (&async->jobs, job);
  g_cond_signal (&async->cond);
  g_mutex_unlock (&async->lock);
}

void
owl2_async_free (Owl2Async *async)
{
  if (!async)
    return;
  if (async->thread) {
    submit (async, job_new (END, NULL, NULL));
    g_thread_join (async->thread);
  }
  g_cond_clear (&async->cond);
  g_mutex_clear (&async->lock);
  g_free (async);
}

void
owl2_session_encode_async (Owl2Session *session, const Owl2Image *image,
    Owl2EncodedFunc done, gpointer user_data)
{
  Job *job = job_new (ENCODE, session, user_data);

  job->image = *image;
  job->done.encoded = done;
  submit (owl2_session_async (session), job);
}

void
owl2_session_shrink_async (Owl2Session *session, const Owl2Image *image,
    Owl2ShrunkFunc done, gpointer user_data)
{
  Job *job = job_new (SHRINK, session, user_data);

  job->image = *image;
  job->done.shrunk = done;
  submit (owl2_session_async (session), job);
}

void
owl2_session_generate_async (Owl2Session *session, const Owl2Request *request,
    Owl2AnsweredFunc done, gpointer user_data)
{
  Job *job = job_new (GENERATE, session, user_data);
  Owl2Features **frames = g_new (Owl2Features *, request->n_frames);

  for (guint i = 0; i < request->n_frames; i++)
    frames[i] = owl2_features_ref (request->frames[i]);
  job->request = *request;
  job->request.prompt = g_strdup (request->prompt);
  job->request.frames = frames;
  job->done.answered = done;
  submit (owl2_session_async (session), job);
}
