/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers of two owl2 in a row: from messages, from the buffers' metas, and to
 * a question of its own.
 *
 * cc answers.c -o answers $(pkg-config --cflags --libs gstreamer-app-1.0)
 *
 * usage: answers [SOURCE], such as "filesrc location=a.mp4 ! decodebin !
 *   videoconvert" */
#include <gst/app/app.h>
#include <gst/gst.h>

#define SOURCE                                                                 \
  "videotestsrc num-buffers=30 pattern=ball ! "                                \
  "video/x-raw,width=320,height=240,framerate=10/1"
#define WANTED (GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR)

typedef struct {
  GstElement *pipeline, *what;
  guint64 asked; /* the question's id */
  gboolean told, failed;
  char *shown;
} App;

/* (transfer full): a terminal would do what control characters in a model's
 * words say. */
static char *
harmless (const char *text)
{
  GString *out = g_string_new (NULL);

  for (; *text; text = g_utf8_next_char (text)) {
    gunichar c = g_utf8_get_char (text);

    g_string_append_unichar (out, g_unichar_isprint (c) ? c : '?');
  }
  return g_string_free (out, FALSE);
}

/* The answers on a buffer are told apart by their elements' names.
 * gst_buffer_get_custom_meta() would find the first one only. */
static void
read_buffer (App *app, GstBuffer *buffer)
{
  const GstMetaInfo *info = gst_meta_get_info ("GstOwl2Meta");
  GString *texts = g_string_new (NULL);
  gpointer state = NULL;
  GstMeta *meta;

  while (
      (meta = gst_buffer_iterate_meta_filtered (buffer, &state, info->api))) {
    GstStructure *s = gst_custom_meta_get_structure ((GstCustomMeta *) meta);

    g_string_append_printf (texts, "%s%s: %s", texts->len ? ", " : "",
        gst_structure_get_string (s, "element"),
        gst_structure_get_string (s, "text"));
  }
  if (texts->len && g_strcmp0 (texts->str, app->shown) != 0) {
    char *line = harmless (texts->str);

    g_print ("buffer %s\n", line);
    g_free (line);
  }
  g_free (app->shown);
  app->shown = g_string_free (texts, FALSE);
}

static void
read_answer (App *app, const GstStructure *s)
{
  const char *element = gst_structure_get_string (s, "element");
  const GValue *times = gst_structure_get_value (s, "frame-times");
  char *text = harmless (gst_structure_get_string (s, "text"));
  gboolean own;
  guint64 id;

  gst_structure_get_uint64 (s, "id", &id);
  own = app->asked && id == app->asked && g_str_equal (element, "what");
  app->told |= own;
  g_print ("%s %s: %s (frames at", own ? "asked" : "message", element, text);
  g_free (text);
  for (guint i = 0; i < gst_value_array_get_size (times); i++)
    g_print (" %.1f", 1e-9
                          * (double) g_value_get_uint64 (
                              gst_value_array_get_value (times, i)));
  g_print (" s)\n");
  if (!app->asked)
    g_signal_emit_by_name (app->what, "ask", "Is there a circle?", &app->asked);
}

static void
read_message (App *app, GstMessage *message)
{
  const GstStructure *s = gst_message_get_structure (message);

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *error = NULL;

    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s\n", error->message);
    g_error_free (error);
    app->failed = TRUE;
  } else if (gst_structure_has_name (s, "owl2-answer")) {
    read_answer (app, s);
  }
  gst_message_unref (message);
}

int
main (int argc, char **argv)
{
  App app = { 0 };
  GError *error = NULL;
  GstMessage *message;
  GstSample *sample;
  GstElement *sink;
  char *line;
  GstBus *bus;

  gst_init (&argc, &argv);
  line = g_strdup_printf ("%s ! owl2 name=what ! owl2 name=color "
                          "prompt=\"What color is the circle?\" ! "
                          "appsink name=sink sync=false",
      argc > 1 ? argv[1] : SOURCE);
  app.pipeline = gst_parse_launch (line, &error);
  g_free (line);
  if (error) {
    g_printerr ("%s\n", error->message);
    g_error_free (error);
    g_clear_object (&app.pipeline);
    return 1;
  }
  app.what = gst_bin_get_by_name (GST_BIN (app.pipeline), "what");
  sink = gst_bin_get_by_name (GST_BIN (app.pipeline), "sink");
  bus = gst_element_get_bus (app.pipeline);

  gst_element_set_state (app.pipeline, GST_STATE_PLAYING);
  while (!app.failed && !gst_app_sink_is_eos (GST_APP_SINK (sink))) {
    sample =
        gst_app_sink_try_pull_sample (GST_APP_SINK (sink), GST_SECOND / 10);
    if (sample) {
      read_buffer (&app, gst_sample_get_buffer (sample));
      gst_sample_unref (sample);
    }
    while ((message = gst_bus_pop_filtered (bus, WANTED)))
      read_message (&app, message);
  }
  while (
      !app.told && !app.failed
      && (message = gst_bus_timed_pop_filtered (bus, 10 * GST_SECOND, WANTED)))
    read_message (&app, message);
  gst_element_set_state (app.pipeline, GST_STATE_NULL);

  gst_object_unref (bus);
  gst_object_unref (sink);
  gst_object_unref (app.what);
  gst_object_unref (app.pipeline);
  g_free (app.shown);
  return app.told ? 0 : 1;
}
