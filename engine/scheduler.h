/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one thread that runs a model, for all its sessions. Work is cut into
 * turns: a batch of frames, or a pass of the decoder with a token of every
 * answer under way and one piece of a prompt. Two turns are in flight: while
 * the device works on one, the next is recorded. Whose turn it is goes by the
 * device's time that sessions have had; between the operations of a turn
 * cancels are noticed. What fails with several requests in it is tried again
 * with each alone, so that only the one at fault fails. */
#ifndef OWL2_SCHEDULER_H
#define OWL2_SCHEDULER_H

#include "abstractor.h"
#include "exec.h"
#include "image.h"
#include "sequence.h"
#include "vit.h"

G_BEGIN_DECLS

/* Most frames of one batch. */
#define OWL2_BATCH 4
/* Most answers under way; more wait. */
#define OWL2_MAX_ACTIVE OWL2_PASS_DECODE

typedef struct _Owl2Scheduler Owl2Scheduler;

/**
 * Owl2Client: what the scheduler knows of a session.
 * @cancelled: atomic, as is the next
 * @n_cancels: how often it was cancelled: jobs that were made before are void
 * @used_us: of the device's time; the scheduler's own
 * @tap: (nullable): set while it has no jobs, as are the next
 */
typedef struct {
  gint cancelled, n_cancels;
  double used_us;
  Owl2ExecTapFunc tap;
  gboolean tap_attention;
  gpointer tap_data;
} Owl2Client;

typedef enum {
  OWL2_JOB_ENCODE,
  OWL2_JOB_SHRINK,
  OWL2_JOB_ANSWER,
  OWL2_JOB_CALL,
} Owl2JobKind;

typedef struct _Owl2Workspace Owl2Workspace;
typedef gboolean (*Owl2CallFunc) (
    Owl2Workspace *work, gpointer user_data, GError **error);

/**
 * Owl2Job: one request of a client, made by owl2_job_new().
 * @tell: called once, on the scheduler's thread, with the results or an error
 * @slot: ENCODE: where the features go
 * @ns: ENCODE: its share of the device's time
 * @rgb: SHRINK: the result; the teller takes it
 * @answer: ANSWER: likewise
 * @refused: (nullable): what it is told at once
 * @call: CALL: what is done with the thread's buffers, between turns
 */
typedef struct _Owl2Job Owl2Job;
struct _Owl2Job {
  Owl2JobKind kind;
  Owl2Client *client; /* NULL once it was told */
  void (*tell) (Owl2Job *job, const GError *error);
  gpointer callback, user_data; /* of the teller */
  gpointer owner;
  Owl2Image image;
  Owl2FeatureSlot *slot; /* reference */
  guint64 ns;
  guint8 *rgb;
  Owl2Sequence *seq; /* owned */
  Owl2Answer *answer;
  Owl2CallFunc call;
  GError *refused;

  gint n_cancels; /* the scheduler's own, as are the next */
  guint refs;
  gboolean alone;
};

/**
 * Owl2Workspace: what the thread works with.
 * @results: OWL2_RESULTS entries of Owl2Result, which the host reads
 * @bad: u32 [2][OWL2_BATCH]: how many features of a frame are no numbers
 * @logits: F32 [2][OWL2_PASS_WANTED][vocab], of those that the host chooses
 * from
 */
struct _Owl2Workspace {
  Owl2Model *model; /* borrowed */
  Owl2Exec exec;
  OvkArena *arena, *results_arena;
  Owl2ImageBuffers image;
  Owl2VitBuffers vit;
  Owl2AbstractorBuffers abstractor;
  Owl2DecoderBuffers decoder;
  OvkSlice results, bad, logits;
};

/* Rows of one pass whose logits are wanted, and entries of the results: two
 * passes are in flight, and rows of the next read those of the one before. */
#define OWL2_PASS_WANTED (OWL2_PASS_DECODE + 1)
#define OWL2_RESULTS (2 * OWL2_PASS_WANTED)

/* Buffers of the device, all taken at once. */
gboolean owl2_work_init (Owl2Workspace *work, Owl2Model *model, GError **error);
void owl2_work_clear (Owl2Workspace *work);
/* Bytes that it takes, but for those that depend on a frame's size; 0 with
 * @error set. */
guint64 owl2_work_bytes (const Owl2Model *model, GError **error);

/* Records the way of @n frames, at most OWL2_BATCH, to their slots, and how
 * many features of each are no numbers to entries @bad .. of work->bad. Images
 * without data, also if they lose it meanwhile, are left out. */
gboolean owl2_work_frames (Owl2Workspace *work, const Owl2Image *const *images,
    const Owl2FeatureSlot *const *slots, guint n, guint bad, GError **error);
/* Goes through everything once without running it, and enters the pipelines
 * that this takes into @set; @frames: with those that frames need. Reads no
 * weights. */
gboolean owl2_work_warm_up (Owl2Workspace *work, Owl2Type kv_type, gboolean frames,
    OvkPipelineSet *set, GError **error);

Owl2Job *owl2_job_new (Owl2JobKind kind, Owl2Client *client);
/* For one that was not submitted. */
void owl2_job_free (Owl2Job *job);

/**
 * owl2_scheduler_new: takes the buffers that frames and passes need. @model is
 * borrowed. Errors: NO_MEMORY.
 */
Owl2Scheduler *owl2_scheduler_new (Owl2Model *model, GError **error);
/* All jobs were told. Not from the scheduler's thread. Accepts NULL. */
void owl2_scheduler_free (Owl2Scheduler *s);
/* (transfer full): any thread, as is the next. */
void owl2_scheduler_submit (Owl2Scheduler *s, Owl2Job *job);
/* A client was cancelled. */
void owl2_scheduler_kick (Owl2Scheduler *s);
/* Makes @call on the thread, between turns, and returns when it is done. Not
 * from that thread. */
gboolean owl2_scheduler_call (
    Owl2Scheduler *s, Owl2CallFunc call, gpointer user_data, GError **error);

G_END_DECLS

#endif
