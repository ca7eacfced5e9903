/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the bytes of a raw picture lie in a buffer: as its GstVideoMeta says,
 * which is believed in nothing, or as GStreamer lays the caps' format out. */
#ifndef GST_OWL2_LAYOUT_H
#define GST_OWL2_LAYOUT_H

#include <gst/video/video.h>

G_BEGIN_DECLS

/* Readable bytes after the picture: a converter may read the last ones in
 * words. */
#define GST_OWL2_LAYOUT_SLACK 64

/**
 * gst_owl2_layout_read: copies the picture in @buffer to the layout of @info,
 * whatever layout it has.
 * @info: of what is stored
 * @error: GST_RESOURCE_ERROR, with the numbers: _READ if what the caps and the
 *   buffer's meta say is not in the buffer, or it can't be read;
 *   _NO_SPACE_LEFT
 *
 * Rows and tiles are copied with what a format keeps beyond its width, as far
 * as the buffer has it, since converters look at that too. Any thread.
 *
 * Returns: (transfer full) (nullable): @info's size and the slack, for g_free()
 */
guint8 *gst_owl2_layout_read (
    GstBuffer *buffer, const GstVideoInfo *info, GError **error);

G_END_DECLS

#endif
