/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_LIVE_RESIDENT_H
#define OWL2_LIVE_RESIDENT_H

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of this process that are in memory; 0: the system doesn't say. */
guint64 resident_bytes (void);

G_END_DECLS

#endif
