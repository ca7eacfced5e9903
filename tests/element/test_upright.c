/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The model sees what a player shows: the eight ways to turn a picture, the
 * tags that say so, the first of two fields; and the buffers stay as they are.
 */
#include "bench.h"

#include <gst/video/video.h>
#include <string.h>

/* Where the pixel (x, y) of the upright picture is in the w x h one that is
 * stored, as the tag's documentation has it: flip horizontally, then rotate
 * clockwise. */
static void
stored_at (
    const char *tag, guint w, guint h, guint x, guint y, guint *sx, guint *sy)
{
  const gboolean flip = g_str_has_prefix (tag, "flip-");
  const char *turn = tag + (flip ? strlen ("flip-") : 0);

  *sx = x;
  *sy = y;
  if (g_str_equal (turn, "rotate-90")) {
    *sx = y;
    *sy = h - 1 - x;
  } else if (g_str_equal (turn, "rotate-180")) {
    *sx = w - 1 - x;
    *sy = h - 1 - y;
  } else if (g_str_equal (turn, "rotate-270")) {
    *sx = w - 1 - y;
    *sy = x;
  } else {
    g_assert_cmpstr (turn, ==, "rotate-0");
  }
  if (flip)
    *sx = w - 1 - *sx;
}

static const char *const tags[] = { "rotate-0", "rotate-90", "rotate-180",
  "rotate-270", "flip-rotate-0", "flip-rotate-90", "flip-rotate-180",
  "flip-rotate-270" };

static gboolean
tag_is_across (const char *tag)
{
  return g_str_has_suffix (tag, "90") || g_str_has_suffix (tag, "270");
}

static Bench *
bench_keeping_images (const char *caps)
{
  Bench *b = bench_with_caps (caps, "interval", BENCH_STEP, NULL);

  fake_keep_images ();
  return b;
}

static void
push_tag (Bench *b, GstTagScope scope, const char *name, const char *value)
{
  GstTagList *list = gst_tag_list_new (name, value, NULL);

  gst_tag_list_set_scope (list, scope);
  g_assert_true (gst_harness_push_event (b->h, gst_event_new_tag (list)));
}

static void
push_orientation (Bench *b, GstTagScope scope, const char *tag)
{
  push_tag (b, scope, GST_TAG_IMAGE_ORIENTATION, tag);
}

/* Frame @i at 100 ms each, of other bytes each. */
static GstBuffer *
random_buffer (gsize size, guint i)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  GstMapInfo map;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (gsize k = 0; k < map.size; k++)
    map.data[k] = (guint8) g_test_rand_int ();
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = i * BENCH_STEP;
  GST_BUFFER_DURATION (buffer) = BENCH_STEP;
  return buffer;
}

/* The picture that the engine got for a stored picture of @rgb, rows packed. */
static void
check_turned (const FakeImage *image, const guint8 *rgb, guint w, guint h,
    const char *tag)
{
  const gboolean across = tag_is_across (tag);

  g_assert_cmpuint (image->width, ==, across ? h : w);
  g_assert_cmpuint (image->height, ==, across ? w : h);
  for (guint y = 0; y < image->height; y++)
    for (guint x = 0; x < image->width; x++) {
      guint sx, sy;

      stored_at (tag, w, h, x, y, &sx, &sy);
      if (memcmp (image->rgb + 3 * (y * image->width + x),
              rgb + 3 * (sy * w + sx), 3)
          != 0)
        g_error ("%s of %ux%u: pixel %u, %u is not that at %u, %u", tag, w, h,
            x, y, sx, sy);
    }
}

/* Each frame is sent with rotate-0 first, which gives the stored picture as RGB
 * (test_convert.c says that this is right), and then turned; and comes out as
 * it went in. */
static void
test_turns (void)
{
  static const char *const formats[] = { "RGB", "I420", "NV12", "BGRA", "GRAY8",
    "YUY2", "P010_10LE" };
  static const guint sizes[][2] = { { 16, 8 }, { 37, 21 }, { 1, 5 }, { 6, 1 },
    { 1, 1 } };

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
      const guint w = sizes[s][0], h = sizes[s][1];
      g_autofree char *text = g_strdup_printf (
          "video/x-raw,format=%s,width=%u,height=%u,framerate=10/1", formats[f],
          w, h);
      g_autoptr (GstCaps) caps = gst_caps_from_string (text);
      Bench *b = bench_keeping_images (text);
      FakeImage stored = { 0 };
      GstVideoInfo info;
      GstBuffer *first;

      g_assert_true (gst_video_info_from_caps (&info, caps));
      first = random_buffer (info.size, 0);
      for (guint i = 0; i < G_N_ELEMENTS (tags); i++) {
        GstBuffer *buffer = gst_buffer_copy (first);
        g_autoptr (GstBuffer) out = NULL;
        FakeImage image;

        GST_BUFFER_PTS (buffer) = i * BENCH_STEP;
        push_orientation (b, GST_TAG_SCOPE_STREAM, tags[i]);
        g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
        out = bench_pull (b);
        g_assert_true (gst_buffer_peek_memory (out, 0)
                       == gst_buffer_peek_memory (first, 0));
        image = fake_image (i);
        if (i == 0)
          stored = image;
        check_turned (&image, stored.rgb, w, h, tags[i]);
      }
      g_assert_cmpuint (bench_n_events (b, GST_EVENT_TAG), ==, 8);
      gst_buffer_unref (first);
      bench_end (b);
    }
}

/* ---- which tag counts --------------------------------------------------- */

#define WIDTH 8
#define HEIGHT 6

/* Sends frame @i, and says how it was turned. */
static void
check_next (Bench *b, guint i, const char *tag)
{
  GstBuffer *buffer = random_buffer (BENCH_SIZE, i);
  g_autofree guint8 *rgb = g_malloc (BENCH_SIZE);
  FakeImage image;
  guint n;

  gst_buffer_extract (buffer, 0, rgb, BENCH_SIZE);
  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  n = fake_n_calls (FAKE_ENCODE);
  g_assert_cmpuint (n, >, 0);
  image = fake_image (n - 1);
  check_turned (&image, rgb, WIDTH, HEIGHT, tag);
}

static void
test_tags (void)
{
  Bench *b = bench_keeping_images (BENCH_CAPS);
  guint i = 0;

  G_STATIC_ASSERT (3 * WIDTH * HEIGHT == BENCH_SIZE);
  check_next (b, i++, "rotate-0");
  push_orientation (b, GST_TAG_SCOPE_GLOBAL, "rotate-180");
  check_next (b, i++, "rotate-180");
  /* The stream's own counts first, also if the other one is newer. */
  push_orientation (b, GST_TAG_SCOPE_STREAM, "rotate-90");
  check_next (b, i++, "rotate-90");
  push_orientation (b, GST_TAG_SCOPE_GLOBAL, "flip-rotate-0");
  check_next (b, i++, "rotate-90");
  push_orientation (b, GST_TAG_SCOPE_STREAM, "flip-rotate-270");
  check_next (b, i++, "flip-rotate-270");
  /* A list that says nothing about it takes the place of one that did, and so
   * does what is no orientation. */
  push_tag (b, GST_TAG_SCOPE_STREAM, GST_TAG_CODEC, "rotate-180");
  check_next (b, i++, "flip-rotate-0");
  push_orientation (b, GST_TAG_SCOPE_STREAM, "rotate-90");
  push_orientation (b, GST_TAG_SCOPE_STREAM, "upside down");
  check_next (b, i++, "flip-rotate-0");
  push_tag (b, GST_TAG_SCOPE_GLOBAL, GST_TAG_TITLE, "A clip");
  check_next (b, i++, "rotate-0");
  push_orientation (b, GST_TAG_SCOPE_STREAM, "rotate-0");
  check_next (b, i++, "rotate-0");

  /* A flush keeps what the stream is, another stream begins anew. */
  push_orientation (b, GST_TAG_SCOPE_STREAM, "rotate-270");
  bench_flush_start (b);
  bench_flush_stop (b);
  check_next (b, i++, "rotate-270");
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_stream_start ("another")));
  check_next (b, i++, "rotate-0");
  bench_end (b);
}

/* A frame is turned as the tag was when it came, whenever it is encoded. */
static void
test_tags_at_eos (void)
{
  Bench *b = bench_new (FALSE, "trigger", 1, "frames", 8, NULL);
  g_autofree guint8 *rgb = g_malloc (8 * BENCH_SIZE);

  fake_keep_images ();
  for (guint i = 0; i < 8; i++) {
    GstBuffer *buffer = random_buffer (BENCH_SIZE, i);

    gst_buffer_extract (buffer, 0, rgb + i * BENCH_SIZE, BENCH_SIZE);
    push_orientation (b, GST_TAG_SCOPE_STREAM, tags[i]);
    g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  }
  bench_eos (b);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 8);
  for (guint i = 0; i < 8; i++) {
    FakeImage image = fake_image (i);

    check_turned (&image, rgb + i * BENCH_SIZE, WIDTH, HEIGHT, tags[i]);
  }
  bench_end (b);
}

/* ---- fields and pixels -------------------------------------------------- */

/* The field is taken first, then it is turned. */
static void
test_turned_field (void)
{
  for (guint i = 0; i < 2 * G_N_ELEMENTS (tags); i++) {
    const char *tag = tags[i / 2];
    const gboolean top = i % 2;
    g_autofree char *caps =
        g_strdup_printf ("video/x-raw,format=RGB,width=8,height=7,"
                         "framerate=10/1,interlace-mode=interleaved,"
                         "field-order=%s-field-first",
            top ? "top" : "bottom");
    const guint w = 8, h = top ? 4 : 3;
    Bench *b = bench_keeping_images (caps);
    GstBuffer *buffer = random_buffer (7 * 24, 0);
    g_autofree guint8 *field = g_malloc0 (h * 24);
    FakeImage image;

    for (guint y = 0; y < h; y++)
      gst_buffer_extract (
          buffer, (2 * y + (top ? 0 : 1)) * 24, field + y * 24, 24);
    push_orientation (b, GST_TAG_SCOPE_STREAM, tag);
    g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
    image = fake_image (0);
    check_turned (&image, field, w, h, tag);
    bench_end (b);
  }
}

/* Fields in buffers of their own are a caps feature that is not taken. */
static void
test_alternate (void)
{
  GstBus *bus;
  GstElement *element = bench_element (&bus);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");
  g_autoptr (GstCaps) caps = gst_caps_from_string (
      "video/x-raw(format:Interlaced),format=I420,width=64,height=48,"
      "framerate=25/1,interlace-mode=alternate");

  g_assert_false (gst_pad_query_accept_caps (pad, caps));
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

/* The model's picture is a square of all that is there, so that the shape of
 * pixels makes no difference. */
static void
test_pixel_aspect_ratio (void)
{
  static const char *const ratios[] = { "1/1", "16/11", "1/2", "32767/1" };
  g_autofree guint8 *rgb = g_malloc (BENCH_SIZE);

  for (guint i = 0; i < G_N_ELEMENTS (ratios); i++) {
    g_autofree char *caps =
        g_strdup_printf (BENCH_CAPS ",pixel-aspect-ratio=%s", ratios[i]);
    Bench *b = bench_keeping_images (caps);
    GstBuffer *buffer = random_buffer (BENCH_SIZE, 0);
    FakeImage image;

    gst_buffer_extract (buffer, 0, rgb, BENCH_SIZE);
    g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
    image = fake_image (0);
    check_turned (&image, rgb, WIDTH, HEIGHT, "rotate-0");
    bench_end (b);
  }
}

static void
add_tests (void)
{
  g_test_add_func ("/upright/turns", test_turns);
  g_test_add_func ("/upright/tags", test_tags);
  g_test_add_func ("/upright/tags-at-eos", test_tags_at_eos);
  g_test_add_func ("/upright/turned-field", test_turned_field);
  g_test_add_func ("/upright/alternate", test_alternate);
  g_test_add_func ("/upright/pixel-aspect-ratio", test_pixel_aspect_ratio);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
