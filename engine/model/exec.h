/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the model: work is recorded into one of two command lists while the
 * device works on the other; between them a cancel is noticed, and the results
 * of a stage can be looked at. Used by one thread at a time. */
#ifndef OWL2_EXEC_H
#define OWL2_EXEC_H

#include "ops.h"

G_BEGIN_DECLS

/* See Owl2TapFunc in owl2.h. */
typedef void (*Owl2ExecTapFunc) (const char *name, char type,
    const gsize *shape, guint n_dims, guint axis, const void *data,
    gpointer user_data);

typedef struct {
  OvkDevice *dev; /* a reference */
  OvkCmd *cmds[2];
  guint current; /* the one being recorded */
  gboolean submitted[2];
  double flops_limit; /* submit when more than this is recorded */
  double submitted_flops[2];
  gint64 submitted_us[2]; /* monotonic: when it was handed over */
  gint64 done_us;         /* when the last one was done */
  gint cancelled;         /* atomic */
  Owl2ExecTapFunc tap;    /* NULL: nobody is looking */
  gpointer tap_data;
} Owl2Exec;

gboolean owl2_exec_init (Owl2Exec *exec, OvkDevice *dev, GError **error);
void owl2_exec_clear (Owl2Exec *exec);

/* Only collects the pipelines from now on, see ovk_cmd_collect(). */
void owl2_exec_collect (Owl2Exec *exec, OvkPipelineSet *set);

/* The command list to record into now. */
OvkCmd *owl2_exec_cmd (Owl2Exec *exec);

/**
 * owl2_exec_step: call between operations. Submits when enough has come
 * together for some tens of milliseconds, by what earlier submissions took; an
 * operation that takes longer by itself is a submission of its own. Then
 * another command list is to be recorded into. Errors: CANCELLED; those of
 * ovk_cmd_submit() and ovk_cmd_wait().
 */
gboolean owl2_exec_step (Owl2Exec *exec, GError **error);
/* The same. Returns: the command list to go on with, labelled, or NULL. */
OvkCmd *owl2_exec_next (Owl2Exec *exec, const char *label, GError **error);

/* Submits what is left and blocks until everything is done. */
gboolean owl2_exec_finish (Owl2Exec *exec, GError **error);

/* Drops what was recorded and waits for what was submitted. */
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
