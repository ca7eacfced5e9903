/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real element with the embedded model, on drawn pictures: choices are
 * likely as what is to be seen, and all numbers are those that the engine gives
 * for the literal prompt, to the bit.
 *
 * GST_PLUGIN_PATH names the plugin's folder. */
#include <float.h>
#include <gst/gst.h>

#include "owl2.h"

/* No square, so that it matters how it becomes one. */
#define WIDTH 96
#define HEIGHT 72
#define BYTES (3 * WIDTH * HEIGHT)
#define MAX_CHOICES 5

typedef struct {
  const char *text;
  double p[MAX_CHOICES], score;
  guint n;
} Scores;

/* A red disc on white. */
static void
draw (guint8 *rgb)
{
  for (int i = 0; i < WIDTH * HEIGHT; i++) {
    const int x = i % WIDTH - WIDTH / 2, y = i / WIDTH - HEIGHT / 2;
    const gboolean in = x * x + y * y < HEIGHT * HEIGHT / 12;

    rgb[3 * i] = 255;
    rgb[3 * i + 1] = rgb[3 * i + 2] = in ? 0 : 255;
  }
}

/* ---- by the element ----------------------------------------------------- */

static void
fill (GstElement *source, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  g_assert_cmpuint (map.size, ==, BYTES);
  draw (map.data);
  gst_buffer_unmap (buffer, &map);
}

static void
get_scores (const GstStructure *s, Scores *scores)
{
  const GValue *p = gst_structure_get_value (s, "probabilities");

  g_assert_nonnull (p);
  scores->text = g_intern_string (gst_structure_get_string (s, "text"));
  scores->n = gst_value_array_get_size (p);
  g_assert_cmpuint (scores->n, <=, MAX_CHOICES);
  for (guint i = 0; i < scores->n; i++)
    scores->p[i] = g_value_get_double (gst_value_array_get_value (p, i));
  g_assert_true (gst_structure_get_double (s, "score", &scores->score));
}

/* Of one picture, with these properties. */
static Scores
by_element (const char *properties)
{
  g_autofree char *line = g_strdup_printf (
      "fakesrc name=source num-buffers=1 sizetype=fixed sizemax=%d "
      "filltype=nothing signal-handoffs=true format=time ! "
      "video/x-raw,format=RGB,width=%d,height=%d,framerate=25/1 ! "
      "owl2 %s ! fakesink",
      BYTES, WIDTH, HEIGHT, properties);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (line, &error);
  g_autoptr (GstElement) source = NULL;
  g_autoptr (GstBus) bus = NULL;
  Scores scores = { NULL };

  g_assert_no_error (error);
  source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  g_signal_connect (source, "handoff", G_CALLBACK (fill), NULL);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!scores.n) {
    g_autoptr (GstMessage) m =
        gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND,
            GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_ELEMENT);

    g_assert_nonnull (m);
    g_assert_cmpint (GST_MESSAGE_TYPE (m), ==, GST_MESSAGE_ELEMENT);
    if (gst_message_has_name (m, "owl2-answer"))
      get_scores (gst_message_get_structure (m), &scores);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return scores;
}

/* ---- by the engine ------------------------------------------------------ */

static Scores
by_engine (const char *prompt, Owl2ImageMode mode, const char *const *choices,
    const double *weights, guint n)
{
  const Owl2ModelParams params = { NULL };
  const Owl2SessionParams session_params = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = owl2_model_load (&params, &error);
  g_autoptr (Owl2Session) session = NULL;
  g_autoptr (Owl2Features) features = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  g_autofree guint8 *rgb = g_malloc (BYTES);
  const Owl2Image image = { .data = rgb,
    .width = WIDTH,
    .height = HEIGHT,
    .stride = 3 * WIDTH,
    .mode = mode };
  Owl2Request request = { .prompt = prompt,
    .n_frames = 1,
    .choices = choices,
    .choice_weights = weights,
    .n_choices = n,
    .sampling = OWL2_SAMPLING_DEFAULT };
  Scores scores = { NULL };

  g_assert_no_error (error);
  draw (rgb);
  session = owl2_session_new (model, &session_params, &error);
  g_assert_no_error (error);
  features = owl2_session_encode (session, &image, NULL, &error);
  g_assert_no_error (error);
  request.frames = &features;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  scores.text = g_intern_string (answer->text);
  scores.n = answer->n_choices;
  scores.score = answer->score;
  for (guint i = 0; i < n; i++)
    scores.p[i] = answer->probabilities[i];
  return scores;
}

/* To the bit, and the probabilities are some. */
static void
assert_same (const Scores *a, const Scores *b)
{
  double sum = 0;

  g_assert_cmpstr (a->text, ==, b->text);
  g_assert_cmpuint (a->n, ==, b->n);
  for (guint i = 0; i < a->n; i++) {
    g_test_message ("%.17g %.17g", a->p[i], b->p[i]);
    sum += a->p[i];
  }
  g_assert_cmpmem (a->p, a->n * sizeof (double), b->p, b->n * sizeof (double));
  g_assert_true (a->score == b->score);
  /* Each is rounded, and so is each sum, by half an epsilon at most. */
  g_assert_cmpfloat_with_epsilon (sum, 1, MAX_CHOICES * DBL_EPSILON);
}

/* ---- tests -------------------------------------------------------------- */

static const char *const yes_no[] = { "Yes", "No" };
static const double yes[] = { 1, 0 };

static void
test_obvious (void)
{
  const Scores red = by_element ("prompt=\"Is there a red circle?\" "
                                 "choices=<Yes,No> choice-weights=<1,0>");
  const Scores blue = by_element ("prompt=\"Is there a blue square?\" "
                                  "choices=<Yes,No> choice-weights=<1,0>");
  const Scores want = by_engine (
      "USER: <|image|>Is there a red circle? ASSISTANT:", OWL2_IMAGE_AUTO,
      yes_no, yes, 2);

  assert_same (&red, &want);
  g_assert_cmpstr (red.text, ==, "Yes");
  g_assert_cmpfloat (red.p[0], >, 0.9);
  g_assert_cmpfloat (red.score, ==, red.p[0]);
  g_assert_cmpstr (blue.text, ==, "No");
  g_assert_cmpfloat (blue.p[0], <, 0.1);
}

/* A recipe is what its project's code asks, written out. */
static void
test_recipe (void)
{
  static const char *const levels[] = { "excellent", "good", "fair", "poor",
    "bad" };
  static const double weights[] = { 1, .75, .5, .25, 0 };
  const Scores got = by_element ("recipe=quality");
  const Scores want = by_engine (
      "USER: How would you rate the quality of this image?\n<|image|>\n"
      "ASSISTANT: The quality of the image is",
      OWL2_IMAGE_PAD, levels, weights, 5);

  assert_same (&got, &want);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/scores/obvious", test_obvious);
  g_test_add_func ("/scores/recipe", test_recipe);
  return g_test_run ();
}
