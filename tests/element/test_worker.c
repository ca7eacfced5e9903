/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker without an element: its bounds, and all its calls from several
 * threads at once. Also run under ThreadSanitizer. */
#include "bench.h"
#include "gstowl2worker.h"

#define BIG (32 * 1024 * 1024)

typedef struct {
  GstOwl2Worker *worker;
  GstOwl2Stats *stats;
  int n_answers, n_lost, n_failed; /* atomic */
  int block;                       /* atomic: answers wait for 0 */
} Rig;

static void
on_progress (
    GstProgressType type, const char *text, int percent, gpointer user_data)
{
  g_assert_cmpint (percent, >=, 0);
  g_assert_cmpint (percent, <=, 100);
}

static void
on_answer (
    const GstOwl2Job *job, const GstOwl2Answer *answer, gpointer user_data)
{
  Rig *rig = user_data;

  g_atomic_int_inc (&rig->n_answers);
  while (g_atomic_int_get (&rig->block))
    g_usleep (100);
}

static void
on_lost (const GstOwl2Job *job, const GError *error, gpointer user_data)
{
  g_atomic_int_inc (&((Rig *) user_data)->n_lost);
}

static void
on_failed (const GError *error, gpointer user_data)
{
  g_atomic_int_inc (&((Rig *) user_data)->n_failed);
}

static void
rig_init (Rig *rig)
{
  static const GstOwl2WorkerFuncs funcs = { .progress = on_progress,
    .answer = on_answer,
    .lost = on_lost,
    .failed = on_failed };
  g_autoptr (GstOwl2Settings) settings = gst_owl2_settings_new ();
  const GstOwl2WorkerConfig config = { .settings = settings, .share = TRUE };

  memset (rig, 0, sizeof (*rig));
  rig->stats = gst_owl2_stats_new ();
  rig->worker = gst_owl2_worker_new (&funcs, rig, rig->stats);
  g_assert_cmpint (gst_owl2_worker_flow (rig->worker), ==, GST_FLOW_FLUSHING);
  gst_owl2_worker_configure (rig->worker, &config);
  gst_owl2_worker_start (rig->worker);
}

static void
rig_clear (Rig *rig)
{
  gst_owl2_worker_free (rig->worker);
  gst_owl2_stats_unref (rig->stats);
  fake_reset ();
}

/* Until so many clips are done with. */
static void
wait_done (Rig *rig, int n)
{
  while (
      g_atomic_int_get (&rig->n_answers) + g_atomic_int_get (&rig->n_lost) < n)
    g_usleep (1000);
}

static GstOwl2Frame *
take (Rig *rig, gsize size, gboolean wait, gboolean lazy)
{
  GstVideoInfo info;
  g_autoptr (GstBuffer) buffer = NULL;
  GstOwl2Picture picture = { .info = &info };

  /* Eight bytes of each pixel, so that the RGB takes less. */
  gst_video_info_set_format (
      &info, GST_VIDEO_FORMAT_ARGB64, 128, (guint) (size / 1024));
  g_assert_cmpuint (info.size, ==, size);
  picture.buffer = buffer = gst_buffer_new_allocate (NULL, size, NULL);
  return gst_owl2_worker_take (rig->worker, &picture, wait, lazy, NULL);
}

/* (transfer full) @frame */
static GstOwl2Job *
job_new (GstOwl2Frame *frame)
{
  GstOwl2Job *job = g_new0 (GstOwl2Job, 1);

  job->settings = gst_owl2_settings_new ();
  job->frames[0] = frame;
  job->n_frames = 1;
  return job;
}

/* Frames that are not encoded yet are held up to the limit and no further. */
static void
test_room (void)
{
  const guint most = GST_OWL2_MAX_RAW_BYTES / BIG;
  GstOwl2Frame *frames[GST_OWL2_MAX_RAW_BYTES / BIG + 1];
  guint n = 0;
  Rig rig;

  rig_init (&rig);
  fake_set_gate (FAKE_ENCODE, TRUE);
  while (n <= most && (frames[n] = take (&rig, BIG, FALSE, FALSE)))
    n++;
  g_assert_cmpuint (n, ==, most);
  fake_set_gate (FAKE_ENCODE, FALSE);
  frames[n++] = take (&rig, BIG, TRUE, FALSE);
  g_assert_nonnull (frames[n - 1]);
  while (n)
    gst_owl2_frame_unref (frames[--n]);
  rig_clear (&rig);
}

/* Frames that nobody wants any more take no room. */
static void
test_room_dropped (void)
{
  Rig rig;

  rig_init (&rig);
  fake_set_gate (FAKE_ENCODE, TRUE);
  for (guint i = 0; i < 3 * GST_OWL2_MAX_RAW_BYTES / BIG; i++) {
    GstOwl2Frame *frame = take (&rig, BIG, FALSE, FALSE);

    g_assert_nonnull (frame);
    gst_owl2_frame_unref (frame);
  }
  rig_clear (&rig);
}

static gpointer
take_and_wait (gpointer data)
{
  return take (data, BIG, TRUE, FALSE);
}

static void
test_room_flush (void)
{
  const guint most = GST_OWL2_MAX_RAW_BYTES / BIG;
  GstOwl2Frame *frames[GST_OWL2_MAX_RAW_BYTES / BIG];
  GThread *thread;
  Rig rig;

  rig_init (&rig);
  fake_set_gate (FAKE_ENCODE, TRUE);
  for (guint i = 0; i < most; i++)
    frames[i] = take (&rig, BIG, FALSE, FALSE);
  thread = g_thread_new ("take", take_and_wait, &rig);
  g_usleep (10000);
  gst_owl2_worker_set_flushing (rig.worker, TRUE);
  g_assert_null (g_thread_join (thread));
  for (guint i = 0; i < most; i++)
    gst_owl2_frame_unref (frames[i]);
  rig_clear (&rig);
}

/* Lazy frames take half of the room; then they are kept at the model's size,
 * and those first that nobody has dropped. */
static void
test_room_lazy (void)
{
  const guint half = GST_OWL2_MAX_RAW_BYTES / BIG / 2;
  GstOwl2Frame *frames[2 * GST_OWL2_MAX_RAW_BYTES / BIG];
  guint n = 0;
  Rig rig;

  rig_init (&rig);
  for (; n < half; n++)
    frames[n] = take (&rig, BIG, TRUE, TRUE);
  g_usleep (10000);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 0);
  for (; n < G_N_ELEMENTS (frames); n++) {
    frames[n] = take (&rig, BIG, TRUE, TRUE);
    g_assert_nonnull (frames[n]);
    g_assert_cmpuint (
        gst_owl2_worker_raw_bytes (rig.worker), <=, GST_OWL2_MAX_RAW_BYTES);
  }
  /* One more, since the small ones take room as well. */
  fake_wait_calls (FAKE_SHRINK, n - half + 1);
  while (gst_owl2_worker_raw_bytes (rig.worker) > GST_OWL2_LAZY_RAW_BYTES)
    g_usleep (1000);
  g_assert_cmpuint (fake_n_calls (FAKE_SHRINK), ==, n - half + 1);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 0);

  /* A small one and a raw one are encoded alike. */
  gst_owl2_worker_submit (
      rig.worker, job_new (gst_owl2_frame_ref (frames[0])), FALSE);
  gst_owl2_worker_submit (
      rig.worker, job_new (gst_owl2_frame_ref (frames[n - 1])), FALSE);
  wait_done (&rig, 2);
  g_assert_cmpint (g_atomic_int_get (&rig.n_answers), ==, 2);
  g_assert_cmpuint (fake_image (0).width, ==, FAKE_IMAGE_SIZE);
  g_assert_cmpuint (fake_image (0).height, ==, FAKE_IMAGE_SIZE);
  g_assert_cmpuint (fake_image (1).width, ==, 128);
  while (n)
    gst_owl2_frame_unref (frames[--n]);
  rig_clear (&rig);
}

/* What can't be shrunk is known to be lost, and takes no room. */
static void
test_room_lazy_fails (void)
{
  GstOwl2Frame *frames[2 * GST_OWL2_MAX_RAW_BYTES / BIG];
  Rig rig;

  rig_init (&rig);
  fake_fail (FAKE_SHRINK, 0, OWL2_ERROR_NO_MEMORY);
  for (guint n = 0; n < G_N_ELEMENTS (frames); n++) {
    frames[n] = take (&rig, BIG, TRUE, TRUE);
    g_assert_nonnull (frames[n]);
    g_assert_cmpuint (
        gst_owl2_worker_raw_bytes (rig.worker), <=, GST_OWL2_MAX_RAW_BYTES);
  }
  gst_owl2_worker_submit (
      rig.worker, job_new (gst_owl2_frame_ref (frames[0])), FALSE);
  wait_done (&rig, 1);
  g_assert_cmpint (g_atomic_int_get (&rig.n_lost), ==, 1);
  for (guint n = 0; n < G_N_ELEMENTS (frames); n++)
    gst_owl2_frame_unref (frames[n]);
  rig_clear (&rig);
}

/* A frame larger than all of the room is still taken, one at a time. */
static void
test_room_giant (void)
{
  const gsize size = GST_OWL2_MAX_RAW_BYTES + 1024;
  GstOwl2Frame *first, *second;
  Rig rig;

  rig_init (&rig);
  fake_set_gate (FAKE_ENCODE, TRUE);
  first = take (&rig, size, FALSE, FALSE);
  g_assert_nonnull (first);
  g_assert_null (take (&rig, size, FALSE, FALSE));
  fake_set_gate (FAKE_ENCODE, FALSE);
  second = take (&rig, size, TRUE, FALSE);
  g_assert_nonnull (second);
  gst_owl2_frame_unref (first);
  gst_owl2_frame_unref (second);
  rig_clear (&rig);
}

static void
test_submit_bounds (void)
{
  guint n_dropped = 0;
  Rig rig;

  rig_init (&rig);
  fake_set_gate (FAKE_GENERATE, TRUE);
  for (guint i = 0; i < 20; i++) {
    n_dropped += gst_owl2_worker_submit (
        rig.worker, job_new (take (&rig, 1024, TRUE, FALSE)), TRUE);
    if (i == 0)
      fake_wait_calls (FAKE_GENERATE, 1);
  }
  g_assert_cmpuint (n_dropped, ==, 18);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpuint (gst_owl2_worker_submit (rig.worker,
                          job_new (take (&rig, 1024, TRUE, FALSE)), FALSE),
        ==, 0);
  fake_set_gate (FAKE_GENERATE, FALSE);
  wait_done (&rig, 22);
  g_assert_cmpint (g_atomic_int_get (&rig.n_answers), ==, 22);
  rig_clear (&rig);
}

static gpointer
stop (gpointer data)
{
  gst_owl2_worker_stop (data);
  return NULL;
}

/* A stop waits for an engine that is slow to cancel, while the callback that
 * was running ends: the clip is still the engine's then. */
static void
test_stop_order (void)
{
  GstOwl2Job *job;
  GThread *thread;
  Rig rig;

  rig_init (&rig);
  g_atomic_int_set (&rig.block, 1);
  fake_set_n_tokens (50);
  fake_set_delay (FAKE_GENERATE, 10000);
  job = job_new (take (&rig, 1024, TRUE, FALSE));
  job->settings->partial = TRUE;
  gst_owl2_worker_submit (rig.worker, job, FALSE);
  while (!g_atomic_int_get (&rig.n_answers))
    g_usleep (1000);
  fake_set_gate (FAKE_TOKEN, TRUE);
  g_usleep (30000);
  thread = g_thread_new ("stop", stop, rig.worker);
  g_usleep (30000);
  g_atomic_int_set (&rig.block, 0);
  g_usleep (30000);
  fake_set_gate (FAKE_TOKEN, FALSE);
  g_thread_join (thread);
  g_assert_cmpint (g_atomic_int_get (&rig.n_answers), ==, 1);
  rig_clear (&rig);
}

/* ---- all at once ------------------------------------------------------- */

static int storm_over; /* atomic */

static gpointer
storm_stream (gpointer data)
{
  Rig *rig = data;

  for (guint i = 0; !g_atomic_int_get (&storm_over); i++) {
    const gboolean wait = i % 3 == 0;
    GstOwl2Frame *frame = take (rig, 1024, wait, i % 5 == 0);
    guint n_dropped;

    if (frame) {
      GstOwl2Job *job = job_new (gst_owl2_frame_ref (frame));

      job->settings->partial = i % 2;
      gst_owl2_worker_submit (rig->worker, job, !wait);
      if (wait)
        gst_owl2_worker_finish (rig->worker, GST_SECOND, &n_dropped);
      gst_owl2_frame_unref (frame);
    }
    gst_owl2_worker_answer_ns (rig->worker);
    gst_owl2_worker_flow (rig->worker);
  }
  return NULL;
}

static gpointer
storm_flush (gpointer data)
{
  Rig *rig = data;

  while (!g_atomic_int_get (&storm_over)) {
    gst_owl2_worker_set_flushing (rig->worker, TRUE);
    g_usleep ((gulong) g_random_int_range (0, 300));
    gst_owl2_worker_set_flushing (rig->worker, FALSE);
    g_usleep ((gulong) g_random_int_range (0, 3000));
  }
  return NULL;
}

static gpointer
storm_stats (gpointer data)
{
  Rig *rig = data;

  while (!g_atomic_int_get (&storm_over)) {
    gst_structure_free (gst_owl2_stats_to_structure (rig->stats));
    g_usleep (200);
  }
  return NULL;
}

static void
test_storm (void)
{
  static const GThreadFunc funcs[] = { storm_stream, storm_flush, storm_stats };
  const gint64 end = g_get_monotonic_time () + BENCH_LIMIT_US;
  GThread *threads[G_N_ELEMENTS (funcs)];
  Rig rig;

  rig_init (&rig);
  fake_set_delay (FAKE_ENCODE, 50);
  fake_set_delay (FAKE_GENERATE, 50);
  fake_set_delay (FAKE_LOAD, 1000);
  g_atomic_int_set (&storm_over, 0);
  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    threads[i] = g_thread_new ("storm", funcs[i], &rig);
  /* On a busy machine there is no answer in most of them. */
  for (guint i = 0; i < 25
                    || (g_atomic_int_get (&rig.n_answers) <= 10
                        && g_get_monotonic_time () < end);
       i++) {
    g_usleep ((gulong) g_test_rand_int_range (0, 40000));
    if (i % 2) {
      gst_owl2_worker_cancel (rig.worker, TRUE);
      gst_owl2_worker_rest (rig.worker);
      g_usleep ((gulong) g_test_rand_int_range (0, 2000));
      if (gst_owl2_worker_resume (rig.worker))
        continue;
    }
    gst_owl2_worker_stop (rig.worker);
    gst_owl2_worker_start (rig.worker);
  }
  gst_owl2_worker_cancel (rig.worker, FALSE);
  g_atomic_int_set (&storm_over, 1);
  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    g_thread_join (threads[i]);
  g_test_message ("%d messages, %u cancelled",
      g_atomic_int_get (&rig.n_answers), fake_n_cancelled ());
  g_assert_cmpint (g_atomic_int_get (&rig.n_answers), >, 10);
  g_assert_cmpint (g_atomic_int_get (&rig.n_failed), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&rig.n_lost), ==, 0);
  rig_clear (&rig);
}

/* While it rests, with a model that is being loaded or there, the stream's
 * calls are those of a worker that is stopped. */
static void
test_rest (void)
{
  GstOwl2Frame *frame;
  Rig rig;

  fake_set_gate (FAKE_LOAD, TRUE);
  rig_init (&rig);
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpint (gst_owl2_worker_flow (rig.worker), ==, GST_FLOW_OK);
    gst_owl2_worker_cancel (rig.worker, TRUE);
    g_assert_cmpint (gst_owl2_worker_flow (rig.worker), ==, GST_FLOW_FLUSHING);
    g_assert_false (gst_owl2_worker_rest (rig.worker));
    g_assert_cmpint (gst_owl2_worker_flow (rig.worker), ==, GST_FLOW_FLUSHING);
    g_assert_null (take (&rig, BIG, TRUE, FALSE));
    g_assert_true (gst_owl2_worker_resume (rig.worker));
    g_assert_false (gst_owl2_worker_resume (rig.worker));
    g_assert_cmpint (gst_owl2_worker_flow (rig.worker), ==, GST_FLOW_OK);
    fake_set_gate (FAKE_LOAD, FALSE);
    frame = take (&rig, BIG, TRUE, FALSE);
    g_assert_nonnull (frame);
    gst_owl2_worker_submit (rig.worker, job_new (frame), FALSE);
    wait_done (&rig, (int) i + 1);
  }
  g_assert_cmpuint (fake_n_calls (FAKE_LOAD), ==, 1);
  rig_clear (&rig);
}

static void
add_tests (void)
{
  g_test_add_func ("/worker/room/limit", test_room);
  g_test_add_func ("/worker/room/dropped", test_room_dropped);
  g_test_add_func ("/worker/room/flush", test_room_flush);
  g_test_add_func ("/worker/room/lazy", test_room_lazy);
  g_test_add_func ("/worker/room/lazy-fails", test_room_lazy_fails);
  g_test_add_func ("/worker/room/giant", test_room_giant);
  g_test_add_func ("/worker/submit-bounds", test_submit_bounds);
  g_test_add_func ("/worker/stop-order", test_stop_order);
  g_test_add_func ("/worker/rest", test_rest);
  g_test_add_func ("/worker/storm", test_storm);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
