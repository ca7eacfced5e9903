/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A source, the model that looks at it, and what comes of both. Its pipeline
 * goes on while sources end and begin again. On the main loop's thread. */
#ifndef OWL2_LIVE_STREAM_H
#define OWL2_LIVE_STREAM_H

#include "calls.h"
#include "captions.h"
#include "events.h"
#include "options.h"
#include "owl2.h"
#include "pictures.h"
#include "recent.h"
#include "shrink.h"
#include "viewers.h"

G_BEGIN_DECLS

/* Characters of a question or a prompt. */
#define STREAM_MAX_TEXT 1000

typedef struct _Stream Stream;

/**
 * StreamHost: what streams share. Borrowed.
 * @model: (nullable): once it is loaded
 * @failed: (nullable): called when a stream fails, which was told; @for_good:
 *   the model or the encoder, not the source, which is tried again
 */
typedef struct {
  const LiveOptions *options;
  Events *events;
  Shrinker *shrinker;
  Owl2Model *model;
  void (*failed) (Stream *stream, gboolean for_good, gpointer user_data);
  gpointer user_data;
} StreamHost;

/* Source number @id of the options. FAILED: an element is missing. */
Stream *stream_new (const StreamHost *host, guint id, GError **error);
void stream_free (Stream *stream); /* accepts NULL */
/* What fails is told by the state, or by StreamHost.failed. */
void stream_start (Stream *stream);
/* There was a picture. */
gboolean stream_has_worked (const Stream *stream);
/* To be called each second: what it costs, and what stands still. */
void stream_tick (Stream *stream);

/* (transfer full): as it is told in `GET /streams`. */
json_t *stream_describe (const Stream *stream);
/* Tells it to all browsers. */
void stream_tell (Stream *stream);
/* Adds events about it and its last answers to @first. */
void stream_replay (Stream *stream, GPtrArray *first);

/* The number of the answer; 0: no. BAD_REQUEST: it is no question; FAILED: it
 * can't be asked now. */
guint64 stream_ask (Stream *stream, const char *question, GError **error);
/* Changes what @settings, an object, names. BAD_REQUEST, with nothing changed.
 */
gboolean stream_set (Stream *stream, const json_t *settings, GError **error);

/* (transfer none) */
Pictures *stream_pictures (Stream *stream);
Viewers *stream_viewers (Stream *stream);
Calls *stream_calls (Stream *stream);
Captions *stream_captions (Stream *stream);
Recent *stream_recent (Stream *stream);
/* When it began; monotonic clock, us. */
gint64 stream_began (const Stream *stream);

G_END_DECLS

#endif
