/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Turns: who takes part, what is recorded, and what becomes of it. */
#include "scheduler_private.h"

#include "maps.h"

/* Who could not be served, for want of pages, has no claim to more than this of
 * the time that others had meanwhile. */
#define MAX_CLAIM_US 1e6

/* ---- the device's time -------------------------------------------------- */

static void
lower_to (const Owl2Scheduler *s, const Owl2Job *job, double *least)
{
  if (!owl2_job_is_told (job))
    *least = MIN (*least, owl2_scheduler_used_us (s, job));
}

/* By rows: one of a prompt costs about what one of a token does. */
static void
charge (Owl2Scheduler *s, const Owl2SchedulerTurn *turn, gint64 took_us)
{
  const GQueue *const queues[] = { &s->frames, &s->waiting, &s->active };
  guint n_first = MAX (turn->n_prefill, 1);
  double row_us = (double) took_us / (turn->jobs->len - 1 + n_first);
  double least = G_MAXDOUBLE, most = 0;

  for (guint i = 0; i < turn->jobs->len; i++) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (owl2_job_is_told (job))
      continue;
    job->client->used_us =
        owl2_scheduler_used_us (s, job) + row_us * (i ? 1 : n_first);
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

/* ---- forming turns ------------------------------------------------------ */

static void
turn_add (Owl2SchedulerTurn *turn, Owl2Job *job)
{
  g_ptr_array_add (turn->jobs, owl2_job_ref (job));
}

static void
turn_clear (Owl2SchedulerTurn *turn)
{
  for (guint i = 0; i < turn->jobs->len; i++)
    owl2_job_unref (g_ptr_array_index (turn->jobs, i));
  g_ptr_array_set_size (turn->jobs, 0);
}

static gboolean
can_run (const Owl2Job *job)
{
  return !owl2_job_is_told (job)
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
    if (!best
        || owl2_scheduler_used_us (s, job) < owl2_scheduler_used_us (s, best))
      best = job;
  }
  return best;
}

/* Who takes part in the next pass; FALSE: nobody can now. */
static gboolean
form_pass (Owl2Scheduler *s, Owl2SchedulerTurn *turn)
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

    if (!owl2_job_is_told (job) && !job->alone && job != prefill
        && job->seq->kvpool == first->seq->kvpool
        && owl2_sequence_can_decode (job->seq))
      turn_add (turn, job);
  }
  return TRUE;
}

/* Entry of the results for the token of wanted row @i. */
static guint32
result_of (const Owl2SchedulerTurn *turn, guint i)
{
  return turn->place * OWL2_PASS_WANTED + i;
}

static OvkSlice
logits_place (const Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint i)
{
  gsize bytes =
      (gsize) s->work.model->weights->config.decoder.n_vocab * sizeof (float);

  return (OvkSlice){ s->work.logits.buffer,
    s->work.logits.offset + result_of (turn, i) * bytes, bytes };
}

static OvkSlice
look_place (const Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint i)
{
  return owl2_look_row (
      &s->work.look, &s->work.model->weights->config, result_of (turn, i));
}

/* The newest row is looked at, of wanted row @i. */
static void
fill_look (Owl2Scheduler *s, const Owl2SchedulerTurn *turn,
    const Owl2Sequence *seq, guint i)
{
  owl2_sequence_look (seq, &s->pass, s->pass.n_prefill + s->pass.n_decode - 1,
      look_place (s, turn, i), s->work.look.probs);
}

/* Of a pass without a last row this one is not wanted. */
#define CHOICE_ROW OWL2_PASS_DECODE

/* Whether the pass has the row that chooses among a prompt's choices, and is to
 * look at where. */
static gboolean
fill_choice (
    Owl2Scheduler *s, const Owl2SchedulerTurn *turn, const Owl2Sequence *seq)
{
  if (!seq->look || seq->n_fed == seq->n_prompt
      || seq->n_fed + s->pass.n_prefill != seq->n_prompt)
    return FALSE;
  fill_look (s, turn, seq, CHOICE_ROW);
  return TRUE;
}

/* The newest row's token is chosen; what that takes beside its result. */
static void
fill_wanted (Owl2Scheduler *s, const Owl2SchedulerTurn *turn,
    const Owl2Sequence *seq, guint i)
{
  Owl2Pass *pass = &s->pass;

  if (seq->by_host) {
    Owl2PassLogits logits = { pass->n_prefill + pass->n_decode - 1,
      logits_place (s, turn, i) };

    g_array_append_val (pass->logits, logits);
  }
  if (seq->look)
    fill_look (s, turn, seq, i);
}

/* Where @n likelihoods of the turn go. */
static OvkSlice
likelihoods_place (
    const Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint n)
{
  return (OvkSlice){ s->work.likelihoods.buffer,
    s->work.likelihoods.offset
        + turn->place * OWL2_PASS_PICKS * sizeof (Owl2Likelihood),
    n * sizeof (Owl2Likelihood) };
}

/* Lays out the rows; those of the wanted logits stand in a row. */
static void
fill_pass (Owl2Scheduler *s, Owl2SchedulerTurn *turn)
{
  Owl2Pass *pass = &s->pass;
  const Owl2Job *first = g_ptr_array_index (turn->jobs, 0);
  guint32 result;

  owl2_pass_reset (pass);
  turn->looks = FALSE;
  result = result_of (turn, 0);
  for (guint i = 0; i < turn->jobs->len; i++) {
    const Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (i == 0 && owl2_sequence_can_prefill (job->seq)) {
      owl2_sequence_prefill (job->seq, pass, s->work.decoder.chunk, result);
      if (!pass->last) {
        turn->looks = fill_choice (s, turn, job->seq);
        continue;
      }
    } else {
      owl2_sequence_decode (job->seq, pass, result);
    }
    fill_wanted (s, turn, job->seq, result - result_of (turn, 0));
    result++;
  }
  pass->likelihoods = likelihoods_place (s, turn, pass->picks->len);
  turn->n_prefill = pass->n_prefill;
  turn->n_fed = MIN (first->seq->n_fed + pass->n_prefill, first->seq->n_prompt);
  turn->last = pass->last;
  turn->n_picks = pass->picks->len;
  pass->attention = first->client->tap_attention && first->client->tap;
}

/* Jobs before those whose token is chosen: one whose prompt goes on, or that is
 * told likelihoods. */
static guint
n_before_wanted (const Owl2SchedulerTurn *turn)
{
  return turn->n_prefill && !turn->last ? 1 : 0;
}

static gboolean
record_pass (Owl2Scheduler *s, Owl2SchedulerTurn *turn, GError **error)
{
  Owl2Workspace *work = &s->work;
  Owl2Job *first = g_ptr_array_index (turn->jobs, 0);
  Owl2Sequence *seq = first->seq;

  for (guint i = 0; i < turn->jobs->len; i++) {
    const Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (job->seq->look && !owl2_work_look (work, error))
      return FALSE;
  }
  fill_pass (s, turn);
  if (turn->n_prefill)
    owl2_sequence_record_copies (seq, owl2_exec_cmd (&work->exec));
  /* The stages of generated tokens, and of choices, are not part of a trace. */
  if (turn->n_prefill && seq->n_fed < seq->n_prompt) {
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
  GList *l = owl2_scheduler_next_of (s, &s->frames);

  return l && goes_alone (l->data) && s->n_turns > 0;
}

static gboolean
batch_takes (const Owl2SchedulerTurn *turn, const Owl2Job *job)
{
  const Owl2Job *first;

  if (!turn->jobs->len)
    return TRUE;
  first = g_ptr_array_index (turn->jobs, 0);
  return !goes_alone (job) && job->kind == first->kind;
}

/* The next frames, of the clients that have had least; all are encoded, or all
 * compared. */
static gboolean
form_batch (Owl2Scheduler *s, Owl2SchedulerTurn *turn)
{
  GList *l = owl2_scheduler_next_of (s, &s->frames);

  if (!l || frame_waits (s))
    return FALSE;
  do {
    Owl2Job *job = l->data;

    if (!batch_takes (turn, job))
      break;
    job->alone = goes_alone (job);
    turn_add (turn, job);
    g_queue_delete_link (&s->frames, l);
    owl2_job_unref (job);
    if (job->alone)
      break;
  } while (turn->jobs->len < OWL2_BATCH
           && (l = owl2_scheduler_next_of (s, &s->frames)));
  return TRUE;
}

static gboolean
record_batch (Owl2Scheduler *s, Owl2SchedulerTurn *turn, GError **error)
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
  if (first->kind == OWL2_JOB_DISTANCE) {
    for (guint i = 0; i < turn->jobs->len; i++) {
      const Owl2Job *job = g_ptr_array_index (turn->jobs, i);

      if (!owl2_work_dots (&s->work, job->slot, job->other,
              turn->place * OWL2_BATCH + i, error))
        return FALSE;
    }
    return TRUE;
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
turn_failed (Owl2Scheduler *s, Owl2SchedulerTurn *turn, const GError *error)
{
  gboolean blame =
      turn->jobs->len == 1
      || g_error_matches (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);

  owl2_exec_drop (&s->work.exec);
  for (guint i = turn->jobs->len; i-- > 0;) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (owl2_job_is_told (job))
      continue;
    if (blame) {
      owl2_job_tell (job, error);
    } else {
      job->alone = TRUE;
      if (!turn->is_pass)
        g_queue_push_head (&s->frames, owl2_job_ref (job));
    }
  }
  turn_clear (turn);
}

/* The rows are on their way. */
static void
pass_fed (Owl2SchedulerTurn *turn)
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

gboolean
owl2_turn_start (Owl2Scheduler *s)
{
  guint place = (s->first_turn + s->n_turns) % OWL2_TURNS;
  Owl2SchedulerTurn *turn = &s->turns[place];
  g_autoptr (GError) error = NULL;
  gboolean ok;

  if (s->n_turns == OWL2_TURNS || (s->was_pass && frame_waits (s)))
    return FALSE;
  turn->n_prefill = turn->n_picks = 0;
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

  if (owl2_job_is_told (job))
    return;
  if (!owl2_model_check_file (s->work.model, &error)) {
    owl2_job_tell (job, error);
    return;
  }
  if (job->seq)
    job->answer = owl2_sequence_answer (job->seq);
  owl2_job_tell (job, NULL);
}

/* A NaN or an infinity would make every later answer nonsense without a word,
 * so it is an error here. */
static gboolean
check_features (
    Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint i, GError **error)
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

/* What the frame's queries look at, to its slot. */
static gboolean
take_look (Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint i,
    Owl2Job *job, GError **error)
{
  const Owl2Config *config = &s->work.model->weights->config;
  const float *seen;

  if (!job->image.look)
    return TRUE;
  seen = ovk_slice_peek (
      owl2_look_frame (&s->work.look, config, turn->place * OWL2_BATCH + i),
      error);
  if (seen)
    job->slot->look = owl2_maps_frame (
        seen, config->abstractor.n_queries, config->vision.n_tokens - 1);
  return seen != NULL;
}

static gboolean
take_distance (Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint i,
    double *distance, GError **error)
{
  OvkSlice slice = { s->work.dots.buffer,
    s->work.dots.offset + (turn->place * OWL2_BATCH + i) * 4 * sizeof (float),
    3 * sizeof (float) };
  const float *dots = ovk_slice_peek (slice, error);

  return dots && owl2_feature_distance (dots, distance, error);
}

/* FALSE with @error: what the device made is no result. */
static gboolean
take_frame (Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint i,
    Owl2Job *job, GError **error)
{
  if (job->kind == OWL2_JOB_DISTANCE)
    return take_distance (s, turn, i, &job->distance, error);
  return job->kind == OWL2_JOB_SHRINK
         || (check_features (s, turn, i, error)
             && take_look (s, turn, i, job, error));
}

static void
batch_done (Owl2Scheduler *s, Owl2SchedulerTurn *turn, gint64 took_us)
{
  for (guint i = 0; i < turn->jobs->len; i++) {
    g_autoptr (GError) error = NULL;
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    job->ns = (guint64) took_us * 1000 / turn->jobs->len;
    if (take_frame (s, turn, i, job, &error))
      job_succeeded (s, job);
    else
      owl2_job_tell (job, error);
  }
}

/* What the row of wanted row @i, or CHOICE_ROW, looks at. */
static gboolean
take_attention (Owl2Scheduler *s, const Owl2SchedulerTurn *turn, guint i,
    Owl2Job *job, GError **error)
{
  const float *attention = ovk_slice_peek (look_place (s, turn, i), error);

  if (attention)
    owl2_sequence_looked (job->seq, attention);
  return attention != NULL;
}

static gboolean
take_result (Owl2Scheduler *s, Owl2SchedulerTurn *turn, guint i, Owl2Job *job,
    GError **error)
{
  OvkSlice slice = { s->work.results.buffer,
    s->work.results.offset + result_of (turn, i) * sizeof (Owl2Result),
    sizeof (Owl2Result) };
  const Owl2Result *top = ovk_slice_peek (slice, error);
  const float *logits = NULL;

  if (!top)
    return FALSE;
  if (job->seq->by_host && !owl2_job_is_told (job)) {
    gsize shape[2] = { 1, job->seq->n_vocab };

    logits = ovk_slice_peek (logits_place (s, turn, i), error);
    if (!logits)
      return FALSE;
    owl2_job_show (job, "step_logits", 'f', 2, shape, logits);
  }
  if (job->seq->look && !take_attention (s, turn, i, job, error))
    return FALSE;
  return owl2_sequence_took (job->seq, top, logits, error);
}

static gboolean
take_likelihoods (
    Owl2Scheduler *s, Owl2SchedulerTurn *turn, Owl2Job *job, GError **error)
{
  const Owl2Likelihood *likelihoods =
      ovk_slice_peek (likelihoods_place (s, turn, turn->n_picks), error);

  return likelihoods
         && owl2_sequence_scored (job->seq, likelihoods, turn->n_picks, error);
}

/* The rows of a prompt, or of choices. */
static void
prefill_done (Owl2Scheduler *s, Owl2SchedulerTurn *turn)
{
  Owl2Job *job = g_ptr_array_index (turn->jobs, 0);
  Owl2Sequence *seq = job->seq;
  g_autoptr (GError) error = NULL;

  owl2_kvpool_keep (seq->kvpool, &seq->kv,
      (const Owl2KvKey *) (gpointer) seq->keys->data, turn->n_fed,
      turn->n_fed == seq->n_prompt);
  if (!turn->n_picks)
    return;
  if ((turn->looks && !take_attention (s, turn, CHOICE_ROW, job, &error))
      || !take_likelihoods (s, turn, job, &error)) {
    owl2_job_tell (job, error);
  } else if (!owl2_job_is_told (job)) {
    job->alone = FALSE;
    if (seq->ended)
      job_succeeded (s, job);
  }
}

static void
pass_done (Owl2Scheduler *s, Owl2SchedulerTurn *turn)
{
  if (turn->n_prefill)
    prefill_done (s, turn);
  for (guint i = 0; i < turn->jobs->len - n_before_wanted (turn); i++) {
    g_autoptr (GError) error = NULL;
    Owl2Job *job = g_ptr_array_index (turn->jobs, i + n_before_wanted (turn));

    if (!take_result (s, turn, i, job, &error)) {
      owl2_job_tell (job, error);
    } else if (!owl2_job_is_told (job)) {
      /* It was not the one at fault, if there was one. */
      job->alone = FALSE;
      if (job->seq->ended) {
        gsize n = job->seq->ids->len;

        owl2_job_show (job, "generated_ids", 'i', 1, &n, job->seq->ids->data);
        job_succeeded (s, job);
      }
    }
  }
}

/* All that take part would have to be told of a wait that failed, so that it is
 * tried once more. */
static gboolean
wait_for (Owl2Scheduler *s, const Owl2SchedulerTurn *turn, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (owl2_exec_wait (&s->work.exec, turn->number, &failure))
    return TRUE;
  if (!g_error_matches (failure, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST))
    return owl2_exec_wait (&s->work.exec, turn->number, error);
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

void
owl2_turn_finish (Owl2Scheduler *s)
{
  Owl2SchedulerTurn *turn = &s->turns[s->first_turn];
  g_autoptr (GError) error = NULL;
  gint64 took_us;
  gboolean ok;

  ok = wait_for (s, turn, &error);
  took_us = g_get_monotonic_time () - MAX (turn->start_us, s->done_us);
  s->done_us = g_get_monotonic_time ();
  charge (s, turn, took_us);
  owl2_scheduler_look_for_cancels (s);
  for (guint i = 0; i < turn->jobs->len; i++) {
    Owl2Job *job = g_ptr_array_index (turn->jobs, i);

    if (turn->is_pass)
      job->seq->in_flight--;
    if (!ok)
      owl2_job_tell (job, error);
  }
  if (!ok) {
    /* Everybody was told. */
  } else if (turn->is_pass) {
    pass_done (s, turn);
  } else {
    batch_done (s, turn, took_us);
  }
  turn_clear (turn);
  s->first_turn = (s->first_turn + 1) % OWL2_TURNS;
  s->n_turns--;
}
