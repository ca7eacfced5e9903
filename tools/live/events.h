/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Server-sent events: what is new, for every browser. One that is too far
 * behind is cut off; it connects again and gets what is of now. All on the main
 * loop's thread. */
#ifndef OWL2_LIVE_EVENTS_H
#define OWL2_LIVE_EVENTS_H

#include <jansson.h>
#include "flow.h"

G_BEGIN_DECLS

typedef struct _Events Events;

Events *events_new (void);
/* Cuts everybody. */
void events_free (Events *events); /* accepts NULL */

/* Sends an event of @kind to all. @data: (transfer full) */
void events_send (Events *events, const char *kind, json_t *data);
/* (transfer full): the same as bytes, with a number of its own. @data:
 * (transfer none) */
GBytes *events_make (Events *events, const char *kind, const json_t *data);
/* One more who listens, and gets @first, GBytes of events_make(), before all
 * else. From within a handler of the server. */
void events_add (
    Events *events, SoupServerMessage *msg, const GPtrArray *first);
guint events_n_clients (const Events *events);
/* Lets go of those who are gone. To be called each few seconds. */
void events_check (Events *events);

G_END_DECLS

#endif
