/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's public interface on a small model: requests that can't be met,
 * cancelling, sampling, and sessions side by side.
 * OWL2_TEST_MODEL names the model file. */
#include <math.h>
#include <string.h>
#include <glib/gstdio.h>

#include "asking.h"
#include "gguf.h"

#define PROMPT QUESTION_ABOUT_FRAME

static Owl2Model *model;

static Owl2Session *
session_new (guint n_ctx)
{
  return new_session (model, &(Owl2SessionParams){ .n_ctx = n_ctx });
}

static Owl2Answer *
generate (Owl2Session *session, Owl2Features **frames, guint n_frames,
    const Owl2Sampling *sampling, GError **error)
{
  Owl2Request request = {
    .prompt = n_frames ? PROMPT : "USER: Hello ASSISTANT:",
    .frames = frames,
    .n_frames = n_frames,
    .sampling = *sampling,
  };

  return owl2_session_generate (session, &request, error);
}

/* ---- shrinking -------------------------------------------------------- */

static void
test_shrink (void)
{
  static const guint sizes[][2] = { { 20, 13 }, { 13, 200 }, { 1, 1 },
    { 300, 300 }, { 641, 359 } };
  g_autoptr (Owl2Session) session = session_new (0);
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const guint width = sizes[i][0], height = sizes[i][1];
    const gsize stride = 3 * width + 5;
    const gsize small_stride = 3 * (gsize) info.image_size;
    g_autofree guint8 *pixels = g_malloc (stride * height);
    Owl2Image image = { pixels, width, height, stride };
    g_autofree guint8 *small = NULL;
    g_autofree guint8 *again = NULL;
    g_autoptr (Owl2Features) want = NULL;
    g_autoptr (Owl2Features) got = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Answer) a = NULL;
    g_autoptr (Owl2Answer) b = NULL;
    const Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;

    for (gsize k = 0; k < stride * height; k++)
      pixels[k] = (k + i) * 2654435761u >> 24;
    small = owl2_session_shrink (session, &image, &error);
    g_assert_no_error (error);
    want = owl2_session_encode (session, &image, NULL, &error);
    g_assert_no_error (error);

    image =
        (Owl2Image){ small, info.image_size, info.image_size, small_stride };
    again = owl2_session_shrink (session, &image, &error);
    g_assert_no_error (error);
    g_assert_cmpmem (small, small_stride * info.image_size, again,
        small_stride * info.image_size);
    got = owl2_session_encode (session, &image, NULL, &error);
    g_assert_no_error (error);
    a = generate (session, &want, 1, &sampling, &error);
    b = generate (session, &got, 1, &sampling, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (a->n_ids, ==, b->n_ids);
    g_assert_cmpmem (
        a->ids, a->n_ids * sizeof *a->ids, b->ids, b->n_ids * sizeof *b->ids);
    g_assert_cmpfloat (a->confidence, ==, b->confidence);
  }
}

/* ---- requests --------------------------------------------------------- */

static void
expect_error (
    Owl2Session *session, const Owl2Request *request, const char *pattern)
{
  g_autoptr (GError) error = NULL;
  Owl2Answer *answer = owl2_session_generate (session, request, &error);

  g_assert_null (answer);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("'%s' is not '%s'", error->message, pattern);
}

static void
test_bad_requests (void)
{
  g_autoptr (Owl2Session) session = session_new (40);
  g_autoptr (Owl2Features) features = encode (session, 1);
  Owl2Features *frames[5] = { features, features, features, features,
    features };
  Owl2Request request = {
    .prompt = PROMPT,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  expect_error (session, &request, "*1 image places for 0 frames*");
  request.frames = frames;
  request.n_frames = 1;
  request.prompt = "USER: What? ASSISTANT:";
  expect_error (session, &request, "*0 image places for 1 frames*");
  request.prompt = "<|image|>a<|image|>";
  expect_error (session, &request, "*2 image places for 1 frames*");
  request.n_frames = 3;
  expect_error (session, &request, "*2 image places for 3 frames*");
  request.prompt = PROMPT;
  request.n_frames = 5;
  expect_error (session, &request,
      "*positions (* tokens, and 5 frames of 9 rows), the context has 1 to "
      "40*");
  request.n_frames = 0;
  request.prompt = "";
  expect_error (session, &request, "*0 positions*");
  {
    g_autofree char *text = g_strnfill (100000, 'a');

    request.prompt = text;
    expect_error (session, &request, "*100000 bytes*40 positions");
  }
  request.prompt = "hello";
  request.sampling.max_tokens = 0;
  expect_error (session, &request, "*max-tokens*");
  request.sampling.max_tokens = 1;
  request.sampling.top_p = 2;
  expect_error (session, &request, "*top*p*2*");
  request.sampling.top_p = 1;
  request.sampling.temperature = -1;
  expect_error (session, &request, "*temperature*-1*");
}

static void
test_bad_images (void)
{
  g_autoptr (Owl2Session) session = session_new (0);
  static const guint8 pixels[12];
  const Owl2Image images[] = {
    { pixels, 0, 1, 3 },
    { pixels, 1, 0, 3 },
    { pixels, 2, 2, 5 },
    { pixels, 200000, 200000, 600000 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (images); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (owl2_session_encode (session, &images[i], NULL, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
    g_clear_error (&error);
    g_assert_null (owl2_session_shrink (session, &images[i], &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  }
  /* And the session still works. */
  owl2_features_unref (encode (session, 1));
}

/* ---- generation ------------------------------------------------------- */

typedef struct {
  GString *text;
  guint n, stop_at;
} Stream;

static gboolean
on_token (gint32 id, double probability, const char *text, gpointer user_data)
{
  Stream *stream = user_data;

  g_assert_cmpfloat (probability, >, 0);
  g_assert_cmpfloat (probability, <=, 1);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_string_append (stream->text, text);
  return ++stream->n != stream->stop_at;
}

static void
test_streaming (void)
{
  g_autoptr (Owl2Session) session = session_new (0);
  g_autoptr (Owl2Features) features = encode (session, 2);
  g_autoptr (GError) error = NULL;
  Stream stream = { g_string_new (NULL), 0, 7 };
  Owl2Request request = {
    .prompt = PROMPT,
    .frames = &features,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT,
    .on_token = on_token,
    .user_data = &stream,
  };
  g_autoptr (Owl2Answer) answer = NULL;

  request.sampling.ignore_eos = TRUE;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (answer->n_ids, ==, 7);
  g_assert_cmpuint (stream.n, ==, 7);
  /* What is held back at a stop is the start of a character at most. */
  g_assert_true (g_str_has_prefix (answer->text, stream.text->str));
  g_assert_cmpuint (strlen (answer->text) - stream.text->len, <, 12);
  g_string_free (stream.text, TRUE);
}

static void
test_context_end (void)
{
  g_autoptr (Owl2Session) session = session_new (40);
  g_autoptr (GError) error = NULL;
  Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;
  g_autoptr (Owl2Answer) answer = NULL;

  sampling.ignore_eos = TRUE;
  sampling.max_tokens = 1000;
  answer = generate (session, NULL, 0, &sampling, &error);
  g_assert_no_error (error);
  g_assert_true (answer->truncated);
  g_assert_cmpuint (answer->n_prompt + answer->n_ids, ==, 41);
}

/* Turns that each have a place are one request with one, and what is refused
 * for its places is not for its length. */
static void
test_turns (void)
{
  g_autoptr (Owl2Session) session = session_new (0);
  g_autoptr (Owl2Features) features = encode (session, 3);
  g_autoptr (GError) error = NULL;
  const Owl2Turn turn = { "Is <|image|> it?", "It is <|image|>." };
  g_autofree char *prompt =
      owl2_prompt_format ("<|image|>What?", TRUE, &turn, 1);
  g_autofree char *two = g_strconcat (prompt, "<|image|>", NULL);
  g_autofree char *text = g_strnfill (100000, 'a');
  Owl2Request request = {
    .prompt = prompt,
    .frames = &features,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  g_autoptr (Owl2Answer) answer = NULL;

  g_assert_cmpint (room_for (session, prompt, 1, 3), ==, OWL2_ROOM_ENOUGH);
  g_assert_cmpint (room_for (session, prompt, 1, 100000), ==, OWL2_ROOM_SHORT);
  g_assert_cmpint (room_for (session, text, 1, 3), ==, OWL2_ROOM_SHORT);
  g_assert_cmpint (room_for (session, two, 1, 3), ==, OWL2_ROOM_INVALID);
  g_assert_cmpint (room_for (session, "What?", 1, 3), ==, OWL2_ROOM_INVALID);
  request.sampling.max_tokens = 3;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  g_assert_nonnull (answer);
}

static void
test_sampling (void)
{
  g_autoptr (Owl2Session) session = session_new (0);
  g_autoptr (GError) error = NULL;
  Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;
  g_autoptr (Owl2Answer) first = NULL;
  g_autoptr (Owl2Answer) again = NULL;
  g_autoptr (Owl2Answer) other = NULL;
  g_autoptr (Owl2Answer) greedy = NULL;
  g_autoptr (Owl2Answer) top_1 = NULL;

  sampling.max_tokens = 12;
  sampling.ignore_eos = TRUE;
  greedy = generate (session, NULL, 0, &sampling, &error);
  sampling.temperature = 1.5f;
  sampling.seed = 5;
  first = generate (session, NULL, 0, &sampling, &error);
  again = generate (session, NULL, 0, &sampling, &error);
  sampling.seed = 6;
  other = generate (session, NULL, 0, &sampling, &error);
  sampling.top_k = 1;
  top_1 = generate (session, NULL, 0, &sampling, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (first->ids, 4 * first->n_ids, again->ids, 4 * again->n_ids);
  g_assert_true (memcmp (first->ids, other->ids, 4 * first->n_ids) != 0);
  /* Drawing from one token is greedy, chosen on the host. */
  g_assert_cmpmem (
      greedy->ids, 4 * greedy->n_ids, top_1->ids, 4 * top_1->n_ids);
  g_assert_cmpfloat (fabs (greedy->confidence - top_1->confidence), <, 1e-5);
}

static void
test_min_tokens (void)
{
  g_autoptr (Owl2Session) session = session_new (0);

  for (guint seed = 0; seed < 8; seed++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Answer) answer = NULL;
    Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;

    sampling.temperature = 20; /* `</s>` comes soon if it may */
    sampling.seed = seed;
    sampling.min_tokens = 30;
    sampling.max_tokens = 30;
    answer = generate (session, NULL, 0, &sampling, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (answer->n_ids, ==, 30);
    for (guint i = 0; i < 30; i++)
      g_assert_cmpint (answer->ids[i], !=, 2);
  }
}

/* ---- cancelling ------------------------------------------------------- */

static gpointer
cancel_it (gpointer session)
{
  owl2_session_cancel (session);
  return NULL;
}

/* From another thread, while the answer is under way on any device. */
static gboolean
cancel_at_third (
    gint32 id, double probability, const char *text, gpointer user_data)
{
  static guint n;

  g_assert_cmpuint (n, <, 3);
  if (++n == 3)
    g_thread_join (g_thread_new ("cancel", cancel_it, user_data));
  return TRUE;
}

static void
test_cancel (void)
{
  g_autoptr (Owl2Session) session = session_new (0);
  g_autoptr (GError) error = NULL;
  Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;
  Owl2Request request = {
    .prompt = "USER: Hello ASSISTANT:",
    .sampling = OWL2_SAMPLING_DEFAULT,
    .on_token = cancel_at_third,
    .user_data = session,
  };
  g_autoptr (Owl2Answer) answer = NULL;

  request.sampling.max_tokens = 100;
  request.sampling.ignore_eos = TRUE;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
  g_assert_null (answer);
  g_clear_error (&error);
  /* It lasts until it is taken back. */
  g_assert_null (generate (session, NULL, 0, &sampling, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
  g_clear_error (&error);
  owl2_session_uncancel (session);
  sampling.max_tokens = 2;
  answer = generate (session, NULL, 0, &sampling, &error);
  g_assert_no_error (error);
}

static gboolean
refuse (const char *stage, double fraction, gpointer user_data)
{
  double *limit = user_data;

  return fraction < *limit;
}

static void
test_cancel_load (void)
{
  double limits[] = { 0, 0.3, 0.86, 1 };

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
    g_autoptr (GError) error = NULL;
    Owl2ModelParams params = {
      .path = g_getenv ("OWL2_TEST_MODEL"),
      .progress = refuse,
      .progress_data = &limits[i],
    };

    g_assert_null (owl2_model_load (&params, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
  }
}

/* What a load reports, and where it is to end. */
typedef struct {
  GThread *thread;
  const char *stage; /* (nullable) cancel in this one, */
  guint after;       /* at this call */
  guint n_calls, n_compiling;
  double last;
} LoadWatch;

static gboolean
watch_load (const char *stage, double fraction, gpointer user_data)
{
  LoadWatch *w = user_data;

  g_assert_true (g_thread_self () == w->thread);
  g_assert_cmpfloat (fraction, >=, w->last);
  g_assert_cmpfloat (fraction, <=, 1);
  w->last = fraction;
  w->n_calls++;
  w->n_compiling += strcmp (stage, "compiling pipelines") == 0;
  return !w->stage || strcmp (stage, w->stage) != 0 || w->after-- > 0;
}

/* With nothing compiled before, so that there is something to wait for. */
static void
test_load_progress (void)
{
  static const char *const stages[] = { NULL, "uploading weights",
    "compiling pipelines", "ready" };

  g_setenv ("MESA_SHADER_CACHE_DISABLE", "true", TRUE);
  for (guint i = 0; i < 6; i++) {
    LoadWatch w = {
      .thread = g_thread_self (), .stage = stages[i % 4], .after = i > 3 ? 2 : 0
    };
    g_autoptr (GError) error = NULL;
    Owl2ModelParams params = {
      .path = g_getenv ("OWL2_TEST_MODEL"),
      .progress = watch_load,
      .progress_data = &w,
    };
    gint64 start = g_get_monotonic_time ();
    g_autoptr (Owl2Model) m = owl2_model_load (&params, &error);

    g_test_message ("%s: %u reports, %u while compiling, %.3f s",
        w.stage ? w.stage : "all", w.n_calls, w.n_compiling,
        (g_get_monotonic_time () - start) * 1e-6);
    if (w.stage && w.after == G_MAXUINT) {
      g_assert_null (m);
      g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
    } else {
      g_assert_no_error (error);
      g_assert_cmpfloat (w.last, ==, 1);
    }
  }
  g_unsetenv ("MESA_SHADER_CACHE_DISABLE");
}

/* ---- side by side ----------------------------------------------------- */

static gpointer
answer_text (gpointer data)
{
  guint seed = GPOINTER_TO_UINT (data);
  g_autoptr (Owl2Session) session = session_new (0);
  g_autoptr (Owl2Features) features = encode (session, seed);
  g_autoptr (GError) error = NULL;
  Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;
  g_autoptr (Owl2Answer) answer = NULL;

  sampling.max_tokens = 16;
  answer = generate (session, &features, 1, &sampling, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&answer->text);
}

static void
test_threads (void)
{
  GThread *threads[4];
  char *alone[4];

  for (guint i = 0; i < 4; i++)
    alone[i] = answer_text (GUINT_TO_POINTER (i));
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("session", answer_text, GUINT_TO_POINTER (i));
  for (guint i = 0; i < 4; i++) {
    g_autofree char *text = g_thread_join (threads[i]);

    g_assert_cmpstr (text, ==, alone[i]);
    g_free (alone[i]);
  }
}

/* ---- memory ----------------------------------------------------------- */

static void
test_memory (void)
{
  Owl2ModelInfo before, after;

  owl2_model_get_info (model, &before);
  for (guint i = 0; i < 3; i++)
    g_free (answer_text (GUINT_TO_POINTER (i)));
  owl2_model_get_info (model, &after);
  g_assert_cmpuint (before.device_bytes, ==, after.device_bytes);
  g_assert_cmpuint (
      after.device_bytes, >, after.weights_bytes - after.mapped_bytes);
}

/* ---- numbers that are none -------------------------------------------- */

/* Loads the model with one weight of @name made NaN. */
static Owl2Model *
load_with_nan (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  g_autofree char *path = NULL;
  gsize size, offset;
  guint32 nan_bits = 0x7fc00000;
  const char *file = g_getenv ("OWL2_TEST_MODEL");
  g_autoptr (Owl2Gguf) gguf = NULL;
  Owl2ModelParams params = { NULL };
  Owl2Model *broken;
  int fd;

  g_assert_true (g_file_get_contents (file, &data, &size, &error));
  {
    g_autoptr (GBytes) bytes = g_bytes_new (data, size);

    gguf = owl2_gguf_new (bytes, file, &error);
    g_assert_no_error (error);
    offset = owl2_gguf_tensor (gguf, name)->offset;
  }
  memcpy (data + offset + 40, &nan_bits, 4);
  fd = g_file_open_tmp ("owl2-nan-XXXXXX.gguf", &path, &error);
  g_assert_no_error (error);
  g_close (fd, NULL);
  g_assert_true (g_file_set_contents (path, data, size, &error));
  params.path = path;
  broken = owl2_model_load (&params, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return broken;
}

/* Wrong text without a word is what users of other Vulkan engines get. */
static void
test_not_finite (void)
{
  g_autoptr (Owl2Model) decoder = load_with_nan ("blk.1.attn_q.weight");
  g_autoptr (Owl2Model) vision = load_with_nan ("v.blk.0.ffn_up.weight");
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Session) s = owl2_session_new (decoder, NULL, &error);
  g_autoptr (Owl2Session) v = owl2_session_new (vision, NULL, &error);
  Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;
  static const char *const choices[] = { "yes", "no" };
  const Owl2Request request = {
    .prompt = "USER: Hello ASSISTANT:",
    .choices = choices,
    .n_choices = G_N_ELEMENTS (choices),
  };
  static const guint8 pixels[3];
  Owl2Image image = { pixels, 1, 1, 3 };

  g_assert_null (generate (s, NULL, 0, &sampling, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  g_assert_true (strstr (error->message, "not finite") != NULL);
  g_clear_error (&error);
  g_assert_null (owl2_session_generate (s, &request, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  g_assert_true (strstr (error->message, "not finite") != NULL);
  g_clear_error (&error);
  g_assert_null (owl2_session_encode (v, &image, NULL, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  g_assert_true (strstr (error->message, "not finite") != NULL);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  g_assert_no_error (error);
  g_test_add_func ("/engine/bad-requests", test_bad_requests);
  g_test_add_func ("/engine/bad-images", test_bad_images);
  g_test_add_func ("/engine/shrink", test_shrink);
  g_test_add_func ("/engine/streaming", test_streaming);
  g_test_add_func ("/engine/context-end", test_context_end);
  g_test_add_func ("/engine/turns", test_turns);
  g_test_add_func ("/engine/sampling", test_sampling);
  g_test_add_func ("/engine/min-tokens", test_min_tokens);
  g_test_add_func ("/engine/cancel", test_cancel);
  g_test_add_func ("/engine/cancel-load", test_cancel_load);
  g_test_add_func ("/engine/load-progress", test_load_progress);
  g_test_add_func ("/engine/threads", test_threads);
  g_test_add_func ("/engine/memory", test_memory);
  g_test_add_func ("/engine/not-finite", test_not_finite);
  status = g_test_run ();
  owl2_model_unref (model);
  return status;
}
