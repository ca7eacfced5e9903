/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What many streams of the embedded model cost beside one, and a second
 * question beside the first: ratios, each taken several times by turns, so that
 * what else the machine does comes to both. The median must hold, in one of a
 * few goes: others may have come in one's turn and gone in the other's.
 * OWL2_TEST_NANO names its file. */
#include "asking.h"

#define N_STREAMS 4
/* Many, as what is compared is tokens: prompts are computed one by one. */
#define N_TOKENS 128
#define N_FRAMES 8
#define N_ROUNDS 5
#define N_GOES 4
/* Tokens of four streams in the time of one's. */
#define STREAMS_BAR 2.5
/* Time to the first token of a second question about frames that were asked
 * about, in that of the first. What is aimed at is 0.15; but with a model as
 * small as this one what a pass costs by itself, however few its rows, is 0.12
 * to 0.19 of the whole prompt's time on two processors. */
#define SECOND_BAR 0.25

static Owl2Model *model;

static int
compare (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare);
  return values[n / 2];
}

typedef struct {
  Owl2Session *session;
  Owl2Features *frame;
  gint *n_left; /* atomic */
} Stream;

static void
on_answered (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  Stream *stream = user_data;

  g_assert_no_error (error);
  g_assert_cmpuint (answer->n_ids, ==, N_TOKENS);
  owl2_answer_free (answer);
  g_atomic_int_add (stream->n_left, -1);
}

/* Seconds until all of @n have answered a question, cold as one about a new
 * frame. */
static double
ask_all (Stream *streams, guint n)
{
  gint64 start = g_get_monotonic_time ();
  gint n_left = (gint) n;

  for (guint i = 0; i < n; i++) {
    Owl2Request request = {
      .prompt = QUESTION_ABOUT_FRAME,
      .frames = &streams[i].frame,
      .n_frames = 1,
      .sampling = OWL2_SAMPLING_DEFAULT,
      .cold = TRUE,
    };

    request.sampling.ignore_eos = TRUE;
    request.sampling.max_tokens = N_TOKENS;
    streams[i].n_left = &n_left;
    owl2_session_generate_async (
        streams[i].session, &request, on_answered, &streams[i]);
  }
  while (g_atomic_int_get (&n_left) > 0)
    g_usleep (500);
  return (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
}

static void
test_streams (void)
{
  Stream streams[N_STREAMS];
  double ratio = 0;

  for (guint i = 0; i < N_STREAMS; i++) {
    streams[i].session = new_session (model, NULL);
    streams[i].frame = encode (streams[i].session, i);
  }
  ask_all (streams, 1);
  for (guint go = 0; go < N_GOES && ratio < STREAMS_BAR; go++) {
    double ratios[N_ROUNDS];

    for (guint i = 0; i < N_ROUNDS; i++) {
      double before = ask_all (streams, 1);
      double together = ask_all (streams, N_STREAMS);

      ratios[i] = N_STREAMS * (before + ask_all (streams, 1)) / 2 / together;
    }
    ratio = median (ratios, N_ROUNDS);
    g_test_message ("%d streams have %.2f (%.2f to %.2f) times one's tokens",
        N_STREAMS, ratio, ratios[0], ratios[N_ROUNDS - 1]);
  }
  g_assert_cmpfloat (ratio, >=, STREAMS_BAR);
  for (guint i = 0; i < N_STREAMS; i++) {
    owl2_features_unref (streams[i].frame);
    owl2_session_free (streams[i].session);
  }
}

/* Milliseconds to the first token. */
static double
first_token (Owl2Session *session, Owl2Features **frames, const char *question)
{
  g_autofree char *prompt =
      g_strdup_printf ("USER: <|image|>%s ASSISTANT:", question);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = {
    .prompt = prompt,
    .frames = frames,
    .n_frames = N_FRAMES,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  request.sampling.max_tokens = 2;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  return (double) answer->prefill_ns / 1e6;
}

/* Of frames that nobody was asked about before. */
static double
second_beside_first (Owl2Session *session)
{
  static guint n_encoded;
  double ratios[N_ROUNDS], ratio;

  for (guint i = 0; i < N_ROUNDS; i++) {
    Owl2Features *frames[N_FRAMES];
    double first, second;

    for (guint k = 0; k < N_FRAMES; k++)
      frames[k] = encode (session, n_encoded++);
    first = first_token (session, frames, "What is it?");
    second = first_token (session, frames, "Where is it?");
    ratios[i] = second / first;
    for (guint k = 0; k < N_FRAMES; k++)
      owl2_features_unref (frames[k]);
  }
  ratio = median (ratios, N_ROUNDS);
  g_test_message ("a second question's first token takes %.3f (%.3f to %.3f) "
                  "of the first's",
      ratio, ratios[0], ratios[N_ROUNDS - 1]);
  return ratio;
}

static void
test_second (void)
{
  Owl2Session *session = new_session (model, NULL);
  double ratio = second_beside_first (session);

  for (guint go = 1; go < N_GOES && ratio > SECOND_BAR; go++)
    ratio = second_beside_first (session);
  g_assert_cmpfloat (ratio, <=, SECOND_BAR);
  owl2_session_free (session);
}

int
main (int argc, char **argv)
{
  const Owl2ModelParams params = { .path = g_getenv ("OWL2_TEST_NANO") };
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  model = owl2_model_load (&params, &error);
  g_assert_no_error (error);
  g_test_add_func ("/many/streams", test_streams);
  g_test_add_func ("/many/second-question", test_second);
  result = g_test_run ();
  owl2_model_unref (model);
  return result;
}
