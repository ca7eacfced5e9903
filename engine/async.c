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
  GAsyncQueue *jobs; /* Job */
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
    Job *job = g_async_queue_pop (async->jobs);

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
  async->jobs = g_async_queue_new ();
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
submit (Job *job)
{
  g_async_queue_push (owl2_session_async (job->session)->jobs, job);
}

void
owl2_async_free (Owl2Async *async)
{
  if (!async)
    return;
  if (async->thread) {
    g_async_queue_push (async->jobs, job_new (END, NULL, NULL));
    g_thread_join (async->thread);
  }
  g_async_queue_unref (async->jobs);
  g_free (async);
}

void
owl2_session_encode_async (Owl2Session *session, const Owl2Image *image,
    Owl2EncodedFunc done, gpointer user_data)
{
  Job *job = job_new (ENCODE, session, user_data);

  job->image = *image;
  job->done.encoded = done;
  submit (job);
}

void
owl2_session_shrink_async (Owl2Session *session, const Owl2Image *image,
    Owl2ShrunkFunc done, gpointer user_data)
{
  Job *job = job_new (SHRINK, session, user_data);

  job->image = *image;
  job->done.shrunk = done;
  submit (job);
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
  submit (job);
}
