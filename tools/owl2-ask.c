/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-ask: questions about a video file, answered on standard output, one line
 * each. Each frame is encoded once for all of them; frames are chosen as the
 * element's trigger=eos chooses them. A file that does not end where it says is
 * decoded a second time. */
#include <stdio.h>
#include <string.h>
#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>

#include "common.h"
#include "clip.h"
#include "gstowl2frame.h"
#include "input.h"
#include "program.h"

typedef struct {
  CommonOptions common;
  int frames, max_tokens;
  gboolean verbose;
  char **rest; /* the file, then the questions */
} Options;

typedef struct {
  Owl2Clipper *clipper;
  Owl2ClipSettings settings;
  Owl2Session *session; /* borrowed */
  guint image_size;
  GstOwl2Pool *pool;
  GstOwl2Rgb rgb;
  GstVideoInfo info; /* of the caps */
  GstOwl2Orientation orientation;
  gint64 frame_duration; /* of the last one */
  guint n_pushed;
  gboolean again; /* the video ends at `ends[0]`, it was played before */
  gint64 ends[OWL2_CLIP_MAX_EXPECTED]; /* where it may end */
  guint n_ends;
  gboolean ends_changed;  /* while it was played */
  GstOwl2Picture picture; /* the one being pushed */
  GstOwl2Frame *taken;    /* its copy, once it is needed */
  Owl2Clip *clip;         /* the result */
  GError *error;          /* why a frame could not be taken */
} Reader;

static gboolean
parse (Options *o, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "frames", 'f', 0, G_OPTION_ARG_INT, &o->frames,
        "frames spread over the video, 1 to 64 (default: 4)", "N" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &o->max_tokens,
        "most tokens of an answer (default: 128)", "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL,
        "FILE|URI QUESTION..." },
    { NULL }
  };
  g_autoptr (GOptionContext) context =
      common_options_new ("- answers questions about a video", &o->common);

  g_option_context_add_main_entries (context, entries, NULL);
  program_add_options (context, &o->verbose,
      "print on standard error which frames were looked at, and what prompts "
      "took");
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (o->common.list_devices)
    return TRUE;
  if (!o->rest || g_strv_length (o->rest) < 2) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "a file and at least one question are needed: owl2-ask FILE "
        "QUESTION...");
    return FALSE;
  }
  if (o->frames < 1 || o->frames > OWL2_CLIP_MAX_FRAMES || o->max_tokens < 1) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--frames is %d (1 to %d), --max-tokens %d (1 or more)", o->frames,
        OWL2_CLIP_MAX_FRAMES, o->max_tokens);
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

/* Frames that may not be wanted are kept as they are until there are more of
 * them than this, then at the model's size. */
#define RAW_BYTES (128 * 1024 * 1024)

/* The frame at the model's size; FALSE and r->error set if it can't be had. */
static gboolean
shrink (Reader *r, GstOwl2Frame *frame)
{
  g_autofree gpointer memory = NULL;
  Owl2Image image;
  guint8 *small;

  if (!gst_owl2_rgb_convert (&r->rgb, frame, &image, &memory, &r->error))
    return FALSE;
  small = owl2_session_shrink (r->session, &image, &r->error);
  if (!small)
    return FALSE;
  gst_owl2_frame_set_small (frame, small, r->image_size);
  return TRUE;
}

static gpointer
take (gpointer user_data)
{
  Reader *r = user_data;
  GstOwl2Frame *frame;

  if (r->taken)
    return gst_owl2_frame_ref (r->taken);
  frame = gst_owl2_frame_new (r->pool, &r->picture, &r->error);
  if (!frame)
    return NULL;
  if (gst_owl2_pool_raw_bytes (r->pool) > RAW_BYTES && !shrink (r, frame)) {
    gst_owl2_frame_unref (frame);
    return NULL;
  }
  r->taken = frame;
  return gst_owl2_frame_ref (frame);
}

static gpointer
ref (gpointer frame, gpointer user_data)
{
  return gst_owl2_frame_ref (frame);
}

static void
drop (gpointer frame, gpointer user_data)
{
  gst_owl2_frame_unref (frame);
}

static void
done (Owl2Clip *clip, gpointer user_data)
{
  Reader *r = user_data;

  if (r->clip)
    owl2_clipper_free_clip (r->clipper, r->clip);
  r->clip = clip;
}

static void
reader_clear (Reader *r)
{
  if (r->clip)
    owl2_clipper_free_clip (r->clipper, r->clip);
  g_clear_pointer (&r->clipper, owl2_clipper_free);
  g_clear_pointer (&r->pool, gst_owl2_pool_unref);
  gst_owl2_rgb_clear (&r->rgb);
  g_clear_error (&r->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

/* Where the video ends by what its file says; what is said becomes better while
 * it is read, so it is asked again, ever more rarely. */
static void
update_expected (Reader *r, GstElement *out, const GstSegment *segment)
{
  const guint n = r->n_pushed++;
  gint64 ends[OWL2_CLIP_MAX_EXPECTED];
  guint n_ends = 0;
  guint64 stop;
  gint64 duration;

  if (r->again || (n & (n - 1)) != 0)
    return;
  stop = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, segment->stop);
  if (stop <= OWL2_CLIP_AXIS_MAX)
    ends[n_ends++] = (gint64) stop;
  if (gst_element_query_duration (out, GST_FORMAT_TIME, &duration)
      && duration > 0)
    ends[n_ends++] = duration;
  r->ends_changed |= n > 0
                     && (n_ends != r->n_ends
                         || memcmp (ends, r->ends, n_ends * sizeof *ends) != 0);
  memcpy (r->ends, ends, n_ends * sizeof *ends);
  r->n_ends = n_ends;
  owl2_clipper_expect (r->clipper, ends, n_ends);
}

static gint64
frame_duration (GstBuffer *buffer, const GstVideoInfo *info)
{
  if (GST_BUFFER_DURATION_IS_VALID (buffer))
    return (gint64) MIN (GST_BUFFER_DURATION (buffer), OWL2_CLIP_AXIS_MAX);
  return info->fps_n > 0 ? (gint64) gst_util_uint64_scale (
             GST_SECOND, (guint64) info->fps_d, (guint64) info->fps_n)
                         : 0;
}

static gboolean
push_sample (Reader *r, GstElement *out, GstSample *sample, GError **error)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  const GstSegment *segment = gst_sample_get_segment (sample);
  guint64 t = gst_segment_to_stream_time (
      segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));

  if (!gst_video_info_from_caps (&r->info, gst_sample_get_caps (sample))) {
    g_set_error_literal (
        error, OWL2_ERROR, OWL2_ERROR_FAILED, "a decoded frame can't be read");
    return FALSE;
  }
  if (t > OWL2_CLIP_AXIS_MAX)
    return TRUE;
  r->picture = (GstOwl2Picture){ .buffer = buffer,
    .info = &r->info,
    .orientation = gst_owl2_orientation_get (&r->orientation),
    .time = t };
  r->frame_duration = frame_duration (buffer, &r->info);
  update_expected (r, out, segment);
  owl2_clipper_push (r->clipper, &r->settings, (gint64) t, r->frame_duration);
  g_clear_pointer (&r->taken, gst_owl2_frame_unref);
  if (!r->error)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&r->error));
  return FALSE;
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

/* The next buffer as a sample, after the events before it; NULL if there is
 * none yet, or no more. */
static GstSample *
pull_sample (Reader *r, GstElement *out)
{
  for (;;) {
    GstMiniObject *object =
        gst_app_sink_try_pull_object (GST_APP_SINK (out), 100 * GST_MSECOND);

    if (!object || GST_IS_SAMPLE (object))
      return (GstSample *) object;
    if (GST_IS_EVENT (object))
      gst_owl2_orientation_event (&r->orientation, GST_EVENT (object));
    gst_mini_object_unref (object);
  }
}

/* Parsers find out which way up a photograph is, decoders do not; so where one
 * can be had, it comes before them. */
static void
prefer_parser (const char *name)
{
  GstPluginFeature *parser =
      gst_registry_lookup_feature (gst_registry_get (), name);

  if (!parser)
    return;
  gst_plugin_feature_set_rank (parser, GST_RANK_PRIMARY + 1);
  gst_object_unref (parser);
}

/* Whether the frames are those on screen at the targets: the video has ended
 * where it was expected to from the start, to a frame, or nothing was expected,
 * so that frames all over it were kept. */
static gboolean
is_spread (const Reader *r)
{
  const Owl2Clip *clip = r->clip;

  if (r->again || r->n_ends == 0)
    return TRUE;
  for (guint i = 0; i < r->n_ends && !r->ends_changed; i++)
    if (ABS (clip->end - r->ends[i]) <= r->frame_duration)
      return TRUE;
  return FALSE;
}

/* Decodes all of @uri and leaves the chosen frames in r->clip. */
static gboolean
play_video (Reader *r, const char *uri, GError **error)
{
  static const Owl2ClipperFuncs funcs = { take, ref, drop, done };
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "uridecodebin name=in caps=video/x-raw(ANY) expose-all-streams=false ! "
      "appsink name=out sync=false max-buffers=4 caps=video/x-raw",
      error);
  g_autoptr (GstElement) in = NULL;
  g_autoptr (GstElement) out = NULL;
  gboolean ok = TRUE;

  if (!pipeline)
    return FALSE;
  in = gst_bin_get_by_name (GST_BIN (pipeline), "in");
  out = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  g_object_set (in, "uri", uri, NULL);
  memset (&r->orientation, 0, sizeof r->orientation);
  r->clipper = owl2_clipper_new (&funcs, r);
  owl2_clipper_set_only_expected (r->clipper, g_str_has_prefix (uri, "file:"));
  if (r->again)
    owl2_clipper_expect (r->clipper, r->ends, r->n_ends);
  prefer_parser ("jpegparse");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (ok) {
    GstSample *sample;

    /* An error wakes no appsink, so the bus is looked at between. */
    sample = pull_sample (r, out);
    if (sample) {
      ok = push_sample (r, out, sample, error);
      gst_sample_unref (sample);
    } else if (gst_app_sink_is_eos (GST_APP_SINK (out)))
      break;
    ok = ok && check_bus (pipeline, error);
  }
  ok = ok && check_bus (pipeline, error);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  if (!ok)
    return FALSE;
  owl2_clipper_cut (r->clipper, &r->settings);
  if (r->clip)
    return TRUE;
  g_set_error_literal (
      error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "no video frame was decoded");
  return FALSE;
}

/* Shrinking frames that are not wanted in the end takes longer than decoding
 * the video once more, which is seldom needed. */
static gboolean
read_video (Reader *r, const char *uri, GError **error)
{
  r->pool = gst_owl2_pool_new ();
  if (!play_video (r, uri, error))
    return FALSE;
  if (is_spread (r) || !g_str_has_prefix (uri, "file:"))
    return TRUE;
  r->again = TRUE;
  r->ends[0] = r->clip->end;
  r->n_ends = 1;
  owl2_clipper_free_clip (r->clipper, g_steal_pointer (&r->clip));
  g_clear_pointer (&r->clipper, owl2_clipper_free);
  return play_video (r, uri, error);
}

/* ---- answering -------------------------------------------------------- */

/* (transfer full): features of each place of the clip. */
static GPtrArray *
encode_clip (Reader *r, GError **error)
{
  g_autoptr (GPtrArray) features =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);

  for (guint i = 0; i < r->clip->n_frames; i++) {
    GstOwl2Frame *frame = r->clip->frames[i];
    g_autofree gpointer memory = NULL;
    Owl2Image image;

    if (!frame->features) {
      if (!gst_owl2_rgb_convert (&r->rgb, frame, &image, &memory, error))
        return NULL;
      frame->features = owl2_session_encode (r->session, &image, NULL, error);
      if (!frame->features)
        return NULL;
      gst_owl2_frame_drop_raw (frame);
    }
    g_ptr_array_add (features, owl2_features_ref (frame->features));
  }
  return g_steal_pointer (&features);
}

static gboolean
answer (const Options *o, Owl2Session *session, GPtrArray *features,
    const char *question, GError **error)
{
  g_autofree char *prompt = owl2_prompt_format (question, TRUE, NULL, 0);
  g_autoptr (Owl2Answer) result = NULL;
  Owl2Request request = {
    .prompt = prompt,
    .frames = (Owl2Features *const *) features->pdata,
    .n_frames = features->len,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  request.sampling.max_tokens = o->max_tokens;
  result = owl2_session_generate (session, &request, error);
  if (!result)
    return FALSE;
  if (o->verbose)
    fprintf (stderr,
        "prompt of %u tokens, %u of them reused, first token after %.1f ms\n",
        result->n_prompt, result->n_reused, (double) result->prefill_ns / 1e6);
  return program_print (result->text, error);
}

/* A FIFO or a terminal would be waited for without end. What is not there is
 * left to the one who opens it. */
static gboolean
check_regular (const char *path, GError **error)
{
  GStatBuf st;

  if (g_stat (path, &st) < 0 || S_ISREG (st.st_mode))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: it is %s, no video file", path, owl2_input_kind (st.st_mode));
  return FALSE;
}

/* (transfer full): a file that is there is no URI, whatever its name. */
static char *
make_uri (const char *name, GError **error)
{
  g_autofree char *path = NULL;

  if (gst_uri_is_valid (name) && !g_file_test (name, G_FILE_TEST_EXISTS)) {
    path = g_filename_from_uri (name, NULL, NULL);
    return !path || check_regular (path, error) ? g_strdup (name) : NULL;
  }
  return check_regular (name, error) ? gst_filename_to_uri (name, error) : NULL;
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
  Owl2ModelParams params = common_model_params (&o->common);
  Owl2SessionParams session_params = {
    .prompt = longest,
    .n_frames = o->frames,
    .max_tokens = o->max_tokens,
    .kv_type = o->common.kv_type,
  };
  Owl2ModelInfo info;

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
  owl2_model_get_info (model, &info);
  reader.session = session;
  reader.image_size = info.image_size;
  reader.settings = (Owl2ClipSettings){
    .interval = GST_SECOND,
    .n_frames = o->frames,
    .whole = TRUE,
  };
  if (!read_video (&reader, uri, error)) {
    g_prefix_error (error, "%s: ", o->rest[0]);
    return FALSE;
  }
  for (guint i = 0; o->verbose && i < reader.clip->n_frames; i++)
    fprintf (stderr, "frame %u at %" GST_TIME_FORMAT "\n", i,
        GST_TIME_ARGS ((GstClockTime) reader.clip->times[i]));
  features = encode_clip (&reader, error);
  if (!features)
    return FALSE;
  for (guint i = 1; o->rest[i]; i++)
    if (!answer (o, session, features, o->rest[i], error))
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
       && (o.common.list_devices ? common_list_devices (&error)
                                 : run (&o, &error));
  common_options_clear (&o.common);
  g_strfreev (o.rest);
  return program_end (ok, error);
}
