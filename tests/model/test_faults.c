/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vulkan calls that fail under the engine: every one of them ends in an error,
 * after which the session works as before, or, where the device is lost, can
 * be freed. OWL2_TEST_MODEL names the model file. */
#include <string.h>

#include "failing.h"
#include "owl2.h"

#define TOKENS 3

static Owl2Model *
load (GError **error)
{
  Owl2ModelParams params = { .path = g_getenv ("OWL2_TEST_MODEL") };

  return owl2_model_load (&params, error);
}

/* What the model says about a frame, as text of its token ids. */
static char *
ask (Owl2Session *session, guint width, guint height, GError **error)
{
  g_autofree guint8 *pixels = g_malloc (3 * width * height);
  Owl2Image image = { pixels, width, height, 3 * width };
  g_autoptr (Owl2Features) features = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = {
    .prompt = "USER: <|image|>What is it? ASSISTANT:",
    .frames = &features,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  GString *text;

  for (guint i = 0; i < 3 * width * height; i++)
    pixels[i] = i * 2654435761u >> 24;
  features = owl2_session_encode (session, &image, NULL, error);
  if (!features)
    return NULL;
  request.sampling.max_tokens = TOKENS;
  request.sampling.ignore_eos = TRUE;
  answer = owl2_session_generate (session, &request, error);
  if (!answer)
    return NULL;
  g_assert_cmpuint (answer->n_ids, ==, TOKENS);
  text = g_string_new (NULL);
  for (guint i = 0; i < TOKENS; i++)
    g_string_append_printf (text, " %d", answer->ids[i]);
  return g_string_free (text, FALSE);
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
recover (Owl2Model *model, guint n, const char *want)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) session = NULL;
  g_autofree char *text = NULL;

  fail_call (n, VK_ERROR_OUT_OF_DEVICE_MEMORY);
  session = owl2_session_new (model, NULL, &error);
  if (session)
    text = ask (session, 20, 13, &error);
  fail_at = 0;
  g_test_message ("call %u, %s: %s", n, failed_call ? failed_call : "none",
      error ? error->message : "went well");
  g_assert_true ((text == NULL) == (error != NULL));
  if (text)
    g_assert_cmpstr (text, ==, want);
  else
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY);
  if (session) {
    g_autofree char *again = NULL;

    g_clear_error (&error);
    again = ask (session, 20, 13, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (again, ==, want);
  }
  return failed_call != NULL;
}

static void
test_recover (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load (&error);
  g_autofree char *want = NULL;
  guint n = 0;

  g_assert_no_error (error);
  {
    g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);

    g_assert_no_error (error);
    want = ask (session, 20, 13, &error);
    g_assert_no_error (error);
  }
  /* Every call of a new session, then a share of those that come with each
   * layer and token. */
  do
    n += n < 100 ? 1 : g_test_rand_int_range (1, 16);
  while (recover (model, n, want));
  g_test_message ("%u calls", n);
  g_assert_cmpuint (n, >, 200);
}

static void
test_lost (void)
{
  for (guint i = 0; i < 8; i++) {
    guint n = g_test_rand_int_range (1, 200);
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Model) model = load (&error);
    g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
    g_autofree char *text = NULL;

    g_assert_no_error (error);
    fail_call (n, VK_ERROR_DEVICE_LOST);
    text = ask (session, 20, 13, &error);
    fail_at = 0;
    g_test_message ("call %u, %s", n, failed_call ? failed_call : "none");
    g_assert_nonnull (failed_call);
    g_assert_null (text);
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);
    g_clear_error (&error);
    /* It stays so, and says so. */
    g_assert_null (ask (session, 20, 13, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);
    g_clear_error (&error);
    g_assert_null (owl2_session_new (model, NULL, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST);
  }
}

static void
test_load (void)
{
  for (guint i = 0; i < 20; i++) {
    guint n = g_test_rand_int_range (1, 250);
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Model) model = NULL;

    fail_call (n, VK_ERROR_OUT_OF_HOST_MEMORY);
    model = load (&error);
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
  static const guint sizes[][2] = { { 20, 13 }, { 13, 20 }, { 9, 9 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load (&error);
  g_autoptr (Owl2Session) session = NULL;
  guint n = n_calls_vkCreateComputePipelines;

  g_assert_no_error (error);
  g_assert_cmpuint (n, >, 10);
  session = owl2_session_new (model, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *text = ask (session, sizes[i][0], sizes[i][1], &error);

    g_assert_no_error (error);
    g_assert_cmpstr (text, !=, "");
    g_assert_cmpuint (n_calls_vkCreateComputePipelines, ==, n);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/faults/recover", test_recover);
  g_test_add_func ("/engine/faults/lost", test_lost);
  g_test_add_func ("/engine/faults/load", test_load);
  g_test_add_func ("/engine/all-compiled", test_all_compiled);
  return g_test_run ();
}
