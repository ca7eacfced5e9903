/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_async.h"

#include "nice.h"

typedef struct {
  enum { ENCODE, SHRINK, GENERATE, END } call;
  Owl2Image image;
  Owl2Request request;
  Owl2EncodedFunc encoded;
  Owl2ShrunkFunc shrunk;
  Owl2AnsweredFunc answered;
  gpointer user_data;
} Job;

struct _FakeAsync {
  Owl2Session *session;
  int nice;
  GMutex lock;
  GCond cond;
  GQueue jobs; /* Job, under the lock */
  GThread *thread;
};

static gpointer
async_thread (gpointer user_data)
{
  FakeAsync *async = user_data;
  Owl2Session *session = async->session;

  owl2_nice_raise (async->nice);
  for (;;) {
    g_autofree Job *job = NULL;
    g_autoptr (GError) error = NULL;
    guint64 encode_ns = 0;
    gpointer result;

    g_mutex_lock (&async->lock);
    while (!(job = g_queue_pop_head (&async->jobs)))
      g_cond_wait (&async->cond, &async->lock);
    g_mutex_unlock (&async->lock);
    switch (job->call) {
      case ENCODE:
        result = owl2_session_encode (session, &job->image, &encode_ns, &error);
        job->encoded (result, encode_ns, error, job->user_data);
        break;
      case SHRINK:
        result = owl2_session_shrink (session, &job->image, &error);
        job->shrunk (result, error, job->user_data);
        break;
      case GENERATE:
        result = owl2_session_generate (session, &job->request, &error);
        for (guint i = 0; i < job->request.n_frames; i++)
          owl2_features_unref (job->request.frames[i]);
        g_free ((gpointer) job->request.frames);
        g_free ((char *) job->request.prompt);
        job->answered (result, error, job->user_data);
        break;
      default:
        return NULL;
    }
  }
}

static void
async_submit (FakeAsync *async, Job job)
{
  g_mutex_lock (&async->lock);
  g_queue_push_tail (&async->jobs, g_memdup2 (&job, sizeof (job)));
  g_cond_signal (&async->cond);
  g_mutex_unlock (&async->lock);
}

FakeAsync *
fake_async_new (Owl2Session *session, int nice)
{
  FakeAsync *async = g_new0 (FakeAsync, 1);

  async->session = session;
  async->nice = nice;
  g_mutex_init (&async->lock);
  g_cond_init (&async->cond);
  g_queue_init (&async->jobs);
  async->thread = g_thread_new ("engine", async_thread, async);
  return async;
}

void
fake_async_free (FakeAsync *async)
{
  async_submit (async, (Job){ .call = END });
  g_thread_join (async->thread);
  g_cond_clear (&async->cond);
  g_mutex_clear (&async->lock);
  g_free (async);
}

void
owl2_session_encode_async (Owl2Session *session, const Owl2Image *image,
    Owl2EncodedFunc done, gpointer user_data)
{
  async_submit (fake_session_async (session), (Job){ .call = ENCODE,
                                                  .image = *image,
                                                  .encoded = done,
                                                  .user_data = user_data });
}

void
owl2_session_shrink_async (Owl2Session *session, const Owl2Image *image,
    Owl2ShrunkFunc done, gpointer user_data)
{
  async_submit (fake_session_async (session), (Job){ .call = SHRINK,
                                                  .image = *image,
                                                  .shrunk = done,
                                                  .user_data = user_data });
}

void
owl2_session_generate_async (Owl2Session *session, const Owl2Request *request,
    Owl2AnsweredFunc done, gpointer user_data)
{
  Job job = { .call = GENERATE,
    .request = *request,
    .answered = done,
    .user_data = user_data };
  Owl2Features **frames = g_new (Owl2Features *, request->n_frames);

  for (guint i = 0; i < request->n_frames; i++)
    frames[i] = owl2_features_ref (request->frames[i]);
  job.request.frames = frames;
  job.request.prompt = g_strdup (request->prompt);
  async_submit (fake_session_async (session), job);
}
