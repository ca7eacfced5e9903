/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "route.h"

#include <string.h>

#define FILES "/owl2/live/"

static const struct {
  const char *path, *file, *type;
} files[] = {
  { "/", FILES "index.html", "text/html; charset=utf-8" },
  { "/live.css", FILES "live.css", "text/css; charset=utf-8" },
  { "/live.js", FILES "live.js", "text/javascript; charset=utf-8" },
  { "/icon.svg", FILES "icon.svg", "image/svg+xml" },
};

static const struct {
  const char *path;
  RouteKind kind;
  gboolean post;
} of_stream[] = {
  { "picture", ROUTE_PICTURE, FALSE },
  { "newest.jpg", ROUTE_NEWEST, FALSE },
  { "captions.vtt", ROUTE_CAPTIONS, FALSE },
  { "clip.mp4", ROUTE_FILM, FALSE },
  { "ask", ROUTE_ASK, TRUE },
  { "settings", ROUTE_SETTINGS, TRUE },
  { "webrtc", ROUTE_VIDEO, TRUE },
};

/* A number of a path, up to @end, which is passed; written in one way only. */
static gboolean
take_number (const char **p, const char *end, guint64 max, guint64 *number)
{
  const char *stop = strstr (*p, end);
  g_autofree char *digits = stop ? g_strndup (*p, (gsize) (stop - *p)) : NULL;

  if (!digits || (digits[0] == '0' && digits[1])
      || !g_ascii_string_to_unsigned (digits, 10, 0, max, number, NULL))
    return FALSE;
  *p = stop + strlen (end);
  return TRUE;
}

static gboolean
parse_frame (const char *p, Route *route)
{
  guint64 frame;

  if (!take_number (&p, "/", G_MAXINT64, &route->answer)
      || !take_number (&p, ".jpg", G_MAXUINT, &frame) || *p)
    return FALSE;
  route->kind = ROUTE_FRAME;
  route->frame = (guint) frame;
  return TRUE;
}

static gboolean
parse_stream (const char *p, guint n_streams, Route *route)
{
  guint64 stream;

  if (!take_number (&p, "/", G_MAXUINT, &stream) || stream >= n_streams)
    return FALSE;
  route->stream = (guint) stream;
  if (g_str_has_prefix (p, "frames/"))
    return parse_frame (p + strlen ("frames/"), route);
  for (guint i = 0; i < G_N_ELEMENTS (of_stream); i++)
    if (g_str_equal (p, of_stream[i].path)) {
      route->kind = of_stream[i].kind;
      route->post = of_stream[i].post;
    }
  return route->kind != ROUTE_NONE;
}

gboolean
route_parse (const char *path, guint n_streams, Route *route)
{
  memset (route, 0, sizeof *route);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    if (g_str_equal (path, files[i].path)) {
      route->kind = ROUTE_FILE;
      route->file = files[i].file;
      route->type = files[i].type;
    }
  if (g_str_equal (path, "/streams"))
    route->kind = ROUTE_STREAMS;
  else if (g_str_equal (path, "/events"))
    route->kind = ROUTE_EVENTS;
  else if (g_str_has_prefix (path, "/streams/"))
    return parse_stream (path + strlen ("/streams/"), n_streams, route);
  return route->kind != ROUTE_NONE;
}
