/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scheduler_private.h"
#include "waiter.h"

/* ---- cancels ------------------------------------------------------------ */

static void
tell_cancelled (gpointer data, gpointer user_data)
{
  owl2_job_tell_cancelled (data);
}

void
owl2_scheduler_look_for_cancels (Owl2Scheduler *s)
{
  if (!g_atomic_int_compare_and_exchange (&s->kicked, 1, 0))
    return;
  g_queue_foreach (&s->frames, tell_cancelled, NULL);
  g_queue_foreach (&s->waiting, tell_cancelled, NULL);
  g_queue_foreach (&s->active, tell_cancelled, NULL);
  for (guint i = 0; i < s->n_turns; i++)
    g_ptr_array_foreach (
        s->turns[(s->first_turn + i) % OWL2_TURNS].jobs, tell_cancelled, NULL);
  if (s->recording)
    g_ptr_array_foreach (s->recording->jobs, tell_cancelled, NULL);
}

/* Between operations: a turn that nobody waits for any more ends. */
static gboolean
poll (gpointer user_data)
{
  Owl2Scheduler *s = user_data;

  owl2_scheduler_look_for_cancels (s);
  if (!s->recording)
    return TRUE;
  /* Who was told looks at nothing any more. */
  if (owl2_job_is_told (g_ptr_array_index (s->recording->jobs, 0)))
    s->work.exec.tap = NULL;
  for (guint i = 0; i < s->recording->jobs->len; i++)
    if (!owl2_job_is_told (g_ptr_array_index (s->recording->jobs, i)))
      return TRUE;
  return FALSE;
}

/* ---- queues ------------------------------------------------------------- */

double
owl2_scheduler_used_us (const Owl2Scheduler *s, const Owl2Job *job)
{
  return MAX (job->client->used_us, s->floor_us);
}

GList *
owl2_scheduler_next_of (const Owl2Scheduler *s, GQueue *queue)
{
  GList *best = NULL;

  for (GList *l = queue->head; l; l = l->next) {
    const Owl2Job *job = l->data, *before = best ? best->data : NULL;

    if (!owl2_job_is_told (job)
        && (!best
            || owl2_scheduler_used_us (s, job)
                   < owl2_scheduler_used_us (s, before)))
      best = l;
  }
  return best;
}

static void
take_in (Owl2Scheduler *s, Owl2Job *job)
{
  if (job->refused) {
    owl2_job_tell (job, job->refused);
    owl2_job_unref (job);
    return;
  }
  switch (job->kind) {
    case OWL2_JOB_ENCODE:
    case OWL2_JOB_SHRINK:
    case OWL2_JOB_DISTANCE:
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
      if (!owl2_job_is_told (job) || (job->seq && job->seq->in_flight))
        continue;
      if (job->seq)
        owl2_kvpool_end (job->seq->kvpool, &job->seq->kv);
      g_queue_delete_link (queues[i], l);
      owl2_job_unref (job);
    }
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
  owl2_job_show (job, "input_ids", 'i', 1, &n_ids, seq->prompt->data);
  owl2_job_show (job, "modality", 'i', 1, &n, modality);
}

/* Whether an answer is out whose pages a turn in flight still writes. */
static gboolean
any_leaving (const Owl2Scheduler *s)
{
  for (GList *l = s->active.head; l; l = l->next)
    if (owl2_job_is_told (l->data))
      return TRUE;
  return FALSE;
}

/* Gives pages to those that wait, as long as there are any. */
static void
admit (Owl2Scheduler *s)
{
  GList *l;

  while (s->active.length < OWL2_MAX_ACTIVE
         && (l = owl2_scheduler_next_of (s, &s->waiting))) {
    g_autoptr (GError) error = NULL;
    Owl2Job *job = l->data;
    Owl2Sequence *seq = job->seq;
    Owl2KvState state = owl2_kvpool_begin (seq->kvpool, &seq->kv, seq->tree,
        (const Owl2KvKey *) (gpointer) seq->keys->data, seq->n_prompt,
        owl2_sequence_n_positions (seq), seq->cold, any_leaving (s), &error);

    if (state == OWL2_KV_BUSY)
      return;
    if (state == OWL2_KV_FAILED) {
      owl2_job_tell (job, error);
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

static void
make_calls (Owl2Scheduler *s)
{
  Owl2Job *job;

  while ((job = g_queue_pop_head (&s->calls))) {
    g_autoptr (GError) error = NULL;

    job->call (&s->work, job->user_data, &error);
    owl2_job_tell (job, error);
    owl2_job_unref (job);
  }
}

static gpointer
run (gpointer data)
{
  Owl2Scheduler *s = data;

  while (collect (s)) {
    owl2_scheduler_look_for_cancels (s);
    make_calls (s);
    sweep (s);
    admit (s);
    if (!owl2_turn_start (s) && s->n_turns)
      owl2_turn_finish (s);
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
  for (guint i = 0; i < OWL2_TURNS; i++)
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
  for (guint i = 0; i < OWL2_TURNS; i++)
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
