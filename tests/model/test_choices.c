/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers that are one of some choices: their probabilities are those that the
 * logits of the literal prompt give, whatever else runs and whatever was there
 * before, and cost no pass more than they need. OWL2_TEST_MODELS names model
 * files, of which the first is used where one is enough; the words below are
 * tokens of each. And where in a prompt frames and the answer's beginning
 * stand, of which recipes with choices make use. */
#include <math.h>
#include <string.h>

#include "asking.h"
#include "failing.h"

#define PROMPT "USER: <|image|>Which is it? ASSISTANT:"
#define NEAR 1e-6
/* Double precision sums of the same numbers, in another order. */
#define SAME 1e-11

static const char *const words[] = { "the", "ball", "is", "blue", "A" };
static Owl2Model *model; /* the first */

/* ---- asking ------------------------------------------------------------- */

static Owl2Request
request_of (const char *const *choices, guint n)
{
  return (Owl2Request){ .prompt = PROMPT, .choices = choices, .n_choices = n };
}

static gboolean
never (gint32 id, double probability, const char *text, gpointer user_data)
{
  g_assert_not_reached ();
}

/* Must go well. */
static Owl2Answer *
choose (Owl2Session *session, Owl2Features *frame, Owl2Request request)
{
  g_autoptr (GError) error = NULL;
  Owl2Answer *answer;
  double sum = 0;

  request.frames = &frame;
  request.n_frames = 1;
  request.on_token = never;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (answer->n_choices, ==, request.n_choices);
  for (guint i = 0; i < answer->n_choices; i++)
    sum += answer->probabilities[i];
  g_assert_cmpfloat (fabs (sum - 1), <, 1e-14);
  g_assert_false (answer->truncated);
  return answer;
}

static void
assert_same_bits (const Owl2Answer *a, const Owl2Answer *b)
{
  g_assert_cmpuint (a->n_choices, ==, b->n_choices);
  g_assert_cmpmem (a->probabilities, a->n_choices * sizeof (double),
      b->probabilities, b->n_choices * sizeof (double));
  g_assert_cmpmem (&a->confidence, sizeof a->confidence, &b->confidence,
      sizeof b->confidence);
  g_assert_cmpstr (a->text, ==, b->text);
}

/* ---- by hand ------------------------------------------------------------ */

static void
on_stage (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  if (strcmp (name, "step_logits") == 0)
    g_array_append_vals (user_data, data, (guint) (shape[0] * shape[1]));
}

/* Log of the probability that the token @word comes after the literal prompt,
 * which has @n_more positions than the first one had. */
static double
log_p_of_word (Owl2Session *session, Owl2Features *frame, const char *prompt,
    guint n_positions, const char *word)
{
  g_autoptr (GArray) logits = g_array_new (FALSE, FALSE, sizeof (float));
  g_autoptr (GArray) ids = owl2_model_tokenize (model, word, -1);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = {
    .prompt = prompt,
    .frames = &frame,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  double max = -INFINITY, sum = 0;

  g_assert_cmpuint (ids->len, ==, 1);
  request.sampling.max_tokens = 1;
  owl2_session_set_tap (session, on_stage, FALSE, logits);
  answer = owl2_session_generate (session, &request, &error);
  owl2_session_set_tap (session, NULL, FALSE, NULL);
  g_assert_no_error (error);
  if (n_positions)
    g_assert_cmpuint (answer->n_prompt, ==, n_positions);
  for (guint i = 0; i < logits->len; i++)
    max = fmax (max, g_array_index (logits, float, i));
  for (guint i = 0; i < logits->len; i++)
    sum += exp (g_array_index (logits, float, i) - max);
  return g_array_index (logits, float, g_array_index (ids, gint32, 0)) - max
         - log (sum);
}

/* The same of a choice, word by word. */
static double
log_p_by_hand (Owl2Session *session, Owl2Features *frame, const char *choice,
    guint n_prompt)
{
  g_auto (GStrv) parts = g_strsplit (choice, " ", -1);
  g_autoptr (GString) prompt = g_string_new (PROMPT);
  double sum = 0;

  for (guint i = 0; parts[i]; i++) {
    sum += log_p_of_word (session, frame, prompt->str, n_prompt + i, parts[i]);
    g_string_append_printf (prompt, " %s", parts[i]);
  }
  return sum;
}

/* What is asked of each model: one token each, and some of more. */
static void
check_by_hand (Owl2Model *m, const char *const *choices, guint n)
{
  static const double weights[] = { 5, 4, -3.5, 2, 1 };
  g_autoptr (Owl2Session) session = new_session (m, NULL);
  g_autoptr (Owl2Features) frame = encode (session, 1);
  Owl2Request request = request_of (choices, n);
  g_autoptr (Owl2Answer) answer = NULL;
  double log_p[G_N_ELEMENTS (weights)], sum = 0, score = 0;
  guint best = 0;

  request.choice_weights = weights;
  answer = choose (session, frame, request);
  for (guint i = 0; i < n; i++) {
    log_p[i] = log_p_by_hand (session, frame, choices[i], answer->n_prompt);
    sum += exp (log_p[i]);
    best = log_p[i] > log_p[best] ? i : best;
  }
  for (guint i = 0; i < n; i++) {
    double p = exp (log_p[i]) / sum;

    g_test_message (
        "%s: %.9g, by hand %.9g", choices[i], answer->probabilities[i], p);
    g_assert_cmpfloat (fabs (answer->probabilities[i] / p - 1), <, NEAR);
    score += weights[i] * p;
  }
  g_assert_cmpfloat (fabs (answer->score - score), <, 10 * NEAR);
  g_assert_cmpstr (answer->text, ==, choices[best]);
  {
    g_autoptr (GArray) ids = owl2_model_tokenize (m, choices[best], -1);

    g_assert_cmpmem (answer->ids, answer->n_ids * sizeof (gint32), ids->data,
        ids->len * sizeof (gint32));
    g_assert_cmpfloat (
        fabs (answer->confidence - exp (log_p[best] / ids->len)), <, NEAR);
  }
}

static void
test_by_hand (gconstpointer data)
{
  static const char *const several[] = { "the ball is", "the blue", "A ball",
    "is blue", "blue" };
  Owl2ModelParams params = { .path = data };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) m = owl2_model_load (&params, &error);

  g_assert_no_error (error);
  check_by_hand (m, words, G_N_ELEMENTS (words));
  check_by_hand (m, several, G_N_ELEMENTS (several));
}

/* ---- the promise -------------------------------------------------------- */

/* @n words, the same for the same @seed, then @last. */
static char *
sentence (guint n, guint seed, const char *last)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s ",
        words[((i + 1) * 2654435761u * (seed + 1) >> 20)
              % G_N_ELEMENTS (words)]);
  g_string_append (text, last);
  return g_string_free (text, FALSE);
}

/* Two choices that differ in the last of their words alone compare as those two
 * do after a literal prompt with the others: to the bit of the logits, since
 * all else is the same in both. */
static void
check_last (Owl2Session *session, Owl2Features *frame, guint n)
{
  g_autofree char *a = sentence (n, n, "the"), *b = sentence (n, n, "ball");
  g_autofree char *before = sentence (n, n, "");
  g_autofree char *literal =
      g_strchomp (g_strdup_printf (PROMPT " %s", before));
  const char *const two[] = { a, b };
  Owl2Request request = request_of (two, 2), other = request_of (words, 2);
  g_autoptr (Owl2Answer) answer = NULL;
  g_autoptr (Owl2Answer) want = NULL;

  answer = choose (session, frame, request);
  other.prompt = literal;
  /* The keys of choices are nobody's prompt. */
  want = choose (session, frame, other);
  g_assert_cmpuint (want->n_prompt, ==, answer->n_prompt + n);
  if (n > 1)
    g_assert_cmpuint (want->n_reused, <, want->n_prompt - 1);
  g_assert_cmpfloat (
      fabs (answer->probabilities[0] / want->probabilities[0] - 1), <, SAME);
}

/* Within a page, over its end, over whole pages, and more rows than a pass. */
static void
test_literal (gconstpointer data)
{
  static const guint lengths[] = { 1, 2, 65, 63, 64, 300 };
  Owl2SessionParams params = { .kv_type = GPOINTER_TO_UINT (data) };
  gboolean all = params.kv_type == OWL2_KV_F32;
  g_autoptr (Owl2Session) session = new_session (model, &params);
  g_autoptr (Owl2Features) frame = encode (session, 2);

  for (guint i = 0; i < (all ? G_N_ELEMENTS (lengths) : 3); i++)
    check_last (session, frame, lengths[i]);
}

/* As many as there may be, each of some tokens: several groups. Each compares
 * with its neighbours as among those alone. */
static void
test_many (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Features) frame = encode (session, 3);
  char *choices[OWL2_MAX_CHOICES];
  g_autoptr (Owl2Answer) all = NULL;

  /* Each begins with a number of its own in these words; some are longer than
   * others, and some end with a page of their own. */
  for (guint i = 0; i < OWL2_MAX_CHOICES; i++) {
    g_autofree char *rest = sentence (i % 7 == 6 ? 40 : i % 3, i, "A");

    choices[i] = g_strjoin (" ", words[i / 25], words[i / 5 % 5], words[i % 5],
        i % 11 ? rest : NULL, NULL);
  }
  all = choose (session, frame,
      request_of ((const char *const *) choices, OWL2_MAX_CHOICES));
  for (guint i = 0; i + 2 <= OWL2_MAX_CHOICES; i += 7) {
    g_autoptr (Owl2Answer) two = choose (
        session, frame, request_of ((const char *const *) choices + i, 2));
    double want = two->probabilities[0] / two->probabilities[1];

    g_assert_cmpfloat (
        fabs (all->probabilities[i] / all->probabilities[i + 1] / want - 1), <,
        SAME);
  }
  for (guint i = 0; i < OWL2_MAX_CHOICES; i++)
    g_free (choices[i]);
}

static const char *const some[] = { "the ball is blue", "the blue ball", "A",
  "is blue" };

static void
on_answer (Owl2Answer *answer, const GError *error, gpointer user_data)
{
  /* What has not ended when the session goes. */
  if (error)
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
  owl2_answer_free (answer);
}

/* Long prompts and tokens of others go through the same passes. */
static void
test_company (void)
{
  g_autofree char *long_prompt = sentence (520, 1, "is");
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Session) others = new_session (model, NULL);
  g_autoptr (Owl2Features) frame = encode (session, 4);
  Owl2Request request = request_of (some, G_N_ELEMENTS (some));
  g_autoptr (Owl2Answer) cold = NULL;
  g_autoptr (Owl2Answer) warm = NULL;

  request.cold = TRUE;
  cold = choose (session, frame, request);
  g_assert_cmpuint (cold->n_reused, ==, 0);
  request.cold = FALSE;
  warm = choose (session, frame, request);
  g_assert_cmpuint (warm->n_reused, ==, warm->n_prompt - 1);
  assert_same_bits (cold, warm);
  for (guint round = 0; round < 2; round++) {
    Owl2Request other = { .sampling = OWL2_SAMPLING_DEFAULT, .cold = TRUE };
    g_autoptr (Owl2Answer) answer = NULL;

    for (guint i = 0; i < 6; i++) {
      other.prompt = i == 2 ? long_prompt : "USER: What is it? ASSISTANT:";
      other.sampling.max_tokens = 6 + i;
      other.sampling.ignore_eos = TRUE;
      other.sampling.temperature = i % 2 ? 1.f : 0.f;
      other.choices = some;
      other.n_choices = i == 5 ? G_N_ELEMENTS (some) : 0;
      owl2_session_generate_async (others, &other, on_answer, NULL);
    }
    request.cold = round == 1;
    answer = choose (session, frame, request);
    assert_same_bits (cold, answer);
  }
}

/* ---- what it costs ------------------------------------------------------ */

static gint n_dispatches; /* atomic */

VKAPI_ATTR void VKAPI_CALL
vkCmdDispatch (VkCommandBuffer cmd, uint32_t x, uint32_t y, uint32_t z)
{
  PFN_vkCmdDispatch real;

  *(void **) &real = dlsym (RTLD_NEXT, "vkCmdDispatch");
  g_atomic_int_inc (&n_dispatches);
  real (cmd, x, y, z);
}

static guint
count_choose (Owl2Session *session, Owl2Features *frame,
    const char *const *choices, guint n)
{
  gint before = g_atomic_int_get (&n_dispatches);

  owl2_answer_free (choose (session, frame, request_of (choices, n)));
  return (guint) (g_atomic_int_get (&n_dispatches) - before);
}

/* The dispatches of a pass whose prompt is there but for its last position,
 * which makes one token. */
static guint
count_one_token (Owl2Session *session, Owl2Features *frame)
{
  gint before = g_atomic_int_get (&n_dispatches);
  Owl2Request request = { .prompt = PROMPT,
    .frames = &frame,
    .n_frames = 1,
    .sampling = OWL2_SAMPLING_DEFAULT };
  g_autoptr (GError) error = NULL;

  request.sampling.max_tokens = 1;
  owl2_answer_free (owl2_session_generate (session, &request, &error));
  g_assert_no_error (error);
  return (guint) (g_atomic_int_get (&n_dispatches) - before);
}

/* One token each: what the prompt's pass finds is all. More of them: another
 * pass for all, which is more than one in its attention alone. */
static void
test_passes (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Features) frame = encode (session, 5);
  guint one, n_words, n_some;

  count_one_token (session, frame);
  one = count_one_token (session, frame);
  n_words = count_choose (session, frame, words, G_N_ELEMENTS (words));
  n_some = count_choose (session, frame, some, G_N_ELEMENTS (some));
  g_test_message ("%u dispatches of a token, %u of words, %u of some", one,
      n_words, n_some);
  g_assert_cmpuint (n_words, <=, one);
  g_assert_cmpuint (n_some, >, n_words);
  g_assert_cmpuint (n_some, <, 3 * one);
}

/* The clip is computed once, whatever the questions and their choices. */
static void
test_eight (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  Owl2Features *frames[24];
  guint n_first = 0, n_all = 0;

  for (guint i = 0; i < G_N_ELEMENTS (frames); i++)
    frames[i] = encode (session, 40 + i);
  for (guint i = 0; i < 8; i++) {
    g_autofree char *prompt = g_strdup_printf (
        "USER: <|image|>Is it %s? ASSISTANT:", words[i % G_N_ELEMENTS (words)]);
    g_autoptr (GError) error = NULL;
    Owl2Request request =
        i % 2 ? request_of (words, 5) : request_of (some, G_N_ELEMENTS (some));
    g_autoptr (Owl2Answer) answer = NULL;

    request.prompt = prompt;
    request.frames = frames;
    request.n_frames = G_N_ELEMENTS (frames);
    answer = owl2_session_generate (session, &request, &error);
    g_assert_no_error (error);
    n_all += answer->n_prompt - answer->n_reused;
    if (i == 0)
      n_first = n_all;
  }
  g_test_message ("%u positions for eight, %u for one", n_all, n_first);
  g_assert_cmpuint (n_all, <=, 2 * n_first);
  for (guint i = 0; i < G_N_ELEMENTS (frames); i++)
    owl2_features_unref (frames[i]);
}

/* ---- what is no answer -------------------------------------------------- */

static void
refused (Owl2Session *session, Owl2Request request, const char *pattern)
{
  g_autoptr (GError) error = NULL;

  request.prompt = "USER: Which? ASSISTANT:";
  g_assert_null (owl2_session_generate (session, &request, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("'%s' is not '%s'", error->message, pattern);
}

static void
test_refused (void)
{
  g_autoptr (Owl2Session) session =
      new_session (model, &(Owl2SessionParams){ .n_ctx = 40 });
  g_autoptr (Owl2Session) wide = new_session (model, NULL);
  const double weights[] = { 1, NAN }, infinite[] = { -INFINITY, 1 };
  const char *same[] = { "the", "ball", "the" };
  const char *begun[] = { "A ball is blue", "the", "A ball" };
  const char *empty[] = { "the", "" };
  g_autofree char *shown = g_strnfill (59, 'a');
  g_autofree char *umlauts = g_strconcat (shown, "\xc3\xa4", NULL);
  g_autofree char *pattern = g_strdup_printf ("*, '%s ..', *", shown);
  const char *cut[] = { umlauts, umlauts };
  g_autofree char *sixty = sentence (60, 1, "A");
  g_autofree char *huge = g_strnfill (100000, 'a');
  const char *long_one[] = { "the", sixty }, *huge_one[] = { huge, "the" };
  const char *many[OWL2_MAX_CHOICES + 1];
  Owl2Request request = request_of (words, 2);

  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = "the";
  refused (session, request_of (words, 1), "*2 to 64 choices, not of 1");
  refused (session, request_of (many, 65), "*2 to 64 choices, not of 65");
  refused (session, request_of (same, 3),
      "choice 1, 'the', is the beginning of choice 3, 'the'");
  refused (session, request_of (begun, 3),
      "choice 3, 'A ball', is the beginning of choice 1, 'A ball is blue'");
  /* Not in the middle of a character. */
  refused (wide, request_of (cut, 2), pattern);
  refused (session, request_of (empty, 2), "choice 2 of 2 is empty");
  refused (session, request_of (long_one, 2),
      "choice 2, '*', has 61 tokens; after the prompt's * positions the "
      "context has room for *");
  refused (session, request_of (huge_one, 2), "choice 1 has 100000 bytes; *");
  request.choice_weights = weights;
  refused (session, request, "the weight of choice 2, 'ball', is nan");
  request.choice_weights = infinite;
  refused (session, request, "the weight of choice 1, 'the', is -inf");
}

typedef struct {
  Owl2Session *session;
  guint n_left;
} Canceller;

static void
cancel_at_stage (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  Canceller *c = user_data;

  if (c->n_left-- == 0)
    owl2_session_cancel (c->session);
}

/* While the prompt is computed, and at any time after it; what it had is given
 * back. */
static void
test_cancel (void)
{
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Features) frame = encode (session, 6);
  Owl2Request request = request_of (some, G_N_ELEMENTS (some));
  g_autoptr (Owl2Answer) first = choose (session, frame, request);

  for (guint i = 0; i < 60; i++) {
    Canceller c = { session, i % 8 };
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Answer) answer = NULL;
    Owl2Request doomed = request;

    doomed.frames = &frame;
    doomed.n_frames = 1;
    doomed.cold = TRUE;
    owl2_session_set_tap (session, cancel_at_stage, FALSE, &c);
    answer = owl2_session_generate (session, &doomed, &error);
    owl2_session_set_tap (session, NULL, FALSE, NULL);
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED);
    owl2_session_uncancel (session);
  }
  {
    g_autoptr (Owl2Answer) again = choose (session, frame, request);

    assert_same_bits (first, again);
  }
}

/* ---- where things stand in the prompt ----------------------------------- */

/* An answer of @prompt and @prefix about the frames, as far as it is told. */
static Owl2Answer *
tell_about (Owl2Session *session, const char *prompt, const char *prefix,
    Owl2Features **frames, guint n_frames)
{
  g_autoptr (GError) error = NULL;
  Owl2Request request = {
    .prompt = prompt,
    .answer_prefix = prefix,
    .frames = frames,
    .n_frames = n_frames,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  Owl2Answer *answer;

  request.sampling.max_tokens = 6;
  request.sampling.ignore_eos = TRUE;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  return answer;
}

/* @again was asked by what makes the same positions as @first. */
static void
assert_same (const Owl2Answer *first, const Owl2Answer *again)
{
  g_assert_cmpuint (again->n_prompt, ==, first->n_prompt);
  g_assert_cmpuint (again->n_reused, ==, first->n_prompt - 1);
  g_assert_cmpstr (again->text, ==, first->text);
  g_assert_true (again->confidence == first->confidence);
}

/* A place for each frame, in order, or one for all. */
static void
test_places (void)
{
  static const char two[] = "USER: A: <|image|> B: <|image|> ASSISTANT:";
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Features) a = encode (session, 30);
  g_autoptr (Owl2Features) b = encode (session, 31);
  Owl2Features *frames[] = { a, b }, *turned[] = { b, a };
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  g_assert_cmpint (room_for (session, two, 2, 3), ==, OWL2_ROOM_ENOUGH);
  g_assert_cmpint (room_for (session, two, 1, 3), ==, OWL2_ROOM_INVALID);
  g_assert_cmpint (room_for (session, two, 3, 3), ==, OWL2_ROOM_INVALID);
  g_assert_cmpint (room_for (session, two, 2, info.n_ctx), ==, OWL2_ROOM_SHORT);
  {
    const char *choices[] = { "Yes", "No" };
    Owl2Request request = {
      .prompt = two,
      .n_frames = 2,
      .choices = choices,
      .n_choices = 2,
      .sampling = { .max_tokens = info.n_ctx },
    };
    g_autofree char *prefix = g_strnfill (8 * (gsize) info.n_ctx, ' ');

    /* Tokens are those of the choices. */
    g_assert_cmpint (
        owl2_session_room (session, &request), ==, OWL2_ROOM_ENOUGH);
    memset (prefix, 'z', strlen (prefix));
    request.answer_prefix = prefix;
    g_assert_cmpint (
        owl2_session_room (session, &request), ==, OWL2_ROOM_SHORT);
  }
  {
    g_autoptr (Owl2Answer) first = tell_about (
        session, "USER: <|image|>Which? ASSISTANT:", NULL, frames, 2);
    g_autoptr (Owl2Answer) again = tell_about (
        session, "USER: <|image|><|image|>Which? ASSISTANT:", NULL, frames, 2);

    assert_same (first, again);
  }
  {
    g_autoptr (Owl2Answer) one = tell_about (
        session, "USER: A: <|image|> B: ASSISTANT:", NULL, frames, 1);
    g_autoptr (Owl2Answer) other = tell_about (session, two, NULL, turned, 2);
    g_autoptr (Owl2Answer) both = tell_about (session, two, NULL, frames, 2);

    g_assert_cmpuint (both->n_prompt, >, one->n_prompt);
    g_assert_cmpuint (both->n_prompt, ==, other->n_prompt);
    /* The first has its words and the first frame from before. */
    g_assert_cmpuint (other->n_reused, <, info.n_rows);
    g_assert_cmpuint (both->n_reused, >, info.n_rows);
    g_assert_true (both->confidence != other->confidence);
  }
}

/* As if it were part of the prompt, but that the answer is without it. */
static void
test_answer_prefix (void)
{
  static const char by_hand[] = "USER: <|image|>What? ASSISTANT: The ball is";
  g_autoptr (Owl2Session) session = new_session (model, NULL);
  g_autoptr (Owl2Features) frame = encode (session, 32);
  g_autoptr (Owl2Answer) first = tell_about (session, by_hand, NULL, &frame, 1);
  g_autoptr (Owl2Answer) again = tell_about (
      session, "USER: <|image|>What? ASSISTANT:", "The ball is", &frame, 1);
  g_autoptr (Owl2Answer) joined = tell_about (
      session, "USER: <|image|>What? ASSISTANT: ", "The ball is", &frame, 1);

  Owl2Request request = request_of (some, G_N_ELEMENTS (some));
  g_autoptr (Owl2Answer) one = NULL;
  g_autoptr (Owl2Answer) other = NULL;

  assert_same (first, again);
  assert_same (first, joined);
  request.prompt = by_hand;
  one = choose (session, frame, request);
  request.prompt = "USER: <|image|>What? ASSISTANT:";
  request.answer_prefix = "The ball is";
  other = choose (session, frame, request);
  assert_same_bits (one, other);
}

int
main (int argc, char **argv)
{
  g_auto (GStrv) paths = g_strsplit (g_getenv ("OWL2_TEST_MODELS"), ":", -1);
  Owl2ModelParams params = { .path = paths[0] };
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  model = owl2_model_load (&params, &error);
  g_assert_no_error (error);
  for (guint i = 0; paths[i]; i++) {
    g_autofree char *name = g_path_get_basename (paths[i]);
    g_autofree char *path = g_strconcat ("/choices/by-hand/", name, NULL);

    g_test_add_data_func (path, paths[i], test_by_hand);
  }
  g_test_add_data_func (
      "/choices/literal/f32", GUINT_TO_POINTER (OWL2_KV_F32), test_literal);
  g_test_add_data_func (
      "/choices/literal/q8_0", GUINT_TO_POINTER (OWL2_KV_Q8_0), test_literal);
  g_test_add_func ("/choices/places", test_places);
  g_test_add_func ("/choices/answer-prefix", test_answer_prefix);
  g_test_add_func ("/choices/many", test_many);
  g_test_add_func ("/choices/company", test_company);
  g_test_add_func ("/choices/passes", test_passes);
  g_test_add_func ("/choices/eight", test_eight);
  g_test_add_func ("/choices/refused", test_refused);
  g_test_add_func ("/choices/cancel", test_cancel);
  result = g_test_run ();
  owl2_model_unref (model);
  return result;
}
