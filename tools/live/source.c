/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source.h"

#include "intake.h"

/* How long a camera's packets that come late are waited for, in milliseconds:
 * the two seconds that are usual can be seen. */
#define RTSP_LATENCY_MS 200

struct _Source {
  Intake *intake; /* (nullable) */
  GstElement *bin;
};

/* ---- the test picture --------------------------------------------------- */

static gboolean
add_test_picture (Source *source)
{
  GstElement *test = gst_element_factory_make ("videotestsrc", NULL);
  GstElement *form = gst_element_factory_make ("capsfilter", NULL);
  g_autoptr (GstCaps) caps = gst_caps_from_string (
      "video/x-raw,format=I420,width=640,height=360,framerate=25/1");
  g_autoptr (GstPad) pad = NULL;

  if (!test || !form)
    return FALSE;
  g_object_set (test, "is-live", TRUE, "foreground-color", 0xffff0000u,
      "background-color", 0xffffffffu, NULL);
  gst_util_set_object_arg (G_OBJECT (test), "pattern", "ball");
  g_object_set (form, "caps", caps, NULL);
  gst_bin_add_many (GST_BIN (source->bin), test, form, NULL);
  gst_element_link (test, form);
  pad = gst_element_get_static_pad (form, "src");
  gst_element_add_pad (source->bin, gst_ghost_pad_new ("src", pad));
  return TRUE;
}

/* ---- files and addresses ------------------------------------------------ */

/* Of several videos in a file the first. */
static void
on_pad (GstElement *in, GstPad *pad, gpointer user_data)
{
  g_autoptr (GstPad) out = gst_element_get_static_pad (user_data, "src");
  g_autoptr (GstPad) target = gst_ghost_pad_get_target (GST_GHOST_PAD (out));

  if (!target)
    gst_ghost_pad_set_target (GST_GHOST_PAD (out), pad);
}

static void
on_source (GstElement *in, GstElement *src, gpointer user_data)
{
  GstElementFactory *factory = gst_element_get_factory (src);

  if (factory && g_str_equal (GST_OBJECT_NAME (factory), "rtspsrc"))
    g_object_set (
        src, "latency", RTSP_LATENCY_MS, "drop-on-latency", TRUE, NULL);
}

static gboolean
add_decoder (Source *source, const char *uri, guint64 max_pixels)
{
  GstElement *in = gst_element_factory_make ("uridecodebin", NULL);

  if (!in)
    return FALSE;
  source->intake = intake_new (uri, max_pixels);
  g_signal_connect (in, "pad-added", G_CALLBACK (on_pad), source->bin);
  g_signal_connect (in, "source-setup", G_CALLBACK (on_source), NULL);
  gst_element_add_pad (
      source->bin, gst_ghost_pad_new_no_target ("src", GST_PAD_SRC));
  intake_watch (source->intake, in, GST_BIN (source->bin));
  return gst_bin_add (GST_BIN (source->bin), in);
}

/* ---- sources ------------------------------------------------------------ */

Source *
source_new (const char *uri, guint64 max_pixels)
{
  Source *source = g_new0 (Source, 1);

  source->bin = gst_object_ref_sink (gst_bin_new (NULL));
  /* That it is on its way, or fails, is nothing to the pipeline. */
  g_object_set (source->bin, "async-handling", TRUE, NULL);
  if (uri ? add_decoder (source, uri, max_pixels) : add_test_picture (source))
    return source;
  source_free (source);
  return NULL;
}

void
source_free (Source *source)
{
  if (!source)
    return;
  gst_object_unref (source->bin);
  intake_free (source->intake);
  g_free (source);
}

GstElement *
source_bin (Source *source)
{
  return source->bin;
}

void
source_see_message (Source *source, GstMessage *message)
{
  if (source->intake)
    intake_see_message (source->intake, message);
}

gboolean
source_is_refused (Source *source)
{
  return source->intake && intake_is_too_large (source->intake);
}

GError *
source_explain (Source *source, const GError *cause)
{
  GError *error = NULL;

  if (source->intake)
    intake_explain (source->intake, cause, FALSE, &error);
  else
    error = cause ? g_error_copy (cause)
                  : g_error_new_literal (GST_STREAM_ERROR,
                      GST_STREAM_ERROR_FAILED, "there is no picture");
  return error;
}
