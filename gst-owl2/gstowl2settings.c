/* SPDX-License-Identifier: LGPL-2.1-or-later */
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
  [PROP_WHEN_BUSY] = AT (when_busy),
  [PROP_EOS_TIMEOUT] = AT (eos_timeout),
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
  settings->eos_timeout = DEFAULT_EOS_TIMEOUT;
  settings->max_tokens = DEFAULT_MAX_TOKENS;
  settings->top_p = 1;
  settings->repetition_penalty = 1;
  return settings;
}

GstOwl2Settings *
gst_owl2_settings_copy (const GstOwl2Settings *settings)
{
  GstOwl2Settings *copy = g_new (GstOwl2Settings, 1);

  *copy = *settings;
  g_atomic_ref_count_init (&copy->refs);
  copy->prompt = g_strdup (settings->prompt);
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
    g_free (settings);
  }
}

const char *
gst_owl2_settings_question (const GstOwl2Settings *settings)
{
  if (settings->prompt)
    return settings->prompt;
  return settings->n_frames > 1 ? GST_OWL2_VIDEO_PROMPT : GST_OWL2_IMAGE_PROMPT;
}

Owl2ClipSettings
gst_owl2_settings_clip (GstOwl2Settings *settings)
{
  return (Owl2ClipSettings){
    .interval = settings->interval,
    .span = settings->span,
    .n_frames = settings->n_frames,
    .whole = settings->trigger == GST_OWL2_TRIGGER_EOS,
    .data = settings,
  };
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
  const char *text;

  if (!field)
    return FALSE;
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
  return TRUE;
}

gboolean
gst_owl2_settings_get (const GstOwl2Settings *settings, guint id, GValue *value)
{
  const gconstpointer field = settings_field (settings, id);

  if (!field)
    return FALSE;
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value))) {
    case G_TYPE_STRING:
      g_value_set_string (value, field == (gconstpointer) &settings->prompt
                                     ? gst_owl2_settings_question (settings)
                                     : *(char *const *) field);
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
