/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Submitting, and waiting for what was submitted. */
#include "ovk_queue.h"

/* What makes a command buffer a link of the chain. */
typedef struct {
  guint64 before, after;
  VkTimelineSemaphoreSubmitInfo timeline;
} Link;

/* ---- opening and closing ---------------------------------------------- */

void
ovk_queue_init (OvkQueue *queue, OvkGpu *gpu)
{
  queue->gpu = gpu;
  ovk_shelf_init (&queue->parked);
  g_mutex_init (&queue->lock);
  queue->infos = g_array_new (FALSE, FALSE, sizeof (VkSubmitInfo));
  queue->links = g_array_new (FALSE, FALSE, sizeof (Link));
}

static gboolean
create_timeline (OvkQueue *queue, GError **error)
{
  VkSemaphoreTypeCreateInfo type = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  VkSemaphoreCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = &type,
  };
  VkResult result =
      vkCreateSemaphore (queue->gpu->handle, &info, NULL, &queue->timeline);

  if (result != VK_SUCCESS) {
    queue->timeline = VK_NULL_HANDLE;
    ovk_set_error (queue->gpu, error, result, "%s: creating a semaphore failed",
        queue->gpu->caps.name);
    return FALSE;
  }
  ovk_gpu_name (queue->gpu, VK_OBJECT_TYPE_SEMAPHORE,
      OVK_HANDLE (queue->timeline), "timeline");
  return TRUE;
}

gboolean
ovk_queue_open (OvkQueue *queue, GError **error)
{
  OvkGpu *gpu = queue->gpu;

  queue->timeout_ns = gpu->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU
                          ? OVK_TIMEOUT_CPU_NS
                          : OVK_TIMEOUT_NS;
  vkGetDeviceQueue (gpu->handle, gpu->queue_family, 0, &queue->handle);
  ovk_gpu_name (
      gpu, VK_OBJECT_TYPE_QUEUE, OVK_POINTER (queue->handle), "owl2 queue");
  return create_timeline (queue, error);
}

void
ovk_queue_close (OvkQueue *queue)
{
  /* Mesa's queue thread (22.3) still touches a timeline semaphore shortly after
   * the wait for it has returned; this waits for that thread. */
  g_mutex_lock (&queue->lock);
  if (queue->submitted)
    (void) vkDeviceWaitIdle (queue->gpu->handle);
  g_mutex_unlock (&queue->lock);
  if (queue->timeline)
    vkDestroySemaphore (queue->gpu->handle, queue->timeline, NULL);
}

void
ovk_queue_clear (OvkQueue *queue)
{
  ovk_shelf_clear (&queue->parked);
  g_array_unref (queue->infos);
  g_array_unref (queue->links);
  g_mutex_clear (&queue->lock);
}

/* ---- submitting ------------------------------------------------------- */

/* Under the queue's lock. */
static void
mark_used (GHashTable *uses, guint64 value)
{
  GHashTableIter iter;
  gpointer use;

  g_hash_table_iter_init (&iter, uses);
  while (g_hash_table_iter_next (&iter, &use, NULL))
    ((OvkLastUse *) use)->value = value;
}

/* Under the queue's lock. */
static const VkSubmitInfo *
chain (OvkQueue *queue, const VkCommandBuffer *buffers, guint n)
{
  static const VkPipelineStageFlags stages =
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;

  g_array_set_size (queue->infos, n);
  g_array_set_size (queue->links, n);
  for (guint i = 0; i < n; i++) {
    Link *link = &g_array_index (queue->links, Link, i);

    link->before = queue->submitted + i;
    link->after = link->before + 1;
    link->timeline = (VkTimelineSemaphoreSubmitInfo){
      .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
      .waitSemaphoreValueCount = 1,
      .pWaitSemaphoreValues = &link->before,
      .signalSemaphoreValueCount = 1,
      .pSignalSemaphoreValues = &link->after,
    };
    g_array_index (queue->infos, VkSubmitInfo, i) = (VkSubmitInfo){
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
      .pNext = &link->timeline,
      .waitSemaphoreCount = 1,
      .pWaitSemaphores = &queue->timeline,
      .pWaitDstStageMask = &stages,
      .commandBufferCount = 1,
      .pCommandBuffers = &buffers[i],
      .signalSemaphoreCount = 1,
      .pSignalSemaphores = &queue->timeline,
    };
  }
  return (const VkSubmitInfo *) (gpointer) queue->infos->data;
}

gboolean
ovk_queue_submit (OvkQueue *queue, const VkCommandBuffer *buffers,
    guint n_buffers, GHashTable *uses, guint64 *value, GError **error)
{
  VkResult result;

  if (!ovk_gpu_alive (queue->gpu, error))
    return FALSE;
  g_mutex_lock (&queue->lock);
  result = vkQueueSubmit (queue->handle, n_buffers,
      chain (queue, buffers, n_buffers), VK_NULL_HANDLE);
  if (result == VK_SUCCESS) {
    queue->submitted += n_buffers;
    mark_used (uses, queue->submitted);
  }
  *value = queue->submitted;
  g_mutex_unlock (&queue->lock);

  if (result != VK_SUCCESS) {
    ovk_set_error (queue->gpu, error, result, "%s: submitting work failed",
        queue->gpu->caps.name);
    return FALSE;
  }
  return TRUE;
}

guint64
ovk_queue_submitted (OvkQueue *queue)
{
  guint64 value;

  g_mutex_lock (&queue->lock);
  value = queue->submitted;
  g_mutex_unlock (&queue->lock);
  return value;
}

guint64
ovk_queue_last_use (OvkQueue *queue, const OvkLastUse *use)
{
  guint64 value;

  g_mutex_lock (&queue->lock);
  value = use->value;
  g_mutex_unlock (&queue->lock);
  return value;
}

/* ---- waiting ---------------------------------------------------------- */

/* Whether a wait has returned for it: then what the device wrote is here. */
static gboolean
was_waited (OvkQueue *queue, guint64 value)
{
  gboolean was;

  g_mutex_lock (&queue->lock);
  was = value <= queue->waited;
  g_mutex_unlock (&queue->lock);
  return was;
}

static void
note_waited (OvkQueue *queue, guint64 value)
{
  g_mutex_lock (&queue->lock);
  queue->waited = MAX (queue->waited, value);
  g_mutex_unlock (&queue->lock);
}

/* VK_TIMEOUT when the device has finished nothing for timeout_ns. */
static VkResult
wait_for_value (OvkQueue *queue, guint64 value)
{
  VkSemaphoreWaitInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
    .semaphoreCount = 1,
    .pSemaphores = &queue->timeline,
    .pValues = &value,
  };
  guint64 reached = 0, before = 0;
  VkResult result;

  result = vkGetSemaphoreCounterValue (
      queue->gpu->handle, queue->timeline, &reached);
  while (result == VK_SUCCESS) {
    guint64 timeout_ns =
        g_atomic_int_get (&queue->hung) ? 0 : queue->timeout_ns;

    /* Also for what is reached: only the wait orders what the device's threads
     * have written before what comes here. */
    before = reached;
    result = vkWaitSemaphores (queue->gpu->handle, &info, timeout_ns);
    if (result != VK_TIMEOUT)
      return result;
    /* Others may have queued work before this one; as long as the device gets
     * on with it, it is not lost. */
    result = vkGetSemaphoreCounterValue (
        queue->gpu->handle, queue->timeline, &reached);
    if (result == VK_SUCCESS && reached < value && reached == before)
      return VK_TIMEOUT;
  }
  return result;
}

gboolean
ovk_queue_wait (
    OvkQueue *queue, guint64 value, const char *what, GError **error)
{
  VkResult result;

  if (!value)
    return TRUE;
  if (!ovk_gpu_alive (queue->gpu, error))
    return FALSE;
  if (was_waited (queue, value))
    return TRUE;
  result = wait_for_value (queue, value);
  if (result == VK_SUCCESS) {
    note_waited (queue, value);
    return TRUE;
  }
  if (result == VK_TIMEOUT) {
    g_atomic_int_set (&queue->hung, 1);
    g_atomic_int_set (&queue->gpu->lost, 1);
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST,
        "%s did not finish '%s' within %.3g s", queue->gpu->caps.name, what,
        (double) queue->timeout_ns / OVK_SECOND_NS);
  } else {
    ovk_set_error (queue->gpu, error, result, "%s: waiting for '%s' failed",
        queue->gpu->caps.name, what);
  }
  return FALSE;
}

gboolean
ovk_queue_reached (OvkQueue *queue, guint64 value, guint64 within_ns)
{
  VkSemaphoreWaitInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
    .semaphoreCount = 1,
    .pSemaphores = &queue->timeline,
    .pValues = &value,
  };
  VkResult result;

  if (!value || g_atomic_int_get (&queue->gpu->lost)
      || was_waited (queue, value))
    return TRUE;
  result = vkWaitSemaphores (queue->gpu->handle, &info, within_ns);
  if (result == VK_SUCCESS)
    note_waited (queue, value);
  if (result == VK_ERROR_DEVICE_LOST)
    g_atomic_int_set (&queue->gpu->lost, 1);
  return result == VK_SUCCESS || result == VK_ERROR_DEVICE_LOST;
}

gboolean
ovk_queue_settle (OvkQueue *queue, guint64 value)
{
  VkResult result;

  /* Vulkan allows destroying what a lost device was working on. */
  if (!value
      || (g_atomic_int_get (&queue->gpu->lost)
          && !g_atomic_int_get (&queue->hung)))
    return TRUE;
  result = wait_for_value (queue, value);
  /* Where the first failed for want of memory, the second try may do. */
  if (result == VK_ERROR_OUT_OF_HOST_MEMORY
      || result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
    result = wait_for_value (queue, value);
  switch (result) {
    case VK_SUCCESS:
      return TRUE;
    case VK_ERROR_DEVICE_LOST:
      g_atomic_int_set (&queue->gpu->lost, 1);
      return TRUE;
    default:
      /* It may be at work still, for all that is known. */
      g_atomic_int_set (&queue->hung, 1);
      g_atomic_int_set (&queue->gpu->lost, 1);
      return FALSE;
  }
}
