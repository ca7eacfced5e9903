/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pictures.h"

#include <string.h>

/* However large they are. */
#define MAX_BYTES ((gsize) 32 << 20)
/* Of a model that takes long the answers are about pictures of then. */
#define MAX_OLD 300
/* What is further from the time that is looked for is another picture, ns. */
#define NEAR_NS G_GUINT64_CONSTANT (2000000000)
#define TAIL "\r\n--" PICTURES_BOUNDARY "\r\n"

struct _Pictures {
  GMutex lock; /* held for a few instructions only */
  GQueue kept; /* Picture, the newest last */
  GQueue old;  /* Picture: one a second of those before */
  gsize n_bytes;
  guint64 n_added;
  gint told; /* atomic: the main loop is to be told, or was not yet */
  GSourceFunc changed;
  gpointer user_data;
};

Picture *
picture_ref (Picture *picture)
{
  g_atomic_ref_count_inc (&picture->refs);
  return picture;
}

void
picture_unref (Picture *picture)
{
  if (!picture || !g_atomic_ref_count_dec (&picture->refs))
    return;
  g_bytes_unref (picture->jpeg);
  g_bytes_unref (picture->part);
  g_free (picture);
}

static Picture *
picture_new (const void *jpeg, gsize n, const Picture *about)
{
  const gint64 wall =
      g_get_real_time () - (g_get_monotonic_time () - about->taken);
  g_autofree char *head = g_strdup_printf (
      "Content-Type: image/jpeg\r\nContent-Length: %" G_GSIZE_FORMAT
      "\r\nX-Taken: %" G_GINT64_FORMAT ".%06d\r\n\r\n",
      n, wall / G_USEC_PER_SEC, (int) (wall % G_USEC_PER_SEC));
  const gsize n_head = strlen (head), n_tail = strlen (TAIL);
  guint8 *part = g_malloc (n_head + n + n_tail);
  Picture *picture = g_memdup2 (about, sizeof *about);

  memcpy (part, head, n_head);
  memcpy (part + n_head, jpeg, n);
  memcpy (part + n_head + n, TAIL, n_tail);
  g_atomic_ref_count_init (&picture->refs);
  picture->part = g_bytes_new_take (part, n_head + n + n_tail);
  picture->jpeg = g_bytes_new_from_bytes (picture->part, n_head, n);
  return picture;
}

Pictures *
pictures_new (GSourceFunc changed, gpointer user_data)
{
  Pictures *p = g_new0 (Pictures, 1);

  g_mutex_init (&p->lock);
  g_queue_init (&p->kept);
  g_queue_init (&p->old);
  p->changed = changed;
  p->user_data = user_data;
  return p;
}

void
pictures_free (Pictures *p)
{
  if (!p)
    return;
  g_idle_remove_by_data (p);
  g_queue_clear_full (&p->kept, (GDestroyNotify) picture_unref);
  g_queue_clear_full (&p->old, (GDestroyNotify) picture_unref);
  g_mutex_clear (&p->lock);
  g_free (p);
}

static gboolean
tell (gpointer user_data)
{
  Pictures *p = user_data;

  g_atomic_int_set (&p->told, FALSE);
  p->changed (p->user_data);
  return G_SOURCE_REMOVE;
}

/* (transfer full) (nullable): what @p has no place for any more, when that has
 * to go; with the lock held. */
static Picture *
make_old (Pictures *p, Picture *picture)
{
  const Picture *last = g_queue_peek_tail (&p->old);

  if (last && picture->taken < last->taken + G_USEC_PER_SEC)
    return picture;
  g_queue_push_tail (&p->old, picture);
  return p->old.length > MAX_OLD ? g_queue_pop_head (&p->old) : NULL;
}

/* Puts those that are too old or too much into @gone; with the lock held. */
static void
take_old (Pictures *p, gint64 now, GQueue *gone)
{
  Picture *oldest;

  while (p->kept.length > 1 && (oldest = g_queue_peek_head (&p->kept))
         && (oldest->taken < now - PICTURES_US || p->n_bytes > MAX_BYTES)) {
    p->n_bytes -= g_bytes_get_size (oldest->part);
    oldest = make_old (p, g_queue_pop_head (&p->kept));
    if (oldest)
      g_queue_push_tail (gone, oldest);
  }
}

void
pictures_add (Pictures *p, const void *jpeg, gsize n, const Picture *about)
{
  Picture *picture = picture_new (jpeg, n, about);
  GQueue gone = G_QUEUE_INIT;

  g_mutex_lock (&p->lock);
  picture->serial = ++p->n_added;
  p->n_bytes += g_bytes_get_size (picture->part);
  g_queue_push_tail (&p->kept, picture);
  take_old (p, about->taken, &gone);
  g_mutex_unlock (&p->lock);
  g_queue_clear_full (&gone, (GDestroyNotify) picture_unref);
  if (g_atomic_int_compare_and_exchange (&p->told, FALSE, TRUE))
    g_idle_add_full (G_PRIORITY_HIGH, tell, p, NULL);
}

Picture *
pictures_newest (Pictures *p)
{
  Picture *newest;

  g_mutex_lock (&p->lock);
  newest = g_queue_peek_tail (&p->kept);
  if (newest)
    picture_ref (newest);
  g_mutex_unlock (&p->lock);
  return newest;
}

static guint64
distance (guint64 a, guint64 b)
{
  return a > b ? a - b : b - a;
}

/* The nearer of @best (nullable) and those of @queue, from the newest on. */
static Picture *
nearest (const GQueue *queue, Picture *best, guint64 time)
{
  for (GList *l = queue->tail; l; l = l->prev) {
    Picture *picture = l->data;

    if (!best || distance (picture->time, time) < distance (best->time, time))
      best = picture;
  }
  return best;
}

Picture *
pictures_find (Pictures *p, guint64 time)
{
  Picture *best;

  g_mutex_lock (&p->lock);
  best = nearest (&p->old, nearest (&p->kept, NULL, time), time);
  if (best && distance (best->time, time) > NEAR_NS)
    best = NULL;
  if (best)
    picture_ref (best);
  g_mutex_unlock (&p->lock);
  return best;
}

GPtrArray *
pictures_all (Pictures *p)
{
  GPtrArray *all =
      g_ptr_array_new_with_free_func ((GDestroyNotify) picture_unref);

  g_mutex_lock (&p->lock);
  for (GList *l = p->kept.head; l; l = l->next)
    g_ptr_array_add (all, picture_ref (l->data));
  g_mutex_unlock (&p->lock);
  return all;
}
