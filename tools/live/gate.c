/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base.h"
#include "program.h"

#define TOKEN_BYTES 16

struct _Gate {
  char **hosts; /* names of this server, as headers have them */
  gboolean any; /* it has every address of the machine */
  guint16 port;
  char *token; /* (nullable) */
  char *cookie;
  gboolean told[GATE_N_REASONS];
};

static const struct {
  guint status;
  const char *text;
} reasons[GATE_N_REASONS] = {
  [GATE_OPEN] = { SOUP_STATUS_OK, "" },
  [GATE_MALFORMED] = { SOUP_STATUS_BAD_REQUEST, "a request is malformed" },
  [GATE_HOST] = { SOUP_STATUS_MISDIRECTED_REQUEST,
      "a request names another host than this server" },
  [GATE_ORIGIN] = { SOUP_STATUS_FORBIDDEN,
      "a request comes from another page than this server's" },
  [GATE_TOKEN] = { SOUP_STATUS_FORBIDDEN,
      "a request has not the token; the link that owl2-live printed has it" },
  [GATE_PATH] = { SOUP_STATUS_NOT_FOUND, "a request is for what is not here" },
  [GATE_METHOD] = { SOUP_STATUS_METHOD_NOT_ALLOWED,
      "a request has a method that is not for it" },
  [GATE_TYPE] = { SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE,
      "a request's body is not application/json" },
  [GATE_NO_LENGTH] = { SOUP_STATUS_LENGTH_REQUIRED,
      "a request's body has no length" },
  [GATE_LENGTH] = { SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
      "a request's body is larger than 16 KiB, or has no place" },
  [GATE_CROWD] = { SOUP_STATUS_SERVICE_UNAVAILABLE,
      "there are too many connections" },
};

/* ---- names -------------------------------------------------------------- */

static void
add_host (GPtrArray *hosts, const char *host, guint16 port)
{
  const gboolean is_ipv6 = strchr (host, ':') != NULL;

  g_ptr_array_add (hosts,
      g_strdup_printf (is_ipv6 ? "[%s]:%u" : "%s:%u", host, (guint) port));
  if (port == 80) /* which browsers leave out */
    g_ptr_array_add (hosts, g_strdup_printf (is_ipv6 ? "[%s]" : "%s", host));
}

Gate *
gate_new (GInetAddress *address, guint16 port, const char *token)
{
  g_autofree char *own = g_inet_address_to_string (address);
  GPtrArray *hosts = g_ptr_array_new ();
  Gate *gate = g_new0 (Gate, 1);

  add_host (hosts, "127.0.0.1", port);
  add_host (hosts, "localhost", port);
  add_host (hosts, "::1", port);
  add_host (hosts, own, port);
  g_ptr_array_add (hosts, NULL);
  gate->hosts = (char **) g_ptr_array_free (hosts, FALSE);
  gate->any = g_inet_address_get_is_any (address);
  gate->port = port;
  gate->token = g_strdup (token);
  gate->cookie = g_strdup_printf ("owl2-live-%u", (guint) port);
  return gate;
}

void
gate_free (Gate *gate)
{
  if (!gate)
    return;
  g_strfreev (gate->hosts);
  g_free (gate->token);
  g_free (gate->cookie);
  g_free (gate);
}

/* A number is no name, which somebody else could lead here. */
static gboolean
is_number (const Gate *gate, const char *host)
{
  const char *colon = strrchr (host, ':');
  gsize n = colon ? (gsize) (colon - host) : 0;
  g_autofree char *number = NULL;
  guint64 port;

  if (!colon
      || !g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL)
      || port != gate->port)
    return FALSE;
  if (n >= 2 && host[0] == '[' && host[n - 1] == ']')
    number = g_strndup (host + 1, n - 2);
  else
    number = g_strndup (host, n);
  return g_hostname_is_ip_address (number);
}

static gboolean
is_own_host (const Gate *gate, const char *host)
{
  for (char **own = gate->hosts; *own; own++)
    if (g_ascii_strcasecmp (host, *own) == 0)
      return TRUE;
  return gate->any && is_number (gate, host);
}

/* ---- tokens ------------------------------------------------------------- */

char *
gate_make_token (GError **error)
{
  guint8 bytes[TOKEN_BYTES];
  GString *token;

  if (getrandom (bytes, sizeof bytes, 0) != (gssize) sizeof bytes) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "the system gives no random numbers: %s", g_strerror (errno));
    return NULL;
  }
  token = g_string_new (NULL);
  for (guint i = 0; i < sizeof bytes; i++)
    g_string_append_printf (token, "%02x", bytes[i]);
  return g_string_free (token, FALSE);
}

/* In a time that says nothing of where they differ. */
static gboolean
is_token (const Gate *gate, const char *text, gsize n)
{
  guint8 differs = 0;

  if (n != 2 * TOKEN_BYTES)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    differs |= (guint8) (text[i] ^ gate->token[i]);
  return differs == 0;
}

gboolean
gate_has_query_token (const Gate *gate, GHashTable *query)
{
  const char *token = query ? g_hash_table_lookup (query, "token") : NULL;

  return gate->token && token && is_token (gate, token, strlen (token));
}

static gboolean
has_cookie (const Gate *gate, SoupMessageHeaders *headers)
{
  const char *list = soup_message_headers_get_list (headers, "Cookie");
  g_auto (GStrv) cookies = list ? g_strsplit_set (list, ";,", 64) : NULL;
  const gsize n = strlen (gate->cookie);

  for (guint i = 0; cookies && cookies[i]; i++) {
    const char *cookie = g_strstrip (cookies[i]);

    if (g_str_has_prefix (cookie, gate->cookie) && cookie[n] == '='
        && is_token (gate, cookie + n + 1, strlen (cookie + n + 1)))
      return TRUE;
  }
  return FALSE;
}

char *
gate_cookie (const Gate *gate)
{
  return g_strdup_printf (
      "%s=%s; Path=/; HttpOnly; SameSite=Strict", gate->cookie, gate->token);
}

/* ---- requests ----------------------------------------------------------- */

gboolean
gate_is_navigation (SoupServerMessage *msg)
{
  const char *mode = soup_message_headers_get_one (
      soup_server_message_get_request_headers (msg), "Sec-Fetch-Mode");

  return !mode || g_str_equal (mode, "navigate");
}

/* Browsers say where a request comes from: all of them with one that changes
 * something, those of today with every one. */
static gboolean
is_own_origin (SoupServerMessage *msg, const char *host)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  const char *origin = soup_message_headers_get_list (headers, "Origin");
  const char *site = soup_message_headers_get_list (headers, "Sec-Fetch-Site");
  const char *path = g_uri_get_path (soup_server_message_get_uri (msg));

  if (origin
      && (!g_str_has_prefix (origin, "http://")
          || g_ascii_strcasecmp (origin + strlen ("http://"), host) != 0))
    return FALSE;
  return !site || g_str_equal (site, "same-origin")
         || g_str_equal (site, "none")
         || (g_str_equal (path, "/") && gate_is_navigation (msg));
}

GateReason
gate_check (const Gate *gate, SoupServerMessage *msg, GHashTable *query)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  const char *host = soup_message_headers_get_list (headers, "Host");
  GUri *uri = soup_server_message_get_uri (msg);
  const char *of_uri = g_uri_get_host (uri);
  g_autofree char *authority =
      g_strdup_printf (strchr (of_uri, ':') ? "[%s]:%d" : "%s:%d", of_uri,
          g_uri_get_port (uri) > 0 ? g_uri_get_port (uri) : 80);

  /* A whole address in the request's line goes before the header. */
  if (!host || !is_own_host (gate, host) || !is_own_host (gate, authority))
    return GATE_HOST;
  if (!is_own_origin (msg, host))
    return GATE_ORIGIN;
  if (gate->token && !has_cookie (gate, headers)
      && !gate_has_query_token (gate, query))
    return GATE_TOKEN;
  return GATE_OPEN;
}

guint
gate_status (GateReason reason)
{
  return reasons[reason].status;
}

const char *
gate_text (GateReason reason)
{
  return reasons[reason].text;
}

void
gate_tell (Gate *gate, GateReason reason)
{
  if (gate->told[reason])
    return;
  gate->told[reason] = TRUE;
  program_say ("refused: %s (said once)", gate_text (reason));
}
