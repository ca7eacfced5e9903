/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream.h"

#include <string.h>

#include "json_line.h"
#include "line.h"
#include "resident.h"
#include "printable.h"
#include "program.h"
#include "settings.h"

/* Between two tries of a source that failed or ended, in seconds. */
#define RETRY_S 3
#define ROUND_S 1
/* What gives no picture for this long has failed, us. */
#define STILL_US (15 * G_USEC_PER_SEC)
/* Seconds that "answers a second" looks at. */
#define RATE_S 10

typedef enum { LOADING, PLAYING, FAILED } State;

struct _Stream {
  const StreamHost *host;
  guint id;
  Pictures *pictures;
  Viewers *viewers;
  Video *video;
  Calls *calls;
  Captions *captions;
  Recent *recent;
  Line *line;
  State state;
  char *error;       /* (nullable): why it failed, or what went wrong of late */
  char *prompt;      /* (nullable): a browser's, in its own words */
  GHashTable *asked; /* guint64 id -> char *question */
  gboolean loaded, worked;
  guint retry; /* source id of the main loop */
  gint64 began, source_began;
  guint64 answered[RATE_S]; /* so far, at each of the last seconds */
  guint n_ticks;
};

/* ---- telling ------------------------------------------------------------ */

static const char *
name_of (const Stream *s)
{
  return s->host->options->names[s->id];
}

json_t *
stream_describe (const Stream *s)
{
  static const char *const states[] = { "loading", "playing", "failed" };
  const LineState line = line_state (s->line);
  Owl2ModelInfo info = { NULL };
  json_t *told = json_object ();

  if (s->host->model)
    owl2_model_get_info (s->host->model, &info);
  json_object_set_new (told, "id", json_integer (s->id));
  json_object_set_new (told, "name", json_line_string (name_of (s)));
  json_object_set_new (told, "state", json_string (states[s->state]));
  json_object_set_new (
      told, "error", json_line_string (s->error ? s->error : ""));
  settings_describe (line_owl2 (s->line), s->prompt, told);
  json_object_set_new (
      told, "model", json_line_string (info.name ? info.name : ""));
  json_object_set_new (
      told, "device", json_line_string (info.device ? info.device : ""));
  json_object_set_new (told, "width", json_integer (line.width));
  json_object_set_new (told, "height", json_integer (line.height));
  return told;
}

void
stream_tell (Stream *s)
{
  events_send (s->host->events, "stream", stream_describe (s));
}

/* @error: (nullable) */
static void
set_state (Stream *s, State state, const char *error)
{
  if (s->state == state && g_strcmp0 (s->error, error) == 0)
    return;
  if (error && g_strcmp0 (s->error, error) != 0)
    program_say ("%s: %s", name_of (s), error);
  s->state = state;
  g_free (s->error);
  s->error = g_strdup (error);
  stream_tell (s);
}

void
stream_replay (Stream *s, GPtrArray *first)
{
  json_t *told = stream_describe (s);

  g_ptr_array_add (first, events_make (s->host->events, "stream", told));
  json_decref (told);
  recent_replay (s->recent, s->host->events, first);
}

/* ---- sources ------------------------------------------------------------ */

static gboolean
begin_source (gpointer user_data)
{
  Stream *s = user_data;
  const LiveOptions *o = s->host->options;
  Source *source = source_new (o->uris[s->id], (guint64) o->max_pixels);

  s->retry = 0;
  s->source_began = g_get_monotonic_time ();
  if (source)
    line_set_source (s->line, source);
  else
    set_state (
        s, FAILED, "GStreamer has no element uridecodebin or videotestsrc");
  return G_SOURCE_REMOVE;
}

static void
begin_source_later (Stream *s, gint64 from_us)
{
  const gint64 wait = from_us - g_get_monotonic_time ();

  if (!s->retry)
    s->retry = g_timeout_add ((guint) (MAX (wait, 0) / 1000), begin_source, s);
}

/* @cause: (nullable) */
static void
source_failed (Stream *s, const GError *cause)
{
  g_autoptr (GError) error = NULL;

  if (s->retry || !line_source (s->line))
    return;
  error = source_explain (line_source (s->line), cause);
  line_set_source (s->line, NULL);
  set_state (s, FAILED, error->message);
  begin_source_later (s, g_get_monotonic_time () + RETRY_S * G_USEC_PER_SEC);
  if (s->host->failed)
    s->host->failed (s, FALSE, s->host->user_data);
}

/* A file goes on from its beginning. */
static void
on_ended (gpointer user_data)
{
  Stream *s = user_data;
  const LineState line = line_state (s->line);

  if (line.last_frame)
    begin_source_later (s, s->source_began + ROUND_S * G_USEC_PER_SEC);
  else
    source_failed (s, NULL);
}

/* ---- answers ------------------------------------------------------------ */

/* @question: (nullable): a browser's */
static void
tell_partial (Stream *s, guint64 id, const char *question, const char *text)
{
  json_t *told = json_object ();

  json_object_set_new (told, "stream", json_integer (s->id));
  json_object_set_new (told, "id", json_integer ((json_int_t) id));
  json_object_set_new (
      told, "question", json_line_string (question ? question : ""));
  json_object_set_new (told, "text", json_line_string (text));
  events_send (s->host->events, "partial", told);
}

/* Its times in stream time are those of a file, which begin anew: what counts
 * is when its last frame came. */
static void
add_caption (Stream *s, const GstStructure *answer, const char *text)
{
  const GValue *times = gst_structure_get_value (answer, "frame-times");
  const guint n = times ? gst_value_array_get_size (times) : 0;
  guint64 start = 0, end = 0, latency = 0, last;
  gint64 came;

  gst_structure_get_uint64 (answer, "start", &start);
  gst_structure_get_uint64 (answer, "end", &end);
  gst_structure_get_uint64 (answer, "latency", &latency);
  last =
      n ? g_value_get_uint64 (gst_value_array_get_value (times, n - 1)) : end;
  came = g_get_monotonic_time () - (gint64) (latency / 1000);
  captions_add (s->captions, came + ((gint64) start - (gint64) last) / 1000,
      came + ((gint64) end - (gint64) last) / 1000, text);
}

static void
on_answer (Stream *s, const GstStructure *answer)
{
  const char *text = gst_structure_get_string (answer, "text");
  const char *question;
  gboolean final = FALSE;
  guint64 id = 0;

  gst_structure_get_boolean (answer, "final", &final);
  gst_structure_get_uint64 (answer, "id", &id);
  if (!text)
    return;
  question = g_hash_table_lookup (s->asked, &id);
  if (!final) {
    tell_partial (s, id, question, text);
    return;
  }
  if (!question)
    add_caption (s, answer, text);
  events_send (s->host->events, "answer",
      json_incref (recent_add (
          s->recent, answer, question, s->pictures, s->host->shrinker)));
  g_hash_table_remove (s->asked, &id);
  if (s->state == PLAYING)
    set_state (s, PLAYING, NULL);
}

/* ---- messages ----------------------------------------------------------- */

static gboolean
is_of_owl2 (Stream *s, GstMessage *message)
{
  return GST_MESSAGE_SRC (message) == GST_OBJECT (line_owl2 (s->line));
}

static void
on_error (Stream *s, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_error (message, &error, NULL);
  if (!line_is_behind (s->line, message)) {
    source_failed (s, error);
    return;
  }
  /* The model or the encoder: there is nothing to try again. */
  set_state (s, FAILED, error->message);
  if (s->host->failed)
    s->host->failed (s, TRUE, s->host->user_data);
}

/* Clips that are skipped are counted, which is enough. */
static void
on_warning (Stream *s, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_warning (message, &error, NULL);
  if (is_of_owl2 (s, message)
      && !g_error_matches (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY))
    set_state (s, s->state, error->message);
}

static void
on_progress (Stream *s, GstMessage *message)
{
  g_autofree char *text = NULL;
  GstProgressType type;

  gst_message_parse_progress (message, &type, NULL, &text);
  if (!is_of_owl2 (s, message))
    return;
  if (s->host->options->verbose)
    program_say_line ("%s", text);
  s->loaded |= type == GST_PROGRESS_TYPE_COMPLETE;
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  const GstStructure *fields = gst_message_get_structure (message);
  Stream *s = user_data;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ERROR:
      on_error (s, message);
      break;
    case GST_MESSAGE_WARNING:
      on_warning (s, message);
      break;
    case GST_MESSAGE_PROGRESS:
      on_progress (s, message);
      break;
    case GST_MESSAGE_ELEMENT:
      if (is_of_owl2 (s, message) && fields
          && gst_structure_has_name (fields, "owl2-answer"))
        on_answer (s, fields);
      else if (line_source (s->line))
        source_see_message (line_source (s->line), message);
      break;
    default:
      break;
  }
  return G_SOURCE_CONTINUE;
}

/* ---- streams ------------------------------------------------------------ */

static gboolean
on_pictures (gpointer user_data)
{
  Stream *s = user_data;

  s->worked = TRUE;
  if (s->state != PLAYING && s->loaded && line_source (s->line) && !s->retry)
    set_state (s, PLAYING, NULL);
  viewers_update (s->viewers);
  return G_SOURCE_REMOVE;
}

Stream *
stream_new (const StreamHost *host, guint id, GError **error)
{
  Stream *s = g_new0 (Stream, 1);

  s->host = host;
  s->id = id;
  s->began = g_get_monotonic_time ();
  s->pictures = pictures_new (on_pictures, s);
  s->viewers = viewers_new (s->pictures);
  s->video = video_new ();
  s->calls = calls_new (host->options, s->video);
  s->captions = captions_new ();
  s->recent = recent_new (id);
  s->asked =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  s->line = line_new (
      host->options, s->pictures, s->video, on_message, on_ended, s, error);
  if (s->line)
    return s;
  stream_free (s);
  return NULL;
}

void
stream_free (Stream *s)
{
  if (!s)
    return;
  g_clear_handle_id (&s->retry, g_source_remove);
  line_free (s->line);
  viewers_free (s->viewers);
  calls_free (s->calls);
  video_free (s->video);
  pictures_free (s->pictures);
  captions_free (s->captions);
  recent_free (s->recent);
  g_hash_table_unref (s->asked);
  g_free (s->error);
  g_free (s->prompt);
  g_free (s);
}

void
stream_start (Stream *s)
{
  line_start (s->line);
  begin_source (s);
}

gboolean
stream_has_worked (const Stream *s)
{
  return s->worked;
}

/* ---- each second -------------------------------------------------------- */

static void
check_still (Stream *s)
{
  const LineState line = line_state (s->line);
  const gint64 last = MAX (line.last_frame, s->source_began);
  g_autoptr (GError) still = NULL;

  if (s->retry || !line_source (s->line))
    return;
  if (source_is_refused (line_source (s->line))) {
    source_failed (s, NULL);
  } else if ((line.live || !line.last_frame)
             && g_get_monotonic_time () - last > STILL_US) {
    still = g_error_new (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "no picture came for %d s", (int) (STILL_US / G_USEC_PER_SEC));
    source_failed (s, still);
  }
}

static guint64
get_count (const GstStructure *stats, const char *name)
{
  guint64 n = 0;

  gst_structure_get_uint64 (stats, name, &n);
  return n;
}

/* Answers a second, over the last RATE_S. */
static double
rate (Stream *s, guint64 answered)
{
  const guint at = s->n_ticks % RATE_S;
  const guint64 then = s->answered[at];
  const guint n = MIN (s->n_ticks, RATE_S);

  s->answered[at] = answered;
  s->n_ticks++;
  return n ? (double) (answered - MIN (then, answered)) / n : 0;
}

static void
tell_cost (Stream *s)
{
  const LineState line = line_state (s->line);
  json_t *told = json_object ();
  GstStructure *stats = NULL;

  g_object_get (line_owl2 (s->line), "stats", &stats, NULL);
  json_object_set_new (told, "stream", json_integer (s->id));
  json_object_set_new (told, "answers-per-second",
      json_real (rate (s, get_count (stats, "clips-answered"))));
  json_object_set_new (told, "delay", json_real ((double) line.delay / 1e6));
  json_object_set_new (told, "dropped",
      json_integer ((json_int_t) get_count (stats, "clips-dropped")));
  json_object_set_new (told, "frames-seen",
      json_integer ((json_int_t) get_count (stats, "frames-seen")));
  json_object_set_new (
      told, "frames-came", json_integer ((json_int_t) line.n_frames));
  json_object_set_new (
      told, "memory", json_integer ((json_int_t) resident_bytes ()));
  json_object_set_new (told, "device-memory",
      json_integer ((json_int_t) get_count (stats, "device-bytes")));
  json_object_set_new (
      told, "clients", json_integer (events_n_clients (s->host->events)));
  gst_structure_free (stats);
  events_send (s->host->events, "cost", told);
}

void
stream_tick (Stream *s)
{
  check_still (s);
  viewers_check (s->viewers);
  calls_check (s->calls);
  tell_cost (s);
}

/* ---- requests ----------------------------------------------------------- */

guint64
stream_ask (Stream *s, const char *question, GError **error)
{
  GstStructure *stats = NULL;
  guint64 id = 0, seen;

  g_object_get (line_owl2 (s->line), "stats", &stats, NULL);
  seen = get_count (stats, "frames-sampled");
  gst_structure_free (stats);
  if (seen)
    g_signal_emit_by_name (line_owl2 (s->line), "ask", question, &id);
  if (id) {
    g_hash_table_insert (
        s->asked, g_memdup2 (&id, sizeof id), g_strdup (question));
    return id;
  }
  g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      seen ? "the question can't be asked now"
           : "there is no picture yet to ask about");
  return 0;
}

gboolean
stream_set (Stream *s, const json_t *settings, GError **error)
{
  if (!settings_apply (
          line_owl2 (s->line), s->host->model, settings, &s->prompt, error))
    return FALSE;
  stream_tell (s);
  return TRUE;
}

Pictures *
stream_pictures (Stream *s)
{
  return s->pictures;
}

Viewers *
stream_viewers (Stream *s)
{
  return s->viewers;
}

Calls *
stream_calls (Stream *s)
{
  return s->calls;
}

Captions *
stream_captions (Stream *s)
{
  return s->captions;
}

Recent *
stream_recent (Stream *s)
{
  return s->recent;
}

gint64
stream_began (const Stream *s)
{
  return s->began;
}
