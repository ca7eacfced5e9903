/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2settings.h"

/* Offsets from the first id given to gst_owl2_settings_install(). */
enum {
  PROP_PROMPT,
  PROP_TRIGGER,
  PROP_INTERVAL,
  PROP_FRAMES,
  PROP_SPAN,
  PROP_WHEN_BUSY,
  PROP_MAX_TOKENS,
  PROP_MIN_TOKENS,
  PROP_TEMPERATURE,
  PROP_TOP_K,
  PROP_TOP_P,
  PROP_REPETITION_PENALTY,
  PROP_SEED,
  PROP_PARTIAL,
  N_PROPS
};

#define DEFAULT_INTERVAL GST_SECOND
#define DEFAULT_FRAMES 1
#define DEFAULT_MAX_TOKENS 128

static guint settings_first_id;

GType
gst_owl2_trigger_get_type (void)
{
  static GType type;
  static const GEnumValue values[] = {
    { GST_OWL2_TRIGGER_INTERVAL, "An answer each interval", "interval" },
    { GST_OWL2_TRIGGER_EOS, "One answer when the stream ends", "eos" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstOwl2Trigger", values));
  return type;
}

GType
gst_owl2_when_busy_get_type (void)
{
  static GType type;
  static const GEnumValue values[] = {
    { GST_OWL2_WHEN_BUSY_AUTO, "Drop if upstream is live, else wait", "auto" },
    { GST_OWL2_WHEN_BUSY_WAIT, "The stream waits for each answer", "wait" },
    { GST_OWL2_WHEN_BUSY_DROP, "Skip clips, never wait", "drop" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstOwl2WhenBusy", values));
  return type;
}

GType
gst_owl2_kv_type_get_type (void)
{
  static GType type;
  static const GEnumValue values[] = {
    { GST_OWL2_KV_TYPE_AUTO, "F32 if the model's weights are, else F16",
        "auto" },
    { GST_OWL2_KV_TYPE_F16, "Halves", "f16" },
    { GST_OWL2_KV_TYPE_Q8_0, "8 bits and a scale for each 32", "q8_0" },
    { GST_OWL2_KV_TYPE_F32, "Exact", "f32" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstOwl2KvType", values));
  return type;
}

GstOwl2Settings *
gst_owl2_settings_new (void)
{
  GstOwl2Settings *settings = g_new0 (GstOwl2Settings, 1);

  g_atomic_ref_count_init (&settings->refs);
  settings->trigger = GST_OWL2_TRIGGER_INTERVAL;
  settings->interval = DEFAULT_INTERVAL;
  settings->n_frames = DEFAULT_FRAMES;
  settings->when_busy = GST_OWL2_WHEN_BUSY_AUTO;
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

#define FLAGS_PLAYING                                                          \
  (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)

static void
install_when (GObjectClass *klass, guint first)
{
  /**
   * GstOwl2:prompt:
   *
   * The question asked for each answer. NULL, the default, asks for a
   * one-sentence caption, of an image or, with #GstOwl2:frames above 1, of a
   * video.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_PROMPT,
      g_param_spec_string ("prompt", "Prompt",
          "Question asked for each answer (NULL: a one-sentence caption)",
          GST_OWL2_IMAGE_PROMPT, FLAGS_PLAYING));
  /**
   * GstOwl2:trigger:
   *
   * When an answer is made.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_TRIGGER,
      g_param_spec_enum ("trigger", "Trigger", "When an answer is made",
          GST_TYPE_OWL2_TRIGGER, GST_OWL2_TRIGGER_INTERVAL, FLAGS_PLAYING));
  /**
   * GstOwl2:interval:
   *
   * Stream time from one answer to the next. A stream with fewer frames than
   * intervals gets one answer for each frame.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_INTERVAL,
      g_param_spec_uint64 ("interval", "Interval",
          "Stream time from one answer to the next, in nanoseconds", 1,
          G_MAXINT64, DEFAULT_INTERVAL, FLAGS_PLAYING));
  /**
   * GstOwl2:frames:
   *
   * Frames per answer, spread evenly over #GstOwl2:span: 1 is an image, more
   * is a clip.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_FRAMES,
      g_param_spec_uint ("frames", "Frames",
          "Frames per answer, spread evenly over the span: 1 is an image, more"
          " is a clip",
          1, GST_OWL2_MAX_FRAMES, DEFAULT_FRAMES, FLAGS_PLAYING));
  /**
   * GstOwl2:span:
   *
   * Stream time that the frames of an answer cover. 0 is one
   * #GstOwl2:interval, and with #GstOwl2:trigger `eos` the whole stream.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_SPAN,
      g_param_spec_uint64 ("span", "Span",
          "Stream time that the frames cover, in nanoseconds (0: one interval;"
          " with trigger=eos the whole stream)",
          0, G_MAXINT64, 0, FLAGS_PLAYING));
  /**
   * GstOwl2:when-busy:
   *
   * What happens when the model is slower than the stream: wait for every
   * answer, so that it is on the last frame of its own clip, or skip clips and
   * never hold up the video.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_WHEN_BUSY,
      g_param_spec_enum ("when-busy", "When busy",
          "Model slower than the stream: wait for it, or skip clips",
          GST_TYPE_OWL2_WHEN_BUSY, GST_OWL2_WHEN_BUSY_AUTO, FLAGS_PLAYING));
}

static void
install_generation (GObjectClass *klass, guint first)
{
  /**
   * GstOwl2:max-tokens:
   *
   * Most tokens of an answer.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_MAX_TOKENS,
      g_param_spec_uint ("max-tokens", "Max tokens", "Most tokens of an answer",
          1, G_MAXINT, DEFAULT_MAX_TOKENS, FLAGS_PLAYING));
  /**
   * GstOwl2:min-tokens:
   *
   * Tokens before which an answer does not end.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_MIN_TOKENS,
      g_param_spec_uint ("min-tokens", "Min tokens",
          "Tokens before which an answer does not end", 0, G_MAXINT, 0,
          FLAGS_PLAYING));
  /**
   * GstOwl2:temperature:
   *
   * Randomness of the choice of tokens; 0 is greedy, always the likeliest.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_TEMPERATURE,
      g_param_spec_double ("temperature", "Temperature",
          "Randomness of the choice of tokens (0: greedy, the likeliest)", 0,
          100, 0, FLAGS_PLAYING));
  /**
   * GstOwl2:top-k:
   *
   * Choose among this many likeliest tokens; 0 is off.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_TOP_K,
      g_param_spec_uint ("top-k", "Top k",
          "Choose among this many likeliest tokens (0: all)", 0, G_MAXINT, 0,
          FLAGS_PLAYING));
  /**
   * GstOwl2:top-p:
   *
   * Choose among the likeliest tokens that have this probability together; 1
   * is off.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_TOP_P,
      g_param_spec_double ("top-p", "Top p",
          "Choose among the likeliest tokens with this probability together"
          " (1: all)",
          1e-6, 1, 1, FLAGS_PLAYING));
  /**
   * GstOwl2:repetition-penalty:
   *
   * Factor against tokens that were there before; 1 is off.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_REPETITION_PENALTY,
      g_param_spec_double ("repetition-penalty", "Repetition penalty",
          "Factor against tokens that were there before (1: none)", 1e-3, 1e3,
          1, FLAGS_PLAYING));
  /**
   * GstOwl2:seed:
   *
   * Seed of the sampler, used when #GstOwl2:temperature is not 0. Each answer
   * starts with it anew.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_SEED,
      g_param_spec_uint64 ("seed", "Seed", "Seed of the sampler", 0,
          G_MAXUINT64, 0, FLAGS_PLAYING));
  /**
   * GstOwl2:partial:
   *
   * Also post an `owl2-answer` message for each generated token, with the text
   * so far and `final` FALSE.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_PARTIAL,
      g_param_spec_boolean ("partial", "Partial",
          "Also post a message for each token, with the text so far", FALSE,
          FLAGS_PLAYING));
}

void
gst_owl2_settings_install (GObjectClass *klass, guint first_id)
{
  settings_first_id = first_id;
  install_when (klass, first_id);
  install_generation (klass, first_id);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_TRIGGER, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_WHEN_BUSY, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_KV_TYPE, 0);
}

gboolean
gst_owl2_settings_set (GstOwl2Settings *settings, guint id, const GValue *value)
{
  switch (id - settings_first_id) {
    case PROP_PROMPT:
      g_free (settings->prompt);
      settings->prompt = g_value_get_string (value) ? g_utf8_make_valid (
                             g_value_get_string (value), -1)
                                                    : NULL;
      break;
    case PROP_TRIGGER:
      settings->trigger = g_value_get_enum (value);
      break;
    case PROP_INTERVAL:
      settings->interval = g_value_get_uint64 (value);
      break;
    case PROP_FRAMES:
      settings->n_frames = g_value_get_uint (value);
      break;
    case PROP_SPAN:
      settings->span = g_value_get_uint64 (value);
      break;
    case PROP_WHEN_BUSY:
      settings->when_busy = g_value_get_enum (value);
      break;
    case PROP_MAX_TOKENS:
      settings->max_tokens = g_value_get_uint (value);
      break;
    case PROP_MIN_TOKENS:
      settings->min_tokens = g_value_get_uint (value);
      break;
    case PROP_TEMPERATURE:
      settings->temperature = g_value_get_double (value);
      break;
    case PROP_TOP_K:
      settings->top_k = g_value_get_uint (value);
      break;
    case PROP_TOP_P:
      settings->top_p = g_value_get_double (value);
      break;
    case PROP_REPETITION_PENALTY:
      settings->repetition_penalty = g_value_get_double (value);
      break;
    case PROP_SEED:
      settings->seed = g_value_get_uint64 (value);
      break;
    case PROP_PARTIAL:
      settings->partial = g_value_get_boolean (value);
      break;
    default:
      return FALSE;
  }
  return TRUE;
}

gboolean
gst_owl2_settings_get (const GstOwl2Settings *settings, guint id, GValue *value)
{
  switch (id - settings_first_id) {
    case PROP_PROMPT:
      g_value_set_string (value, gst_owl2_settings_question (settings));
      break;
    case PROP_TRIGGER:
      g_value_set_enum (value, settings->trigger);
      break;
    case PROP_INTERVAL:
      g_value_set_uint64 (value, settings->interval);
      break;
    case PROP_FRAMES:
      g_value_set_uint (value, settings->n_frames);
      break;
    case PROP_SPAN:
      g_value_set_uint64 (value, settings->span);
      break;
    case PROP_WHEN_BUSY:
      g_value_set_enum (value, settings->when_busy);
      break;
    case PROP_MAX_TOKENS:
      g_value_set_uint (value, settings->max_tokens);
      break;
    case PROP_MIN_TOKENS:
      g_value_set_uint (value, settings->min_tokens);
      break;
    case PROP_TEMPERATURE:
      g_value_set_double (value, settings->temperature);
      break;
    case PROP_TOP_K:
      g_value_set_uint (value, settings->top_k);
      break;
    case PROP_TOP_P:
      g_value_set_double (value, settings->top_p);
      break;
    case PROP_REPETITION_PENALTY:
      g_value_set_double (value, settings->repetition_penalty);
      break;
    case PROP_SEED:
      g_value_set_uint64 (value, settings->seed);
      break;
    case PROP_PARTIAL:
      g_value_set_boolean (value, settings->partial);
      break;
    default:
      return FALSE;
  }
  return TRUE;
}
