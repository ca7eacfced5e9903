/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* look=TRUE: the map of an answer on the video and as a meta. What is drawn, in
 * each way that a picture may be stored and become square. */
#include "bench.h"
#include "gstowl2look.h"
#include "gstowl2upright.h"

static const GstStructure *
look_of (GstBuffer *buffer)
{
  GstCustomMeta *meta =
      gst_buffer_get_custom_meta (buffer, GST_OWL2_LOOK_META_NAME);

  return meta ? gst_custom_meta_get_structure (meta) : NULL;
}

static guint
uint_of (const GstStructure *s, const char *name)
{
  guint value = 0;

  g_assert_true (gst_structure_get_uint (s, name, &value));
  return value;
}

static void
check_meta (GstBuffer *buffer, guint n_frames)
{
  const GstStructure *s = look_of (buffer);
  g_autoptr (GBytes) map = NULL;
  const float *values;
  float sum = 0;
  gsize size;

  g_assert_nonnull (s);
  g_assert_cmpuint (structure_uint64 (s, "id"), ==,
      structure_uint64 (gst_owl2_meta_get (buffer), "id"));
  g_assert_cmpstr (gst_structure_get_string (s, "element"), ==,
      gst_structure_get_string (gst_owl2_meta_get (buffer), "element"));
  g_assert_cmpuint (uint_of (s, "frames"), ==, n_frames);
  g_assert_cmpuint (uint_of (s, "width"), ==, 2);
  g_assert_cmpuint (uint_of (s, "height"), ==, 2);
  gst_structure_get (s, "map", G_TYPE_BYTES, &map, NULL);
  values = g_bytes_get_data (map, &size);
  g_assert_cmpuint (size, ==, 4 * n_frames * sizeof (float));
  for (guint i = 0; i < 4 * n_frames; i++)
    sum += values[i];
  g_assert_cmpfloat (ABS (sum - 1), <, 1e-6);
}

static void
check_pixel (const guint8 *pixel, int r, int g, int b)
{
  /* Blending rounds where it likes. */
  g_assert_cmpint (ABS (pixel[0] - r), <=, 2);
  g_assert_cmpint (ABS (pixel[1] - g), <=, 2);
  g_assert_cmpint (ABS (pixel[2] - b), <=, 2);
}

/* The fake engine looks at the upper left: red is drawn there, and blue below
 * right, over frame @i. */
static void
check_drawn (GstBuffer *buffer, int i)
{
  const int under = i * (255 - 120) / 255;
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  check_pixel (map.data, 230 * 120 / 255 + under, under, under);
  check_pixel (
      map.data + BENCH_FRAME_BYTES - 3, under, under, 160 * 120 / 255 + under);
  gst_buffer_unmap (buffer, &map);
}

static void
check_untouched (GstBuffer *buffer, guint8 byte)
{
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (gsize i = 0; i < map.size; i++)
    g_assert_cmpuint (map.data[i], ==, byte);
  gst_buffer_unmap (buffer, &map);
}

/* What comes in is somebody else's, too, and stays what it was. */
static void
test_drawn (void)
{
  Bench *b = bench_new (FALSE, "look", TRUE, "interval", 100 * MS, NULL);

  for (guint i = 0; i < 3; i++) {
    g_autoptr (GstBuffer) in = bench_buffer (i);
    g_autoptr (GstBuffer) out = NULL;

    g_assert_cmpint (
        gst_harness_push (b->h, gst_buffer_ref (in)), ==, GST_FLOW_OK);
    out = bench_pull (b);
    check_meta (out, 1);
    check_drawn (out, (int) i);
    g_assert_cmpuint (GST_BUFFER_PTS (out), ==, GST_BUFFER_PTS (in));
    check_untouched (in, (guint8) i);
    g_assert_null (look_of (in));
  }
  bench_end (b);
}

static void
test_clip (void)
{
  Bench *b =
      bench_new (FALSE, "look", TRUE, "frames", 2, "interval", 200 * MS, NULL);
  g_autoptr (GstBuffer) first = NULL, last = NULL;

  bench_push_range (b, 0, 2);
  first = bench_pull (b);
  last = bench_pull (b);
  g_assert_null (look_of (first));
  check_untouched (first, 0);
  check_meta (last, 2);
  check_drawn (last, 1);
  bench_end (b);
}

/* Nothing is drawn where nobody wants it, and of frames that came before it was
 * wanted there is no map. */
static void
test_off (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * MS, NULL);
  const gboolean wanted[] = { FALSE, TRUE, FALSE };

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    g_autoptr (GstBuffer) in = bench_buffer (i);
    g_autoptr (GstBuffer) out = NULL;

    g_object_set (b->element, "look", wanted[i], NULL);
    gst_harness_push (b->h, gst_buffer_ref (in));
    out = bench_pull (b);
    g_assert_nonnull (gst_owl2_meta_get (out));
    g_assert_true ((look_of (out) != NULL) == wanted[i]);
    g_assert_true (
        (gst_buffer_peek_memory (out, 0) != gst_buffer_peek_memory (in, 0))
        == wanted[i]);
  }
  bench_end (b);
}

/* Nothing is drawn where the crop meta is a lie, and where it is not the map is
 * where it says. */
static void
test_crop (void)
{
  static const guint crops[][4] = { { 0, 0, 0, 0 }, { 4, 0, 8, 6 },
    { 0, 0, G_MAXUINT, 6 }, { 4, 2, 4, 4 } };
  Bench *b = bench_new (FALSE, "look", TRUE, "interval", 10 * GST_SECOND, NULL);

  bench_push_range (b, 0, 1);
  gst_buffer_unref (bench_pull (b));
  for (guint i = 0; i < G_N_ELEMENTS (crops); i++) {
    GstBuffer *in = bench_buffer (i + 1);
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (in);
    g_autoptr (GstBuffer) out = NULL;
    GstMapInfo map;

    crop->x = crops[i][0];
    crop->y = crops[i][1];
    crop->width = crops[i][2];
    crop->height = crops[i][3];
    g_assert_cmpint (gst_harness_push (b->h, in), ==, GST_FLOW_OK);
    out = bench_pull (b);
    check_meta (out, 1);
    if (i + 1 < G_N_ELEMENTS (crops)) {
      check_untouched (out, (guint8) (i + 1));
      continue;
    }
    g_assert_true (gst_buffer_map (out, &map, GST_MAP_READ));
    g_assert_cmpuint (map.data[0], ==, i + 1);
    check_pixel (map.data + 3 * (2 * 8 + 4), 230 * 120 / 255 + 2, 2, 2);
    gst_buffer_unmap (out, &map);
  }
  bench_end (b);
}

/* ---- what is drawn ------------------------------------------------------- */

/* Where it is reddest, and that nothing is drawn at @clear pixels. */
static void
check_paint (
    GstOwl2Seen seen, guint width, guint height, guint x, guint y, guint clear)
{
  static const float map[] = { 1, 0, 0, 0 };
  g_autofree guint8 *rgba = g_malloc (4 * width * height);
  guint best = 0, n_clear = 0;
  int most = -256;

  gst_owl2_look_paint (rgba, width, height, &seen, map, 2, 1);
  for (guint i = 0; i < width * height; i++) {
    int red = rgba[4 * i] - rgba[4 * i + 2];

    n_clear += rgba[4 * i + 3] == 0;
    if (rgba[4 * i + 3] && red > most) {
      most = red;
      best = i;
    }
  }
  g_assert_cmpuint (n_clear, ==, clear);
  g_assert_cmpuint (best % width / (width / 2), ==, x);
  g_assert_cmpuint (best / width / (height / 2), ==, y);
}

/* The corner that is the upper left one once the picture is upright. */
static void
test_turned (void)
{
  static const struct {
    GstVideoOrientationMethod method;
    guint x, y;
  } ways[] = {
    { GST_VIDEO_ORIENTATION_IDENTITY, 0, 0 },
    { GST_VIDEO_ORIENTATION_90R, 0, 1 },
    { GST_VIDEO_ORIENTATION_180, 1, 1 },
    { GST_VIDEO_ORIENTATION_90L, 1, 0 },
    { GST_VIDEO_ORIENTATION_HORIZ, 1, 0 },
    { GST_VIDEO_ORIENTATION_VERT, 0, 1 },
    { GST_VIDEO_ORIENTATION_UL_LR, 0, 0 },
    { GST_VIDEO_ORIENTATION_UR_LL, 1, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    const Owl2Image image = {
      .width = 12, .height = 8, .turn = gst_owl2_upright_turn (ways[i].method)
    };
    GstOwl2Seen seen;

    gst_owl2_seen_init (&seen, &image, OWL2_IMAGE_STRETCH, 16);
    check_paint (seen, 12, 8, ways[i].x, ways[i].y, 0);
  }
}

static void
test_modes (void)
{
  GstOwl2Seen seen = { .width = 16, .height = 8, .size = 16 };

  seen.mode = OWL2_IMAGE_PAD; /* the map's upper half has 4 rows of it */
  check_paint (seen, 16, 8, 0, 0, 0);
  seen.mode = OWL2_IMAGE_CROP; /* 4 columns on either side are not seen */
  check_paint (seen, 16, 8, 0, 0, 2 * 4 * 8);
}

static void
add_tests (void)
{
  g_test_add_func ("/look/drawn", test_drawn);
  g_test_add_func ("/look/clip", test_clip);
  g_test_add_func ("/look/off", test_off);
  g_test_add_func ("/look/crop", test_crop);
  g_test_add_func ("/look/turned", test_turned);
  g_test_add_func ("/look/modes", test_modes);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
