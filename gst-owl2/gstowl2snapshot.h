/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A picture that lies on GStreamer's Vulkan device, and a copy of it there,
 * which the engine reads in place. */
#ifndef GST_OWL2_SNAPSHOT_H
#define GST_OWL2_SNAPSHOT_H

#include "gstowl2crop.h"

G_BEGIN_DECLS

typedef struct _GstOwl2Snapshots GstOwl2Snapshots;
typedef struct _GstOwl2Snapshot GstOwl2Snapshot;

/* Whether @buffer is images of a Vulkan device; never without the build option
 * `vulkan-image`. */
gboolean gst_owl2_snapshot_wanted (GstBuffer *buffer);

/* What is kept from snapshot to snapshot. Zeros are no start; any thread. */
GstOwl2Snapshots *gst_owl2_snapshots_new (void);
/* After the last one was given back; accepts NULL. */
void gst_owl2_snapshots_free (GstOwl2Snapshots *self);

/**
 * gst_owl2_snapshot_take: lets the device copy the picture, and does not wait
 * for it: what the streaming thread spends on it is one submission. The images
 * are used as GStreamer's elements do, and left in their layout.
 *
 * The copy is in memory that other devices can import, where GStreamer's
 * device has VK_KHR_external_memory_fd and @importable, else in such that the
 * host sees; the debug log says so, at INFO.
 * @importable: the engine takes such pictures: only what is shown is copied
 * @crop: (inout): what is shown of the picture; then of the copy
 * @info: (inout): of the stored picture; then of the copy
 * @raw: (out) (nullable) (transfer full): the copy as memory of the host, where
 *   it is, to be read after gst_owl2_snapshot_land()
 *
 * Errors: GST_RESOURCE_ERROR: a format or memory that can't be copied.
 *
 * Returns: (transfer full): gst_owl2_snapshot_give_back()
 */
GstOwl2Snapshot *gst_owl2_snapshot_take (GstOwl2Snapshots *self,
    GstBuffer *buffer, gboolean importable, GstOwl2Crop *crop,
    GstVideoInfo *info, GstBuffer **raw, GError **error);

/**
 * gst_owl2_snapshot_land: blocks until the device has made the copy, and lets
 * the model's device have it. On a thread of the worker.
 * @memory: (out) (nullable) (transfer none): for Owl2Image, as long as the
 *   snapshot; NULL: the host has it
 * @raw: (inout) (nullable): as of gst_owl2_snapshot_take(); set where the
 *   model's device turns out to be another one, which the debug log says. The
 *   next pictures then go through the host from the start
 *
 * Errors: GST_RESOURCE_ERROR: also where such memory is hidden from the host,
 * which costs the pictures that are under way.
 */
gboolean gst_owl2_snapshot_land (GstOwl2Snapshot *snapshot, Owl2Model *model,
    Owl2Memory **memory, GstBuffer **raw, GError **error);
/* The next picture may have its memory. Accepts NULL. */
void gst_owl2_snapshot_give_back (GstOwl2Snapshot *snapshot);

G_END_DECLS

#endif
