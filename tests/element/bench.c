/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"
#include "gstowl2settings.h"

#include <string.h>

#define TIMEOUT (20 * GST_SECOND)

#if defined(__SANITIZE_ADDRESS__)
#  define WITH_ASAN 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define WITH_ASAN 1
#  endif
#endif

#ifdef WITH_ASAN
/* GLib makes its table of quarks when it is loaded, and never frees it when it
 * grows, so that readers need no lock. Only the slow unwinder gets through
 * GLib's frames to the loader's. */
const char *__asan_default_options (void);
const char *__lsan_default_suppressions (void);

__attribute__ ((visibility ("default"))) const char *
__asan_default_options (void)
{
  return "fast_unwind_on_malloc=0:malloc_context_size=8";
}

__attribute__ ((visibility ("default"))) const char *
__lsan_default_suppressions (void)
{
  return "leak:call_init\nleak:_dl_init\n";
}
#endif

int
bench_main (int *argc, char ***argv, void (*add_tests) (void))
{
  int ret;

  g_test_init (argc, argv, NULL);
  gst_init (argc, argv);
  gst_element_register (NULL, "owl2", GST_RANK_NONE, GST_TYPE_OWL2);
  fake_reset ();
  add_tests ();
  ret = g_test_run ();
  /* For the leaks tracer, which tells now. */
  gst_deinit ();
  return ret;
}

GstElement *
bench_element (GstBus **bus)
{
  GstElement *element = gst_element_factory_make ("owl2", NULL);

  g_assert_nonnull (element);
  gst_object_ref_sink (element);
  *bus = gst_bus_new ();
  gst_element_set_bus (element, *bus);
  g_object_set (element, "max-queue-time", (guint64) 0, NULL);
  return element;
}

static Bench *
bench_new_valist (
    gboolean live, const char *caps, const char *first_property, va_list args)
{
  Bench *b = g_new0 (Bench, 1);

  b->element = bench_element (&b->bus);
  /* What else a busy machine does must not hold the tests up. */
  g_object_set (b->element, "nice", 0, NULL);
  if (first_property)
    g_object_set_valist (G_OBJECT (b->element), first_property, args);
  b->h = gst_harness_new_with_element (b->element, "sink", "src");
  gst_harness_set_live (b->h, live);
  gst_harness_set_src_caps_str (b->h, caps);
  return b;
}

Bench *
bench_new (gboolean live, const char *first_property, ...)
{
  va_list args;
  Bench *b;

  va_start (args, first_property);
  b = bench_new_valist (live, BENCH_CAPS, first_property, args);
  va_end (args);
  return b;
}

Bench *
bench_new_held (gboolean live, guint64 max_time, guint64 max_bytes)
{
  return bench_new (live, "when-busy", GST_OWL2_WHEN_BUSY_WAIT, "interval",
      200 * MS, "frames", 2, "max-queue-time", max_time, "max-queue-bytes",
      max_bytes, NULL);
}

Bench *
bench_with_caps (const char *caps, const char *first_property, ...)
{
  va_list args;
  Bench *b;

  va_start (args, first_property);
  b = bench_new_valist (FALSE, caps, first_property, args);
  va_end (args);
  return b;
}

void
bench_free (Bench *b)
{
  gst_harness_teardown (b->h);
  gst_element_set_state (b->element, GST_STATE_NULL);
  gst_element_set_bus (b->element, NULL);
  gst_bus_set_flushing (b->bus, TRUE);
  gst_object_unref (b->bus);
  gst_object_unref (b->element);
  g_free (b);
}

void
bench_end (Bench *b)
{
  bench_free (b);
  fake_reset ();
}

GstBuffer *
bench_buffer (guint i)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, BENCH_SIZE, NULL);

  gst_buffer_memset (buffer, 0, (guint8) i, BENCH_SIZE);
  GST_BUFFER_PTS (buffer) = i * BENCH_STEP;
  GST_BUFFER_DURATION (buffer) = BENCH_STEP;
  GST_BUFFER_OFFSET (buffer) = i;
  return buffer;
}

GstFlowReturn
bench_push (Bench *b, guint i)
{
  return gst_harness_push (b->h, bench_buffer (i));
}

void
bench_push_range (Bench *b, guint from, guint to)
{
  for (guint i = from; i < to; i++)
    g_assert_cmpint (bench_push (b, i), ==, GST_FLOW_OK);
}

struct _BenchCall {
  Bench *b;
  gboolean eos;
  guint index;
  int result;
  int done; /* atomic */
  GThread *thread;
};

static gpointer
call_run (gpointer data)
{
  BenchCall *call = data;

  if (call->eos)
    call->result = gst_harness_push_event (call->b->h, gst_event_new_eos ());
  else
    call->result = bench_push (call->b, call->index);
  g_atomic_int_set (&call->done, 1);
  return NULL;
}

static BenchCall *
call_new (Bench *b, gboolean eos, guint index)
{
  BenchCall *call = g_new0 (BenchCall, 1);

  call->b = b;
  call->eos = eos;
  call->index = index;
  call->thread = g_thread_new ("push", call_run, call);
  return call;
}

BenchCall *
bench_push_async (Bench *b, guint i)
{
  return call_new (b, FALSE, i);
}

BenchCall *
bench_eos_async (Bench *b)
{
  return call_new (b, TRUE, 0);
}

gboolean
bench_call_is_done (BenchCall *call)
{
  return g_atomic_int_get (&call->done);
}

int
bench_call_finish (BenchCall *call)
{
  gint64 end = g_get_monotonic_time () + (gint64) (TIMEOUT / 1000);
  int result;

  while (!bench_call_is_done (call)) {
    if (g_get_monotonic_time () > end)
      g_error ("the streaming thread does not come back");
    g_usleep (1000);
  }
  g_thread_join (call->thread);
  result = call->result;
  g_free (call);
  return result;
}

void
bench_eos (Bench *b)
{
  g_assert_true (gst_harness_push_event (b->h, gst_event_new_eos ()));
}

void
bench_new_segment (Bench *b)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
}

void
bench_flush_start (Bench *b)
{
  g_assert_true (gst_harness_push_event (b->h, gst_event_new_flush_start ()));
}

void
bench_flush_stop (Bench *b)
{
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_flush_stop (TRUE)));
  bench_new_segment (b);
}

guint
bench_n_events (Bench *b, GstEventType type)
{
  GstEvent *event;
  guint n = 0;

  while ((event = gst_harness_try_pull_event (b->h))) {
    n += GST_EVENT_TYPE (event) == type;
    gst_event_unref (event);
  }
  return n;
}

GstBuffer *
bench_pull (Bench *b)
{
  GstBuffer *buffer = gst_harness_pull (b->h);

  g_assert_nonnull (buffer);
  return buffer;
}

guint
bench_drain (Bench *b)
{
  GstBuffer *buffer;
  guint n = 0;

  while ((buffer = gst_harness_try_pull (b->h))) {
    gst_buffer_unref (buffer);
    n++;
  }
  return n;
}

void
bench_expect_frames (Bench *b, guint from, guint to, guint answer)
{
  for (guint i = from; i < to; i++) {
    g_autoptr (GstBuffer) buffer = bench_pull (b);
    const GstStructure *meta = gst_owl2_meta_get (buffer);

    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    g_assert_cmpuint (meta ? structure_uint64 (meta, "id") : 0, ==, answer);
  }
}

GstClockTime
bench_latency (Bench *b, GstClockTime *max)
{
  g_autoptr (GstPad) pad = gst_element_get_static_pad (b->element, "src");
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min = GST_CLOCK_TIME_NONE;
  gboolean live;

  g_assert_true (gst_pad_query (pad, query));
  gst_query_parse_latency (query, &live, &min, max);
  gst_query_unref (query);
  return min;
}

GstStructure *
bench_answer (Bench *b, GstClockTime timeout)
{
  GstMessage *message;

  while ((message = gst_bus_timed_pop_filtered (
              b->bus, timeout, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR))) {
    g_autoptr (GstMessage) got = message;
    const GstStructure *s = gst_message_get_structure (got);

    if (GST_MESSAGE_TYPE (got) == GST_MESSAGE_ERROR)
      g_error ("unexpected error: %s", gst_structure_to_string (s));
    if (gst_structure_has_name (s, "owl2-answer"))
      return gst_structure_copy (s);
  }
  return NULL;
}

guint
bench_n_answers (Bench *b)
{
  GstStructure *s;
  guint n = 0;

  while ((s = bench_answer (b, 0))) {
    gst_structure_free (s);
    n++;
  }
  return n;
}

void
bench_wait_stat (Bench *b, const char *name, guint64 value)
{
  gint64 end = g_get_monotonic_time () + (gint64) (TIMEOUT / 1000);

  while (bench_stat (b, name) < value) {
    if (g_get_monotonic_time () > end)
      g_error ("%s stays at %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT,
          name, bench_stat (b, name), value);
    g_usleep (500);
  }
}

GstMessage *
bench_message (Bench *b, GstMessageType type)
{
  GstMessage *message = gst_bus_timed_pop_filtered (b->bus, TIMEOUT, type);

  g_assert_nonnull (message);
  return message;
}

void
bench_wait_loaded (Bench *b)
{
  GstProgressType type;

  do {
    g_autoptr (GstMessage) m = bench_message (b, GST_MESSAGE_PROGRESS);

    gst_message_parse_progress (m, &type, NULL, NULL);
  } while (type != GST_PROGRESS_TYPE_COMPLETE);
}

guint
bench_n_messages (Bench *b, GstMessageType type)
{
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (b->bus, type))) {
    gst_message_unref (message);
    n++;
  }
  return n;
}

guint64
structure_uint64 (const GstStructure *s, const char *name)
{
  guint64 value;

  if (!gst_structure_get_uint64 (s, name, &value))
    g_error ("no guint64 '%s'", name);
  return value;
}

guint64
bench_stat (Bench *b, const char *name)
{
  g_autoptr (GstStructure) stats = NULL;

  g_object_get (b->element, "stats", &stats, NULL);
  return structure_uint64 (stats, name);
}

GstBuffer *
bench_reference_rgb (const char *caps, GstBuffer *buffer)
{
  /* Of I420 and YV12 it would take the nearest chroma. */
  const gboolean plain =
      !strstr (caps, "interlace-mode")
      && (strstr (caps, "=I420,") || strstr (caps, "=YV12,"));
  GstHarness *h = gst_harness_new_parse (
      plain ? "videoconvert ! capsfilter caps=video/x-raw,format=NV12 ! "
              "videoconvert ! capsfilter caps=video/x-raw,format=RGB"
            : "videoconvert ! capsfilter caps=video/x-raw,format=RGB");
  GstBuffer *out;

  gst_harness_set_src_caps_str (h, caps);
  g_assert_cmpint (
      gst_harness_push (h, gst_buffer_copy_deep (buffer)), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  g_assert_nonnull (out);
  gst_harness_teardown (h);
  return out;
}

char *
structure_times (const GstStructure *s)
{
  const GValue *times = gst_structure_get_value (s, "frame-times");
  GString *text = g_string_new (NULL);

  g_assert_true (GST_VALUE_HOLDS_ARRAY (times));
  for (guint i = 0; i < gst_value_array_get_size (times); i++) {
    const GValue *time = gst_value_array_get_value (times, i);

    g_assert_true (G_VALUE_HOLDS_UINT64 (time));
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i ? " " : "",
        g_value_get_uint64 (time) / MS);
  }
  return g_string_free (text, FALSE);
}
