/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers that leave the element: what they cost a buffer, as JSON, through
 * other elements, and to other processes. */
#include "bench.h"

#include <string.h>

#include <jansson.h>

#include "live.h"

/* Of the answers of this file. */
#define QUESTION "Who; \"is\" <there>\\?"
/* What no format may trip over: quotes, a line's end, controls, what ends a
 * field of a serialised structure, letters of one to four bytes. */
#define HOSTILE                                                                \
  "\" \\ \n\r\t\x01\x7f ; , (string)NULL { < [ id=(guint64)7 "                 \
  "\303\244\342\202\254\360\237\230\200 \342\200\250"

/* (transfer full): the answer's message, and @buffer with its meta. */
static GstStructure *
ask_once (const char *question, const char *word, GstBuffer **buffer)
{
  Bench *b = bench_new (
      FALSE, "prompt", question, "frames", 2, "interval", 500 * MS, NULL);
  GstStructure *s;

  fake_set_word (word);
  bench_push_range (b, 0, 3);
  s = bench_answer (b, 20 * GST_SECOND);
  g_assert_nonnull (s);
  gst_buffer_unref (bench_pull (b));
  gst_buffer_unref (bench_pull (b));
  *buffer = bench_pull (b);
  g_assert_nonnull (gst_owl2_meta_get (*buffer));
  bench_end (b);
  return s;
}

/* ---- JSON --------------------------------------------------------------- */

static void
check_member (const json_t *member, const GValue *value)
{
  if (G_VALUE_HOLDS_STRING (value)) {
    g_assert_cmpstr (
        json_string_value (member), ==, g_value_get_string (value));
  } else if (G_VALUE_HOLDS_UINT64 (value)) {
    g_assert_true (json_is_integer (member));
    g_assert_cmpuint (
        (guint64) json_integer_value (member), ==, g_value_get_uint64 (value));
  } else if (G_VALUE_HOLDS_UINT (value)) {
    g_assert_cmpint (json_integer_value (member), ==, g_value_get_uint (value));
  } else if (G_VALUE_HOLDS_DOUBLE (value)) {
    g_assert_cmpfloat (
        json_real_value (member), ==, g_value_get_double (value));
  } else if (G_VALUE_HOLDS_BOOLEAN (value)) {
    g_assert_cmpint (json_is_true (member), ==, g_value_get_boolean (value));
  } else {
    const guint n = gst_value_array_get_size (value);

    g_assert_cmpuint (json_array_size (member), ==, n);
    for (guint i = 0; i < n; i++)
      check_member (
          json_array_get (member, i), gst_value_array_get_value (value, i));
  }
}

/* All fields are in it under their names. */
static void
check_json (const GstStructure *s)
{
  const char *text = gst_structure_get_string (s, "json");
  json_auto_t *object = NULL;
  json_error_t why;

  g_assert_nonnull (text);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (const char *p = text; *p; p++)
    g_assert_cmpint ((guchar) *p, >=, ' ');
  object = json_loads (text, 0, &why);
  g_assert_true (json_is_object (object));
  g_assert_cmpuint (
      json_object_size (object) + 1, ==, (gsize) gst_structure_n_fields (s));
  for (int i = 0; i < gst_structure_n_fields (s); i++) {
    const char *name = gst_structure_nth_field_name (s, (guint) i);

    if (strcmp (name, "json") != 0)
      check_member (
          json_object_get (object, name), gst_structure_get_value (s, name));
  }
}

static void
test_json (void)
{
  static const char *words[] = { " t", HOSTILE };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    GstBuffer *buffer;
    g_autoptr (GstStructure) s = ask_once (QUESTION, words[i], &buffer);

    g_assert_nonnull (strstr (gst_structure_get_string (s, "text"), words[i]));
    check_json (s);
    check_json (gst_owl2_meta_get (buffer));
    gst_buffer_unref (buffer);
  }
}

static GstOwl2Answer *
make_answer (const char *text)
{
  GstOwl2Answer *answer = gst_owl2_answer_new ();

  answer->id = 1;
  answer->text = g_strdup (text);
  answer->prompt = g_strdup (QUESTION);
  answer->model = g_strdup ("model");
  answer->element = g_strdup ("owl2-0");
  answer->times = g_new0 (GstClockTime, 8);
  answer->n_times = 8;
  answer->final = TRUE;
  return answer;
}

/* Bytes that are no UTF-8, and numbers that JSON does not have. */
static void
test_json_unsayable (void)
{
  g_autoptr (GstOwl2Answer) answer = make_answer ("a\377b\355\240\200");
  json_auto_t *object = NULL;

  answer->end = GST_CLOCK_TIME_NONE;
  answer->confidence = G_MAXDOUBLE * 2;
  g_free (answer->element);
  answer->element = g_strdup ("owl\377");
  gst_owl2_answer_seal (answer);
  g_assert_cmpstr (gst_structure_get_string (answer->structure, "text"), ==,
      "a\357\277\275b\357\277\275\357\277\275\357\277\275");
  g_assert_cmpstr (gst_structure_get_string (answer->structure, "element"), ==,
      "owl\357\277\275");
  object = json_loads (
      gst_structure_get_string (answer->structure, "json"), 0, NULL);
  g_assert_true (json_is_object (object));
  g_assert_true (json_is_null (json_object_get (object, "end")));
  g_assert_true (json_is_null (json_object_get (object, "confidence")));
  g_assert_cmpstr (json_string_value (json_object_get (object, "text")), ==,
      gst_structure_get_string (answer->structure, "text"));
}

/* ---- cost --------------------------------------------------------------- */

/* Bytes of an answer as the model gives it. */
#define LONG_TEXT                                                              \
  "A red ball flies over a plain white background from the left to the right," \
  " and comes back from the right to the left."

enum { MAKE, COPY, EMPTY, ADD, N_WAYS };

/* A way to come to a structure with the answer's fields: all anew, as a copy,
 * and on a buffer, beside one that gets none. */
static void
pay (guint way, const GstOwl2Answer *answer)
{
  g_autoptr (GstBuffer) buffer = NULL;

  if (way == MAKE) {
    g_autoptr (GstOwl2Answer) made = make_answer (LONG_TEXT);

    gst_owl2_answer_seal (made);
    return;
  }
  if (way == COPY) {
    gst_structure_free (gst_structure_copy (answer->structure));
    return;
  }
  buffer = gst_buffer_new ();
  if (way == EMPTY)
    gst_buffer_add_custom_meta (buffer, GST_OWL2_META_NAME);
  else
    gst_owl2_meta_add (buffer, answer);
}

/* A buffer costs one copy of the structure: so many blocks of memory, and some
 * more as the fields of a meta come one by one. */
static void
test_cost (void)
{
  g_autoptr (GstOwl2Answer) answer = make_answer (LONG_TEXT);
  const guint n = 200;
  guint64 blocks[N_WAYS];
  double ns[N_WAYS] = { 0 };

  gst_owl2_meta_register ();
  gst_owl2_answer_seal (answer);
  /* What others do meanwhile is in some rounds, and not in the shortest. */
  for (guint round = 0; round < 20; round++)
    for (guint way = 0; way < N_WAYS; way++) {
      const guint64 before = live_n_asked ();
      const gint64 start = g_get_monotonic_time ();
      double took;

      for (guint i = 0; i < n; i++)
        pay (way, answer);
      took = 1e3 * (double) (g_get_monotonic_time () - start) / n;
      ns[way] = round ? MIN (ns[way], took) : took;
      blocks[way] = (live_n_asked () - before) / n;
    }
  g_test_message ("an answer on a buffer: %.0f ns and %" G_GUINT64_FORMAT
                  " blocks, a copy of it: %.0f ns and %" G_GUINT64_FORMAT
                  ", made anew: %.0f ns and %" G_GUINT64_FORMAT
                  " (%.1f times as long)",
      ns[ADD] - ns[EMPTY], blocks[ADD] - blocks[EMPTY], ns[COPY], blocks[COPY],
      ns[MAKE], blocks[MAKE], ns[MAKE] / (ns[ADD] - ns[EMPTY]));
  if (!live_has (LIVE_BLOCKS))
    return;
  g_assert_cmpuint (blocks[ADD] - blocks[EMPTY], <=, blocks[COPY] + 4);
  g_assert_cmpuint (blocks[MAKE], >, 2 * blocks[COPY]);
}

/* ---- through other elements --------------------------------------------- */

/* The meta has no tags, so it survives scaling and conversion. */
static void
test_meta_survives (void)
{
  GstHarness *h = gst_harness_new_parse (
      "owl2 ! videoscale ! video/x-raw,width=4,height=4 ! videoconvert !"
      " video/x-raw,format=I420 ! videoflip method=clockwise");
  g_autoptr (GstBuffer) out = NULL;

  gst_harness_set_live (h, FALSE);
  gst_harness_set_src_caps_str (h, BENCH_CAPS);
  g_assert_cmpint (gst_harness_push (h, bench_buffer (0)), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  g_assert_nonnull (gst_owl2_meta_get (out));
  g_assert_cmpstr (gst_structure_get_string (gst_owl2_meta_get (out), "text"),
      ==, "images 0 t t t");
  gst_harness_teardown (h);
  fake_reset ();
}

/* Two in a row: each one's answer is on the buffer. */
static void
test_two_elements (void)
{
  GstHarness *h = gst_harness_new_parse ("owl2 prompt=one ! owl2 prompt=two");
  g_autoptr (GstBuffer) out = NULL;
  gpointer state = NULL;
  GstMeta *meta;
  guint n = 0;

  gst_harness_set_live (h, FALSE);
  gst_harness_set_src_caps_str (h, BENCH_CAPS);
  g_assert_cmpint (gst_harness_push (h, bench_buffer (0)), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  while ((meta = gst_buffer_iterate_meta (out, &state)))
    if (gst_custom_meta_has_name ((GstCustomMeta *) meta, "GstOwl2Meta"))
      n++;
  g_assert_cmpuint (n, ==, 2);
  gst_harness_teardown (h);
  fake_reset ();
}

/* (transfer full): a buffer with an answer of each of two elements. */
static GstBuffer *
answered_buffer (const char *first, const char *second)
{
  g_autoptr (GstOwl2Answer) a = make_answer (first);
  g_autoptr (GstOwl2Answer) b = make_answer (second);
  GstBuffer *buffer = gst_buffer_new ();

  gst_owl2_meta_register ();
  gst_owl2_answer_seal (a);
  g_free (b->element);
  b->element = g_strdup ("owl2-1");
  gst_owl2_answer_seal (b);
  gst_owl2_meta_add (buffer, a);
  gst_owl2_meta_add (buffer, b);
  return buffer;
}

static void
check_answers (GstBuffer *buffer, const char *first, const char *second)
{
  const char *texts[] = { first, second };
  gpointer state = NULL;

  for (guint i = 0; i < 2; i++) {
    const GstStructure *s = gst_owl2_meta_next (buffer, &state);

    g_assert_nonnull (s);
    g_assert_cmpstr (gst_structure_get_string (s, "text"), ==, texts[i]);
    g_assert_cmpstr (
        gst_structure_get_string (s, "element"), ==, i ? "owl2-1" : "owl2-0");
    check_json (s);
  }
  g_assert_null (gst_owl2_meta_next (buffer, &state));
}

/* An element that makes one buffer out of several, such as a compositor, asks
 * each meta to go along, by the name of what it does. */
static void
test_transform (void)
{
  GstBuffer *from[] = { answered_buffer ("a", "b"),
    answered_buffer ("c", "d") };
  const GstMetaInfo *info = gst_meta_get_info (GST_OWL2_META_NAME);
  g_autoptr (GstBuffer) to = gst_buffer_new ();

  for (guint i = 0; i < 2; i++) {
    gpointer state = NULL;
    GstMeta *meta;

    while (
        (meta = gst_buffer_iterate_meta_filtered (from[i], &state, info->api)))
      g_assert_true (info->transform_func (to, meta, from[i],
          g_quark_from_static_string ("gst-video-matrix"), NULL));
    gst_buffer_unref (from[i]);
  }
  /* One of each element, the last. */
  check_answers (to, "c", "d");
}

/* So does this one, if it is new enough. */
static void
test_compositor (void)
{
  g_autoptr (GstBuffer) out = NULL;
  guint major, minor, micro, nano;
  GstHarness *h;

  gst_version (&major, &minor, &micro, &nano);
  if (major == 1 && minor < 27) {
    g_test_skip ("compositor keeps metas from GStreamer 1.28 on");
    return;
  }
  h = gst_harness_new_parse ("owl2 ! compositor");
  gst_harness_set_live (h, FALSE);
  gst_harness_set_src_caps_str (h, BENCH_CAPS);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (gst_harness_push (h, bench_buffer (i)), ==, GST_FLOW_OK);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  out = gst_harness_pull (h);
  g_assert_nonnull (out);
  g_assert_nonnull (gst_owl2_meta_get (out));
  gst_harness_teardown (h);
  fake_reset ();
}

/* ---- to other processes ------------------------------------------------- */

/* As text, which is how a meta is serialised. */
static void
test_serialise (void)
{
  g_autoptr (GstOwl2Answer) answer = make_answer (HOSTILE);
  g_autoptr (GstStructure) got = NULL;
  g_autofree char *text = NULL;

  gst_owl2_answer_seal (answer);
  text = gst_structure_serialize (answer->structure, GST_SERIALIZE_FLAG_NONE);
  g_assert_nonnull (text);
  got = gst_structure_new_from_string (text);
  g_assert_nonnull (got);
  g_assert_true (gst_structure_is_equal (got, answer->structure));
}

/* All that unixfdsink, and what else serialises metas, does with one. */
static void
test_serialise_meta (void)
{
#if GST_CHECK_VERSION(1, 24, 0)
  g_autoptr (GstBuffer) from = answered_buffer (HOSTILE, "");
  g_autoptr (GstBuffer) to = gst_buffer_new ();
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gpointer state = NULL;
  GstMeta *meta;
  guint n = 0;

  while ((meta = gst_buffer_iterate_meta (from, &state)))
    n += gst_meta_serialize_simple (meta, bytes);
  g_assert_cmpuint (n, ==, 2);
  for (guint at = 0; at < bytes->len;) {
    guint32 used = 0;

    g_assert_nonnull (
        gst_meta_deserialize (to, bytes->data + at, bytes->len - at, &used));
    at += used;
  }
  check_answers (to, HOSTILE, "");
#else
  g_test_skip ("metas are serialised from GStreamer 1.24 on");
#endif
}

static void
add_tests (void)
{
  g_test_add_func ("/out/json", test_json);
  g_test_add_func ("/out/json-unsayable", test_json_unsayable);
  g_test_add_func ("/out/cost", test_cost);
  g_test_add_func ("/out/meta-survives", test_meta_survives);
  g_test_add_func ("/out/two-elements", test_two_elements);
  g_test_add_func ("/out/transform", test_transform);
  g_test_add_func ("/out/compositor", test_compositor);
  g_test_add_func ("/out/serialise", test_serialise);
  g_test_add_func ("/out/serialise-meta", test_serialise_meta);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
