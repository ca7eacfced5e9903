/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of a stored picture that is shown, as GstVideoCropMeta says:
 * decoders leave the rows there that fill their blocks, and `videocrop` leaves
 * all. */
#ifndef GST_OWL2_CROP_H
#define GST_OWL2_CROP_H

#include <gst/video/video.h>
#include "owl2.h"

G_BEGIN_DECLS

/* Pixels of the stored picture; at least one. */
typedef struct {
  guint x, y, width, height;
} GstOwl2Crop;

/* All of it. */
void gst_owl2_crop_none (GstOwl2Crop *crop, const GstVideoInfo *info);

/**
 * gst_owl2_crop_get:
 * @info: from caps, which are those of the picture that is shown
 * @stored: (out): of all that is in @buffer: @info, of the size that the
 *   buffer's GstVideoMeta says where it has a crop meta, too
 * @crop: (out): inside of that
 * @error: GST_RESOURCE_ERROR_READ, with the numbers: it is not inside, or the
 *   buffer is too small for it
 */
gboolean gst_owl2_crop_get (GstBuffer *buffer, const GstVideoInfo *info,
    GstVideoInfo *stored, GstOwl2Crop *crop, GError **error);

/* Whether it begins with a pixel whose chroma no pixel outside shares, so that
 * it is a picture of @info's format. */
gboolean gst_owl2_crop_is_whole (
    const GstOwl2Crop *crop, const GstVideoInfo *info);
/* Bytes from the first of @component to the first that is shown, then. */
gsize gst_owl2_crop_offset (
    const GstOwl2Crop *crop, const GstVideoInfo *info, guint component);

/* Leaves the shown part of @image, packed RGB of @info's picture or of one of
 * its fields. */
void gst_owl2_crop_rgb (
    const GstOwl2Crop *crop, const GstVideoInfo *info, Owl2Image *image);

G_END_DECLS

#endif
