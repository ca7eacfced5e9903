/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GST_OWL2_LIMIT_H
#define GST_OWL2_LIMIT_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * GstOwl2WarningLimit: warnings of one kind, on one thread; zeros are a valid
 * start.
 */
typedef struct {
  gboolean any;
  guint64 last_ns;
  guint n_held;
} GstOwl2WarningLimit;

/* Counts @n more of what is warned about. Returns: how many one warning may now
 * tell of, all since the last one; or 0, then it is too early. */
guint gst_owl2_warning_limit_count (GstOwl2WarningLimit *limit, guint n);

G_END_DECLS

#endif
