/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "film.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gst/app/gstappsrc.h>

#include "base.h"
#include "captions.h"
#include "h264.h"
#include "pictures.h"
#include "printable.h"

/* Longest time that a film is worked on, in seconds. */
#define LIMIT_S 60

struct _Film {
  GstElement *pipeline;
  int file; /* in memory */
  guint watch, limit;
  FilmFunc done;
  gpointer user_data;
};

const char *
film_missing (void)
{
  static const char *const needed[] = { "jpegdec", "textoverlay", "h264parse",
    "mp4mux", "fdsink", NULL };

  return h264_missing (needed);
}

/* ---- making it ---------------------------------------------------------- */

/* Pictures of other sizes, from before a source began again, become as large as
 * the last one, which gets an even size, as H.264 wants it. */
static GstElement *
make_pipeline (const Picture *last, int file, GError **error)
{
  const char *encoder = h264_for_file (error);
  g_autofree char *text = NULL;

  if (!encoder)
    return NULL;
  text = g_strdup_printf (
      "appsrc name=pictures caps=image/jpeg format=time max-bytes=0 ! jpegdec "
      "! videoscale ! video/x-raw,width=%d,height=%d ! textoverlay name=t "
      "shaded-background=true font-desc=\"Sans 14\" ! videoconvert ! "
      "video/x-raw,format=I420 ! %s ! h264parse ! mp4mux ! fdsink fd=%d "
      "sync=false  appsrc name=texts caps=text/x-raw,format=utf8 format=time "
      "max-bytes=0 ! t.text_sink",
      MAX (last->width & ~1, 2), MAX (last->height & ~1, 2), encoder, file);
  return gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
}

static void
push (GstElement *in, GBytes *bytes, gint64 from_us, gint64 to_us)
{
  GstBuffer *buffer = gst_buffer_new_wrapped_bytes (bytes);

  GST_BUFFER_PTS (buffer) = (guint64) from_us * 1000;
  GST_BUFFER_DURATION (buffer) = (guint64) MAX (to_us - from_us, 1) * 1000;
  gst_app_src_push_buffer (GST_APP_SRC (in), buffer);
}

/* Each stays until the next one comes; the last as long as the one before. */
static void
push_pictures (GstElement *pipeline, const GPtrArray *pictures)
{
  g_autoptr (GstElement) in =
      gst_bin_get_by_name (GST_BIN (pipeline), "pictures");
  const Picture *first = pictures->pdata[0];
  gint64 at = 0, stay = G_USEC_PER_SEC / 15;

  for (guint i = 0; i < pictures->len; i++) {
    const Picture *picture = pictures->pdata[i];
    const Picture *next = i + 1 < pictures->len ? pictures->pdata[i + 1] : NULL;

    if (next)
      stay = MAX (next->taken - first->taken - at, 1000);
    push (in, picture->jpeg, at, at + stay);
    at += stay;
  }
  gst_app_src_end_of_stream (GST_APP_SRC (in));
}

static void
push_captions (
    GstElement *pipeline, const GPtrArray *captions, const Picture *first)
{
  g_autoptr (GstElement) in = gst_bin_get_by_name (GST_BIN (pipeline), "texts");

  for (guint i = 0; i < captions->len; i++) {
    const Caption *caption = captions->pdata[i];
    char *line = owl2_printable (caption->text);
    g_autoptr (GBytes) bytes = g_bytes_new_take (line, strlen (line));

    push (in, bytes, MAX (caption->start - first->taken, 0),
        MAX (caption->end - first->taken, 0));
  }
  gst_app_src_end_of_stream (GST_APP_SRC (in));
}

/* ---- its end ------------------------------------------------------------ */

/* (transfer full) (nullable) */
static GBytes *
read_file (int file, GError **error)
{
  struct stat st;
  char *bytes = NULL;

  if (fstat (file, &st) == 0 && st.st_size > 0) {
    bytes = g_malloc ((gsize) st.st_size);
    if (pread (file, bytes, (gsize) st.st_size, 0) == st.st_size)
      return g_bytes_new_take (bytes, (gsize) st.st_size);
  }
  g_free (bytes);
  g_set_error_literal (
      error, OWL2_ERROR, OWL2_ERROR_FAILED, "the film can't be read");
  return NULL;
}

static void
finish (Film *film, GError *error)
{
  g_autoptr (GBytes) mp4 = NULL;

  gst_element_set_state (film->pipeline, GST_STATE_NULL);
  g_clear_handle_id (&film->watch, g_source_remove);
  g_clear_handle_id (&film->limit, g_source_remove);
  if (!error)
    mp4 = read_file (film->file, &error);
  film->done (mp4, error, film->user_data);
  g_clear_error (&error);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  GError *error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_EOS)
    return G_SOURCE_CONTINUE;
  ((Film *) user_data)->watch = 0;
  finish (user_data, error);
  return G_SOURCE_REMOVE;
}

static gboolean
on_limit (gpointer user_data)
{
  ((Film *) user_data)->limit = 0;
  finish (user_data, g_error_new (OWL2_ERROR, OWL2_ERROR_FAILED,
                         "the film took longer than %d s", LIMIT_S));
  return G_SOURCE_REMOVE;
}

Film *
film_make (const GPtrArray *pictures, const GPtrArray *captions, FilmFunc done,
    gpointer user_data, GError **error)
{
  g_autoptr (Film) film = g_new0 (Film, 1);
  g_autoptr (GstBus) bus = NULL;

  film->file = -1;
  if (pictures->len == 0) {
    owl2_refuse (error, "there is no picture yet");
    return NULL;
  }
  film->file = memfd_create ("owl2-live", MFD_CLOEXEC);
  if (film->file < 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "there is no memory for the film: %s", g_strerror (errno));
    return NULL;
  }
  film->pipeline =
      make_pipeline (pictures->pdata[pictures->len - 1], film->file, error);
  if (!film->pipeline)
    return NULL;
  film->done = done;
  film->user_data = user_data;
  bus = gst_element_get_bus (film->pipeline);
  film->watch = gst_bus_add_watch (bus, on_message, film);
  film->limit = g_timeout_add_seconds (LIMIT_S, on_limit, film);
  gst_element_set_state (film->pipeline, GST_STATE_PLAYING);
  push_captions (film->pipeline, captions, pictures->pdata[0]);
  push_pictures (film->pipeline, pictures);
  return g_steal_pointer (&film);
}

void
film_free (Film *film)
{
  if (!film)
    return;
  g_clear_handle_id (&film->watch, g_source_remove);
  g_clear_handle_id (&film->limit, g_source_remove);
  if (film->pipeline) {
    gst_element_set_state (film->pipeline, GST_STATE_NULL);
    gst_object_unref (film->pipeline);
  }
  if (film->file >= 0)
    close (film->file);
  g_free (film);
}
