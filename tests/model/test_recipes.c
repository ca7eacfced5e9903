/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published ways of asking, to the letter, and to the token. */
#include <string.h>

#include "owl2.h"
#include "testdata.h"

/* (transfer full): all that the model is to read. */
static char *
literal (const Owl2Recipe *recipe, const char *question)
{
  GString *text = g_string_new (recipe->pattern);

  g_string_replace (text, "{}", question ? question : recipe->question, 0);
  if (recipe->answer_prefix)
    g_string_append_printf (text, " %s", recipe->answer_prefix);
  return g_string_free (text, FALSE);
}

static void
test_letters (void)
{
  static const struct {
    const char *name, *question, *prompt;
    Owl2ImageMode mode;
    guint n_frames;
  } cases[] = {
    { "quality", NULL,
        "USER: How would you rate the quality of this image?\n<|image|>\n"
        "ASSISTANT: The quality of the image is",
        OWL2_IMAGE_PAD, 1 },
    { "aesthetics", NULL,
        "USER: How would you rate the aesthetics of this image?\n<|image|>\n"
        "ASSISTANT: The aesthetics of the image is",
        OWL2_IMAGE_PAD, 1 },
    { "video-quality", NULL,
        "USER: How would you rate the quality of this video?\n<|image|>\n"
        "ASSISTANT: The quality of the video is",
        OWL2_IMAGE_PAD, 0 },
    { "deqa", NULL,
        "USER: How would you rate the quality of this image?\n<|image|>\n"
        "ASSISTANT: The quality of the image is",
        OWL2_IMAGE_PAD, 1 },
    { "q-instruct", NULL,
        "USER: <|image|>Rate the quality of the image. ASSISTANT:",
        OWL2_IMAGE_CROP, 1 },
    { "co-instruct", NULL,
        "USER: The first image: <|image|>\nThe second image: <|image|>Which "
        "image has better quality, and why? ASSISTANT:",
        OWL2_IMAGE_AUTO, 2 },
    { "caption", NULL,
        "USER: <|image|>Provide a one-sentence caption for the provided image."
        " ASSISTANT: ",
        OWL2_IMAGE_STRETCH, 1 },
    { "vqa", "What is it?",
        "USER: <|image|>What is it? Answer the question using a single word or "
        "phrase. ASSISTANT: ",
        OWL2_IMAGE_STRETCH, 1 },
    { "mme", "Is it?",
        "USER: <|image|>Is it?\nAnswer the question using a single word or "
        "phrase. ASSISTANT: ",
        OWL2_IMAGE_STRETCH, 1 },
    { "mmbench", "N/A\nWhat?\nA. one\nB. two",
        "USER: <|image|>N/A\nWhat?\nA. one\nB. two\nAnswer with the option’s "
        "letter from the given choices directly. ASSISTANT: ",
        OWL2_IMAGE_STRETCH, 1 },
    { "q-bench", "What?\nA. one\nB. two",
        "USER: <|image|>What?\nA. one\nB. two\nAnswer with the option's letter "
        "from the given choices directly.\n ASSISTANT:",
        OWL2_IMAGE_AUTO, 1 },
  };
  guint n;

  owl2_recipes (&n);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (cases));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const Owl2Recipe *recipe = owl2_recipe_find (cases[i].name);
    g_autofree char *prompt = NULL;

    g_assert_nonnull (recipe);
    g_assert_true (!recipe->question == !!cases[i].question);
    prompt = literal (recipe, cases[i].question);
    g_assert_cmpstr (prompt, ==, cases[i].prompt);
    g_assert_cmpint (recipe->image_mode, ==, cases[i].mode);
    g_assert_cmpuint (recipe->n_frames, ==, cases[i].n_frames);
  }
  g_assert_null (owl2_recipe_find ("qualit"));
  g_assert_null (owl2_recipe_find (NULL));
}

static void
assert_weights (
    const char *name, const char *const *words, const double *weights, guint n)
{
  const Owl2Recipe *recipe = owl2_recipe_find (name);

  g_assert_cmpuint (recipe->n_choices, ==, n);
  for (guint i = 0; i < n; i++) {
    g_assert_cmpstr (recipe->choices[i], ==, words[i]);
    g_assert_cmpfloat (recipe->weights[i], ==, weights[i]);
  }
}

static void
test_weights (void)
{
  const char *levels[] = { "excellent", "good", "fair", "poor", "bad" };
  const double to_1[] = { 1, .75, .5, .25, 0 }, to_5[] = { 5, 4, 3, 2, 1 };

  assert_weights ("quality", levels, to_1, 5);
  assert_weights ("aesthetics", levels, to_1, 5);
  assert_weights ("video-quality", levels, to_1, 5);
  assert_weights ("deqa", levels, to_5, 5);
  assert_weights ("q-instruct", (const char *[]){ "good", "poor" },
      (const double[]){ 1, 0 }, 2);
  assert_weights ("caption", NULL, NULL, 0);
}

/* The names are for command lines, and each is there once. */
static void
test_table (void)
{
  guint n;
  const Owl2Recipe *all = owl2_recipes (&n);

  for (guint i = 0; i < n; i++) {
    g_assert_true (owl2_recipe_find (all[i].name) == &all[i]);
    g_assert_cmpuint (strspn (all[i].name, "abcdefghijklmnopqrstuvwxyz-"), ==,
        strlen (all[i].name));
    g_assert_nonnull (all[i].family);
    g_assert_nonnull (all[i].source);
    g_assert_nonnull (strstr (all[i].pattern, "{}"));
    g_assert_true (!all[i].n_choices == !all[i].weights);
  }
}

static guint
n_of (const GArray *ids, gint32 id)
{
  guint n = 0;

  for (guint i = 0; i < ids->len; i++)
    n += g_array_index (ids, gint32, i) == id;
  return n;
}

/* A newline is no space: the reply begins with other tokens than in the older
 * scripts, and the one after the image with the tokenizer's own space. */
static void
test_tokens (void)
{
  const gint32 newline = 3 + '\n', word = 398, image = OWL2_IMAGE_ID;
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autofree char *prompt = literal (owl2_recipe_find ("quality"), NULL);
  g_autoptr (GString) spaced = g_string_new (prompt);
  g_autoptr (GArray) ids = owl2_prompt_encode (tok, prompt);
  g_autoptr (GArray) other = NULL;
  g_autoptr (GArray) want = g_array_new (FALSE, FALSE, sizeof (gint32));
  const gint32 bos = owl2_tokenizer_bos (tok);

  g_array_append_val (want, bos);
  owl2_tokenizer_encode (
      tok, "USER: How would you rate the quality of this image?\n", -1, want);
  g_array_append_val (want, image);
  g_array_append_val (want, word);
  g_array_append_val (want, newline);
  g_assert_cmpuint (want->len, <, ids->len);
  g_assert_cmpmem (ids->data, want->len * sizeof (gint32), want->data,
      want->len * sizeof (gint32));
  g_assert_cmpuint (n_of (ids, newline), ==, 2);

  g_string_replace (spaced, "\nASSISTANT", " ASSISTANT", 0);
  other = owl2_prompt_encode (tok, spaced->str);
  g_assert_cmpuint (n_of (other, newline), ==, 1);
}

/* The space at the end of the authors' scripts is a token of its own. */
static void
test_last_space (void)
{
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autofree char *prompt = literal (owl2_recipe_find ("caption"), NULL);
  g_autofree char *stripped = g_strchomp (g_strdup (prompt));
  g_autoptr (GArray) ids = owl2_prompt_encode (tok, prompt);
  g_autoptr (GArray) without = owl2_prompt_encode (tok, stripped);

  g_assert_cmpuint (ids->len, ==, without->len + 1);
  g_assert_cmpint (g_array_index (ids, gint32, without->len), ==, 398);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recipes/letters", test_letters);
  g_test_add_func ("/recipes/weights", test_weights);
  g_test_add_func ("/recipes/table", test_table);
  g_test_add_func ("/recipes/tokens", test_tokens);
  g_test_add_func ("/recipes/last-space", test_last_space);
  return g_test_run ();
}
