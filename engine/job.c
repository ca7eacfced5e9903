/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scheduler_private.h"

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
  owl2_feature_slot_unref (job->other);
  owl2_memory_unref (job->memory);
  owl2_sequence_free (job->seq);
  owl2_answer_free (job->answer);
  g_clear_error (&job->refused);
  g_free (job->rgb);
  g_free (job);
}

Owl2Job *
owl2_job_ref (Owl2Job *job)
{
  job->refs++;
  return job;
}

void
owl2_job_unref (Owl2Job *job)
{
  if (--job->refs == 0)
    owl2_job_free (job);
}

gboolean
owl2_job_is_told (const Owl2Job *job)
{
  return job->client == NULL;
}

void
owl2_job_tell (Owl2Job *job, const GError *error)
{
  if (owl2_job_is_told (job))
    return;
  if (job->seq)
    job->seq->ended = TRUE;
  job->client = NULL;
  /* The pixels may be gone from now on. */
  job->image.data = NULL;
  job->image.memory = NULL;
  job->tell (job, error);
}

void
owl2_job_tell_cancelled (Owl2Job *job)
{
  g_autoptr (GError) error = NULL;

  if (owl2_job_is_told (job)
      || (!g_atomic_int_get (&job->client->cancelled)
          && g_atomic_int_get (&job->client->n_cancels) == job->n_cancels))
    return;
  g_set_error_literal (&error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "cancelled");
  owl2_job_tell (job, error);
}

void
owl2_job_show (const Owl2Job *job, const char *name, char type, guint n_dims,
    const gsize *shape, const void *data)
{
  const Owl2Client *client = job->client;

  if (client->tap)
    client->tap (name, type, shape, n_dims, 0, data, client->tap_data);
}
