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
    { GST_OWL2_TRIGGER_SCENE, "An answer when the picture has changed",
        "scene" },
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

GType
gst_owl2_image_mode_get_type (void)
{
  static GType type;
  static const GEnumValue values[] = {
    { GST_OWL2_IMAGE_MODE_AUTO, "As the model file says, else stretch",
        "auto" },
    { GST_OWL2_IMAGE_MODE_STRETCH, "Width and height become the same",
        "stretch" },
    { GST_OWL2_IMAGE_MODE_PAD, "In the middle of a square of the mean colour",
        "pad" },
    { GST_OWL2_IMAGE_MODE_CROP, "The square in the middle", "crop" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstOwl2ImageMode", values));
  return type;
}

static void
install_when (GObjectClass *klass, guint first)
{
  /**
   * GstOwl2:prompt:
   *
   * The question asked for each answer. NULL, the default, asks that of
   * #GstOwl2:recipe, if it has one, or else for a one-sentence caption, of an
   * image or, where #GstOwl2:frames is not 1, of a video.
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
   * `scene`: at first, and when the picture differs from that of the last
   * answer by more than #GstOwl2:scene-threshold. One frame each half of
   * #GstOwl2:min-interval is encoded and compared. The answer is about that
   * frame, or with #GstOwl2:frames above 1 about as many, the last of them this
   * one, from #GstOwl2:span before it on; there are fewer where the stream, or
   * what is compared, has just begun. A flush, a new segment, a jump back in
   * time and a change of direction begin anew: the next picture is answered.
   * Where the stream waits (#GstOwl2:when-busy), which frames are answered
   * depends on the video and the settings alone, and video is held until it is
   * known. Where it does not, frames that come while the model is busy are
   * passed over but for the newest, without a warning.
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
   * is a clip. With #GstOwl2:trigger `scene` the last of them is the one that
   * is new.
   *
   * 0: one for each second, as some recipes want it. With #GstOwl2:trigger
   * `eos` these are the frames with the numbers int (fps * i) for each i below
   * int (n / fps), where n frames came and the caps' frame rate is fps; without
   * a frame rate, and in clips of #GstOwl2:span, those on screen at each
   * second. There is one at least. Of more than 64, or than the context has
   * room for, so many stay as do, evenly: k of n are those with the numbers
   * int (n * i / k). A WARNING says so, and the answer's field `thinned-from`
   * has n.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, first + PROP_FRAMES,
      g_param_spec_uint ("frames", "Frames",
          "Frames per answer, spread evenly over the span: 1 is an image, more"
          " is a clip (0: one for each second)",
          0, GST_OWL2_MAX_FRAMES, DEFAULT_FRAMES, FLAGS_PLAYING));
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
   * GstOwl2:image-mode:
   *
   * How a picture, upright, becomes the square that the model sees; what
   * scorers such as Q-Align say depends on it. `pad` puts it in the middle of a
   * square of the colour (122, 116, 104), `crop` takes the square in its
   * middle, `stretch` keeps no aspect ratio. `auto` is what #GstOwl2:recipe
   * says, else the model file, and where neither does `stretch`.
   *
   * A clip has pictures of one mode, that from when it was begun: with
   * #GstOwl2:trigger `eos` that of the stream's first frame. After a change
   * `scene` begins anew, and questions are about frames that came since, where
   * there are any.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_IMAGE_MODE,
      g_param_spec_enum ("image-mode", "Image mode",
          "How a picture becomes the square that the model sees",
          GST_TYPE_OWL2_IMAGE_MODE, GST_OWL2_IMAGE_MODE_AUTO, FLAGS_PLAYING));
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
   * GstOwl2:max-queue-time:
   *
   * Where the stream waits for answers (#GstOwl2:when-busy), the video from a
   * clip's last frame on is held until the answer is there, up to this much of
   * it, while upstream goes on: so a file is decoded while the model works, and
   * a player that is ahead by more than an answer takes shows no frame late.
   * Only when this or #GstOwl2:max-queue-bytes is full does upstream wait. If
   * one of both is 0, nothing is held and upstream waits for each answer. With
   * `text-time=clip-start` video is held from a clip's first frame on; upstream
   * does not wait for a clip that it has not brought yet.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_MAX_QUEUE_TIME,
      g_param_spec_uint64 ("max-queue-time", "Max queue time",
          "Video that is held while an answer is waited for, in nanoseconds"
          " (0: none, upstream waits)",
          0, G_MAXINT64, DEFAULT_MAX_QUEUE_TIME, FLAGS_PLAYING));
  /**
   * GstOwl2:max-queue-bytes:
   *
   * The same in bytes. One buffer is always taken, however big.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_MAX_QUEUE_BYTES,
      g_param_spec_uint64 ("max-queue-bytes", "Max queue bytes",
          "Video that is held while an answer is waited for, in bytes"
          " (0: none, upstream waits)",
          0, G_MAXINT64, DEFAULT_MAX_QUEUE_BYTES, FLAGS_PLAYING));
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
   * GstOwl2:scene-threshold:
   *
   * With #GstOwl2:trigger `scene`: how much a picture differs from that of the
   * last answer before there is another: the cosine distance of the means of
   * the two frames' features, from 0, the same, to 2. The mean tells what is in
   * a picture, and little of where: with the embedded model something that
   * moves is at some 0.03, another picture mostly above 0.2.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_SCENE_THRESHOLD,
      g_param_spec_double ("scene-threshold", "Scene threshold",
          "Cosine distance of two frames' features that is a new scene", 0, 2,
          DEFAULT_SCENE_THRESHOLD, FLAGS_PLAYING));
  /**
   * GstOwl2:min-interval:
   *
   * With #GstOwl2:trigger `scene`: shortest stream time from one answer to the
   * next. The picture is compared each half of it.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_MIN_INTERVAL,
      g_param_spec_uint64 ("min-interval", "Min interval",
          "Shortest time between answers about scenes, in nanoseconds", 1,
          G_MAXINT64, DEFAULT_MIN_INTERVAL, FLAGS_PLAYING));
  /**
   * GstOwl2:max-interval:
   *
   * With #GstOwl2:trigger `scene`: longest stream time from one answer to the
   * next, however little changes; 0: any. #GstOwl2:min-interval goes before it.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_MAX_INTERVAL,
      g_param_spec_uint64 ("max-interval", "Max interval",
          "Longest time between answers about scenes, in nanoseconds (0: any)",
          0, G_MAXINT64, 0, FLAGS_PLAYING));
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
   * Where #GstOwl2:trigger is `scene` nobody knows when the next answer comes:
   * said so, `clip-end` and `clip-start` mean one text for each answer from a
   * file, too, for the same sinks. With `auto` a text goes on in pieces as the
   * video does, and all sinks work.
   *
   * `clip-start`: the same from the clip's first frame on. Where the stream
   * waits for answers, the clip's video is held from that frame on, as far as
   * #GstOwl2:max-queue-time and #GstOwl2:max-queue-bytes go, so that it leaves
   * with its own answer; what runs beside in the pipeline needs queues for as
   * much. A text never begins in time that has left already; then it begins
   * with the video that is next.
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
  /**
   * GstOwl2:look:
   *
   * Show where an answer looks: a map of its attention over the picture, drawn
   * on the video that the answer is put on, from blue to red, and as a
   * #GstCustomMeta named `GstOwl2LookMeta`: `id` and `element` of the answer,
   * `frames` maps of `height` rows of `width` patches of the square that the
   * model sees, in `map`, a #GBytes of that many 32-bit floats in native byte
   * order, which add to 1. Drawn is the map of the last frame, on a copy of the
   * picture in the system's memory; on others it is attached as
   * #GstVideoOverlayCompositionMeta. It takes effect with the frames that come
   * from then on.
   *
   * Since: 0.2
   */
  g_object_class_install_property (klass, first + PROP_LOOK,
      g_param_spec_boolean ("look", "Look",
          "Draw on the video where the answer looks", FALSE, FLAGS_PLAYING));
}

void
gst_owl2_settings_install (GObjectClass *klass, guint first_id)
{
  gst_owl2_settings_set_first_id (first_id);
  install_when (klass, first_id);
  install_live (klass, first_id);
  install_generation (klass, first_id);
  gst_owl2_recipe_install (klass, first_id);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_TRIGGER, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_WHEN_BUSY, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_TEXT_TIME, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_KV_TYPE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_OWL2_IMAGE_MODE, 0);
}
