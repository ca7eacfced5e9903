/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-ask: questions about a video file, answered on standard output, one line
 * each. The video is decoded once and each frame encoded once for all of them;
 * frames are chosen as the element's trigger=eos chooses them. */
#include <stdio.h>
#include <string.h>
#include <gst/app/gstappsink.h>
#include <gst/video/video.h>

#include "common.h"
#include "gstowl2clip.h"
#include "program.h"

typedef struct {
  char *model, *device, *kv_type;
  int frames, max_tokens;
  gboolean mmap, verbose, list_devices;
  char **rest; /* the file, then the questions */
} Options;

/* A decoded picture, shared by the places of the clip that show it. */
typedef struct {
  grefcount refs;
  guint8 *data;
  Owl2Image image;
} Picture;

typedef struct {
  GstOwl2Clipper *clipper;
  GstOwl2Settings *settings;
  GstSample *sample; /* the one being pushed */
  GstOwl2Clip *clip; /* the result */
  GError *error;     /* the first that stopped a picture */
} Reader;

static gboolean
parse (Options *o, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model,
        "GGUF file (default: the embedded model)", "FILE" },
    { "kv-type", 0, 0, G_OPTION_ARG_STRING, &o->kv_type,
        "KV cache: auto, f16, q8_0, f32 (default: auto, f32 if the weights "
        "are, else f16)",
        "TYPE" },
    { "mmap", 0, 0, G_OPTION_ARG_NONE, &o->mmap,
        "read the weights in place, where the driver can; cutting the file "
        "meanwhile can end the program",
        NULL },
    { "frames", 'f', 0, G_OPTION_ARG_INT, &o->frames,
        "frames spread over the video, 1 to 64 (default: 4)", "N" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &o->max_tokens,
        "most tokens of an answer (default: 128)", "N" },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &o->verbose,
        "print on standard error which frames were looked at", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL,
        "FILE|URI QUESTION..." },
    { NULL }
  };
  g_autoptr (GOptionContext) context =
      g_option_context_new ("- answers questions about a video");

  g_option_context_add_main_entries (context, entries, NULL);
  common_add_device_options (context, &o->device, &o->list_devices);
  program_add_version (context);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (o->list_devices)
    return TRUE;
  if (!o->rest || g_strv_length (o->rest) < 2) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "a file and at least one question are needed: owl2-ask FILE "
        "QUESTION...");
    return FALSE;
  }
  if (o->frames < 1 || o->frames > GST_OWL2_MAX_FRAMES || o->max_tokens < 1) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--frames is %d (1 to %d), --max-tokens %d (1 or more)", o->frames,
        GST_OWL2_MAX_FRAMES, o->max_tokens);
    return FALSE;
  }
  for (guint i = 1; o->rest[i]; i++)
    if (!g_utf8_validate (o->rest[i], -1, NULL)) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
          "question %u is not UTF-8", i);
      return FALSE;
    }
  return TRUE;
}

/* ---- choosing frames -------------------------------------------------- */

static void
picture_unref (Picture *picture)
{
  if (!g_ref_count_dec (&picture->refs))
    return;
  g_free (picture->data);
  g_free (picture);
}

static Picture *
picture_new (GstSample *sample, GError **error)
{
  GstVideoInfo info;
  GstVideoFrame frame;
  Picture *picture;
  gsize stride, size;
  guint8 *data;

  if (!gst_video_info_from_caps (&info, gst_sample_get_caps (sample))
      || !gst_video_frame_map (
          &frame, &info, gst_sample_get_buffer (sample), GST_MAP_READ)) {
    g_set_error_literal (
        error, OWL2_ERROR, OWL2_ERROR_FAILED, "a decoded frame can't be read");
    return NULL;
  }
  stride = GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);
  size = stride * (gsize) (info.height - 1) + 3 * (gsize) info.width;
  data = g_try_malloc (size);
  if (!data) {
    gst_video_frame_unmap (&frame);
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for a %dx%d frame of %" G_GSIZE_FORMAT " bytes", info.width,
        info.height, size);
    return NULL;
  }
  memcpy (data, GST_VIDEO_FRAME_PLANE_DATA (&frame, 0), size);
  picture = g_new0 (Picture, 1);
  g_ref_count_init (&picture->refs);
  picture->data = data;
  picture->image =
      (Owl2Image){ picture->data, info.width, info.height, stride };
  gst_video_frame_unmap (&frame);
  return picture;
}

static gpointer
take (gpointer user_data)
{
  Reader *r = user_data;

  return picture_new (r->sample, r->error ? NULL : &r->error);
}

static gpointer
ref (gpointer frame, gpointer user_data)
{
  g_ref_count_inc (&((Picture *) frame)->refs);
  return frame;
}

static void
drop (gpointer frame, gpointer user_data)
{
  picture_unref (frame);
}

static void
done (GstOwl2Clip *clip, gpointer user_data)
{
  Reader *r = user_data;

  if (r->clip)
    gst_owl2_clipper_free_clip (r->clipper, r->clip);
  r->clip = clip;
}

static void
reader_clear (Reader *r)
{
  if (r->clip)
    gst_owl2_clipper_free_clip (r->clipper, r->clip);
  g_clear_pointer (&r->clipper, gst_owl2_clipper_free);
  g_clear_pointer (&r->settings, gst_owl2_settings_unref);
  g_clear_error (&r->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

static void
push_sample (Reader *r, GstSample *sample)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  guint64 t = gst_segment_to_stream_time (gst_sample_get_segment (sample),
      GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));

  if (t > GST_OWL2_AXIS_MAX)
    return;
  r->sample = sample;
  gst_owl2_clipper_push (r->clipper, r->settings, t,
      GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer) : 0);
}

/* The error that the pipeline posted, if it did. */
static gboolean
check_bus (GstElement *pipeline, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message =
      gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);

  if (!message)
    return TRUE;
  gst_message_parse_error (message, error, NULL);
  g_prefix_error (error, "no video can be decoded: ");
  return FALSE;
}

/* Decodes all of @uri and leaves the chosen frames in r->clip. */
static gboolean
read_video (Reader *r, const char *uri, GError **error)
{
  static const GstOwl2ClipperFuncs funcs = { take, ref, drop, done };
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "uridecodebin name=in caps=video/x-raw(ANY) expose-all-streams=false ! "
      "videoconvert ! appsink name=out sync=false max-buffers=4 "
      "caps=video/x-raw,format=RGB",
      error);
  g_autoptr (GstElement) in = NULL;
  g_autoptr (GstElement) out = NULL;
  gboolean ok = TRUE;

  if (!pipeline)
    return FALSE;
  in = gst_bin_get_by_name (GST_BIN (pipeline), "in");
  out = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  g_object_set (in, "uri", uri, NULL);
  r->clipper = gst_owl2_clipper_new (&funcs, r);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (ok) {
    GstSample *sample;

    /* An error wakes no appsink, so the bus is looked at between. */
    sample =
        gst_app_sink_try_pull_sample (GST_APP_SINK (out), 100 * GST_MSECOND);
    if (sample) {
      push_sample (r, sample);
      gst_sample_unref (sample);
    } else if (gst_app_sink_is_eos (GST_APP_SINK (out)))
      break;
    ok = check_bus (pipeline, error);
  }
  ok = ok && check_bus (pipeline, error);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  if (!ok)
    return FALSE;
  gst_owl2_clipper_cut (r->clipper, r->settings);
  if (r->clip)
    return TRUE;
  if (r->error)
    g_propagate_error (error, g_steal_pointer (&r->error));
  else
    g_set_error_literal (
        error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "no video frame was decoded");
  return FALSE;
}

/* ---- answering -------------------------------------------------------- */

/* (transfer full): features of each place of the clip. */
static GPtrArray *
encode_clip (Owl2Session *session, const GstOwl2Clip *clip, GError **error)
{
  g_autoptr (GPtrArray) features =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);

  for (guint i = 0; i < clip->n_frames; i++) {
    Picture *picture = clip->frames[i];
    Owl2Features *f;

    if (i > 0 && picture == clip->frames[i - 1])
      f = owl2_features_ref (g_ptr_array_index (features, i - 1));
    else
      f = owl2_session_encode (session, &picture->image, NULL, error);
    if (!f)
      return NULL;
    g_ptr_array_add (features, f);
  }
  return g_steal_pointer (&features);
}

static gboolean
answer (Owl2Session *session, GPtrArray *features, const char *question,
    guint max_tokens, GError **error)
{
  g_autofree char *prompt = owl2_prompt_format (question, TRUE, NULL, 0);
  g_autoptr (Owl2Answer) result = NULL;
  Owl2Request request = {
    .prompt = prompt,
    .frames = (Owl2Features *const *) features->pdata,
    .n_frames = features->len,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  request.sampling.max_tokens = max_tokens;
  result = owl2_session_generate (session, &request, error);
  if (!result)
    return FALSE;
  return program_print (result->text, error);
}

/* (transfer full): a file that is there is no URI, whatever its name. */
static char *
make_uri (const char *name, GError **error)
{
  if (gst_uri_is_valid (name) && !g_file_test (name, G_FILE_TEST_EXISTS))
    return g_strdup (name);
  return gst_filename_to_uri (name, error);
}

/* (transfer full): of the longest question, to make room for it before the
 * video is read. */
static char *
longest_prompt (const Options *o)
{
  const char *longest = o->rest[1];

  for (guint i = 2; o->rest[i]; i++)
    if (strlen (o->rest[i]) > strlen (longest))
      longest = o->rest[i];
  return owl2_prompt_format (longest, TRUE, NULL, 0);
}

static gboolean
run (const Options *o, GError **error)
{
  g_auto (Reader) reader = { NULL };
  g_autofree char *uri = NULL;
  g_autoptr (Owl2Model) model = NULL;
  g_autoptr (Owl2Session) session = NULL;
  g_autoptr (GPtrArray) features = NULL;
  g_autofree char *longest = longest_prompt (o);
  Owl2ModelParams params = {
    .path = o->model,
    .device = o->device,
    .mmap = o->mmap,
    .log = common_log (FALSE),
  };
  Owl2SessionParams session_params = {
    .prompt = longest,
    .n_frames = o->frames,
    .max_tokens = o->max_tokens,
  };

  if (!common_parse_kv_type (o->kv_type, &params.kv_type, error))
    return FALSE;
  session_params.kv_type = params.kv_type;
  uri = make_uri (o->rest[0], error);
  if (!uri)
    return FALSE;
  model = owl2_model_load (&params, error);
  if (!model)
    return FALSE;
  if (!common_check_frames (model, o->frames, error))
    return FALSE;
  session = owl2_session_new (model, &session_params, error);
  if (!session)
    return FALSE;
  reader.settings = gst_owl2_settings_new ();
  reader.settings->trigger = GST_OWL2_TRIGGER_EOS;
  reader.settings->n_frames = o->frames;
  if (!read_video (&reader, uri, error)) {
    g_prefix_error (error, "%s: ", o->rest[0]);
    return FALSE;
  }
  for (guint i = 0; o->verbose && i < reader.clip->n_frames; i++)
    fprintf (stderr, "frame %u at %" GST_TIME_FORMAT "\n", i,
        GST_TIME_ARGS ((GstClockTime) reader.clip->times[i]));
  features = encode_clip (session, reader.clip, error);
  if (!features)
    return FALSE;
  for (guint i = 1; o->rest[i]; i++)
    if (!answer (session, features, o->rest[i], o->max_tokens, error))
      return FALSE;
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options o = { .frames = 4, .max_tokens = 128 };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  program_begin ("owl2-ask");
  ok = parse (&o, &argc, &argv, &error)
       && (o.list_devices ? common_list_devices (&error) : run (&o, &error));
  g_free (o.model);
  g_free (o.device);
  g_free (o.kv_type);
  g_strfreev (o.rest);
  return program_end (ok, error);
}
