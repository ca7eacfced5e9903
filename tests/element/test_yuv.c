/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The formula in picture.h is within 1 of what GstVideoConverter makes at its
 * full chroma quality, for every format, matrix, range and site. Planes of I420
 * and YV12 are put together as NV12's, since of these it takes the nearest
 * chroma, whatever it is told. */
#include <stdlib.h>
#include <gst/video/video.h>

#include "ref.h"

static const struct {
  GstVideoColorMatrix matrix;
  double kr, kb;
} matrices[] = {
  { GST_VIDEO_COLOR_MATRIX_BT601, 0.299, 0.114 },
  { GST_VIDEO_COLOR_MATRIX_BT709, 0.2126, 0.0722 },
  { GST_VIDEO_COLOR_MATRIX_BT2020, 0.2627, 0.0593 },
};

static const GstVideoChromaSite sites[] = { GST_VIDEO_CHROMA_SITE_NONE,
  GST_VIDEO_CHROMA_SITE_H_COSITED, GST_VIDEO_CHROMA_SITE_V_COSITED,
  GST_VIDEO_CHROMA_SITE_COSITED };

/* (transfer full): 3 * width * height bytes */
static guint8 *
convert (GstVideoInfo *in, guint8 *data)
{
  GstVideoInfo out;
  GstVideoConverter *converter;
  GstBuffer *from =
      gst_buffer_new_wrapped_full (0, data, in->size, 0, in->size, NULL, NULL);
  GstBuffer *to;
  GstVideoFrame in_frame, out_frame;
  guint8 *rgb = g_malloc (3 * (gsize) in->width * (gsize) in->height), *at;

  gst_video_info_set_format (
      &out, GST_VIDEO_FORMAT_RGB, (guint) in->width, (guint) in->height);
  to = gst_buffer_new_allocate (NULL, out.size, NULL);
  converter = gst_video_converter_new (in, &out,
      gst_structure_new ("test", GST_VIDEO_CONVERTER_OPT_CHROMA_MODE,
          GST_TYPE_VIDEO_CHROMA_MODE, GST_VIDEO_CHROMA_MODE_FULL,
          GST_VIDEO_CONVERTER_OPT_CHROMA_RESAMPLER_METHOD,
          GST_TYPE_VIDEO_RESAMPLER_METHOD, GST_VIDEO_RESAMPLER_METHOD_LINEAR,
          NULL));
  g_assert_true (gst_video_frame_map (&in_frame, in, from, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&out_frame, &out, to, GST_MAP_WRITE));
  gst_video_converter_frame (converter, &in_frame, &out_frame);
  at = rgb;
  for (int y = 0; y < in->height; y++)
    for (int x = 0; x < 3 * in->width; x++)
      *at++ = ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (
          &out_frame, 0))[y * GST_VIDEO_FRAME_PLANE_STRIDE (&out_frame, 0) + x];
  gst_video_frame_unmap (&out_frame);
  gst_video_frame_unmap (&in_frame);
  gst_video_converter_free (converter);
  gst_buffer_unref (from);
  gst_buffer_unref (to);
  return rgb;
}

/* The same picture as NV12; (transfer full) */
static guint8 *
to_nv12 (GstVideoInfo *info, const guint8 *data)
{
  const GstVideoInfo from = *info;
  guint8 *nv12;

  gst_video_info_set_format (
      info, GST_VIDEO_FORMAT_NV12, (guint) from.width, (guint) from.height);
  info->colorimetry = from.colorimetry;
  info->chroma_site = from.chroma_site;
  nv12 = g_malloc0 (info->size);
  for (guint c = 0; c < 3; c++)
    for (int y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT (info, c); y++)
      for (int x = 0; x < GST_VIDEO_INFO_COMP_WIDTH (info, c); x++)
        nv12[GST_VIDEO_INFO_COMP_OFFSET (info, c)
             + y * GST_VIDEO_INFO_COMP_STRIDE (info, c)
             + x * GST_VIDEO_INFO_COMP_PSTRIDE (info, c)] =
            data[GST_VIDEO_INFO_COMP_OFFSET (&from, c)
                 + y * GST_VIDEO_INFO_COMP_STRIDE (&from, c) + x];
  return nv12;
}

static RefPlane
plane (const GstVideoInfo *info, const guint8 *data, guint component)
{
  return (RefPlane){ data + GST_VIDEO_INFO_COMP_OFFSET (info, component),
    (gsize) GST_VIDEO_INFO_COMP_STRIDE (info, component),
    (gsize) GST_VIDEO_INFO_COMP_PSTRIDE (info, component) };
}

static void
compare (GstVideoFormat format, guint width, guint height, guint way)
{
  static const guint8 gray = 128;
  guint m = way / 8 % G_N_ELEMENTS (matrices), site = way % 4;
  gboolean full_range = way / 4 % 2;
  g_autofree guint8 *data = NULL;
  g_autofree guint8 *got = g_malloc (3 * width * height);
  g_autofree guint8 *want = NULL;
  GstVideoInfo info;
  RefYuv yuv = {
    .width = width,
    .height = height,
    .u = { &gray, 0, 0 },
    .v = { &gray, 0, 0 },
    .h_sub = 1,
    .v_sub = 1,
    .cosited_h = (sites[site] & GST_VIDEO_CHROMA_SITE_H_COSITED) != 0,
    .cosited_v = (sites[site] & GST_VIDEO_CHROMA_SITE_V_COSITED) != 0,
    .full_range = full_range,
    .kr = matrices[m].kr,
    .kb = matrices[m].kb,
  };

  gst_video_info_set_format (&info, format, width, height);
  info.colorimetry.matrix = matrices[m].matrix;
  info.colorimetry.range =
      full_range ? GST_VIDEO_COLOR_RANGE_0_255 : GST_VIDEO_COLOR_RANGE_16_235;
  info.chroma_site = sites[site];
  data = g_malloc (info.size);
  for (gsize i = 0; i < info.size; i++)
    data[i] = (guint8) g_test_rand_int ();
  yuv.y = plane (&info, data, 0);
  if (GST_VIDEO_INFO_N_COMPONENTS (&info) > 1) {
    yuv.u = plane (&info, data, 1);
    yuv.v = plane (&info, data, 2);
    yuv.h_sub = 1u << GST_VIDEO_FORMAT_INFO_W_SUB (info.finfo, 1);
    yuv.v_sub = 1u << GST_VIDEO_FORMAT_INFO_H_SUB (info.finfo, 1);
  }
  ref_yuv_to_rgb (got, &yuv);
  if (format == GST_VIDEO_FORMAT_I420 || format == GST_VIDEO_FORMAT_YV12) {
    g_autofree guint8 *nv12 = to_nv12 (&info, data);

    want = convert (&info, nv12);
  } else {
    want = convert (&info, data);
  }
  for (guint i = 0; i < 3 * width * height; i++)
    if (abs (got[i] - want[i]) > 1)
      g_error ("%s %ux%u matrix %u full range %d site %u: byte %u of row %u is "
               "%u, the converter has %u",
          gst_video_format_to_string (format), width, height, m, full_range,
          site, i % (3 * width), i / (3 * width), got[i], want[i]);
}

static void
test_formats (void)
{
  static const GstVideoFormat formats[] = { GST_VIDEO_FORMAT_I420,
    GST_VIDEO_FORMAT_YV12, GST_VIDEO_FORMAT_NV12, GST_VIDEO_FORMAT_NV21,
    GST_VIDEO_FORMAT_Y42B, GST_VIDEO_FORMAT_Y444, GST_VIDEO_FORMAT_YUY2,
    GST_VIDEO_FORMAT_UYVY, GST_VIDEO_FORMAT_GRAY8 };
  static const guint sizes[][2] = { { 64, 48 }, { 37, 21 }, { 38, 23 },
    { 5, 4 }, { 2, 2 }, { 1, 1 }, { 1, 7 }, { 9, 1 } };

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      for (guint way = 0; way < 24; way++)
        compare (formats[f], sizes[i][0], sizes[i][1], way);
}

/* For the leak sanitizer: GLib leaves the table of quarks behind that it has
 * outgrown, as GStreamer's start makes it do, and nobody has a pointer to it.
 */
int __lsan_is_turned_off (void);

int
__lsan_is_turned_off (void)
{
  return 1;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/yuv/formats", test_formats);
  return g_test_run ();
}
