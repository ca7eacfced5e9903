/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How it is asked: choices and scores, recipes, templates, alerts, and a frame
 * for each second. */
#include "bench.h"

#include <string.h>

#define EOS 1
#define QUALITY "How would you rate the quality of this image?"

static void
set (Bench *b, const char *name, const char *value)
{
  gst_util_set_object_arg (G_OBJECT (b->element), name, value);
}

static void
assert_warning (Bench *b, const char *words)
{
  g_autoptr (GstMessage) message = bench_message (b, GST_MESSAGE_WARNING);
  g_autoptr (GError) error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, words));
}

static GstStructure *
answer_of (Bench *b)
{
  GstStructure *s = bench_answer (b, 20 * GST_SECOND);

  g_assert_nonnull (s);
  return s;
}

/* An array as it is read, "a b c". */
static char *
show (const GValue *array)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; array && i < gst_value_array_get_size (array); i++) {
    const GValue *item = gst_value_array_get_value (array, i);

    if (G_VALUE_HOLDS_STRING (item))
      g_string_append_printf (
          out, "%s%s", i ? " " : "", g_value_get_string (item));
    else
      g_string_append_printf (
          out, "%s%g", i ? " " : "", g_value_get_double (item));
  }
  return g_string_free (out, FALSE);
}

static char *
property (Bench *b, const char *name)
{
  GValue value = G_VALUE_INIT;
  char *text;

  g_object_get_property (G_OBJECT (b->element), name, &value);
  if (GST_VALUE_HOLDS_ARRAY (&value))
    text = show (&value);
  else if (G_VALUE_HOLDS_STRING (&value))
    text = g_value_dup_string (&value);
  else
    text = gst_value_serialize (&value);
  g_value_unset (&value);
  return text;
}

#define assert_field(s, name, want)                                            \
  assert_string (show (gst_structure_get_value (s, name)), want)

/* ---- choices ------------------------------------------------------------ */

/* The answer has them in the message, in the meta and in its JSON. */
static void
test_choices (void)
{
  Bench *b = bench_new (FALSE, "prompt", "Is it?", NULL);
  g_autoptr (GstStructure) s = NULL;
  g_autoptr (GstBuffer) buffer = NULL;
  const GstStructure *meta;
  FakeRequest seen;

  set (b, "choices", "<yes, no, \"not sure\">");
  set (b, "choice-weights", "<1, 0, 0.5>");
  fake_set_probability (0.25);
  bench_push (b, 0);
  s = answer_of (b);
  g_assert_cmpstr (gst_structure_get_string (s, "text"), ==, "no");
  g_assert_true (gst_structure_has_field_typed (s, "score", G_TYPE_DOUBLE));
  assert_field (s, "choices", "yes no not sure");
  assert_field (s, "probabilities", "0.25 0.375 0.375");
  g_assert_nonnull (strstr (gst_structure_get_string (s, "json"),
      "\"choices\": [\"yes\", \"no\", \"not sure\"], "
      "\"probabilities\": [0.25, 0.375, 0.375], \"score\": 0.4375"));
  buffer = bench_pull (b);
  meta = gst_owl2_meta_get (buffer);
  assert_field (meta, "probabilities", "0.25 0.375 0.375");
  g_assert_cmpstr (gst_structure_get_string (meta, "json"), ==,
      gst_structure_get_string (s, "json"));

  seen = fake_request (0);
  g_assert_cmpuint (seen.n_choices, ==, 3);
  g_assert_cmpstr (seen.choices[2], ==, "not sure");
  g_assert_cmpfloat (seen.weights[2], ==, 0.5);
  bench_end (b);
}

/* Without weights there is no score, and without choices nothing of it. */
static void
test_without (void)
{
  Bench *b = bench_new (FALSE, "interval", BENCH_STEP, NULL);

  for (guint i = 0; i < 3; i++) {
    g_autoptr (GstStructure) s = NULL;

    set (b, "choices", i == 1 ? "<yes, no>" : "<>");
    bench_push (b, i);
    s = answer_of (b);
    g_assert_cmpint (gst_structure_has_field (s, "choices"), ==, i == 1);
    g_assert_cmpint (gst_structure_has_field (s, "probabilities"), ==, i == 1);
    g_assert_false (gst_structure_has_field (s, "score"));
    g_assert_false (gst_structure_has_field (s, "alert"));
    g_assert_false (gst_structure_has_field (s, "thinned-from"));
    g_assert_cmpuint (fake_request (i).n_choices, ==, i == 1 ? 2 : 0);
  }
  bench_end (b);
}

/* ---- recipes ------------------------------------------------------------ */

static void
test_recipe (void)
{
  Bench *b = bench_new (FALSE, "recipe", "quality", NULL);
  g_autoptr (GstStructure) s = NULL;
  FakeRequest seen;

  bench_push (b, 0);
  s = answer_of (b);
  g_assert_cmpstr (gst_structure_get_string (s, "prompt"), ==, QUALITY);
  assert_field (s, "choices", "excellent good fair poor bad");
  seen = fake_request (0);
  g_assert_cmpstr (seen.prompt, ==, "USER: " QUALITY "\n<|image|>\nASSISTANT:");
  g_assert_cmpstr (seen.answer_prefix, ==, "The quality of the image is");
  g_assert_cmpfloat (seen.weights[1], ==, 0.75);
  g_assert_cmpstr (fake_session_params ().prompt, ==, seen.prompt);

  assert_string (property (b, "prompt"), QUALITY);
  assert_string (property (b, "choice-weights"), "1 0.75 0.5 0.25 0");
  set (b, "recipe", "video-quality");
  assert_string (property (b, "frames"), "0");
  set (b, "recipe", "caption");
  assert_string (property (b, "frames"), "1");
  assert_string (property (b, "max-tokens"), "60");
  assert_string (property (b, "min-tokens"), "8");
  assert_string (property (b, "choices"), "");
  g_object_set (b->element, "recipe", NULL, NULL);
  assert_string (property (b, "max-tokens"), "128");
  assert_string (property (b, "min-tokens"), "0");
  bench_end (b);
}

/* What is set by hand wins, whenever it was. */
static void
test_by_hand (void)
{
  Bench *b = bench_new (FALSE, "interval", BENCH_STEP, "max-tokens", 5, NULL);
  FakeRequest seen;

  set (b, "choices", "<sharp, blurred>");
  set (b, "recipe", "deqa");
  set (b, "prompt", "How sharp?");
  set (b, "answer-prefix", "");
  bench_push (b, 0);
  seen = fake_request (0);
  g_assert_cmpstr (seen.prompt, ==, "USER: How sharp?\n<|image|>\nASSISTANT:");
  g_assert_null (seen.answer_prefix);
  g_assert_cmpuint (seen.n_choices, ==, 2);
  g_assert_null (seen.weights);

  set (b, "template", "Q: {} <|image|>{}");
  set (b, "answer-prefix", "It is");
  set (b, "choices", "<>");
  set (b, "choice-weights", "<9, 8, 7, 6, 5>");
  bench_push (b, 1);
  seen = fake_request (1);
  g_assert_cmpstr (seen.prompt, ==, "Q: How sharp? <|image|>How sharp?");
  g_assert_cmpstr (seen.answer_prefix, ==, "It is");
  g_assert_cmpuint (seen.n_choices, ==, 5);
  g_assert_cmpfloat (seen.weights[4], ==, 5);

  set (b, "recipe", "caption");
  set (b, "choice-weights", "<>");
  set (b, "template", "");
  bench_push (b, 2);
  seen = fake_request (2);
  g_assert_cmpstr (seen.prompt, ==, "USER: <|image|>How sharp? ASSISTANT:");
  g_assert_cmpuint (seen.sampling.max_tokens, ==, 5);
  g_assert_cmpuint (seen.sampling.min_tokens, ==, 8);
  bench_end (b);
}

/* The recipe's image mode is that of `auto`. */
static void
test_mode (void)
{
  static const struct {
    const char *name, *value;
    Owl2ImageMode mode;
  } steps[] = { { "recipe", "quality", OWL2_IMAGE_PAD },
    { "recipe", "q-instruct", OWL2_IMAGE_CROP },
    { "image-mode", "stretch", OWL2_IMAGE_STRETCH },
    { "recipe", "quality", OWL2_IMAGE_STRETCH },
    { "image-mode", "auto", OWL2_IMAGE_PAD },
    { "recipe", "", OWL2_IMAGE_AUTO } };
  Bench *b = bench_new (FALSE, "interval", BENCH_STEP, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    set (b, steps[i].name, steps[i].value);
    bench_push (b, i);
    g_assert_cmpint (fake_image (i).mode, ==, steps[i].mode);
  }
  bench_end (b);
}

/* The model file's own recipe, where nothing is asked by hand. */
static void
test_of_model (void)
{
  const char *const cases[][4] = {
    { "deqa", NULL, NULL, "USER: " QUALITY "\n<|image|>\nASSISTANT:" },
    { "deqa", "prompt", "Who?", "USER: <|image|>Who? ASSISTANT:" },
    { "deqa", "template", "<|image|>{}", "<|image|>*" },
    { "deqa", "recipe", "", "USER: <|image|>Provide*" },
    { "deqa", "recipe", "q-instruct", "USER: <|image|>Rate*" },
    { "unheard-of", NULL, NULL, "USER: <|image|>Provide*" },
    { NULL, NULL, NULL, "USER: <|image|>Provide*" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Bench *b;

    fake_set_recipe (cases[i][0]);
    b = bench_new (FALSE, cases[i][1], cases[i][2], NULL);
    bench_push (b, 0);
    g_test_message ("%s", fake_request (0).prompt);
    g_assert_true (
        g_pattern_match_simple (cases[i][3], fake_request (0).prompt));
    bench_end (b);
  }
}

/* ---- what does not go together ------------------------------------------ */

static const struct {
  const char *name[2], *value[2], *words;
} wrong[] = {
  { { "recipe" }, { "qualty" },
      "there is no recipe 'qualty'; there are quality, aesthetics, " },
  { { "choices", "choice-weights" }, { "<yes, no>", "<1, 2, 3>" },
      "choice-weights has 3 numbers, choices has 2 words" },
  { { "choices" }, { "<yes>" },
      "an answer is one of 2 to 64 choices, not of 1" },
  { { "template", "prompt" }, { "<|image|>Where?", "Who?" },
      "the template has no {} for the prompt" },
  { { "choice-weights" }, { "<1, 2>" },
      "choice-weights has 2 numbers, choices has 0 words" },
  { { "alert-threshold" }, { "0.5" },
      "alert-threshold is 0.5, and there are no choices" },
  { { "recipe", "alert-threshold" }, { "quality", "0.05" },
      "alert-hysteresis 0.1 is not below alert-threshold 0.05" },
};

/* One error when it starts, and it can be tried again. */
static void
test_wrong (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    GstBus *bus;
    GstElement *element = bench_element (&bus);
    g_autoptr (GstMessage) message = NULL;
    g_autoptr (GError) error = NULL;

    for (guint k = 0; k < 2 && wrong[i].name[k]; k++)
      gst_util_set_object_arg (
          G_OBJECT (element), wrong[i].name[k], wrong[i].value[k]);
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
        GST_STATE_CHANGE_FAILURE);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    gst_message_parse_error (message, &error, NULL);
    g_assert_error (error, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS);
    g_assert_true (g_str_has_prefix (error->message, wrong[i].words));
    g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));
    g_assert_cmpuint (fake_n_calls (FAKE_OPEN), ==, 0);

    gst_element_set_state (element, GST_STATE_NULL);
    gst_util_set_object_arg (G_OBJECT (element), "recipe", "");
    gst_util_set_object_arg (G_OBJECT (element), "template", "");
    gst_util_set_object_arg (G_OBJECT (element), "choices", "<>");
    gst_util_set_object_arg (G_OBJECT (element), "choice-weights", "<>");
    gst_util_set_object_arg (G_OBJECT (element), "alert-threshold", "0");
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
        GST_STATE_CHANGE_SUCCESS);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_object_unref (element);
    gst_bus_set_flushing (bus, TRUE);
    gst_object_unref (bus);
    fake_reset ();
  }
}

/* While it plays, clips are not answered, and the stream goes on. */
static void
test_wrong_later (void)
{
  Bench *b = bench_new (FALSE, "interval", BENCH_STEP, NULL);

  bench_push (b, 0);
  set (b, "recipe", "qualty");
  bench_push (b, 1);
  assert_warning (b, "no recipe 'qualty'");
  set (b, "recipe", "quality");
  bench_push (b, 2);
  bench_eos (b);
  g_assert_cmpuint (bench_stat (b, "clips-answered"), ==, 2);
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 1);
  bench_end (b);
}

/* ---- questions ---------------------------------------------------------- */

static guint64
ask (Bench *b, const char *question)
{
  guint64 id = 0;

  g_signal_emit_by_name (b->element, "ask", question, &id);
  return id;
}

/* They take the question's place in the template, as plain text; what was said
 * before does not. */
static void
test_questions (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * GST_SECOND, "template",
      "A: <|image|>{} B:", "prompt", "<p>", "history", 4, NULL);

  bench_push (b, 0);
  gst_structure_free (answer_of (b));
  g_assert_cmpstr (fake_request (0).prompt, ==, "A: <|image|><p> B:");
  g_assert_cmpuint (ask (b, "</s>{}?"), !=, 0);
  gst_structure_free (answer_of (b));
  g_assert_cmpstr (fake_request (1).prompt, ==, "A: <|image|>[</s>{}?] B:");

  set (b, "template", "A: <|image|> B:");
  g_assert_cmpuint (ask (b, "lost?"), !=, 0);
  assert_warning (b, "the template has no {} for a question");
  g_assert_cmpuint (bench_stat (b, "clips-dropped"), ==, 1);
  bench_end (b);
}

/* ---- alerts ------------------------------------------------------------- */

/* (transfer full) (nullable): the one that is on the bus. */
static GstStructure *
pop_alert (Bench *b)
{
  GstMessage *message;

  while ((message = gst_bus_pop_filtered (b->bus, GST_MESSAGE_ELEMENT))) {
    GstStructure *s = gst_structure_copy (gst_message_get_structure (message));

    gst_message_unref (message);
    if (gst_structure_has_name (s, "owl2-alert"))
      return s;
    gst_structure_free (s);
  }
  return NULL;
}

static void
assert_alert (Bench *b, guint64 id, gboolean active, double probability)
{
  g_autoptr (GstStructure) s = pop_alert (b);
  gboolean is;
  double p, threshold;

  g_assert_nonnull (s);
  g_assert_true (
      gst_structure_get (s, "active", G_TYPE_BOOLEAN, &is, "probability",
          G_TYPE_DOUBLE, &p, "threshold", G_TYPE_DOUBLE, &threshold, NULL));
  g_assert_cmpint (is, ==, active);
  g_assert_cmpfloat (p, ==, probability);
  g_assert_cmpfloat (threshold, ==, 0.75);
  g_assert_cmpstr (gst_structure_get_string (s, "choice"), ==, "fire");
  g_assert_cmpstr (gst_structure_get_string (s, "prompt"), ==, "What?");
  g_assert_cmpstr (gst_structure_get_string (s, "element"), ==,
      GST_OBJECT_NAME (b->element));
  g_assert_cmpuint (structure_uint64 (s, "id"), ==, id);
  g_assert_cmpuint (structure_uint64 (s, "start"), ==, (id - 1) * BENCH_STEP);
  g_assert_cmpuint (structure_uint64 (s, "end"), ==, id * BENCH_STEP);
  g_assert_null (pop_alert (b));
}

static void
test_alert (void)
{
  static const struct {
    double probability;
    gboolean alert, told;
  } steps[] = { { 0.5, FALSE, FALSE }, { 0.75, TRUE, TRUE },
    { 0.625, TRUE, FALSE }, { 0.5, TRUE, FALSE }, { 0.4375, FALSE, TRUE },
    { 0.625, FALSE, FALSE }, { 1, TRUE, TRUE }, { 0, FALSE, TRUE } };
  Bench *b = bench_new (FALSE, "interval", BENCH_STEP, "prompt", "What?", NULL);

  set (b, "choices", "<fire, none>");
  g_object_set (
      b->element, "alert-threshold", 0.75, "alert-hysteresis", 0.25, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_autoptr (GstBuffer) buffer = NULL;
    const GstStructure *meta;
    gboolean alert;

    fake_set_probability (steps[i].probability);
    bench_push (b, i);
    buffer = bench_pull (b);
    meta = gst_owl2_meta_get (buffer);
    g_assert_true (gst_structure_get_boolean (meta, "alert", &alert));
    g_assert_cmpint (alert, ==, steps[i].alert);
    g_assert_true (
        !strstr (gst_structure_get_string (meta, "json"), "\"alert\": true")
        == !alert);
    if (steps[i].told)
      assert_alert (b, i + 1, steps[i].alert, steps[i].probability);
    else
      g_assert_null (pop_alert (b));
  }
  bench_end (b);
}

/* Other questions are about something else. */
static void
test_alert_questions (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * GST_SECOND, NULL);
  g_autoptr (GstStructure) s = NULL;

  set (b, "choices", "<yes, no>");
  g_object_set (b->element, "alert-threshold", 0.75, NULL);
  bench_push (b, 0);
  gst_structure_free (answer_of (b));
  fake_set_probability (1);
  ask (b, "Really?");
  s = answer_of (b);
  g_assert_false (gst_structure_has_field (s, "alert"));
  bench_eos (b);
  g_assert_null (pop_alert (b));
  bench_end (b);
}

/* One that is on ends when nobody looks for alerts any more. */
static void
test_alert_off (void)
{
  Bench *b = bench_new (FALSE, "interval", BENCH_STEP, NULL);
  gboolean active;

  set (b, "choices", "<yes, no>");
  g_object_set (b->element, "alert-threshold", 0.5, NULL);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GstStructure) s = NULL;

    bench_push (b, i);
    s = pop_alert (b);
    g_assert_nonnull (s);
    g_assert_true (gst_structure_get_boolean (s, "active", &active));
    g_assert_cmpint (active, ==, i == 0);
    g_object_set (b->element, "alert-threshold", 0., NULL);
  }
  bench_push (b, 2);
  g_assert_null (pop_alert (b));
  bench_end (b);
}

/* ---- a frame for each second -------------------------------------------- */

static void
check_seconds (Bench *b, guint n, const char *times, guint from)
{
  g_autoptr (GstStructure) s = NULL;
  guint thinned = 0;

  bench_push_range (b, 0, n);
  bench_eos (b);
  if (from)
    assert_warning (b, "frames, one for each second");
  s = answer_of (b);
  assert_string (structure_times (s), times);
  gst_structure_get_uint (s, "thinned-from", &thinned);
  g_assert_cmpuint (thinned, ==, from);
  g_assert_true (
      !strstr (gst_structure_get_string (s, "json"), "\"thinned-from\": ")
      == !from);
}

static void
test_seconds (void)
{
  Bench *b = bench_new (FALSE, "trigger", EOS, "recipe", "video-quality", NULL);

  check_seconds (b, 39, "0 1000 2000", 0);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 3);
  bench_end (b);
}

/* One frame alone is a picture, and less than a second has one. */
static void
test_seconds_short (void)
{
  Bench *b = bench_new (FALSE, "trigger", EOS, "frames", 0, NULL);

  check_seconds (b, 1, "0", 0);
  g_assert_nonnull (strstr (fake_request (0).prompt, "provided image"));
  bench_end (b);
  b = bench_new (FALSE, "trigger", EOS, "frames", 0, NULL);
  check_seconds (b, 9, "0", 0);
  g_assert_nonnull (strstr (fake_request (0).prompt, "provided video"));
  bench_end (b);
}

/* More than the context holds: said once, and nothing is computed in vain. */
static void
test_thinned (void)
{
  Bench *b = bench_new (FALSE, "trigger", EOS, "frames", 0, NULL);

  fake_set_room_frames (3);
  check_seconds (b, 80, "0 2000 5000", 8);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_WARNING), ==, 0);
  g_assert_cmpuint (fake_n_calls (FAKE_ENCODE), ==, 3);
  bench_end (b);
}

/* More than a clip holds. */
static void
test_thinned_long (void)
{
  Bench *b =
      bench_with_caps ("video/x-raw,format=RGB,width=8,height=6,framerate=1/1",
          "trigger", EOS, "frames", 0, NULL);
  g_autoptr (GstStructure) s = NULL;
  guint thinned;

  bench_push_range (b, 0, 100);
  bench_eos (b);
  assert_warning (b, "64 of 100 frames");
  s = answer_of (b);
  g_assert_true (gst_structure_get_uint (s, "thinned-from", &thinned));
  g_assert_cmpuint (thinned, ==, 100);
  g_assert_cmpuint (fake_request (0).n_images, ==, 64);
  bench_end (b);
}

/* In clips: what is on screen at each second of the span; also those of
 * questions. */
static void
test_seconds_clip (void)
{
  Bench *b = bench_new (
      FALSE, "interval", 1 * GST_SECOND, "span", 3500 * MS, "frames", 0, NULL);
  g_autoptr (GstStructure) s = NULL;

  bench_push_range (b, 0, 41);
  s = answer_of (b);
  assert_string (structure_times (s), "0 1000 2000");
  gst_structure_free (s);
  s = answer_of (b);
  assert_string (structure_times (s), "1000 2000 3000");
  bench_end (b);

  g_clear_pointer (&s, gst_structure_free);
  b = bench_new (
      FALSE, "trigger", 2, "span", 3 * GST_SECOND, "frames", 0, NULL);
  bench_push_range (b, 0, 41);
  g_assert_cmpuint (ask (b, "What?"), !=, 0);
  s = answer_of (b);
  assert_string (structure_times (s), "2000 3000 4000");
  bench_end (b);
}

static void
add_tests (void)
{
  g_test_add_func ("/choices/told", test_choices);
  g_test_add_func ("/choices/without", test_without);
  g_test_add_func ("/recipe/asked", test_recipe);
  g_test_add_func ("/recipe/by-hand", test_by_hand);
  g_test_add_func ("/recipe/mode", test_mode);
  g_test_add_func ("/recipe/of-model", test_of_model);
  g_test_add_func ("/wrong/start", test_wrong);
  g_test_add_func ("/wrong/later", test_wrong_later);
  g_test_add_func ("/questions", test_questions);
  g_test_add_func ("/alert/passes", test_alert);
  g_test_add_func ("/alert/questions", test_alert_questions);
  g_test_add_func ("/alert/off", test_alert_off);
  g_test_add_func ("/seconds/whole", test_seconds);
  g_test_add_func ("/seconds/short", test_seconds_short);
  g_test_add_func ("/seconds/thinned", test_thinned);
  g_test_add_func ("/seconds/thinned-long", test_thinned_long);
  g_test_add_func ("/seconds/clip", test_seconds_clip);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
