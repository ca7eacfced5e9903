/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one thread that runs a model, for all its sessions.
 *
 * Requests are jobs: made on any thread, with all that can be checked there,
 * put into an inbox, and told of exactly once, on the model's thread; after
 * that nothing of the session that asked is touched. Frames wait for a batch.
 * Answers wait for all the pages that they may need, and are active then. One
 * for whom there is no room holds up those after it, so that it has room in the
 * end.
 *
 * Work is cut into turns: a batch of frames, or of distances between some, or a
 * pass of the decoder with a token of every active answer and one piece of a
 * prompt. Both kinds take turns where there are both. Two turns are in flight:
 * while the device works on one, the next is recorded, with tokens that only
 * the device knows yet. What the host reads of a turn lies in that turn's own
 * place of the results.
 *
 * Whose frames and whose prompt come next goes by the device's time that
 * clients have had, of a pass by rows. Who comes anew or was away starts with
 * the least of those that have work.
 *
 * Between the operations of a turn cancels are noticed and told of; the turn
 * goes on as long as somebody waits for it. What belongs to a job (pages, slot)
 * is kept until no turn in flight has it. A part of a turn that failed may have
 * been submitted all the same: as there is one queue, which keeps order, who
 * has the same pages next overwrites what that writes.
 *
 * A turn that can't be recorded is tried again with each of its jobs alone, so
 * that only the one at fault fails. When the device is lost, all that are in
 * turns, and all whose turn would come, are told so. */
#ifndef OWL2_SCHEDULER_H
#define OWL2_SCHEDULER_H

#include "abstractor.h"
#include "exec.h"
#include "image.h"
#include "look.h"
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
  OWL2_JOB_DISTANCE,
  OWL2_JOB_ANSWER,
  OWL2_JOB_CALL,
} Owl2JobKind;

typedef struct _Owl2Workspace Owl2Workspace;
typedef gboolean (*Owl2CallFunc) (
    Owl2Workspace *work, gpointer user_data, GError **error);

/**
 * Owl2Job: one request of a client, made by owl2_job_new().
 * @tell: called once, on the scheduler's thread, with the results or an error
 * @slot: ENCODE: where the features go; DISTANCE: one of both, with @other
 * @distance: DISTANCE: the result
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
  Owl2Memory *memory; /* (nullable) reference: the image's, to the job's end */
  Owl2FeatureSlot *slot, *other; /* references */
  double distance;
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
 * @likelihoods: Owl2Likelihood [2][OWL2_PASS_PICKS], likewise
 * @bad: u32 [2][OWL2_BATCH]: how many features of a frame are no numbers
 * @dots: F32 [2][OWL2_BATCH][4]: the products of two frames' features, and one
 *   that is not used
 * @logits: F32 [2][OWL2_PASS_WANTED][vocab], of those that the host chooses
 * from
 * @look: [2][OWL2_PASS_WANTED] rows, and [2][OWL2_BATCH] frames, from when one
 *   is first wanted
 */
struct _Owl2Workspace {
  Owl2Model *model; /* borrowed */
  Owl2Exec exec;
  OvkArena *arena, *results_arena;
  Owl2ImageBuffers image;
  Owl2VitBuffers vit;
  Owl2AbstractorBuffers abstractor;
  Owl2DecoderBuffers decoder;
  Owl2Replay replay;
  OvkSlice results, likelihoods, bad, dots, logits;
  Owl2LookBuffers look;
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

/* Room in work->look. NO_MEMORY. */
gboolean owl2_work_look (Owl2Workspace *work, GError **error);
/* Records the way of @n frames, at most OWL2_BATCH, to their slots, and how
 * many features of each are no numbers to entries @bad .. of work->bad. Images
 * without data, also if they lose it meanwhile, are left out. What those with
 * look look at goes to the entries of work->look with the same numbers. */
gboolean owl2_work_frames (Owl2Workspace *work, const Owl2Image *const *images,
    const Owl2FeatureSlot *const *slots, guint n, guint bad, GError **error);
/* Records the products of the frames in @x and @y to entry @at of work->dots:
 * of the sums over the rows that queries made. The last row is the same for
 * every frame. */
gboolean owl2_work_dots (Owl2Workspace *work, const Owl2FeatureSlot *x,
    const Owl2FeatureSlot *y, guint at, GError **error);
/* Goes through everything once without running it, and enters the pipelines
 * that this takes into @set; @frames: with those that frames need. Reads no
 * weights. */
gboolean owl2_work_warm_up (Owl2Workspace *work, Owl2Type kv_type,
    gboolean frames, OvkPipelineSet *set, GError **error);

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
