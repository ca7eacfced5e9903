/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "waiter.h"

#include <string.h>

void
owl2_waiter_init (Owl2Waiter *waiter)
{
  memset (waiter, 0, sizeof *waiter);
  g_mutex_init (&waiter->lock);
  g_cond_init (&waiter->cond);
}

void
owl2_waiter_wake (Owl2Waiter *waiter, gpointer result, const GError *error)
{
  g_mutex_lock (&waiter->lock);
  waiter->done = TRUE;
  waiter->result = result;
  waiter->error = error ? g_error_copy (error) : NULL;
  g_cond_signal (&waiter->cond);
  g_mutex_unlock (&waiter->lock);
}

gpointer
owl2_waiter_wait (Owl2Waiter *waiter, GError **error)
{
  g_mutex_lock (&waiter->lock);
  while (!waiter->done)
    g_cond_wait (&waiter->cond, &waiter->lock);
  g_mutex_unlock (&waiter->lock);
  g_cond_clear (&waiter->cond);
  g_mutex_clear (&waiter->lock);
  if (waiter->error)
    g_propagate_error (error, waiter->error);
  return waiter->result;
}
