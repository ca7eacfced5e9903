/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last answers about a stream, for browsers that come later, with small
 * pictures of their frames. On the main loop's thread. */
#ifndef OWL2_LIVE_RECENT_H
#define OWL2_LIVE_RECENT_H

#include <gst/gst.h>

#include "events.h"
#include "pictures.h"
#include "shrink.h"

G_BEGIN_DECLS

#define RECENT_ANSWERS 20
/* Pictures of an answer that are kept, evenly of those that it is about. */
#define RECENT_FRAMES 8

typedef struct _Recent Recent;

/* Of the stream with this number. */
Recent *recent_new (guint stream);
void recent_free (Recent *recent); /* accepts NULL */

/**
 * recent_add:
 * @answer: fields of a final `owl2-answer`
 * @question: (nullable): somebody's; NULL: it is a caption
 * @pictures: where its frames are
 *
 * Returns: (transfer none): what browsers are told of it
 */
json_t *recent_add (Recent *recent, const GstStructure *answer,
    const char *question, Pictures *pictures, Shrinker *shrinker);
/* Adds events about them to @first, as events_add() takes them. */
void recent_replay (Recent *recent, Events *events, GPtrArray *first);
/* (nullable): a picture of an answer. */
Small *recent_find (Recent *recent, guint64 answer, guint frame);

G_END_DECLS

#endif
