/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listen.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base.h"
#include "gate.h"

struct _Listen {
  GSocketService *service;
  guint16 port;
  char *token; /* (nullable) */
  char *link;
  ListenFunc func;
  gpointer user_data;
};

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection,
    GObject *source, gpointer user_data)
{
  Listen *listen = user_data;

  if (!listen->func (connection, listen->user_data))
    g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  return TRUE;
}

/* ---- the link ----------------------------------------------------------- */

/* (transfer full) (nullable): what @interface is reached by from elsewhere. */
static GInetAddress *
outer_address (const struct ifaddrs *interface, GSocketFamily family)
{
  g_autoptr (GSocketAddress) address = NULL;
  GInetAddress *inet;

  if (!interface->ifa_addr || !(interface->ifa_flags & IFF_UP)
      || interface->ifa_addr->sa_family != (int) family)
    return NULL;
  address = g_socket_address_new_from_native (interface->ifa_addr,
      family == G_SOCKET_FAMILY_IPV6 ? sizeof (struct sockaddr_in6)
                                     : sizeof (struct sockaddr_in));
  if (!G_IS_INET_SOCKET_ADDRESS (address))
    return NULL;
  inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  return g_inet_address_get_is_loopback (inet)
                 || g_inet_address_get_is_link_local (inet)
             ? NULL
             : g_object_ref (inet);
}

/* (transfer full): one that a browser can open, where @address is all of them.
 */
static GInetAddress *
shown_address (GInetAddress *address)
{
  const GSocketFamily family = g_inet_address_get_family (address);
  struct ifaddrs *all = NULL;
  GInetAddress *found = NULL;

  if (!g_inet_address_get_is_any (address))
    return g_object_ref (address);
  if (getifaddrs (&all) == 0)
    for (struct ifaddrs *one = all; one && !found; one = one->ifa_next)
      found = outer_address (one, family);
  if (all)
    freeifaddrs (all);
  return found ? found : g_inet_address_new_loopback (family);
}

static char *
make_link (const LiveOptions *options, guint16 port, const char *token)
{
  g_autoptr (GInetAddress) address = shown_address (options->address);
  g_autofree char *host = g_inet_address_to_string (address);

  return g_strdup_printf (
      strchr (host, ':') ? "http://[%s]:%u/%s%s" : "http://%s:%u/%s%s", host,
      (guint) port, token ? "?token=" : "", token ? token : "");
}

/* ---- listening ---------------------------------------------------------- */

static gboolean
add_address (Listen *listen, const LiveOptions *options, GError **error)
{
  g_autoptr (GSocketAddress) wanted =
      g_inet_socket_address_new (options->address, (guint16) options->port);
  g_autoptr (GSocketAddress) got = NULL;
  g_autoptr (GError) why = NULL;
  g_autofree char *host = g_inet_address_to_string (options->address);

  if (g_socket_listener_add_address (G_SOCKET_LISTENER (listen->service),
          wanted, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, &got,
          &why)) {
    listen->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (got));
    return TRUE;
  }
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "can't listen on %s, port %d: %s%s", host, options->port, why->message,
      g_error_matches (why, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE)
          ? "; --port 0 takes any that is free"
          : "");
  return FALSE;
}

Listen *
listen_new (const LiveOptions *options, ListenFunc func, gpointer user_data,
    GError **error)
{
  Listen *listen = g_new0 (Listen, 1);

  listen->func = func;
  listen->user_data = user_data;
  listen->service = g_socket_service_new ();
  if (!add_address (listen, options, error)
      || (options->open && !(listen->token = gate_make_token (error)))) {
    listen_free (listen);
    return NULL;
  }
  listen->link = make_link (options, listen->port, listen->token);
  g_signal_connect (
      listen->service, "incoming", G_CALLBACK (on_incoming), listen);
  return listen;
}

void
listen_free (Listen *listen)
{
  if (!listen)
    return;
  g_signal_handlers_disconnect_by_data (listen->service, listen);
  g_socket_service_stop (listen->service);
  g_socket_listener_close (G_SOCKET_LISTENER (listen->service));
  g_object_unref (listen->service);
  g_free (listen->token);
  g_free (listen->link);
  g_free (listen);
}

guint16
listen_port (const Listen *listen)
{
  return listen->port;
}

const char *
listen_token (const Listen *listen)
{
  return listen->token;
}

const char *
listen_link (const Listen *listen)
{
  return listen->link;
}
