/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine sees of a frame: the bytes that videoconvert makes, for every
 * format; sizes from 1x1 to 8K. Planes that the engine takes as they are become
 * RGB by the reference here, and are within 1 of it. */
#include "bench.h"

#include <gst/video/video.h>
#include <stdlib.h>
#include <string.h>

/* A buffer of random bytes, which are a picture in any format. */
static GstBuffer *
random_frame (const char *caps_text, GstVideoInfo *info)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (caps_text);
  GstBuffer *buffer;
  GstMapInfo map;

  g_assert_nonnull (caps);
  g_assert_true (gst_video_info_from_caps (info, caps));
  buffer = gst_buffer_new_allocate (NULL, info->size, NULL);
  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8) g_test_rand_int ();
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = 0;
  GST_BUFFER_DURATION (buffer) = GST_SECOND;
  return buffer;
}

/* Sends @buffer (transfer full) through both, and compares every byte; of two
 * fields, the rows of the first one. */
static void
compare (const char *caps, GstBuffer *buffer)
{
  g_autoptr (GstBuffer) want = bench_reference_rgb (caps, buffer);
  g_autoptr (GstCaps) out_caps = gst_caps_from_string (caps);
  Bench *b = bench_with_caps (caps, NULL);
  GstVideoFrame frame;
  GstVideoInfo info;
  FakeImage image;
  guint first = 0, step = 1;

  fake_keep_images ();
  gst_caps_set_simple (out_caps, "format", G_TYPE_STRING, "RGB", NULL);
  gst_structure_remove_fields (
      gst_caps_get_structure (out_caps, 0), "colorimetry", "chroma-site", NULL);
  g_assert_true (gst_video_info_from_caps (&info, out_caps));

  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 1);
  image = fake_image (0);
  g_assert_cmpuint (image.width, ==, (guint) info.width);
  g_assert_true (gst_video_frame_map (&frame, &info, want, GST_MAP_READ));
  if (GST_VIDEO_FRAME_IS_INTERLACED (&frame)) {
    first = GST_VIDEO_FRAME_IS_TFF (&frame) ? 0 : 1;
    step = 2;
  }
  g_assert_cmpuint (
      image.height, ==, ((guint) info.height - first + step - 1) / step);
  for (guint y = 0; y < image.height; y++)
    for (gsize x = 0; x < 3 * (gsize) image.width; x++) {
      const guint8 *row =
          (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0)
          + (first + y * step)
                * (gsize) GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);
      const guint8 got = image.rgb[y * 3 * image.width + x];

      const int off = image.format < OWL2_PIXELS_GRAY8 ? 0 : 1;

      if (abs (got - row[x]) > off)
        g_error ("%s: row %u byte %u is %u, videoconvert has %u", caps, y,
            (guint) x, got, row[x]);
    }
  gst_video_frame_unmap (&frame);
  bench_end (b);
}

static void
compare_random (const char *caps)
{
  GstVideoInfo info;

  g_test_message ("%s", caps);
  compare (caps, random_frame (caps, &info));
}

static void
test_formats (void)
{
  static const struct {
    guint width, height;
  } sizes[] = { { 64, 48 }, { 37, 21 }, { 1, 1 } };
  guint n_formats;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint i = 0; i < n_formats; i++)
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
      const char *name = gst_video_format_to_string (formats[i]);
      g_autofree char *caps = NULL;

      /* GStreamer 1.26 makes another picture of the same bytes each time where
       * these don't fill their tiles. */
      if (g_str_has_prefix (name, "MT2110") && sizes[k].width % 16)
        continue;
      caps = g_strdup_printf (
          "video/x-raw,format=%s,width=%u,height=%u,framerate=25/1", name,
          sizes[k].width, sizes[k].height);

      compare_random (caps);
    }
}

/* The same with padding on all sides, which only the GstVideoMeta tells of. */
static void
test_padded (void)
{
  guint n_formats, n_compared = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint i = 0; i < n_formats; i++)
    for (guint k = 0; k < 2; k++) {
      const guint width = k ? 37 : 64, height = k ? 21 : 48;
      g_autofree char *caps = g_strdup_printf (
          "video/x-raw,format=%s,width=%u,height=%u,framerate=25/1",
          gst_video_format_to_string (formats[i]), width, height);
      g_autoptr (GstCaps) parsed = gst_caps_from_string (caps);
      GstVideoAlignment align;
      GstVideoInfo info;
      GstBuffer *buffer;
      GstMapInfo map;

      gst_video_alignment_reset (&align);
      align.padding_top = 4;
      align.padding_left = 8;
      align.padding_right = 24;
      align.padding_bottom = 6;
      align.stride_align[0] = align.stride_align[1] = 15;
      g_assert_true (gst_video_info_from_caps (&info, parsed));
      if (!gst_video_info_align (&info, &align))
        continue;
      if (GST_VIDEO_FORMAT_INFO_IS_TILED (info.finfo))
        continue; /* the planes that come out lie outside of the buffer */
      buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
      gst_buffer_map (buffer, &map, GST_MAP_WRITE);
      for (gsize n = 0; n < map.size; n++)
        map.data[n] = (guint8) g_test_rand_int ();
      gst_buffer_unmap (buffer, &map);
      gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
          formats[i], width, height, info.finfo->n_planes, info.offset,
          info.stride);
      GST_BUFFER_PTS (buffer) = 0;
      g_test_message ("%s", caps);
      compare (caps, buffer);
      n_compared++;
    }
  g_assert_cmpuint (n_compared, >, 150);
}

/* Ranges, matrices and chroma sites, and pictures made of two fields. */
static void
test_colorimetry (void)
{
  static const char *const more[] = {
    "format=I420,colorimetry=bt601",
    "format=I420,colorimetry=bt709",
    "format=I420,colorimetry=1:4:0:1",
    "format=NV12,colorimetry=bt2020,chroma-site=mpeg2",
    "format=I420,colorimetry=bt709,chroma-site=jpeg",
    "format=P010_10LE,colorimetry=bt2020-10",
    "format=RGB,colorimetry=sRGB",
    "format=NV12,colorimetry=smpte240m",
    "format=I420,colorimetry=smpte240m",
    "format=YV12,colorimetry=1:2:5:2,chroma-site=mpeg2",
    "format=Y444,colorimetry=1:2:5:2",
    "format=GRAY8,colorimetry=2:4:0:0",
    "format=I420,interlace-mode=interleaved",
    "format=NV12,interlace-mode=mixed",
    "format=Y42B,interlace-mode=interleaved,field-order=bottom-field-first",
    "format=NV12,interlace-mode=interleaved,field-order=top-field-first",
    "format=I420,pixel-aspect-ratio=4/3",
    "format=I420,framerate=0/1",
  };

  for (guint i = 0; i < G_N_ELEMENTS (more); i++)
    for (guint k = 0; k < 2; k++) {
      g_autofree char *caps = g_strdup_printf (
          "video/x-raw,width=%u,height=%u,%s%s", k ? 720 : 38, k ? 576 : 22,
          more[i], strstr (more[i], "framerate") ? "" : ",framerate=25/1");

      compare_random (caps);
    }
}

/* In a mixed stream, each frame says itself whether it is interlaced, and which
 * field comes first; also where the caps say no order. */
static void
test_mixed_interlacing (void)
{
  for (guint i = 0; i < 16; i++) {
    g_autofree char *caps = g_strdup_printf (
        "video/x-raw,format=I420,width=64,height=%u,framerate=25/1,"
        "interlace-mode=%s",
        i & 1 ? 48 : 37, i & 2 ? "mixed" : "interleaved");
    GstVideoInfo info;
    GstBuffer *buffer = random_frame (caps, &info);

    if (i & 4)
      GST_BUFFER_FLAG_SET (buffer, GST_VIDEO_BUFFER_FLAG_INTERLACED);
    if (i & 8)
      GST_BUFFER_FLAG_SET (buffer, GST_VIDEO_BUFFER_FLAG_TFF);
    compare (caps, buffer);
  }
}

/* Strides and offsets that only the buffer's GstVideoMeta tells. */
static void
test_video_meta (void)
{
  const char *caps =
      "video/x-raw,format=NV12,width=50,height=30,framerate=25/1";
  GstVideoInfo info;
  g_autoptr (GstBuffer) packed = random_frame (caps, &info);
  GstBuffer *padded = gst_buffer_new_allocate (NULL, 100 * 80, NULL);
  gsize offset[GST_VIDEO_MAX_PLANES] = { 17, 100 * 40 + 5 };
  gint stride[GST_VIDEO_MAX_PLANES] = { 100, 90 };
  GstVideoFrame from, to;

  gst_buffer_add_video_meta_full (padded, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_FORMAT_NV12, 50, 30, 2, offset, stride);
  g_assert_true (gst_video_frame_map (&from, &info, packed, GST_MAP_READ));
  g_assert_true (gst_video_frame_map (&to, &info, padded, GST_MAP_WRITE));
  g_assert_true (gst_video_frame_copy (&to, &from));
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  GST_BUFFER_PTS (padded) = 0;
  compare (caps, padded);
}

/* A meta that contradicts the caps is no frame, and no reason to stop. */
static void
test_wrong_video_meta (void)
{
  const char *caps = "video/x-raw,format=RGB,width=50,height=30,framerate=25/1";
  Bench *b = bench_with_caps (caps, NULL);
  GstVideoInfo info;
  GstBuffer *buffer = random_frame (caps, &info);
  g_autoptr (GstMessage) warning = NULL;

  gst_buffer_add_video_meta (
      buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 40, 20);
  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  g_assert_cmpuint (bench_drain (b), ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 0);
  warning = bench_message (b, GST_MESSAGE_WARNING);
  bench_end (b);
}

/* 8K, and a row and a column of the largest width that fits there. */
static void
test_large (void)
{
  static const struct {
    const char *format;
    guint width, height;
  } sizes[] = { { "I420", 7680, 4320 }, { "RGBA", 7681, 4321 },
    { "NV12", 32768, 2 }, { "GRAY8", 1, 32768 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *caps = g_strdup_printf (
        "video/x-raw,format=%s,width=%u,height=%u,framerate=25/1",
        sizes[i].format, sizes[i].width, sizes[i].height);
    g_autoptr (GstCaps) parsed = gst_caps_from_string (caps);
    Bench *b = bench_with_caps (caps, "interval", 40 * MS, NULL);
    GstVideoInfo info;
    FakeImage image;

    g_assert_true (gst_video_info_from_caps (&info, parsed));
    for (guint k = 0; k < 3; k++) {
      GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);

      GST_BUFFER_PTS (buffer) = k * 40 * MS;
      g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
    }
    g_assert_cmpuint (bench_drain (b), ==, 3);
    g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 3);
    image = fake_image (2);
    g_assert_cmpuint (image.width, ==, sizes[i].width);
    g_assert_cmpuint (image.height, ==, sizes[i].height);
    bench_end (b);
  }
}

static void
add_tests (void)
{
  g_test_add_func ("/convert/formats", test_formats);
  g_test_add_func ("/convert/padded", test_padded);
  g_test_add_func ("/convert/colorimetry", test_colorimetry);
  g_test_add_func ("/convert/mixed-interlacing", test_mixed_interlacing);
  g_test_add_func ("/convert/video-meta", test_video_meta);
  g_test_add_func ("/convert/wrong-video-meta", test_wrong_video_meta);
  g_test_add_func ("/convert/large", test_large);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
