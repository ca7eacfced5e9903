/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks each model file in the way that it was made for, about a picture that is
 * no square, and prints a line for each: the recipe, the image mode, the tokens
 * of the answer, the score, and the probabilities. */
#include <stdio.h>

#include "owl2.h"

#define WIDTH 61u
#define HEIGHT 40u

static Owl2Features *
encode (Owl2Session *session, Owl2ImageMode mode, guint shade)
{
  g_autofree guint8 *pixels = g_malloc (3 * WIDTH * HEIGHT);
  Owl2Image image = { pixels, WIDTH, HEIGHT, 3 * WIDTH };
  g_autoptr (GError) error = NULL;
  Owl2Features *features;

  for (guint i = 0; i < 3 * WIDTH * HEIGHT; i++)
    pixels[i] = (guint8) (i * shade);
  image.mode = mode;
  features = owl2_session_encode (session, &image, NULL, &error);
  g_assert_no_error (error);
  return features;
}

static void
ask (const char *path)
{
  static const Owl2Recipe chat = { .pattern = "USER: <|image|>{} ASSISTANT:",
    .question = "What is it?",
    .n_frames = 1 };
  g_autoptr (GError) error = NULL;
  const Owl2ModelParams params = { .path = path };
  g_autoptr (Owl2Model) model = owl2_model_load (&params, &error);
  g_autoptr (Owl2Session) session =
      model ? owl2_session_new (model, NULL, &error) : NULL;
  const Owl2Recipe *recipe;
  Owl2ModelInfo info;
  g_autofree char *prompt = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Features *frames[2];
  Owl2Request request = { .frames = frames, .sampling = OWL2_SAMPLING_DEFAULT };

  g_assert_no_error (error);
  owl2_model_get_info (model, &info);
  recipe = info.recipe ? owl2_recipe_find (info.recipe) : &chat;
  g_assert_nonnull (recipe);
  request.n_frames = recipe->n_frames ? recipe->n_frames : 2;
  for (guint i = 0; i < request.n_frames; i++)
    frames[i] = encode (session, recipe->image_mode, 1 + i);
  prompt = owl2_prompt_fill (recipe->pattern, recipe->question);
  request.prompt = prompt;
  request.answer_prefix = recipe->answer_prefix;
  request.choices = recipe->choices;
  request.choice_weights = recipe->weights;
  request.n_choices = recipe->n_choices;
  request.sampling.max_tokens = 2;
  answer = owl2_session_generate (session, &request, &error);
  g_assert_no_error (error);
  printf ("%s %s %u %.17g", info.recipe ? info.recipe : "-",
      owl2_image_mode_name (info.image_mode), answer->n_ids, answer->score);
  for (guint i = 0; i < answer->n_choices; i++)
    printf (" %.17g", answer->probabilities[i]);
  printf ("\n");
  for (guint i = 0; i < request.n_frames; i++)
    owl2_features_unref (frames[i]);
}

int
main (int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    ask (argv[i]);
  return 0;
}
