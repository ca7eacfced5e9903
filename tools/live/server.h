/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The page and what it asks for, by HTTP. On the main loop's thread. */
#ifndef OWL2_LIVE_SERVER_H
#define OWL2_LIVE_SERVER_H

#include "stream.h"

G_BEGIN_DECLS

typedef struct _Server Server;

/**
 * server_new: listens as the options of @host say.
 * @streams: Stream, by number. Borrowed, as is @host
 *
 * FAILED: the address can't be had.
 */
Server *server_new (
    const StreamHost *host, const GPtrArray *streams, GError **error);
/* Nobody is answered any more. Before the streams are freed. */
void server_close (Server *server); /* accepts NULL */
/* After them, when the main loop has let go of those who looked at them. */
void server_free (Server *server); /* accepts NULL */
/* (transfer none): the address that a browser opens, with the token if there is
 * one. */
const char *server_link (const Server *server);

G_END_DECLS

#endif
