/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one queue of a device: submitting, waiting, and what goes wrong there. */
#include "ovk_private.h"

/* ---- errors ----------------------------------------------------------- */

static const char *
result_name (VkResult result)
{
  switch (result) {
    case VK_NOT_READY:
      return "not ready";
    case VK_TIMEOUT:
      return "timed out";
    case VK_INCOMPLETE:
      return "incomplete answer";
    case VK_ERROR_OUT_OF_HOST_MEMORY:
      return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
      return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED:
      return "initialization failed";
    case VK_ERROR_DEVICE_LOST:
      return "device lost";
    case VK_ERROR_MEMORY_MAP_FAILED:
      return "mapping memory failed";
    case VK_ERROR_LAYER_NOT_PRESENT:
      return "layer not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
      return "extension not present";
    case VK_ERROR_FEATURE_NOT_PRESENT:
      return "feature not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      return "no usable driver";
    case VK_ERROR_TOO_MANY_OBJECTS:
      return "too many objects";
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
      return "fragmented memory";
    case VK_ERROR_OUT_OF_POOL_MEMORY:
      return "pool exhausted";
    case VK_ERROR_INVALID_EXTERNAL_HANDLE:
      return "invalid handle";
    case VK_ERROR_INVALID_SHADER_NV:
      return "invalid shader";
    default:
      return "unknown error";
  }
}

void
ovk_set_error (
    OvkDevice *dev, GError **error, VkResult result, const char *format, ...)
{
  g_autofree char *text = NULL;
  Owl2Error code;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_MEMORY_MAP_FAILED:
      code = OWL2_ERROR_NO_MEMORY;
      break;
    case VK_ERROR_DEVICE_LOST:
      code = OWL2_ERROR_DEVICE_LOST;
      if (dev)
        g_atomic_int_set (&dev->lost, 1);
      break;
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      code = OWL2_ERROR_NO_DEVICE;
      break;
    case VK_ERROR_LAYER_NOT_PRESENT:
    case VK_ERROR_EXTENSION_NOT_PRESENT:
    case VK_ERROR_FEATURE_NOT_PRESENT:
      code = OWL2_ERROR_UNSUPPORTED;
      break;
    default:
      code = OWL2_ERROR_FAILED;
      break;
  }
  g_set_error (error, OWL2_ERROR, code, "%s: %s (Vulkan result %d)", text,
      result_name (result), (int) result);
}

gboolean
ovk_device_alive (OvkDevice *dev, GError **error)
{
  if (!g_atomic_int_get (&dev->lost))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST,
      "%s was lost earlier; only freeing is possible", dev->caps.name);
  return FALSE;
}

/* ---- the queue -------------------------------------------------------- */

/* Under the queue's lock. */
static void
mark_touched (const OvkTouched *touched, guint64 value)
{
  GHashTableIter iter;
  gpointer buffer;

  g_hash_table_iter_init (&iter, touched->buffers);
  while (g_hash_table_iter_next (&iter, &buffer, NULL))
    ((OvkBuffer *) buffer)->last_use = value;
}

gboolean
ovk_device_submit (OvkDevice *dev, const VkCommandBuffer *buffers,
    guint n_buffers, const OvkTouched *touched, guint64 *value, GError **error)
{
  const VkPipelineStageFlags stages =
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  g_autofree VkSubmitInfo *infos = g_new0 (VkSubmitInfo, n_buffers);
  g_autofree VkTimelineSemaphoreSubmitInfo *timelines =
      g_new0 (VkTimelineSemaphoreSubmitInfo, n_buffers);
  g_autofree guint64 *values = g_new (guint64, n_buffers + 1);
  VkResult result;

  if (!ovk_device_alive (dev, error))
    return FALSE;
  for (guint i = 0; i < n_buffers; i++) {
    timelines[i] = (VkTimelineSemaphoreSubmitInfo){
      .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
      .waitSemaphoreValueCount = 1,
      .pWaitSemaphoreValues = &values[i],
      .signalSemaphoreValueCount = 1,
      .pSignalSemaphoreValues = &values[i + 1],
    };
    infos[i] = (VkSubmitInfo){
      .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
      .pNext = &timelines[i],
      .waitSemaphoreCount = 1,
      .pWaitSemaphores = &dev->timeline,
      .pWaitDstStageMask = &stages,
      .commandBufferCount = 1,
      .pCommandBuffers = &buffers[i],
      .signalSemaphoreCount = 1,
      .pSignalSemaphores = &dev->timeline,
    };
  }

  g_mutex_lock (&dev->queue_lock);
  for (guint i = 0; i <= n_buffers; i++)
    values[i] = dev->submitted + i;
  result = vkQueueSubmit (dev->queue, n_buffers, infos, VK_NULL_HANDLE);
  if (result == VK_SUCCESS) {
    dev->submitted += n_buffers;
    mark_touched (touched, dev->submitted);
  }
  *value = dev->submitted;
  g_mutex_unlock (&dev->queue_lock);

  if (result != VK_SUCCESS) {
    ovk_set_error (
        dev, error, result, "%s: submitting work failed", dev->caps.name);
    return FALSE;
  }
  return TRUE;
}

/* VK_TIMEOUT when the device has finished nothing for dev->timeout_ns. */
static VkResult
wait_for_value (OvkDevice *dev, guint64 value)
{
  VkSemaphoreWaitInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
    .semaphoreCount = 1,
    .pSemaphores = &dev->timeline,
    .pValues = &value,
  };
  guint64 reached = 0, before = 0;
  VkResult result;

  result = vkGetSemaphoreCounterValue (dev->handle, dev->timeline, &reached);
  while (result == VK_SUCCESS && reached < value) {
    guint64 timeout_ns = g_atomic_int_get (&dev->hung) ? 0 : dev->timeout_ns;

    before = reached;
    result = vkWaitSemaphores (dev->handle, &info, timeout_ns);
    if (result != VK_TIMEOUT)
      return result;
    /* Others may have queued work before this one; as long as the device gets
     * on with it, it is not lost. */
    result = vkGetSemaphoreCounterValue (dev->handle, dev->timeline, &reached);
    if (result == VK_SUCCESS && reached < value && reached == before)
      return VK_TIMEOUT;
  }
  return result;
}

gboolean
ovk_device_wait (
    OvkDevice *dev, guint64 value, const char *what, GError **error)
{
  VkResult result;

  if (!value)
    return TRUE;
  if (!ovk_device_alive (dev, error))
    return FALSE;
  result = wait_for_value (dev, value);
  if (result == VK_SUCCESS)
    return TRUE;
  if (result == VK_TIMEOUT) {
    g_atomic_int_set (&dev->hung, 1);
    g_atomic_int_set (&dev->lost, 1);
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST,
        "%s did not finish '%s' within %.3g s", dev->caps.name, what,
        (double) dev->timeout_ns / OVK_SECOND_NS);
  } else {
    ovk_set_error (dev, error, result, "%s: waiting for '%s' failed",
        dev->caps.name, what);
  }
  return FALSE;
}

gboolean
ovk_device_reached (OvkDevice *dev, guint64 ticket)
{
  guint64 reached = 0;
  VkResult result;

  if (!ticket || g_atomic_int_get (&dev->lost))
    return TRUE;
  result = vkGetSemaphoreCounterValue (dev->handle, dev->timeline, &reached);
  if (result == VK_ERROR_DEVICE_LOST)
    g_atomic_int_set (&dev->lost, 1);
  return result == VK_ERROR_DEVICE_LOST || reached >= ticket;
}

gboolean
ovk_device_settle (OvkDevice *dev, guint64 value)
{
  /* Vulkan allows destroying what a lost device was working on. */
  if (!value
      || (g_atomic_int_get (&dev->lost) && !g_atomic_int_get (&dev->hung)))
    return TRUE;
  switch (wait_for_value (dev, value)) {
    case VK_SUCCESS:
      return TRUE;
    case VK_ERROR_DEVICE_LOST:
      g_atomic_int_set (&dev->lost, 1);
      return TRUE;
    default:
      /* It may be at work still, for all that is known. */
      g_atomic_int_set (&dev->hung, 1);
      g_atomic_int_set (&dev->lost, 1);
      return FALSE;
  }
}
