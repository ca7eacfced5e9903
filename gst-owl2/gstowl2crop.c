/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2crop.h"

#include <string.h>

void
gst_owl2_crop_none (GstOwl2Crop *crop, const GstVideoInfo *info)
{
  *crop = (GstOwl2Crop){ 0, 0, (guint) info->width, (guint) info->height };
}

/* @info of another size. FALSE: GStreamer has no layout for that. */
static gboolean
resize (GstVideoInfo *info, guint width, guint height)
{
  GstVideoInfo sized;

  if (!gst_video_info_set_interlaced_format (&sized,
          GST_VIDEO_INFO_FORMAT (info), GST_VIDEO_INFO_INTERLACE_MODE (info),
          width, height))
    return FALSE;
  info->width = sized.width;
  info->height = sized.height;
  info->size = sized.size;
  memcpy (info->offset, sized.offset, sizeof (info->offset));
  memcpy (info->stride, sized.stride, sizeof (info->stride));
  return TRUE;
}

gboolean
gst_owl2_crop_get (GstBuffer *buffer, const GstVideoInfo *info,
    GstVideoInfo *stored, GstOwl2Crop *crop, GError **error)
{
  const GstVideoCropMeta *shown = gst_buffer_get_video_crop_meta (buffer);
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  guint64 width = (guint64) info->width, height = (guint64) info->height;

  *stored = *info;
  gst_owl2_crop_none (crop, info);
  if (!shown)
    return TRUE;
  if (meta) {
    width = meta->width;
    height = meta->height;
  }
  if (shown->width < 1 || shown->height < 1
      || (guint64) shown->x + shown->width > width
      || (guint64) shown->y + shown->height > height) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "%dx%d %s in a buffer of %" G_GSIZE_FORMAT
        " bytes: its crop meta shows %ux%u at %u, %u of %" G_GUINT64_FORMAT
        "x%" G_GUINT64_FORMAT,
        info->width, info->height,
        gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)),
        gst_buffer_get_size (buffer), shown->width, shown->height, shown->x,
        shown->y, width, height);
    return FALSE;
  }
  /* A pixel takes a byte at least. */
  if ((width != (guint64) info->width || height != (guint64) info->height)
      && (width > G_MAXINT || height > G_MAXINT
          || width * height > gst_buffer_get_size (buffer)
          || !resize (stored, (guint) width, (guint) height))) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "%dx%d %s in a buffer of %" G_GSIZE_FORMAT
        " bytes: its meta says %" G_GUINT64_FORMAT "x%" G_GUINT64_FORMAT,
        info->width, info->height,
        gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)),
        gst_buffer_get_size (buffer), width, height);
    return FALSE;
  }
  *crop = (GstOwl2Crop){ shown->x, shown->y, shown->width, shown->height };
  return TRUE;
}

gboolean
gst_owl2_crop_is_whole (const GstOwl2Crop *crop, const GstVideoInfo *info)
{
  guint w_sub = 0, h_sub = 0;

  for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++) {
    w_sub = MAX (w_sub, GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, c));
    h_sub = MAX (h_sub, GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, c));
  }
  return !(crop->x & ((1u << w_sub) - 1)) && !(crop->y & ((1u << h_sub) - 1));
}

gsize
gst_owl2_crop_offset (
    const GstOwl2Crop *crop, const GstVideoInfo *info, guint component)
{
  const GstVideoFormatInfo *format = info->finfo;
  const gsize x = crop->x >> GST_VIDEO_FORMAT_INFO_W_SUB (format, component);
  const gsize y = crop->y >> GST_VIDEO_FORMAT_INFO_H_SUB (format, component);

  return y * (gsize) GST_VIDEO_INFO_COMP_STRIDE (info, component)
         + x * (gsize) GST_VIDEO_INFO_COMP_PSTRIDE (info, component);
}

void
gst_owl2_crop_rgb (
    const GstOwl2Crop *crop, const GstVideoInfo *info, Owl2Image *image)
{
  const guint step = image->height < (guint) info->height ? 2 : 1;
  const guint y = MIN (crop->y / step, image->height - 1);

  image->data += y * image->stride + 3 * (gsize) crop->x;
  image->width = crop->width;
  image->height = MIN ((crop->height + step - 1) / step, image->height - y);
}
