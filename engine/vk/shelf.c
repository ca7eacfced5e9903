/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ovk_shelf.h"

typedef struct {
  gpointer thing;
  GDestroyNotify destroy;
} Entry;

void
ovk_shelf_init (OvkShelf *shelf)
{
  g_mutex_init (&shelf->lock);
  shelf->things = g_array_new (FALSE, FALSE, sizeof (Entry));
}

void
ovk_shelf_put (OvkShelf *shelf, gpointer thing, GDestroyNotify destroy)
{
  Entry entry = { thing, destroy };

  g_mutex_lock (&shelf->lock);
  g_array_append_val (shelf->things, entry);
  g_mutex_unlock (&shelf->lock);
}

static Entry
take_at (OvkShelf *shelf, gboolean newest)
{
  Entry entry = { NULL, NULL };
  guint n;

  g_mutex_lock (&shelf->lock);
  n = shelf->things->len;
  if (n) {
    guint i = newest ? n - 1 : 0;

    entry = g_array_index (shelf->things, Entry, i);
    g_array_remove_index (shelf->things, i);
  }
  g_mutex_unlock (&shelf->lock);
  return entry;
}

gpointer
ovk_shelf_take (OvkShelf *shelf)
{
  return take_at (shelf, TRUE).thing;
}

void
ovk_shelf_empty (OvkShelf *shelf)
{
  Entry entry;

  while ((entry = take_at (shelf, FALSE)).thing)
    entry.destroy (entry.thing);
}

void
ovk_shelf_clear (OvkShelf *shelf)
{
  g_array_unref (shelf->things);
  g_mutex_clear (&shelf->lock);
}
