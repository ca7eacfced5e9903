/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings.h"

#include <math.h>

#include "gstowl2json.h"
#include "json_line.h"
#include "stream.h"

#define MAX_CHOICE 200

/* What was asked for, once it was looked at; NULL is what was not. */
typedef struct {
  char *prompt; /* "": the element's own */
  const json_t *choices, *weights, *look;
  const char *recipe;
} Wanted;

char *
settings_text (const json_t *text, const char *what, guint max, GError **error)
{
  g_autofree char *stripped = NULL;
  glong n;

  if (!json_is_string (text)) {
    owl2_refuse (error, "%s is no text", what);
    return NULL;
  }
  stripped = g_strstrip (g_strdup (json_string_value (text)));
  n = g_utf8_strlen (stripped, -1);
  if (n == 0 || n > (glong) max) {
    owl2_refuse (error, "%s has %ld characters (1 to %u)", what, (long) n, max);
    return NULL;
  }
  return g_steal_pointer (&stripped);
}

/* ---- checks ------------------------------------------------------------- */

/* @model: (nullable): not there yet, so that what it would say comes later */
static gboolean
check_choices (Owl2Model *model, const json_t *choices, GError **error)
{
  const gsize n = json_array_size (choices);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);

  if (!json_is_array (choices))
    return owl2_refuse (error, "choices is no list");
  if (n == 0)
    return TRUE;
  if (!owl2_check_n_choices ((guint) MIN (n, G_MAXUINT), error))
    return FALSE;
  for (gsize i = 0; i < n; i++) {
    char *text = settings_text (
        json_array_get (choices, i), "a choice", MAX_CHOICE, error);

    if (!text)
      return FALSE;
    g_ptr_array_add (texts, text);
  }
  return !model
         || owl2_model_check_choices (
             model, (const char *const *) texts->pdata, texts->len, error);
}

static gboolean
check_weights (const json_t *weights, gsize n_choices, GError **error)
{
  const gsize n = json_array_size (weights);

  if (!json_is_array (weights))
    return owl2_refuse (error, "choice-weights is no list");
  for (gsize i = 0; i < n; i++)
    if (!json_is_number (json_array_get (weights, i))
        || !isfinite (json_number_value (json_array_get (weights, i))))
      return owl2_refuse (error, "choice-weights has what is no number");
  return n == 0 || n == n_choices
         || owl2_refuse (
             error, "%zu choice-weights for %zu choices", n, n_choices);
}

static gboolean
check_recipe (const char *name, gboolean asks, GError **error)
{
  const Owl2Recipe *recipe;

  if (!*name)
    return TRUE;
  recipe = owl2_recipe_require (name, error);
  if (!recipe)
    return FALSE;
  return asks || !owl2_recipe_needs_question (recipe)
         || owl2_refuse (error, "recipe '%s' needs a prompt", name);
}

static guint
n_choices_of (GstElement *owl2)
{
  GValue choices = G_VALUE_INIT;
  guint n;

  g_value_init (&choices, GST_TYPE_ARRAY);
  g_object_get_property (G_OBJECT (owl2), "choices", &choices);
  n = gst_value_array_get_size (&choices);
  g_value_unset (&choices);
  return n;
}

static gboolean
look_at_prompt (const json_t *prompt, Wanted *wanted, GError **error)
{
  /* An empty one is the element's own. */
  if (json_is_string (prompt) && !*json_string_value (prompt))
    wanted->prompt = g_strdup ("");
  else
    wanted->prompt = settings_text (prompt, "prompt", STREAM_MAX_TEXT, error);
  return wanted->prompt != NULL;
}

static gboolean
look_at (GstElement *owl2, Owl2Model *model, const json_t *settings,
    Wanted *wanted, GError **error)
{
  const char *name;
  json_t *value;
  gsize n;

  json_object_foreach ((json_t *) settings, name, value) {
    if (g_str_equal (name, "prompt")) {
      if (!look_at_prompt (value, wanted, error))
        return FALSE;
    } else if (g_str_equal (name, "choices")) {
      wanted->choices = value;
    } else if (g_str_equal (name, "choice-weights")) {
      wanted->weights = value;
    } else if (g_str_equal (name, "look")) {
      wanted->look = value;
    } else if (g_str_equal (name, "recipe") && json_is_string (value)) {
      wanted->recipe = json_string_value (value);
    } else {
      return owl2_refuse (error, "'%s' can't be set", name);
    }
  }
  if (wanted->look && !json_is_boolean (wanted->look))
    return owl2_refuse (error, "look is neither true nor false");
  if (wanted->choices && !check_choices (model, wanted->choices, error))
    return FALSE;
  if (wanted->recipe
      && !check_recipe (
          wanted->recipe, wanted->prompt && *wanted->prompt, error))
    return FALSE;
  n = wanted->choices ? json_array_size (wanted->choices) : n_choices_of (owl2);
  return !wanted->weights || check_weights (wanted->weights, n, error);
}

/* ---- properties --------------------------------------------------------- */

static void
set_array (GstElement *owl2, const char *name, const json_t *from)
{
  GValue array = G_VALUE_INIT;

  g_value_init (&array, GST_TYPE_ARRAY);
  for (gsize i = 0; i < json_array_size (from); i++) {
    const json_t *item = json_array_get (from, i);
    GValue value = G_VALUE_INIT;

    if (json_is_string (item)) {
      g_value_init (&value, G_TYPE_STRING);
      g_value_take_string (
          &value, g_strstrip (g_strdup (json_string_value (item))));
    } else {
      g_value_init (&value, G_TYPE_DOUBLE);
      g_value_set_double (&value, json_number_value (item));
    }
    gst_value_array_append_and_take_value (&array, &value);
  }
  g_object_set_property (G_OBJECT (owl2), name, &array);
  g_value_unset (&array);
}

/* Text of a page is plain: in it `<|image|>` is letters. */
static void
set_prompt (GstElement *owl2, const char *text)
{
  g_autofree char *plain = *text ? owl2_prompt_plain (text) : NULL;

  g_object_set (owl2, "prompt", plain, NULL);
}

gboolean
settings_apply (GstElement *owl2, Owl2Model *model, const json_t *settings,
    char **prompt, GError **error)
{
  Wanted wanted = { NULL };

  if (!look_at (owl2, model, settings, &wanted, error)) {
    g_free (wanted.prompt);
    return FALSE;
  }
  /* A recipe brings what is not set by hand, so that goes. */
  if (wanted.recipe) {
    g_clear_pointer (prompt, g_free);
    set_prompt (owl2, "");
    set_array (owl2, "choices", NULL);
    set_array (owl2, "choice-weights", NULL);
    g_object_set (owl2, "recipe", *wanted.recipe ? wanted.recipe : NULL, NULL);
  }
  if (wanted.prompt) {
    set_prompt (owl2, wanted.prompt);
    g_free (*prompt);
    *prompt = *wanted.prompt ? g_strdup (wanted.prompt) : NULL;
  }
  /* The weights were for other choices. */
  if (wanted.choices) {
    set_array (owl2, "choice-weights", NULL);
    set_array (owl2, "choices", wanted.choices);
  }
  if (wanted.weights)
    set_array (owl2, "choice-weights", wanted.weights);
  if (wanted.look)
    g_object_set (owl2, "look", json_is_true (wanted.look), NULL);
  g_free (wanted.prompt);
  return TRUE;
}

static void
put_array (GstElement *owl2, const char *name, json_t *to)
{
  GValue array = G_VALUE_INIT;

  g_value_init (&array, GST_TYPE_ARRAY);
  g_object_get_property (G_OBJECT (owl2), name, &array);
  json_object_set_new (to, name, gst_owl2_json_value (&array));
  g_value_unset (&array);
}

void
settings_describe (GstElement *owl2, const char *prompt, json_t *to)
{
  g_autofree char *in_force = NULL, *recipe = NULL;
  gboolean look = FALSE;

  g_object_get (
      owl2, "prompt", &in_force, "look", &look, "recipe", &recipe, NULL);
  json_object_set_new (to, "prompt",
      json_line_string (prompt     ? prompt
                        : in_force ? in_force
                                   : ""));
  json_object_set_new (to, "recipe", json_line_string (recipe ? recipe : ""));
  put_array (owl2, "choices", to);
  put_array (owl2, "choice-weights", to);
  json_object_set_new (to, "look", json_boolean (look));
}
