/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scheduler.h"

#include <math.h>
#include <string.h>

#include "waiter.h"

/* Turns in flight: the device has the next one before the host has read the
 * results of the one before. */
#define N_TURNS 2
/* Who could not be served, for want of pages, has no claim to more than this of
 * the time that others had meanwhile. */
#define MAX_CLAIM_US 1e6

/* A batch of frames, or a pass: what is on its way to the device and back. */
typedef struct {
  GPtrArray *jobs; /* Owl2Job, a reference to each */
  gboolean is_pass;
  guint n_prefill; /* rows of the prompt of the first of them */
  guint n_fed;     /* positions of that prompt that are there then */
  gboolean last;   /* its prompt ends there */
  guint place;     /* which of the turns it is: its part of the results */
  guint64 number;  /* its last submission */
  gint64 start_us;
} Turn;

struct _Owl2Scheduler {
  Owl2Workspace work;
  GThread *thread;

  GMutex lock; /* of the next three */
  GCond cond;
  GQueue inbox; /* Owl2Job */
  gboolean quit;

  gint kicked; /* atomic: a client was cancelled */

  /* The thread's own. */
  GQueue frames;  /* Owl2Job: to be encoded or shrunk */
  GQueue calls;   /* Owl2Job */
  GQueue waiting; /* Owl2Job: answers without pages yet */
  GQueue active;  /* Owl2Job: answers with pages */
  Turn turns[N_TURNS];
  guint first_turn, n_turns; /* a ring */
  Turn *recording;           /* (nullable) */
  gboolean was_pass;         /* the turn before */
  double floor_us;           /* the least that a client with work has had */
  gint64 done_us;            /* when the last turn was done */
  Owl2Pass pass;
};

/* ---- jobs --------------------------------------------------------------- */

Owl2Job *
owl2_job_new (Owl2JobKind kind, Owl2Client *client)
{
  Owl2Job *job = g_new0 (Owl2Job, 1);

  job->kind = kind;
  job->client = client;
  job->n_cancels = g_atomic_int_get (&client->n_cancels);
  job->refs = 1;
  return job;
}

void
owl2_job_free (Owl2Job *job)
{
  owl2_feature_slot_unref (job->slot);
  owl2_sequence_free (job->seq);
  owl2_answer_free (job->answer);
  g_clear_error (&job->refused);
  g_free (job->rgb);
  g_free (job);
}

static Owl2Job *
job_ref (Owl2Job *job)
{
  job->refs++;
  return job;
}

static void
job_unref (Owl2Job *job)
{
  if (--job->refs == 0)
    owl2_job_free (job);
}

static gboolean
is_told (const Owl2Job *job)
{
  return job->client == NULL;
}

/* The client may be gone when this returns. */
static void
job_tell (Owl2Job *job, const GError *error)
{
  if (is_told (job))
    return;
  if (job->seq)
    job->seq->ended = TRUE;
  job->client = NULL;
  /* The pixels may be gone from now on. */
  job->image.data = NULL;
  job->tell (job, error);
}

static void
tell_if_cancelled (gpointer data, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  Owl2Job *job = data;

  if (is_told (job)
      || (!g_atomic_int_get (&job->client->cancelled)
          && g_atomic_int_get (&job->client->n_cancels) == job->n_cancels))
    return;
  g_set_error_literal (&error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "cancelled");
  job_tell (job, error);
}

/* Those that wait for nothing but to be told are told at once, in the middle of
 * a turn, too. */
static void
look_for_cancels (Owl2Scheduler *s)
{
  if (!g_atomic_int_compare_and_exchange (&s->kicked, 1, 0))
    return;
  g_queue_foreach (&s->frames, tell_if_cancelled, NULL);
  g_queue_foreach (&s->waiting, tell_if_cancelled, NULL);
  g_queue_foreach (&s->active, tell_if_cancelled, NULL);
  for (guint i = 0; i < s->n_turns; i++)
    g_ptr_array_foreach (
        s->turns[(s->first_turn + i) % N_TURNS].jobs, tell_if_cancelled, NULL);
  if (s->recording)
    g_ptr_array_foreach (s->recording->jobs, tell_if_cancelled, NULL);
}

/* Between operations: a turn that nobody waits for any more ends. */
static gboolean
poll (gpointer user_data)
{
  Owl2Scheduler *s = user_data;

  look_for_cancels (s);
  if (!s->recording)
    return TRUE;
  /* Who was told looks at nothing any more. */
  if (is_told (g_ptr_array_index (s->recording->jobs, 0)))
    s->work.exec.tap = NULL;
  for (guint i = 0; i < s->recording->jobs->len; i++)
    if (!is_told (g_ptr_array_index (s->recording->jobs, i)))
      return TRUE;
  return FALSE;
}

/* ---- queues ------------------------------------------------------------- */

/* What the client has had. Who comes anew, or comes back, has no claim to what
 * others had before. */
static double
used_us (const Owl2Scheduler *s, const Owl2Job *job)
{
  return MAX (job->client->used_us, s->floor_us);
}

static void
lower_to (const Owl2Scheduler *s, const Owl2Job *job, double *least)
{
  if (!is_told (job))
    *least = MIN (*least, used_us (s, job));
}

/* By rows: one of a prompt costs about what one of a token does. */
static void
charge (Owl2Scheduler *s, const Turn *turn, gint64 took_us)
{
  const GQueue *const queues[] = { &s->frames, &s->waiting, &s->active };
  guint n_first = MAX (turn->n_prefill, 1);
  double row_us = (double) took_us / (turn->jobs->len - 1 + n_first);
  double least = G_MAXDOUBLE, most = 0;

  for (guint i = 0; i < turn->jobs->len; i++) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (is_told (job))
      continue;
    job->client->used_us = used_us (s, job) + row_us * (i ? 1 : n_first);
    most = MAX (most, job->client->used_us);
    lower_to (s, job, &least);
  }
  for (guint i = 0; i < G_N_ELEMENTS (queues); i++)
    for (GList *l = queues[i]->head; l; l = l->next)
      lower_to (s, l->data, &least);
  if (least < G_MAXDOUBLE)
    s->floor_us = MAX (s->floor_us, least);
  s->floor_us = MAX (s->floor_us, most - MAX_CLAIM_US);
}

static void
take_in (Owl2Scheduler *s, Owl2Job *job)
{
  if (job->refused) {
    job_tell (job, job->refused);
    job_unref (job);
    return;
  }
  switch (job->kind) {
    case OWL2_JOB_ENCODE:
    case OWL2_JOB_SHRINK:
      g_queue_push_tail (&s->frames, job);
      break;
    case OWL2_JOB_ANSWER:
      g_queue_push_tail (&s->waiting, job);
      break;
    case OWL2_JOB_CALL:
      g_queue_push_tail (&s->calls, job);
      break;
  }
}

static gboolean
has_work (const Owl2Scheduler *s)
{
  return s->frames.length || s->calls.length || s->waiting.length
         || s->active.length || s->n_turns;
}

/* Takes what has come in, and sleeps while there is nothing to do; FALSE: the
 * end. */
static gboolean
collect (Owl2Scheduler *s)
{
  GQueue fresh;
  gboolean quit;
  Owl2Job *job;

  g_mutex_lock (&s->lock);
  while (!s->quit && !has_work (s) && g_queue_is_empty (&s->inbox))
    g_cond_wait (&s->cond, &s->lock);
  fresh = s->inbox;
  g_queue_init (&s->inbox);
  quit = s->quit && g_queue_is_empty (&fresh);
  g_mutex_unlock (&s->lock);
  while ((job = g_queue_pop_head (&fresh))) {
    take_in (s, job);
    /* It may have been cancelled on its way. */
    g_atomic_int_set (&s->kicked, 1);
  }
  return has_work (s) || !quit;
}

/* Drops those that were told and that no turn needs. */
static void
sweep (Owl2Scheduler *s)
{
  GQueue *const queues[] = { &s->frames, &s->waiting, &s->active };

  for (guint i = 0; i < G_N_ELEMENTS (queues); i++)
    for (GList *l = queues[i]->head, *next; l; l = next) {
      Owl2Job *job = l->data;

      next = l->next;
      if (!is_told (job) || (job->seq && job->seq->in_flight))
        continue;
      if (job->seq)
        owl2_kvpool_end (job->seq->kvpool, &job->seq->kv);
      g_queue_delete_link (queues[i], l);
      job_unref (job);
    }
}

/* Shows what the host has to who looks at @job, if anybody does. */
static void
show (const Owl2Job *job, const char *name, char type, guint n_dims,
    const gsize *shape, const void *data)
{
  const Owl2Client *client = job->client;

  if (client->tap)
    client->tap (name, type, shape, n_dims, 0, data, client->tap_data);
}

static void
tap_prompt (const Owl2Job *job)
{
  const Owl2Sequence *seq = job->seq;
  gsize n_ids = seq->prompt->len, n = seq->n_prompt;
  g_autofree gint32 *modality = NULL;

  if (!job->client->tap)
    return;
  modality = g_new (gint32, n);
  for (guint i = 0; i < n; i++)
    modality[i] = g_array_index (seq->keys, Owl2KvKey, i).frame != 0;
  show (job, "input_ids", 'i', 1, &n_ids, seq->prompt->data);
  show (job, "modality", 'i', 1, &n, modality);
}

/* The job of the client that has had least. */
static GList *
next_of (const Owl2Scheduler *s, GQueue *queue)
{
  GList *best = NULL;

  for (GList *l = queue->head; l; l = l->next) {
    const Owl2Job *job = l->data, *before = best ? best->data : NULL;

    if (!is_told (job) && (!best || used_us (s, job) < used_us (s, before)))
      best = l;
  }
  return best;
}

/* Whether an answer is out whose pages a turn in flight still writes. */
static gboolean
any_leaving (const Owl2Scheduler *s)
{
  for (GList *l = s->active.head; l; l = l->next)
    if (is_told (l->data))
      return TRUE;
  return FALSE;
}

/* Gives pages to those that wait, as long as there are any. */
static void
admit (Owl2Scheduler *s)
{
  GList *l;

  while (s->active.length < OWL2_MAX_ACTIVE && (l = next_of (s, &s->waiting))) {
    g_autoptr (GError) error = NULL;
    Owl2Job *job = l->data;
    Owl2Sequence *seq = job->seq;
    Owl2KvState state = owl2_kvpool_begin (seq->kvpool, &seq->kv, seq->tree,
        (const Owl2KvKey *) (gpointer) seq->keys->data, seq->n_prompt,
        seq->n_prompt + seq->n_max - 1, seq->cold, any_leaving (s), &error);

    if (state == OWL2_KV_BUSY)
      return;
    if (state == OWL2_KV_FAILED) {
      job_tell (job, error);
      sweep (s);
      continue;
    }
    seq->n_fed = seq->n_reused = seq->kv.n_reused;
    seq->start_us = g_get_monotonic_time ();
    seq->by_host |= job->client->tap != NULL;
    tap_prompt (job);
    g_queue_unlink (&s->waiting, l);
    g_queue_push_tail_link (&s->active, l);
  }
}

/* ---- forming turns ------------------------------------------------------ */

static void
turn_add (Turn *turn, Owl2Job *job)
{
  g_ptr_array_add (turn->jobs, job_ref (job));
}

static void
turn_clear (Turn *turn)
{
  for (guint i = 0; i < turn->jobs->len; i++)
    job_unref (g_ptr_array_index (turn->jobs, i));
  g_ptr_array_set_size (turn->jobs, 0);
}

static gboolean
can_run (const Owl2Job *job)
{
  return !is_told (job)
         && (owl2_sequence_can_prefill (job->seq)
             || owl2_sequence_can_decode (job->seq));
}

/* (nullable): of those whose client has had least. @only: of its pool, for its
 * company. */
static Owl2Job *
next_active (Owl2Scheduler *s, gboolean prefill, const Owl2Job *only)
{
  Owl2Job *best = NULL;

  for (GList *l = s->active.head; l; l = l->next) {
    Owl2Job *job = l->data;

    if (!can_run (job) || (prefill && !owl2_sequence_can_prefill (job->seq))
        || (only && (job->alone || job->seq->kvpool != only->seq->kvpool)))
      continue;
    if (!best || used_us (s, job) < used_us (s, best))
      best = job;
  }
  return best;
}

/* Who takes part in the next pass; FALSE: nobody can now. */
static gboolean
form_pass (Owl2Scheduler *s, Turn *turn)
{
  Owl2Job *first = next_active (s, FALSE, NULL), *prefill;

  if (!first)
    return FALSE;
  if (first->alone) {
    turn_add (turn, first);
    return TRUE;
  }
  prefill = owl2_sequence_can_prefill (first->seq)
                ? first
                : next_active (s, TRUE, first);
  if (prefill)
    turn_add (turn, prefill);
  for (GList *l = s->active.head; l; l = l->next) {
    Owl2Job *job = l->data;

    if (!is_told (job) && !job->alone && job != prefill
        && job->seq->kvpool == first->seq->kvpool
        && owl2_sequence_can_decode (job->seq))
      turn_add (turn, job);
  }
  return TRUE;
}

/* Entry of the results for the token of wanted row @i. */
static guint32
result_of (const Turn *turn, guint i)
{
  return turn->place * OWL2_PASS_WANTED + i;
}

static OvkSlice
logits_place (const Owl2Scheduler *s, const Turn *turn, guint i)
{
  gsize bytes =
      (gsize) s->work.model->weights->config.decoder.n_vocab * sizeof (float);

  return (OvkSlice){ s->work.logits.buffer,
    s->work.logits.offset + result_of (turn, i) * bytes, bytes };
}

/* Lays out the rows; those of the wanted logits stand in a row. */
static void
fill_pass (Owl2Scheduler *s, Turn *turn)
{
  Owl2Pass *pass = &s->pass;
  const Owl2Job *first = g_ptr_array_index (turn->jobs, 0);
  guint32 result;

  owl2_pass_reset (pass);
  result = result_of (turn, 0);
  for (guint i = 0; i < turn->jobs->len; i++) {
    const Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (i == 0 && owl2_sequence_can_prefill (job->seq)) {
      owl2_sequence_prefill (job->seq, pass, s->work.decoder.chunk, result);
      if (!pass->last)
        continue;
    } else {
      owl2_sequence_decode (job->seq, pass, result);
    }
    if (job->seq->by_host) {
      Owl2PassLogits logits = { pass->n_prefill + pass->n_decode - 1,
        logits_place (s, turn, result - result_of (turn, 0)) };

      g_array_append_val (pass->logits, logits);
    }
    result++;
  }
  turn->n_prefill = pass->n_prefill;
  turn->n_fed = first->seq->n_fed + pass->n_prefill;
  turn->last = pass->last;
  pass->attention = first->client->tap_attention && first->client->tap;
}

/* Jobs before those whose logits are wanted: one whose prompt goes on. */
static guint
n_before_wanted (const Turn *turn)
{
  return turn->n_prefill && !turn->last ? 1 : 0;
}

static gboolean
record_pass (Owl2Scheduler *s, Turn *turn, GError **error)
{
  Owl2Workspace *work = &s->work;
  Owl2Job *first = g_ptr_array_index (turn->jobs, 0);
  Owl2Sequence *seq = first->seq;

  fill_pass (s, turn);
  if (turn->n_prefill && seq->n_fed == seq->n_reused)
    owl2_kvpool_record_copy (
        seq->kvpool, &seq->kv, owl2_exec_cmd (&work->exec));
  /* The stages of generated tokens are not part of a trace. */
  if (turn->n_prefill) {
    work->exec.tap = first->client->tap;
    work->exec.tap_data = first->client->tap_data;
  }
  return owl2_pass_record (&work->exec, work->model->weights,
      owl2_kvpool_tensors (seq->kvpool), &work->decoder, &s->pass,
      &work->replay, error);
}

/* A picture to look at goes alone, and so does one to read back: when nothing
 * else is in flight. */
static gboolean
goes_alone (const Owl2Job *job)
{
  return job->alone || job->client->tap || job->kind == OWL2_JOB_SHRINK;
}

/* Whether the next frame waits for what is in flight, so that nothing else is
 * to be begun. */
static gboolean
frame_waits (Owl2Scheduler *s)
{
  GList *l = next_of (s, &s->frames);

  return l && goes_alone (l->data) && s->n_turns > 0;
}

/* The next frames, of the clients that have had least. */
static gboolean
form_batch (Owl2Scheduler *s, Turn *turn)
{
  GList *l = next_of (s, &s->frames);

  if (!l || frame_waits (s))
    return FALSE;
  do {
    Owl2Job *job = l->data;

    if (goes_alone (job) && turn->jobs->len)
      break;
    job->alone = goes_alone (job);
    turn_add (turn, job);
    g_queue_delete_link (&s->frames, l);
    job_unref (job);
    if (job->alone)
      break;
  } while (turn->jobs->len < OWL2_BATCH && (l = next_of (s, &s->frames)));
  return TRUE;
}

static gboolean
record_batch (Owl2Scheduler *s, Turn *turn, GError **error)
{
  Owl2Job *first = g_ptr_array_index (turn->jobs, 0);
  const Owl2Image *images[OWL2_BATCH];
  const Owl2FeatureSlot *slots[OWL2_BATCH];

  s->work.exec.tap = first->client->tap;
  s->work.exec.tap_data = first->client->tap_data;
  if (first->kind == OWL2_JOB_SHRINK) {
    first->rgb =
        owl2_image_shrink (&s->work.image, &s->work.exec, &first->image, error);
    return first->rgb != NULL;
  }
  for (guint i = 0; i < turn->jobs->len; i++) {
    const Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    images[i] = &job->image;
    slots[i] = job->slot;
  }
  return owl2_work_frames (&s->work, images, slots, turn->jobs->len,
      turn->place * OWL2_BATCH, error);
}

/* ---- turns -------------------------------------------------------------- */

/* A turn that came to nothing: who was alone in it fails, the others are tried
 * again, each alone. */
static void
turn_failed (Owl2Scheduler *s, Turn *turn, const GError *error)
{
  gboolean blame =
      turn->jobs->len == 1
      || g_error_matches (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);

  owl2_exec_drop (&s->work.exec);
  for (guint i = turn->jobs->len; i-- > 0;) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (is_told (job))
      continue;
    if (blame) {
      job_tell (job, error);
    } else {
      job->alone = TRUE;
      if (!turn->is_pass)
        g_queue_push_head (&s->frames, job_ref (job));
    }
  }
  turn_clear (turn);
}

/* The rows are on their way. */
static void
pass_fed (Turn *turn)
{
  for (guint i = 0; i < turn->jobs->len; i++) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (i == 0 && turn->n_prefill)
      owl2_sequence_fed (
          job->seq, turn->n_prefill, turn->last, result_of (turn, 0));
    else
      owl2_sequence_fed (
          job->seq, 1, TRUE, result_of (turn, i - n_before_wanted (turn)));
  }
}

/* Records and submits one; FALSE: there is nothing to do now. */
static gboolean
start_turn (Owl2Scheduler *s)
{
  guint place = (s->first_turn + s->n_turns) % N_TURNS;
  Turn *turn = &s->turns[place];
  g_autoptr (GError) error = NULL;
  gboolean ok;

  if (s->n_turns == N_TURNS || (s->was_pass && frame_waits (s)))
    return FALSE;
  turn->n_prefill = 0;
  turn->last = FALSE;
  turn->is_pass = !s->was_pass;
  if (!(turn->is_pass ? form_pass (s, turn) : form_batch (s, turn))) {
    turn->is_pass = !turn->is_pass;
    if (!(turn->is_pass ? form_pass (s, turn) : form_batch (s, turn)))
      return FALSE;
  }
  s->was_pass = turn->is_pass;
  turn->place = place;
  turn->start_us = g_get_monotonic_time ();
  s->recording = turn;
  ok = (turn->is_pass ? record_pass (s, turn, &error)
                      : record_batch (s, turn, &error))
       && owl2_exec_flush (&s->work.exec, &turn->number, &error);
  s->recording = NULL;
  s->work.exec.tap = NULL;
  if (!ok) {
    turn_failed (s, turn, error);
    return TRUE;
  }
  if (turn->is_pass)
    pass_fed (turn);
  s->n_turns++;
  return TRUE;
}

/* All that the file's pages gave is worth nothing if they have changed. */
static void
job_succeeded (Owl2Scheduler *s, Owl2Job *job)
{
  g_autoptr (GError) error = NULL;

  if (is_told (job))
    return;
  if (!owl2_model_check_file (s->work.model, &error)) {
    job_tell (job, error);
    return;
  }
  if (job->seq)
    job->answer = owl2_sequence_answer (job->seq);
  job_tell (job, NULL);
}

/* A NaN or an infinity would make every later answer nonsense without a word,
 * so it is an error here. */
static gboolean
check_features (Owl2Scheduler *s, const Turn *turn, guint i, GError **error)
{
  OvkSlice slice = { s->work.bad.buffer,
    s->work.bad.offset + (turn->place * OWL2_BATCH + i) * 4, 4 };
  const guint32 *n_bad = ovk_slice_peek (slice, error);

  if (!n_bad)
    return FALSE;
  if (*n_bad == 0)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "%u of %u features of the frame are not finite: the model's weights, or "
      "the driver '%s', are broken",
      *n_bad,
      s->work.abstractor.out.rows / OWL2_BATCH * s->work.abstractor.out.cols,
      ovk_device_caps (s->work.model->dev)->driver);
  return FALSE;
}

static void
batch_done (Owl2Scheduler *s, Turn *turn, gint64 took_us)
{
  for (guint i = 0; i < turn->jobs->len; i++) {
    g_autoptr (GError) error = NULL;
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    job->ns = (guint64) took_us * 1000 / turn->jobs->len;
    if (job->kind == OWL2_JOB_SHRINK || check_features (s, turn, i, &error))
      job_succeeded (s, job);
    else
      job_tell (job, error);
  }
}

static gboolean
take_result (
    Owl2Scheduler *s, Turn *turn, guint i, Owl2Job *job, GError **error)
{
  OvkSlice slice = { s->work.results.buffer,
    s->work.results.offset + result_of (turn, i) * sizeof (Owl2Result),
    sizeof (Owl2Result) };
  const Owl2Result *top = ovk_slice_peek (slice, error);
  const float *logits = NULL;

  if (!top)
    return FALSE;
  if (job->seq->by_host && !is_told (job)) {
    gsize shape[2] = { 1, job->seq->n_vocab };

    logits = ovk_slice_peek (logits_place (s, turn, i), error);
    if (!logits)
      return FALSE;
    show (job, "step_logits", 'f', 2, shape, logits);
  }
  return owl2_sequence_took (job->seq, top, logits, error);
}

static void
pass_done (Owl2Scheduler *s, Turn *turn)
{
  if (turn->n_prefill) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, 0);
    Owl2Sequence *seq = job->seq;

    owl2_kvpool_keep (seq->kvpool, &seq->kv,
        (const Owl2KvKey *) (gpointer) seq->keys->data, turn->n_fed,
        turn->last);
  }
  for (guint i = 0; i < turn->jobs->len - n_before_wanted (turn); i++) {
    g_autoptr (GError) error = NULL;
    Owl2Job *job = g_ptr_array_index (turn->jobs, i + n_before_wanted (turn));

    if (!take_result (s, turn, i, job, &error)) {
      job_tell (job, error);
    } else if (!is_told (job)) {
      /* It was not the one at fault, if there was one. */
      job->alone = FALSE;
      if (job->seq->ended) {
        gsize n = job->seq->ids->len;

        show (job, "generated_ids", 'i', 1, &n, job->seq->ids->data);
        job_succeeded (s, job);
      }
    }
  }
}

/* All that take part would have to be told of a wait that failed, so that it is
 * tried once more. */
static gboolean
wait_for (Owl2Scheduler *s, const Turn *turn, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (owl2_exec_wait (&s->work.exec, turn->number, &failure))
    return TRUE;
  if (!g_error_matches (failure, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST))
    return owl2_exec_wait (&s->work.exec, turn->number, error);
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

/* Waits for the oldest turn, and hands its results on. */
static void
finish_turn (Owl2Scheduler *s)
{
  Turn *turn = &s->turns[s->first_turn];
  g_autoptr (GError) error = NULL;
  gint64 took_us;
  gboolean ok;

  ok = wait_for (s, turn, &error);
  took_us = g_get_monotonic_time () - MAX (turn->start_us, s->done_us);
  s->done_us = g_get_monotonic_time ();
  charge (s, turn, took_us);
  look_for_cancels (s);
  for (guint i = 0; i < turn->jobs->len; i++) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (turn->is_pass)
      job->seq->in_flight--;
    if (!ok)
      job_tell (job, error);
  }
  if (!ok) {
    /* Everybody was told. */
  } else if (turn->is_pass) {
    pass_done (s, turn);
  } else {
    batch_done (s, turn, took_us);
  }
  turn_clear (turn);
  s->first_turn = (s->first_turn + 1) % N_TURNS;
  s->n_turns--;
}

static void
make_calls (Owl2Scheduler *s)
{
  Owl2Job *job;

  while ((job = g_queue_pop_head (&s->calls))) {
    g_autoptr (GError) error = NULL;

    job->call (&s->work, job->user_data, &error);
    job_tell (job, error);
    job_unref (job);
  }
}

static gpointer
run (gpointer data)
{
  Owl2Scheduler *s = data;

  while (collect (s)) {
    look_for_cancels (s);
    make_calls (s);
    sweep (s);
    admit (s);
    if (!start_turn (s) && s->n_turns)
      finish_turn (s);
  }
  return NULL;
}

/* ---- public ------------------------------------------------------------- */

Owl2Scheduler *
owl2_scheduler_new (Owl2Model *model, GError **error)
{
  Owl2Scheduler *s = g_new0 (Owl2Scheduler, 1);

  g_mutex_init (&s->lock);
  g_cond_init (&s->cond);
  for (guint i = 0; i < N_TURNS; i++)
    s->turns[i].jobs = g_ptr_array_new ();
  owl2_pass_init (&s->pass);
  if (owl2_work_init (&s->work, model, error)) {
    s->work.exec.poll = poll;
    s->work.exec.poll_data = s;
    s->thread = g_thread_try_new ("owl2-engine", run, s, error);
    if (s->thread)
      return s;
    g_prefix_error (error, "the model's thread can't be started: ");
  }
  owl2_scheduler_free (s);
  return NULL;
}

void
owl2_scheduler_free (Owl2Scheduler *s)
{
  if (!s)
    return;
  g_mutex_lock (&s->lock);
  s->quit = TRUE;
  g_cond_signal (&s->cond);
  g_mutex_unlock (&s->lock);
  g_clear_pointer (&s->thread, g_thread_join);
  owl2_work_clear (&s->work);
  for (guint i = 0; i < N_TURNS; i++)
    g_ptr_array_unref (s->turns[i].jobs);
  owl2_pass_clear (&s->pass);
  g_cond_clear (&s->cond);
  g_mutex_clear (&s->lock);
  g_free (s);
}

void
owl2_scheduler_submit (Owl2Scheduler *s, Owl2Job *job)
{
  g_mutex_lock (&s->lock);
  g_queue_push_tail (&s->inbox, job);
  g_cond_signal (&s->cond);
  g_mutex_unlock (&s->lock);
}

void
owl2_scheduler_kick (Owl2Scheduler *s)
{
  g_atomic_int_set (&s->kicked, 1);
}

static void
wake (Owl2Job *job, const GError *error)
{
  owl2_waiter_wake (job->owner, job, error);
}

gboolean
owl2_scheduler_call (
    Owl2Scheduler *s, Owl2CallFunc call, gpointer user_data, GError **error)
{
  Owl2Client client = { 0 };
  Owl2Job *job = owl2_job_new (OWL2_JOB_CALL, &client);
  GError *failure = NULL;
  Owl2Waiter waiter;

  owl2_waiter_init (&waiter);
  job->call = call;
  job->user_data = user_data;
  job->owner = &waiter;
  job->tell = wake;
  owl2_scheduler_submit (s, job);
  owl2_waiter_wait (&waiter, &failure);
  if (!failure)
    return TRUE;
  g_propagate_error (error, failure);
  return FALSE;
}
