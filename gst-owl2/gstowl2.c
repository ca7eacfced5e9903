/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-owl2
 * @title: owl2
 * @short_description: answers about video with mPLUG-Owl2
 *
 * Asks the multi-modal language model mPLUG-Owl2 about the video that passes
 * through: a caption each second, a description of the whole file at its end,
 * or any other question. The video itself is not touched: the same buffers, in
 * the same order, with the same timestamps. The model sees each picture as a
 * player shows it: turned as the stream's #GST_TAG_IMAGE_ORIENTATION says, and
 * of interlaced video the first field.
 *
 * Each answer is posted as an element message named `owl2-answer`, and put on
 * the buffers that follow as #GstCustomMeta named `GstOwl2Meta`. Both have the
 * fields `id`, `text`, `prompt`, `start` and `end` (the stream time that was
 * looked at), `frame-times`, `tokens`, `prompt-tokens`, `latency`,
 * `confidence`, `final`, `model` and `element`, the element's name, where they
 * apply `choices`, `probabilities` and `score` (#GstOwl2:choices), `alert`
 * (#GstOwl2:alert-threshold) and `thinned-from` (#GstOwl2:frames), and `json`,
 * all of that as one JSON text.
 *
 * Elements in a row leave an answer each on a buffer, and
 * gst_buffer_get_custom_meta() finds the first one only. Iterating finds all:
 * |[<!-- language="C" -->
 * GType api = gst_meta_get_info ("GstOwl2Meta")->api;
 * gpointer state = NULL;
 * GstMeta *meta;
 *
 * while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, api))) {
 *   GstStructure *s = gst_custom_meta_get_structure ((GstCustomMeta *) meta);
 *   const char *element = gst_structure_get_string (s, "element");
 *   const char *text = gst_structure_get_string (s, "text");
 * }
 * ]|
 * An element's answer takes the place of its own earlier one, as on a buffer
 * that passes it twice, so elements in different bins need different names.
 *
 * The request pad `text_src` gives final answers as plain text with timestamps
 * and durations (#GstOwl2:text-time), with GAP events up to the video that
 * leaves, and after each the custom downstream event
 * `rstranscribe/final-transcript`, as GStreamer's transcribers send it. The
 * text is one for subtitle files, too: it has no empty lines, no control
 * characters and no `-->`. Text leaves on a thread of its own, and the video
 * never waits for it. Backwards no text leaves: the pad tells the end of the
 * stream at once.
 *
 * Pictures in Vulkan images (`memory:VulkanImage`, of `vulkanupload` or a
 * Vulkan decoder) need not go through the host. The neighbours' Vulkan instance
 * and device are shared as Vulkan elements do, and if this element is asked
 * first it makes a device with external memory; there a sampled picture is
 * copied once, on the device, and the model's own device of the same hardware
 * reads that copy in place. A device without `VK_KHR_external_memory_fd`, other
 * hardware than #GstOwl2:device, interlaced pictures, and colours that the
 * engine doesn't convert go through memory of the host after that copy; the
 * debug log says which way it is, once, at INFO. The answers are the same.
 *
 * The model works on threads of its own, which all elements with the same model
 * share. On a live stream it never holds up the video: clips that come too fast
 * are skipped. From a file, the video from a clip's last frame on is held until
 * the answer is there, up to #GstOwl2:max-queue-time, while upstream goes on;
 * what is held leaves from a task of the source pad. #GstOwl2:when-busy says
 * otherwise: a live stream that waits answers the latency query with what the
 * answers took so far, and posts a LATENCY message before the first buffer that
 * needs more.
 *
 * #GstOwl2::ask asks a question about the newest clip, out of turn, and with
 * #GstOwl2:trigger `question` nothing else is answered. The request pad
 * `question_sink` takes buffers of text, each of which is a question about the
 * newest #GstOwl2:frames frames within #GstOwl2:span up to its running time, or
 * at once if that has passed or it has none. A stream that waits for answers,
 * and is not live, waits with each frame until a text, a GAP, a segment or the
 * end has told that no more questions come before the frame's end, so that each
 * run asks the same; so a branch of its own has to bring them (from
 * one demuxer, with queues of some seconds), and an `appsrc` without a schedule
 * has to be live. After five seconds without any of these the video goes on,
 * with a WARNING. While 64 questions wait or are being answered, the pad takes
 * none. Questions of after the video's end are counted in a WARNING. Each
 * answer's sampler has a stream of its own, from #GstOwl2:seed, the clip's
 * start and the question.
 *
 * The model is loaded in the background from READY to PAUSED, or with
 * #GstOwl2:preload from NULL to READY, with PROGRESS messages with the code
 * `owl2-load`. What can be told at once, such as a missing file
 * or device, fails the state change; what comes later is an ERROR message.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 -m videotestsrc num-buffers=60 ! owl2 model=owl2.gguf !
 * fakesink
 * ]| A caption of each second of the test picture.
 * |[
 * gst-launch-1.0 -m filesrc location=a.mp4 ! decodebin ! videoconvert ! owl2
 * model=owl2.gguf trigger=eos frames=8 prompt="What happens here?" ! fakesink
 * ]| One answer about the whole file, from eight frames of it.
 *
 * |[
 * gst-launch-1.0 -m filesrc location=a.mp4 ! decodebin ! videoconvert ! owl2
 * model=owl2.gguf trigger=scene max-interval=60000000000 ! fakesink
 * ]| A caption where the picture has changed, and each minute at least.
 *
 * |[
 * gst-launch-1.0 -m filesrc location=a.mp4 ! decodebin ! videoconvert ! owl2
 * model=one-align.gguf recipe=video-quality trigger=eos ! fakesink
 * ]| The quality of a file, from 0 to 1, by a scorer.
 *
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! owl2 name=o ! textoverlay name=t !
 * videoconvert ! autovideosink  o.text_src ! t.text_sink
 * ]| Captions of a camera, on the picture.
 *
 * |[
 * gst-launch-1.0 -m filesrc location=a.mp4 ! decodebin ! videoconvert ! owl2
 * name=o trigger=question ! fakesink  filesrc location=questions.srt !
 * subparse ! o.question_sink
 * ]| The questions of a subtitle file, each about what is on screen then.
 *
 * Since: 0.1
 */
#include "gstowl2-private.h"
#include "gstowl2alert.h"
#include "gstowl2error.h"
#include "printable.h"

GST_DEBUG_CATEGORY (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* Of the system's range those that need no privilege. */
#define NICE_MAX 19
#define NICE_DEFAULT GST_OWL2_NICE

enum {
  PROP_0,
  PROP_MODEL,
  PROP_DEVICE,
  PROP_MODALITY_ADAPTIVE,
  PROP_KV_TYPE,
  PROP_MMAP,
  PROP_NICE,
  PROP_SHARE,
  PROP_CACHE_BYTES,
  PROP_PRELOAD,
  PROP_STATS,
  PROP_SETTINGS, /* the first of several */
};

G_DEFINE_TYPE (GstOwl2, gst_owl2, GST_TYPE_ELEMENT)

GstOwl2Settings *
gst_owl2_ref_settings (GstOwl2 *self)
{
  GstOwl2Settings *settings;

  GST_OBJECT_LOCK (self);
  settings = gst_owl2_settings_ref (self->settings);
  GST_OBJECT_UNLOCK (self);
  return settings;
}

/* ---- from the worker ------------------------------------------ */

/* A message's synchronous handler may stop the element and drop it. Until the
 * handler and those that post the message are done, a reference is held. */

void
gst_owl2_on_progress (
    GstProgressType type, const char *text, int percent, gpointer user_data)
{
  g_autoptr (GstElement) element = gst_object_ref (user_data);
  g_autofree char *shown = owl2_printable_message (text);
  GstMessage *message =
      gst_message_new_progress (GST_OBJECT (element), type, "owl2-load", shown);

  gst_structure_set (gst_message_writable_structure (message), "percent",
      G_TYPE_INT, percent, NULL);
  gst_element_post_message (element, message);
}

static void
gst_owl2_on_answer (
    const GstOwl2Job *job, const GstOwl2Answer *answer, gpointer user_data)
{
  g_autoptr (GstElement) element = gst_object_ref (user_data);
  GstOwl2 *self = GST_OWL2 (element);

  /* First, as the message's handler may begin another stream. Where video is
   * held the text leaves when that has come to its place. */
  if (answer->final && !(job->place && gst_owl2_place_holds (job->place)))
    gst_owl2_tell_text (self, answer);
  gst_element_post_message (
      element, gst_message_new_element (GST_OBJECT (element),
                   gst_structure_copy (answer->structure)));
  if (answer->alert_changed)
    gst_element_post_message (
        element, gst_message_new_element (
                     GST_OBJECT (element), gst_owl2_alert_structure (answer)));
}

/* Of a clip that is about to be answered. */
static void
gst_owl2_on_thinned (const GstOwl2Job *job, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);

  if (!gst_owl2_warning_limit_count (&self->thinned_limit, 1))
    return;
  GST_ELEMENT_WARNING (self, STREAM, FAILED,
      ("%u of %u frames, one for each second of %" GST_TIME_FORMAT
       " to %" GST_TIME_FORMAT ", are looked at: there is no room for more",
          job->n_frames, job->n_wanted, GST_TIME_ARGS (job->start),
          GST_TIME_ARGS (job->end)),
      (NULL));
}

static void
gst_owl2_on_lost (
    const GstOwl2Job *job, const GError *error, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);
  guint n = gst_owl2_warning_limit_count (&self->lost_limit, 1);
  g_autofree char *shown = owl2_printable_message (error->message);

  if (n)
    GST_ELEMENT_WARNING (self, LIBRARY, FAILED,
        ("No answer for %" GST_TIME_FORMAT " to %" GST_TIME_FORMAT ": %s",
            GST_TIME_ARGS (job->start), GST_TIME_ARGS (job->end), shown),
        ("%u clips failed since the last warning", n));
}

static void
gst_owl2_on_device_lost (const GError *error, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);
  g_autofree char *shown = owl2_printable_message (error->message);

  GST_ELEMENT_WARNING (self, LIBRARY, FAILED,
      ("The model is loaded again, as its device was lost: %s", shown), (NULL));
}

void
gst_owl2_on_failed (const GError *error, gpointer user_data)
{
  g_autoptr (GstOwl2) self = gst_object_ref (user_data);
  GQuark domain;
  int code;
  g_autofree char *model = NULL, *device = NULL, *debug = NULL, *shown = NULL;

  GST_OBJECT_LOCK (self);
  model = g_strdup (self->model);
  device = g_strdup (self->device);
  GST_OBJECT_UNLOCK (self);

  gst_owl2_error_to_gst (error, model, &domain, &code);
  debug = g_strdup_printf ("model '%s', device '%s'",
      model ? model : "(embedded)", device ? device : "(best)");
  shown = owl2_printable_message (debug);
  gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR, domain, code,
      owl2_printable_message (error->message), g_steal_pointer (&shown),
      __FILE__, GST_FUNCTION, __LINE__);
}

/* ---- questions ---------------------------------------------------------- */

/* The action signal: any thread, also from handlers. */
static guint64
gst_owl2_ask (GstOwl2 *self, const char *question)
{
  g_autoptr (GstOwl2Settings) settings = gst_owl2_ref_settings (self);
  g_autoptr (GError) error = NULL;
  guint64 id = 0;

  if (!question || !*question)
    g_set_error_literal (
        &error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, "it has no text");
  else
    id = gst_owl2_worker_ask (self->worker, settings, question,
        gst_owl2_hold_place (self->hold, FALSE), &error);
  if (error)
    GST_ELEMENT_WARNING (self, STREAM, FAILED,
        ("A question can't be asked: %s", error->message), (NULL));
  return id;
}

/* ---- states ------------------------------------------------------------ */

static void
gst_owl2_set_context (GstElement *element, GstContext *context)
{
  gst_owl2_vulkan_set_context (GST_OWL2 (element)->vulkan, element, context);
  GST_ELEMENT_CLASS (gst_owl2_parent_class)->set_context (element, context);
}

static GstStateChangeReturn
gst_owl2_change_state (GstElement *element, GstStateChange transition)
{
  GstOwl2 *self = GST_OWL2 (element);
  GstStateChangeReturn ret = GST_STATE_CHANGE_FAILURE;

  if (!gst_owl2_begin_change (self, transition))
    return ret;
  ret = GST_ELEMENT_CLASS (gst_owl2_parent_class)
            ->change_state (element, transition);
  gst_owl2_end_change (self, transition, ret);
  return ret;
}

/* ---- object ------------------------------------------------------------ */

static void
gst_owl2_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstOwl2 *self = GST_OWL2 (object);
  GstOwl2Settings *old = NULL, *settings;
  gboolean known = TRUE;

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_MODEL:
      g_free (self->model);
      self->model = g_value_dup_string (value);
      break;
    case PROP_DEVICE:
      g_free (self->device);
      self->device = g_value_dup_string (value);
      break;
    case PROP_MODALITY_ADAPTIVE:
      self->modality_adaptive = g_value_get_boolean (value);
      break;
    case PROP_KV_TYPE:
      self->kv_type = g_value_get_enum (value);
      break;
    case PROP_MMAP:
      self->mmap = g_value_get_boolean (value);
      break;
    case PROP_NICE:
      self->nice = g_value_get_int (value);
      break;
    case PROP_SHARE:
      self->share = g_value_get_boolean (value);
      break;
    case PROP_CACHE_BYTES:
      self->cache_bytes = g_value_get_uint64 (value);
      break;
    case PROP_PRELOAD:
      self->preload = g_value_get_boolean (value);
      break;
    default:
      settings = gst_owl2_settings_copy (self->settings);
      known = gst_owl2_settings_set (settings, id, value);
      old = self->settings;
      self->settings = settings;
      break;
  }
  GST_OBJECT_UNLOCK (self);
  gst_owl2_settings_unref (old);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_owl2_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstOwl2 *self = GST_OWL2 (object);
  gboolean known = TRUE;

  if (id == PROP_STATS) {
    gst_owl2_worker_update_stats (self->worker);
    g_value_take_boxed (value, gst_owl2_stats_to_structure (self->stats));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_MODEL:
      g_value_set_string (value, self->model);
      break;
    case PROP_DEVICE:
      g_value_set_string (value, self->device);
      break;
    case PROP_MODALITY_ADAPTIVE:
      g_value_set_boolean (value, self->modality_adaptive);
      break;
    case PROP_KV_TYPE:
      g_value_set_enum (value, self->kv_type);
      break;
    case PROP_MMAP:
      g_value_set_boolean (value, self->mmap);
      break;
    case PROP_NICE:
      g_value_set_int (value, self->nice);
      break;
    case PROP_SHARE:
      g_value_set_boolean (value, self->share);
      break;
    case PROP_CACHE_BYTES:
      g_value_set_uint64 (value, self->cache_bytes);
      break;
    case PROP_PRELOAD:
      g_value_set_boolean (value, self->preload);
      break;
    default:
      known = gst_owl2_settings_get (self->settings, id, value);
      break;
  }
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

/* The worker must be still before the object is gone: also when nobody set the
 * state to NULL. */
static void
gst_owl2_dispose (GObject *object)
{
  gst_owl2_worker_stop (GST_OWL2 (object)->worker);
  G_OBJECT_CLASS (gst_owl2_parent_class)->dispose (object);
}

static void
gst_owl2_finalize (GObject *object)
{
  GstOwl2 *self = GST_OWL2 (object);

  gst_owl2_stream_free (self->stream);
  gst_owl2_text_free (self->text);
  gst_owl2_questions_unref (self->questions);
  gst_owl2_worker_free (self->worker);
  gst_owl2_hold_unref (self->hold);
  gst_owl2_latency_clear (&self->latency);
  gst_owl2_vulkan_free (self->vulkan);
  gst_owl2_settings_unref (self->settings);
  gst_owl2_stats_unref (self->stats);
  g_free (self->model);
  g_free (self->device);
  G_OBJECT_CLASS (gst_owl2_parent_class)->finalize (object);
}

static void
gst_owl2_init (GstOwl2 *self)
{
  static const GstOwl2WorkerFuncs worker_funcs = { gst_owl2_on_progress,
    gst_owl2_on_answer, gst_owl2_on_thinned, gst_owl2_on_lost,
    gst_owl2_on_device_lost, gst_owl2_on_failed };

  self->modality_adaptive = TRUE;
  self->share = TRUE;
  self->nice = NICE_DEFAULT;
  self->settings = gst_owl2_settings_new ();
  self->stats = gst_owl2_stats_new ();
  self->worker = gst_owl2_worker_new (&worker_funcs, self, self->stats);

  self->vulkan = gst_owl2_vulkan_new ();

  gst_owl2_pads_init (self);
}

static void
gst_owl2_class_init (GstOwl2Class *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags ready =
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  GST_DEBUG_CATEGORY_INIT (gst_owl2_debug, "owl2", 0, "mPLUG-Owl2");
  gst_owl2_meta_register ();

  object_class->set_property = gst_owl2_set_property;
  object_class->get_property = gst_owl2_get_property;
  object_class->dispose = gst_owl2_dispose;
  object_class->finalize = gst_owl2_finalize;

  /**
   * GstOwl2:model:
   *
   * Path of the model, a GGUF file made by `owl2-convert`. NULL takes the model
   * that is embedded in the plugin.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_MODEL,
      g_param_spec_string ("model", "Model",
          "Path of the GGUF model file (NULL: the embedded model)", NULL,
          ready));
  /**
   * GstOwl2:device:
   *
   * Vulkan device, by index, by UUID, or by a part of its name; `owl2-ask
   * --list-devices` shows them. NULL takes the best one: discrete before
   * integrated, virtual and CPU; of one kind the one with most memory, of
   * drivers for the CPU the faster one. That it is one for the CPU is a WARNING
   * in the debug log.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_DEVICE,
      g_param_spec_string ("device", "Device",
          "Vulkan device by index, UUID or part of its name (NULL: the best"
          " one)",
          NULL, ready));
  /**
   * GstOwl2:modality-adaptive:
   *
   * Use the weights made for images on image tokens. FALSE uses the language
   * weights for every token, which is the paper's ablation.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_MODALITY_ADAPTIVE,
      g_param_spec_boolean ("modality-adaptive", "Modality adaptive",
          "Use the image weights for image tokens (FALSE: language weights for"
          " every token)",
          TRUE, ready));
  /**
   * GstOwl2:kv-type:
   *
   * How keys and values of earlier tokens are kept, which at long prompts is
   * most of the memory beside the weights. Each of `auto` (f32 if the model's
   * weights are, else f16), `f16`, `q8_0` and `f32`.
   *
   * From READY to PAUSED the element takes memory for clips of
   * #GstOwl2:frames, #GstOwl2:prompt and #GstOwl2:max-tokens; where the device
   * has too little, that fails with the numbers.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_KV_TYPE,
      g_param_spec_enum ("kv-type", "KV cache type",
          "How keys and values of earlier tokens are kept",
          GST_TYPE_OWL2_KV_TYPE, GST_OWL2_KV_TYPE_AUTO, ready));
  /**
   * GstOwl2:mmap:
   *
   * Reads the weights in place, in the pages of #GstOwl2:model, where the
   * driver can: less memory, shared by all processes that use the file. Without
   * it they are copied, and the file may be changed or removed once the model
   * is loaded.
   *
   * A file that is used in place must stay as it is; put a new one there by
   * renaming it. Its size and times are checked before and after each use, and
   * a change is an error. But where it is cut in mid-use the process ends with
   * SIGBUS, and a write through a mapping that another process shares can go
   * unnoticed.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_MMAP,
      g_param_spec_boolean ("mmap", "Weights in place",
          "Read the weights where they lie in the mapped file, where the driver"
          " can (FALSE: copy them). A change of the file is an error, but"
          " cutting it in mid-use can end the process with SIGBUS",
          FALSE, ready));
  /**
   * GstOwl2:nice:
   *
   * How far the model stands back for the stream, where both want the
   * processor: the nice value of its threads, those of a Vulkan driver that
   * computes on the CPU included. The threads of the stream are not touched. At
   * 0 the model has as much right as the stream, which is then late or loses
   * frames when it is live; on a processor that nothing else wants, it makes no
   * difference. Linux only.
   *
   * A shared model has the value of the element that was first, since the
   * system lets no thread become less nice; the debug log says so where another
   * wants less.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_NICE,
      g_param_spec_int ("nice", "Nice",
          "Nice value of the model's threads, the driver's included, so that"
          " the stream goes first",
          0, NICE_MAX, NICE_DEFAULT, ready));
  /**
   * GstOwl2:share:
   *
   * Share one copy of the weights, with their pipelines, device and thread,
   * with all elements of the process that use the same file on the same device
   * with the same #GstOwl2:mmap. Everything else stays each element's own:
   * #GstOwl2:kv-type, #GstOwl2:modality-adaptive, what is asked and how. An
   * answer is the same either way. FALSE: a model of its own.
   *
   * `weights-users` in #GstOwl2:stats tells how many use it. The last one frees
   * it.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SHARE,
      g_param_spec_boolean ("share", "Share the model",
          "Share one copy of the weights with the elements of this process that"
          " use the same file and device",
          TRUE, ready));
  /**
   * GstOwl2:cache-bytes:
   *
   * Budget of kept keys and values and of encoded frames, by which a question
   * about a clip that was asked about before is answered sooner. A model that
   * is shared has the budget of the element that was first. 0: by the device's
   * memory.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_CACHE_BYTES,
      g_param_spec_uint64 ("cache-bytes", "Bytes of caches",
          "Budget of kept keys and values and of encoded frames (0: by the"
          " device's memory)",
          0, G_MAXUINT64, 0, ready));
  /**
   * GstOwl2:preload:
   *
   * Loads the model from NULL to READY, in the background, and keeps it until
   * NULL: from READY to PAUSED and back it need not be loaded. What can be told
   * at once, such as a missing file, fails NULL to READY then.
   *
   * A model that READY to PAUSED needs another one of, as #GstOwl2:model or
   * #GstOwl2:device were changed, is let go then. Its file may change without
   * that: the model stays the one that was loaded.
   *
   * Since: 0.2
   */
  g_object_class_install_property (object_class, PROP_PRELOAD,
      g_param_spec_boolean ("preload", "Preload",
          "Load the model from NULL to READY and keep it until NULL", FALSE,
          ready));
  /**
   * GstOwl2:stats:
   *
   * Counters since READY to PAUSED: `frames-seen`, `frames-sampled`,
   * `frames-encoded`, `frames-reused` (places in clips that needed no encoding
   * of their own), `clips-answered`, `clips-dropped`, `tokens`,
   * `prompt-tokens`, `prompt-tokens-reused` (those of an earlier prompt that
   * begins alike); nanoseconds: `encode-time`, `prefill-time`,
   * `decode-time`; and `weights-bytes`, `weights-users`, `device-bytes`.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Counters, times in nanoseconds, and bytes of device memory",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_owl2_settings_install (object_class, PROP_SETTINGS);

  /**
   * GstOwl2::ask:
   * @question: plain text: `<|image|>` and the like in it are letters
   *
   * Asks about the newest clip, before all clips that wait; from any thread,
   * also in a handler of a message. A question is never dropped because the
   * model is busy, but at most 64 wait; a flushing seek drops them. With
   * #GstOwl2:trigger `question` the clip is of the last #GstOwl2:frames frames
   * within #GstOwl2:span.
   *
   * Returns: the `id` of the answer to come; 0 with a WARNING message if there
   * was no clip yet, or too many questions wait
   *
   * Since: 0.2
   */
  g_signal_new_class_handler ("ask", G_TYPE_FROM_CLASS (klass),
      G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION, G_CALLBACK (gst_owl2_ask), NULL,
      NULL, NULL, G_TYPE_UINT64, 1, G_TYPE_STRING);

  element_class->set_context = gst_owl2_set_context;
  element_class->change_state = gst_owl2_change_state;
  gst_owl2_pads_class_init (element_class);
  gst_element_class_set_static_metadata (element_class, "mPLUG-Owl2",
      "Filter/Analyzer/Video",
      "Answers questions about the video that passes through",
      "the owl2 authors");
  gst_element_class_add_static_metadata (
      element_class, GST_ELEMENT_METADATA_DOC_URI, DOC_URI);
}
