/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2settings-private.h"

GType
gst_owl2_trigger_get_type (void)
{
  static GType type;
  static const GEnumValue values[] = {
    { GST_OWL2_TRIGGER_INTERVAL, "An answer each interval", "interval" },
    { GST_OWL2_TRIGGER_EOS, "One answer when the stream ends", "eos" },
    { GST_OWL2_TRIGGER_QUESTION, "None but to questions that come",
        "question" },
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
gst_owl2_text_time_get_type (void)
{
  static GType type;
  static const GEnumValue values[] = {
    { GST_OWL2_TEXT_TIME_AUTO, "Arrival if upstream is live, else clip-end",
        "auto" },
    { GST_OWL2_TEXT_TIME_ARRIVAL, "From the moment when the answer is there",
        "arrival" },
    { GST_OWL2_TEXT_TIME_CLIP_END, "From the clip's last frame on",
        "clip-end" },
    { GST_OWL2_TEXT_TIME_CLIP_START, "From the clip's first frame on",
        "clip-start" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstOwl2TextTime", values));
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
install_live (GObjectClass *klass, guint first)
{
  /**
   * GstOwl2:eos-timeout:
   *
   * How long the end of a live stream that drops (#GstOwl2:when-busy) waits for
   * the answer under way; clips that wait are skipped. The one answer of
   * #GstOwl2:trigger `eos` is waited for as long as it takes.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_EOS_TIMEOUT,
      g_param_spec_uint64 ("eos-timeout", "EOS timeout",
          "How long the end of a live stream waits for the answer under way, in"
          " nanoseconds",
          0, G_MAXINT64, DEFAULT_EOS_TIMEOUT, FLAGS_PLAYING));
  /**
   * GstOwl2:text-time:
   *
   * What the timestamps of the text that leaves by the pad `text_src` mean.
   *
   * `arrival`: from the moment when the answer is there, for a picture that is
   * shown meanwhile (textoverlay on a live stream). Nobody knows then when the
   * next answer comes; a text whose end came first goes on in another buffer.
   *
   * `clip-end`: from the clip's last frame to that of the next answer. On a
   * file whose stream waits for answers (#GstOwl2:when-busy) this is what
   * textoverlay, webvttenc, srtenc and muxers want. On a live stream, which
   * does not wait, a text leaves when the next answer is there, and GAP events
   * with it: right for webvttenc, srtenc and filesink, one text for each
   * answer, but textoverlay would keep the video back for it, and never get it.
   *
   * `clip-start`: the same from the clip's first frame on. A text never begins
   * in time that has left already; then it begins with the video that is next.
   *
   * `auto` is `arrival` if upstream is live, else `clip-end`.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_TEXT_TIME,
      g_param_spec_enum ("text-time", "Text time",
          "What the timestamps of text mean", GST_TYPE_OWL2_TEXT_TIME,
          GST_OWL2_TEXT_TIME_AUTO, FLAGS_PLAYING));
  /**
   * GstOwl2:max-age:
   *
   * How far the stream time of a buffer may lie behind the end of the clip that
   * an answer is about, for the answer to be put on it; 0: any.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_MAX_AGE,
      g_param_spec_uint64 ("max-age", "Max age",
          "How old an answer that is put on a buffer may be, in nanoseconds of"
          " stream time (0: any)",
          0, G_MAXINT64, 0, FLAGS_PLAYING));
  /**
   * GstOwl2:history:
   *
   * Earlier questions and answers that the prompt begins with. Where the
   * context has no room for all of them beside #GstOwl2:max-tokens, the oldest
   * go first, which the debug log says at INFO. A flushing seek forgets them.
   * Their pictures are not kept: all is asked about the clip of now.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_HISTORY,
      g_param_spec_uint ("history", "History",
          "Earlier questions and answers kept in the prompt", 0,
          GST_OWL2_MAX_HISTORY, 0, FLAGS_PLAYING));
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
   * draws from a stream of its own, begun from this, the start of its clip and
   * the question.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_SEED,
      g_param_spec_uint64 ("seed", "Seed", "Seed of the sampler", 0,
          G_MAXUINT64, 0, FLAGS_PLAYING));
  /**
   * GstOwl2:partial:
   *
   * Also post an `owl2-answer` message whenever more text of an answer is
   * complete, with the text so far, which is only ever extended, and `final`
   * FALSE. By the pad `text_src` whole answers leave alone: what shows a text
   * takes the next one when that has ended.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_PARTIAL,
      g_param_spec_boolean ("partial", "Partial",
          "Also post a message whenever there is more text, with the text so "
          "far",
          FALSE, FLAGS_PLAYING));
}

void
gst_owl2_settings_install (GObjectClass *klass, guint first_id)
{
  gst_owl2_settings_set_first_id (first_id);
  install_when (klass, first_id);
  install_live (klass, first_id);
  install_generation (klass, first_id);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_TRIGGER, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_WHEN_BUSY, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_TEXT_TIME, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_KV_TYPE, 0);
}
