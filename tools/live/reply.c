/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reply.h"

#include "json_line.h"

void
reply_bytes (SoupServerMessage *msg, const char *type, GBytes *bytes)
{
  soup_server_message_set_status (msg, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (
      soup_server_message_get_response_headers (msg), type, NULL);
  soup_message_body_append_bytes (
      soup_server_message_get_response_body (msg), bytes);
}

void
reply_download (
    SoupServerMessage *msg, const char *type, GBytes *bytes, const char *name)
{
  g_autofree char *value =
      g_strdup_printf ("attachment; filename=\"%s\"", name);

  soup_message_headers_replace (soup_server_message_get_response_headers (msg),
      "Content-Disposition", value);
  reply_bytes (msg, type, bytes);
}

void
reply_json (SoupServerMessage *msg, guint status, json_t *value)
{
  char *line = json_line_write (value);

  json_decref (value);
  soup_server_message_set_status (msg, status, NULL);
  soup_server_message_set_response (
      msg, "application/json", SOUP_MEMORY_TAKE, line, strlen (line));
}

void
reply_error (SoupServerMessage *msg, guint status, const char *text)
{
  json_t *value = json_object ();

  json_object_set_new (value, "error", json_line_string (text));
  reply_json (msg, status, value);
}

/* ---- later -------------------------------------------------------------- */

struct _Waiting {
  GList *all; /* SoupServerMessage */
};

static void
on_finished (SoupServerMessage *msg, gpointer user_data)
{
  Waiting *waiting = user_data;

  waiting->all = g_list_remove (waiting->all, msg);
  g_signal_handlers_disconnect_by_data (msg, waiting);
  g_object_unref (msg);
}

Waiting *
waiting_new (void)
{
  return g_new0 (Waiting, 1);
}

void
waiting_add (Waiting *waiting, SoupServerMessage *msg)
{
  waiting->all = g_list_append (waiting->all, g_object_ref (msg));
  g_signal_connect (msg, "finished", G_CALLBACK (on_finished), waiting);
  soup_server_message_pause (msg);
}

void
waiting_end (Waiting *waiting, WaitingFunc func, gpointer user_data)
{
  for (GList *l = waiting->all; l; l = l->next) {
    SoupServerMessage *msg = l->data;

    g_signal_handlers_disconnect_by_data (msg, waiting);
    func (msg, user_data);
    soup_server_message_unpause (msg);
    g_object_unref (msg);
  }
  g_list_free (waiting->all);
  g_free (waiting);
}
