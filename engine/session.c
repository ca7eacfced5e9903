/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions: thin clients of a model's scheduler. */
#include <math.h>
#include <string.h>

#include "choices.h"
#include "room.h"
#include "scheduler.h"
#include "waiter.h"

struct _Owl2Session {
  Owl2Model *model; /* reference */
  Owl2KvPool *kvpool;
  Owl2Client client;
  gboolean language_only;
  guint n_ctx; /* positions */

  GMutex lock; /* of the next two */
  GCond cond;
  guint n_pending; /* jobs that are not told */
};

struct _Owl2Features {
  gatomicrefcount refs;
  Owl2Model *model; /* reference */
  Owl2FeatureSlot *slot;
};

/* ---- making and freeing ------------------------------------------------- */

/* The load has made the pipelines for one type of KV cache. */
static gboolean
compile_kv_type (Owl2Model *model, Owl2Type type, GError **error)
{
  g_autoptr (OvkPipelineSet) set = NULL;
  g_autoptr (OvkCompiler) compiler = NULL;

  if (type == model->kv_type)
    return TRUE;
  set = ovk_pipeline_set_new ();
  if (!owl2_model_warm_up (model, type, FALSE, set, error))
    return FALSE;
  compiler = ovk_compiler_new (model->dev, set);
  if (!ovk_compiler_finish (compiler, error)
      || !owl2_ops_verify_set (model->dev, set, error))
    return FALSE;
  ovk_device_save_cache (model->dev);
  return TRUE;
}

Owl2Session *
owl2_session_new (
    Owl2Model *model, const Owl2SessionParams *params, GError **error)
{
  const Owl2SessionParams none = { 0 };
  guint most = model->weights->config.decoder.n_ctx, n_positions = 0;
  g_autoptr (Owl2Session) s = g_new0 (Owl2Session, 1);
  Owl2Type type;

  params = params ? params : &none;
  g_mutex_init (&s->lock);
  g_cond_init (&s->cond);
  s->model = owl2_model_ref (model);
  g_atomic_int_inc (&model->n_sessions);
  s->language_only = params->language_only;
  s->n_ctx = params->n_ctx ? MIN (params->n_ctx, most) : most;
  type = owl2_room_kv_type (model, params->kv_type);
  if (params->prompt
      && !owl2_sequence_count (model, s->n_ctx, params->prompt,
          params->n_frames, params->max_tokens, &n_positions, NULL, error))
    return NULL;
  if (!owl2_model_alive (model, error))
    return NULL;
  s->kvpool = owl2_model_kvpool (model, type, error);
  if (!s->kvpool || !owl2_room_check_kv (model, s->kvpool, n_positions, error)
      || !compile_kv_type (model, type, error))
    return NULL;
  return g_steal_pointer (&s);
}

Owl2Room
owl2_session_room (Owl2Session *session, const Owl2Request *request)
{
  g_autofree char *prompt =
      owl2_prompt_append (request->prompt, request->answer_prefix);
  guint most = session->n_ctx;
  gboolean placed;
  guint n, n_tokens;

  if (!owl2_sequence_count (session->model, most, prompt, request->n_frames, 1,
          &n, &placed, NULL))
    return OWL2_ROOM_SHORT;
  if (!placed)
    return OWL2_ROOM_INVALID;
  n_tokens = request->n_choices ? owl2_choices_longest (
                 session->model->tokenizer, request, most)
                                : request->sampling.max_tokens;
  return n_tokens <= most - n + 1 ? OWL2_ROOM_ENOUGH : OWL2_ROOM_SHORT;
}

guint
owl2_session_most_frames (Owl2Session *session, const Owl2Request *request)
{
  guint least = 1, most = MAX (request->n_frames, 1);
  Owl2Request tried = *request;

  while (least < most) {
    tried.n_frames = most - (most - least) / 2;
    if (owl2_session_room (session, &tried) == OWL2_ROOM_SHORT)
      most = tried.n_frames - 1;
    else
      least = tried.n_frames;
  }
  return least;
}

void
owl2_session_free (Owl2Session *session)
{
  if (!session)
    return;
  owl2_session_cancel (session);
  g_mutex_lock (&session->lock);
  while (session->n_pending)
    g_cond_wait (&session->cond, &session->lock);
  g_mutex_unlock (&session->lock);
  g_atomic_int_add (&session->model->n_sessions, -1);
  owl2_model_unref (session->model);
  g_cond_clear (&session->cond);
  g_mutex_clear (&session->lock);
  g_free (session);
}

void
owl2_session_cancel (Owl2Session *session)
{
  g_atomic_int_set (&session->client.cancelled, 1);
  g_atomic_int_inc (&session->client.n_cancels);
  owl2_scheduler_kick (session->model->scheduler);
}

void
owl2_session_uncancel (Owl2Session *session)
{
  g_atomic_int_set (&session->client.cancelled, 0);
}

void
owl2_session_set_tap (Owl2Session *session, Owl2TapFunc func,
    gboolean attention, gpointer user_data)
{
  session->client.tap = func;
  session->client.tap_data = user_data;
  session->client.tap_attention = attention;
}

/* ---- jobs --------------------------------------------------------------- */

static Owl2Job *
job_new (Owl2Session *s, Owl2JobKind kind,
    void (*tell) (Owl2Job *job, const GError *error), gpointer callback,
    gpointer user_data)
{
  Owl2Job *job = owl2_job_new (kind, &s->client);

  job->owner = s;
  job->tell = tell;
  job->callback = callback;
  job->user_data = user_data;
  owl2_model_check_file (s->model, &job->refused);
  return job;
}

static void
submit (Owl2Session *s, Owl2Job *job)
{
  g_mutex_lock (&s->lock);
  s->n_pending++;
  g_mutex_unlock (&s->lock);
  owl2_scheduler_submit (s->model->scheduler, job);
}

/* The last that a teller does: then the session may be freed. */
static void
told (Owl2Session *s)
{
  g_mutex_lock (&s->lock);
  if (--s->n_pending == 0)
    g_cond_broadcast (&s->cond);
  g_mutex_unlock (&s->lock);
}

/* Of a blocking call, with the job's result. */
typedef struct {
  Owl2Waiter base;
  guint64 ns;
  double distance;
  GQueue tokens; /* Token, not yet handed on; under the lock */
  gint stopped;  /* atomic: no more tokens are wanted */
} Waiter;

static void
waiter_init (Waiter *w)
{
  memset (w, 0, sizeof *w);
  owl2_waiter_init (&w->base);
}

/* ---- frames ------------------------------------------------------------- */

Owl2Features *
owl2_features_ref (Owl2Features *features)
{
  g_atomic_ref_count_inc (&features->refs);
  return features;
}

gboolean
owl2_features_look (const Owl2Features *features)
{
  return features->slot->look != NULL;
}

void
owl2_features_unref (Owl2Features *features)
{
  if (!features || !g_atomic_ref_count_dec (&features->refs))
    return;
  owl2_feature_slot_unref (features->slot);
  owl2_model_unref (features->model);
  g_free (features);
}

static void
tell_encoded (Owl2Job *job, const GError *error)
{
  Owl2EncodedFunc done = (Owl2EncodedFunc) job->callback;
  Owl2Session *s = job->owner;
  Owl2Features *features = NULL;

  if (!error) {
    features = g_new0 (Owl2Features, 1);
    g_atomic_ref_count_init (&features->refs);
    features->model = owl2_model_ref (s->model);
    features->slot = owl2_feature_slot_ref (job->slot);
  }
  done (features, job->ns, error, job->user_data);
  told (s);
}

/* What the device reads in place has to stay until it is done. */
static void
take_image (Owl2Job *job, const Owl2Image *image)
{
  job->image = *image;
  if (image->memory)
    job->memory = owl2_memory_ref (image->memory);
}

void
owl2_session_encode_async (Owl2Session *session, const Owl2Image *image,
    Owl2EncodedFunc done, gpointer user_data)
{
  Owl2Job *job = job_new (
      session, OWL2_JOB_ENCODE, tell_encoded, (gpointer) done, user_data);

  take_image (job, image);
  if (!job->refused && owl2_image_check (image, &job->refused))
    job->slot = owl2_feature_slot_new (session->model->features, &job->refused);
  submit (session, job);
}

static void
wake_encoded (Owl2Features *features, guint64 encode_ns, const GError *error,
    gpointer user_data)
{
  Waiter *w = user_data;

  w->ns = encode_ns;
  owl2_waiter_wake (&w->base, features, error);
}

Owl2Features *
owl2_session_encode (Owl2Session *session, const Owl2Image *image,
    guint64 *encode_ns, GError **error)
{
  Owl2Features *features;
  Waiter w;

  waiter_init (&w);
  owl2_session_encode_async (session, image, wake_encoded, &w);
  features = owl2_waiter_wait (&w.base, error);
  if (features && encode_ns)
    *encode_ns = w.ns;
  return features;
}

static void
tell_shrunk (Owl2Job *job, const GError *error)
{
  Owl2ShrunkFunc done = (Owl2ShrunkFunc) job->callback;
  Owl2Session *s = job->owner;

  done (error ? NULL : g_steal_pointer (&job->rgb), error, job->user_data);
  told (s);
}

void
owl2_session_shrink_async (Owl2Session *session, const Owl2Image *image,
    Owl2ShrunkFunc done, gpointer user_data)
{
  Owl2Job *job = job_new (
      session, OWL2_JOB_SHRINK, tell_shrunk, (gpointer) done, user_data);

  take_image (job, image);
  if (!job->refused)
    owl2_image_check (image, &job->refused);
  submit (session, job);
}

static void
wake_shrunk (guint8 *rgb, const GError *error, gpointer user_data)
{
  Waiter *w = user_data;

  owl2_waiter_wake (&w->base, rgb, error);
}

guint8 *
owl2_session_shrink (
    Owl2Session *session, const Owl2Image *image, GError **error)
{
  Waiter w;

  waiter_init (&w);
  owl2_session_shrink_async (session, image, wake_shrunk, &w);
  return owl2_waiter_wait (&w.base, error);
}

static void
tell_distance (Owl2Job *job, const GError *error)
{
  Owl2DistanceFunc done = (Owl2DistanceFunc) job->callback;
  Owl2Session *s = job->owner;

  done (error ? 0 : job->distance, error, job->user_data);
  told (s);
}

static gboolean
check_frames (const Owl2Session *s, Owl2Features *const *frames, guint n_frames,
    GError **error)
{
  for (guint i = 0; i < n_frames; i++)
    if (frames[i]->model != s->model) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
          "frame %u was encoded by another model than the one that is asked",
          i);
      return FALSE;
    }
  return TRUE;
}

void
owl2_session_distance_async (Owl2Session *session, Owl2Features *a,
    Owl2Features *b, Owl2DistanceFunc done, gpointer user_data)
{
  Owl2Features *const frames[] = { a, b };
  Owl2Job *job = job_new (
      session, OWL2_JOB_DISTANCE, tell_distance, (gpointer) done, user_data);

  if (!job->refused && check_frames (session, frames, 2, &job->refused)) {
    job->slot = owl2_feature_slot_ref (a->slot);
    job->other = owl2_feature_slot_ref (b->slot);
  }
  submit (session, job);
}

static void
wake_distance (double distance, const GError *error, gpointer user_data)
{
  Waiter *w = user_data;

  w->distance = distance;
  owl2_waiter_wake (&w->base, error ? NULL : w, error);
}

gboolean
owl2_session_distance (Owl2Session *session, Owl2Features *a, Owl2Features *b,
    double *distance, GError **error)
{
  Waiter w;

  waiter_init (&w);
  owl2_session_distance_async (session, a, b, wake_distance, &w);
  if (!owl2_waiter_wait (&w.base, error))
    return FALSE;
  *distance = w.distance;
  return TRUE;
}

/* ---- answers ------------------------------------------------------------ */

static void
tell_answered (Owl2Job *job, const GError *error)
{
  Owl2AnsweredFunc done = (Owl2AnsweredFunc) job->callback;
  Owl2Session *s = job->owner;

  done (error ? NULL : g_steal_pointer (&job->answer), error, job->user_data);
  told (s);
}

void
owl2_session_generate_async (Owl2Session *session, const Owl2Request *request,
    Owl2AnsweredFunc done, gpointer user_data)
{
  Owl2Job *job = job_new (
      session, OWL2_JOB_ANSWER, tell_answered, (gpointer) done, user_data);
  g_autofree Owl2FeatureSlot **slots =
      g_new (Owl2FeatureSlot *, request->n_frames);

  if (!job->refused
      && check_frames (
          session, request->frames, request->n_frames, &job->refused)) {
    for (guint i = 0; i < request->n_frames; i++)
      slots[i] = request->frames[i]->slot;
    job->seq = owl2_sequence_new (session->model, session->kvpool,
        session->n_ctx, session->language_only, request, slots, &job->refused);
  }
  submit (session, job);
}

typedef struct {
  gint32 id;
  double probability;
  char *text;
} Token;

static void
token_free (gpointer data)
{
  g_free (((Token *) data)->text);
  g_free (data);
}

static gboolean
wake_token (gint32 id, double probability, const char *text, gpointer user_data)
{
  Waiter *w = user_data;
  Token *token = g_new (Token, 1);

  *token = (Token){ id, probability, g_strdup (text) };
  g_mutex_lock (&w->base.lock);
  g_queue_push_tail (&w->tokens, token);
  g_cond_signal (&w->base.cond);
  g_mutex_unlock (&w->base.lock);
  return !g_atomic_int_get (&w->stopped);
}

static void
wake_answered (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  Waiter *w = user_data;

  owl2_waiter_wake (&w->base, answer, error);
}

/* Hands tokens on, on the thread of the caller; the engine goes on meanwhile.
 * @cancelled: (out): some came after a cancel, and were not handed on
 * Returns: how many the caller has taken, when it wants no more; else 0 */
static guint
hand_on (Waiter *w, Owl2Session *s, gint n_cancels, const Owl2Request *request,
    double *log_probability, gboolean *cancelled)
{
  guint n = 0;
  gboolean go_on = TRUE;

  g_mutex_lock (&w->base.lock);
  while (!w->base.done || w->tokens.length) {
    Token *token = g_queue_pop_head (&w->tokens);

    if (!token) {
      g_cond_wait (&w->base.cond, &w->base.lock);
      continue;
    }
    g_mutex_unlock (&w->base.lock);
    if (go_on && g_atomic_int_get (&s->client.n_cancels) != n_cancels)
      *cancelled = TRUE;
    if (go_on && !*cancelled) {
      n++;
      *log_probability += log (MAX (token->probability, G_MINDOUBLE));
      go_on = request->on_token (
          token->id, token->probability, token->text, request->user_data);
      if (!go_on)
        g_atomic_int_set (&w->stopped, 1);
    }
    token_free (token);
    g_mutex_lock (&w->base.lock);
  }
  g_mutex_unlock (&w->base.lock);
  return go_on ? 0 : n;
}

/* The answer ends after @n tokens, although the engine was ahead. */
static void
cut_answer (Owl2Session *s, Owl2Answer *answer, guint n, double log_probability)
{
  answer->n_ids = n;
  answer->truncated = FALSE;
  g_clear_pointer (&answer->maps, g_free);
  answer->n_maps = 0;
  answer->confidence = exp (log_probability / n);
  g_free (answer->text);
  answer->text = owl2_tokenizer_decode (s->model->tokenizer, answer->ids, n);
}

Owl2Answer *
owl2_session_generate (
    Owl2Session *session, const Owl2Request *request, GError **error)
{
  gint n_cancels = g_atomic_int_get (&session->client.n_cancels);
  Owl2Request own = *request;
  gboolean cancelled = FALSE;
  double log_probability = 0;
  Owl2Answer *answer;
  guint n = 0;
  Waiter w;

  waiter_init (&w);
  if (request->on_token) {
    own.on_token = wake_token;
    own.user_data = &w;
  }
  owl2_session_generate_async (session, &own, wake_answered, &w);
  if (request->on_token)
    n = hand_on (&w, session, n_cancels, request, &log_probability, &cancelled);
  answer = owl2_waiter_wait (&w.base, error);
  if (answer && cancelled) {
    g_clear_pointer (&answer, owl2_answer_free);
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "cancelled");
  }
  if (answer && n)
    cut_answer (session, answer, n, log_probability);
  return answer;
}
