/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2recipe.h"
#include "gstowl2settings-private.h"

static guint settings_first_id;

/* Where each lies, as what its GValue holds; an enum is an int. */
#define AT(field) offsetof (GstOwl2Settings, field)
static const gsize offsets[N_PROPS] = {
  [PROP_PROMPT] = AT (prompt),
  [PROP_TRIGGER] = AT (trigger),
  [PROP_INTERVAL] = AT (interval),
  [PROP_FRAMES] = AT (n_frames),
  [PROP_SPAN] = AT (span),
  [PROP_IMAGE_MODE] = AT (image_mode),
  [PROP_WHEN_BUSY] = AT (when_busy),
  [PROP_MAX_QUEUE_TIME] = AT (max_queue_time),
  [PROP_MAX_QUEUE_BYTES] = AT (max_queue_bytes),
  [PROP_EOS_TIMEOUT] = AT (eos_timeout),
  [PROP_SCENE_THRESHOLD] = AT (scene_threshold),
  [PROP_MIN_INTERVAL] = AT (min_interval),
  [PROP_MAX_INTERVAL] = AT (max_interval),
  [PROP_TEXT_TIME] = AT (text_time),
  [PROP_MAX_AGE] = AT (max_age),
  [PROP_HISTORY] = AT (history),
  [PROP_MAX_TOKENS] = AT (max_tokens),
  [PROP_MIN_TOKENS] = AT (min_tokens),
  [PROP_TEMPERATURE] = AT (temperature),
  [PROP_TOP_K] = AT (top_k),
  [PROP_TOP_P] = AT (top_p),
  [PROP_REPETITION_PENALTY] = AT (repetition_penalty),
  [PROP_SEED] = AT (seed),
  [PROP_PARTIAL] = AT (partial),
  [PROP_LOOK] = AT (look),
  [PROP_RECIPE] = AT (recipe_name),
  [PROP_TEMPLATE] = AT (template),
  [PROP_ANSWER_PREFIX] = AT (answer_prefix),
  [PROP_CHOICES] = AT (choices),
  [PROP_CHOICE_WEIGHTS] = AT (weights),
  [PROP_ALERT_THRESHOLD] = AT (alert_threshold),
  [PROP_ALERT_HYSTERESIS] = AT (alert_hysteresis),
};
#undef AT

GstOwl2Settings *
gst_owl2_settings_new (void)
{
  GstOwl2Settings *settings = g_new0 (GstOwl2Settings, 1);

  g_atomic_ref_count_init (&settings->refs);
  settings->trigger = GST_OWL2_TRIGGER_INTERVAL;
  settings->interval = DEFAULT_INTERVAL;
  settings->n_frames = DEFAULT_FRAMES;
  settings->when_busy = GST_OWL2_WHEN_BUSY_AUTO;
  settings->max_queue_time = DEFAULT_MAX_QUEUE_TIME;
  settings->max_queue_bytes = DEFAULT_MAX_QUEUE_BYTES;
  settings->eos_timeout = DEFAULT_EOS_TIMEOUT;
  settings->scene_threshold = DEFAULT_SCENE_THRESHOLD;
  settings->min_interval = DEFAULT_MIN_INTERVAL;
  settings->max_tokens = DEFAULT_MAX_TOKENS;
  settings->top_p = 1;
  settings->repetition_penalty = 1;
  settings->alert_hysteresis = DEFAULT_ALERT_HYSTERESIS;
  return settings;
}

GstOwl2Settings *
gst_owl2_settings_copy (const GstOwl2Settings *settings)
{
  GstOwl2Settings *copy = g_new (GstOwl2Settings, 1);

  *copy = *settings;
  g_atomic_ref_count_init (&copy->refs);
  copy->prompt = g_strdup (settings->prompt);
  copy->template = g_strdup (settings->template);
  copy->answer_prefix = g_strdup (settings->answer_prefix);
  copy->recipe_name = g_strdup (settings->recipe_name);
  copy->choices = g_strdupv (settings->choices);
  copy->weights = g_memdup2 (
      settings->weights, settings->n_weights * sizeof (*settings->weights));
  return copy;
}

GstOwl2Settings *
gst_owl2_settings_ref (GstOwl2Settings *settings)
{
  g_atomic_ref_count_inc (&settings->refs);
  return settings;
}

void
gst_owl2_settings_unref (GstOwl2Settings *settings)
{
  if (settings && g_atomic_ref_count_dec (&settings->refs)) {
    g_free (settings->prompt);
    g_free (settings->template);
    g_free (settings->answer_prefix);
    g_free (settings->recipe_name);
    g_strfreev (settings->choices);
    g_free (settings->weights);
    g_free (settings);
  }
}

const char *
gst_owl2_settings_question (const GstOwl2Settings *settings)
{
  if (settings->prompt)
    return settings->prompt;
  if (settings->recipe && settings->recipe->question)
    return settings->recipe->question;
  return settings->n_frames != 1 ? GST_OWL2_VIDEO_PROMPT
                                 : GST_OWL2_IMAGE_PROMPT;
}

guint
gst_owl2_settings_n_frames (const GstOwl2Settings *settings)
{
  const guint64 seconds = gst_owl2_settings_span (settings) / GST_SECOND;

  return settings->n_frames ? settings->n_frames
                            : (guint) CLAMP (seconds, 1, GST_OWL2_MAX_FRAMES);
}

guint64
gst_owl2_settings_span (const GstOwl2Settings *settings)
{
  return settings->span ? settings->span : settings->interval;
}

gboolean
gst_owl2_settings_waits (const GstOwl2Settings *settings, gboolean live)
{
  if (settings->when_busy == GST_OWL2_WHEN_BUSY_AUTO)
    return !live;
  return settings->when_busy == GST_OWL2_WHEN_BUSY_WAIT;
}

guint64
gst_owl2_settings_scene_step (const GstOwl2Settings *settings)
{
  return settings->min_interval - settings->min_interval / 2;
}

Owl2ClipSettings
gst_owl2_settings_clip (GstOwl2Settings *settings)
{
  Owl2ClipSettings clip;

  if (settings->trigger == GST_OWL2_TRIGGER_SCENE)
    return (Owl2ClipSettings){
      .interval = gst_owl2_settings_scene_step (settings),
      .n_frames = 1,
      .data = settings,
    };
  clip = (Owl2ClipSettings){
    .interval = settings->interval,
    .span = settings->span,
    .n_frames = settings->n_frames,
    .whole = settings->trigger == GST_OWL2_TRIGGER_EOS,
    .data = settings,
  };
  if (!clip.n_frames && !clip.whole) {
    clip.n_frames = gst_owl2_settings_n_frames (settings);
    if (gst_owl2_settings_span (settings) / GST_SECOND <= clip.n_frames)
      clip.span = clip.n_frames * GST_SECOND;
  }
  return clip;
}

Owl2Sampling
gst_owl2_settings_sampling (const GstOwl2Settings *settings)
{
  Owl2Sampling sampling = OWL2_SAMPLING_DEFAULT;

  sampling.max_tokens = settings->max_tokens;
  sampling.min_tokens = settings->min_tokens;
  sampling.temperature = (float) settings->temperature;
  sampling.top_k = settings->top_k;
  sampling.top_p = (float) settings->top_p;
  sampling.repetition_penalty = (float) settings->repetition_penalty;
  sampling.seed = settings->seed;
  return sampling;
}

void
gst_owl2_settings_set_first_id (guint id)
{
  settings_first_id = id;
}

/* (nullable) */
static gpointer
settings_field (const GstOwl2Settings *settings, guint id)
{
  const guint prop = id - settings_first_id;

  return prop < N_PROPS ? (char *) settings + offsets[prop] : NULL;
}

gboolean
gst_owl2_settings_set (GstOwl2Settings *settings, guint id, const GValue *value)
{
  gpointer field = settings_field (settings, id);
  const guint prop = id - settings_first_id;
  const char *text;

  if (!field)
    return FALSE;
  settings->by_hand |= G_GUINT64_CONSTANT (1) << prop;
  if (GST_VALUE_HOLDS_ARRAY (value)) {
    gst_owl2_recipe_set_array (settings, prop, value);
    gst_owl2_recipe_apply (settings);
    return TRUE;
  }
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value))) {
    case G_TYPE_STRING:
      text = g_value_get_string (value);
      g_free (*(char **) field);
      *(char **) field = text ? g_utf8_make_valid (text, -1) : NULL;
      break;
    case G_TYPE_ENUM:
      *(int *) field = g_value_get_enum (value);
      break;
    case G_TYPE_BOOLEAN:
      *(gboolean *) field = g_value_get_boolean (value);
      break;
    case G_TYPE_UINT:
      *(guint *) field = g_value_get_uint (value);
      break;
    case G_TYPE_UINT64:
      *(guint64 *) field = g_value_get_uint64 (value);
      break;
    case G_TYPE_DOUBLE:
      *(double *) field = g_value_get_double (value);
      break;
    default:
      g_return_val_if_reached (FALSE);
  }
  /* It leaves the choice to others. */
  if (prop == PROP_IMAGE_MODE && settings->image_mode == OWL2_IMAGE_AUTO)
    settings->by_hand &= ~(G_GUINT64_CONSTANT (1) << prop);
  gst_owl2_recipe_apply (settings);
  return TRUE;
}

/* A text as it is in force. */
static const char *
settings_text (const GstOwl2Settings *settings, guint prop, const char *own)
{
  switch (prop) {
    case PROP_PROMPT:
      return gst_owl2_settings_question (settings);
    case PROP_TEMPLATE:
      return gst_owl2_recipe_template (settings);
    case PROP_ANSWER_PREFIX:
      return gst_owl2_recipe_answer_prefix (settings);
    case PROP_RECIPE:
      return settings->recipe ? settings->recipe->name : own;
    default:
      return own;
  }
}

gboolean
gst_owl2_settings_get (const GstOwl2Settings *settings, guint id, GValue *value)
{
  const gconstpointer field = settings_field (settings, id);
  const guint prop = id - settings_first_id;

  if (!field)
    return FALSE;
  if (GST_VALUE_HOLDS_ARRAY (value)) {
    gst_owl2_recipe_get_array (settings, prop, value);
    return TRUE;
  }
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value))) {
    case G_TYPE_STRING:
      g_value_set_string (
          value, settings_text (settings, prop, *(char *const *) field));
      break;
    case G_TYPE_ENUM:
      g_value_set_enum (value, *(const int *) field);
      break;
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, *(const gboolean *) field);
      break;
    case G_TYPE_UINT:
      g_value_set_uint (value, *(const guint *) field);
      break;
    case G_TYPE_UINT64:
      g_value_set_uint64 (value, *(const guint64 *) field);
      break;
    case G_TYPE_DOUBLE:
      g_value_set_double (value, *(const double *) field);
      break;
    default:
      g_return_val_if_reached (FALSE);
  }
  return TRUE;
}
