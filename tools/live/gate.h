/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a request is answered at all: it has to name this server (so that no
 * name of somebody else's that leads here does), to come from its own page, and
 * to bring the token where there is one. */
#ifndef OWL2_LIVE_GATE_H
#define OWL2_LIVE_GATE_H

#include <gio/gio.h>
#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Bytes of a request's body. */
#define GATE_MAX_BODY (16 * 1024)

/* Why a request is refused. */
typedef enum {
  GATE_OPEN, /* it is not */
  GATE_MALFORMED,
  GATE_HOST,
  GATE_ORIGIN,
  GATE_TOKEN,
  GATE_PATH,
  GATE_METHOD,
  GATE_TYPE,
  GATE_NO_LENGTH,
  GATE_LENGTH,
  GATE_CROWD,
  GATE_N_REASONS
} GateReason;

typedef struct _Gate Gate;

/* For a server that listens on @address and @port. @token: (nullable): NULL:
 * none is needed. */
Gate *gate_new (GInetAddress *address, guint16 port, const char *token);
void gate_free (Gate *gate); /* accepts NULL */

/* (transfer full): a token that nobody guesses; NULL: the system has no random
 * numbers. */
char *gate_make_token (GError **error);

/* Of a request whose headers are there; where it goes and how is not looked at.
 * @query: (nullable) */
GateReason gate_check (
    const Gate *gate, SoupServerMessage *msg, GHashTable *query);
/* The query of this request has the token. */
gboolean gate_has_query_token (const Gate *gate, GHashTable *query);
/* (transfer full): the header that makes a browser bring the token. */
char *gate_cookie (const Gate *gate);
/* Whether it asks for a page, as a link from anywhere does, not for a part of
 * one. */
gboolean gate_is_navigation (SoupServerMessage *msg);

/* The status and the words of a refusal. */
guint gate_status (GateReason reason);
const char *gate_text (GateReason reason);
/* Tells of it on standard error: once of each kind. */
void gate_tell (Gate *gate, GateReason reason);

G_END_DECLS

#endif
