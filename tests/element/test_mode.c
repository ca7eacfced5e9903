/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image-mode: what the engine is told of each picture, and that no clip, no
 * comparison and no question has pictures of two modes when it changes. */
#include "bench.h"
#include "gstowl2settings.h"

/* The modes of a request's pictures, by their first letters. (transfer full) */
static char *
modes (guint request)
{
  const FakeRequest r = fake_request (request);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < r.n_images; i++)
    g_string_append_c (
        text, owl2_image_mode_name (fake_image (r.images[i]).mode)[0]);
  return g_string_free (text, FALSE);
}

static void
set_mode (Bench *b, const char *mode)
{
  gst_util_set_object_arg (G_OBJECT (b->element), "image-mode", mode);
}

static void
test_each (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * MS, NULL);

  bench_push (b, 0);
  set_mode (b, "stretch");
  bench_push (b, 1);
  set_mode (b, "pad");
  bench_push (b, 2);
  set_mode (b, "crop");
  bench_push (b, 3);
  bench_eos (b);
  for (guint i = 0; i < 4; i++) {
    char want[] = { "aspc"[i], '\0' };

    assert_string (modes (i), want);
  }
  bench_end (b);
}

/* Clips that overlap share their frames, but not across a change: a frame of
 * both is encoded for each. */
static void
test_overlap (void)
{
  Bench *b = bench_new (FALSE, "interval", 200 * MS, "span", 400 * MS, "frames",
      4, "image-mode", OWL2_IMAGE_STRETCH, NULL);
  static const char *const want[] = { "ssss", "ssss", "pppp", "pppp" };

  bench_push_range (b, 0, 4);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 4);
  set_mode (b, "pad");
  bench_push_range (b, 4, 10);
  for (guint i = 0; i < G_N_ELEMENTS (want); i++)
    assert_string (modes (i), want[i]);
  /* Frames 4 and 5 are in a clip of each kind. */
  g_assert_cmpuint (bench_stat (b, "frames-encoded"), ==, 12);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 4);
  bench_eos (b);
  bench_end (b);
}

/* That of the first frame, and of the next stream's. */
static void
test_whole (void)
{
  Bench *b = bench_new (FALSE, "trigger", GST_OWL2_TRIGGER_EOS, "frames", 3,
      "image-mode", OWL2_IMAGE_CROP, NULL);

  bench_push_range (b, 0, 5);
  set_mode (b, "pad");
  bench_push_range (b, 5, 9);
  bench_eos (b);
  assert_string (modes (0), "ccc");
  bench_flush_start (b);
  bench_flush_stop (b);
  bench_push_range (b, 0, 3);
  /* What was kept stays while nothing but questions is answered, and goes when
   * anything else is. */
  g_object_set (b->element, "trigger", GST_OWL2_TRIGGER_QUESTION, NULL);
  bench_push (b, 3);
  set_mode (b, "stretch");
  g_object_set (b->element, "trigger", GST_OWL2_TRIGGER_EOS, NULL);
  bench_push_range (b, 4, 6);
  bench_eos (b);
  assert_string (modes (1), "ppp");
  bench_flush_start (b);
  bench_flush_stop (b);
  set_mode (b, "pad");
  bench_push_range (b, 0, 3);
  set_mode (b, "stretch");
  g_object_set (b->element, "trigger", GST_OWL2_TRIGGER_INTERVAL, NULL);
  bench_push (b, 3);
  g_object_set (b->element, "trigger", GST_OWL2_TRIGGER_EOS, NULL);
  bench_push_range (b, 4, 9);
  bench_eos (b);
  /* The interval's own clip, cut short, and that of the stream. */
  assert_string (modes (2), "ss");
  assert_string (modes (3), "sss");
  bench_end (b);
}

/* Nothing is compared with what was padded: the next picture is answered, in a
 * clip of what came since. */
static void
test_scene (void)
{
  Bench *b = bench_new (FALSE, "trigger", GST_OWL2_TRIGGER_SCENE,
      "min-interval", 200 * MS, "frames", 2, "span", 200 * MS, "image-mode",
      OWL2_IMAGE_PAD, NULL);
  guint n_compared;

  fake_set_scenes ("AADDDDDDDDG");
  bench_push_range (b, 0, 5);
  assert_string (modes (0), "p");
  assert_string (modes (1), "pp");
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 2);
  n_compared = fake_n_calls (FAKE_DISTANCE);
  set_mode (b, "crop");
  bench_push (b, 5);
  g_assert_cmpuint (fake_n_calls (FAKE_DISTANCE), ==, n_compared);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 3);
  assert_string (modes (2), "c");
  bench_push_range (b, 6, 11);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 4);
  assert_string (modes (3), "cc");
  bench_eos (b);
  bench_end (b);
}

/* Frames that are kept for questions. */
static void
test_question (void)
{
  Bench *b = bench_new (FALSE, "trigger", GST_OWL2_TRIGGER_QUESTION, "interval",
      400 * MS, "frames", 4, "image-mode", OWL2_IMAGE_PAD, NULL);
  guint64 id = 0;

  bench_push_range (b, 0, 3);
  set_mode (b, "crop");
  bench_push_range (b, 3, 5);
  g_signal_emit_by_name (b->element, "ask", "Who?", &id);
  g_assert_cmpuint (id, ==, 1);
  bench_eos (b);
  assert_string (modes (0), "cc");
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/mode/each", test_each);
  g_test_add_func ("/mode/overlap", test_overlap);
  g_test_add_func ("/mode/whole", test_whole);
  g_test_add_func ("/mode/scene", test_scene);
  g_test_add_func ("/mode/question", test_question);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
