/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records commands, and submits them. */
#include "ovk_cmd.h"

/* ---- making and freeing ----------------------------------------------- */

OvkCmd *
ovk_cmd_new_internal (
    OvkDevice *dev, const char *name, gboolean holds_ref, GError **error)
{
  g_autoptr (OvkCmd) cmd = g_new0 (OvkCmd, 1);
  VkCommandPoolCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
    .queueFamilyIndex = dev->gpu.queue_family,
  };
  VkResult result;

  cmd->dev = holds_ref ? ovk_device_ref (dev) : dev;
  cmd->holds_ref = holds_ref;
  cmd->name = g_strdup (name);
  cmd->buffers = g_array_new (FALSE, TRUE, sizeof (VkCommandBuffer));
  cmd->pools = g_array_new (FALSE, TRUE, sizeof (VkDescriptorPool));
  ovk_timer_init (&cmd->timer, &dev->gpu);
  cmd->touched.buffers = g_hash_table_new (NULL, NULL);
  if (!ovk_gpu_alive (&dev->gpu, error))
    return NULL;
  result = vkCreateCommandPool (dev->gpu.handle, &info, NULL, &cmd->pool);
  if (result != VK_SUCCESS) {
    cmd->pool = VK_NULL_HANDLE;
    ovk_set_error (&dev->gpu, error, result, "%s: making commands '%s' failed",
        dev->gpu.caps.name, name);
    return NULL;
  }
  ovk_gpu_name (&dev->gpu, VK_OBJECT_TYPE_COMMAND_POOL, OVK_HANDLE (cmd->pool),
      "%s", name);
  return g_steal_pointer (&cmd);
}

OvkCmd *
ovk_cmd_new (OvkDevice *dev, const char *name, GError **error)
{
  return ovk_cmd_new_internal (dev, name, TRUE, error);
}

/* The device hangs and may still read what the cmd owns. */
static void
cmd_park (OvkCmd *cmd)
{
  OvkDevice *dev = cmd->dev;
  gboolean held_ref = cmd->holds_ref;

  cmd->holds_ref = FALSE;
  ovk_shelf_put (&dev->queue.parked, cmd, (GDestroyNotify) ovk_cmd_free);
  if (held_ref)
    ovk_device_unref (dev);
}

void
ovk_cmd_free (OvkCmd *cmd)
{
  OvkDevice *dev;

  if (!cmd)
    return;
  dev = cmd->dev;
  ovk_touched_keep (&dev->heap, &cmd->touched, FALSE);
  if (cmd->staged)
    ovk_staging_release (&dev->staging, cmd, cmd->pending);
  if (!ovk_queue_settle (&dev->queue, cmd->pending)) {
    cmd_park (cmd);
    return;
  }
  ovk_timer_clear (&cmd->timer);
  for (guint i = 0; i < cmd->pools->len; i++)
    vkDestroyDescriptorPool (
        dev->gpu.handle, g_array_index (cmd->pools, VkDescriptorPool, i), NULL);
  if (cmd->pool)
    vkDestroyCommandPool (dev->gpu.handle, cmd->pool, NULL);
  g_array_unref (cmd->buffers);
  g_array_unref (cmd->pools);
  g_hash_table_unref (cmd->touched.buffers);
  g_clear_error (&cmd->error);
  g_free (cmd->name);
  if (cmd->holds_ref)
    ovk_device_unref (dev);
  g_free (cmd);
}

OvkDevice *
ovk_cmd_device (OvkCmd *cmd)
{
  return cmd->dev;
}

void
ovk_cmd_fail (OvkCmd *cmd, GError *error)
{
  if (cmd->error)
    g_error_free (error);
  else
    cmd->error = error;
}

gboolean
ovk_cmd_failed (const OvkCmd *cmd)
{
  return cmd->error != NULL;
}

void
ovk_cmd_fail_text (OvkCmd *cmd, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  ovk_cmd_fail (cmd,
      g_error_new (OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", cmd->name, text));
}

void
ovk_cmd_fail_result (OvkCmd *cmd, VkResult result, const char *what)
{
  GError *error = NULL;

  ovk_set_error (&cmd->dev->gpu, &error, result, "%s: %s for '%s' failed",
      cmd->dev->gpu.caps.name, what, cmd->name);
  ovk_cmd_fail (cmd, error);
}

/* ---- labels and timestamps -------------------------------------------- */

static const char *
cmd_label (const OvkCmd *cmd)
{
  return cmd->label ? cmd->label : "other";
}

static void
label_begin (OvkCmd *cmd, VkCommandBuffer buffer)
{
  VkDebugUtilsLabelEXT label = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
    .pLabelName = cmd->label,
  };

  if (!cmd->label || !cmd->dev->gpu.begin_label)
    return;
  cmd->dev->gpu.begin_label (buffer, &label);
  cmd->label_open = TRUE;
}

static void
label_end (OvkCmd *cmd, VkCommandBuffer buffer)
{
  if (cmd->label_open)
    cmd->dev->gpu.end_label (buffer);
  cmd->label_open = FALSE;
}

void
ovk_cmd_time (OvkCmd *cmd, VkCommandBuffer buffer, const char *what)
{
  GError *error = NULL;

  if (cmd->timed
      && !ovk_timer_mark (&cmd->timer, buffer, cmd_label (cmd), what, &error))
    ovk_cmd_fail (cmd, error);
}

/* ---- recording -------------------------------------------------------- */

/* Commands in one command buffer. Many short submissions in a row let a wait
 * see that the device gets on, and stay below the time limits that systems set
 * for one; the device in software is the slowest. */
static guint
commands_per_buffer (const OvkCmd *cmd)
{
  return cmd->dev->gpu.caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU ? 16 : 128;
}

static VkCommandBuffer
current_buffer (const OvkCmd *cmd)
{
  return g_array_index (cmd->buffers, VkCommandBuffer, cmd->n_buffers - 1);
}

/* Adds a command buffer to the recording and begins it. */
static gboolean
buffer_begin (OvkCmd *cmd)
{
  VkCommandBufferBeginInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    .flags = cmd->kept ? 0 : VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
  };
  VkResult result = VK_SUCCESS;

  if (cmd->n_buffers == cmd->buffers->len) {
    VkCommandBufferAllocateInfo alloc = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
      .commandPool = cmd->pool,
      .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
      .commandBufferCount = 1,
    };
    VkCommandBuffer buffer;

    result = vkAllocateCommandBuffers (cmd->dev->gpu.handle, &alloc, &buffer);
    if (result == VK_SUCCESS) {
      ovk_gpu_name (&cmd->dev->gpu, VK_OBJECT_TYPE_COMMAND_BUFFER,
          OVK_POINTER (buffer), "%s %u", cmd->name, cmd->n_buffers);
      g_array_append_val (cmd->buffers, buffer);
    }
  }
  if (result == VK_SUCCESS)
    result = vkBeginCommandBuffer (
        g_array_index (cmd->buffers, VkCommandBuffer, cmd->n_buffers), &info);
  if (result != VK_SUCCESS) {
    ovk_cmd_fail_result (cmd, result, "beginning to record");
    return FALSE;
  }
  cmd->n_buffers++;
  cmd->n_commands = 0;
  cmd->bound = NULL;
  /* The semaphore between two submissions does what a barrier does. */
  ovk_hazards_reset (&cmd->hazards);
  label_begin (cmd, current_buffer (cmd));
  return TRUE;
}

static gboolean
buffer_end (OvkCmd *cmd)
{
  VkCommandBuffer buffer = current_buffer (cmd);
  VkResult result;

  label_end (cmd, buffer);
  result = vkEndCommandBuffer (buffer);
  if (result == VK_SUCCESS)
    return TRUE;
  ovk_cmd_fail_result (cmd, result, "recording");
  return FALSE;
}

/* Forgets what was recorded. Nothing may be in flight. */
static void
cmd_reset (OvkCmd *cmd)
{
  ovk_touched_keep (&cmd->dev->heap, &cmd->touched, FALSE);
  if (cmd->staged)
    ovk_staging_release (&cmd->dev->staging, cmd, 0);
  cmd->staged = FALSE;
  cmd->recording = FALSE;
  cmd->kept = FALSE;
  cmd->repeatable = FALSE;
  cmd->host_reads = FALSE;
  cmd->timed = FALSE;
  cmd->label = NULL;
  cmd->label_open = FALSE;
  cmd->n_buffers = 0;
  cmd->n_cut = 0;
  cmd->work = 0;
  cmd->touched.last = NULL;
  cmd->touched.stale = FALSE;
  ovk_timer_reset (&cmd->timer);
  g_hash_table_remove_all (cmd->touched.buffers);
}

static gboolean
cmd_begin (OvkCmd *cmd)
{
  OvkDevice *dev = cmd->dev;
  const char *label = cmd->label;
  GError *error = NULL;
  VkResult result;

  if (cmd->pending && !ovk_cmd_wait (cmd, &error)) {
    ovk_cmd_fail (cmd, error);
    return FALSE;
  }
  cmd_reset (cmd);
  cmd->label = label;
  result = vkResetCommandPool (dev->gpu.handle, cmd->pool, 0);
  for (guint i = 0; i < cmd->pools->len && result == VK_SUCCESS; i++)
    result = vkResetDescriptorPool (
        dev->gpu.handle, g_array_index (cmd->pools, VkDescriptorPool, i), 0);
  if (result != VK_SUCCESS) {
    ovk_cmd_fail_result (cmd, result, "resetting");
    return FALSE;
  }
  cmd->n_sets = 0;
  cmd->kept = cmd->keep;
  if (!buffer_begin (cmd))
    return FALSE;
  cmd->recording = TRUE;
  cmd->timed = ovk_device_is_timing (dev);
  return TRUE;
}

VkCommandBuffer
ovk_cmd_next (OvkCmd *cmd, const char *what)
{
  if (cmd->error)
    return NULL;
  if (!cmd->recording && !cmd_begin (cmd))
    return NULL;
  if (cmd->n_commands >= commands_per_buffer (cmd)
      && (!buffer_end (cmd) || !buffer_begin (cmd)))
    return NULL;
  cmd->n_commands++;
  if (what)
    ovk_cmd_time (cmd, current_buffer (cmd), what);
  return cmd->error ? NULL : current_buffer (cmd);
}

void *
ovk_cmd_stage (OvkCmd *cmd, gsize size_bytes, OvkSlice *slice)
{
  GError *error = NULL;
  guint8 *map;

  if (cmd->error)
    return NULL;
  if (cmd->recording ? cmd->kept : cmd->keep) {
    ovk_cmd_fail_text (cmd, "what is kept can't read what is staged once");
    return NULL;
  }
  /* Beginning waits for what is in flight and drops what it had recorded. */
  if (!cmd->collect && !cmd->recording && !cmd_begin (cmd))
    return NULL;
  map =
      ovk_staging_reserve (&cmd->dev->staging, cmd, size_bytes, slice, &error);
  if (!map) {
    ovk_cmd_fail (cmd, error);
    return NULL;
  }
  cmd->staged = TRUE;
  return map;
}

gboolean
ovk_cmd_scratch (OvkCmd *cmd, OvkSlice *slice)
{
  GError *error = NULL;
  OvkBuffer *buffer;

  if (cmd->error)
    return FALSE;
  buffer = ovk_scratch_get (&cmd->dev->scratch, &error);
  if (!buffer) {
    ovk_cmd_fail (cmd, error);
    return FALSE;
  }
  *slice = (OvkSlice){ buffer, 0, OVK_SCRATCH_BYTES };
  return TRUE;
}

void
ovk_cmd_collect (OvkCmd *cmd, OvkPipelineSet *set)
{
  cmd->collect = set;
}

void
ovk_cmd_explain (OvkCmd *cmd, const void *what, gsize size_bytes)
{
  g_return_if_fail (size_bytes <= OVK_MAX_WHAT);
  cmd->what_bytes = what ? size_bytes : 0;
  if (what)
    memcpy (cmd->what, what, size_bytes);
}

void
ovk_cmd_trust (OvkCmd *cmd)
{
  cmd->trusted = TRUE;
}

void
ovk_cmd_label (OvkCmd *cmd, const char *label)
{
  VkCommandBuffer buffer;

  if (cmd->error || label == cmd->label)
    return;
  if (!cmd->recording) {
    cmd->label = label;
    return;
  }
  buffer = current_buffer (cmd);
  label_end (cmd, buffer);
  cmd->label = label;
  label_begin (cmd, buffer);
}

/* (nullable): the command that has just been recorded, if it is timed. */
static OvkTiming *
timed_command (OvkCmd *cmd)
{
  return !cmd->collect && !cmd->error && cmd->timed
             ? ovk_timer_current (&cmd->timer)
             : NULL;
}

void
ovk_cmd_add_work (OvkCmd *cmd, double flops)
{
  OvkTiming *t = timed_command (cmd);

  if (!cmd->collect && !cmd->error)
    cmd->work += flops;
  if (t)
    t->flops += flops;
}

void
ovk_cmd_add_bytes (OvkCmd *cmd, double bytes)
{
  OvkTiming *t = timed_command (cmd);

  if (t)
    t->bytes += bytes;
}

void
ovk_cmd_add_matrix (OvkCmd *cmd, guint n, guint k, double bytes)
{
  OvkTiming *t = timed_command (cmd);

  if (!t)
    return;
  t->n = n;
  t->k = k;
  t->matrix_bytes += bytes;
}

double
ovk_cmd_work (const OvkCmd *cmd)
{
  return cmd->work;
}

/* ---- submitting ------------------------------------------------------- */

/* What is in flight is left to the wait for it, but for what of it is being
 * recorded. */
static void
drop_recording (OvkCmd *cmd)
{
  if (cmd->recording && cmd->pending
      && ovk_queue_settle (&cmd->dev->queue, cmd->pending))
    cmd->pending = 0;
  if (cmd->pending) {
    cmd->recording = FALSE;
    cmd->repeatable = FALSE;
  } else {
    cmd_reset (cmd);
  }
}

/* Waiting for the semaphore alone does not bring the writes to the host. */
static void
host_barrier (VkCommandBuffer buffer)
{
  VkMemoryBarrier memory = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
  };

  vkCmdPipelineBarrier (buffer,
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
      VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &memory, 0, NULL, 0, NULL);
}

/* Nobody frees a buffer between the check and the mark that it is in use. */
static gboolean
submit_recording (OvkCmd *cmd, guint64 *value, GError **error)
{
  const VkCommandBuffer *buffers =
      &g_array_index (cmd->buffers, VkCommandBuffer, cmd->n_cut);
  OvkDevice *dev = cmd->dev;
  gboolean ok, stale;

  if (!cmd->kept)
    return ovk_queue_submit (&dev->queue, buffers, cmd->n_buffers - cmd->n_cut,
        cmd->touched.buffers, value, error);
  g_mutex_lock (&dev->heap.kept_lock);
  stale = cmd->touched.stale;
  ok = !stale
       && ovk_queue_submit (&dev->queue, buffers, cmd->n_buffers,
           cmd->touched.buffers, value, error);
  g_mutex_unlock (&dev->heap.kept_lock);
  if (stale)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "%s: what was kept refers to memory that has been freed", cmd->name);
  return ok;
}

void
ovk_cmd_set_pieces (
    OvkCmd *cmd, double most_work, OvkPauseFunc pause, gpointer user_data)
{
  cmd->most_work = most_work;
  cmd->pause = pause;
  cmd->pause_data = user_data;
}

double
ovk_cmd_most_work (const OvkCmd *cmd)
{
  return cmd->most_work > 0 ? cmd->most_work : G_MAXDOUBLE;
}

void
ovk_cmd_pause (OvkCmd *cmd)
{
  if (cmd->pause && !cmd->error)
    cmd->pause (cmd, cmd->pause_data);
}

gboolean
ovk_cmd_cut (OvkCmd *cmd, GError **error)
{
  guint64 value = 0;

  if (!ovk_cmd_check (cmd, error))
    return FALSE;
  if (!cmd->recording)
    return ovk_gpu_alive (&cmd->dev->gpu, error);
  /* What passes until the rest is handed over is no command's time. */
  ovk_cmd_time (cmd, current_buffer (cmd), NULL);
  if (cmd->kept)
    ovk_cmd_fail_text (cmd, "what is kept can't be cut");
  else if (buffer_end (cmd) && cmd->staged)
    ovk_staging_flush (&cmd->dev->staging, cmd, &cmd->error);
  if (!cmd->error)
    submit_recording (cmd, &value, &cmd->error);
  if (!ovk_cmd_check (cmd, error))
    return FALSE;
  cmd->pending = value;
  cmd->ticket = value;
  cmd->n_cut = cmd->n_buffers;
  cmd->work = 0;
  return buffer_begin (cmd) || ovk_cmd_check (cmd, error);
}

gboolean
ovk_cmd_submit (OvkCmd *cmd, GError **error)
{
  guint64 value = 0;

  if (cmd->recording && !cmd->error) {
    VkCommandBuffer buffer = current_buffer (cmd);

    ovk_cmd_time (cmd, buffer, NULL);
    if (cmd->host_reads)
      host_barrier (buffer);
    buffer_end (cmd);
    if (cmd->staged && !cmd->error)
      ovk_staging_flush (&cmd->dev->staging, cmd, &cmd->error);
  }
  if (cmd->error) {
    g_propagate_error (error, g_steal_pointer (&cmd->error));
    ovk_cmd_reset (cmd);
    return FALSE;
  }
  if (cmd->collect) {
    if (cmd->staged)
      ovk_staging_release (&cmd->dev->staging, cmd, 0);
    cmd->staged = FALSE;
  }
  if (!cmd->recording && (!cmd->repeatable || cmd->collect))
    return ovk_gpu_alive (&cmd->dev->gpu, error);
  /* The same command buffers can't be on the queue twice. */
  if (!cmd->recording && !ovk_cmd_wait (cmd, error))
    return FALSE;
  ovk_touched_keep (&cmd->dev->heap, &cmd->touched, cmd->kept);
  if (!submit_recording (cmd, &value, error)) {
    drop_recording (cmd);
    return FALSE;
  }
  if (cmd->staged)
    ovk_staging_release (&cmd->dev->staging, cmd, value);
  cmd->staged = FALSE;
  cmd->recording = FALSE;
  cmd->repeatable = cmd->kept;
  cmd->pending = value;
  cmd->ticket = value;
  return TRUE;
}

guint64
ovk_cmd_ticket (const OvkCmd *cmd)
{
  return cmd->ticket;
}

gboolean
ovk_cmd_wait (OvkCmd *cmd, GError **error)
{
  const char *what = cmd->label ? cmd->label : cmd->name;

  if (!cmd->pending)
    return TRUE;
  /* On failure it stays pending, so that freeing knows what may be in use. */
  if (!ovk_queue_wait (&cmd->dev->queue, cmd->pending, what, error))
    return FALSE;
  cmd->pending = 0;
  /* It was cut, and goes on. */
  if (cmd->recording)
    return TRUE;
  if (cmd->timed)
    ovk_timer_collect (&cmd->timer, &cmd->dev->timings);
  if (cmd->repeatable)
    cmd->label = NULL;
  else
    cmd_reset (cmd);
  return TRUE;
}

gboolean
ovk_cmd_run (OvkCmd *cmd, GError **error)
{
  return ovk_cmd_submit (cmd, error) && ovk_cmd_wait (cmd, error);
}

gboolean
ovk_cmd_check (OvkCmd *cmd, GError **error)
{
  if (!cmd->error)
    return TRUE;
  if (error)
    *error = g_error_copy (cmd->error);
  return FALSE;
}

void
ovk_cmd_reset (OvkCmd *cmd)
{
  g_clear_error (&cmd->error);
  drop_recording (cmd);
}

void
ovk_cmd_set_kept (OvkCmd *cmd, gboolean kept)
{
  cmd->keep = kept;
  if (!kept && cmd->repeatable)
    drop_recording (cmd);
}
