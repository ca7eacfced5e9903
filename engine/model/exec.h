/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the model: work is recorded into one command list while the device
 * works on others; between operations whoever gave the work may end it, and the
 * results of a stage can be looked at. Used by one thread at a time. */
#ifndef OWL2_EXEC_H
#define OWL2_EXEC_H

#include "ops.h"

G_BEGIN_DECLS

/* See Owl2TapFunc in owl2.h. */
typedef void (*Owl2ExecTapFunc) (const char *name, char type,
    const gsize *shape, guint n_dims, guint axis, const void *data,
    gpointer user_data);

/* Called between operations, and now and then in a wait, on the thread that
 * records: FALSE ends what is recorded with CANCELLED. */
typedef gboolean (*Owl2ExecPollFunc) (gpointer user_data);

/* One is recorded while two are in flight. */
#define OWL2_EXEC_CMDS 3

/* A submission in flight. */
typedef struct {
  OvkCmd *cmd;
  guint64 ticket;
  double flops;
  gint64 submitted_us; /* monotonic: when it was handed over */
} Owl2Flight;

/**
 * Owl2Kept: work that was recorded once, to be submitted again. Zeros are none.
 * @cmds: OvkCmd, of which the first @n are the work's submissions
 * @limit: floating point operations of a submission when it was recorded
 * @most: those of the largest
 * @timed: they are measured
 */
typedef struct {
  GPtrArray *cmds;
  guint n;
  double limit, most;
  gboolean timed;
} Owl2Kept;

typedef struct {
  OvkDevice *dev;               /* a reference */
  OvkCmd *cmds[OWL2_EXEC_CMDS]; /* by turns; cmds[at] is recorded into */
  guint at;
  Owl2Kept *keeping; /* (nullable): its newest is recorded into instead */
  /* Submissions so far and those that are done, which follow each other in
   * order: number i, from 1 on, is flights[(i - 1) % n]. */
  guint64 n_submitted, n_done;
  guint64 done_ticket;
  Owl2Flight flights[OWL2_EXEC_CMDS];
  double flops_limit; /* submit when more than this is recorded */
  gint64 done_us;     /* when the last one was done */
  gboolean collecting;
  Owl2ExecPollFunc poll; /* (nullable) */
  gpointer poll_data;
  Owl2ExecTapFunc tap; /* NULL: nobody is looking */
  gpointer tap_data;
} Owl2Exec;

gboolean owl2_exec_init (Owl2Exec *exec, OvkDevice *dev, GError **error);
void owl2_exec_clear (Owl2Exec *exec);

/* Only collects the pipelines from now on, see ovk_cmd_collect(). */
void owl2_exec_collect (Owl2Exec *exec, OvkPipelineSet *set);

/* The command list to record into now. What is recorded as one operation that
 * takes longer than some tens of milliseconds is submitted in pieces. */
OvkCmd *owl2_exec_cmd (Owl2Exec *exec);

/**
 * owl2_exec_step: call between operations. Submits when enough has come
 * together for some tens of milliseconds, by what earlier submissions took.
 * Then another command list is to be recorded into. Errors: CANCELLED; those of
 * ovk_cmd_submit() and ovk_cmd_wait().
 */
gboolean owl2_exec_step (Owl2Exec *exec, GError **error);
/* The same. Returns: the command list to go on with, labelled, or NULL. */
OvkCmd *owl2_exec_next (Owl2Exec *exec, const char *label, GError **error);

/* Submits what is left without waiting for it. @number: (out): what
 * owl2_exec_wait() takes to wait for all that was recorded so far. */
gboolean owl2_exec_flush (Owl2Exec *exec, guint64 *number, GError **error);
/* Blocks until submission @number and all before it are done. After an error
 * that is not DEVICE_LOST it may be called again. */
gboolean owl2_exec_wait (Owl2Exec *exec, guint64 number, GError **error);
/* Both. */
gboolean owl2_exec_finish (Owl2Exec *exec, GError **error);

/**
 * owl2_exec_keep: what is recorded from now on to owl2_exec_keep_end() is
 * submitted as ever, and stays in @kept, instead of what that had. What was
 * recorded before is submitted first. Between the two owl2_exec_flush() and its
 * like are not to be called, and after an error owl2_exec_drop() is.
 */
gboolean owl2_exec_keep (Owl2Exec *exec, Owl2Kept *kept, GError **error);
gboolean owl2_exec_keep_end (Owl2Exec *exec, GError **error);
/* Whether @kept holds work, in submissions as the device's pace wants them, and
 * measured if the device is timing. */
gboolean owl2_exec_fits (const Owl2Exec *exec, const Owl2Kept *kept);
/* Whether some of it is in flight. */
gboolean owl2_exec_is_busy (const Owl2Exec *exec, const Owl2Kept *kept);
/* Submits the work of @kept, after what was recorded before. Errors: those of
 * owl2_exec_step(), then some of it may be under way. */
gboolean owl2_exec_repeat (Owl2Exec *exec, Owl2Kept *kept, GError **error);
/* Waits for it. */
void owl2_kept_clear (Owl2Kept *kept);

/* Drops what was recorded and not submitted. What is in flight goes on. */
void owl2_exec_drop (Owl2Exec *exec);
/* The same, and waits for what is in flight. */
void owl2_exec_abandon (Owl2Exec *exec);

/**
 * owl2_exec_tap: if somebody is looking, finishes all work so far and hands on
 * @n_dims dimensions @shape (C order) of the F32 tensor, read row by row.
 * @index: appended to @name as "_index" unless negative
 * @axis: see Owl2TapFunc
 */
gboolean owl2_exec_tap (Owl2Exec *exec, const char *name, gint index,
    const Owl2Tensor *tensor, guint n_dims, const gsize *shape, guint axis,
    GError **error);
/* The same for host data of any type. */
void owl2_exec_tap_host (Owl2Exec *exec, const char *name, char type,
    guint n_dims, const gsize *shape, guint axis, const void *data);

/* (transfer full): the elements of an F32 tensor, rows packed. Blocks; the
 * work that makes them must have been finished. */
float *owl2_tensor_read (
    OvkDevice *dev, const Owl2Tensor *tensor, GError **error);

G_END_DECLS

#endif
