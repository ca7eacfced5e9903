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
/* What a host that was held up makes of the pace has an end. */
#define FLOPS_LIMIT_MIN 1e7

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
  for (guint i = 0; i < OWL2_EXEC_CMDS; i++)
    ovk_cmd_collect (exec->cmds[i], set);
}

static guint
current (const Owl2Exec *exec)
{
  return exec->n_submitted % OWL2_EXEC_CMDS;
}

OvkCmd *
owl2_exec_cmd (Owl2Exec *exec)
{
  return exec->cmds[current (exec)];
}

/* The next submissions take what the one that is done would have had to, to
 * take AIM_US. It began when it was handed over, or when the one before was
 * done. */
static void
learn_pace (Owl2Exec *exec, guint i)
{
  gint64 now = g_get_monotonic_time ();
  gint64 took = now - MAX (exec->submitted_us[i], exec->done_us);
  double flops = exec->flops[i];

  exec->done_us = now;
  if (flops > 0)
    exec->flops_limit = CLAMP (flops * AIM_US / MAX (took, 1), FLOPS_LIMIT_MIN,
        MAX (exec->flops_limit, flops) * GROWTH);
}

gboolean
owl2_exec_wait (Owl2Exec *exec, guint64 number, GError **error)
{
  while (exec->n_done < number) {
    guint i = exec->n_done % OWL2_EXEC_CMDS;

    if (!ovk_cmd_wait (exec->cmds[i], error))
      return FALSE;
    exec->n_done++;
    learn_pace (exec, i);
  }
  return TRUE;
}

/* Then the next command list is free to be recorded into. */
static gboolean
exec_submit (Owl2Exec *exec, GError **error)
{
  guint i = current (exec);

  exec->flops[i] = ovk_cmd_work (exec->cmds[i]);
  if (!ovk_cmd_submit (exec->cmds[i], error))
    return FALSE;
  exec->submitted_us[i] = g_get_monotonic_time ();
  exec->n_submitted++;
  return exec->n_submitted < OWL2_EXEC_CMDS
         || owl2_exec_wait (
             exec, exec->n_submitted - (OWL2_EXEC_CMDS - 1), error);
}

gboolean
owl2_exec_step (Owl2Exec *exec, GError **error)
{
  if (exec->poll && !exec->poll (exec->poll_data)) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "cancelled");
    return FALSE;
  }
  return ovk_cmd_work (owl2_exec_cmd (exec)) < exec->flops_limit
         || exec_submit (exec, error);
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
}

void
owl2_exec_abandon (Owl2Exec *exec)
{
  owl2_exec_drop (exec);
  owl2_exec_wait (exec, exec->n_submitted, NULL);
}

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
