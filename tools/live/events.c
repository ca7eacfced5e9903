/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include "json_line.h"

/* Bytes that wait for one browser before it is cut off: some hundred events. */
#define MAX_PENDING (256 * 1024)

struct _Events {
  GList *all; /* Listener */
  guint n;
  guint64 n_sent;
};

typedef struct {
  Events *events; /* NULL once these are gone */
  Flow *flow;
} Listener;

static void
on_ended (Flow *flow, gpointer user_data)
{
  Listener *listener = user_data;

  if (listener->events) {
    listener->events->all = g_list_remove (listener->events->all, listener);
    listener->events->n--;
  }
  g_free (listener);
}

Events *
events_new (void)
{
  return g_new0 (Events, 1);
}

void
events_free (Events *events)
{
  if (!events)
    return;
  for (GList *l = events->all; l; l = l->next) {
    Listener *listener = l->data;

    listener->events = NULL;
    flow_cut (listener->flow);
  }
  g_list_free (events->all);
  g_free (events);
}

/* JSON is one line, so it is one field. */
GBytes *
events_make (Events *events, const char *kind, const json_t *data)
{
  g_autofree char *json = json_line_write (data);
  char *text =
      g_strdup_printf ("event: %s\nid: %" G_GUINT64_FORMAT "\ndata: %s\n\n",
          kind, ++events->n_sent, json);

  return g_bytes_new_take (text, strlen (text));
}

void
events_send (Events *events, const char *kind, json_t *data)
{
  g_autoptr (GBytes) event = events_make (events, kind, data);

  json_decref (data);
  for (GList *l = events->all; l; l = l->next) {
    Listener *listener = l->data;

    if (flow_pending (listener->flow) > MAX_PENDING)
      flow_cut (listener->flow);
    else
      flow_send (listener->flow, event);
  }
}

void
events_add (Events *events, SoupServerMessage *msg, const GPtrArray *first)
{
  Listener *listener = g_new0 (Listener, 1);
  static const char retry[] = "retry: 1000\n\n";
  g_autoptr (GBytes) begin = g_bytes_new_static (retry, sizeof retry - 1);

  listener->events = events;
  listener->flow =
      flow_begin (msg, "text/event-stream", NULL, on_ended, listener);
  events->all = g_list_prepend (events->all, listener);
  events->n++;
  flow_send (listener->flow, begin);
  for (guint i = 0; i < first->len; i++)
    flow_send (listener->flow, first->pdata[i]);
}

guint
events_n_clients (const Events *events)
{
  return events->n;
}

void
events_check (Events *events)
{
  for (GList *l = events->all; l; l = l->next)
    flow_check (((Listener *) l->data)->flow);
}
