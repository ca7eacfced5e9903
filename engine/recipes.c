/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Published ways of asking, to the letter: where a space or a newline stands,
 * and on which side of the question the image, decides over the tokens. */
#include <string.h>

#include "owl2.h"

/* Q-Align asks for these words at the last position alone. */
static const char *const levels[] = { "excellent", "good", "fair", "poor",
  "bad" };
static const double from_0_to_1[] = { 1, .75, .5, .25, 0 };
static const double from_1_to_5[] = { 5, 4, 3, 2, 1 };

static const char *const good_or_poor[] = { "good", "poor" };
static const double good[] = { 1, 0 };

#define LEVELS(level_weights)                                                  \
  .choices = levels, .weights = level_weights,                                 \
  .n_choices = G_N_ELEMENTS (levels)

/* scorer.py has the question first and a newline before "ASSISTANT:"; the same
 * project's older scripts have neither. */
#define Q_ALIGN_TEMPLATE "USER: {}\n<|image|>\nASSISTANT:"

/* The authors' scripts end so, in a space that is a token of its own. */
#define SHORT_ANSWER "Answer the question using a single word or phrase."

static const Owl2Recipe recipes[] = {
  {
      .name = "quality",
      .family = "Q-Align, OneAlign",
      .source = "Q-Align 14dfdff: q_align/evaluate/scorer.py",
      .pattern = Q_ALIGN_TEMPLATE,
      .question = "How would you rate the quality of this image?",
      .answer_prefix = "The quality of the image is",
      LEVELS (from_0_to_1),
      .image_mode = OWL2_IMAGE_PAD,
      .n_frames = 1,
  },
  {
      .name = "aesthetics",
      .family = "Q-Align, OneAlign",
      .source = "Q-Align 14dfdff: q_align/evaluate/scorer.py",
      .pattern = Q_ALIGN_TEMPLATE,
      .question = "How would you rate the aesthetics of this image?",
      .answer_prefix = "The aesthetics of the image is",
      LEVELS (from_0_to_1),
      .image_mode = OWL2_IMAGE_PAD,
      .n_frames = 1,
  },
  {
      .name = "video-quality",
      .family = "Q-Align, OneAlign",
      .source = "Q-Align 14dfdff: q_align/evaluate/scorer.py",
      .pattern = Q_ALIGN_TEMPLATE,
      .question = "How would you rate the quality of this video?",
      .answer_prefix = "The quality of the video is",
      LEVELS (from_0_to_1),
      .image_mode = OWL2_IMAGE_PAD,
      .n_frames = 0,
  },
  {
      .name = "deqa",
      .family = "DeQA-Score",
      .source = "DeQA-Score 8e4abc8",
      .pattern = Q_ALIGN_TEMPLATE,
      .question = "How would you rate the quality of this image?",
      .answer_prefix = "The quality of the image is",
      LEVELS (from_1_to_5),
      .image_mode = OWL2_IMAGE_PAD,
      .n_frames = 1,
  },
  {
      .name = "q-instruct",
      .family = "Q-Instruct",
      .source = "Q-Instruct 2a78134",
      .pattern = "USER: <|image|>{} ASSISTANT:",
      .question = "Rate the quality of the image.",
      .choices = good_or_poor,
      .weights = good,
      .n_choices = G_N_ELEMENTS (good_or_poor),
      .image_mode = OWL2_IMAGE_CROP,
      .n_frames = 1,
  },
  {
      .name = "co-instruct",
      .family = "Co-Instruct",
      .source = "Co-Instruct 96f2eb2",
      .pattern = "USER: The first image: <|image|>\n"
                 "The second image: <|image|>{} ASSISTANT:",
      .question = "Which image has better quality, and why?",
      .n_frames = 2,
  },
  {
      .name = "caption",
      .family = "mPLUG-Owl2",
      .source = "mPLUG-Owl 0f3068f: "
                "mPLUG-Owl2/mplug_owl2/evaluate/evaluate_caption.py",
      .pattern = "USER: <|image|>{} ASSISTANT: ",
      .question = "Provide a one-sentence caption for the provided image.",
      .image_mode = OWL2_IMAGE_STRETCH,
      .n_frames = 1,
      .max_tokens = 60,
      .min_tokens = 8,
  },
  {
      .name = "vqa",
      .family = "mPLUG-Owl2",
      .source = "mPLUG-Owl 0f3068f: "
                "mPLUG-Owl2/mplug_owl2/evaluate/evaluate_vqa.py",
      .pattern = "USER: <|image|>{} " SHORT_ANSWER " ASSISTANT: ",
      .image_mode = OWL2_IMAGE_STRETCH,
      .n_frames = 1,
      .max_tokens = 10,
      .min_tokens = 1,
  },
  {
      .name = "mme",
      .family = "mPLUG-Owl2",
      .source = "mPLUG-Owl 0f3068f: "
                "mPLUG-Owl2/mplug_owl2/evaluate/evaluate_mme.py",
      .pattern = "USER: <|image|>{}\n" SHORT_ANSWER " ASSISTANT: ",
      .image_mode = OWL2_IMAGE_STRETCH,
      .n_frames = 1,
      .max_tokens = 10,
  },
  {
      /* The question is "hint or N/A\nquestion\nA. one\nB. two". */
      .name = "mmbench",
      .family = "mPLUG-Owl2",
      .source = "mPLUG-Owl 0f3068f: "
                "mPLUG-Owl2/mplug_owl2/evaluate/evaluate_mmbench.py",
      .pattern = "USER: <|image|>{}\nAnswer with the option\xe2\x80\x99s "
                 "letter from the given choices directly. ASSISTANT: ",
      .image_mode = OWL2_IMAGE_STRETCH,
      .n_frames = 1,
      .max_tokens = 10,
  },
  {
      /* The question is "question\nA. one\nB. two". */
      .name = "q-bench",
      .family = "Q-Instruct, Co-Instruct",
      .source = "Q-Instruct 2a78134",
      .pattern = "USER: <|image|>{}\nAnswer with the option's letter from "
                 "the given choices directly.\n ASSISTANT:",
      .n_frames = 1,
  },
};

const Owl2Recipe *
owl2_recipe_find (const char *name)
{
  for (guint i = 0; name && i < G_N_ELEMENTS (recipes); i++)
    if (strcmp (recipes[i].name, name) == 0)
      return &recipes[i];
  return NULL;
}

const Owl2Recipe *
owl2_recipe_require (const char *name, GError **error)
{
  const Owl2Recipe *recipe = owl2_recipe_find (name);
  g_autofree char *names = NULL;

  if (recipe)
    return recipe;
  names = owl2_recipe_names ();
  owl2_refuse (error, "there is no recipe '%s'; there are %s", name, names);
  return NULL;
}

const Owl2Recipe *
owl2_recipes (guint *n)
{
  *n = G_N_ELEMENTS (recipes);
  return recipes;
}

char *
owl2_recipe_names (void)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (recipes); i++)
    g_string_append_printf (names, "%s%s", i ? ", " : "", recipes[i].name);
  return g_string_free (names, FALSE);
}

gboolean
owl2_recipe_needs_question (const Owl2Recipe *recipe)
{
  return !recipe->question && strstr (recipe->pattern, "{}");
}

gboolean
owl2_check_n_choices (guint n, GError **error)
{
  if (n >= 2 && n <= OWL2_MAX_CHOICES)
    return TRUE;
  return owl2_refuse (error, "an answer is one of 2 to %u choices, not of %u",
      OWL2_MAX_CHOICES, n);
}
