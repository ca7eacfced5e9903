/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer does not depend on what was asked before: keys and values that an
 * earlier request left are taken over, and every logit is the same to the bit
 * as in a session that asks for the first time. OWL2_TEST_MODEL names the model
 * file. */
#include <string.h>

#include "asking.h"

#define QUESTION "USER: <|image|>%s ASSISTANT:"
#define N_FRAMES 3
#define MAX_TOKENS 6

static Owl2Model *model;

/* An answer and all logits that its tokens were chosen from. */
typedef struct {
  Owl2Answer *answer;
  GArray *logits; /* float */
} Asked;

static void
asked_clear (Asked *asked)
{
  owl2_answer_free (asked->answer);
  g_array_unref (asked->logits);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Asked, asked_clear)

static void
on_stage (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  if (strcmp (name, "step_logits") == 0)
    g_array_append_vals (user_data, data, (guint) (shape[0] * shape[1]));
}

static Owl2Session *
session_new (Owl2KvType kv_type)
{
  return new_session (model, &(Owl2SessionParams){ .kv_type = kv_type });
}

static gboolean
stop (gint32 id, double probability, const char *text, gpointer user_data)
{
  owl2_session_cancel (user_data);
  return TRUE;
}

static Asked
ask_as (Owl2Session *session, Owl2Features **frames, const char *prompt,
    gboolean cold)
{
  g_autoptr (GError) error = NULL;
  Owl2Request request = {
    .prompt = prompt,
    .frames = frames,
    .n_frames = frames ? N_FRAMES : 0,
    .cold = cold,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  Asked asked = { NULL, g_array_new (FALSE, FALSE, sizeof (float)) };

  request.sampling.max_tokens = MAX_TOKENS;
  request.sampling.ignore_eos = TRUE;
  owl2_session_set_tap (session, on_stage, FALSE, asked.logits);
  asked.answer = owl2_session_generate (session, &request, &error);
  owl2_session_set_tap (session, NULL, FALSE, NULL);
  g_assert_no_error (error);
  g_assert_cmpuint (asked.answer->n_ids, ==, MAX_TOKENS);
  return asked;
}

static Asked
ask (Owl2Session *session, Owl2Features **frames, const char *prompt)
{
  return ask_as (session, frames, prompt, FALSE);
}

/* What is said without anything that was there before. */
static void
assert_as_cold (const Asked *asked, Owl2KvType kv_type, Owl2Features **frames,
    const char *prompt)
{
  g_autoptr (Owl2Session) session = session_new (kv_type);
  g_auto (Asked) cold = ask_as (session, frames, prompt, TRUE);

  g_assert_cmpuint (cold.answer->n_reused, ==, 0);
  g_assert_cmpuint (cold.answer->n_prompt, ==, asked->answer->n_prompt);
  g_assert_cmpmem (asked->answer->ids, asked->answer->n_ids * 4,
      cold.answer->ids, cold.answer->n_ids * 4);
  g_assert_cmpmem (asked->logits->data, asked->logits->len * sizeof (float),
      cold.logits->data, cold.logits->len * sizeof (float));
}

static void
test_questions (gconstpointer data)
{
  Owl2KvType kv_type = GPOINTER_TO_UINT (data);
  g_autoptr (Owl2Session) session = session_new (kv_type);
  g_autoptr (GString) history = g_string_new (NULL);
  g_autofree char *first = g_strdup_printf (QUESTION, "What is it?");
  g_autofree char *second = g_strdup_printf (QUESTION, "Where is it now?");
  Owl2Features *frames[N_FRAMES];
  guint n_first;

  for (guint i = 0; i < N_FRAMES; i++)
    frames[i] = encode (session, i);
  {
    g_auto (Asked) asked = ask (session, frames, first);
    Owl2ModelInfo info;

    owl2_model_get_info (model, &info);
    n_first = asked.answer->n_prompt;
    /* Other frames may have been asked about, with the same words before. */
    g_assert_cmpuint (asked.answer->n_reused, <, info.n_rows);
  }
  /* All up to where the questions differ. */
  {
    g_auto (Asked) asked = ask (session, frames, second);

    g_assert_cmpuint (asked.answer->n_reused, >, n_first / 2);
    g_assert_cmpuint (asked.answer->n_reused, <, n_first);
    assert_as_cold (&asked, kv_type, frames, second);
  }
  /* The same again: only the last position, whose logits are wanted, is
   * computed. */
  {
    g_auto (Asked) asked = ask (session, frames, second);

    g_assert_cmpuint (asked.answer->n_reused, ==, asked.answer->n_prompt - 1);
    assert_as_cold (&asked, kv_type, frames, second);
    g_string_append_printf (
        history, "%s%s</s>USER: Why? ASSISTANT:", second, asked.answer->text);
    n_first = asked.answer->n_prompt;
  }
  /* An answer that has become part of a prompt is computed again, for it was
   * made by other kernels than those of prompts. */
  {
    g_auto (Asked) asked = ask (session, frames, history->str);

    g_assert_cmpuint (asked.answer->n_reused, <=, n_first);
    g_assert_cmpuint (asked.answer->n_reused, >, n_first / 2);
    assert_as_cold (&asked, kv_type, frames, history->str);
  }
  /* Other frames, if only one. */
  owl2_features_unref (frames[1]);
  frames[1] = encode (session, 1);
  {
    g_auto (Asked) asked = ask (session, frames, second);
    Owl2ModelInfo info;

    owl2_model_get_info (model, &info);
    g_assert_cmpuint (asked.answer->n_reused, >=, info.n_rows);
    g_assert_cmpuint (asked.answer->n_reused, <, 2 * info.n_rows);
    assert_as_cold (&asked, kv_type, frames, second);
  }
  /* No frames. */
  {
    g_auto (Asked) asked = ask (session, NULL, "USER: Hello ASSISTANT:");

    assert_as_cold (&asked, kv_type, NULL, "USER: Hello ASSISTANT:");
  }
  for (guint i = 0; i < N_FRAMES; i++)
    owl2_features_unref (frames[i]);
}

/* What a cancelled request leaves behind is not taken for more than it is. */
static void
test_cancel (void)
{
  g_autoptr (Owl2Session) session = session_new (OWL2_KV_AUTO);
  g_autofree char *first = g_strdup_printf (QUESTION, "What is it?");
  g_autofree char *second = g_strdup_printf (QUESTION, "What is it now?");
  Owl2Features *frames[N_FRAMES];
  Owl2Request request = {
    .prompt = first,
    .frames = frames,
    .n_frames = N_FRAMES,
    .sampling = OWL2_SAMPLING_DEFAULT,
    .on_token = stop,
    .user_data = session,
  };

  for (guint i = 0; i < N_FRAMES; i++)
    frames[i] = encode (session, i);
  /* Before anything is computed, and after the first token. */
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GError) error = NULL;

    if (i == 0)
      owl2_session_cancel (session);
    g_assert_null (owl2_session_generate (session, &request, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
    owl2_session_uncancel (session);
    {
      g_auto (Asked) asked = ask (session, frames, second);

      assert_as_cold (&asked, OWL2_KV_AUTO, frames, second);
    }
  }
  for (guint i = 0; i < N_FRAMES; i++)
    owl2_features_unref (frames[i]);
}

/* Cancels at one of the stages. */
typedef struct {
  Owl2Session *session;
  guint n_left;
} Disturber;

static void
cancel_at_stage (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  Disturber *d = user_data;

  if (d->n_left-- == 0)
    owl2_session_cancel (d->session);
}

static gboolean
end_at_token (
    gint32 id, double probability, const char *text, gpointer user_data)
{
  Disturber *d = user_data;

  return d->n_left-- > 0;
}

/* A request that comes to no answer, or to another than is asked for later: it
 * is cancelled within the prompt, ended at a token, refused, or so long that
 * the cache grows. */
static void
disturb (Owl2Session *session, GRand *rand, Owl2Features **frames,
    const char *prompt)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Disturber d = { session, (guint) g_rand_int_range (rand, 0, 10) };
  Owl2Request request = {
    .prompt = prompt,
    .frames = frames,
    .n_frames = N_FRAMES,
    .sampling = OWL2_SAMPLING_DEFAULT,
    .user_data = &d,
  };

  request.sampling.max_tokens = 12;
  request.sampling.ignore_eos = TRUE;
  switch (g_rand_int_range (rand, 0, 5)) {
    case 0:
      owl2_session_set_tap (
          session, cancel_at_stage, g_rand_boolean (rand), &d);
      break;
    case 1:
      request.on_token = end_at_token;
      break;
    case 2:
      request.n_frames = 0;
      break;
    case 3:
      request.sampling.max_tokens = (guint) g_rand_int_range (rand, 20, 120);
      break;
    default:
      request.cold = TRUE;
      break;
  }
  answer = owl2_session_generate (session, &request, &error);
  owl2_session_set_tap (session, NULL, FALSE, NULL);
  owl2_session_uncancel (session);
}

/* Frames come and go, at addresses that others had, and requests end in any
 * way. */
static void
test_random (void)
{
  static const char *const questions[] = { "What", "What is it?",
    "What is it now?", "What is it now, and what was it before that?",
    "Where is it?" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (Owl2Session) session = session_new (OWL2_KV_AUTO);
  Owl2Features *frames[N_FRAMES];
  guint n_reused = 0;

  for (guint i = 0; i < N_FRAMES; i++)
    frames[i] = encode (session, i);
  for (guint step = 0; step < 40; step++) {
    g_autofree char *other = g_strdup_printf (QUESTION,
        questions[g_rand_int_range (rand, 0, G_N_ELEMENTS (questions))]);
    g_autofree char *prompt = g_strdup_printf (QUESTION,
        questions[g_rand_int_range (rand, 0, G_N_ELEMENTS (questions))]);
    guint i = (guint) g_rand_int_range (rand, 0, N_FRAMES);

    if (g_rand_int_range (rand, 0, 3) == 0) {
      owl2_features_unref (frames[i]);
      frames[i] = encode (session, step + N_FRAMES);
    }
    disturb (session, rand, frames, other);
    {
      g_auto (Asked) asked = ask (session, frames, prompt);

      n_reused += asked.answer->n_reused > 0;
      assert_as_cold (&asked, OWL2_KV_AUTO, frames, prompt);
    }
  }
  g_assert_cmpuint (n_reused, >, 20);
  for (guint i = 0; i < N_FRAMES; i++)
    owl2_features_unref (frames[i]);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  model = load_model (OWL2_KV_AUTO, &error);
  g_assert_no_error (error);
  g_test_add_data_func (
      "/prefix/f32", GUINT_TO_POINTER (OWL2_KV_F32), test_questions);
  g_test_add_data_func (
      "/prefix/f16", GUINT_TO_POINTER (OWL2_KV_F16), test_questions);
  g_test_add_data_func (
      "/prefix/q8_0", GUINT_TO_POINTER (OWL2_KV_Q8_0), test_questions);
  g_test_add_func ("/prefix/cancel", test_cancel);
  g_test_add_func ("/prefix/random", test_random);
  result = g_test_run ();
  owl2_model_unref (model);
  return result;
}
