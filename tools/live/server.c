/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server.h"

#include <string.h>

#include "film.h"
#include "gate.h"
#include "json_line.h"
#include "json_read.h"
#include "listen.h"
#include "reply.h"
#include "route.h"
#include "settings.h"

/* Bodies of refused requests that are read to their end, so that the refusal
 * can be read, too. */
#define MAX_DRAIN (1024 * 1024)

static const struct {
  const char *name, *value;
} headers[] = {
  { "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; "
      "img-src 'self' blob:; connect-src 'self'; media-src 'self' blob:; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
  { "X-Content-Type-Options", "nosniff" },
  { "X-Frame-Options", "DENY" },
  { "Referrer-Policy", "no-referrer" },
  { "Cross-Origin-Resource-Policy", "same-origin" },
  { "Cross-Origin-Opener-Policy", "same-origin" },
  { "Cache-Control", "no-store" },
};

/* A stream's film that is being made, and who waits for it. */
typedef struct {
  Film *film;
  Waiting *waiting;
  GBytes *mp4; /* (nullable) */
  char *error; /* (nullable) */
} Job;

struct _Server {
  const StreamHost *host;
  const GPtrArray *streams;
  SoupServer *soup;
  Listen *listen;
  Gate *gate;
  Job *jobs; /* (array length=streams->len) */
};

static Stream *
get_stream (Server *server, guint id)
{
  return server->streams->pdata[id];
}

/* ---- refusals ----------------------------------------------------------- */

static GateReason
judge_body (SoupServerMessage *msg, gboolean post)
{
  SoupMessageHeaders *request = soup_server_message_get_request_headers (msg);
  const SoupEncoding encoding = soup_message_headers_get_encoding (request);
  const goffset n = soup_message_headers_get_content_length (request);
  const char *type = soup_message_headers_get_content_type (request, NULL);

  if (encoding == SOUP_ENCODING_CHUNKED)
    return GATE_NO_LENGTH;
  if (!post)
    return n > 0 ? GATE_LENGTH : GATE_OPEN;
  if (!type || g_ascii_strcasecmp (type, "application/json") != 0)
    return GATE_TYPE;
  if (encoding != SOUP_ENCODING_CONTENT_LENGTH)
    return GATE_NO_LENGTH;
  return n > GATE_MAX_BODY ? GATE_LENGTH : GATE_OPEN;
}

static GateReason
judge (
    Server *server, SoupServerMessage *msg, const char *path, GHashTable *query)
{
  const GateReason reason = gate_check (server->gate, msg, query);
  Route route;

  if (reason != GATE_OPEN)
    return reason;
  if (!route_parse (path, server->streams->len, &route))
    return GATE_PATH;
  if (!g_str_equal (
          soup_server_message_get_method (msg), route.post ? "POST" : "GET")) {
    soup_message_headers_replace (
        soup_server_message_get_response_headers (msg), "Allow",
        route.post ? "POST" : "GET");
    return GATE_METHOD;
  }
  return judge_body (msg, route.post);
}

static void
refuse (Server *server, SoupServerMessage *msg, GateReason reason)
{
  SoupMessageHeaders *request = soup_server_message_get_request_headers (msg);
  const gboolean endless =
      soup_message_headers_get_encoding (request) == SOUP_ENCODING_CHUNKED
      || soup_message_headers_get_content_length (request) > MAX_DRAIN;

  gate_tell (server->gate, reason);
  soup_message_body_set_accumulate (
      soup_server_message_get_request_body (msg), FALSE);
  soup_message_headers_replace (
      soup_server_message_get_response_headers (msg), "Connection", "close");
  reply_error (msg, gate_status (reason), gate_text (reason));
  if (endless
      && !(soup_message_headers_get_expectations (request)
           & SOUP_EXPECTATION_CONTINUE)) {
    g_autofree char *text = g_strdup_printf (
        "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        gate_status (reason), soup_status_get_phrase (gate_status (reason)));

    peer_cut_with (msg, text);
  }
}

/* Once the headers are there. */
static void
on_early (SoupServer *soup, SoupServerMessage *msg, const char *path,
    GHashTable *query, gpointer user_data)
{
  SoupMessageHeaders *response = soup_server_message_get_response_headers (msg);
  Server *server = user_data;
  GateReason reason;

  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    soup_message_headers_replace (response, headers[i].name, headers[i].value);
  /* Nothing here is large enough to be wanted in parts. */
  soup_message_headers_remove (
      soup_server_message_get_request_headers (msg), "Range");
  reason = judge (server, msg, path, query);
  if (reason != GATE_OPEN)
    refuse (server, msg, reason);
}

/* What was no request at all. */
static void
on_request_end (SoupServer *soup, SoupServerMessage *msg, gpointer user_data)
{
  Server *server = user_data;

  if (soup_server_message_get_status (msg) == SOUP_STATUS_BAD_REQUEST
      && !soup_server_message_get_uri (msg))
    gate_tell (server->gate, GATE_MALFORMED);
}

/* ---- the page ----------------------------------------------------------- */

/* A browser does not bring a strict cookie where it was sent on by somebody
 * else's link, so this page sends it on instead. */
static void
welcome (Server *server, SoupServerMessage *msg)
{
  static const char page[] =
      "<!DOCTYPE html><meta charset=\"utf-8\">"
      "<meta http-equiv=\"refresh\" content=\"0;url=/\"><title>owl2</title>"
      "<p><a href=\"/\">owl2-live</a>\n";
  g_autoptr (GBytes) bytes = g_bytes_new_static (page, sizeof page - 1);
  g_autofree char *cookie = gate_cookie (server->gate);

  soup_message_headers_replace (
      soup_server_message_get_response_headers (msg), "Set-Cookie", cookie);
  reply_bytes (msg, "text/html; charset=utf-8", bytes);
}

static void
reply_file (SoupServerMessage *msg, const Route *route)
{
  g_autoptr (GBytes) bytes =
      g_resources_lookup_data (route->file, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  if (bytes)
    reply_bytes (msg, route->type, bytes);
  else
    reply_error (msg, SOUP_STATUS_NOT_FOUND, gate_text (GATE_PATH));
}

/* ---- all streams -------------------------------------------------------- */

static void
reply_streams (Server *server, SoupServerMessage *msg)
{
  json_t *told = json_object (), *streams = json_array ();
  Owl2ModelInfo info = { NULL };

  if (server->host->model)
    owl2_model_get_info (server->host->model, &info);
  for (guint i = 0; i < server->streams->len; i++)
    json_array_append_new (streams, stream_describe (get_stream (server, i)));
  json_object_set_new (
      told, "model", json_line_string (info.name ? info.name : ""));
  json_object_set_new (
      told, "device", json_line_string (info.device ? info.device : ""));
  json_object_set_new (told, "webrtc", json_boolean (!calls_missing ()));
  json_object_set_new (told, "streams", streams);
  reply_json (msg, SOUP_STATUS_OK, told);
}

static void
add_listener (Server *server, SoupServerMessage *msg)
{
  g_autoptr (GPtrArray) first =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (guint i = 0; i < server->streams->len; i++)
    stream_replay (get_stream (server, i), first);
  events_add (server->host->events, msg, first);
}

/* ---- pictures ----------------------------------------------------------- */

static void
reply_newest (Stream *stream, SoupServerMessage *msg)
{
  g_autoptr (Picture) picture = pictures_newest (stream_pictures (stream));

  if (picture)
    reply_bytes (msg, "image/jpeg", picture->jpeg);
  else
    reply_error (
        msg, SOUP_STATUS_SERVICE_UNAVAILABLE, "there is no picture yet");
}

/* @what: GStreamer has not */
static void
reply_missing (SoupServerMessage *msg, const char *what)
{
  g_autofree char *text =
      g_strdup_printf ("GStreamer has no %s installed", what);

  reply_error (msg, SOUP_STATUS_NOT_IMPLEMENTED, text);
}

/* ---- downloads ---------------------------------------------------------- */

static void
reply_captions (Stream *stream, SoupServerMessage *msg)
{
  g_autoptr (GBytes) vtt =
      captions_vtt (stream_captions (stream), stream_began (stream));

  reply_download (msg, "text/vtt; charset=utf-8", vtt, "captions.vtt");
}

static void
reply_job (SoupServerMessage *msg, gpointer user_data)
{
  Job *job = user_data;

  if (job->mp4)
    reply_download (msg, "video/mp4", job->mp4, "clip.mp4");
  else
    reply_error (msg, SOUP_STATUS_INTERNAL_SERVER_ERROR,
        job->error ? job->error : "it was not made");
}

static void
end_job (Job *job)
{
  g_clear_pointer (&job->film, film_free);
  if (job->waiting)
    waiting_end (g_steal_pointer (&job->waiting), reply_job, job);
  g_clear_pointer (&job->mp4, g_bytes_unref);
  g_clear_pointer (&job->error, g_free);
}

static void
on_film (GBytes *mp4, const GError *error, gpointer user_data)
{
  Job *job = user_data;

  job->mp4 = mp4 ? g_bytes_ref (mp4) : NULL;
  job->error = error ? g_strdup (error->message) : NULL;
  end_job (job);
}

static gboolean
begin_film (Job *job, Stream *stream, GError **error)
{
  g_autoptr (GPtrArray) pictures = pictures_all (stream_pictures (stream));
  g_autoptr (GPtrArray) captions = captions_between (stream_captions (stream),
      pictures->len ? ((Picture *) pictures->pdata[0])->taken : 0,
      g_get_monotonic_time ());

  job->film = film_make (pictures, captions, on_film, job, error);
  if (job->film)
    job->waiting = waiting_new ();
  return job->film != NULL;
}

/* Who asks while one is made gets the same. */
static void
reply_film (Server *server, Stream *stream, guint id, SoupServerMessage *msg)
{
  g_autoptr (GError) error = NULL;
  const char *missing = film_missing ();
  Job *job = &server->jobs[id];

  if (missing) {
    reply_missing (msg, missing);
    return;
  }
  if (!job->film && !begin_film (job, stream, &error)) {
    reply_error (msg, SOUP_STATUS_SERVICE_UNAVAILABLE, error->message);
    return;
  }
  waiting_add (job->waiting, msg);
}

/* ---- what changes something --------------------------------------------- */

/* (transfer full) (nullable): NULL: it was answered */
static json_t *
take_object (SoupServerMessage *msg)
{
  g_autoptr (GBytes) body =
      soup_message_body_flatten (soup_server_message_get_request_body (msg));
  gsize n;
  const char *text = g_bytes_get_data (body, &n);
  json_error_t why;
  json_t *object =
      json_read (text ? text : "", n, JSON_REJECT_DUPLICATES, &why);
  g_autofree char *error = NULL;

  if (json_is_object (object))
    return object;
  error = object ? g_strdup ("the body is no JSON object")
                 : g_strdup_printf ("the body is no JSON: %s", why.text);
  json_decref (object);
  reply_error (msg, SOUP_STATUS_BAD_REQUEST, error);
  return NULL;
}

static void
reply_ask (Stream *stream, SoupServerMessage *msg)
{
  json_t *object = take_object (msg), *told;
  g_autoptr (GError) error = NULL;
  g_autofree char *question = NULL;
  guint64 id;

  if (!object)
    return;
  question = settings_text (json_object_get (object, "question"), "question",
      STREAM_MAX_TEXT, &error);
  json_decref (object);
  if (!question) {
    reply_error (msg, SOUP_STATUS_BAD_REQUEST, error->message);
    return;
  }
  id = stream_ask (stream, question, &error);
  if (!id) {
    reply_error (msg, SOUP_STATUS_CONFLICT, error->message);
    return;
  }
  told = json_object ();
  json_object_set_new (told, "id", json_integer ((json_int_t) id));
  reply_json (msg, SOUP_STATUS_OK, told);
}

static void
reply_settings (Stream *stream, SoupServerMessage *msg)
{
  json_t *object = take_object (msg);
  g_autoptr (GError) error = NULL;

  if (!object)
    return;
  if (stream_set (stream, object, &error))
    reply_json (msg, SOUP_STATUS_OK, stream_describe (stream));
  else
    reply_error (msg, SOUP_STATUS_BAD_REQUEST, error->message);
  json_decref (object);
}

static void
reply_video (Stream *stream, SoupServerMessage *msg)
{
  json_t *object = take_object (msg);
  const char *missing = calls_missing (), *sdp;

  if (!object)
    return;
  sdp = json_string_value (json_object_get (object, "sdp"));
  if (missing)
    reply_missing (msg, missing);
  else if (sdp)
    calls_add (stream_calls (stream), msg, sdp);
  else
    reply_error (msg, SOUP_STATUS_BAD_REQUEST, "there is no sdp");
  json_decref (object);
}

/* ---- requests ----------------------------------------------------------- */

static void
reply_of_stream (Server *server, SoupServerMessage *msg, const Route *route)
{
  Stream *stream = get_stream (server, route->stream);

  switch (route->kind) {
    case ROUTE_PICTURE:
      viewers_add (stream_viewers (stream), msg);
      break;
    case ROUTE_NEWEST:
      reply_newest (stream, msg);
      break;
    case ROUTE_FRAME:
      small_reply (
          recent_find (stream_recent (stream), route->answer, route->frame),
          msg);
      break;
    case ROUTE_CAPTIONS:
      reply_captions (stream, msg);
      break;
    case ROUTE_FILM:
      reply_film (server, stream, route->stream, msg);
      break;
    case ROUTE_ASK:
      reply_ask (stream, msg);
      break;
    case ROUTE_SETTINGS:
      reply_settings (stream, msg);
      break;
    case ROUTE_VIDEO:
      reply_video (stream, msg);
      break;
    default:
      break;
  }
}

/* Once all of it is there, and nobody has refused it. */
static void
on_request (SoupServer *soup, SoupServerMessage *msg, const char *path,
    GHashTable *query, gpointer user_data)
{
  Server *server = user_data;
  Route route;

  if (!route_parse (path, server->streams->len, &route))
    reply_error (msg, SOUP_STATUS_NOT_FOUND, gate_text (GATE_PATH));
  else if (g_str_equal (path, "/")
           && gate_has_query_token (server->gate, query))
    welcome (server, msg);
  else if (route.kind == ROUTE_FILE)
    reply_file (msg, &route);
  else if (route.kind == ROUTE_STREAMS)
    reply_streams (server, msg);
  else if (route.kind == ROUTE_EVENTS)
    add_listener (server, msg);
  else
    reply_of_stream (server, msg, &route);
}

static gboolean
on_connection (GSocketConnection *connection, gpointer user_data)
{
  Server *server = user_data;

  if (peer_accept (server->soup, connection))
    return TRUE;
  gate_tell (server->gate, GATE_CROWD);
  return FALSE;
}

/* ---- servers ------------------------------------------------------------ */

Server *
server_new (const StreamHost *host, const GPtrArray *streams, GError **error)
{
  Server *server = g_new0 (Server, 1);

  server->host = host;
  server->streams = streams;
  server->soup = soup_server_new (NULL, NULL);
  server->jobs = g_new0 (Job, streams->len);
  server->listen = listen_new (host->options, on_connection, server, error);
  if (!server->listen) {
    server_free (server);
    return NULL;
  }
  server->gate = gate_new (host->options->address, listen_port (server->listen),
      listen_token (server->listen));
  soup_server_add_early_handler (server->soup, NULL, on_early, server, NULL);
  soup_server_add_handler (server->soup, NULL, on_request, server, NULL);
  g_signal_connect (
      server->soup, "request-finished", G_CALLBACK (on_request_end), server);
  g_signal_connect (
      server->soup, "request-aborted", G_CALLBACK (on_request_end), server);
  return server;
}

void
server_close (Server *server)
{
  if (!server)
    return;
  g_clear_pointer (&server->listen, listen_free);
  soup_server_remove_handler (server->soup, NULL);
  for (guint i = 0; i < server->streams->len; i++)
    end_job (&server->jobs[i]);
}

void
server_free (Server *server)
{
  if (!server)
    return;
  listen_free (server->listen);
  soup_server_disconnect (server->soup);
  g_object_unref (server->soup);
  gate_free (server->gate);
  g_free (server->jobs);
  g_free (server);
}

const char *
server_link (const Server *server)
{
  return listen_link (server->listen);
}
