/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "line.h"

#include <gst/app/gstappsink.h>

#include "base.h"
#include "gstowl2.h"
#include "gstowl2meta.h"

/* Shortest time from one JPEG file to the next: a bit less than a fifteenth of
 * a second. */
#define GAP_US 60000
/* No picture is older, whatever its time says, us. */
#define MAX_DELAY (10 * G_USEC_PER_SEC)

struct _Line {
  GstElement *pipeline, *sync, *owl2, *encoder, *sink;
  Source *source; /* (nullable) */
  Pictures *pictures;
  Video *video;
  LineEndedFunc ended;
  gpointer user_data;
  guint watch;
  gint64 last_shown; /* of the streaming thread */
  GMutex lock;       /* of what follows; held for a few instructions only */
  gboolean fresh;    /* no frame of this source came yet */
  gint64 offset;     /* of this source's running time, ns */
  LineState state;
};

/* ---- what goes by ------------------------------------------------------- */

static gint64
running_now (Line *line)
{
  g_autoptr (GstClock) clock =
      gst_pipeline_get_clock (GST_PIPELINE (line->pipeline));

  return clock ? (gint64) (gst_clock_get_time (clock)
                           - gst_element_get_base_time (line->pipeline))
               : 0;
}

static gboolean
is_live (GstPad *pad)
{
  GstQuery *query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (pad, query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  gst_query_unref (query);
  return live;
}

/* Its own running time, before offsets; 0 where it has none. */
static gint64
running_of (GstPad *pad, GstBuffer *buffer)
{
  GstEvent *event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  guint64 t = GST_CLOCK_TIME_NONE;

  if (!event)
    return 0;
  gst_event_parse_segment (event, &segment);
  if (segment->format == GST_FORMAT_TIME)
    t = gst_segment_to_running_time (
        segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  gst_event_unref (event);
  return GST_CLOCK_TIME_IS_VALID (t) ? (gint64) t : 0;
}

/* The first frame of a source: a file's time begins now. */
static void
begin_source (Line *line, GstPad *pad, GstBuffer *buffer)
{
  const gboolean live = is_live (pad);
  const gint64 offset =
      live ? 0 : running_now (line) - running_of (pad, buffer);

  g_mutex_lock (&line->lock);
  line->offset = offset;
  line->state.live = live;
  g_mutex_unlock (&line->lock);
  g_object_set (line->sync, "sync", !live, "ts-offset", offset, NULL);
}

static gboolean
on_ended (gpointer user_data)
{
  Line *line = user_data;

  line->ended (line->user_data);
  return G_SOURCE_REMOVE;
}

static void
see_caps (Line *line, GstEvent *event)
{
  const GstStructure *s;
  int width = 0, height = 0;
  GstCaps *caps;

  gst_event_parse_caps (event, &caps);
  s = gst_caps_get_structure (caps, 0);
  gst_structure_get_int (s, "width", &width);
  gst_structure_get_int (s, "height", &height);
  g_mutex_lock (&line->lock);
  line->state.width = width;
  line->state.height = height;
  g_mutex_unlock (&line->lock);
}

/* The end of a source is not the end of the stream, so the model never sees it.
 */
static GstPadProbeReturn
on_input (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Line *line = user_data;
  gboolean fresh;

  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    g_mutex_lock (&line->lock);
    fresh = line->fresh;
    line->fresh = FALSE;
    line->state.n_frames++;
    line->state.last_frame = g_get_monotonic_time ();
    g_mutex_unlock (&line->lock);
    if (fresh)
      begin_source (line, pad, GST_PAD_PROBE_INFO_BUFFER (info));
    return GST_PAD_PROBE_OK;
  }
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_CAPS)
    see_caps (line, GST_PAD_PROBE_INFO_EVENT (info));
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) != GST_EVENT_EOS)
    return GST_PAD_PROBE_OK;
  g_idle_add (on_ended, line);
  return GST_PAD_PROBE_DROP;
}

/* Upright, for whoever watches video; then not more than anybody needs. */
static GstPadProbeReturn
on_shown (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Line *line = user_data;
  const gint64 now = g_get_monotonic_time ();

  video_show (line->video, pad, GST_PAD_PROBE_INFO_BUFFER (info));
  if (now - line->last_shown < GAP_US)
    return GST_PAD_PROBE_DROP;
  line->last_shown = now;
  return GST_PAD_PROBE_OK;
}

/* How long ago a picture's time was, us. */
static gint64
age_of (Line *line, GstSample *sample)
{
  const guint64 t =
      gst_segment_to_running_time (gst_sample_get_segment (sample),
          GST_FORMAT_TIME, GST_BUFFER_PTS (gst_sample_get_buffer (sample)));
  gint64 age;

  if (!GST_CLOCK_TIME_IS_VALID (t))
    return 0;
  g_mutex_lock (&line->lock);
  age = (running_now (line) - (gint64) t - line->offset) / 1000;
  age = CLAMP (age, 0, MAX_DELAY);
  line->state.delay = age;
  g_mutex_unlock (&line->lock);
  return age;
}

static void
add_picture (Line *line, GstSample *sample, GstBuffer *buffer)
{
  const GstStructure *s =
      gst_caps_get_structure (gst_sample_get_caps (sample), 0);
  Picture about = { .taken = g_get_monotonic_time () - age_of (line, sample),
    .time = gst_segment_to_stream_time (gst_sample_get_segment (sample),
        GST_FORMAT_TIME, GST_BUFFER_PTS (buffer)) };
  GstMapInfo map;

  gst_structure_get_int (s, "width", &about.width);
  gst_structure_get_int (s, "height", &about.height);
  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return;
  pictures_add (line->pictures, map.data, map.size, &about);
  gst_buffer_unmap (buffer, &map);
}

static GstFlowReturn
on_picture (GstAppSink *sink, gpointer user_data)
{
  g_autoptr (GstSample) sample = gst_app_sink_pull_sample (sink);

  if (sample)
    add_picture (user_data, sample, gst_sample_get_buffer (sample));
  return GST_FLOW_OK;
}

/* ---- making it ---------------------------------------------------------- */

static void
set_up_owl2 (GstElement *owl2, const LiveOptions *o)
{
  g_object_set (owl2, "partial", TRUE, "interval", o->every, NULL);
  gst_util_set_object_arg (G_OBJECT (owl2), "when-busy", "drop");
  g_object_set (owl2, "model", o->common.model, "device", o->common.device,
      "mmap", o->common.mmap, NULL);
  gst_util_set_object_arg (
      G_OBJECT (owl2), "kv-type", owl2_kv_type_name (o->common.kv_type));
  if (o->common.image_mode != OWL2_IMAGE_AUTO)
    g_object_set (owl2, "image-mode", o->common.image_mode, NULL);
  if (o->frames)
    g_object_set (owl2, "frames", (guint) o->frames, NULL);
  if (o->prompt)
    g_object_set (owl2, "prompt", o->prompt, NULL);
  if (o->recipe)
    g_object_set (owl2, "recipe", o->recipe, NULL);
}

/* (transfer floating) (nullable): from the model's pictures to files. Colours
 * of JPEG have all of their range, which they get by way of RGB only:
 * videoconvert leaves that of I420 as it is. */
static GstElement *
make_encoder (GError **error)
{
  return gst_parse_bin_from_description_full (
      "queue name=queue leaky=downstream max-size-buffers=1 max-size-bytes=0 "
      "max-size-time=0 ! videoflip name=flip video-direction=auto ! videoscale "
      "! videoconvert ! video/x-raw,format=RGB,"
      "pixel-aspect-ratio=1/1,width=[1," PICTURES_MAX_EDGE "],"
      "height=[1," PICTURES_MAX_EDGE "] "
      "! jpegenc quality=80 ! appsink name=sink sync=false async=false "
      "max-buffers=2 drop=true",
      TRUE, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
}

static void
add_probe (GstBin *bin, const char *element, const char *name,
    GstPadProbeType type, GstPadProbeCallback callback, Line *line)
{
  g_autoptr (GstElement) owner = gst_bin_get_by_name (bin, element);
  g_autoptr (GstPad) pad = gst_element_get_static_pad (owner, name);

  gst_pad_add_probe (pad, type, callback, line, NULL);
}

static void
connect_line (Line *line, GstBusFunc message, gpointer user_data)
{
  GstAppSinkCallbacks callbacks = { .new_sample = on_picture };
  g_autoptr (GstBus) bus = gst_element_get_bus (line->pipeline);
  g_autoptr (GstClock) clock = gst_system_clock_obtain ();

  line->sink = gst_bin_get_by_name (GST_BIN (line->pipeline), "sink");
  gst_app_sink_set_callbacks (
      GST_APP_SINK (line->sink), &callbacks, line, NULL);
  add_probe (GST_BIN (line->pipeline), "sync", "sink",
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_input,
      line);
  add_probe (GST_BIN (line->pipeline), "flip", "src", GST_PAD_PROBE_TYPE_BUFFER,
      on_shown, line);
  line->watch = gst_bus_add_watch (bus, message, user_data);
  /* Sources come and go; the clock stays. */
  gst_pipeline_use_clock (GST_PIPELINE (line->pipeline), clock);
}

static gboolean
add_elements (Line *line, const LiveOptions *options, GError **error)
{
  line->sync = gst_element_factory_make ("clocksync", "sync");
  if (!line->sync) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "GStreamer has no element clocksync");
    return FALSE;
  }
  gst_bin_add (GST_BIN (line->pipeline), line->sync);
  line->encoder = make_encoder (error);
  if (!line->encoder)
    return FALSE;
  gst_owl2_meta_register ();
  line->owl2 = g_object_new (GST_TYPE_OWL2, "name", "owl2", NULL);
  set_up_owl2 (line->owl2, options);
  gst_bin_add_many (GST_BIN (line->pipeline), line->owl2, line->encoder, NULL);
  return gst_element_link_many (line->sync, line->owl2, line->encoder, NULL);
}

Line *
line_new (const LiveOptions *options, Pictures *pictures, Video *video,
    GstBusFunc message, LineEndedFunc ended, gpointer user_data, GError **error)
{
  Line *line = g_new0 (Line, 1);

  g_mutex_init (&line->lock);
  line->pictures = pictures;
  line->video = video;
  line->ended = ended;
  line->user_data = user_data;
  line->pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  if (!add_elements (line, options, error)) {
    line_free (line);
    return NULL;
  }
  connect_line (line, message, user_data);
  return line;
}

void
line_free (Line *line)
{
  if (!line)
    return;
  if (line->watch)
    g_source_remove (line->watch);
  gst_element_set_state (line->pipeline, GST_STATE_NULL);
  while (g_idle_remove_by_data (line))
    ;
  gst_clear_object (&line->sink);
  gst_object_unref (line->pipeline);
  source_free (line->source);
  g_mutex_clear (&line->lock);
  g_free (line);
}

/* ---- running it --------------------------------------------------------- */

GstElement *
line_owl2 (Line *line)
{
  return line->owl2;
}

gboolean
line_is_behind (Line *line, GstMessage *message)
{
  GstObject *from = GST_MESSAGE_SRC (message);

  return from == GST_OBJECT (line->sync) || from == GST_OBJECT (line->owl2)
         || (from
             && gst_object_has_as_ancestor (from, GST_OBJECT (line->encoder)));
}

void
line_start (Line *line)
{
  gst_element_set_state (line->pipeline, GST_STATE_PLAYING);
}

/* What its thread waits for ends first: it may be a far time. */
static void
remove_source (Line *line)
{
  GstElement *bin = source_bin (line->source);

  gst_element_set_state (line->sync, GST_STATE_READY);
  gst_element_set_state (bin, GST_STATE_NULL);
  gst_bin_remove (GST_BIN (line->pipeline), bin);
  source_free (g_steal_pointer (&line->source));
  while (g_idle_remove_by_data (line))
    ;
  gst_element_set_state (line->sync, GST_STATE_PLAYING);
}

void
line_set_source (Line *line, Source *source)
{
  if (line->source)
    remove_source (line);
  g_mutex_lock (&line->lock);
  line->fresh = TRUE;
  line->state.last_frame = 0;
  line->state.live = FALSE;
  g_mutex_unlock (&line->lock);
  if (!source)
    return;
  line->source = source;
  gst_bin_add (GST_BIN (line->pipeline), source_bin (source));
  gst_element_link (source_bin (source), line->sync);
  gst_element_set_state (source_bin (source), GST_STATE_PLAYING);
}

Source *
line_source (Line *line)
{
  return line->source;
}

LineState
line_state (Line *line)
{
  LineState state;

  g_mutex_lock (&line->lock);
  state = line->state;
  g_mutex_unlock (&line->lock);
  return state;
}
