/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vulkan calls that fail under the engine, and cancels at any moment: each ends
 * in an error, after which the session works as before, or, where the device is
 * lost, can be freed. OWL2_TEST_MODEL names the model file. */
#include <string.h>

#include "asking.h"
#include "failing.h"

#define TOKENS 3

/* What is asked of a session. One question after the other makes new buffers
 * for a frame of another size, and lets the KV cache grow. */
typedef struct {
  guint width, height; /* of the frame */
  guint max_tokens;    /* the cache holds these, but TOKENS are made */
} Question;

static const Question questions[] = { { 20, 13, 10 }, { 13, 20, 400 } };

#define N_QUESTIONS G_N_ELEMENTS (questions)

static gboolean
stop (gint32 id, double probability, const char *text, gpointer user_data)
{
  guint *n = user_data;

  return ++*n < TOKENS;
}

/* What the model says about a frame, as text of its token ids. */
static char *
ask (Owl2Session *session, const Question *q, GError **error)
{
  g_autoptr (Owl2Answer) answer = NULL;
  guint n = 0;
  Owl2Request how = {
    .sampling = OWL2_SAMPLING_DEFAULT,
    .on_token = stop,
    .user_data = &n,
  };
  GString *text;

  how.sampling.max_tokens = q->max_tokens;
  how.sampling.ignore_eos = TRUE;
  answer = ask_about_noise (session, q->width, q->height, how, error);
  if (!answer)
    return NULL;
  g_assert_cmpuint (answer->n_ids, ==, TOKENS);
  text = g_string_new (NULL);
  for (guint i = 0; i < TOKENS; i++)
    g_string_append_printf (text, " %d", answer->ids[i]);
  return g_string_free (text, FALSE);
}

/* All questions have the answers @want, or get them if there are none yet. */
static void
ask_all (Owl2Session *session, char *want[N_QUESTIONS])
{
  for (guint i = 0; i < N_QUESTIONS; i++) {
    g_autoptr (GError) error = NULL;
    char *text = ask (session, &questions[i], &error);

    g_assert_no_error (error);
    if (want[i]) {
      g_assert_cmpstr (text, ==, want[i]);
      g_free (text);
    } else {
      want[i] = text;
    }
  }
}

static void
fail_call (guint n, VkResult result)
{
  n_calls = 0;
  failed_call = NULL;
  fail_result = result;
  fail_at = n;
}

/* A new session answers while call @n fails, then once more. FALSE if there
 * were fewer calls. */
static gboolean
recover (Owl2Model **model, guint n, char *want[N_QUESTIONS])
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = NULL;

  fail_call (n, VK_ERROR_OUT_OF_DEVICE_MEMORY);
  session = owl2_session_new (*model, NULL, &error);
  for (guint i = 0; i < N_QUESTIONS && !error; i++) {
    g_autofree char *text = ask (session, &questions[i], &error);

    g_assert_true ((text == NULL) == (error != NULL));
    if (text)
      g_assert_cmpstr (text, ==, want[i]);
  }
  fail_at = 0;
  g_test_message ("call %u, %s: %s", n, failed_call ? failed_call : "none",
      error ? error->message : "went well");
  if (g_error_matches (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST)) {
    /* Without an answer to this, nobody knows what the device is at. */
    g_assert_cmpstr (failed_call, ==, "vkGetSemaphoreCounterValue");
    g_clear_error (&error);
    owl2_model_unref (*model);
    *model = load_model (OWL2_KV_AUTO, &error);
    g_assert_no_error (error);
    return TRUE;
  }
  if (error)
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY);
  if (session)
    ask_all (session, want);
  return failed_call != NULL;
}

static void
test_recover (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load_model (OWL2_KV_AUTO, &error);
  static const char *const makes_memory[] = { "vkCreateBuffer",
    "vkAllocateMemory" };
  char *want[N_QUESTIONS] = { NULL };
  guint n;

  g_assert_no_error (error);
  {
    g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

    g_assert_no_error (error);
    ask_all (session, want);
  }
  /* Every call that makes memory (and the next ones, since a smaller block is
   * tried where a large one can't be had), and a share of the others, of which
   * there are some for each layer and token. */
  fail_repeat = 10;
  for (guint i = 0; i < G_N_ELEMENTS (makes_memory); i++) {
    n = 0;
    do {
      /* What a model has taken it keeps. */
      fail_only = NULL;
      owl2_model_unref (model);
      model = load_model (OWL2_KV_AUTO, &error);
      g_assert_no_error (error);
      fail_only = makes_memory[i];
    } while (recover (&model, ++n, want));
    g_assert_cmpuint (n, >, 1);
  }
  fail_only = NULL;
  fail_repeat = 0;
  n = 0;
  do
    n += g_test_rand_int_range (1, 20);
  while (recover (&model, n, want));
  g_test_message ("%u calls", n);
  g_assert_cmpuint (n, >, 200);
  for (guint i = 0; i < N_QUESTIONS; i++)
    g_free (want[i]);
}

/* A cancel may come at any moment; what was recorded by then is forgotten. */
typedef struct {
  Owl2Session *session;
  gulong longest_us; /* as long as an answer takes, whatever the device */
} CancelSoon;

static gpointer
cancel_soon (gpointer data)
{
  CancelSoon *soon = data;

  g_usleep ((gulong) (g_random_double () * (double) soon->longest_us));
  owl2_session_cancel (soon->session);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load_model (OWL2_KV_AUTO, &error);
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
  char *want[N_QUESTIONS] = { NULL };
  CancelSoon soon = { session, 0 };
  guint n_cancelled = 0;
  gint64 start;

  g_assert_no_error (error);
  ask_all (session, want);
  start = g_get_monotonic_time ();
  ask_all (session, want);
  soon.longest_us = (gulong) (g_get_monotonic_time () - start) / N_QUESTIONS;
  for (guint round = 0; round < 15; round++) {
    GThread *thread = g_thread_new ("cancel", cancel_soon, &soon);

    g_free (ask (session, &questions[round % N_QUESTIONS], &error));
    g_thread_join (thread);
    if (error)
      g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
    n_cancelled += error != NULL;
    g_clear_error (&error);
    owl2_session_uncancel (session);
    ask_all (session, want);
  }
  g_test_message ("%u of 15 cancelled", n_cancelled);
  g_assert_cmpuint (n_cancelled, >, 0);
  for (guint i = 0; i < N_QUESTIONS; i++)
    g_free (want[i]);
}

static void
test_lost (void)
{
  for (guint i = 0; i < 5; i++) {
    guint n = g_test_rand_int_range (1, 200);
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Model) model = load_model (OWL2_KV_AUTO, &error);
    g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
    g_autofree char *text = NULL;

    g_assert_no_error (error);
    fail_call (n, VK_ERROR_DEVICE_LOST);
    text = ask (session, &questions[0], &error);
    fail_at = 0;
    g_test_message ("call %u, %s", n, failed_call ? failed_call : "none");
    g_assert_nonnull (failed_call);
    g_assert_null (text);
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);
    g_clear_error (&error);
    /* It stays so, and says so. */
    g_assert_null (ask (session, &questions[1], &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);
    g_clear_error (&error);
    g_assert_null (owl2_session_new (model, NULL, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);
    g_clear_error (&error);
    g_assert_false (owl2_model_alive (model, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);
  }
}

static void
test_load (void)
{
  for (guint i = 0; i < 10; i++) {
    guint n = g_test_rand_int_range (1, 250);
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Model) model = NULL;

    fail_call (n, VK_ERROR_OUT_OF_HOST_MEMORY);
    model = load_model (OWL2_KV_AUTO, &error);
    fail_at = 0;
    g_test_message ("call %u, %s: %s", n, failed_call ? failed_call : "none",
        error ? error->message : "went well");
    g_assert_true ((model == NULL) == (error != NULL));
    g_assert_true (model || error->domain == OWL2_ERROR);
  }
}

/* A pipeline that is missing after the load is compiled while somebody waits
 * for the first answer. */
static void
test_all_compiled (void)
{
  static const Question sizes[] = { { 20, 13, 9 }, { 13, 20, 9 }, { 9, 9, 9 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load_model (OWL2_KV_AUTO, &error);
  g_autoptr (Owl2Session) session = NULL;
  gint n = n_calls_vkCreateComputePipelines;

  g_assert_no_error (error);
  g_assert_cmpint (n, >, 10);
  session = owl2_session_new (model, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *text = ask (session, &sizes[i], &error);

    g_assert_no_error (error);
    g_assert_cmpstr (text, !=, "");
    g_assert_cmpint (n_calls_vkCreateComputePipelines, ==, n);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/faults/recover", test_recover);
  g_test_add_func ("/engine/faults/cancel", test_cancel);
  g_test_add_func ("/engine/faults/lost", test_lost);
  g_test_add_func ("/engine/faults/load", test_load);
  g_test_add_func ("/engine/all-compiled", test_all_compiled);
  return g_test_run ();
}
