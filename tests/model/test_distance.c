/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The distance of two frames is that of their features by plain C, alone and in
 * company. OWL2_TEST_MODEL names the model file. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "asking.h"
#include "feature_pool.h"
#include "ref.h"

#define N_FRAMES 5
#define N_PAIRS (N_FRAMES * N_FRAMES)

static Owl2Model *model;

typedef struct {
  gsize rows, cols;
  float *data;
} Stage;

static void
on_stage (const char *name, char type, const gsize *shape, guint n_dims,
    guint frame, const void *data, gpointer user_data)
{
  Stage *stage = user_data;

  if (strcmp (name, "abstractor_output") != 0)
    return;
  stage->rows = shape[n_dims - 2];
  stage->cols = shape[n_dims - 1];
  g_free (stage->data);
  stage->data =
      g_memdup2 (data, stage->rows * stage->cols * sizeof (*stage->data));
}

static double
distance (Owl2Session *session, Owl2Features *a, Owl2Features *b)
{
  g_autoptr (GError) error = NULL;
  double d = -1;

  owl2_session_distance (session, a, b, &d, &error);
  g_assert_no_error (error);
  return d;
}

/* The last row is no query's. */
static void
assert_is_reference (double got, const Stage *a, const Stage *b)
{
  const gsize rows = a->rows - 1;
  const double units = (double) rows + (double) a->cols / 256.0 + 5.0;
  double dots[3], mag[3], norms, limit;

  ref_pooled_dots (dots, mag, a->data, b->data, rows, a->cols);
  norms = sqrt (dots[0] * dots[1]);
  /* Each product's error, as checkops has it; half of those under the root. */
  limit =
      units * FLT_EPSILON
      * (mag[2] / norms
          + fabs (dots[2]) / norms * (mag[0] / dots[0] + mag[1] / dots[1]) / 2);
  g_assert_cmpfloat (fabs (got - (1 - dots[2] / norms)), <=, limit);
  /* It says something. */
  g_assert_cmpfloat (limit, <, 1e-3);
}

static void
test_reference (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  Owl2Features *frames[3];
  Stage stages[3] = { { 0 } };

  for (guint i = 0; i < 3; i++) {
    owl2_session_set_tap (session, on_stage, FALSE, &stages[i]);
    frames[i] = encode (session, i % 2);
    g_assert_nonnull (stages[i].data);
  }
  /* Who looks on changes nothing. */
  for (guint i = 0; i < 2; i++) {
    double d = distance (session, frames[0], frames[1]);

    assert_is_reference (d, &stages[0], &stages[1]);
    g_assert_cmpfloat (d, >, 1e-6);
    g_assert_cmpfloat (distance (session, frames[1], frames[0]), ==, d);
    owl2_session_set_tap (session, NULL, FALSE, NULL);
  }
  /* The same frame, and the same picture. */
  g_assert_cmpfloat (distance (session, frames[0], frames[0]), ==, 0);
  g_assert_cmpfloat (distance (session, frames[0], frames[2]), ==, 0);
  for (guint i = 0; i < 3; i++) {
    owl2_features_unref (frames[i]);
    g_free (stages[i].data);
  }
}

/* Results of many that are asked at once. */
typedef struct {
  GMutex lock;
  GCond cond;
  guint n_left;
} Crowd;

typedef struct {
  Crowd *crowd;
  double distance;
} Pair;

static void
crowd_tell (Crowd *crowd, const GError *error)
{
  g_assert_no_error (error);
  g_mutex_lock (&crowd->lock);
  crowd->n_left--;
  g_cond_signal (&crowd->cond);
  g_mutex_unlock (&crowd->lock);
}

static void
on_distance (double d, const GError *error, gpointer user_data)
{
  Pair *pair = user_data;

  pair->distance = d;
  crowd_tell (pair->crowd, error);
}

static void
on_encoded (Owl2Features *features, guint64 encode_ns, const GError *error,
    gpointer user_data)
{
  owl2_features_unref (features);
  crowd_tell (user_data, error);
}

static void
on_answered (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  owl2_answer_free (answer);
  crowd_tell (user_data, error);
}

/* Among frames and answers, of two sessions: the same to the bit. */
static void
test_company (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Session) other = new_session (model, NULL);
  guint8 pixels[3 * 16 * 16];
  const Owl2Image image = { pixels, 16, 16, 3 * 16 };
  Crowd crowd = { .n_left = 3 * N_PAIRS };
  Owl2Features *frames[N_FRAMES];
  Pair pairs[N_PAIRS];

  fill_noise (pixels, sizeof (pixels), 9);
  for (guint i = 0; i < N_FRAMES; i++)
    frames[i] = encode (session, i);
  for (guint i = 0; i < N_PAIRS; i++) {
    Owl2Request request = { .prompt = QUESTION_ABOUT_FRAME,
      .frames = &frames[i % N_FRAMES],
      .n_frames = 1,
      .sampling = OWL2_SAMPLING_DEFAULT };

    request.sampling.max_tokens = 2;
    pairs[i] = (Pair){ &crowd, -1 };
    owl2_session_encode_async (session, &image, on_encoded, &crowd);
    owl2_session_distance_async (i % 2 ? session : other, frames[i / N_FRAMES],
        frames[i % N_FRAMES], on_distance, &pairs[i]);
    owl2_session_generate_async (other, &request, on_answered, &crowd);
  }
  g_mutex_lock (&crowd.lock);
  while (crowd.n_left)
    g_cond_wait (&crowd.cond, &crowd.lock);
  g_mutex_unlock (&crowd.lock);

  for (guint i = 0; i < N_PAIRS; i++)
    g_assert_cmpfloat (pairs[i].distance, ==,
        distance (session, frames[i / N_FRAMES], frames[i % N_FRAMES]));
  for (guint i = 0; i < N_FRAMES; i++)
    owl2_features_unref (frames[i]);
}

/* A frame may go while it is compared. */
static void
test_given_up (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (GError) error = NULL;
  Crowd crowd = { .n_left = 1 };
  Pair pair = { &crowd, -1 };
  Owl2Features *a = encode (session, 0), *b = encode (session, 1);
  const double want = distance (session, a, b);
  double d;

  owl2_session_distance_async (session, a, b, on_distance, &pair);
  owl2_features_unref (b);
  b = encode (session, 2); /* into its place, if that was free */
  g_mutex_lock (&crowd.lock);
  while (crowd.n_left)
    g_cond_wait (&crowd.cond, &crowd.lock);
  g_mutex_unlock (&crowd.lock);
  g_assert_cmpfloat (pair.distance, ==, want);

  owl2_session_cancel (session);
  g_assert_false (owl2_session_distance (session, a, b, &d, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
  owl2_session_uncancel (session);
  distance (session, a, b);
  owl2_features_unref (a);
  owl2_features_unref (b);
}

static void
test_other_model (void)
{
  g_autoptr (GError) error = NULL;
  Owl2Model *second = load_model (OWL2_KV_AUTO, &error);
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Session) other = new_session (second, NULL);
  Owl2Features *a = encode (session, 0), *b = encode (other, 0);
  double d;

  owl2_model_unref (second);
  g_assert_false (owl2_session_distance (session, a, b, &d, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, "frame 1"));
  owl2_features_unref (a);
  owl2_features_unref (b);
}

static double
of_dots (float a, float b, float ab)
{
  const float dots[3] = { a, b, ab };
  g_autoptr (GError) error = NULL;
  double d = -1;

  if (!owl2_feature_distance (dots, &d, &error))
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  return error ? -1 : d;
}

/* What can't be divided by, and what is no number. */
static void
test_dots (void)
{
  g_assert_cmpfloat (of_dots (4, 9, 6), ==, 0);
  g_assert_cmpfloat (of_dots (4, 9, 3), ==, 0.5);
  g_assert_cmpfloat (of_dots (4, 9, 0), ==, 1);
  g_assert_cmpfloat (of_dots (4, 9, -6), ==, 2);
  /* Rounded past the ends. */
  g_assert_cmpfloat (of_dots (1, 1, 1.0000001f), ==, 0);
  g_assert_cmpfloat (of_dots (1, 1, -1.0000001f), ==, 2);
  g_assert_cmpfloat (of_dots (0, 0, 0), ==, 0);
  g_assert_cmpfloat (of_dots (0, 1, 0), ==, 1);
  g_assert_cmpfloat (of_dots (1, 0, 0), ==, 1);
  g_assert_cmpfloat (of_dots (1e38f, 1e38f, 1e38f), ==, 0);
  g_assert_cmpfloat (of_dots (1e-38f, 1e-38f, 1e-38f), ==, 0);
  g_assert_cmpfloat (of_dots (INFINITY, 1, 1), ==, -1);
  g_assert_cmpfloat (of_dots (1, INFINITY, 1), ==, -1);
  g_assert_cmpfloat (of_dots (1, 1, -INFINITY), ==, -1);
  g_assert_cmpfloat (of_dots (NAN, 1, 1), ==, -1);
  g_assert_cmpfloat (of_dots (1, NAN, 1), ==, -1);
  g_assert_cmpfloat (of_dots (1, 1, NAN), ==, -1);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int ret;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  if (g_error_matches (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE))
    return 77;
  g_assert_no_error (error);
  g_test_add_func ("/distance/reference", test_reference);
  g_test_add_func ("/distance/company", test_company);
  g_test_add_func ("/distance/given-up", test_given_up);
  g_test_add_func ("/distance/other-model", test_other_model);
  g_test_add_func ("/distance/dots", test_dots);
  ret = g_test_run ();
  owl2_model_unref (model);
  return ret;
}
