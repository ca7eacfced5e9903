/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One model for many elements, loads that nobody waits for, and threads that
 * don't grow with elements. Also run under ThreadSanitizer. */
#include "bench.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"

#define N 8
/* Of a state change, on a machine that does other things, too. */
#define SOON_US (100 * 1000)

typedef struct {
  GstElement *element;
  GstBus *bus;
} One;

static One
one_new (const char *first_property, ...)
{
  One one;
  va_list args;

  one.element = bench_element (&one.bus);
  g_object_set (one.element, "nice", 0, NULL);
  va_start (args, first_property);
  g_object_set_valist (G_OBJECT (one.element), first_property, args);
  va_end (args);
  return one;
}

static void
one_play (One *one)
{
  g_assert_cmpint (gst_element_set_state (one->element, GST_STATE_PLAYING), ==,
      GST_STATE_CHANGE_SUCCESS);
}

/* Returns how long it took. */
static gint64
one_stop (One *one)
{
  gint64 start = g_get_monotonic_time ();

  g_assert_cmpint (gst_element_set_state (one->element, GST_STATE_READY), ==,
      GST_STATE_CHANGE_SUCCESS);
  return g_get_monotonic_time () - start;
}

static void
one_clear (One *one)
{
  gst_element_set_state (one->element, GST_STATE_NULL);
  gst_element_set_bus (one->element, NULL);
  gst_bus_set_flushing (one->bus, TRUE);
  gst_object_unref (one->bus);
  gst_object_unref (one->element);
}

/* Passes over the messages up to this one, which must come, and counts those of
 * @count. */
static guint
one_expect (One *one, GstProgressType type, GstProgressType count)
{
  guint n = 0;

  for (;;) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        one->bus, 20 * GST_SECOND, GST_MESSAGE_PROGRESS);
    GstProgressType got;

    if (!message)
      g_error ("no progress of type %d", type);
    gst_message_parse_progress (message, &got, NULL, NULL);
    n += got == count;
    if (got == type)
      return n;
  }
}

static guint
one_users (One *one)
{
  g_autoptr (GstStructure) s = NULL;
  guint n;

  g_object_get (one->element, "stats", &s, NULL);
  g_assert_true (gst_structure_get_uint (s, "weights-users", &n));
  return n;
}

/* ---- one load ---------------------------------------------------------- */

static void
test_eight (void)
{
  One ones[N];

  fake_set_gate (FAKE_LOAD, TRUE);
  for (guint i = 0; i < N; i++) {
    ones[i] = one_new (NULL);
    one_play (&ones[i]);
  }
  fake_wait_calls (FAKE_LOAD, 1);
  fake_set_gate (FAKE_LOAD, FALSE);
  for (guint i = 0; i < N; i++)
    g_assert_cmpuint (one_expect (&ones[i], GST_PROGRESS_TYPE_COMPLETE,
                          GST_PROGRESS_TYPE_START),
        ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  g_assert_cmpuint (fake_n_models (), ==, 1);
  for (guint i = 0; i < N; i++)
    g_assert_cmpuint (one_users (&ones[i]), ==, N);
  for (guint i = 0; i < N; i++) {
    g_assert_cmpuint (fake_n_models (), ==, 1);
    one_stop (&ones[i]);
    g_assert_cmpuint (one_users (&ones[i]), ==, 0);
    if (i + 1 < N)
      g_assert_cmpuint (one_users (&ones[i + 1]), ==, N - 1 - i);
  }
  fake_wait_gone ();

  /* One that comes when it is there has it at once. */
  one_play (&ones[0]);
  one_expect (&ones[0], GST_PROGRESS_TYPE_COMPLETE, 0);
  fake_set_gate (FAKE_LOAD, TRUE);
  one_play (&ones[1]);
  one_expect (&ones[1], GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  for (guint i = 0; i < N; i++)
    one_clear (&ones[i]);
  fake_reset ();
}

/* What makes two models of it. */
static void
test_apart (void)
{
  const struct {
    const char *name;
    gboolean boolean;
  } cases[] = { { "share", FALSE }, { "mmap", TRUE }, { "device", TRUE } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    One first = one_new (NULL), second = one_new (NULL);

    if (strcmp (cases[i].name, "device") == 0)
      g_object_set (second.element, "device", "other", NULL);
    else
      g_object_set (second.element, cases[i].name, cases[i].boolean, NULL);
    one_play (&first);
    one_play (&second);
    one_expect (&first, GST_PROGRESS_TYPE_COMPLETE, 0);
    one_expect (&second, GST_PROGRESS_TYPE_COMPLETE, 0);
    g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
    g_assert_cmpuint (fake_n_models (), ==, 2);
    g_assert_cmpuint (one_users (&first), ==, 1);
    g_assert_cmpuint (one_users (&second), ==, 1);
    one_clear (&first);
    one_clear (&second);
    fake_reset ();
  }
}

/* These are each session's own. */
static void
test_together (void)
{
  One first = one_new (NULL),
      second = one_new ("kv-type", OWL2_KV_F32, "modality-adaptive", FALSE,
          "prompt", "Why?", "max-tokens", 3, "nice", 5, NULL);

  one_play (&first);
  one_expect (&first, GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_false (fake_language_only ());
  one_play (&second);
  one_expect (&second, GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  g_assert_cmpint (fake_session_params ().kv_type, ==, OWL2_KV_F32);
  g_assert_true (fake_language_only ());
  one_clear (&first);
  one_clear (&second);
  fake_reset ();
}

/* A path at which there is another file by now. */
static void
test_replaced (void)
{
  g_autofree char *path = NULL, *other = NULL;
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("owl2-XXXXXX", &path, &error);
  One first, second;

  g_assert_no_error (error);
  g_close (fd, NULL);
  other = g_strconcat (path, "-other", NULL);
  g_assert_true (g_file_set_contents (other, "other", -1, NULL));
  first = one_new ("model", path, NULL);
  second = one_new ("model", path, NULL);
  one_play (&first);
  one_expect (&first, GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpint (g_rename (other, path), ==, 0);
  one_play (&second);
  one_expect (&second, GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  one_clear (&first);
  one_clear (&second);
  g_unlink (path);
  fake_reset ();
}

/* ---- ends of loads ------------------------------------------------------ */

static void
test_cancel_one (void)
{
  One first = one_new (NULL), second = one_new (NULL);
  gint64 took;

  fake_set_gate (FAKE_LOAD, TRUE);
  one_play (&first);
  one_play (&second);
  fake_wait_calls (FAKE_LOAD, 1);
  one_expect (&first, GST_PROGRESS_TYPE_CONTINUE, 0);
  took = one_stop (&first);
  g_test_message ("the stop took %" G_GINT64_FORMAT " us", took);
  g_assert_cmpint (took, <, SOON_US);
  one_expect (&first, GST_PROGRESS_TYPE_CANCELED, 0);
  fake_set_gate (FAKE_LOAD, FALSE);
  one_expect (&second, GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  g_assert_cmpuint (fake_n_cancelled (), ==, 0);
  one_clear (&first);
  one_clear (&second);
  fake_reset ();
}

/* A load that nobody waits for is dropped by the thread that loads, however
 * long that takes to notice. */
static void
test_cancel_all (void)
{
  One ones[N];

  fake_set_gate (FAKE_LOAD, TRUE);
  for (guint i = 0; i < N; i++) {
    ones[i] = one_new (NULL);
    one_play (&ones[i]);
  }
  fake_wait_calls (FAKE_LOAD, 1);
  for (guint i = 0; i < N; i++)
    g_assert_cmpint (one_stop (&ones[i]), <, SOON_US);
  owl2_registry_drain ();
  g_assert_cmpuint (fake_n_cancelled (), ==, 1);
  fake_set_gate (FAKE_LOAD, FALSE);
  one_play (&ones[0]);
  one_expect (&ones[0], GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  for (guint i = 0; i < N; i++)
    one_clear (&ones[i]);
  fake_reset ();
}

/* The next load waits for the end of one that is being dropped, as the device
 * may have no room for both; whoever wants it waits for nothing. */
static void
test_drop_first (void)
{
  One first = one_new (NULL), second = one_new (NULL);

  fake_set_gate (FAKE_LOAD, TRUE);
  fake_set_gate (FAKE_DROP, TRUE);
  one_play (&first);
  fake_wait_calls (FAKE_LOAD, 1);
  g_assert_cmpint (one_stop (&first), <, SOON_US);
  while (!fake_n_cancelled ())
    g_usleep (1000);
  fake_set_gate (FAKE_LOAD, FALSE);
  one_play (&second);
  g_usleep (20000);
  g_assert_cmpint (one_stop (&second), <, SOON_US);
  one_play (&first);
  one_play (&second);
  g_usleep (20000);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  fake_set_gate (FAKE_DROP, FALSE);
  one_expect (&first, GST_PROGRESS_TYPE_COMPLETE, 0);
  one_expect (&second, GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  one_clear (&first);
  one_clear (&second);
  fake_reset ();
}

static void
test_fails (void)
{
  One ones[3];

  fake_set_gate (FAKE_LOAD, TRUE);
  fake_fail (FAKE_LOAD, 1, OWL2_ERROR_NO_MEMORY);
  for (guint i = 0; i < G_N_ELEMENTS (ones); i++) {
    ones[i] = one_new (NULL);
    one_play (&ones[i]);
  }
  fake_wait_calls (FAKE_LOAD, 1);
  fake_set_gate (FAKE_LOAD, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (ones); i++) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        ones[i].bus, 20 * GST_SECOND, GST_MESSAGE_ERROR);

    g_assert_nonnull (message);
    one_stop (&ones[i]);
  }
  /* It is not kept. */
  one_play (&ones[1]);
  one_expect (&ones[1], GST_PROGRESS_TYPE_COMPLETE, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 2);
  for (guint i = 0; i < G_N_ELEMENTS (ones); i++)
    one_clear (&ones[i]);
  fake_reset ();
}

/* Up and down while a load takes seconds. */
static void
test_at_once (void)
{
  gint64 start, up, down;
  One ones[N];

  fake_set_delay (FAKE_LOAD, 5 * G_USEC_PER_SEC);
  for (guint i = 0; i < N; i++)
    ones[i] = one_new (NULL);
  start = g_get_monotonic_time ();
  for (guint i = 0; i < N; i++)
    one_play (&ones[i]);
  up = g_get_monotonic_time () - start;
  for (guint i = 0; i < N; i++)
    g_assert_cmpint (GST_STATE (ones[i].element), ==, GST_STATE_PLAYING);
  fake_wait_calls (FAKE_LOAD, 1);
  start = g_get_monotonic_time ();
  for (guint i = 0; i < N; i++)
    one_stop (&ones[i]);
  down = g_get_monotonic_time () - start;
  g_test_message ("%d elements: up in %" G_GINT64_FORMAT
                  " us, down in %" G_GINT64_FORMAT " us",
      N, up, down);
  g_assert_cmpint (up, <, N * SOON_US);
  g_assert_cmpint (down, <, N * SOON_US);
  for (guint i = 0; i < N; i++)
    one_clear (&ones[i]);
  fake_reset ();
}

/* ---- threads ------------------------------------------------------------ */

/* Of the element and the registry, not of the tests' engine. */
static guint
count_threads (void)
{
  GDir *dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((task = g_dir_read_name (dir))) {
    g_autofree char *path =
        g_build_filename ("/proc/self/task", task, "comm", NULL);
    g_autofree char *name = NULL;

    if (g_file_get_contents (path, &name, NULL, NULL))
      n += g_str_has_prefix (name, "owl2");
  }
  g_dir_close (dir);
  return n;
}

/* Those that end take a moment. */
static void
expect_threads (guint most)
{
  gint64 end = g_get_monotonic_time () + BENCH_LIMIT_US;
  guint n;

  while ((n = count_threads ()) > most) {
    if (g_get_monotonic_time () > end)
      g_error ("%u threads instead of %u", n, most);
    g_usleep (1000);
  }
}

static void
test_threads (void)
{
  static const guint counts[] = { 1, 8, 32 };

  if (!g_file_test ("/proc/self/task", G_FILE_TEST_IS_DIR)) {
    g_test_skip ("no /proc");
    return;
  }
  for (guint k = 0; k < G_N_ELEMENTS (counts); k++) {
    One ones[32];

    expect_threads (0);
    for (guint i = 0; i < counts[k]; i++) {
      ones[i] = one_new (NULL);
      one_play (&ones[i]);
      one_expect (&ones[i], GST_PROGRESS_TYPE_COMPLETE, 0);
    }
    g_assert_cmpuint (count_threads (), >=, 1);
    expect_threads (MIN (counts[k], 4));
    for (guint i = 0; i < counts[k]; i++)
      one_clear (&ones[i]);
    fake_reset ();
  }
  expect_threads (0);
}

/* ---- handlers ----------------------------------------------------------- */

typedef struct {
  GMutex lock;
  GCond cond;
  gboolean blocked, open;
} Block;

static GstBusSyncReply
block_answers (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Block *block = user_data;

  if (gst_message_has_name (message, "owl2-answer")) {
    g_mutex_lock (&block->lock);
    block->blocked = TRUE;
    g_cond_broadcast (&block->cond);
    while (!block->open)
      g_cond_wait (&block->cond, &block->lock);
    g_mutex_unlock (&block->lock);
  }
  gst_message_unref (message);
  return GST_BUS_DROP;
}

/* An application that is busy with one element's answer gets another's. */
static void
test_blocked_handler (void)
{
  Bench *slow = bench_new (TRUE, NULL), *other = bench_new (FALSE, NULL);
  Block block = { .open = FALSE };

  g_mutex_init (&block.lock);
  g_cond_init (&block.cond);
  gst_bus_set_sync_handler (slow->bus, block_answers, &block, NULL);
  bench_push_range (slow, 0, 1);
  g_mutex_lock (&block.lock);
  while (!block.blocked)
    g_cond_wait (&block.cond, &block.lock);
  g_mutex_unlock (&block.lock);

  bench_push_range (other, 0, 31);
  g_assert_cmpuint (bench_stat (other, "clips-answered"), ==, 4);
  bench_free (other);
  g_mutex_lock (&block.lock);
  block.open = TRUE;
  g_cond_broadcast (&block.cond);
  g_mutex_unlock (&block.lock);
  gst_bus_set_sync_handler (slow->bus, NULL, NULL, NULL);
  bench_end (slow);
  g_mutex_clear (&block.lock);
  g_cond_clear (&block.cond);
}

/* ---- the registry alone ------------------------------------------------- */

typedef struct {
  int n_done, n_models; /* atomic */
  int tired;            /* atomic: progress says no after so many */
  int code;             /* atomic: of the error */
} Opener;

static gboolean
opener_progress (const char *stage, double fraction, gpointer user_data)
{
  return g_atomic_int_add (&((Opener *) user_data)->tired, -1) > 0;
}

static void
opener_done (Owl2Model *model, const GError *error, gpointer user_data)
{
  Opener *opener = user_data;

  g_assert_true ((model == NULL) == (error != NULL));
  if (error)
    g_atomic_int_set (&opener->code, error->code);
  g_atomic_int_add (&opener->n_models, model != NULL);
  g_atomic_int_inc (&opener->n_done);
  owl2_model_unref (model);
}

static Owl2Opening *
opener_open (Opener *opener)
{
  const Owl2ModelParams params = { .progress = opener_progress,
    .progress_data = opener };
  g_autoptr (GError) error = NULL;
  Owl2Opening *opening =
      owl2_model_open (&params, TRUE, opener_done, opener, &error);

  g_assert_no_error (error);
  return opening;
}

/* One whose progress says no is told, and the other gets the model. */
static void
test_progress_says_no (void)
{
  Opener tired = { .tired = 3 }, patient = { .tired = G_MAXINT };
  Owl2Opening *openings[2];

  fake_set_gate (FAKE_LOAD, TRUE);
  openings[0] = opener_open (&tired);
  openings[1] = opener_open (&patient);
  while (!g_atomic_int_get (&tired.n_done))
    g_usleep (1000);
  g_assert_cmpint (tired.n_models, ==, 0);
  g_assert_cmpint (tired.code, ==, OWL2_ERROR_CANCELLED);
  fake_set_gate (FAKE_LOAD, FALSE);
  while (!g_atomic_int_get (&patient.n_done))
    g_usleep (1000);
  g_assert_cmpint (patient.n_models, ==, 1);
  owl2_opening_cancel (openings[0]);
  owl2_opening_cancel (openings[1]);
  g_assert_cmpint (tired.n_done, ==, 1);
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  fake_reset ();
}

static gpointer
open_and_cancel (gpointer data)
{
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));
  guint n_models = 0;

  for (guint i = 0; i < 200; i++) {
    Opener opener = {
      .tired = g_rand_boolean (rand) ? G_MAXINT : g_rand_int_range (rand, 0, 8)
    };
    Owl2Opening *opening = opener_open (&opener);
    int n_done;

    g_usleep ((gulong) g_rand_int_range (rand, 0, 1500));
    owl2_opening_cancel (opening);
    n_done = g_atomic_int_get (&opener.n_done);
    g_assert_cmpint (n_done, <=, 1);
    n_models += (guint) opener.n_models;
  }
  g_rand_free (rand);
  return GUINT_TO_POINTER (n_models);
}

static void
test_storm (void)
{
  GThread *threads[6];
  guint n_models = 0;

  fake_set_delay (FAKE_LOAD, 500);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("open", open_and_cancel,
        GUINT_TO_POINTER (g_test_rand_int_range (0, 1 << 30)));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    n_models += GPOINTER_TO_UINT (g_thread_join (threads[i]));
  g_test_message ("%u models in %u loads", n_models, fake_n_calls (FAKE_LOAD));
  g_assert_cmpuint (n_models, >, 10);
  fake_reset ();
}

static void
add_tests (void)
{
  g_test_add_func ("/share/eight", test_eight);
  g_test_add_func ("/share/apart", test_apart);
  g_test_add_func ("/share/together", test_together);
  g_test_add_func ("/share/replaced", test_replaced);
  g_test_add_func ("/share/cancel-one", test_cancel_one);
  g_test_add_func ("/share/cancel-all", test_cancel_all);
  g_test_add_func ("/share/drop-first", test_drop_first);
  g_test_add_func ("/share/fails", test_fails);
  g_test_add_func ("/share/at-once", test_at_once);
  g_test_add_func ("/share/threads", test_threads);
  g_test_add_func ("/share/blocked-handler", test_blocked_handler);
  g_test_add_func ("/share/progress-says-no", test_progress_says_no);
  g_test_add_func ("/share/storm", test_storm);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
