/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A response without an end, such as pictures or events, and the connection
 * that it goes over. All on the main loop's thread. */
#ifndef OWL2_LIVE_FLOW_H
#define OWL2_LIVE_FLOW_H

#include <gio/gio.h>
#include <libsoup/soup.h>

G_BEGIN_DECLS

/* ---- connections -------------------------------------------------------- */

/* Connections at a time; more are closed as they come. */
#define PEERS_MAX 600

/* Hands a new connection to @server; FALSE: there are too many. It is cut when
 * nothing moves on it for half a minute. */
gboolean peer_accept (SoupServer *server, GSocketConnection *connection);
/* Ends the connection of a request at once, whatever is still to be sent. */
void peer_cut (SoupServerMessage *msg);
/* Sends @text as far as the connection takes it at once, then ends it. */
void peer_cut_with (SoupServerMessage *msg, const char *text);
/* Nobody is at its other end any more. */
gboolean peer_is_gone (SoupServerMessage *msg);

/* ---- flows -------------------------------------------------------------- */

typedef struct _Flow Flow;
typedef void (*FlowFunc) (Flow *flow, gpointer user_data);

/**
 * flow_begin: answers @msg with a body of @type that ends with the connection.
 * @written: (nullable): called whenever all that was sent is on its way; it may
 *   call flow_send()
 * @ended: called once when the connection is gone or cut, after which the flow
 *   is freed
 *
 * From within a handler of the server.
 */
Flow *flow_begin (SoupServerMessage *msg, const char *type, FlowFunc written,
    FlowFunc ended, gpointer user_data);
void flow_send (Flow *flow, GBytes *bytes);
/* Bytes that the connection has not taken yet. */
gsize flow_pending (const Flow *flow);
/* Ends it, if its other end is gone; the rest goes on. */
void flow_check (Flow *flow);
/* Ends it, soon: @ended is called. */
void flow_cut (Flow *flow);

G_END_DECLS

#endif
