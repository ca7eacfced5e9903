/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every raw format with every colorimetry, against the standards' formulas:
 * plain pictures, so that where chroma lies makes no difference. And changes in
 * mid-stream. */
#include "bench.h"
#include "colours.h"
#include "ref.h"

#include <math.h>
#include <string.h>

/* ---- formats and colorimetries ------------------------------------------- */

static const double colours[][3] = { { 0, 0, 0 }, { 1, 1, 1 },
  { 0.5, 0.5, 0.5 }, { 0.9, 0.1, 0.1 }, { 0.1, 0.9, 0.1 }, { 0.1, 0.1, 0.9 },
  { 0.9, 0.9, 0.1 }, { 0.1, 0.8, 0.9 }, { 0.8, 0.1, 0.7 },
  { 0.25, 0.5, 0.75 } };

/* @name: as caps have it: range, matrix, transfer function, primaries. What is
 * left open in it is 0. */
typedef struct {
  const char *name;
  gboolean full;
} Colorimetry;

static const Colorimetry of_yuv[] = { { "bt601", FALSE }, { "bt709", FALSE },
  { "bt2020", FALSE }, { "bt2020-10", FALSE }, { "smpte240m", FALSE },
  { "2:2:5:2", FALSE }, { "1:4:0:0", TRUE }, { "1:3:5:1", TRUE },
  { "1:6:0:7", TRUE }, { "1:2:5:2", TRUE }, { "1:5:6:6", TRUE },
  { "0:3:5:1", FALSE }, { "0:4:0:0", FALSE }, { "9:99:99:99", FALSE },
  { NULL } };
static const Colorimetry of_rgb[] = { { "sRGB", TRUE }, { "1:1:5:1", TRUE },
  { "2:1:7:1", FALSE }, { "2:1:5:1", FALSE }, { "0:1:7:1", TRUE },
  { "0:0:0:0", TRUE }, { "9:99:99:99", TRUE }, { NULL } };
static const Colorimetry of_gray[] = { { "1:4:0:0", TRUE }, { "1:3:5:1", TRUE },
  { "2:4:0:0", FALSE }, { "2:3:5:1", FALSE }, { "2:5:6:6", FALSE },
  { "1:0:0:0", TRUE }, { "2:0:0:0", FALSE }, { "0:0:0:0", TRUE }, { NULL } };

/* YUV of 8 bits: the bytes that the formula in picture.h gives, with whatever
 * matrix; FALSE: of other formats. */
static gboolean
by_bytes (const GstVideoInfo *info, const Codes *codes, double want[3])
{
  const guint8 y = (guint8) codes->c[1], gray = 128;
  const guint8 u = (guint8) codes->c[2], v = (guint8) codes->c[3];
  const gboolean is_gray = GST_VIDEO_INFO_IS_GRAY (info);
  guint8 rgb[3];
  RefYuv yuv = {
    .width = 1,
    .height = 1,
    .y = { &y, 1, 1 },
    .u = { is_gray ? &gray : &u, 1, 1 },
    .v = { is_gray ? &gray : &v, 1, 1 },
    .h_sub = 1,
    .v_sub = 1,
    .full_range = !colours_limited (info),
  };

  if (GST_VIDEO_INFO_IS_RGB (info) || codes->bits > 8)
    return FALSE;
  colours_matrix (info->colorimetry.matrix, &yuv.kr, &yuv.kb);
  ref_yuv_to_rgb (rgb, &yuv);
  for (guint i = 0; i < 3; i++)
    want[i] = rgb[i];
  return TRUE;
}

/* @info's colorimetry is what the caps' means: nothing in it is left open.
 * Alpha makes no difference.
 *
 * How far off, of 255. YUV of 8 bits: 1, as GstVideoConverter is from the
 * formula. More bits: that has factors of 8 bits after the point, so three
 * products are wrong by 255 * 0.5 / 256 each; codes of fewer than 16 bits are
 * repeated below, up to 0.26; and it dithers, by less than 1. RGB of full
 * range: the latter two. RGB of 16..235 is rounded. */
static void
compare_plain (
    const GstVideoInfo *stored, const GstVideoInfo *info, const char *caps)
{
  GstOwl2Rgb rgb = { 0 };

  for (guint k = 0; k < G_N_ELEMENTS (colours); k++) {
    Codes codes = colours_encode (info, colours[k], k % 2 ? 1 : 0.25);
    g_autoptr (GstBuffer) buffer = colours_plain (info, &codes);
    g_autoptr (GstOwl2Frame) frame =
        colours_take (buffer, stored, GST_OWL2_COLOUR_PEAK);
    g_autofree guint8 *packed = NULL;
    double want[3], limit = 1;
    Owl2Image image;

    codes = colours_read (info, buffer);
    if (!by_bytes (info, &codes, want)) {
      colours_decode (info, &codes, want);
      for (guint i = 0; i < 3; i++)
        want[i] = CLAMP (255 * want[i], 0, 255);
      limit = !GST_VIDEO_INFO_IS_RGB (info) ? 2.76
              : colours_limited (info)      ? 0.51
                                            : 1.26;
    }
    packed = colours_look (&rgb, frame, &image);
    g_assert_cmpuint (image.width, ==, COLOURS_EDGE);
    g_assert_cmpuint (image.height, ==, COLOURS_EDGE);
    for (guint i = 0; i < COLOURS_EDGE * COLOURS_EDGE * 3; i++)
      if (fabs (packed[i] - want[i % 3]) > limit)
        g_error ("%s, colour %u: component %u of pixel %u is %u, not %.2f",
            caps, k, i % 3, i / 3, packed[i], want[i % 3]);
  }
  gst_owl2_rgb_clear (&rgb);
}

static void
compare_all (GstVideoFormat format, const Colorimetry *c)
{
  for (; c->name; c++) {
    g_autofree char *caps = g_strdup_printf ("video/x-raw,format=%s,width=%u,"
                                             "height=%u,framerate=25/1,"
                                             "colorimetry=%s",
        gst_video_format_to_string (format), COLOURS_EDGE, COLOURS_EDGE,
        c->name);
    GstVideoInfo stored = colours_info (caps), info = stored;

    info.colorimetry.range =
        c->full ? GST_VIDEO_COLOR_RANGE_0_255 : GST_VIDEO_COLOR_RANGE_16_235;
    compare_plain (&stored, &info, caps);
  }
}

static void
test_formats (void)
{
  guint n_formats, n_compared = 0;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  for (guint i = 0; i < n_formats; i++) {
    const GstVideoFormatInfo *format = gst_video_format_get_info (formats[i]);

    if (!format->pack_func)
      continue; /* GStreamer only reads it */
    n_compared++;
    compare_all (formats[i], GST_VIDEO_FORMAT_INFO_IS_RGB (format)    ? of_rgb
                             : GST_VIDEO_FORMAT_INFO_IS_GRAY (format) ? of_gray
                                                                      : of_yuv);
  }
  g_assert_cmpuint (n_compared, >, 90);
}

/* ---- changes ------------------------------------------------------------- */

/* Each frame has caps of its own, and is seen by them: what was before, and
 * what the converter was made for, makes no difference. */
static void
test_changes (void)
{
  static const char *const streams[] = {
    "format=I420,width=64,height=48,colorimetry=bt601",
    "format=I420,width=64,height=48,colorimetry=bt709",
    "format=I420,width=64,height=48,colorimetry=1:3:5:1",
    "format=I420_10LE,width=64,height=48,colorimetry=bt709",
    "format=I420_10LE,width=37,height=21,colorimetry=bt709",
    "format=I420_10LE,width=37,height=21,colorimetry=smpte240m",
    "format=P010_10LE,width=37,height=21,colorimetry=bt2100-pq",
    ("format=P010_10LE,width=37,height=21,colorimetry=bt2100-pq,"
     "content-light-level=(string)4000:400"),
    "format=P010_10LE,width=37,height=21,colorimetry=bt2100-hlg",
    "format=P010_10LE,width=37,height=21,colorimetry=bt2020-10",
    "format=NV12,width=37,height=21,colorimetry=bt2100-hlg",
    "format=NV12,width=37,height=21,colorimetry=bt709,chroma-site=mpeg2",
    "format=NV12,width=37,height=21,colorimetry=bt709,chroma-site=jpeg",
    "format=NV12,width=37,height=21,interlace-mode=interleaved",
    "format=RGB,width=37,height=21,colorimetry=sRGB",
    "format=RGB,width=37,height=21,colorimetry=2:1:7:1",
    "format=GRAY8,width=1,height=1",
    "format=v210,width=50,height=2",
  };
  const guint n = G_N_ELEMENTS (streams);
  Bench *b = bench_new (FALSE, "when-busy", 1, "interval", BENCH_STEP, NULL);
  g_autoptr (GPtrArray) buffers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);

  fake_keep_images ();
  /* There and back. */
  for (guint k = 0; k < 2 * n; k++) {
    char *text = g_strdup_printf (
        "video/x-raw,framerate=10/1,%s", streams[k < n ? k : 2 * n - 1 - k]);
    g_autoptr (GstCaps) caps = gst_caps_from_string (text);
    const GstVideoInfo info = colours_info (text);
    GstBuffer *buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
    GstMapInfo map;

    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
    for (gsize i = 0; i < map.size; i++)
      map.data[i] = (guint8) g_test_rand_int ();
    gst_buffer_unmap (buffer, &map);
    GST_BUFFER_PTS (buffer) = k * BENCH_STEP;
    GST_BUFFER_DURATION (buffer) = BENCH_STEP;
    g_ptr_array_add (buffers, gst_buffer_ref (buffer));
    g_ptr_array_add (texts, text);
    g_assert_true (gst_harness_push_event (b->h, gst_event_new_caps (caps)));
    g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  }
  bench_eos (b);
  g_assert_cmpuint (bench_drain (b), ==, 2 * n);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 2 * n);
  for (guint k = 0; k < 2 * n; k++) {
    const char *text = texts->pdata[k];
    g_autoptr (GstCaps) caps = gst_caps_from_string (text);
    const GstVideoInfo info = colours_info (text);
    const FakeImage seen = fake_image (k);
    g_autoptr (GstOwl2Frame) frame = colours_take (
        buffers->pdata[k], &info, gst_owl2_colour_peak (caps, &info));
    g_autofree guint8 *want = NULL;
    GstOwl2Rgb converter = { 0 };
    Owl2Image image;

    want = colours_look (&converter, frame, &image);
    g_assert_cmpuint (seen.width, ==, image.width);
    g_assert_cmpuint (seen.height, ==, image.height);
    if (memcmp (seen.rgb, want, 3 * (gsize) seen.width * seen.height))
      g_error ("frame %u, %s: another picture than alone", k, text);
    gst_owl2_rgb_clear (&converter);
  }
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/colour/formats", test_formats);
  g_test_add_func ("/colour/changes", test_changes);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
