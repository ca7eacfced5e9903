/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-run: runs a pipeline that somebody wrote, with values that anybody may
 * have written: only the first is parsed as a pipeline; the values are set as
 * properties of its elements. Prints the answers of owl2 in it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <glib/gstdio.h>
#include <gst/gst.h>

#include "answers.h"
#include "output.h"
#include "printable.h"
#include "program.h"

/* The element that a value without an element's name is for. */
#define DEFAULT_ELEMENT "owl2"
/* How soon a signal is noticed. */
#define POLL_NS (100 * GST_MSECOND)
/* Bytes of a line of messages. */
#define MAX_LINE ((gsize) 128 << 20)

typedef struct {
  char *srt;
  gboolean json, messages, read, verbose;
  char **files; /* (nullable): ELEMENT=FILE each */
  char **rest;  /* the pipeline, then the values */
} Options;

static gboolean
parse (Options *o, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "srt", 0, 0, G_OPTION_ARG_FILENAME, &o->srt,
        "write the answers as SubRip subtitles, too", "FILE" },
    { "file", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->files,
        "have a filesink write FILE, which is there when all of it is",
        "ELEMENT=FILE" },
    { "messages", 'm', 0, G_OPTION_ARG_NONE, &o->messages,
        "print answers with all their fields, as gst-launch-1.0 -m does",
        NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &o->json,
        "print answers as JSON, an object a line", NULL },
    { "read", 'r', 0, G_OPTION_ARG_NONE, &o->read,
        "no pipeline: show the answers in what gst-launch-1.0 -m printed, from "
        "standard input",
        NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL,
        "[--] PIPELINE [[ELEMENT.]PROPERTY=VALUE...]" },
    { NULL }
  };
  g_autoptr (GOptionContext) context =
      g_option_context_new ("- runs a pipeline and prints its answers");

  g_option_context_set_summary (context,
      "PIPELINE is written as for gst-launch-1.0, in one argument. A VALUE is "
      "never parsed\nas part of it: text is taken as it is. ELEMENT is the "
      "name "
      "of an element of the\npipeline (default: " DEFAULT_ELEMENT ").");
  g_option_context_add_main_entries (context, entries, NULL);
  program_add_options (context, &o->verbose,
      "print on standard error how far the model is loaded");
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (o->json && (o->messages || o->srt))
    return owl2_refuse (error, "--json goes with neither --messages nor --srt");
  if (o->read && (o->rest || o->messages || o->json || o->files))
    return owl2_refuse (error, "--read goes with --srt alone");
  if (!o->read && !o->rest)
    return owl2_refuse (error, "a pipeline is needed: owl2-run PIPELINE "
                               "[ELEMENT.PROPERTY=VALUE...]");
  return TRUE;
}

/* ---- values ------------------------------------------------------------- */

/* Types whose text is a number, a name or a list of such, not an object that
 * its text could describe. */
static gboolean
has_text (GType type)
{
  switch (G_TYPE_FUNDAMENTAL (type)) {
    case G_TYPE_OBJECT:
    case G_TYPE_INTERFACE:
    case G_TYPE_POINTER:
    case G_TYPE_PARAM:
    case G_TYPE_VARIANT:
      return FALSE;
    default:
      return TRUE;
  }
}

static gboolean
set_property (
    GstElement *element, const char *name, const char *text, GError **error)
{
  GParamSpec *pspec =
      g_object_class_find_property (G_OBJECT_GET_CLASS (element), name);
  const char *owner = GST_OBJECT_NAME (element);
  g_auto (GValue) value = G_VALUE_INIT;

  if (!pspec)
    return owl2_refuse (error, "'%s' has no property '%s'", owner, name);
  if (!(pspec->flags & G_PARAM_WRITABLE)
      || (pspec->flags & G_PARAM_CONSTRUCT_ONLY)
      || pspec->owner_type == GST_TYPE_OBJECT || !has_text (pspec->value_type))
    return owl2_refuse (
        error, "property '%s' of '%s' can't be set", name, owner);
  g_value_init (&value, pspec->value_type);
  if (pspec->value_type == G_TYPE_STRING)
    g_value_set_string (&value, text);
  else if (!gst_value_deserialize_with_pspec (&value, text, pspec))
    return owl2_refuse (error,
        "property '%s' of '%s' can't be '%s', which is no %s", name, owner,
        text, g_type_name (pspec->value_type));
  if (g_param_value_validate (pspec, &value))
    return owl2_refuse (
        error, "property '%s' of '%s' can't be '%s'", name, owner, text);
  g_object_set_property (G_OBJECT (element), name, &value);
  return TRUE;
}

/* (transfer full) (nullable): the value, where there is such a property. */
static char *
get_string (GObject *object, const char *name)
{
  GParamSpec *pspec =
      g_object_class_find_property (G_OBJECT_GET_CLASS (object), name);
  char *value = NULL;

  if (pspec && pspec->value_type == G_TYPE_STRING
      && (pspec->flags & G_PARAM_READABLE))
    g_object_get (object, name, &value, NULL);
  return value;
}

/* @setting: "[ELEMENT.]PROPERTY=VALUE"; properties have no dot in their names.
 */
static gboolean
set_value (GstElement *pipeline, const char *setting, GError **error)
{
  const char *equals = strchr (setting, '=');
  g_autofree char *name = NULL;
  g_autoptr (GstElement) element = NULL;
  const char *owner = DEFAULT_ELEMENT, *property;
  char *dot;

  if (!equals || equals == setting)
    return owl2_refuse (error, "'%s' is no [ELEMENT.]PROPERTY=VALUE", setting);
  name = g_strndup (setting, (gsize) (equals - setting));
  property = name;
  dot = strrchr (name, '.');
  if (dot) {
    *dot = '\0';
    owner = name;
    property = dot + 1;
  }
  element = gst_bin_get_by_name (GST_BIN (pipeline), owner);
  if (!element)
    return owl2_refuse (error, "the pipeline has no element '%s'", owner);
  return set_property (element, property, equals + 1, error);
}

/* 0 if the element reads or writes the file. */
static int
compare_file (gconstpointer item, gconstpointer user_data)
{
  GObject *element = g_value_get_object (item);
  g_autofree char *uri = get_string (element, "uri");
  g_autofree char *name =
      uri ? g_steal_pointer (&uri) : get_string (element, "location");

  return !(name && program_names_file (name, user_data));
}

/* A slip would leave nothing of the video that is asked about. */
static gboolean
check_unused (GstElement *pipeline, const char *path, GError **error)
{
  GValue element = G_VALUE_INIT;
  GstIterator *elements;
  gboolean used;
  GStatBuf st;

  if (!path || g_stat (path, &st) < 0 || !S_ISREG (st.st_mode))
    return TRUE;
  elements = gst_bin_iterate_recurse (GST_BIN (pipeline));
  used = gst_iterator_find_custom (elements, compare_file, &element, &st);
  gst_iterator_free (elements);
  if (used)
    g_value_unset (&element);
  return !used
         || owl2_refuse (error, "%s: the pipeline uses this file itself", path);
}

/* ---- files that elements write ------------------------------------------ */

/* @setting: "ELEMENT=FILE". */
static gboolean
add_file (
    GstElement *pipeline, GPtrArray *outs, const char *setting, GError **error)
{
  const char *equals = strchr (setting, '=');
  g_autofree char *name = NULL, *path = NULL;
  g_autoptr (GstElement) element = NULL;
  g_autoptr (Owl2Output) out = NULL;

  if (!equals || equals == setting)
    return owl2_refuse (error, "'%s' is no ELEMENT=FILE", setting);
  if (!check_unused (pipeline, equals + 1, error)
      || !(out = owl2_output_new (equals + 1, error)))
    return FALSE;
  path = owl2_output_path (out);
  name = g_strndup (setting, (gsize) (equals - setting));
  element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  g_ptr_array_add (outs, g_steal_pointer (&out));
  if (!element)
    return owl2_refuse (error, "the pipeline has no element '%s'", name);
  return set_property (element, "location", path, error);
}

/* (transfer full): Owl2Output, each of which an element writes. */
static GPtrArray *
add_files (GstElement *pipeline, char **settings, GError **error)
{
  g_autoptr (GPtrArray) outs =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_output_free);

  for (; settings && *settings; settings++)
    if (!add_file (pipeline, outs, *settings, error))
      return NULL;
  return g_steal_pointer (&outs);
}

static gboolean
finish_files (const GPtrArray *outs, GError **error)
{
  for (guint i = 0; i < outs->len; i++)
    if (!owl2_output_finish (outs->pdata[i], TRUE, error))
      return FALSE;
  return TRUE;
}

/* (transfer full) */
static GstElement *
make_pipeline (const char *text, GError **error)
{
  GstElement *pipeline =
      gst_parse_launch_full (text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  GstElement *one;

  if (!pipeline || GST_IS_PIPELINE (pipeline))
    return pipeline;
  one = pipeline;
  pipeline = gst_pipeline_new (NULL);
  gst_bin_add (GST_BIN (pipeline), one);
  return pipeline;
}

/* ---- messages ----------------------------------------------------------- */

static gboolean
is_one_line (const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    if (!owl2_is_printable (g_utf8_get_char (p)))
      return FALSE;
  return TRUE;
}

/* (transfer full): what is safe to show stays as it is. */
static char *
shown_once (const char *text)
{
  return is_one_line (text) ? g_strdup (text) : owl2_printable_message (text);
}

/* (transfer full): owl2 has made its texts printable already, which is not to
 * be done twice; other elements have not. */
static char *
shown (GstMessage *message, const char *text)
{
  GstElementFactory *factory =
      GST_IS_ELEMENT (GST_MESSAGE_SRC (message))
          ? gst_element_get_factory (GST_ELEMENT (GST_MESSAGE_SRC (message)))
          : NULL;

  if (factory && strcmp (GST_OBJECT_NAME (factory), "owl2") == 0)
    return shown_once (text);
  return owl2_printable_message (text);
}

/* (transfer full) (nullable): what GStreamer can't say where the name of a file
 * is not UTF-8. */
static char *
location (GstMessage *message)
{
  g_autofree char *name =
      get_string (G_OBJECT (GST_MESSAGE_SRC (message)), "location");
  g_autofree char *quoted = NULL;

  if (!name)
    return NULL;
  quoted = g_strdup_printf ("\"%s\"", name);
  return owl2_printable_message (quoted);
}

/* An error or warning, as one line: its text and what it says behind where in
 * the source it comes from. */
static void
print_trouble (GstMessage *message)
{
  gboolean is_error = GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;
  g_autofree char *name = owl2_printable (GST_MESSAGE_SRC_NAME (message));
  g_autofree char *text = NULL, *more = NULL;
  const char *detail;

  if (is_error)
    gst_message_parse_error (message, &error, &debug);
  else
    gst_message_parse_warning (message, &error, &debug);
  text = shown (message, error->message);
  detail = debug ? strstr (debug, ":\n") : NULL;
  if (detail && detail[2])
    more = shown (message, detail + 2);
  else if (!debug)
    more = location (message);
  program_say_line ("%s%s: %s%s%s%s", is_error ? "" : "warning: ", name, text,
      more ? " (" : "", more ? more : "", more ? ")" : "");
}

static void
print_progress (GstMessage *message)
{
  g_autofree char *text = NULL, *line = NULL;

  gst_message_parse_progress (message, NULL, NULL, &text);
  line = shown (message, text ? text : "");
  program_say_line ("%s", line);
}

static gboolean
print_element_message (
    const Options *o, Answers *answers, GstMessage *message, GError **error)
{
  const GstStructure *s = gst_message_get_structure (message);
  g_autofree char *fields = NULL, *name = NULL, *line = NULL;

  if (s && o->json) {
    const char *json = answers_json (s);

    return !json || program_print_line (json, error);
  }
  if (!s || !o->messages)
    return !s || answers_add (answers, s, error);
  /* Text in it is quoted with everything but ASCII as octal numbers. */
  fields = gst_structure_to_string (s);
  name = owl2_printable (GST_MESSAGE_SRC_NAME (message));
  line = g_strdup_printf ("Got message #%u from element \"%s\" (element): %s",
      gst_message_get_seqnum (message), name, fields);
  return is_one_line (line) ? program_print_line (line, error)
                            : program_print (line, error);
}

/* Who closes the window has seen enough. Sinks that can't be opened say
 * something else. */
static gboolean
is_window_closed (GstMessage *message)
{
  GstElement *element = (GstElement *) GST_MESSAGE_SRC (message);
  g_autoptr (GError) error = NULL;
  const char *klass;

  gst_message_parse_error (message, &error, NULL);
  if (!GST_IS_ELEMENT (element)
      || !g_error_matches (
          error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND))
    return FALSE;
  klass = gst_element_class_get_metadata (
      GST_ELEMENT_GET_CLASS (element), GST_ELEMENT_METADATA_KLASS);
  return klass && strstr (klass, "Sink/Video");
}

/* FALSE ends the loop: at the end (@done), or for an error, which is told or in
 * @error. */
static gboolean
handle (const Options *o, GstElement *pipeline, Answers *answers,
    GstMessage *message, gboolean *done, GError **error)
{
  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_EOS:
      *done = TRUE;
      return FALSE;
    case GST_MESSAGE_ERROR:
      *done = is_window_closed (message);
      if (!*done)
        print_trouble (message);
      return FALSE;
    case GST_MESSAGE_WARNING:
      print_trouble (message);
      return TRUE;
    case GST_MESSAGE_PROGRESS:
      if (o->verbose)
        print_progress (message);
      return TRUE;
    case GST_MESSAGE_ELEMENT:
      return print_element_message (o, answers, message, error);
    case GST_MESSAGE_LATENCY:
      gst_bin_recalculate_latency (GST_BIN (pipeline));
      return TRUE;
    case GST_MESSAGE_CLOCK_LOST:
      gst_element_set_state (pipeline, GST_STATE_PAUSED);
      gst_element_set_state (pipeline, GST_STATE_PLAYING);
      return TRUE;
    default:
      return TRUE;
  }
}

/* ---- running ------------------------------------------------------------ */

static gboolean
play (const Options *o, GstElement *pipeline, Answers *answers, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gboolean going = TRUE, done = FALSE, ending = FALSE;

  program_catch_signals ();
  /* If it fails, a message says why; and if none does, the wait is short. */
  if (gst_element_set_state (pipeline, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE)
    ending = TRUE;
  while (going) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop (bus, POLL_NS);

    if (message)
      going = handle (o, pipeline, answers, message, &done, error);
    else if (ending && !program_signal)
      return owl2_refuse (error, "the pipeline can't be started");
    /* The end of the stream, so that what it has seen is answered. */
    if (program_signal && !ending) {
      ending = TRUE;
      gst_element_send_event (pipeline, gst_event_new_eos ());
    }
  }
  return done;
}

/* @ok, which is returned but for what can't be written, of which this tells: so
 * far all went well. */
static gboolean
end_answers (Answers *answers, gboolean ok)
{
  g_autoptr (GError) error = NULL;

  if (answers_finish (answers, ok, &error))
    return ok;
  program_say ("%s", error->message);
  return FALSE;
}

/* GStreamer's warnings of programming errors. One is none of ours: it says that
 * it has no way to quote the name of a file, which location() has. */
static void
on_warning (const char *domain, GLogLevelFlags level, const char *message,
    gpointer user_data)
{
  if (!strstr (message, "string is not valid UTF-8"))
    program_say ("%s: %s", domain, message);
}

static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (GstElement) pipeline = make_pipeline (o->rest[0], error);
  g_autoptr (Answers) answers = NULL;
  g_autoptr (GPtrArray) outs = NULL;
  gboolean ok = TRUE;

  if (!pipeline)
    return FALSE;
  g_log_set_handler ("GStreamer", G_LOG_LEVEL_WARNING, on_warning, NULL);
  for (guint i = 1; ok && o->rest[i]; i++)
    ok = set_value (pipeline, o->rest[i], error);
  ok = ok && check_unused (pipeline, o->srt, error)
       && (outs = add_files (pipeline, o->files, error));
  answers = ok ? answers_new (o->srt, error) : NULL;
  ok = answers && play (o, pipeline, answers, error);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  ok = ok && finish_files (outs, error);
  return answers && end_answers (answers, ok);
}

/* ---- --read ------------------------------------------------------------- */

static gboolean
show_line (Answers *answers, const char *line, GError **error)
{
  g_autofree char *text = NULL;

  if (!g_str_has_prefix (line, "ERROR:")
      && !g_str_has_prefix (line, "WARNING:"))
    return answers_add_line (answers, line, error);
  text = shown_once (line); /* in it may be what owl2 has made printable */
  fprintf (stderr, "%s\n", text);
  return TRUE;
}

/* Up to the end, or to a signal where that is caught. */
static gboolean
read_lines (Answers *answers, GError **error)
{
  g_autoptr (GString) line = g_string_new (NULL);
  int byte;

  do {
    byte = getc_unlocked (stdin);
    if (byte != '\n' && byte != EOF) {
      if (line->len == MAX_LINE)
        return owl2_refuse (error,
            "standard input: a line is longer than %" G_GSIZE_FORMAT " bytes",
            MAX_LINE);
      g_string_append_c (line, (char) byte);
      continue;
    }
    if (!show_line (answers, line->str, error))
      return FALSE;
    g_string_truncate (line, 0);
  } while (byte != EOF && !program_signal);
  if (ferror (stdin) && !program_signal)
    return owl2_refuse (error, "standard input: %s", g_strerror (errno));
  return TRUE;
}

static gboolean
read_messages (const Options *o, GError **error)
{
  g_autoptr (Answers) answers = answers_new (o->srt, error);

  if (o->srt)
    program_catch_signals ();
  return answers && end_answers (answers, read_lines (answers, error));
}

int
main (int argc, char **argv)
{
  Options o = { NULL };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  program_begin ("owl2-run");
  ok = parse (&o, &argc, &argv, &error)
       && (o.read ? read_messages (&o, &error) : run (&o, &error));
  g_free (o.srt);
  g_strfreev (o.files);
  g_strfreev (o.rest);
  return program_end (ok, error);
}
