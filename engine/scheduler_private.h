/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the scheduler's files share: jobs, the thread with its queues, and
 * turns. All of it is the thread's own, but for what is under the lock. */
#ifndef OWL2_SCHEDULER_PRIVATE_H
#define OWL2_SCHEDULER_PRIVATE_H

#include "scheduler.h"

G_BEGIN_DECLS

/* Turns in flight: the device has the next one before the host has read the
 * results of the one before. */
#define OWL2_TURNS 2

/* A batch of frames or of distances, or a pass: what is on its way to the
 * device and back. */
typedef struct {
  GPtrArray *jobs; /* Owl2Job, a reference to each */
  gboolean is_pass;
  guint n_prefill; /* rows of the prompt of the first of them */
  guint n_fed;     /* positions of that prompt that are there then */
  gboolean last;   /* its prompt ends there, and its first token is chosen */
  gboolean looks;  /* it is looked where its choice looks */
  guint n_picks;   /* likelihoods that it is told */
  guint place;     /* which of the turns it is: its part of the results */
  guint64 number;  /* its last submission */
  gint64 start_us;
} Owl2SchedulerTurn;

struct _Owl2Scheduler {
  Owl2Workspace work;
  GThread *thread;

  GMutex lock; /* of the next three */
  GCond cond;
  GQueue inbox; /* Owl2Job */
  gboolean quit;

  gint kicked; /* atomic: a client was cancelled */

  /* The thread's own. */
  GQueue frames;  /* Owl2Job: to be encoded, shrunk or compared */
  GQueue calls;   /* Owl2Job */
  GQueue waiting; /* Owl2Job: answers without pages yet */
  GQueue active;  /* Owl2Job: answers with pages */
  Owl2SchedulerTurn turns[OWL2_TURNS];
  guint first_turn, n_turns;    /* a ring */
  Owl2SchedulerTurn *recording; /* (nullable) */
  gboolean was_pass;            /* the turn before */
  double floor_us;              /* the least that a client with work has had */
  gint64 done_us;               /* when the last turn was done */
  Owl2Pass pass;
};

/* ---- job.c -------------------------------------------------------------- */

Owl2Job *owl2_job_ref (Owl2Job *job);
void owl2_job_unref (Owl2Job *job);
gboolean owl2_job_is_told (const Owl2Job *job);
/* Nothing if it was told. The client may be gone when this returns. */
void owl2_job_tell (Owl2Job *job, const GError *error);
/* If its client has cancelled it. */
void owl2_job_tell_cancelled (Owl2Job *job);
/* Shows what the host has to who looks at @job, if anybody does. */
void owl2_job_show (const Owl2Job *job, const char *name, char type,
    guint n_dims, const gsize *shape, const void *data);

/* ---- scheduler.c -------------------------------------------------------- */

/* What the client has had of the device's time. Who comes anew, or comes back,
 * has no claim to what others had before. */
double owl2_scheduler_used_us (const Owl2Scheduler *s, const Owl2Job *job);
/* (nullable): the place of the job of the client that has had least. */
GList *owl2_scheduler_next_of (const Owl2Scheduler *s, GQueue *queue);
/* Those that wait for nothing but to be told are told at once, in the middle of
 * a turn, too. */
void owl2_scheduler_look_for_cancels (Owl2Scheduler *s);

/* ---- turn.c ------------------------------------------------------------- */

/* Records and submits one; FALSE: there is nothing to do now. */
gboolean owl2_turn_start (Owl2Scheduler *s);
/* Waits for the oldest turn, and hands its results on. */
void owl2_turn_finish (Owl2Scheduler *s);

G_END_DECLS

#endif
