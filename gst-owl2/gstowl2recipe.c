/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2recipe.h"
#include "gstowl2settings-private.h"

#include <string.h>

/* ---- in force ----------------------------------------------------------- */

static gboolean
is_by_hand (const GstOwl2Settings *settings, SettingsProp prop)
{
  return settings->by_hand >> prop & 1;
}

/* Of a text of the user's and one of the recipe's; an empty one is none. */
static const char *
text_in_force (const char *own, const char *of_recipe)
{
  const char *text = own ? own : of_recipe;

  return text && *text ? text : NULL;
}

const char *
gst_owl2_recipe_template (const GstOwl2Settings *settings)
{
  return text_in_force (
      settings->template, settings->recipe ? settings->recipe->pattern : NULL);
}

const char *
gst_owl2_recipe_answer_prefix (const GstOwl2Settings *settings)
{
  return text_in_force (settings->answer_prefix,
      settings->recipe ? settings->recipe->answer_prefix : NULL);
}

/* Weights of the recipe are those of its own choices. */
void
gst_owl2_recipe_choices (const GstOwl2Settings *settings, Owl2Request *request)
{
  const Owl2Recipe *recipe = settings->recipe;

  request->choices = NULL;
  request->choice_weights = settings->weights;
  request->n_choices = 0;
  if (settings->choices) {
    request->choices = (const char *const *) settings->choices;
    request->n_choices = g_strv_length (settings->choices);
  } else if (recipe && recipe->n_choices) {
    request->choices = recipe->choices;
    request->n_choices = recipe->n_choices;
    if (!settings->weights)
      request->choice_weights = recipe->weights;
  }
}

/* A choice has no more tokens than bytes, and one for its beginning. */
guint
gst_owl2_recipe_max_tokens (const GstOwl2Settings *settings)
{
  Owl2Request request = { NULL };
  gsize longest = 0;

  gst_owl2_recipe_choices (settings, &request);
  for (guint i = 0; i < request.n_choices; i++)
    longest = MAX (longest, strlen (request.choices[i]));
  return request.n_choices ? (guint) MIN (longest + 1, G_MAXINT)
                           : settings->max_tokens;
}

char *
gst_owl2_recipe_prompt (const GstOwl2Settings *settings, const char *literal,
    const Owl2Turn *turns, guint n_turns)
{
  const char *template = gst_owl2_recipe_template (settings);

  return template ? owl2_prompt_fill (template, literal)
                  : owl2_prompt_format (literal, TRUE, turns, n_turns);
}

/* ---- checks ------------------------------------------------------------- */

static gboolean
check_recipe (const GstOwl2Settings *settings, GError **error)
{
  return !settings->recipe_name || !*settings->recipe_name
         || owl2_recipe_require (settings->recipe_name, error);
}

static gboolean
check_template (
    const GstOwl2Settings *settings, const char *question, GError **error)
{
  const char *template = gst_owl2_recipe_template (settings);

  if (!template || strstr (template, "{}"))
    return TRUE;
  if (question)
    return owl2_refuse (error, "the template has no {} for a question");
  if (settings->prompt && *settings->prompt)
    return owl2_refuse (error, "the template has no {} for the prompt");
  return TRUE;
}

static gboolean
check_weights (const GstOwl2Settings *settings, guint n_choices, GError **error)
{
  if (settings->weights && settings->n_weights != n_choices)
    return owl2_refuse (error,
        "choice-weights has %u numbers, choices has %u words",
        settings->n_weights, n_choices);
  return TRUE;
}

static gboolean
check_alert (const GstOwl2Settings *settings, guint n_choices, GError **error)
{
  if (!settings->alert_threshold)
    return TRUE;
  if (!n_choices)
    return owl2_refuse (error,
        "alert-threshold is %g, and there are no choices to alert of",
        settings->alert_threshold);
  if (settings->alert_hysteresis >= settings->alert_threshold)
    return owl2_refuse (error,
        "alert-hysteresis %g is not below alert-threshold %g: an alert would"
        " never end",
        settings->alert_hysteresis, settings->alert_threshold);
  return TRUE;
}

gboolean
gst_owl2_recipe_check (
    const GstOwl2Settings *settings, const char *question, GError **error)
{
  Owl2Request request = { NULL };

  gst_owl2_recipe_choices (settings, &request);
  return check_recipe (settings, error)
         && check_template (settings, question, error)
         && (!request.n_choices
             || owl2_check_n_choices (request.n_choices, error))
         && check_weights (settings, request.n_choices, error)
         && check_alert (settings, request.n_choices, error);
}

/* ---- changes ------------------------------------------------------------ */

static guint
either (guint of_recipe, guint otherwise)
{
  return of_recipe ? of_recipe : otherwise;
}

void
gst_owl2_recipe_apply (GstOwl2Settings *settings)
{
  const gboolean asked_by_hand =
      settings->prompt || settings->template || settings->choices;
  const Owl2Recipe *recipe = settings->recipe_name
                                 ? owl2_recipe_find (settings->recipe_name)
                             : asked_by_hand ? NULL
                                             : settings->model_recipe;

  settings->recipe = recipe;
  if (!is_by_hand (settings, PROP_FRAMES))
    settings->n_frames = recipe ? recipe->n_frames : DEFAULT_FRAMES;
  if (!is_by_hand (settings, PROP_IMAGE_MODE))
    settings->image_mode = recipe ? recipe->image_mode : OWL2_IMAGE_AUTO;
  if (!is_by_hand (settings, PROP_MAX_TOKENS))
    settings->max_tokens =
        either (recipe ? recipe->max_tokens : 0, DEFAULT_MAX_TOKENS);
  if (!is_by_hand (settings, PROP_MIN_TOKENS))
    settings->min_tokens = recipe ? recipe->min_tokens : 0;
}

GstOwl2Settings *
gst_owl2_recipe_of_model (GstOwl2Settings *settings, const Owl2Recipe *recipe)
{
  GstOwl2Settings *copy;

  if (settings->model_recipe == recipe)
    return gst_owl2_settings_ref (settings);
  copy = gst_owl2_settings_copy (settings);
  copy->model_recipe = recipe;
  gst_owl2_recipe_apply (copy);
  return copy;
}

/* An empty array is none. */
void
gst_owl2_recipe_set_array (
    GstOwl2Settings *settings, guint prop, const GValue *value)
{
  const guint n = gst_value_array_get_size (value);

  if (prop == PROP_CHOICES) {
    g_clear_pointer (&settings->choices, g_strfreev);
    if (n)
      settings->choices = g_new0 (char *, n + 1);
    for (guint i = 0; i < n; i++) {
      const char *text =
          g_value_get_string (gst_value_array_get_value (value, i));

      settings->choices[i] = g_utf8_make_valid (text ? text : "", -1);
    }
    return;
  }
  g_clear_pointer (&settings->weights, g_free);
  settings->weights = n ? g_new (double, n) : NULL;
  settings->n_weights = n;
  for (guint i = 0; i < n; i++)
    settings->weights[i] =
        g_value_get_double (gst_value_array_get_value (value, i));
}

void
gst_owl2_recipe_get_array (
    const GstOwl2Settings *settings, guint prop, GValue *value)
{
  Owl2Request request = { NULL };

  gst_owl2_recipe_choices (settings, &request);
  if (prop == PROP_CHOICES) {
    for (guint i = 0; i < request.n_choices; i++) {
      GValue item = G_VALUE_INIT;

      g_value_init (&item, G_TYPE_STRING);
      g_value_set_string (&item, request.choices[i]);
      gst_value_array_append_and_take_value (value, &item);
    }
    return;
  }
  for (guint i = 0; request.choice_weights
                    && i < either (settings->n_weights, request.n_choices);
       i++) {
    GValue item = G_VALUE_INIT;

    g_value_init (&item, G_TYPE_DOUBLE);
    g_value_set_double (&item, request.choice_weights[i]);
    gst_value_array_append_and_take_value (value, &item);
  }
}

/* ---- properties --------------------------------------------------------- */

static void
install_asking (GObjectClass *klass, guint first)
{
  /**
   * GstOwl2:recipe:
   *
   * A published way of asking, by name, to the letter: `quality`, `aesthetics`
   * and `video-quality` of Q-Align and OneAlign, `deqa`, `q-instruct`,
   * `co-instruct`, `caption`, `vqa`, `mme`, `mmbench` and `q-bench`. It brings
   * #GstOwl2:template, #GstOwl2:prompt, #GstOwl2:answer-prefix,
   * #GstOwl2:choices with their #GstOwl2:choice-weights, the image mode,
   * #GstOwl2:frames, #GstOwl2:max-tokens and #GstOwl2:min-tokens, each where it
   * is not set by hand; they read back as they are in force.
   *
   * NULL, the default, is the recipe that the model file names, as those do
   * that are made from a scorer, as long as #GstOwl2:prompt, #GstOwl2:template
   * and #GstOwl2:choices are not set by hand. An empty text is none. A name
   * that there is not is an error, which lists those that there are.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_RECIPE,
      g_param_spec_string ("recipe", "Recipe",
          "A published way of asking: quality, aesthetics, video-quality, ..."
          " (NULL: the model file's own, where nothing is asked by hand)",
          NULL, FLAGS_PLAYING));
  /**
   * GstOwl2:template:
   *
   * The whole literal prompt, with `<|image|>` where the frames go, once for
   * all or once for each, and `{}` where the question goes, for models that are
   * asked in other words than mPLUG-Owl2. There is no #GstOwl2:history in it.
   * NULL: that of #GstOwl2:recipe, or the model's own; an empty text: the
   * model's own.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_TEMPLATE,
      g_param_spec_string ("template", "Template",
          "Whole literal prompt, {} where the question goes (NULL: the"
          " recipe's, or the model's own)",
          NULL, FLAGS_PLAYING));
  /**
   * GstOwl2:answer-prefix:
   *
   * Text after the prompt that the answer goes on from, after a space where
   * neither of both has one. It is no part of the answer. NULL: that of
   * #GstOwl2:recipe; an empty text: none.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_ANSWER_PREFIX,
      g_param_spec_string ("answer-prefix", "Answer prefix",
          "Text after the prompt that the answer goes on from (NULL: the"
          " recipe's)",
          NULL, FLAGS_PLAYING));
}

static void
install_choices (GObjectClass *klass, guint first)
{
  /**
   * GstOwl2:choices:
   *
   * The answer is one of these, 2 to 64 texts. Its field `probabilities` has
   * the probability of each, in the order of the field `choices`: the product
   * of those of its tokens, divided by the sum over all choices. `text`, and
   * what leaves by `text_src`, is the likeliest. All questions are answered so.
   * Nothing is generated: it costs little more than reading the prompt. Of one
   * that begins like another one as a whole nobody can say which it is: that is
   * an error. None: those of #GstOwl2:recipe.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_CHOICES,
      gst_param_spec_array ("choices", "Choices",
          "The answer is one of these, with a probability for each",
          g_param_spec_string (
              "choice", "Choice", "A choice", NULL, G_PARAM_READWRITE),
          FLAGS_PLAYING));
  /**
   * GstOwl2:choice-weights:
   *
   * A number for each of #GstOwl2:choices. The answer's field `score` is the
   * sum of these times the probabilities. None: those of #GstOwl2:recipe, for
   * its own choices.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_CHOICE_WEIGHTS,
      gst_param_spec_array ("choice-weights", "Choice weights",
          "A number for each choice: the score is the sum of these times the"
          " probabilities",
          g_param_spec_double ("weight", "Weight", "A weight", -G_MAXDOUBLE,
              G_MAXDOUBLE, 0, G_PARAM_READWRITE),
          FLAGS_PLAYING));
  /**
   * GstOwl2:alert-threshold:
   *
   * An element message `owl2-alert` is posted when the probability of the first
   * of #GstOwl2:choices is this or more, and another one when it falls below
   * this less #GstOwl2:alert-hysteresis, of answers to #GstOwl2:prompt; not of
   * those to questions that come. Its fields are `active` (boolean),
   * `probability`, `threshold` (double: the one that was passed), `choice`,
   * `prompt`, `element` (string), `id`, `start` and `end` (u64), the last three
   * of the answer, whose message is before it. While it is on, those answers
   * have a field `alert`, whether there is one. 0 is off.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_ALERT_THRESHOLD,
      g_param_spec_double ("alert-threshold", "Alert threshold",
          "Probability of the first choice from which on there is an alert"
          " (0: off)",
          0, 1, 0, FLAGS_PLAYING));
  /**
   * GstOwl2:alert-hysteresis:
   *
   * How far below #GstOwl2:alert-threshold the probability has to fall for an
   * alert to end; less than that.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_ALERT_HYSTERESIS,
      g_param_spec_double ("alert-hysteresis", "Alert hysteresis",
          "How far below the threshold an alert ends", 0, 1,
          DEFAULT_ALERT_HYSTERESIS, FLAGS_PLAYING));
}

void
gst_owl2_recipe_install (GObjectClass *klass, guint first_id)
{
  install_asking (klass, first_id);
  install_choices (klass, first_id);
}
