/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Models that are opened without waiting, and shared, and what is submitted, on
 * a device. OWL2_TEST_MODEL names the model file. */
#include <string.h>
#include <glib/gstdio.h>

#include "owl2.h"

#define PROMPT "USER: <|image|>What is it? ASSISTANT:"
/* What must return at once, on a machine that does other things, too. */
#define SOON_US (100 * 1000)
#define N 4

typedef struct {
  GMutex lock;
  GCond cond;
  guint n_progress, n_done;
  Owl2Model *model;
  Owl2Features *features;
  guint8 *rgb;
  Owl2Answer *answer;
  GError *error;
  GString *text;
} Heard;

static void
heard_init (Heard *heard)
{
  memset (heard, 0, sizeof (*heard));
  g_mutex_init (&heard->lock);
  g_cond_init (&heard->cond);
  heard->text = g_string_new (NULL);
}

static void
heard_clear (Heard *heard)
{
  owl2_model_unref (heard->model);
  owl2_features_unref (heard->features);
  owl2_answer_free (heard->answer);
  g_free (heard->rgb);
  g_clear_error (&heard->error);
  g_string_free (heard->text, TRUE);
  g_mutex_clear (&heard->lock);
  g_cond_clear (&heard->cond);
}

static void
heard_end (Heard *heard, const GError *error)
{
  heard->error = error ? g_error_copy (error) : NULL;
  heard->n_done++;
  g_cond_broadcast (&heard->cond);
  g_mutex_unlock (&heard->lock);
}

/* Waits for the first (progress) or the end. */
static void
heard_wait (Heard *heard, gboolean progress)
{
  g_mutex_lock (&heard->lock);
  while (!heard->n_done && !(progress && heard->n_progress))
    g_cond_wait (&heard->cond, &heard->lock);
  g_mutex_unlock (&heard->lock);
}

static gboolean
on_progress (const char *stage, double fraction, gpointer user_data)
{
  Heard *heard = user_data;

  g_mutex_lock (&heard->lock);
  heard->n_progress++;
  g_cond_broadcast (&heard->cond);
  g_mutex_unlock (&heard->lock);
  return TRUE;
}

static void
on_opened (Owl2Model *model, const GError *error, gpointer user_data)
{
  Heard *heard = user_data;

  g_mutex_lock (&heard->lock);
  heard->model = model;
  heard_end (heard, error);
}

static void
on_encoded (Owl2Features *features, guint64 encode_ns, const GError *error,
    gpointer user_data)
{
  Heard *heard = user_data;

  g_mutex_lock (&heard->lock);
  heard->features = features;
  heard_end (heard, error);
}

static void
on_shrunk (guint8 *rgb, const GError *error, gpointer user_data)
{
  Heard *heard = user_data;

  g_mutex_lock (&heard->lock);
  heard->rgb = rgb;
  heard_end (heard, error);
}

static void
on_answered (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  Heard *heard = user_data;

  g_mutex_lock (&heard->lock);
  heard->answer = answer;
  heard_end (heard, error);
}

static gboolean
on_token (gint32 id, double probability, const char *text, gpointer user_data)
{
  Heard *heard = user_data;

  g_mutex_lock (&heard->lock);
  g_string_append (heard->text, text);
  heard->n_progress++;
  g_cond_broadcast (&heard->cond);
  g_mutex_unlock (&heard->lock);
  return TRUE;
}

static Owl2Opening *
open_model (Heard *heard, const char *path, const char *device, gboolean share,
    GError **error)
{
  const Owl2ModelParams params = {
    .path = path,
    .device = device,
    .progress = on_progress,
    .progress_data = heard,
  };

  return owl2_model_open (&params, share, on_opened, heard, error);
}

static const char *
model_path (void)
{
  return g_getenv ("OWL2_TEST_MODEL");
}

/* ---- opening ------------------------------------------------------------ */

static void
check_refused (const char *path, const char *device, int code, const char *word)
{
  g_autoptr (GError) error = NULL;
  Heard heard;

  heard_init (&heard);
  g_assert_null (open_model (&heard, path, device, TRUE, &error));
  g_assert_error (error, OWL2_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
  g_assert_cmpuint (heard.n_done + heard.n_progress, ==, 0);
  heard_clear (&heard);
}

/* What can be told at once. */
static void
test_refused (void)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("owl2-XXXXXX", &path, &error);

  g_assert_no_error (error);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, "no model at all", -1, NULL));
  check_refused ("/nowhere/a.gguf", NULL, OWL2_ERROR_BAD_FILE, "/nowhere/");
  check_refused (path, NULL, OWL2_ERROR_BAD_FILE, path);
  check_refused (
      model_path (), "no such device", OWL2_ERROR_NO_DEVICE, "no such device");
  g_unlink (path);
}

static void
test_shared (void)
{
  const Owl2SessionParams session_params = { .n_ctx = 0 };
  Owl2Session *sessions[N];
  Owl2Opening *openings[N + 1];
  Heard heard[N + 1];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= N; i++) {
    heard_init (&heard[i]);
    openings[i] = open_model (&heard[i], model_path (), NULL, i < N, &error);
    g_assert_no_error (error);
  }
  for (guint i = 0; i <= N; i++) {
    heard_wait (&heard[i], FALSE);
    g_assert_no_error (heard[i].error);
    g_assert_true ((heard[i].model == heard[0].model) == (i < N));
  }
  for (guint i = 0; i < N; i++) {
    sessions[i] = owl2_session_new (heard[i].model, &session_params, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (owl2_model_n_users (heard[0].model), ==, i + 1);
  }
  g_assert_cmpuint (owl2_model_n_users (heard[N].model), ==, 0);
  for (guint i = 0; i < N; i++)
    owl2_session_free (sessions[i]);
  g_assert_cmpuint (owl2_model_n_users (heard[0].model), ==, 0);
  for (guint i = 0; i <= N; i++) {
    owl2_opening_cancel (openings[i]);
    g_assert_cmpuint (heard[i].n_done, ==, 1);
    heard_clear (&heard[i]);
  }
  /* The last one has freed it. */
  heard_init (&heard[0]);
  openings[0] = open_model (&heard[0], model_path (), NULL, TRUE, &error);
  heard_wait (&heard[0], FALSE);
  g_assert_cmpuint (heard[0].n_progress, >, 0);
  owl2_opening_cancel (openings[0]);
  heard_clear (&heard[0]);
}

static void
test_cancel (void)
{
  g_autoptr (GError) error = NULL;
  Owl2Opening *opening;
  Heard heard;
  gint64 start;

  heard_init (&heard);
  opening = open_model (&heard, model_path (), NULL, FALSE, &error);
  g_assert_no_error (error);
  heard_wait (&heard, TRUE);
  start = g_get_monotonic_time ();
  owl2_opening_cancel (opening);
  g_assert_cmpint (g_get_monotonic_time () - start, <, SOON_US);
  g_assert_cmpuint (heard.n_done, <=, 1);
  heard_clear (&heard);
}

/* ---- what is submitted -------------------------------------------------- */

static Owl2Model *
load (void)
{
  const Owl2ModelParams params = { .path = model_path () };
  g_autoptr (GError) error = NULL;
  Owl2Model *model = owl2_model_load (&params, &error);

  g_assert_no_error (error);
  return model;
}

/* The same as of the calls that block. */
static void
test_submit (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load ();
  g_autoptr (Owl2Session) session = owl2_session_new (model, NULL, &error);
  g_autoptr (Owl2Features) features = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  g_autofree guint8 *small = NULL;
  Heard encoded, shrunk, answered;
  guint8 pixels[3 * 20 * 13];
  const Owl2Image image = { pixels, 20, 13, 60 };
  Owl2Request request = {
    .prompt = PROMPT,
    .frames = &features,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  Owl2ModelInfo info;

  g_assert_no_error (error);
  owl2_model_get_info (model, &info);
  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = i * 2654435761u >> 24;
  request.sampling.max_tokens = 12;
  small = owl2_session_shrink (session, &image, &error);
  features = owl2_session_encode (session, &image, NULL, &error);
  g_assert_no_error (error);
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);

  heard_init (&encoded);
  heard_init (&shrunk);
  heard_init (&answered);
  owl2_session_encode_async (session, &image, on_encoded, &encoded);
  owl2_session_shrink_async (session, &image, on_shrunk, &shrunk);
  heard_wait (&encoded, FALSE);
  heard_wait (&shrunk, FALSE);
  g_assert_no_error (encoded.error);
  g_assert_no_error (shrunk.error);
  g_assert_cmpmem (small, 3 * info.image_size * info.image_size, shrunk.rgb,
      3 * info.image_size * info.image_size);

  /* The request is copied. */
  request.frames = &encoded.features;
  request.on_token = on_token;
  request.user_data = &answered;
  owl2_session_generate_async (session, &request, on_answered, &answered);
  g_clear_pointer (&encoded.features, owl2_features_unref);
  memset (&request, 0, sizeof (request));
  heard_wait (&answered, FALSE);
  g_assert_no_error (answered.error);
  g_assert_cmpstr (answered.answer->text, ==, answer->text);
  g_assert_cmpmem (answered.answer->ids,
      answered.answer->n_ids * sizeof (gint32), answer->ids,
      answer->n_ids * sizeof (gint32));
  g_assert_cmpfloat (answered.answer->confidence, ==, answer->confidence);
  g_assert_true (g_str_has_prefix (answered.answer->text, answered.text->str));
  heard_clear (&encoded);
  heard_clear (&shrunk);
  heard_clear (&answered);
}

/* Each of many ends once, also those that did not begin. */
static void
test_free_in_work (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = load ();
  Owl2Session *session = owl2_session_new (model, NULL, &error);
  static guint8 pixels[3 * 300 * 300];
  const Owl2Image image = { pixels, 300, 300, 900 };
  Owl2Request request = {
    .prompt = "USER: Hello ASSISTANT:",
    .sampling = OWL2_SAMPLING_DEFAULT,
    .on_token = on_token,
  };
  Heard heard[6];
  guint n_cancelled = 0;

  g_assert_no_error (error);
  request.sampling.max_tokens = 1000;
  request.sampling.ignore_eos = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (heard); i++) {
    heard_init (&heard[i]);
    request.user_data = &heard[i];
    if (i < 2)
      owl2_session_generate_async (session, &request, on_answered, &heard[i]);
    else
      owl2_session_encode_async (session, &image, on_encoded, &heard[i]);
  }
  heard_wait (&heard[0], TRUE);
  owl2_session_free (session);
  for (guint i = 0; i < G_N_ELEMENTS (heard); i++) {
    g_assert_cmpuint (heard[i].n_done, ==, 1);
    n_cancelled +=
        g_error_matches (heard[i].error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
    heard_clear (&heard[i]);
  }
  g_assert_cmpuint (n_cancelled, >=, 1);
}

/* ---- what a file says ------------------------------------------------- */

static void
check_info (const char *path, const char *recipe, Owl2ImageMode mode)
{
  g_autoptr (GError) error = NULL;
  const Owl2ModelParams params = { .path = path };
  g_autoptr (Owl2Model) model = owl2_model_load (&params, &error);
  g_autofree char *peeked = owl2_model_peek_recipe (path);
  Owl2ModelInfo info;

  g_assert_no_error (error);
  owl2_model_get_info (model, &info);
  g_assert_cmpstr (info.recipe, ==, recipe);
  g_assert_cmpstr (peeked, ==, recipe);
  g_assert_cmpint (info.image_mode, ==, mode);
}

static void
test_info (void)
{
  check_info (g_getenv ("OWL2_TEST_SCORER"), "of its own", OWL2_IMAGE_CROP);
  check_info (g_getenv ("OWL2_TEST_MODEL"), NULL, OWL2_IMAGE_STRETCH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/open/info", test_info);
  g_test_add_func ("/open/refused", test_refused);
  g_test_add_func ("/open/shared", test_shared);
  g_test_add_func ("/open/cancel", test_cancel);
  g_test_add_func ("/open/submit", test_submit);
  g_test_add_func ("/open/free-in-work", test_free_in_work);
  return g_test_run ();
}
