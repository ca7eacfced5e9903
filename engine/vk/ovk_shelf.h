/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Things that lie aside, each with what frees it. */
#ifndef OVK_SHELF_H
#define OVK_SHELF_H

#include <glib.h>

G_BEGIN_DECLS

/* Any thread. */
typedef struct {
  GMutex lock; /* of the next one; never held over a call */
  GArray *things;
} OvkShelf;

void ovk_shelf_init (OvkShelf *shelf);
void ovk_shelf_put (OvkShelf *shelf, gpointer thing, GDestroyNotify destroy);
/* (transfer full) (nullable): the newest. */
gpointer ovk_shelf_take (OvkShelf *shelf);
/* Frees all, in the order in which they came. */
void ovk_shelf_empty (OvkShelf *shelf);
void ovk_shelf_clear (OvkShelf *shelf); /* it is empty */

G_END_DECLS

#endif
