/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2limit.h"

/* Warnings of one kind are at least this far apart. */
#define WARNING_GAP_NS G_GUINT64_CONSTANT (10000000000)

guint
gst_owl2_warning_limit_count (GstOwl2WarningLimit *limit, guint n)
{
  guint64 now = (guint64) g_get_monotonic_time () * 1000;

  limit->n_held += n;
  if (limit->n_held == 0
      || (limit->any && now - limit->last_ns < WARNING_GAP_NS))
    return 0;
  n = limit->n_held;
  limit->any = TRUE;
  limit->last_ns = now;
  limit->n_held = 0;
  return n;
}
