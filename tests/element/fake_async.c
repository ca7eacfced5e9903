/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_async.h"

#include "fake_engine.h"
#include "nice.h"

typedef struct {
  enum { ENCODE, SHRINK, DISTANCE, GENERATE, END } call;
  Owl2Image image;
  Owl2Features *a, *b;
  Owl2Request request;
  Owl2EncodedFunc encoded;
  Owl2ShrunkFunc shrunk;
  Owl2DistanceFunc compared;
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

/* Of what request_copy() has made. */
static void
request_clear (Owl2Request *request)
{
  for (guint i = 0; i < request->n_frames; i++)
    owl2_features_unref (request->frames[i]);
  g_free ((gpointer) request->frames);
  g_free ((char *) request->prompt);
  g_free ((char *) request->answer_prefix);
  g_strfreev ((char **) request->choices);
  g_free ((double *) request->choice_weights);
}

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
    double distance = 0;
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
      case DISTANCE:
        owl2_session_distance (session, job->a, job->b, &distance, &error);
        owl2_features_unref (job->a);
        owl2_features_unref (job->b);
        job->compared (distance, error, job->user_data);
        break;
      case GENERATE:
        result = owl2_session_generate (session, &job->request, &error);
        request_clear (&job->request);
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
  fake_note_frame ();
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
owl2_session_distance_async (Owl2Session *session, Owl2Features *a,
    Owl2Features *b, Owl2DistanceFunc done, gpointer user_data)
{
  async_submit (fake_session_async (session), (Job){ .call = DISTANCE,
                                                  .a = owl2_features_ref (a),
                                                  .b = owl2_features_ref (b),
                                                  .compared = done,
                                                  .user_data = user_data });
}

static Owl2Request
request_copy (const Owl2Request *request)
{
  Owl2Request copy = *request;
  Owl2Features **frames = g_new (Owl2Features *, request->n_frames);
  char **choices = g_new0 (char *, request->n_choices + 1);

  for (guint i = 0; i < request->n_frames; i++)
    frames[i] = owl2_features_ref (request->frames[i]);
  for (guint i = 0; i < request->n_choices; i++)
    choices[i] = g_strdup (request->choices[i]);
  copy.frames = frames;
  copy.prompt = g_strdup (request->prompt);
  copy.answer_prefix = g_strdup (request->answer_prefix);
  copy.choices = (const char *const *) choices;
  copy.choice_weights =
      g_memdup2 (request->choice_weights, request->n_choices * sizeof (double));
  return copy;
}

void
owl2_session_generate_async (Owl2Session *session, const Owl2Request *request,
    Owl2AnsweredFunc done, gpointer user_data)
{
  async_submit (
      fake_session_async (session), (Job){ .call = GENERATE,
                                        .request = request_copy (request),
                                        .answered = done,
                                        .user_data = user_data });
}

/* There is no device here, and so no memory of another one. */
Owl2Memory *
owl2_memory_import (
    Owl2Model *model, const Owl2Foreign *foreign, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED, "no device");
  return NULL;
}

gboolean
owl2_memory_is_of (const Owl2Memory *memory, const Owl2Model *model)
{
  return FALSE;
}

void
owl2_memory_unref (Owl2Memory *memory)
{
}
