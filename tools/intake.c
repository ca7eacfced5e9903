/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "intake.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/pbutils/pbutils.h>

#include "base.h"
#include "input.h"

struct _Intake {
  char *uri;
  guint64 max_pixels;
  gint guesses; /* atomic */
  /* What went by; with @lock. */
  GMutex lock;
  GString *missing; /* descriptions of decoders */
  gboolean saw_video, saw_other;
  guint width, height; /* of frames that are too large */
};

Intake *
intake_new (const char *uri, guint64 max_pixels)
{
  Intake *p = g_new0 (Intake, 1);

  p->uri = g_strdup (uri);
  p->max_pixels = max_pixels;
  p->missing = g_string_new (NULL);
  g_mutex_init (&p->lock);
  return p;
}

void
intake_free (Intake *p)
{
  if (!p)
    return;
  g_string_free (p->missing, TRUE);
  g_mutex_clear (&p->lock);
  g_free (p->uri);
  g_free (p);
}

/* ---- names -------------------------------------------------------------- */

/* A FIFO or a terminal would be waited for without end. */
static gboolean
check_file (const char *path, GError **error)
{
  GStatBuf st;
  const char *what;

  if (g_stat (path, &st) < 0
      || (S_ISREG (st.st_mode) && g_access (path, R_OK) < 0)) {
    g_set_error_literal (
        error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, g_strerror (errno));
    return FALSE;
  }
  what = S_ISREG (st.st_mode) ? "an empty file" : owl2_input_kind (st.st_mode);
  if (S_ISREG (st.st_mode) && st.st_size > 0)
    return TRUE;
  g_set_error (
      error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "it is %s, no video file", what);
  return FALSE;
}

char *
intake_make_uri (const char *name, GError **error)
{
  g_autofree char *path = NULL;

  if (g_str_equal (name, "-")) {
    if (!isatty (STDIN_FILENO))
      return g_strdup ("fd://0");
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "standard input is a terminal, no video");
    return NULL;
  }
  if (gst_uri_is_valid (name) && !g_file_test (name, G_FILE_TEST_EXISTS)) {
    path = g_filename_from_uri (name, NULL, NULL);
    return !path || check_file (path, error) ? g_strdup (name) : NULL;
  }
  return check_file (name, error) ? gst_filename_to_uri (name, error) : NULL;
}

/* ---- what goes by ------------------------------------------------------- */

/* What is too large is refused before a decoder takes memory for it, if that is
 * known. */
gboolean
intake_see_caps (Intake *p, const GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure (caps, 0);
  int width = 0, height = 0;

  gst_structure_get_int (s, "width", &width);
  gst_structure_get_int (s, "height", &height);
  if (!p->max_pixels || width <= 0 || height <= 0
      || (guint64) width * (guint) height <= p->max_pixels)
    return TRUE;
  g_mutex_lock (&p->lock);
  p->width = (guint) width;
  p->height = (guint) height;
  g_mutex_unlock (&p->lock);
  return FALSE;
}

/* Sound, subtitles and tags. */
static gboolean
is_other (const GstCaps *caps)
{
  static const char *const others[] = { "audio/", "text/", "subpicture/",
    "subtitle/", "closedcaption/", "application/x-id3",
    "application/x-subtitle", "application/x-ssa", "application/x-ass",
    "application/ttml+xml" };
  const char *name = gst_structure_get_name (gst_caps_get_structure (caps, 0));

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    if (g_str_has_prefix (name, others[i]))
      return TRUE;
  return FALSE;
}

/* Each stream in the source, and each form that a parser gives it, is offered
 * here before something is found that takes it. */
static gboolean
on_stream (GstElement *in, GstPad *pad, GstCaps *caps, gpointer user_data)
{
  Intake *p = user_data;

  g_mutex_lock (&p->lock);
  p->saw_other |= is_other (caps);
  g_mutex_unlock (&p->lock);
  return intake_see_caps (p, caps);
}

/* A frame that goes to its decoder. Where the file has no times for frames, the
 * decoder makes them up from those before. */
static GstPadProbeReturn
on_coded (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  Intake *p = user_data;

  if (!GST_BUFFER_PTS_IS_VALID (buffer)
      && !GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_HEADER))
    g_atomic_int_set (&p->guesses, TRUE);
  return GST_PAD_PROBE_OK;
}

/* Each thread of libav's holds frames of its own, on machines with many cores
 * more than all else takes; and few frames are decoded in a row. */
static void
limit_threads (GstElement *decoder)
{
  if (g_object_class_find_property (
          G_OBJECT_GET_CLASS (decoder), "max-threads"))
    gst_util_set_object_arg (G_OBJECT (decoder), "max-threads", "2");
}

static void
on_element (GstBin *bin, GstBin *sub, GstElement *element, gpointer user_data)
{
  GstElementFactory *factory = gst_element_get_factory (element);
  g_autoptr (GstPad) pad = NULL;
  Intake *p = user_data;

  if (!factory
      || !gst_element_factory_list_is_type (
          factory, GST_ELEMENT_FACTORY_TYPE_DECODER
                       | GST_ELEMENT_FACTORY_TYPE_MEDIA_VIDEO
                       | GST_ELEMENT_FACTORY_TYPE_MEDIA_IMAGE))
    return;
  g_mutex_lock (&p->lock);
  p->saw_video = TRUE;
  g_mutex_unlock (&p->lock);
  limit_threads (element);
  pad = gst_element_get_static_pad (element, "sink");
  if (pad)
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_coded, p, NULL);
}

gboolean
intake_has_guesses (Intake *p)
{
  return g_atomic_int_get (&p->guesses);
}

gboolean
intake_is_too_large (Intake *p)
{
  gboolean is;

  g_mutex_lock (&p->lock);
  is = p->width > 0;
  g_mutex_unlock (&p->lock);
  return is;
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

void
intake_watch (Intake *p, GstElement *in, GstBin *bin)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string ("video/x-raw(ANY)");

  prefer_parser ("jpegparse");
  g_object_set (
      in, "uri", p->uri, "caps", caps, "expose-all-streams", FALSE, NULL);
  g_signal_connect (in, "autoplug-continue", G_CALLBACK (on_stream), p);
  g_signal_connect (bin, "deep-element-added", G_CALLBACK (on_element), p);
}

/* ---- errors ------------------------------------------------------------- */

/* Of sound and subtitles nobody wants one. */
static void
add_missing (Intake *p, GstMessage *message)
{
  const GstStructure *s = gst_message_get_structure (message);
  const GValue *detail = gst_structure_get_value (s, "detail");
  g_autofree char *what = NULL;

  if (detail && GST_VALUE_HOLDS_CAPS (detail)
      && !gst_caps_is_empty (gst_value_get_caps (detail))
      && is_other (gst_value_get_caps (detail)))
    return;
  what = gst_missing_plugin_message_get_description (message);
  g_mutex_lock (&p->lock);
  if (!strstr (p->missing->str, what))
    g_string_append_printf (
        p->missing, "%s%s", p->missing->len ? ", " : "", what);
  g_mutex_unlock (&p->lock);
}

/* (nullable) (transfer full): why the host of the source can't be reached. */
static char *
try_host (Intake *p)
{
  static const struct {
    const char *scheme;
    guint16 port;
  } schemes[] = { { "http:", 80 }, { "https:", 443 }, { "rtsp:", 554 } };
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  g_socket_client_set_timeout (client, 5);
  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_ascii_strncasecmp (
            p->uri, schemes[i].scheme, strlen (schemes[i].scheme))
        == 0)
      connection = g_socket_client_connect_to_uri (
          client, p->uri, schemes[i].port, NULL, &error);
  return error ? g_strdup (error->message) : NULL;
}

void
intake_explain (
    Intake *p, const GError *cause, gboolean host_too, GError **error)
{
  g_autofree char *host = host_too ? try_host (p) : NULL;
  g_autofree char *said = NULL;

  g_mutex_lock (&p->lock);
  if (p->width)
    said = g_strdup_printf ("%ux%u are %" G_GUINT64_FORMAT
                            " pixels, more than the %" G_GUINT64_FORMAT
                            " of --max-pixels",
        p->width, p->height, (guint64) p->width * p->height, p->max_pixels);
  else if (host)
    said = g_strdup_printf ("can't be reached: %s", host);
  else if (p->missing->len)
    said = g_strdup_printf ("GStreamer has no %s installed", p->missing->str);
  else if (p->saw_other && !p->saw_video)
    said = g_strdup ("there is no video in it");
  else if (!cause)
    said = g_strdup ("no video frame was decoded");
  else
    said = g_strdup_printf ("%s: %s",
        cause->domain == GST_RESOURCE_ERROR ? "can't be read"
                                            : "no video can be decoded",
        cause->message);
  g_mutex_unlock (&p->lock);
  g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, said);
}

void
intake_see_message (Intake *p, GstMessage *message)
{
  if (gst_is_missing_plugin_message (message))
    add_missing (p, message);
}
