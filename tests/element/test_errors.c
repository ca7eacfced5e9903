/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fails: the model, the device, one clip. One clear message each, and the
 * stream goes on where it can. */
#include "bench.h"

#include <string.h>

/* ---- loading ----------------------------------------------------------- */

/* Starts an element with this model: one ERROR and no other comes, at once and
 * with a state change that fails, or in the background. */
static void
check_start_fails (const char *model, GQuark domain, int code,
    const char *words, gboolean late)
{
  GstBus *bus;
  GstElement *element = bench_element (&bus);
  GstMessage *message;
  guint n_errors = 0, n_progress_errors = 0;

  g_object_set (element, "model", model, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PLAYING), ==,
      late ? GST_STATE_CHANGE_SUCCESS : GST_STATE_CHANGE_FAILURE);
  while ((message = gst_bus_timed_pop (
              bus, late && !n_errors ? 20 * GST_SECOND : 0))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      g_autoptr (GError) error = NULL;
      g_autofree char *debug = NULL;

      gst_message_parse_error (message, &error, &debug);
      g_test_message ("%s [%s]", error->message, debug);
      g_assert_error (error, domain, code);
      g_assert_nonnull (strstr (error->message, words));
      g_assert_null (strchr (error->message, '\n'));
      n_errors++;
    } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS) {
      GstProgressType type;

      gst_message_parse_progress (message, &type, NULL, NULL);
      n_progress_errors += type == GST_PROGRESS_TYPE_ERROR;
      g_assert_cmpint (type, !=, GST_PROGRESS_TYPE_COMPLETE);
    }
    gst_message_unref (message);
  }
  g_assert_cmpuint (n_errors, ==, 1);
  g_assert_cmpuint (n_progress_errors, ==, 1);

  /* It can be tried again. */
  gst_element_set_state (element, GST_STATE_READY);
  g_object_set (element, "model", NULL, NULL);
  if (!strstr (words, "fails"))
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
        GST_STATE_CHANGE_SUCCESS);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_NULL), ==,
      GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (element);
  gst_bus_set_flushing (bus, TRUE);
  gst_object_unref (bus);
  fake_reset ();
}

static void
test_missing_model (void)
{
  check_start_fails ("/nowhere/owl2.gguf", GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_NOT_FOUND, "/nowhere/owl2.gguf", FALSE);
}

static void
test_load_errors (void)
{
  const struct {
    Owl2Error error;
    GQuark domain;
    int code;
  } cases[] = {
    { OWL2_ERROR_BAD_FILE, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ },
    { OWL2_ERROR_NO_DEVICE, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT },
    { OWL2_ERROR_UNSUPPORTED, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT },
    { OWL2_ERROR_NO_MEMORY, GST_RESOURCE_ERROR,
        GST_RESOURCE_ERROR_NO_SPACE_LEFT },
    { OWL2_ERROR_BAD_REQUEST, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS },
    { OWL2_ERROR_FAILED, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED },
    { OWL2_ERROR_DEVICE_LOST, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED },
    /* Nobody cancelled it, so it is an error. */
    { OWL2_ERROR_CANCELLED, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint late = 0; late < 3; late++) {
      g_autofree char *words =
          g_strdup_printf ("fails with %d", cases[i].error);

      if (late)
        fake_fail (late == 1 ? FAKE_LOAD : FAKE_SESSION, 0, cases[i].error);
      else
        fake_fail (FAKE_OPEN, 0, cases[i].error);
      check_start_fails (NULL, cases[i].domain, cases[i].code, words, late);
    }
}

/* A load that fails late: the stream has begun, and ends with an error. */
static void
test_load_fails_late (gconstpointer data)
{
  const gboolean live = GPOINTER_TO_INT (data);
  g_autoptr (GstMessage) message = NULL;
  BenchCall *call = NULL;
  Bench *b;

  fake_set_gate (FAKE_LOAD, TRUE);
  fake_fail (FAKE_LOAD, 0, OWL2_ERROR_NO_MEMORY);
  b = bench_new (live, NULL);
  if (live)
    bench_push_range (b, 0, 3);
  else
    call = bench_push_async (b, 0);
  fake_set_gate (FAKE_LOAD, FALSE);
  message = bench_message (b, GST_MESSAGE_ERROR);
  if (call)
    g_assert_cmpint (bench_call_finish (call), ==, GST_FLOW_ERROR);
  while (bench_push (b, 5) != GST_FLOW_ERROR)
    g_usleep (1000);
  bench_eos (b); /* the end still passes */
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_ERROR), ==, 0);
  bench_end (b);
}

/* ---- one clip ---------------------------------------------------------- */

static void
check_clip_fails (FakeCall call, Owl2Error code)
{
  Bench *b = bench_new (FALSE, NULL);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  GstBuffer *buffer;

  fake_fail (call, 1, code);
  bench_push_range (b, 0, 10);
  message = bench_message (b, GST_MESSAGE_WARNING);
  gst_message_parse_warning (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "0:00:00.000000000"));
  g_assert_nonnull (strstr (error->message, "fails with"));
  g_assert_cmpuint (bench_n_answers (b), ==, 0);
  for (guint i = 0; i < 10; i++) {
    buffer = bench_pull (b);
    g_assert_null (gst_owl2_meta_get (buffer));
    gst_buffer_unref (buffer);
  }
  bench_push_range (b, 10, 11);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 1);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 1);
  bench_end (b);
}

static void
test_clip_fails (void)
{
  static const Owl2Error codes[] = { OWL2_ERROR_BAD_REQUEST,
    OWL2_ERROR_NO_MEMORY, OWL2_ERROR_FAILED, OWL2_ERROR_CANCELLED,
    OWL2_ERROR_UNSUPPORTED };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++) {
    check_clip_fails (FAKE_ENCODE, codes[i]);
    check_clip_fails (FAKE_GENERATE, codes[i]);
  }
}

/* Every clip fails: one warning, not one each. */
static void
test_every_clip_fails (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * MS, NULL);

  fake_fail (FAKE_GENERATE, 0, OWL2_ERROR_BAD_REQUEST);
  bench_push_range (b, 0, 50);
  g_assert_cmpuint (bench_drain (b), ==, 50);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 1);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 50);
  bench_end (b);
}

/* One frame of an overlapping clip that can't be encoded fails the clips that
 * it is in, and no others. */
static void
test_shared_frame_fails (void)
{
  Bench *b = bench_new (
      FALSE, "interval", 100 * MS, "span", 300 * MS, "frames", 3, NULL);

  fake_fail (FAKE_ENCODE, 5, OWL2_ERROR_NO_MEMORY);
  bench_push_range (b, 0, 12);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 7);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 3);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 12);
  bench_end (b);
}

/* ---- the device -------------------------------------------------------- */

static void
check_fatal (gboolean live, FakeCall where, Owl2Error code)
{
  Bench *b = bench_new (live, NULL);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret = GST_FLOW_OK;

  bench_push_range (b, 0, 1);
  bench_wait_stat (b, "clips-answered", 1);
  fake_fail (where, 0, code);
  for (guint i = 1; i < 1000 && ret == GST_FLOW_OK; i++) {
    ret = bench_push (b, i);
    g_usleep (live ? 1000 : 0);
  }
  g_assert_cmpint (ret, ==, GST_FLOW_ERROR);
  message = bench_message (b, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "fails with"));
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_ERROR), ==, 0);
  bench_eos (b);
  bench_end (b);
}

static void
test_fatal (void)
{
  for (guint live = 0; live < 2; live++) {
    check_fatal (live, FAKE_GENERATE, OWL2_ERROR_BAD_FILE);
    check_fatal (live, FAKE_GENERATE, OWL2_ERROR_NO_DEVICE);
    check_fatal (live, FAKE_ENCODE, OWL2_ERROR_BAD_FILE);
  }
}

/* A flush after the failure does not bring the file back, a restart may. */
static void
test_fatal_restart (void)
{
  Bench *b = bench_new (FALSE, NULL);

  fake_fail (FAKE_GENERATE, 1, OWL2_ERROR_BAD_FILE);
  g_assert_cmpint (bench_push (b, 0), ==, GST_FLOW_ERROR);
  bench_flush_start (b);
  bench_flush_stop (b);
  g_assert_cmpint (bench_push (b, 0), ==, GST_FLOW_ERROR);
  gst_message_unref (bench_message (b, GST_MESSAGE_ERROR));
  gst_element_set_state (b->element, GST_STATE_READY);
  gst_element_set_state (b->element, GST_STATE_PLAYING);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_stream_start ("again")));
  gst_harness_set_src_caps_str (b->h, BENCH_CAPS);
  bench_new_segment (b);
  bench_push_range (b, 0, 1);
  g_assert_cmpuint (bench_n_answers (b), ==, 1);
  bench_end (b);
}

/* In a pipeline the element's own message is the first error. */
static void
test_first_error (void)
{
  GstElement *pipeline =
      gst_parse_launch ("videotestsrc ! video/x-raw,width=16,height=16 ! "
                        "owl2 name=owl ! fakesink",
          NULL);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = NULL;

  fake_fail (FAKE_GENERATE, 2, OWL2_ERROR_BAD_FILE);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_true (
      g_str_has_prefix (GST_OBJECT_NAME (GST_MESSAGE_SRC (message)), "owl"));
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_clear_pointer (&message, gst_message_unref);
  fake_reset ();
}

static void
add_tests (void)
{
  g_test_add_func ("/errors/load/missing-model", test_missing_model);
  g_test_add_func ("/errors/load/all", test_load_errors);
  g_test_add_data_func (
      "/errors/load/late-wait", GINT_TO_POINTER (FALSE), test_load_fails_late);
  g_test_add_data_func (
      "/errors/load/late-drop", GINT_TO_POINTER (TRUE), test_load_fails_late);
  g_test_add_func ("/errors/clip/one", test_clip_fails);
  g_test_add_func ("/errors/clip/every", test_every_clip_fails);
  g_test_add_func ("/errors/clip/shared-frame", test_shared_frame_fails);
  g_test_add_func ("/errors/fatal/all", test_fatal);
  g_test_add_func ("/errors/fatal/restart", test_fatal_restart);
  if (!BENCH_TSAN)
    g_test_add_func ("/errors/fatal/first", test_first_error);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
