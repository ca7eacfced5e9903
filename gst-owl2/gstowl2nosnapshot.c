/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Without GStreamer's Vulkan library: there are no such pictures. */
#include "gstowl2snapshot.h"

gboolean
gst_owl2_snapshot_wanted (GstBuffer *buffer)
{
  return FALSE;
}

GstOwl2Snapshots *
gst_owl2_snapshots_new (void)
{
  return NULL;
}

void
gst_owl2_snapshots_free (GstOwl2Snapshots *self)
{
}

GstOwl2Snapshot *
gst_owl2_snapshot_take (GstOwl2Snapshots *self, GstBuffer *buffer,
    gboolean importable, GstOwl2Crop *crop, GstVideoInfo *info, GstBuffer **raw,
    GError **error)
{
  g_return_val_if_reached (NULL);
}

gboolean
gst_owl2_snapshot_land (GstOwl2Snapshot *snapshot, Owl2Model *model,
    Owl2Memory **memory, GstBuffer **raw, GError **error)
{
  g_return_val_if_reached (FALSE);
}

void
gst_owl2_snapshot_give_back (GstOwl2Snapshot *snapshot)
{
}
