/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device is lost while the stream flows: video goes on, what the device had
 * is told to be lost, and the model comes back on a new one. The fake engine
 * takes nothing that another device made. Also run under ThreadSanitizer. */
#include <gst/check/gsttestclock.h>
#include <string.h>

#include "bench.h"
#include "gstowl2settings.h"

#define LOST OWL2_ERROR_DEVICE_LOST

/* How long the element waits before each load. */
static const GstClockTime delays[] = { 250 * MS, 500 * MS, 1000 * MS, 2000 * MS,
  4000 * MS };

/* The clock that the waits go by: they end when it is told. */
static GstTestClock *
use_clock (void)
{
  GstTestClock *clock = GST_TEST_CLOCK (gst_test_clock_new ());

  gst_system_clock_set_default (GST_CLOCK (clock));
  return clock;
}

static void
drop_clock (GstTestClock *clock)
{
  gst_system_clock_set_default (NULL);
  gst_object_unref (clock);
}

/* Returns when the element waits, for as long as it is to. */
static void
wait_for_delay (GstTestClock *clock, guint i)
{
  GstClockID id;

  gst_test_clock_wait_for_next_pending_id (clock, &id);
  g_assert_cmpuint (gst_clock_id_get_time (id), ==,
      gst_clock_get_time (GST_CLOCK (clock)) + delays[i]);
  gst_clock_id_unref (id);
}

static void
end_delay (GstTestClock *clock, guint i)
{
  wait_for_delay (clock, i);
  gst_test_clock_crank (clock);
}

/* Pops messages up to the WARNING that the model is loaded again. Returns the
 * WARNINGs for clips before it. */
static guint
expect_warning (Bench *b)
{
  for (guint n = 0;; n++) {
    g_autoptr (GstMessage) message = bench_message (b, GST_MESSAGE_WARNING);
    g_autoptr (GError) error = NULL;

    gst_message_parse_warning (message, &error, NULL);
    g_test_message ("%s", error->message);
    g_assert_error (error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED);
    if (strstr (error->message, "device was lost: "))
      return n;
    g_assert_nonnull (strstr (error->message, "No answer for"));
  }
}

/* Of whatever the engine is asked, the next is lost with the device. */
static void
check_back (gboolean live, FakeCall where)
{
  Bench *b = bench_new (live, NULL);
  const guint n_lost = where == FAKE_GENERATE;

  bench_push_range (b, 0, 1);
  bench_wait_stat (b, "clips-answered", 1);
  fake_fail (where, 1, LOST);
  bench_push_range (b, 10, 11);
  g_assert_cmpuint (expect_warning (b), ==, n_lost);
  bench_wait_loaded (b);
  bench_push_range (b, 20, 21);
  /* A frame that was not encoded yet is encoded on the new device. */
  bench_wait_stat (b, "clips-answered", 3 - n_lost);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, n_lost);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  g_assert_cmpuint (bench_drain (b), ==, 3);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_ERROR), ==, 0);
  bench_end (b);
}

static void
test_back (gconstpointer data)
{
  check_back (GPOINTER_TO_INT (data), FAKE_GENERATE);
  check_back (GPOINTER_TO_INT (data), FAKE_ENCODE);
}

/* Of clips that overlap, those that have a frame that only the old device had
 * are lost. */
static void
test_overlap (void)
{
  Bench *b = bench_new (
      FALSE, "interval", 100 * MS, "span", 300 * MS, "frames", 3, NULL);

  /* Clips end at frames 2, 3, .. 11. */
  fake_fail (FAKE_GENERATE, 5, LOST);
  bench_push_range (b, 0, 12);
  expect_warning (b);
  g_assert_cmpuint (
      bench_stat (b, "clips-answered") + bench_stat (b, "clips-dropped"), ==,
      10);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), >=, 1);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), <=, 3);
  bench_end (b);
}

/* What is compared is compared with nothing that the old device had. */
static void
test_scene (void)
{
  Bench *b = bench_new (
      FALSE, "trigger", GST_OWL2_TRIGGER_SCENE, "min-interval", 100 * MS, NULL);

  fake_set_scenes ("AADD");
  bench_push_range (b, 0, 2);
  fake_fail (FAKE_DISTANCE, 1, LOST);
  bench_push_range (b, 2, 40);
  bench_eos (b);
  g_assert_cmpuint (expect_warning (b), ==, 1);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), >=, 2);
  g_assert_cmpuint (bench_drain (b), ==, 40);
  bench_end (b);
}

/* Both elements of a model that is shared find the same new one. */
static void
test_shared (void)
{
  Bench *a = bench_new (FALSE, NULL), *b = bench_new (FALSE, NULL);

  bench_push_range (a, 0, 1);
  bench_push_range (b, 0, 1);
  fake_lose_device ();
  bench_push_range (a, 10, 11);
  bench_push_range (b, 10, 11);
  expect_warning (a);
  expect_warning (b);
  bench_push_range (a, 20, 21);
  bench_push_range (b, 20, 21);
  g_assert_cmpuint (bench_stat (a, "clips-answered"), >=, 2);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), >=, 2);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  g_assert_cmpuint (fake_n_models (), ==, 1);
  bench_free (a);
  bench_end (b);
}

/* Those that have nothing to ask, or no stream, let go of what is lost before
 * it is loaded again. */
static void
test_idle (void)
{
  GstTestClock *clock = use_clock ();
  Bench *benches[3];

  for (guint i = 0; i < 3; i++) {
    benches[i] = bench_new (TRUE, NULL);
    g_object_set (benches[i]->element, "preload", TRUE, NULL);
    bench_wait_loaded (benches[i]);
  }
  gst_element_set_state (benches[2]->element, GST_STATE_READY);
  fake_lose_device ();
  bench_push_range (benches[0], 0, 1);
  g_assert_true (gst_test_clock_timed_wait_for_multiple_pending_ids (
      clock, 3, BENCH_LIMIT_US / 1000, NULL));
  g_assert_cmpuint (fake_n_models (), ==, 0);
  for (guint i = 0; i < 3; i++)
    gst_test_clock_crank (clock);
  for (guint i = 0; i < 3; i++) {
    expect_warning (benches[i]);
    bench_wait_loaded (benches[i]);
  }
  g_assert_cmpuint (fake_n_models (), ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  bench_free (benches[2]);
  bench_free (benches[1]);
  bench_end (benches[0]);
  drop_clock (clock);
}

/* After as many loads as there are delays it ends with the load's error; an
 * answer in between counts anew. */
static void
test_gives_up (gconstpointer data)
{
  const FakeCall where = GPOINTER_TO_UINT (data);
  GstTestClock *clock = use_clock ();
  Bench *b = bench_new (TRUE, NULL);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  const int code =
      where == FAKE_LOAD ? GST_LIBRARY_ERROR_INIT : GST_LIBRARY_ERROR_FAILED;
  guint n = 1;

  bench_wait_loaded (b);
  for (guint round = 0; round < 2; round++) {
    fake_fail (FAKE_GENERATE, 1, LOST);
    bench_push_range (b, 10 * n, 10 * n + 1);
    end_delay (clock, 0);
    bench_wait_loaded (b);
    n++;
    bench_push_range (b, 10 * n, 10 * n + 1);
    bench_wait_stat (b, "clips-answered", round + 1);
    n++;
  }
  fake_fail (where, 0, where == FAKE_LOAD ? OWL2_ERROR_NO_DEVICE : LOST);
  if (where == FAKE_LOAD)
    fake_fail (FAKE_GENERATE, 1, LOST);
  bench_push_range (b, 10 * n, 10 * n + 1);
  for (guint i = 0; i < G_N_ELEMENTS (delays); i++) {
    end_delay (clock, i);
    if (where == FAKE_GENERATE) {
      bench_wait_loaded (b);
      n++;
      bench_push_range (b, 10 * n, 10 * n + 1);
    }
  }
  message = bench_message (b, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_error (error, GST_LIBRARY_ERROR, code);
  bench_end (b);
  drop_clock (clock);
}

/* A stop, also to READY and on, whatever it is at. */
static void
test_stop (gconstpointer data)
{
  const gboolean preload = GPOINTER_TO_INT (data);

  for (guint i = 0; i < 4; i++) {
    GstTestClock *clock = use_clock ();
    Bench *b = bench_new (TRUE, NULL);

    g_object_set (b->element, "preload", preload, NULL);
    bench_wait_loaded (b);
    fake_fail (FAKE_GENERATE, 1, LOST);
    bench_push_range (b, 0, 1);
    wait_for_delay (clock, 0);
    if (i >= 2) {
      fake_set_gate (FAKE_LOAD, TRUE);
      gst_test_clock_crank (clock);
      fake_wait_calls (FAKE_LOAD, 2);
    }
    if (i % 2) {
      gst_element_set_state (b->element, GST_STATE_READY);
      fake_set_gate (FAKE_LOAD, FALSE);
      gst_element_set_state (b->element, GST_STATE_PLAYING);
      g_assert_true (
          gst_harness_push_event (b->h, gst_event_new_stream_start ("again")));
      gst_harness_set_src_caps_str (b->h, BENCH_CAPS);
      bench_new_segment (b);
      bench_push_range (b, 20, 21);
      bench_wait_stat (b, "clips-answered", 1);
    }
    bench_end (b);
    drop_clock (clock);
  }
}

static void
add_tests (void)
{
  g_test_add_data_func ("/lost/back/wait", GINT_TO_POINTER (FALSE), test_back);
  g_test_add_data_func ("/lost/back/drop", GINT_TO_POINTER (TRUE), test_back);
  g_test_add_func ("/lost/overlap", test_overlap);
  g_test_add_func ("/lost/scene", test_scene);
  g_test_add_func ("/lost/shared", test_shared);
  g_test_add_func ("/lost/idle", test_idle);
  g_test_add_data_func (
      "/lost/gives-up/load", GUINT_TO_POINTER (FAKE_LOAD), test_gives_up);
  g_test_add_data_func ("/lost/gives-up/generate",
      GUINT_TO_POINTER (FAKE_GENERATE), test_gives_up);
  g_test_add_data_func ("/lost/stop", GINT_TO_POINTER (FALSE), test_stop);
  g_test_add_data_func (
      "/lost/stop/preload", GINT_TO_POINTER (TRUE), test_stop);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
