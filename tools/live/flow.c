/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "flow.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Seconds that a connection may stand still. */
#define STILL_S 30
/* What the system keeps for a connection that is not read: the less, the newer
 * is what it gets next. */
#define SEND_BYTES (128 * 1024)
#define SOCKET "owl2-live-socket"

/* ---- connections -------------------------------------------------------- */

static guint n_peers;

static void
forget_peer (gpointer user_data, GObject *connection)
{
  n_peers--;
}

/* A peer that lost its power sends nothing any more, also no end. */
static void
set_up (GSocket *socket)
{
  g_socket_set_timeout (socket, STILL_S);
  g_socket_set_keepalive (socket, TRUE);
  g_socket_set_option (socket, SOL_SOCKET, SO_SNDBUF, SEND_BYTES, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPIDLE, STILL_S, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPINTVL, STILL_S / 3, NULL);
  /* Also what has been closed here and is still to be sent. */
  g_socket_set_option (
      socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 2 * STILL_S * 1000, NULL);
}

gboolean
peer_accept (SoupServer *server, GSocketConnection *connection)
{
  GSocket *socket = g_socket_connection_get_socket (connection);
  g_autoptr (GSocketAddress) local =
      g_socket_connection_get_local_address (connection, NULL);
  g_autoptr (GSocketAddress) remote =
      g_socket_connection_get_remote_address (connection, NULL);

  if (!local || !remote)
    return TRUE; /* it is gone already */
  if (n_peers >= PEERS_MAX)
    return FALSE;
  n_peers++;
  g_object_weak_ref (G_OBJECT (connection), forget_peer, NULL);
  set_up (socket);
  /* The one thing of ours that a request has. */
  g_object_set_data_full (
      G_OBJECT (remote), SOCKET, g_object_ref (socket), g_object_unref);
  return soup_server_accept_iostream (
      server, G_IO_STREAM (connection), local, remote, NULL);
}

/* (nullable) */
static GSocket *
peer_socket (SoupServerMessage *msg)
{
  GSocketAddress *remote = soup_server_message_get_remote_address (msg);

  return remote ? g_object_get_data (G_OBJECT (remote), SOCKET) : NULL;
}

/* When it ends, what it has not taken is not kept for it. */
static void
reset_at_end (GSocket *socket)
{
  const struct linger none = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (
      g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void
peer_cut (SoupServerMessage *msg)
{
  GSocket *socket = peer_socket (msg);

  if (socket)
    g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

void
peer_cut_with (SoupServerMessage *msg, const char *text)
{
  GSocket *socket = peer_socket (msg);

  if (socket)
    g_socket_send_with_blocking (
        socket, text, strlen (text), FALSE, NULL, NULL);
  peer_cut (msg);
}

gboolean
peer_is_gone (SoupServerMessage *msg)
{
  GSocket *socket = peer_socket (msg);
  char byte;

  return !socket || g_socket_is_closed (socket)
         || g_socket_condition_check (socket, G_IO_ERR | G_IO_HUP)
         || recv (g_socket_get_fd (socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT)
                == 0;
}

/* ---- flows -------------------------------------------------------------- */

struct _Flow {
  SoupServerMessage *msg;
  gsize pending;
  gboolean writing; /* within libsoup's own loop, which goes on by itself */
  gboolean cut;
  FlowFunc written, ended;
  gpointer user_data;
};

static void
on_body_data (SoupServerMessage *msg, guint n, gpointer user_data)
{
  Flow *flow = user_data;

  flow->pending -= MIN (n, flow->pending);
}

static void
on_chunk (SoupServerMessage *msg, gpointer user_data)
{
  Flow *flow = user_data;

  if (flow->pending || flow->cut || !flow->written)
    return;
  flow->writing = TRUE;
  flow->written (flow, flow->user_data);
  flow->writing = FALSE;
}

static void
on_finished (SoupServerMessage *msg, gpointer user_data)
{
  Flow *flow = user_data;

  g_signal_handlers_disconnect_by_data (msg, flow);
  flow->ended (flow, flow->user_data);
  g_object_unref (flow->msg);
  g_free (flow);
}

Flow *
flow_begin (SoupServerMessage *msg, const char *type, FlowFunc written,
    FlowFunc ended, gpointer user_data)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  GSocket *socket = peer_socket (msg);
  Flow *flow = g_new0 (Flow, 1);

  if (socket)
    reset_at_end (socket);
  flow->msg = g_object_ref (msg);
  flow->written = written;
  flow->ended = ended;
  flow->user_data = user_data;
  soup_server_message_set_status (msg, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (headers, type, NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_EOF);
  soup_message_body_set_accumulate (
      soup_server_message_get_response_body (msg), FALSE);
  g_signal_connect (msg, "wrote-body-data", G_CALLBACK (on_body_data), flow);
  g_signal_connect (msg, "wrote-chunk", G_CALLBACK (on_chunk), flow);
  g_signal_connect (msg, "finished", G_CALLBACK (on_finished), flow);
  return flow;
}

void
flow_send (Flow *flow, GBytes *bytes)
{
  if (flow->cut)
    return;
  flow->pending += g_bytes_get_size (bytes);
  soup_message_body_append_bytes (
      soup_server_message_get_response_body (flow->msg), bytes);
  if (!flow->writing)
    soup_server_message_unpause (flow->msg);
}

gsize
flow_pending (const Flow *flow)
{
  return flow->pending;
}

void
flow_check (Flow *flow)
{
  if (!flow->cut && peer_is_gone (flow->msg))
    flow_cut (flow);
}

/* Where it waits for room, that is over now; where it waits for us, it goes on
 * and finds the connection shut. */
void
flow_cut (Flow *flow)
{
  if (flow->cut)
    return;
  flow->cut = TRUE;
  peer_cut (flow->msg);
  soup_message_body_complete (
      soup_server_message_get_response_body (flow->msg));
  soup_server_message_unpause (flow->msg);
}
