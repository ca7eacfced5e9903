/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exec.h"

#include <string.h>

/* What a submission is to take: two are in flight, so a cancel is answered
 * within twice that, no driver's watchdog bites, and what a submission costs by
 * itself is nothing beside it. */
#define AIM_US 30000
/* Before the device's pace is known: that of a slow processor, so that the
 * first takes no longer. */
#define FLOPS_LIMIT_FIRST 2e8
/* From one submission to the next the limit grows no faster than this: one that
 * was measured short may have been of operations that are not counted. */
#define GROWTH 4
/* Of that, most for one dispatch: so that with it, a submission is not much
 * longer. The largest ones of a step that is kept are far from that. */
#define DISPATCH_SHARE 0.5
/* What a host that was held up makes of the pace has an end. */
#define FLOPS_LIMIT_MIN 1e7
/* How often a wait looks whether it is wanted still, and how many times: one
 * that takes longer is left to ovk_device_wait(), which knows a device that
 * hangs. Most submissions take less. */
#define POLL_NS 20000000
#define N_POLLS 200
/* What is kept may be this much larger than it would be made now, so that two
 * of them still sum to less than 100 ms. */
#define TOLERANCE 1.5

gboolean
owl2_exec_init (Owl2Exec *exec, OvkDevice *dev, GError **error)
{
  memset (exec, 0, sizeof *exec);
  exec->dev = ovk_device_ref (dev);
  exec->flops_limit = FLOPS_LIMIT_FIRST;
  for (guint i = 0; i < OWL2_EXEC_CMDS; i++) {
    exec->cmds[i] = ovk_cmd_new (dev, "exec", error);
    if (!exec->cmds[i]) {
      owl2_exec_clear (exec);
      return FALSE;
    }
  }
  return TRUE;
}

void
owl2_exec_clear (Owl2Exec *exec)
{
  for (guint i = 0; i < OWL2_EXEC_CMDS; i++)
    g_clear_pointer (&exec->cmds[i], ovk_cmd_free);
  g_clear_pointer (&exec->dev, ovk_device_unref);
}

void
owl2_exec_collect (Owl2Exec *exec, OvkPipelineSet *set)
{
  exec->collecting = set != NULL;
  for (guint i = 0; i < OWL2_EXEC_CMDS; i++)
    ovk_cmd_collect (exec->cmds[i], set);
}

/* ---- in flight ---------------------------------------------------------- */

static Owl2Flight *
flight (Owl2Exec *exec, guint64 number)
{
  return &exec->flights[(number - 1) % OWL2_EXEC_CMDS];
}

/* The next submissions take what those that are done, @first to @last, would
 * have had to, to take AIM_US. They began when they were handed over, or when
 * the one before was done. */
static void
learn_pace (Owl2Exec *exec, guint64 first, guint64 last)
{
  gint64 now = g_get_monotonic_time ();
  gint64 took = now - MAX (flight (exec, first)->submitted_us, exec->done_us);
  double flops = 0, most = exec->flops_limit;

  exec->done_us = now;
  for (guint64 i = first; i <= last; i++) {
    flops += flight (exec, i)->flops;
    most = MAX (most, flight (exec, i)->flops);
  }
  if (flops > 0)
    exec->flops_limit =
        CLAMP (flops * AIM_US / MAX (took, 1), FLOPS_LIMIT_MIN, most * GROWTH);
}

/* Whether anybody wants the work is asked meanwhile, too: what is in flight
 * goes on, but who gave it may be told at once; not so while somebody is
 * looking, who would be shown what comes next without being there any more. */
static gboolean
wait_for (Owl2Exec *exec, guint64 ticket, GError **error)
{
  for (guint i = 0; exec->poll && !exec->tap && i < N_POLLS
                    && !ovk_device_reached (exec->dev, ticket, POLL_NS);
       i++)
    exec->poll (exec->poll_data);
  return ovk_device_wait (exec->dev, ticket, "the model", error);
}

gboolean
owl2_exec_wait (Owl2Exec *exec, guint64 number, GError **error)
{
  guint64 first = exec->n_done + 1;

  if (number < first)
    return TRUE;
  if (!wait_for (exec, flight (exec, number)->ticket, error))
    return FALSE;
  exec->n_done = number;
  exec->done_ticket = flight (exec, number)->ticket;
  learn_pace (exec, first, number);
  /* Which takes no wait any more: what was measured is taken in. */
  for (guint64 i = first; i <= number; i++)
    if (ovk_cmd_ticket (flight (exec, i)->cmd) == flight (exec, i)->ticket)
      ovk_cmd_wait (flight (exec, i)->cmd, NULL);
  return TRUE;
}

/* @flops of @cmd were submitted. */
static gboolean
add_flight (Owl2Exec *exec, OvkCmd *cmd, double flops, GError **error)
{
  exec->n_submitted++;
  *flight (exec, exec->n_submitted) =
      (Owl2Flight){ cmd, ovk_cmd_ticket (cmd), flops, g_get_monotonic_time () };
  return exec->n_submitted < OWL2_EXEC_CMDS
         || owl2_exec_wait (
             exec, exec->n_submitted - (OWL2_EXEC_CMDS - 1), error);
}

/* What has nothing recorded is no submission. */
static gboolean
hand_over (Owl2Exec *exec, OvkCmd *cmd, GError **error)
{
  guint64 ticket = ovk_cmd_ticket (cmd);
  double flops = ovk_cmd_work (cmd);

  return ovk_cmd_submit (cmd, error)
         && (ovk_cmd_ticket (cmd) == ticket
             || add_flight (exec, cmd, flops, error));
}

/* ---- recording ---------------------------------------------------------- */

static gboolean
check_poll (Owl2Exec *exec, GError **error)
{
  if (!exec->poll || exec->poll (exec->poll_data))
    return TRUE;
  g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "cancelled");
  return FALSE;
}

static gboolean
cut (Owl2Exec *exec, OvkCmd *cmd, GError **error)
{
  double flops = ovk_cmd_work (cmd);

  return flops < exec->flops_limit
         || (ovk_cmd_cut (cmd, error) && add_flight (exec, cmd, flops, error));
}

/* Between the pieces of one operation. */
static void
pause_in (OvkCmd *cmd, gpointer user_data)
{
  Owl2Exec *exec = user_data;
  GError *error = NULL;

  if (!check_poll (exec, &error) || !cut (exec, cmd, &error))
    ovk_cmd_fail (cmd, error);
  ovk_cmd_set_pieces (cmd, exec->flops_limit * DISPATCH_SHARE, pause_in, exec);
}

OvkCmd *
owl2_exec_cmd (Owl2Exec *exec)
{
  Owl2Kept *kept = exec->keeping;
  OvkCmd *cmd = exec->cmds[exec->at];

  if (kept)
    return g_ptr_array_index (kept->cmds, kept->n - 1);
  ovk_cmd_set_pieces (cmd, exec->flops_limit * DISPATCH_SHARE, pause_in, exec);
  return cmd;
}

/* The next list of what is kept. */
static gboolean
begin_kept (Owl2Exec *exec, GError **error)
{
  Owl2Kept *kept = exec->keeping;
  OvkCmd *cmd;

  if (kept->n == kept->cmds->len) {
    cmd = ovk_cmd_new (exec->dev, "kept", error);
    if (!cmd)
      return FALSE;
    ovk_cmd_set_kept (cmd, TRUE);
    g_ptr_array_add (kept->cmds, cmd);
  }
  cmd = g_ptr_array_index (kept->cmds, kept->n);
  if (!ovk_cmd_wait (cmd, error))
    return FALSE;
  ovk_cmd_reset (cmd);
  kept->n++;
  return TRUE;
}

/* Then the next command list is free to be recorded into. */
static gboolean
exec_submit (Owl2Exec *exec, GError **error)
{
  OvkCmd *cmd = owl2_exec_cmd (exec);
  Owl2Kept *kept = exec->keeping;

  if (kept) {
    kept->most = MAX (kept->most, ovk_cmd_work (cmd));
    return hand_over (exec, cmd, error) && begin_kept (exec, error);
  }
  exec->at = (exec->at + 1) % OWL2_EXEC_CMDS;
  return hand_over (exec, cmd, error);
}

gboolean
owl2_exec_step (Owl2Exec *exec, GError **error)
{
  return check_poll (exec, error)
         && (ovk_cmd_work (owl2_exec_cmd (exec)) < exec->flops_limit
             || exec_submit (exec, error));
}

OvkCmd *
owl2_exec_next (Owl2Exec *exec, const char *label, GError **error)
{
  OvkCmd *cmd;

  if (!owl2_exec_step (exec, error))
    return NULL;
  cmd = owl2_exec_cmd (exec);
  ovk_cmd_label (cmd, label);
  return cmd;
}

gboolean
owl2_exec_flush (Owl2Exec *exec, guint64 *number, GError **error)
{
  if (!exec_submit (exec, error))
    return FALSE;
  *number = exec->n_submitted;
  return TRUE;
}

gboolean
owl2_exec_finish (Owl2Exec *exec, GError **error)
{
  guint64 number;

  return owl2_exec_flush (exec, &number, error)
         && owl2_exec_wait (exec, number, error);
}

void
owl2_exec_drop (Owl2Exec *exec)
{
  ovk_cmd_reset (owl2_exec_cmd (exec));
  if (exec->keeping)
    exec->keeping->n = 0;
  exec->keeping = NULL;
}

void
owl2_exec_abandon (Owl2Exec *exec)
{
  owl2_exec_drop (exec);
  owl2_exec_wait (exec, exec->n_submitted, NULL);
}

/* ---- what is kept ------------------------------------------------------- */

/* What was recorded goes before what is kept. Where it is no work, such as the
 * tables that that reads, it is no submission of its own: the device has it
 * done when it has done the next. */
static gboolean
submit_before (Owl2Exec *exec, GError **error)
{
  OvkCmd *cmd = owl2_exec_cmd (exec);

  if (ovk_cmd_work (cmd) > 0)
    return exec_submit (exec, error);
  exec->at = (exec->at + 1) % OWL2_EXEC_CMDS;
  return ovk_cmd_submit (cmd, error);
}

gboolean
owl2_exec_keep (Owl2Exec *exec, Owl2Kept *kept, GError **error)
{
  g_return_val_if_fail (!exec->keeping && !exec->collecting, FALSE);

  if (!submit_before (exec, error))
    return FALSE;
  if (!kept->cmds)
    kept->cmds = g_ptr_array_new_with_free_func ((GDestroyNotify) ovk_cmd_free);
  kept->n = 0;
  kept->limit = exec->flops_limit;
  kept->most = 0;
  kept->timed = ovk_device_is_timing (exec->dev);
  exec->keeping = kept;
  if (begin_kept (exec, error))
    return TRUE;
  exec->keeping = NULL;
  return FALSE;
}

gboolean
owl2_exec_keep_end (Owl2Exec *exec, GError **error)
{
  Owl2Kept *kept = exec->keeping;
  OvkCmd *cmd = owl2_exec_cmd (exec);
  guint64 before = exec->n_submitted;

  kept->most = MAX (kept->most, ovk_cmd_work (cmd));
  exec->keeping = NULL;
  if (!hand_over (exec, cmd, error)) {
    kept->n = 0;
    return FALSE;
  }
  /* The step before may have had all of it. */
  if (exec->n_submitted == before)
    kept->n--;
  return TRUE;
}

gboolean
owl2_exec_fits (const Owl2Exec *exec, const Owl2Kept *kept)
{
  double limit = exec->flops_limit * TOLERANCE;

  if ((kept->n > 1 && exec->flops_limit > kept->limit * GROWTH)
      || kept->timed != ovk_device_is_timing (exec->dev))
    return FALSE;
  return kept->n > 0 && (kept->most <= limit || kept->limit <= limit);
}

gboolean
owl2_exec_is_busy (const Owl2Exec *exec, const Owl2Kept *kept)
{
  for (guint i = 0; kept->cmds && i < kept->cmds->len; i++)
    if (ovk_cmd_ticket (g_ptr_array_index (kept->cmds, i)) > exec->done_ticket)
      return TRUE;
  return FALSE;
}

gboolean
owl2_exec_repeat (Owl2Exec *exec, Owl2Kept *kept, GError **error)
{
  if (!submit_before (exec, error))
    return FALSE;
  for (guint i = 0; i < kept->n; i++) {
    OvkCmd *cmd = g_ptr_array_index (kept->cmds, i);

    if (!check_poll (exec, error))
      return FALSE;
    if (!hand_over (exec, cmd, error)) {
      kept->n = 0;
      return FALSE;
    }
  }
  return TRUE;
}

void
owl2_kept_clear (Owl2Kept *kept)
{
  g_clear_pointer (&kept->cmds, g_ptr_array_unref);
  memset (kept, 0, sizeof *kept);
}

/* ---- looking ------------------------------------------------------------ */

float *
owl2_tensor_read (OvkDevice *dev, const Owl2Tensor *tensor, GError **error)
{
  gsize span = ((gsize) tensor->rows - 1) * tensor->stride + tensor->cols;
  OvkSlice slice = tensor->slice;
  g_autofree float *wide = NULL;
  float *packed;

  slice.offset += tensor->offset * sizeof (float);
  slice.size = span * sizeof (float);
  wide = g_try_new (float, span);
  packed = g_try_new (float, (gsize) tensor->rows * tensor->cols);
  if (!wide || !packed) {
    g_free (packed);
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no %" G_GSIZE_FORMAT " bytes of host memory to read a tensor",
        slice.size);
    return NULL;
  }
  if (!ovk_slice_read (dev, slice, wide, slice.size, error)) {
    g_free (packed);
    return NULL;
  }
  for (guint r = 0; r < tensor->rows; r++)
    memcpy (packed + (gsize) r * tensor->cols,
        wide + (gsize) r * tensor->stride, tensor->cols * sizeof (float));
  return packed;
}

void
owl2_exec_tap_host (Owl2Exec *exec, const char *name, char type, guint n_dims,
    const gsize *shape, guint axis, const void *data)
{
  if (exec->tap)
    exec->tap (name, type, shape, n_dims, axis, data, exec->tap_data);
}

gboolean
owl2_exec_tap (Owl2Exec *exec, const char *name, gint index,
    const Owl2Tensor *tensor, guint n_dims, const gsize *shape, guint axis,
    GError **error)
{
  g_autofree char *full = NULL;
  g_autofree float *data = NULL;

  if (!exec->tap)
    return TRUE;
  if (!owl2_exec_finish (exec, error))
    return FALSE;
  data = owl2_tensor_read (exec->dev, tensor, error);
  if (!data)
    return FALSE;
  full = index < 0 ? g_strdup (name) : g_strdup_printf ("%s_%d", name, index);
  exec->tap (full, 'f', shape, n_dims, axis, data, exec->tap_data);
  return TRUE;
}
