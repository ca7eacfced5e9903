/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "viewers.h"

struct _Viewers {
  Pictures *pictures;
  GList *all; /* Viewer */
};

typedef struct {
  Viewers *viewers; /* NULL once these are gone */
  Flow *flow;
  guint64 serial; /* of the last picture that was sent */
} Viewer;

static void
show (Viewer *v, Picture *picture)
{
  if (!picture || picture->serial == v->serial || flow_pending (v->flow))
    return;
  v->serial = picture->serial;
  flow_send (v->flow, picture->part);
}

static void
on_written (Flow *flow, gpointer user_data)
{
  Viewer *v = user_data;

  if (v->viewers) {
    g_autoptr (Picture) newest = pictures_newest (v->viewers->pictures);

    show (v, newest);
  }
}

static void
on_ended (Flow *flow, gpointer user_data)
{
  Viewer *v = user_data;

  if (v->viewers)
    v->viewers->all = g_list_remove (v->viewers->all, v);
  g_free (v);
}

Viewers *
viewers_new (Pictures *pictures)
{
  Viewers *viewers = g_new0 (Viewers, 1);

  viewers->pictures = pictures;
  return viewers;
}

void
viewers_free (Viewers *viewers)
{
  if (!viewers)
    return;
  for (GList *l = viewers->all; l; l = l->next) {
    Viewer *v = l->data;

    v->viewers = NULL;
    flow_cut (v->flow);
  }
  g_list_free (viewers->all);
  g_free (viewers);
}

void
viewers_add (Viewers *viewers, SoupServerMessage *msg)
{
  static const char begin[] = "--" PICTURES_BOUNDARY "\r\n";
  g_autoptr (GBytes) first = g_bytes_new_static (begin, sizeof begin - 1);
  Viewer *v = g_new0 (Viewer, 1);

  v->viewers = viewers;
  v->flow =
      flow_begin (msg, "multipart/x-mixed-replace; boundary=" PICTURES_BOUNDARY,
          on_written, on_ended, v);
  viewers->all = g_list_prepend (viewers->all, v);
  flow_send (v->flow, first);
}

void
viewers_update (Viewers *viewers)
{
  g_autoptr (Picture) newest = pictures_newest (viewers->pictures);

  for (GList *l = viewers->all; l; l = l->next)
    show (l->data, newest);
}

void
viewers_check (Viewers *viewers)
{
  for (GList *l = viewers->all; l; l = l->next)
    flow_check (((Viewer *) l->data)->flow);
}
