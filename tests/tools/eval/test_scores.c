/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts and scores against what the published scorers gave for them, recorded
 * in tests/data/eval by make_scorers.py: to the bit, but for correlations. */
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "metrics.h"
#include "vqa_text.h"

static json_t *recorded;

static const char *
string_at (const json_t *row, gsize i)
{
  return json_string_value (json_array_get (row, i));
}

static const char *
member (const json_t *object, const char *key)
{
  return json_string_value (json_object_get (object, key));
}

static double
number (const json_t *object, const char *key)
{
  return json_number_value (json_object_get (object, key));
}

static void
check_text (const json_t *row)
{
  char *(*const functions[]) (const char *) = { vqa_text_punctuation,
    vqa_text_answer, vqa_text_evalai };

  for (gsize i = 0; i < G_N_ELEMENTS (functions); i++) {
    g_autofree char *made = functions[i](string_at (row, 0));

    if (strcmp (made, string_at (row, 1 + i)) == 0)
      continue;
    g_test_message ("%u of \"%s\" is \"%s\", was \"%s\"", (guint) i,
        string_at (row, 0), made, string_at (row, 1 + i));
    g_test_fail ();
  }
}

static void
test_text (void)
{
  const json_t *rows = json_object_get (recorded, "text");

  g_assert_cmpuint (json_array_size (rows), >, 800);
  for (gsize i = 0; i < json_array_size (rows); i++)
    check_text (json_array_get (rows, i));
}

static void
test_vqa (void)
{
  json_t *vqa = json_object_get (recorded, "vqa");
  json_t *annotations = json_object_get (vqa, "annotations");
  const gsize n = json_array_size (annotations);
  double sum = 0;

  g_assert_cmpuint (n, ==, 150);
  for (gsize i = 0; i < n; i++) {
    json_t *answers =
        json_object_get (json_array_get (annotations, i), "answers");
    g_autofree char *answer = vqa_text_answer (member (
        json_array_get (json_object_get (vqa, "results"), i), "answer"));
    const double score = metrics_vqa (answer, answers);

    sum += score;
    g_assert_cmpfloat (metrics_percent (score, 1), ==,
        json_number_value (json_array_get (json_object_get (vqa, "each"), i)));
  }
  g_assert_cmpfloat (metrics_percent (sum, (double) n), ==,
      number (json_object_get (vqa, "accuracy"), "overall"));
}

static void
test_pope (void)
{
  const json_t *pope = json_object_get (recorded, "pope");
  const json_t *lines = json_object_get (pope, "lines");

  g_assert_cmpuint (json_array_size (lines), ==, 80);
  for (gsize i = 0; i < json_array_size (lines); i++)
    g_assert_true (
        metrics_says_no (member (json_array_get (lines, i), "text"))
        == json_is_true (json_array_get (json_object_get (pope, "no"), i)));
}

/* SciPy's own sums are in another order: some roundings of a sum of 100. */
static void
test_correlation (void)
{
  const json_t *pairs = json_object_get (recorded, "correlation");
  const double constant[] = { 1, 1, 1 }, rising[] = { 1, 2, 3 };

  g_assert_cmpuint (json_array_size (pairs), ==, 8);
  for (gsize i = 0; i < json_array_size (pairs); i++) {
    const json_t *pair = json_array_get (pairs, i);
    const json_t *xs = json_object_get (pair, "x");
    const json_t *ys = json_object_get (pair, "y");
    const guint n = (guint) json_array_size (xs);
    double x[100], y[100];

    g_assert_cmpuint (n, <=, 100);
    for (guint k = 0; k < n; k++) {
      x[k] = json_number_value (json_array_get (xs, k));
      y[k] = json_number_value (json_array_get (ys, k));
    }
    g_assert_cmpfloat_with_epsilon (
        metrics_srcc (x, y, n), number (pair, "srcc"), 1e-13);
    g_assert_cmpfloat_with_epsilon (
        metrics_plcc (x, y, n), number (pair, "plcc"), 1e-13);
  }
  g_assert_true (isnan (metrics_plcc (constant, rising, 3)));
  g_assert_true (isnan (metrics_srcc (rising, constant, 3)));
  g_assert_true (isnan (metrics_plcc (rising, rising, 1)));
}

static void
test_letter (void)
{
  static const char *const options[] = { "a cat", "Dog", "two", "b", "dog." };
  static const struct {
    const char *answer;
    int option;
  } cases[] = {
    { "A", 0 },
    { "b", 3 }, /* the text of D */
    { "B", 3 },
    { " (C) two", 2 },
    { "C.", 2 },
    { "D: because", 3 },
    { "E", 4 },
    { "F", -1 },
    { "The cat.", 0 },
    { "2", 2 },
    { "dog", -1 }, /* two of them */
    { "Always", -1 },
    { "A\303\251", -1 },
    { "C3", -1 },
    { "", -1 },
    { "(", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_test_message ("\"%s\"", cases[i].answer);
    g_assert_cmpint (
        metrics_letter (cases[i].answer, options, 5), ==, cases[i].option);
  }
}

static void
test_words (void)
{
  g_assert_true (metrics_contains ("red ball on green grass", "green grass"));
  g_assert_true (metrics_contains ("red", "red"));
  g_assert_false (metrics_contains ("reddish", "red"));
  g_assert_false (metrics_contains ("red", ""));
  g_assert_true (metrics_contains ("", ""));
  g_assert_cmpint (metrics_count ("about 3 times 4"), ==, 3);
  g_assert_cmpint (metrics_count ("3x -1 2.5"), ==, -1);
  g_assert_cmpint (metrics_count (""), ==, -1);
  g_assert_cmpfloat (metrics_percent (1, 3), ==, 33.33);
  g_assert_cmpfloat (metrics_percent (1.125, 100), ==, 1.12);
  g_assert_cmpfloat (metrics_percent (93, 160), ==, 58.12);
}

int
main (int argc, char **argv)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OWL2_TEST_DATA"), "eval", "scorers.json", NULL);
  int status;

  g_test_init (&argc, &argv, NULL);
  recorded = json_load_file (path, 0, NULL);
  g_assert_nonnull (recorded);
  g_test_add_func ("/eval/scores/text", test_text);
  g_test_add_func ("/eval/scores/vqa", test_vqa);
  g_test_add_func ("/eval/scores/pope", test_pope);
  g_test_add_func ("/eval/scores/correlation", test_correlation);
  g_test_add_func ("/eval/scores/letter", test_letter);
  g_test_add_func ("/eval/scores/words", test_words);
  status = g_test_run ();
  json_decref (recorded);
  return status;
}
