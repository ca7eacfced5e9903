/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2timeline.h"

/* The semaphore, or NULL, and where its value is kept. */
static VkSemaphore
semaphore_of (GstBuffer *buffer, guint i, guint64 **value)
{
#ifdef HAVE_VULKAN_SEMAPHORE
  GstVulkanImageMemory *image =
      (GstVulkanImageMemory *) gst_buffer_peek_memory (buffer, i);

  *value = &image->barrier.parent.semaphore_value;
  return image->barrier.parent.semaphore;
#else
  return VK_NULL_HANDLE;
#endif
}

static gboolean
is_shared (GstBuffer *buffer)
{
  gboolean shared = GST_MINI_OBJECT_REFCOUNT_VALUE (buffer) > 1;

  for (guint i = 0; i < gst_buffer_n_memory (buffer); i++)
    shared |=
        GST_MINI_OBJECT_REFCOUNT_VALUE (gst_buffer_peek_memory (buffer, i)) > 1;
  return shared;
}

void
gst_owl2_timeline_enter (
    GstOwl2Timeline *self, GstBuffer *buffer, VkSubmitInfo *submit)
{
  guint n = 0;

  for (guint i = 0; i < gst_buffer_n_memory (buffer); i++) {
    guint64 *value = NULL;
    VkSemaphore semaphore = semaphore_of (buffer, i, &value);

    if (!semaphore)
      continue;
    self->semaphores[n] = semaphore;
    self->before[n] = *value;
    self->after[n] = *value + 1;
    self->stages[n++] = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
  }
  self->info = (VkTimelineSemaphoreSubmitInfo){
    .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
    .waitSemaphoreValueCount = n,
    .pWaitSemaphoreValues = self->before,
    .pSignalSemaphoreValues = self->after,
  };
  submit->waitSemaphoreCount = n;
  submit->pWaitSemaphores = self->semaphores;
  submit->pWaitDstStageMask = self->stages;
  submit->pSignalSemaphores = self->semaphores;
  /* Nothing keeps another thread that has the image, as behind a tee, from
   * signalling the same value, and the next one would wait for ever. It goes
   * without ours: the queue that all share has them in order. */
  if (!is_shared (buffer))
    submit->signalSemaphoreCount = self->info.signalSemaphoreValueCount = n;
  if (n)
    submit->pNext = &self->info;
}

void
gst_owl2_timeline_leave (const GstOwl2Timeline *self, GstBuffer *buffer)
{
  if (!self->info.signalSemaphoreValueCount)
    return;
  for (guint i = 0; i < gst_buffer_n_memory (buffer); i++) {
    guint64 *value = NULL;

    if (semaphore_of (buffer, i, &value))
      *value += 1;
  }
}
