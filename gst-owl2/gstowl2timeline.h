/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who uses GStreamer's Vulkan images when. From 1.24 on, each has a timeline
 * semaphore where the device can: what is submitted waits for its value, and
 * signals the next one. */
#ifndef GST_OWL2_TIMELINE_H
#define GST_OWL2_TIMELINE_H

#include <gst/video/video.h>
#include <gst/vulkan/vulkan.h>

G_BEGIN_DECLS

typedef struct {
  VkTimelineSemaphoreSubmitInfo info;
  VkSemaphore semaphores[GST_VIDEO_MAX_PLANES];
  guint64 before[GST_VIDEO_MAX_PLANES], after[GST_VIDEO_MAX_PLANES];
  VkPipelineStageFlags stages[GST_VIDEO_MAX_PLANES];
} GstOwl2Timeline;

/* @submit, which only reads @buffer's images, comes after all that was
 * submitted for them, on whichever queue. It points into @self. */
void gst_owl2_timeline_enter (
    GstOwl2Timeline *self, GstBuffer *buffer, VkSubmitInfo *submit);
/* After it was submitted. */
void gst_owl2_timeline_leave (const GstOwl2Timeline *self, GstBuffer *buffer);

G_END_DECLS

#endif
