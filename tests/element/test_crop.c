/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Of a buffer with a GstVideoCropMeta, the model sees what a player shows. */
#include "bench.h"
#include "colours.h"
#include "gstowl2crop.h"

#include <string.h>

#define WIDTH 50
#define HEIGHT 22

static GstBuffer *
random_buffer (const GstVideoInfo *info)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, info->size, NULL);
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8) g_test_rand_int ();
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = 0;
  return buffer;
}

static GstVideoCropMeta *
add_crop (GstBuffer *buffer, guint x, guint y, guint width, guint height)
{
  GstVideoCropMeta *meta = gst_buffer_add_video_crop_meta (buffer);

  meta->x = x;
  meta->y = y;
  meta->width = width;
  meta->height = height;
  return meta;
}

/* (transfer full): the same memory, and a meta of what is stored there. */
static GstBuffer *
with_crop (GstBuffer *stored, const GstVideoInfo *info, const guint crop[4])
{
  GstBuffer *buffer = gst_buffer_copy (stored);

  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_INFO_FORMAT (info), (guint) info->width, (guint) info->height,
      GST_VIDEO_INFO_N_PLANES (info), (gsize *) info->offset,
      (gint *) info->stride);
  add_crop (buffer, crop[0], crop[1], crop[2], crop[3]);
  return buffer;
}

static guint8 *
look (GstBuffer *buffer, const GstVideoInfo *info, Owl2Image *image)
{
  g_autoptr (GstOwl2Frame) frame =
      colours_take (buffer, info, GST_OWL2_COLOUR_PEAK);
  GstOwl2Rgb rgb = { 0 };
  guint8 *packed = colours_look (&rgb, frame, image);

  gst_owl2_rgb_clear (&rgb);
  return packed;
}

/* (transfer full): the shown part of planes with whole bytes, as a picture of
 * its own. */
static GstBuffer *
cut_out (GstBuffer *stored, const GstVideoInfo *info, const GstVideoInfo *part,
    const guint crop[4])
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, part->size, NULL);
  GstMapInfo from, to;

  gst_buffer_memset (buffer, 0, 0, part->size);
  g_assert_true (gst_buffer_map (stored, &from, GST_MAP_READ));
  g_assert_true (gst_buffer_map (buffer, &to, GST_MAP_WRITE));
  for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++)
    for (gint y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT (part, c); y++)
      for (gint x = 0; x < GST_VIDEO_INFO_COMP_WIDTH (part, c); x++) {
        const gint x0 =
            (gint) crop[0] >> GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, c);
        const gint y0 =
            (gint) crop[1] >> GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, c);

        to.data[GST_VIDEO_INFO_COMP_OFFSET (part, c)
                + (gsize) (y * GST_VIDEO_INFO_COMP_STRIDE (part, c)
                           + x * GST_VIDEO_INFO_COMP_PSTRIDE (part, c))] =
            from.data[GST_VIDEO_INFO_COMP_OFFSET (info, c)
                      + (gsize) ((y0 + y) * GST_VIDEO_INFO_COMP_STRIDE (info, c)
                                 + (x0 + x)
                                       * GST_VIDEO_INFO_COMP_PSTRIDE (
                                           info, c))];
      }
  gst_buffer_unmap (buffer, &to);
  gst_buffer_unmap (stored, &from);
  return buffer;
}

static GstVideoInfo
info_of (GstVideoFormat format, guint width, guint height)
{
  g_autofree char *caps =
      g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,"
                       "framerate=25/1",
          gst_video_format_to_string (format), width, height);

  return colours_info (caps);
}

/* Rows @y of @part are rows y0 + y of @whole. */
static void
same_part (const guint8 *part, const Owl2Image *image, const guint8 *whole,
    guint whole_width, guint x0, guint y0, const char *what)
{
  for (gsize y = 0; y < image->height; y++)
    if (memcmp (part + 3 * y * image->width,
            whole + 3 * ((y0 + y) * whole_width + x0), 3 * image->width))
      g_error ("%s: row %u is another one", what, (guint) y);
}

/* Of every format: the part of the whole picture's RGB; and of planes that the
 * engine takes as they are, what it makes of the part by itself, since chroma
 * ends where the picture does. The caps' size is that of the part, as
 * videocrop's, or of all, which changes nothing. */
static void
test_formats (void)
{
  static const guint crops[][4] = { { 0, 0, WIDTH, HEIGHT }, { 2, 2, 40, 16 },
    { 6, 4, 13, 9 }, { 3, 5, 31, 10 }, { 49, 21, 1, 1 }, { 48, 20, 2, 2 },
    { 0, 1, WIDTH, 20 }, { 1, 0, 48, HEIGHT }, { 8, 8, 1, 1 } };
  guint n_formats, n_planes = 0, n_rgb = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint f = 0; f < n_formats; f++) {
    const char *name = gst_video_format_to_string (formats[f]);
    const GstVideoInfo info = info_of (formats[f], WIDTH, HEIGHT);
    GstVideoInfo mixed = info;
    g_autoptr (GstBuffer) stored = random_buffer (&info);
    g_autofree guint8 *whole = NULL;
    Owl2Image image;

    if (g_str_has_prefix (name, "MT2110"))
      continue; /* as in test_convert.c */
    whole = look (stored, &info, &image);
    if (image.format > OWL2_PIXELS_GRAY8) {
      /* What the converter makes of it: by a progressive frame of a stream that
       * the engine doesn't take. */
      GST_VIDEO_INFO_INTERLACE_MODE (&mixed) = GST_VIDEO_INTERLACE_MODE_MIXED;
      g_free (whole);
      whole = look (stored, &mixed, &image);
    }
    for (guint k = 0; k < 2 * G_N_ELEMENTS (crops); k++) {
      const guint *crop = crops[k / 2];
      const GstVideoInfo part = info_of (formats[f], crop[2], crop[3]);
      g_autoptr (GstBuffer) buffer = with_crop (stored, &info, crop);
      g_autofree guint8 *got = NULL, *alone = NULL;
      g_autoptr (GstBuffer) cut = NULL;
      g_autofree char *what = g_strdup_printf (
          "%s %ux%u at %u, %u", name, crop[2], crop[3], crop[0], crop[1]);

      got = look (buffer, k % 2 ? &info : &part, &image);
      if (image.width != crop[2] || image.height != crop[3])
        g_error ("%s is %ux%u", what, image.width, image.height);
      if (image.format <= OWL2_PIXELS_GRAY8) {
        same_part (got, &image, whole, WIDTH, crop[0], crop[1], what);
        n_rgb++;
        continue;
      }
      cut = cut_out (stored, &info, &part, crop);
      alone = look (cut, &part, &image);
      same_part (got, &image, alone, crop[2], 0, 0, what);
      n_planes++;
    }
  }
  g_assert_cmpuint (n_planes, >, 80);
  g_assert_cmpuint (n_rgb, >, 1000);
}

/* Without a GstVideoMeta, what is stored is of the caps' size. And colours that
 * no converter makes. */
static void
test_alone (void)
{
  static const char *const streams[] = { "BGRx", "RGB,colorimetry=2:1:7:1",
    "P010_10LE,colorimetry=bt2100-pq", "NV12,colorimetry=bt2100-hlg" };

  for (guint i = 0; i < G_N_ELEMENTS (streams); i++) {
    g_autofree char *caps = g_strdup_printf ("video/x-raw,width=%u,height=%u,"
                                             "framerate=25/1,format=%s",
        WIDTH, HEIGHT, streams[i]);
    const GstVideoInfo info = colours_info (caps);
    g_autoptr (GstBuffer) buffer = random_buffer (&info);
    g_autofree guint8 *whole = NULL, *got = NULL;
    Owl2Image image;

    whole = look (buffer, &info, &image);
    add_crop (buffer, 11, 3, 20, 15);
    got = look (buffer, &info, &image);
    g_assert_cmpuint (image.width, ==, 20);
    g_assert_cmpuint (image.height, ==, 15);
    same_part (got, &image, whole, WIDTH, 11, 3, streams[i]);
  }
}

/* Of two fields, the rows of the first one that are shown. */
static void
test_fields (void)
{
  for (guint i = 0; i < 64; i++) {
    const gboolean top = i & 1;
    const guint height = i & 2 ? 21 : 22, y = i >> 2 & 7, rows = 1 + (i >> 5);
    g_autofree char *caps =
        g_strdup_printf ("video/x-raw,format=NV12,width=50,height=%u,"
                         "framerate=25/1,interlace-mode=interleaved,"
                         "field-order=%s-field-first",
            height, top ? "top" : "bottom");
    const GstVideoInfo info = colours_info (caps);
    const guint crop[4] = { 4, y == 7 ? height - rows : y, 40,
      y == 7 ? rows : 10 + rows };
    g_autoptr (GstBuffer) stored = random_buffer (&info);
    g_autoptr (GstBuffer) buffer = NULL;
    g_autofree guint8 *whole = NULL, *got = NULL;
    Owl2Image image;
    guint first, field_rows;

    if (top)
      GST_BUFFER_FLAG_SET (stored, GST_VIDEO_BUFFER_FLAG_TFF);
    whole = look (stored, &info, &image);
    field_rows = image.height;
    g_assert_cmpuint (field_rows, ==, (height + top) / 2);
    buffer = with_crop (stored, &info, crop);
    got = look (buffer, &info, &image);
    first = MIN (crop[1] / 2, field_rows - 1);
    g_assert_cmpuint (image.width, ==, 40);
    g_assert_cmpuint (
        image.height, ==, MIN ((crop[3] + 1) / 2, field_rows - first));
    same_part (got, &image, whole, WIDTH, 4, first, caps);
  }
}

/* ---- lies ---------------------------------------------------------------- */

static void
refused (GstBuffer *buffer, const GstVideoInfo *info, const char *numbers)
{
  GstOwl2Pool *pool = gst_owl2_pool_new ();
  const GstOwl2Picture picture = { .buffer = buffer, .info = info };
  g_autoptr (GError) error = NULL;

  g_assert_null (gst_owl2_frame_new (pool, &picture, &error));
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
  if (!strstr (error->message, numbers))
    g_error ("'%s' does not say %s", error->message, numbers);
  gst_owl2_pool_unref (pool);
}

static void
test_lies (void)
{
  static const struct {
    guint crop[4];
    const char *numbers;
  } lies[] = {
    { { 0, 0, 51, 22 }, "51x22 at 0, 0 of 50x22" },
    { { 0, 1, 50, 22 }, "50x22 at 0, 1 of 50x22" },
    { { 50, 0, 1, 1 }, "1x1 at 50, 0 of 50x22" },
    { { 0, 0, 0, 22 }, "0x22 at 0, 0 of 50x22" },
    { { 0, 0, 50, 0 }, "50x0 at 0, 0 of 50x22" },
    { { 0xfffffff0u, 0, 0x20, 1 }, "32x1 at 4294967280, 0 of 50x22" },
    { { 1, 0xffffffffu, 1, 0xffffffffu }, "1x4294967295 at 1, 4294967295" },
  };
  static const guint sizes[][2] = { { 0, 22 }, { 0xffffffffu, 0xffffffffu },
    { 0x80000000u, 2 }, { 32767, 32767 }, { 50, 440 }, { 1000, 22 },
    { 65536, 65536 }, { 2, 1 << 20 } };
  guint n_formats;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint f = 0; f < n_formats; f++) {
    const GstVideoInfo info = info_of (formats[f], WIDTH, HEIGHT);
    g_autoptr (GstBuffer) stored = random_buffer (&info);

    for (guint k = 0; k < G_N_ELEMENTS (lies); k++) {
      g_autoptr (GstBuffer) with_meta = with_crop (stored, &info, lies[k].crop);
      g_autoptr (GstBuffer) without = gst_buffer_copy (stored);

      add_crop (without, lies[k].crop[0], lies[k].crop[1], lies[k].crop[2],
          lies[k].crop[3]);
      refused (with_meta, &info, lies[k].numbers);
      refused (without, &info, lies[k].numbers);
    }
    /* More than there is: no memory is taken for it. */
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
      const guint all[4] = { 0, 0, 1, 1 };
      g_autoptr (GstBuffer) buffer = with_crop (stored, &info, all);
      GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
      g_autofree char *numbers =
          g_strdup_printf ("%ux%u", sizes[k][0], sizes[k][1]);

      meta->width = sizes[k][0];
      meta->height = sizes[k][1];
      refused (buffer, &info, numbers);
    }
  }
}

/* Anything, in a buffer of the right size: an error or a picture. */
static void
test_random (void)
{
  guint n_formats, n_taken = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);
  const guint n = g_test_thorough () ? 100000 : 10000;

  for (guint i = 0; i < n; i++) {
    const GstVideoInfo info =
        info_of (formats[(guint) g_test_rand_int_range (0, (gint32) n_formats)],
            (guint) g_test_rand_int_range (1, 80),
            (guint) g_test_rand_int_range (1, 50));
    g_autoptr (GstBuffer) stored = random_buffer (&info);
    const guint crop[4] = { (guint) g_test_rand_int_range (0, info.width),
      (guint) g_test_rand_int_range (0, info.height),
      (guint) g_test_rand_int_range (1, info.width + 1),
      (guint) g_test_rand_int_range (1, info.height + 1) };
    g_autoptr (GstBuffer) buffer = with_crop (stored, &info, crop);
    GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
    GstOwl2Pool *pool = gst_owl2_pool_new ();
    const GstOwl2Picture picture = {
      .buffer = buffer, .info = &info, .peak = GST_OWL2_COLOUR_PEAK
    };
    g_autoptr (GstOwl2Frame) frame = NULL;

    if (g_test_rand_int_range (0, 3) == 0)
      meta->width = (guint) g_test_rand_int_range (0, 100);
    if (g_test_rand_int_range (0, 3) == 0)
      meta->height = (guint) g_test_rand_int_range (0, 60);
    frame = gst_owl2_frame_new (pool, &picture, NULL);
    if (frame) {
      GstOwl2Rgb rgb = { 0 };
      Owl2Image image;

      g_free (colours_look (&rgb, frame, &image));
      gst_owl2_rgb_clear (&rgb);
      n_taken++;
    }
    gst_owl2_pool_unref (pool);
  }
  g_test_message ("%u of %u taken", n_taken, n);
  g_assert_cmpuint (n_taken, >, n / 20);
  g_assert_cmpuint (n_taken, <, n * 19 / 20);
}

/* One warning, and the stream goes on. */
static void
test_stream (void)
{
  Bench *b = bench_new (FALSE, "when-busy", 1, "interval", BENCH_STEP, NULL);
  g_autoptr (GstMessage) warning = NULL;
  g_autoptr (GError) error = NULL;
  GstBuffer *buffer = bench_buffer (0);

  add_crop (buffer, 4, 0, 5, 6);
  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  warning = bench_message (b, GST_MESSAGE_WARNING);
  gst_message_parse_warning (warning, &error, NULL);
  g_assert_nonnull (strstr (error->message, "5x6 at 4, 0 of 8x6"));
  buffer = bench_buffer (1);
  add_crop (buffer, 4, 1, 3, 5);
  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  g_assert_cmpuint (bench_drain (b), ==, 2);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  g_assert_cmpuint (fake_image (0).width, ==, 3);
  g_assert_cmpuint (fake_image (0).height, ==, 5);
  bench_end (b);
}

/* ---- pipelines ----------------------------------------------------------- */

/* What the engine gets of a picture that goes through @elements and owl2;
 * @meta: downstream lets crop metas through. (transfer full) */
static FakeImage
through (const char *elements, const char *caps, GstBuffer *picture,
    gboolean meta, gboolean *cropped)
{
  g_autofree char *line =
      g_strdup_printf ("%s owl2 name=o nice=0 when-busy=wait", elements);
  GstHarness *h = gst_harness_new_parse (line);
  g_autoptr (GstEvent) event = NULL;
  GstBuffer *out;
  FakeImage image;

  fake_keep_images ();
  if (meta) {
    gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
    gst_harness_add_propose_allocation_meta (
        h, GST_VIDEO_CROP_META_API_TYPE, NULL);
  }
  gst_harness_set_src_caps_str (h, caps);
  g_assert_cmpint (
      gst_harness_push (h, gst_buffer_copy_deep (picture)), ==, GST_FLOW_OK);
  gst_harness_push_event (h, gst_event_new_eos ());
  out = gst_harness_pull (h);
  /* The frame leaves from a task of its own; the end waits for its answer. */
  do {
    g_clear_pointer (&event, gst_event_unref);
    event = gst_harness_pull_event (h);
    g_assert_nonnull (event);
  } while (GST_EVENT_TYPE (event) != GST_EVENT_EOS);
  *cropped = gst_buffer_get_video_crop_meta (out) != NULL;
  gst_buffer_unref (out);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 1);
  image = fake_image (0);
  image.rgb = g_memdup2 (image.rgb, 3 * (gsize) image.width * image.height);
  gst_harness_teardown (h);
  fake_reset ();
  return image;
}

/* videocrop cuts nothing where downstream takes the meta. */
static void
test_videocrop (void)
{
  static const char *const crops[] = { "left=4 top=2 right=6",
    "left=2 top=4 bottom=8 right=2", "bottom=2" };
  static const char *const formats[] = { "NV12", "I420", "YUY2", "BGRx",
    "AYUV" };

  if (!gst_registry_check_feature_version (
          gst_registry_get (), "videocrop", 1, 0, 0)) {
    g_test_skip ("no videocrop (gst-plugins-good)");
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (crops) * G_N_ELEMENTS (formats); i++) {
    g_autofree char *elements =
        g_strdup_printf ("videocrop %s !", crops[i / G_N_ELEMENTS (formats)]);
    g_autofree char *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,"
                                             "height=%u,framerate=25/1",
        formats[i % G_N_ELEMENTS (formats)], WIDTH, HEIGHT);
    const GstVideoInfo info = colours_info (caps);
    g_autoptr (GstBuffer) picture = random_buffer (&info);
    gboolean cropped;
    FakeImage want = through (elements, caps, picture, FALSE, &cropped), got;

    g_assert_false (cropped);
    got = through (elements, caps, picture, TRUE, &cropped);
    g_assert_true (cropped);
    g_assert_cmpuint (got.width, ==, want.width);
    g_assert_cmpuint (got.height, ==, want.height);
    if (memcmp (got.rgb, want.rgb, 3 * (gsize) got.width * got.height))
      g_error ("%s %s: another picture", caps, elements);
    g_free (got.rgb);
    g_free (want.rgb);
  }
}

static void
add_tests (void)
{
  g_test_add_func ("/crop/formats", test_formats);
  g_test_add_func ("/crop/alone", test_alone);
  g_test_add_func ("/crop/fields", test_fields);
  g_test_add_func ("/crop/lies", test_lies);
  g_test_add_func ("/crop/random", test_random);
  g_test_add_func ("/crop/stream", test_stream);
  g_test_add_func ("/crop/videocrop", test_videocrop);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
