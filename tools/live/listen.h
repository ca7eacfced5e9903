/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The port that is listened on, and the link that leads there. */
#ifndef OWL2_LIVE_LISTEN_H
#define OWL2_LIVE_LISTEN_H

#include <gio/gio.h>

#include "options.h"

G_BEGIN_DECLS

typedef struct _Listen Listen;

/* Called in the main loop for each new connection; FALSE: it is closed. */
typedef gboolean (*ListenFunc) (
    GSocketConnection *connection, gpointer user_data);

/* On the address and port of @options. FAILED: they can't be had. */
Listen *listen_new (const LiveOptions *options, ListenFunc func,
    gpointer user_data, GError **error);
void listen_free (Listen *listen); /* accepts NULL */

guint16 listen_port (const Listen *listen);
/* (nullable): what a request needs where others can reach the port. */
const char *listen_token (const Listen *listen);
const char *listen_link (const Listen *listen);

G_END_DECLS

#endif
