/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What passes through, and what the element is from outside: pads, caps,
 * properties, buffers, events, queries, the answer's fields. */
#include "bench.h"

#include <gst/video/video.h>
#include <string.h>
#include <sys/resource.h>

/* ---- outside ----------------------------------------------------------- */

static void
test_class (void)
{
  g_autoptr (GstElementFactory) factory = gst_element_factory_find ("owl2");
  static const struct {
    const char *name;
    GstPadDirection direction;
    GstPadPresence presence;
  } pads[] = { { "sink", GST_PAD_SINK, GST_PAD_ALWAYS },
    { "src", GST_PAD_SRC, GST_PAD_ALWAYS },
    { "text_src", GST_PAD_SRC, GST_PAD_REQUEST },
    { "question_sink", GST_PAD_SINK, GST_PAD_REQUEST } };
  guint n_formats;
  const GstVideoFormat *formats = gst_video_formats_raw (&n_formats);

  g_assert_cmpstr (
      gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
      ==, "Filter/Analyzer/Video");
  g_assert_cmpuint (gst_element_factory_get_num_pad_templates (factory), ==,
      G_N_ELEMENTS (pads));
  for (const GList *l = gst_element_factory_get_static_pad_templates (factory);
       l; l = l->next) {
    GstStaticPadTemplate *template = l->data;
    g_autoptr (GstCaps) caps = gst_static_caps_get (&template->static_caps);
    gboolean known = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS (pads); i++)
      known = known
              || (g_str_equal (template->name_template, pads[i].name)
                  && template->direction == pads[i].direction
                  && template->presence == pads[i].presence);
    g_assert_true (known);
    if (template->presence == GST_PAD_REQUEST) {
      g_assert_true (gst_structure_has_name (
          gst_caps_get_structure (caps, 0), "text/x-raw"));
      continue;
    }

    g_assert_cmpuint (n_formats, >, 80);
    for (guint i = 0; i < n_formats; i++) {
      g_autoptr (GstCaps) one = gst_caps_new_simple ("video/x-raw", "format",
          G_TYPE_STRING, gst_video_format_to_string (formats[i]), "width",
          G_TYPE_INT, i ? 7681 : 1, "height", G_TYPE_INT, 1, "framerate",
          GST_TYPE_FRACTION, 0, 1, NULL);

      g_assert_true (gst_caps_is_subset (one, caps));
    }
  }
}

typedef struct {
  const char *name;
  const char *type;
  const char *value; /* the default */
  GParamFlags mutable;
} Property;

static const Property properties[] = {
  { "model", "gchararray", NULL, GST_PARAM_MUTABLE_READY },
  { "device", "gchararray", NULL, GST_PARAM_MUTABLE_READY },
  { "modality-adaptive", "gboolean", "TRUE", GST_PARAM_MUTABLE_READY },
  { "kv-type", "GstOwl2KvType", "auto", GST_PARAM_MUTABLE_READY },
  { "nice", "gint", "19", GST_PARAM_MUTABLE_READY },
  { "mmap", "gboolean", "FALSE", GST_PARAM_MUTABLE_READY },
  { "share", "gboolean", "TRUE", GST_PARAM_MUTABLE_READY },
  { "cache-bytes", "guint64", "0", GST_PARAM_MUTABLE_READY },
  { "preload", "gboolean", "FALSE", GST_PARAM_MUTABLE_READY },
  { "prompt", "gchararray",
      "Provide a one-sentence caption for the provided image.",
      GST_PARAM_MUTABLE_PLAYING },
  { "trigger", "GstOwl2Trigger", "interval", GST_PARAM_MUTABLE_PLAYING },
  { "interval", "guint64", "1000000000", GST_PARAM_MUTABLE_PLAYING },
  { "frames", "guint", "1", GST_PARAM_MUTABLE_PLAYING },
  { "span", "guint64", "0", GST_PARAM_MUTABLE_PLAYING },
  { "image-mode", "GstOwl2ImageMode", "auto", GST_PARAM_MUTABLE_PLAYING },
  { "when-busy", "GstOwl2WhenBusy", "auto", GST_PARAM_MUTABLE_PLAYING },
  { "scene-threshold", "gdouble", "0.15", GST_PARAM_MUTABLE_PLAYING },
  { "min-interval", "guint64", "500000000", GST_PARAM_MUTABLE_PLAYING },
  { "max-interval", "guint64", "0", GST_PARAM_MUTABLE_PLAYING },
  { "max-tokens", "guint", "128", GST_PARAM_MUTABLE_PLAYING },
  { "min-tokens", "guint", "0", GST_PARAM_MUTABLE_PLAYING },
  { "temperature", "gdouble", "0", GST_PARAM_MUTABLE_PLAYING },
  { "top-k", "guint", "0", GST_PARAM_MUTABLE_PLAYING },
  { "top-p", "gdouble", "1", GST_PARAM_MUTABLE_PLAYING },
  { "repetition-penalty", "gdouble", "1", GST_PARAM_MUTABLE_PLAYING },
  { "seed", "guint64", "0", GST_PARAM_MUTABLE_PLAYING },
  { "partial", "gboolean", "FALSE", GST_PARAM_MUTABLE_PLAYING },
  { "recipe", "gchararray", NULL, GST_PARAM_MUTABLE_PLAYING },
  { "template", "gchararray", NULL, GST_PARAM_MUTABLE_PLAYING },
  { "answer-prefix", "gchararray", NULL, GST_PARAM_MUTABLE_PLAYING },
  { "alert-threshold", "gdouble", "0", GST_PARAM_MUTABLE_PLAYING },
  { "alert-hysteresis", "gdouble", "0.1", GST_PARAM_MUTABLE_PLAYING },
};

static void
test_properties (void)
{
  GstBus *bus;
  GstElement *element = bench_element (&bus);
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);

  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    const Property *p = &properties[i];
    GParamSpec *pspec = g_object_class_find_property (klass, p->name);
    const GParamFlags all = GST_PARAM_MUTABLE_READY | GST_PARAM_MUTABLE_PAUSED
                            | GST_PARAM_MUTABLE_PLAYING;
    g_auto (GValue) expected = G_VALUE_INIT, value = G_VALUE_INIT;

    g_test_message ("%s", p->name);
    g_assert_nonnull (pspec);
    g_assert_cmpstr (g_type_name (pspec->value_type), ==, p->type);
    g_assert_true ((pspec->flags & G_PARAM_READWRITE) == G_PARAM_READWRITE);
    g_assert_cmpuint (pspec->flags & all, ==, p->mutable);
    g_assert_cmpuint (strlen (g_param_spec_get_blurb (pspec)), >, 10);

    g_value_init (&expected, pspec->value_type);
    g_value_init (&value, pspec->value_type);
    if (p->value)
      g_assert_true (gst_value_deserialize (&expected, p->value));
    g_object_get_property (G_OBJECT (element), p->name, &value);
    g_assert_cmpint (g_param_values_cmp (pspec, &value, &expected), ==, 0);
    g_assert_true (g_param_value_defaults (pspec, &value));
  }
  gst_object_unref (element);
  gst_object_unref (bus);
  fake_reset ();
}

static void
test_prompt_default (void)
{
  GstBus *bus;
  GstElement *element = bench_element (&bus);
  g_autofree char *image = NULL, *video = NULL, *set = NULL, *unset = NULL;

  g_object_get (element, "prompt", &image, NULL);
  g_object_set (element, "frames", 8, NULL);
  g_object_get (element, "prompt", &video, NULL);
  g_object_set (element, "prompt", "What is it?", NULL);
  g_object_get (element, "prompt", &set, NULL);
  g_object_set (element, "prompt", NULL, "frames", 1, NULL);
  g_object_get (element, "prompt", &unset, NULL);
  g_assert_cmpstr (
      image, ==, "Provide a one-sentence caption for the provided image.");
  g_assert_cmpstr (
      video, ==, "Provide a one-sentence caption for the provided video.");
  g_assert_cmpstr (set, ==, "What is it?");
  g_assert_cmpstr (unset, ==, image);
  gst_object_unref (element);
  gst_object_unref (bus);
  fake_reset ();
}

/* The engine is loaded, and works, at the nice value asked for, the stream at
 * its own; a process that is nicer stays so. */
static void
test_nice (void)
{
  int own = getpriority (PRIO_PROCESS, 0);

  for (int nice = 0; nice <= 19; nice++) {
    Bench *b = bench_new (FALSE, "nice", nice, NULL);
    int wanted = MAX (own, nice);

    bench_push_range (b, 0, 1);
    g_assert_cmpint (fake_nice (FAKE_LOAD), ==, wanted);
    g_assert_cmpint (fake_nice (FAKE_ENCODE), ==, wanted);
    g_assert_cmpint (fake_nice (FAKE_GENERATE), ==, wanted);
    g_assert_cmpint (getpriority (PRIO_PROCESS, 0), ==, own);
    bench_end (b);
  }
}

/* What the engine is given. */
static void
test_parameters (void)
{
  Bench *b = bench_new (FALSE, "device", "some", "modality-adaptive", FALSE,
      "kv-type", OWL2_KV_Q8_0, "mmap", TRUE, "cache-bytes",
      G_GUINT64_CONSTANT (5) << 32, "prompt", "Bad \xff bytes?", "max-tokens",
      7, "min-tokens", 3, "temperature", 0.25, "top-k", 5, "top-p", 0.5,
      "repetition-penalty", 1.5, "seed", G_GUINT64_CONSTANT (1) << 40, NULL);
  Owl2SessionParams session;
  FakeRequest request;

  bench_push_range (b, 0, 1);
  g_assert_cmpstr (fake_device (), ==, "some");
  g_assert_null (fake_model_path ());
  g_assert_true (fake_language_only ());
  /* Room is made for the clips to come. */
  session = fake_session_params ();
  g_assert_cmpint (session.kv_type, ==, OWL2_KV_Q8_0);
  g_assert_cmpint (fake_load_kv_type (), ==, OWL2_KV_Q8_0);
  g_assert_true (fake_load_mmap ());
  g_assert_cmpuint (fake_load_cache_bytes (), ==, G_GUINT64_CONSTANT (5) << 32);
  g_assert_cmpuint (session.n_frames, ==, 1);
  g_assert_cmpuint (session.max_tokens, ==, 7);
  request = fake_request (0);
  g_assert_cmpstr (session.prompt, ==, request.prompt);
  g_assert_cmpstr (
      request.prompt, ==, "USER: <|image|>Bad \xef\xbf\xbd bytes? ASSISTANT:");
  g_assert_cmpuint (request.sampling.max_tokens, ==, 7);
  g_assert_cmpuint (request.sampling.min_tokens, ==, 3);
  g_assert_cmpfloat (request.sampling.temperature, ==, 0.25f);
  g_assert_cmpuint (request.sampling.top_k, ==, 5);
  g_assert_cmpfloat (request.sampling.top_p, ==, 0.5f);
  g_assert_cmpfloat (request.sampling.repetition_penalty, ==, 1.5f);
  /* A stream of the answer's own, made from the seed: see test_question.c. */
  g_assert_cmpuint (request.sampling.seed, !=, G_GUINT64_CONSTANT (1) << 40);
  g_assert_false (request.sampling.ignore_eos);
  bench_end (b);
}

/* ---- buffers ----------------------------------------------------------- */

/* The very buffers come out, in order, whatever the model does. */
static void
check_identity (Bench *b, guint n, gboolean keep_ref)
{
  for (guint i = 0; i < n; i++) {
    GstBuffer *in = bench_buffer (i), *out;
    GstMemory *memory = gst_buffer_peek_memory (in, 0);

    GST_BUFFER_DTS (in) = i * BENCH_STEP;
    GST_BUFFER_OFFSET_END (in) = i + 1;
    GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_DISCONT);
    if (keep_ref)
      gst_buffer_ref (in);
    g_assert_cmpint (gst_harness_push (b->h, in), ==, GST_FLOW_OK);
    out = bench_pull (b);
    /* Only a buffer that someone else holds may need another one around the
     * same memory, to carry the answer. */
    if (!keep_ref || !gst_owl2_meta_get (out))
      g_assert_true (out == in);
    g_assert_true (gst_buffer_peek_memory (out, 0) == memory);
    g_assert_cmpuint (gst_buffer_n_memory (out), ==, 1);
    g_assert_cmpuint (GST_BUFFER_PTS (out), ==, i * BENCH_STEP);
    g_assert_cmpuint (GST_BUFFER_DTS (out), ==, i * BENCH_STEP);
    g_assert_cmpuint (GST_BUFFER_DURATION (out), ==, BENCH_STEP);
    g_assert_cmpuint (GST_BUFFER_OFFSET (out), ==, i);
    g_assert_cmpuint (GST_BUFFER_OFFSET_END (out), ==, i + 1);
    g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_DISCONT));
    gst_buffer_unref (out);
    if (keep_ref) {
      g_assert_null (gst_owl2_meta_get (in));
      gst_buffer_unref (in);
    }
  }
}

static void
test_identity (gconstpointer data)
{
  const gboolean wait = GPOINTER_TO_INT (data) & 1;
  const gboolean keep_ref = GPOINTER_TO_INT (data) & 2;
  Bench *b = bench_new (
      TRUE, "when-busy", wait ? 1 : 2, "interval", 250 * MS, "frames", 2, NULL);

  check_identity (b, 40, keep_ref);
  g_assert_cmpuint (bench_stat (b, "frames-seen"), ==, 40);
  bench_end (b);
}

/* No answer, no meta: nothing is done to the buffers at all. */
static void
test_identity_no_answer (void)
{
  Bench *b = bench_new (TRUE, NULL);

  fake_set_gate (FAKE_GENERATE, TRUE);
  for (guint i = 0; i < 30; i++) {
    GstBuffer *in = gst_buffer_ref (bench_buffer (i)), *out;

    g_assert_cmpint (gst_harness_push (b->h, in), ==, GST_FLOW_OK);
    out = bench_pull (b);
    g_assert_true (out == in);
    g_assert_null (gst_owl2_meta_get (out));
    gst_buffer_unref (out);
    gst_buffer_unref (in);
  }
  bench_end (b);
}

/* Serialised events keep their place between the buffers. */
static void
test_events (void)
{
  Bench *b = bench_new (FALSE, "interval", 200 * MS, NULL);
  guint n_events = 0, n_gaps = 0;
  GstEvent *event;

  for (guint i = 0; i < 10; i++) {
    GstBuffer *buffer;

    bench_push_range (b, i, i + 1);
    g_assert_true (gst_harness_push_event (
        b->h, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
                  gst_structure_new ("mark", "n", G_TYPE_UINT, i, NULL))));
    g_assert_true (gst_harness_push_event (
        b->h, gst_event_new_gap ((i + 1) * BENCH_STEP, 0)));
    g_assert_cmpuint (gst_harness_buffers_in_queue (b->h), ==, 1);
    buffer = bench_pull (b);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    gst_buffer_unref (buffer);
  }
  g_assert_true (gst_harness_push_event (b->h, gst_event_new_eos ()));
  while ((event = gst_harness_try_pull_event (b->h))) {
    if (GST_EVENT_TYPE (event) == GST_EVENT_CUSTOM_DOWNSTREAM) {
      guint n;

      gst_structure_get_uint (gst_event_get_structure (event), "n", &n);
      g_assert_cmpuint (n, ==, n_events++);
    }
    n_gaps += GST_EVENT_TYPE (event) == GST_EVENT_GAP;
    if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
      g_assert_cmpuint (n_events, ==, 10);
    gst_event_unref (event);
  }
  g_assert_cmpuint (n_events, ==, 10);
  g_assert_cmpuint (n_gaps, ==, 10);
  bench_end (b);
}

/* ---- caps and queries -------------------------------------------------- */

static void
test_caps_query (void)
{
  Bench *b = bench_new (FALSE, NULL);
  g_autoptr (GstCaps) wanted =
      gst_caps_from_string ("video/x-raw,format=NV12,width=[16,64],height=48");
  g_autoptr (GstCaps) wrong = gst_caps_from_string (
      "video/x-raw,format=NV12,width=65,height=48,framerate=5/1");
  g_autoptr (GstCaps) right = gst_caps_from_string (
      "video/x-raw,format=NV12,width=64,height=48,framerate=5/1");
  g_autoptr (GstCaps) got = NULL;

  gst_harness_set_sink_caps (b->h, gst_caps_ref (wanted));
  got = gst_pad_peer_query_caps (b->h->srcpad, NULL);
  g_assert_true (gst_caps_is_subset (got, wanted));
  g_assert_false (gst_caps_is_empty (got));
  g_assert_true (gst_pad_peer_query_accept_caps (b->h->srcpad, right));
  g_assert_false (gst_pad_peer_query_accept_caps (b->h->srcpad, wrong));
  bench_end (b);
}

/* The neighbours' allocation meets. */
static void
test_allocation_query (void)
{
  Bench *b = bench_new (FALSE, NULL);
  g_autoptr (GstCaps) caps = gst_caps_from_string (BENCH_CAPS);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);

  gst_harness_add_propose_allocation_meta (b->h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (
      b->h, GST_VIDEO_CROP_META_API_TYPE, NULL);
  g_assert_true (gst_pad_peer_query (b->h->srcpad, query));
  g_assert_true (
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  g_assert_true (gst_query_find_allocation_meta (
      query, GST_VIDEO_CROP_META_API_TYPE, NULL));
  gst_query_unref (query);
  bench_end (b);
}

/* The latency of the stream is not the model's. */
static void
test_latency_query (void)
{
  Bench *b = bench_new (TRUE, NULL);

  gst_harness_set_upstream_latency (b->h, 70 * MS);
  g_assert_cmpuint (gst_harness_query_latency (b->h), ==, 70 * MS);
  bench_end (b);
}

/* Whatever upstream can do, nothing is pulled through the element. */
static void
test_scheduling_query (void)
{
  Bench *b = bench_new (FALSE, NULL);
  GstQuery *query = gst_query_new_scheduling ();

  if (gst_pad_peer_query (b->h->sinkpad, query))
    g_assert_false (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PULL));
  gst_query_unref (query);
  bench_end (b);
}

static void
test_renegotiation (void)
{
  static const struct {
    const char *format;
    guint width, height;
  } steps[] = { { "I420", 64, 48 }, { "RGB", 3, 5 }, { "NV12", 33, 17 },
    { "GRAY8", 1, 1 }, { "I420", 64, 48 }, { "v210", 20, 10 } };
  Bench *b = bench_new (FALSE, "interval", 100 * MS, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_autofree char *text =
        g_strdup_printf ("video/x-raw,format=%s,width=%u,height=%u,"
                         "framerate=10/1",
            steps[i].format, steps[i].width, steps[i].height);
    g_autoptr (GstCaps) caps = gst_caps_from_string (text);
    GstVideoInfo info;
    GstBuffer *buffer;
    FakeImage image;

    g_assert_true (gst_video_info_from_caps (&info, caps));
    gst_harness_set_src_caps (b->h, gst_caps_ref (caps));
    buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
    gst_buffer_memset (buffer, 0, 100, info.size);
    GST_BUFFER_PTS (buffer) = i * BENCH_STEP;
    g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
    image = fake_image (i);
    g_assert_cmpuint (image.width, ==, steps[i].width);
    g_assert_cmpuint (image.height, ==, steps[i].height);
  }
  g_assert_cmpuint (bench_drain (b), ==, G_N_ELEMENTS (steps));
  bench_end (b);
}

/* Frames of changing size in one clip. */
static void
test_renegotiation_in_clip (void)
{
  Bench *b = bench_new (FALSE, "interval", 200 * MS, "frames", 2, NULL);
  GstBuffer *buffer;

  bench_push_range (b, 0, 1);
  gst_harness_set_src_caps_str (
      b->h, "video/x-raw,format=RGB,width=2,height=2,framerate=10/1");
  buffer = gst_buffer_new_allocate (NULL, 16, NULL);
  GST_BUFFER_PTS (buffer) = BENCH_STEP;
  gst_buffer_memset (buffer, 0, 1, 16);
  g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  g_assert_cmpuint (fake_request (0).n_images, ==, 2);
  g_assert_cmpuint (fake_image (0).width, ==, 8);
  g_assert_cmpuint (fake_image (1).width, ==, 2);
  bench_end (b);
}

static void
test_not_negotiated (void)
{
  GstBus *bus;
  GstElement *element = bench_element (&bus);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");
  g_autoptr (GstCaps) caps = gst_caps_new_empty_simple ("audio/x-raw");

  gst_harness_play (h);
  g_assert_true (
      gst_harness_push_event (h, gst_event_new_stream_start ("test")));
  g_assert_false (gst_pad_send_event (pad, gst_event_new_caps (caps)));
  gst_harness_teardown (h);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_bus_set_flushing (bus, TRUE); /* its messages hold the element */
  gst_object_unref (element);
  gst_object_unref (bus);
  fake_reset ();
}

/* A buffer too small for its caps, or without memory, passes; it is no frame.
 */
static void
test_short_buffer (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * MS, NULL);
  g_autoptr (GstMessage) warning = NULL;

  for (guint i = 0; i < 6; i++) {
    GstBuffer *buffer =
        i % 2 ? gst_buffer_new ()
              : gst_buffer_new_allocate (NULL, BENCH_SIZE - 1, NULL);

    GST_BUFFER_PTS (buffer) = i * BENCH_STEP;
    GST_BUFFER_DURATION (buffer) = BENCH_STEP;
    g_assert_cmpint (gst_harness_push (b->h, buffer), ==, GST_FLOW_OK);
  }
  bench_push_range (b, 6, 10);
  g_assert_cmpuint (bench_drain (b), ==, 10);
  g_assert_cmpuint (fake_n_calls (FAKE_GENERATE), ==, 4);
  warning = bench_message (b, GST_MESSAGE_WARNING);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  bench_end (b);
}

/* ---- answers ----------------------------------------------------------- */

static void
check_answer (const GstStructure *s, const char *text, const char *prompt)
{
  g_autofree char *times = structure_times (s);
  gboolean final = FALSE;
  double confidence = 0;
  guint tokens = 0, prompt_tokens = 0;

  g_assert_cmpint (gst_structure_n_fields (s), ==, 14);
  g_assert_cmpstr (gst_structure_get_string (s, "text"), ==, text);
  g_assert_cmpstr (gst_structure_get_string (s, "prompt"), ==, prompt);
  g_assert_cmpstr (gst_structure_get_string (s, "model"), ==, "fake");
  g_assert_true (
      g_str_has_prefix (gst_structure_get_string (s, "element"), "owl2"));
  g_assert_cmpuint (structure_uint64 (s, "id"), ==, 1);
  g_assert_cmpuint (structure_uint64 (s, "start"), ==, 0);
  g_assert_cmpuint (structure_uint64 (s, "end"), ==, 500 * MS);
  g_assert_cmpuint (structure_uint64 (s, "latency"), <, 20 * GST_SECOND);
  g_assert_cmpstr (times, ==, "0 200");
  g_assert_true (gst_structure_get_uint (s, "tokens", &tokens));
  g_assert_true (gst_structure_get_uint (s, "prompt-tokens", &prompt_tokens));
  g_assert_true (gst_structure_get_double (s, "confidence", &confidence));
  g_assert_true (gst_structure_get_boolean (s, "final", &final));
  g_assert_cmpuint (tokens, ==, 4);
  g_assert_cmpuint (prompt_tokens, ==, 16);
  g_assert_cmpfloat (confidence, ==, 0.5);
  g_assert_true (final);
}

static void
test_answer (void)
{
  Bench *b = bench_new (FALSE, "interval", 500 * MS, "frames", 2, "prompt",
      "Who; \"is\" <there>\\?", NULL);
  g_autoptr (GstStructure) s = NULL;

  for (guint i = 0; i < 7; i++) {
    GstBuffer *buffer;
    const GstStructure *meta;

    bench_push_range (b, i, i + 1);
    buffer = bench_pull (b);
    meta = gst_owl2_meta_get (buffer);
    /* The clip's last frame is the third; its answer stays until the next. */
    g_assert_cmpint (meta != NULL, ==, i >= 2);
    if (meta) {
      g_assert_cmpstr (gst_structure_get_name (meta), ==, "GstOwl2Meta");
      check_answer (meta, "images 0 1 t t t", "Who; \"is\" <there>\\?");
    }
    gst_buffer_unref (buffer);
  }
  s = bench_answer (b, 0);
  g_assert_cmpstr (gst_structure_get_name (s), ==, "owl2-answer");
  check_answer (s, "images 0 1 t t t", "Who; \"is\" <there>\\?");
  g_assert_null (bench_answer (b, 0));
  bench_end (b);
}

static void
test_partial (void)
{
  static const char *texts[] = { "images 0", "images 0 t", "images 0 t t",
    "images 0 t t" };
  Bench *b = bench_new (FALSE, "partial", TRUE, NULL);

  fake_set_n_tokens (3);
  bench_push_range (b, 0, 1);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GstStructure) s = bench_answer (b, 0);
    gboolean final;
    guint tokens;
    double confidence;

    g_assert_nonnull (s);
    gst_structure_get (s, "final", G_TYPE_BOOLEAN, &final, "tokens",
        G_TYPE_UINT, &tokens, "confidence", G_TYPE_DOUBLE, &confidence, NULL);
    g_assert_cmpstr (gst_structure_get_string (s, "text"), ==, texts[i]);
    g_assert_cmpuint (structure_uint64 (s, "id"), ==, 1);
    g_assert_cmpint (final, ==, i == 3);
    g_assert_cmpuint (tokens, ==, MIN (i + 1, 3));
    g_assert_cmpfloat_with_epsilon (confidence, 0.5, 1e-12);
  }
  g_assert_null (bench_answer (b, 0));
  bench_end (b);
}

/* A probability that is too small for its type makes no answer impossible. */
static void
test_partial_unlikely (void)
{
  Bench *b = bench_new (FALSE, "partial", TRUE, NULL);
  g_autoptr (GstStructure) s = NULL;
  double confidence = -1;

  fake_set_probability (0);
  bench_push_range (b, 0, 1);
  s = bench_answer (b, 0);
  g_assert_nonnull (s);
  gst_structure_get (s, "confidence", G_TYPE_DOUBLE, &confidence, NULL);
  g_assert_cmpfloat (confidence, >, 0);
  g_assert_cmpfloat (confidence, <, 1e-300);
  g_assert_cmpuint (bench_n_answers (b), ==, 4);
  bench_end (b);
}

/* An answer that is too old is put on no buffer. */
static void
test_max_age (void)
{
  Bench *b = bench_new (FALSE, "interval", 10 * GST_SECOND, "span", 100 * MS,
      "max-age", 300 * MS, NULL);

  bench_push_range (b, 0, 6);
  for (guint i = 0; i < 6; i++) {
    g_autoptr (GstBuffer) buffer = bench_pull (b);

    g_assert_cmpint (gst_owl2_meta_get (buffer) != NULL, ==, i <= 4);
  }
  bench_eos (b);
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/pass/class", test_class);
  g_test_add_func ("/pass/properties", test_properties);
  g_test_add_func ("/pass/prompt-default", test_prompt_default);
  g_test_add_func ("/pass/nice", test_nice);
  g_test_add_func ("/pass/parameters", test_parameters);
  g_test_add_data_func (
      "/pass/identity/drop", GINT_TO_POINTER (0), test_identity);
  g_test_add_data_func (
      "/pass/identity/wait", GINT_TO_POINTER (1), test_identity);
  g_test_add_data_func (
      "/pass/identity/drop-shared", GINT_TO_POINTER (2), test_identity);
  g_test_add_data_func (
      "/pass/identity/wait-shared", GINT_TO_POINTER (3), test_identity);
  g_test_add_func ("/pass/identity/no-answer", test_identity_no_answer);
  g_test_add_func ("/pass/events", test_events);
  g_test_add_func ("/pass/caps-query", test_caps_query);
  g_test_add_func ("/pass/allocation-query", test_allocation_query);
  g_test_add_func ("/pass/latency-query", test_latency_query);
  g_test_add_func ("/pass/scheduling-query", test_scheduling_query);
  g_test_add_func ("/pass/renegotiation", test_renegotiation);
  g_test_add_func ("/pass/renegotiation-in-clip", test_renegotiation_in_clip);
  g_test_add_func ("/pass/not-negotiated", test_not_negotiated);
  g_test_add_func ("/pass/short-buffer", test_short_buffer);
  g_test_add_func ("/pass/answer", test_answer);
  g_test_add_func ("/pass/partial", test_partial);
  g_test_add_func ("/pass/partial-unlikely", test_partial_unlikely);
  g_test_add_func ("/pass/max-age", test_max_age);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
