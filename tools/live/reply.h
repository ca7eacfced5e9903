/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Responses that have an end, at once or later. All on the main loop's thread.
 */
#ifndef OWL2_LIVE_REPLY_H
#define OWL2_LIVE_REPLY_H

#include <jansson.h>
#include <libsoup/soup.h>

G_BEGIN_DECLS

/* @type: a constant */
void reply_bytes (SoupServerMessage *msg, const char *type, GBytes *bytes);
/* The same as a download. @name: of the file; plain letters */
void reply_download (
    SoupServerMessage *msg, const char *type, GBytes *bytes, const char *name);
/* @value: (transfer full) */
void reply_json (SoupServerMessage *msg, guint status, json_t *value);
/* {"error": @text} */
void reply_error (SoupServerMessage *msg, guint status, const char *text);

/* Requests that wait for the same thing. */
typedef struct _Waiting Waiting;
/* Answers one of them by a function above. */
typedef void (*WaitingFunc) (SoupServerMessage *msg, gpointer user_data);

Waiting *waiting_new (void);
/* One more; from within a handler of the server. Who goes away is forgotten. */
void waiting_add (Waiting *waiting, SoupServerMessage *msg);
/* It is there: answers all, and frees @waiting. */
void waiting_end (Waiting *waiting, WaitingFunc func, gpointer user_data);

G_END_DECLS

#endif
