/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread that blocks until another one has a result for it. */
#ifndef OWL2_WAITER_H
#define OWL2_WAITER_H

#include <glib.h>

G_BEGIN_DECLS

/* On the stack of the thread that waits. Whoever adds to what it waits for does
 * so under @lock, and signals @cond. */
typedef struct {
  GMutex lock; /* of all below */
  GCond cond;
  gboolean done;
  gpointer result;
  GError *error;
} Owl2Waiter;

void owl2_waiter_init (Owl2Waiter *waiter);
/* Once, by the other thread; @error (nullable) is copied. */
void owl2_waiter_wake (
    Owl2Waiter *waiter, gpointer result, const GError *error);
/* Blocks until that, and clears it. Returns: the result, or what came with
 * @error set */
gpointer owl2_waiter_wait (Owl2Waiter *waiter, GError **error);

G_END_DECLS

#endif
