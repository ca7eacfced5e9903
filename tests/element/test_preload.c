/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model that is loaded from NULL to READY, and kept until NULL. Also run
 * under ThreadSanitizer. */
#include "bench.h"

#include <string.h>

typedef struct {
  GstElement *element;
  GstBus *bus;
} Rig;

static Rig
rig_new (gboolean share)
{
  Rig rig;

  rig.element = bench_element (&rig.bus);
  g_object_set (rig.element, "preload", TRUE, "share", share, "nice", 0, NULL);
  return rig;
}

static void
rig_end (Rig *rig)
{
  g_assert_cmpint (gst_element_set_state (rig->element, GST_STATE_NULL), ==,
      GST_STATE_CHANGE_SUCCESS);
  /* NULL lets go of it. */
  fake_wait_gone ();
  gst_element_set_bus (rig->element, NULL);
  gst_bus_set_flushing (rig->bus, TRUE);
  gst_object_unref (rig->bus);
  gst_object_unref (rig->element);
  fake_reset ();
}

static void
set_state (Rig *rig, GstState state)
{
  g_assert_cmpint (gst_element_set_state (rig->element, state), !=,
      GST_STATE_CHANGE_FAILURE);
}

/* (transfer full): the types of the PROGRESS messages up to @last, as letters:
 * START s, COMPLETE c, CANCELED x, ERROR e; those in between are left out. */
static char *
progress (Rig *rig, GstProgressType last)
{
  static const char letters[] = {
    [GST_PROGRESS_TYPE_START] = 's',
    [GST_PROGRESS_TYPE_CONTINUE] = '.',
    [GST_PROGRESS_TYPE_COMPLETE] = 'c',
    [GST_PROGRESS_TYPE_CANCELED] = 'x',
    [GST_PROGRESS_TYPE_ERROR] = 'e',
  };
  GString *told = g_string_new (NULL);
  GstProgressType type;

  do {
    GstMessage *message = gst_bus_timed_pop_filtered (
        rig->bus, 20 * GST_SECOND, GST_MESSAGE_PROGRESS);

    if (!message)
      g_error ("no more messages after %s", told->str);
    gst_message_parse_progress (message, &type, NULL, NULL);
    gst_message_unref (message);
    if (type != GST_PROGRESS_TYPE_CONTINUE)
      g_string_append_c (told, letters[type]);
  } while (type != last);
  return g_string_free (told, FALSE);
}

static void
expect (Rig *rig, GstProgressType last, const char *letters)
{
  g_autofree char *told = progress (rig, last);

  g_assert_cmpstr (told, ==, letters);
}

static void
wait_sessions (guint n)
{
  fake_wait_calls (FAKE_SESSION, n);
}

/* ---- once ---------------------------------------------------------------- */

/* However often it starts, shared or not. */
static void
test_once (gconstpointer data)
{
  Rig rig = rig_new (GPOINTER_TO_INT (data));

  set_state (&rig, GST_STATE_READY);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_models (), ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_SESSION), ==, 0);
  for (guint i = 0; i < 3; i++) {
    set_state (&rig, GST_STATE_PAUSED);
    expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
    set_state (&rig, GST_STATE_READY);
    g_assert_cmpuint (fake_n_models (), ==, 1);
  }
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_SESSION), ==, 3);
  /* And it is the whole element that works so. */
  set_state (&rig, GST_STATE_NULL);
  fake_wait_gone ();
  set_state (&rig, GST_STATE_READY);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  rig_end (&rig);
}

/* Answers come of it, stream after stream. */
static void
test_answers (void)
{
  Bench *b = bench_new (FALSE, "preload", TRUE, NULL);

  for (guint i = 0; i < 3; i++) {
    g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_PLAYING), ==,
        GST_STATE_CHANGE_SUCCESS);
    if (i) {
      gst_harness_push_event (b->h, gst_event_new_stream_start ("again"));
      gst_harness_set_src_caps_str (b->h, BENCH_CAPS);
      bench_new_segment (b);
    }
    bench_push_range (b, 0, 2);
    g_assert_cmpuint (bench_n_answers (b), ==, 1);
    g_assert_cmpuint (bench_stat (b, "weights-bytes"), ==, 1000);
    g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_READY), ==,
        GST_STATE_CHANGE_SUCCESS);
    bench_drain (b);
    while (bench_n_events (b, GST_EVENT_EOS))
      ;
  }
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  bench_end (b);
}

/* In READY there is no stream that could be asked about. */
static void
test_no_stream (void)
{
  Rig rig = rig_new (TRUE);
  guint64 id = 1;

  set_state (&rig, GST_STATE_READY);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_signal_emit_by_name (rig.element, "ask", "Who?", &id);
  g_assert_cmpuint (id, ==, 0);
  rig_end (&rig);
}

/* ---- failures ------------------------------------------------------------ */

/* What can be told at once fails the change to READY. */
static void
test_missing (void)
{
  Rig rig = rig_new (TRUE);
  g_autoptr (GstMessage) message = NULL;

  g_object_set (rig.element, "model", "/nowhere/model.gguf", NULL);
  g_assert_cmpint (gst_element_set_state (rig.element, GST_STATE_READY), ==,
      GST_STATE_CHANGE_FAILURE);
  g_assert_cmpint (GST_STATE (rig.element), ==, GST_STATE_NULL);
  expect (&rig, GST_PROGRESS_TYPE_ERROR, "se");
  message = gst_bus_pop_filtered (rig.bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_object_set (rig.element, "model", NULL, NULL);
  set_state (&rig, GST_STATE_READY);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  rig_end (&rig);
}

/* What comes later is an ERROR message, and the next start tries again. */
static void
test_late_failure (void)
{
  Rig rig = rig_new (TRUE);
  g_autoptr (GstMessage) message = NULL;

  fake_fail (FAKE_LOAD, 1, OWL2_ERROR_BAD_FILE);
  set_state (&rig, GST_STATE_READY);
  message =
      gst_bus_timed_pop_filtered (rig.bus, 20 * GST_SECOND, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  set_state (&rig, GST_STATE_PAUSED);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  rig_end (&rig);
}

/* A device that is lost meanwhile. */
static void
test_lost (void)
{
  Rig rig = rig_new (TRUE);

  set_state (&rig, GST_STATE_READY);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  fake_lose_device ();
  set_state (&rig, GST_STATE_PAUSED);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  g_assert_cmpuint (fake_n_models (), ==, 1);
  fake_lose_device ();
  set_state (&rig, GST_STATE_READY);
  g_assert_cmpuint (fake_n_models (), ==, 0);
  set_state (&rig, GST_STATE_PAUSED);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 3);
  rig_end (&rig);
}

/* ---- in the middle ------------------------------------------------------- */

/* A stop in mid-load. */
static void
test_stop (void)
{
  Rig rig = rig_new (TRUE);

  fake_set_gate (FAKE_LOAD, TRUE);
  set_state (&rig, GST_STATE_READY);
  fake_wait_calls (FAKE_LOAD, 1);
  gst_message_unref (gst_bus_timed_pop_filtered (
      rig.bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_PROGRESS));
  set_state (&rig, GST_STATE_NULL);
  expect (&rig, GST_PROGRESS_TYPE_CANCELED, "x");
  fake_set_gate (FAKE_LOAD, FALSE);
  rig_end (&rig);
}

/* The same load goes on, through PAUSED and back. */
static void
test_goes_on (gconstpointer data)
{
  Rig rig = rig_new (GPOINTER_TO_INT (data));

  fake_set_gate (FAKE_LOAD, TRUE);
  set_state (&rig, GST_STATE_READY);
  fake_wait_calls (FAKE_LOAD, 1);
  set_state (&rig, GST_STATE_PAUSED);
  set_state (&rig, GST_STATE_READY);
  set_state (&rig, GST_STATE_PAUSED);
  fake_set_gate (FAKE_LOAD, FALSE);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_SESSION), ==, 1);
  rig_end (&rig);
}

/* A stream that waits for the load is let go. */
static void
test_waiting (void)
{
  BenchCall *call;
  Bench *b;

  fake_set_gate (FAKE_LOAD, TRUE);
  b = bench_new (FALSE, "preload", TRUE, NULL);
  call = bench_push_async (b, 0);
  fake_wait_calls (FAKE_LOAD, 1);
  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_READY), ==,
      GST_STATE_CHANGE_SUCCESS);
  g_assert_cmpint (bench_call_finish (call), !=, GST_FLOW_OK);
  fake_set_gate (FAKE_LOAD, FALSE);
  g_assert_cmpint (gst_element_set_state (b->element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_SUCCESS);
  gst_harness_push_event (b->h, gst_event_new_stream_start ("again"));
  gst_harness_set_src_caps_str (b->h, BENCH_CAPS);
  bench_new_segment (b);
  bench_push_range (b, 0, 1);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  bench_end (b);
}

/* Back to READY, and on again with other settings, while a session is made: it
 * is the last one that counts. */
static void
test_session (void)
{
  Rig rig = rig_new (TRUE);

  set_state (&rig, GST_STATE_READY);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  fake_set_gate (FAKE_SESSION, TRUE);
  g_object_set (rig.element, "frames", 3, NULL);
  set_state (&rig, GST_STATE_PAUSED);
  wait_sessions (1);
  set_state (&rig, GST_STATE_READY);
  g_object_set (rig.element, "frames", 5, "modality-adaptive", FALSE, NULL);
  set_state (&rig, GST_STATE_PAUSED);
  fake_set_gate (FAKE_SESSION, FALSE);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_calls (FAKE_SESSION), ==, 2);
  g_assert_cmpuint (fake_session_params ().n_frames, ==, 5);
  g_assert_true (fake_language_only ());

  /* Back to READY alone: the load is told to have come to its end. */
  set_state (&rig, GST_STATE_READY);
  fake_set_gate (FAKE_SESSION, TRUE);
  set_state (&rig, GST_STATE_PAUSED);
  wait_sessions (3);
  set_state (&rig, GST_STATE_READY);
  fake_set_gate (FAKE_SESSION, FALSE);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  rig_end (&rig);
}

/* ---- changes ------------------------------------------------------------- */

/* The next start loads what it needs, and lets go of what was there. */
static void
test_change (void)
{
  Rig rig = rig_new (TRUE);

  g_object_set (rig.element, "device", "first", NULL);
  set_state (&rig, GST_STATE_READY);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_object_set (rig.element, "device", "second", NULL);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  set_state (&rig, GST_STATE_PAUSED);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpstr (fake_device (), ==, "second");
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  g_assert_cmpuint (fake_n_models (), ==, 1);

  /* What is a session's takes no load. */
  set_state (&rig, GST_STATE_READY);
  g_object_set (rig.element, "kv-type", 3, "max-tokens", 7, NULL);
  set_state (&rig, GST_STATE_PAUSED);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "sc");
  g_assert_cmpint (fake_session_params ().kv_type, ==, OWL2_KV_F32);
  g_assert_cmpuint (fake_session_params ().max_tokens, ==, 7);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);

  /* Nor is it kept any more when that is not wanted. */
  g_object_set (rig.element, "preload", FALSE, NULL);
  set_state (&rig, GST_STATE_READY);
  fake_wait_gone ();
  rig_end (&rig);
}

/* In the middle of the load of the first one, which is told to have ended. */
static void
test_change_loading (void)
{
  Rig rig = rig_new (TRUE);

  g_object_set (rig.element, "device", "first", NULL);
  fake_set_gate (FAKE_LOAD, TRUE);
  set_state (&rig, GST_STATE_READY);
  fake_wait_calls (FAKE_LOAD, 1);
  gst_message_unref (gst_bus_timed_pop_filtered (
      rig.bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_PROGRESS));
  g_object_set (rig.element, "device", "second", NULL);
  set_state (&rig, GST_STATE_PAUSED);
  fake_set_gate (FAKE_LOAD, FALSE);
  expect (&rig, GST_PROGRESS_TYPE_COMPLETE, "xsc");
  g_assert_cmpstr (fake_device (), ==, "second");
  rig_end (&rig);
}

static GstBusSyncReply
to_null_when_canceled (GstBus *bus, GstMessage *message, gpointer element)
{
  GstProgressType type = GST_PROGRESS_TYPE_START;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS)
    gst_message_parse_progress (message, &type, NULL, NULL);
  if (type == GST_PROGRESS_TYPE_CANCELED)
    gst_element_set_state (element, GST_STATE_NULL);
  return GST_BUS_PASS;
}

/* A handler stops the element where that is told: no other load begins. */
static void
test_change_handler (void)
{
  Rig rig = rig_new (TRUE);

  fake_set_gate (FAKE_LOAD, TRUE);
  set_state (&rig, GST_STATE_READY);
  fake_wait_calls (FAKE_LOAD, 1);
  gst_message_unref (gst_bus_timed_pop_filtered (
      rig.bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_PROGRESS));
  g_object_set (rig.element, "device", "second", NULL);
  gst_bus_set_sync_handler (rig.bus, to_null_when_canceled, rig.element, NULL);
  gst_element_set_state (rig.element, GST_STATE_PAUSED);
  fake_set_gate (FAKE_LOAD, FALSE);
  g_assert_cmpint (GST_STATE (rig.element), ==, GST_STATE_NULL);
  fake_wait_gone ();
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  gst_bus_set_sync_handler (rig.bus, NULL, NULL, NULL);
  rig_end (&rig);
}

/* Up and down at random moments. */
static void
test_random (void)
{
  Rig rig = rig_new (TRUE);

  fake_set_delay (FAKE_LOAD, 3000);
  fake_set_delay (FAKE_SESSION, 500);
  for (guint i = 0; i < 200; i++) {
    static const GstState states[] = { GST_STATE_NULL, GST_STATE_READY,
      GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_PAUSED };
    const guint next = (guint) g_test_rand_int_range (0, G_N_ELEMENTS (states));

    set_state (&rig, states[next]);
    if (g_test_rand_int_range (0, 8) == 0)
      g_object_set (rig.element, "share", g_test_rand_bit (), NULL);
    g_usleep ((gulong) g_test_rand_int_range (0, 2000));
    for (GstMessage *m; (m = gst_bus_pop (rig.bus)); gst_message_unref (m))
      g_assert_cmpint (GST_MESSAGE_TYPE (m), !=, GST_MESSAGE_ERROR);
    g_assert_cmpuint (fake_n_models (), <=, 2);
  }
  rig_end (&rig);
}

static void
add_tests (void)
{
  g_test_add_data_func ("/preload/once/shared", GINT_TO_POINTER (1), test_once);
  g_test_add_data_func ("/preload/once/own", GINT_TO_POINTER (0), test_once);
  g_test_add_func ("/preload/answers", test_answers);
  g_test_add_func ("/preload/no-stream", test_no_stream);
  g_test_add_func ("/preload/missing", test_missing);
  g_test_add_func ("/preload/late-failure", test_late_failure);
  g_test_add_func ("/preload/lost", test_lost);
  g_test_add_func ("/preload/stop", test_stop);
  g_test_add_data_func (
      "/preload/goes-on/shared", GINT_TO_POINTER (1), test_goes_on);
  g_test_add_data_func (
      "/preload/goes-on/own", GINT_TO_POINTER (0), test_goes_on);
  g_test_add_func ("/preload/waiting", test_waiting);
  g_test_add_func ("/preload/session", test_session);
  g_test_add_func ("/preload/change", test_change);
  g_test_add_func ("/preload/change-loading", test_change_loading);
  g_test_add_func ("/preload/change-handler", test_change_handler);
  g_test_add_func ("/preload/random", test_random);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
