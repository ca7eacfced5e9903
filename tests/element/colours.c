/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "colours.h"
#include "ref_picture.h"

#include <math.h>
#include <string.h>

static guint
format_bits (const GstVideoFormatInfo *format)
{
  return MAX (8, GST_VIDEO_FORMAT_INFO_DEPTH (format, 0));
}

static gboolean
unpacks_to_16 (const GstVideoFormatInfo *format)
{
  return format->unpack_format == GST_VIDEO_FORMAT_AYUV64
         || format->unpack_format == GST_VIDEO_FORMAT_ARGB64;
}

GstBuffer *
colours_plain (const GstVideoInfo *info, const Codes *codes)
{
  const gsize width = (gsize) info->width;
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info->size, NULL);
  g_autofree guint16 *line = g_new0 (guint16, 4 * width);
  GstVideoFrame frame;

  gst_buffer_memset (buffer, 0, 0, info->size);
  for (gsize i = 0; i < 4 * width; i++) {
    const guint16 code = codes->c[i % 4];

    if (unpacks_to_16 (info->finfo))
      line[i] = (guint16) (code << (16 - codes->bits)
                           | code >> (2 * codes->bits - 16));
    else
      ((guint8 *) line)[i] = (guint8) code;
  }
  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE));
  for (gint y = 0; y < info->height; y++)
    info->finfo->pack_func (info->finfo, GST_VIDEO_PACK_FLAG_NONE, line, 0,
        frame.data, frame.info.stride, info->chroma_site, y, info->width);
  gst_video_frame_unmap (&frame);
  return buffer;
}

Codes
colours_read (const GstVideoInfo *info, GstBuffer *buffer)
{
  const guint bits = format_bits (info->finfo);
  g_autofree guint16 *line = g_new0 (guint16, 4 * (gsize) info->width);
  GstVideoFrame frame;
  Codes codes = { .bits = bits };

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  info->finfo->unpack_func (info->finfo, GST_VIDEO_PACK_FLAG_NONE, line,
      frame.data, frame.info.stride, 0, 0, info->width);
  gst_video_frame_unmap (&frame);
  for (guint i = 0; i < 4; i++)
    codes.c[i] = unpacks_to_16 (info->finfo)
                     ? (guint16) (line[i] >> (16 - bits))
                     : ((guint8 *) line)[i];
  return codes;
}

gboolean
colours_limited (const GstVideoInfo *info)
{
  return info->colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235;
}

void
colours_matrix (GstVideoColorMatrix matrix, double *kr, double *kb)
{
  switch (matrix) {
    case GST_VIDEO_COLOR_MATRIX_FCC:
      *kr = 0.30, *kb = 0.11;
      break;
    case GST_VIDEO_COLOR_MATRIX_BT709:
      *kr = 0.2126, *kb = 0.0722;
      break;
    case GST_VIDEO_COLOR_MATRIX_SMPTE240M:
      *kr = 0.212, *kb = 0.087;
      break;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
      *kr = 0.2627, *kb = 0.0593;
      break;
    default:
      *kr = 0.299, *kb = 0.114;
      break;
  }
}

void
colours_decode (const GstVideoInfo *info, const Codes *codes, double rgb[3])
{
  const double step = pow (2, codes->bits - 8.0);
  const double low = colours_limited (info) ? 16 * step : 0;
  const double range = colours_limited (info) ? 219 * step : 256 * step - 1;
  const double chroma = colours_limited (info) ? 224 * step : 256 * step - 1;
  double kr, kb, y = (codes->c[1] - low) / range, u, v;

  if (GST_VIDEO_INFO_IS_RGB (info)) {
    for (guint i = 0; i < 3; i++)
      rgb[i] = (codes->c[i + 1] - low) / range;
    return;
  }
  colours_matrix (info->colorimetry.matrix, &kr, &kb);
  u = (codes->c[2] - 128 * step) / chroma;
  v = (codes->c[3] - 128 * step) / chroma;
  if (GST_VIDEO_INFO_IS_GRAY (info))
    u = v = 0;
  rgb[0] = y + 2 * (1 - kr) * v;
  rgb[2] = y + 2 * (1 - kb) * u;
  rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
}

Codes
colours_encode (const GstVideoInfo *info, const double rgb[3], double alpha)
{
  const guint bits = format_bits (info->finfo);
  const double step = pow (2, bits - 8.0);
  const double low = colours_limited (info) ? 16 * step : 0;
  const double range = colours_limited (info) ? 219 * step : 256 * step - 1;
  const double chroma = colours_limited (info) ? 224 * step : 256 * step - 1;
  double kr, kb, c[3] = { rgb[0], rgb[1], rgb[2] };
  Codes codes = { .bits = bits };

  if (!GST_VIDEO_INFO_IS_RGB (info)) {
    colours_matrix (info->colorimetry.matrix, &kr, &kb);
    c[0] = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
    c[1] = (rgb[2] - c[0]) / (2 * (1 - kb));
    c[2] = (rgb[0] - c[0]) / (2 * (1 - kr));
  }
  codes.c[0] = (guint16) (alpha * (256 * step - 1));
  for (guint i = 0; i < 3; i++) {
    double code = i > 0 && !GST_VIDEO_INFO_IS_RGB (info)
                      ? 128 * step + c[i] * chroma
                      : low + c[i] * range;

    codes.c[i + 1] = (guint16) CLAMP (rint (code), 0, 256 * step - 1);
  }
  return codes;
}

GstOwl2Frame *
colours_take (GstBuffer *buffer, const GstVideoInfo *info, double peak)
{
  GstOwl2Pool *pool = gst_owl2_pool_new ();
  const GstOwl2Picture picture = {
    .buffer = buffer, .info = info, .peak = peak
  };
  g_autoptr (GError) error = NULL;
  GstOwl2Frame *frame = gst_owl2_frame_new (pool, &picture, &error);

  gst_owl2_pool_unref (pool);
  g_assert_no_error (error);
  return frame;
}

guint8 *
colours_look (GstOwl2Rgb *rgb, GstOwl2Frame *frame, Owl2Image *image)
{
  g_autoptr (GError) error = NULL;
  g_autofree gpointer memory = NULL;
  guint8 *packed;

  g_assert_true (gst_owl2_rgb_convert (rgb, frame, image, &memory, &error));
  packed = g_malloc (3 * (gsize) image->width * image->height);
  ref_picture_rgb (packed, image);
  return packed;
}

GstVideoInfo
colours_info (const char *text)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (text);
  GstVideoInfo info;

  g_assert_nonnull (caps);
  g_assert_true (gst_video_info_from_caps (&info, caps));
  return info;
}
