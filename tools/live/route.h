/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the path of a request means. */
#ifndef OWL2_LIVE_ROUTE_H
#define OWL2_LIVE_ROUTE_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  ROUTE_NONE,
  ROUTE_FILE, /* a part of the page */
  ROUTE_STREAMS,
  ROUTE_EVENTS,
  ROUTE_PICTURE,
  ROUTE_NEWEST,
  ROUTE_FRAME,
  ROUTE_CAPTIONS,
  ROUTE_FILM,
  ROUTE_ASK,
  ROUTE_SETTINGS,
  ROUTE_VIDEO,
} RouteKind;

/**
 * Route:
 * @file, @type: (nullable): of ROUTE_FILE: the resource, and what it is
 * @stream: of all that is below /streams/
 * @answer, @frame: of ROUTE_FRAME
 * @post: it is asked for by POST, not by GET
 */
typedef struct {
  RouteKind kind;
  const char *file, *type;
  guint stream;
  guint64 answer;
  guint frame;
  gboolean post;
} Route;

/* @n_streams: that there are. FALSE: there is no such thing. */
gboolean route_parse (const char *path, guint n_streams, Route *route);

G_END_DECLS

#endif
