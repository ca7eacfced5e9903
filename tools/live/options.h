/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of owl2-live. */
#ifndef OWL2_LIVE_OPTIONS_H
#define OWL2_LIVE_OPTIONS_H

#include <gio/gio.h>

#include "common.h"

G_BEGIN_DECLS

/* Sources at a time: each has an encoder and a part of the model's time. */
#define LIVE_MAX_SOURCES 16

/**
 * LiveOptions:
 * @port: 0: any that is free
 * @address: that is listened on
 * @open: it is one that the user named, so that there is a token
 * @every: ns from one caption to the next
 * @frames: of a caption
 * @uris: (array length=n_sources): NULL is the test picture
 * @names: (array length=n_sources): as the user wrote them
 */
typedef struct {
  int port;
  char *listen;
  GInetAddress *address;
  gboolean open;
  CommonOptions common;
  char *prompt, *recipe;
  double every_s;
  guint64 every;
  int frames;
  gint64 max_pixels;
  gboolean verbose;
  char **rest;
  char **uris, **names;
  guint n_sources;
} LiveOptions;

gboolean live_options_parse (
    LiveOptions *o, int *argc, char ***argv, GError **error);
void live_options_clear (LiveOptions *o);

G_END_DECLS

#endif
