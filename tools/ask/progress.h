/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line at the bottom of a terminal that says how far one is; nothing where
 * standard error is none. */
#ifndef OWL2_ASK_PROGRESS_H
#define OWL2_ASK_PROGRESS_H

#include <glib.h>

G_BEGIN_DECLS

/* From here on there is one, if there is a terminal. */
void progress_begin (void);
/* @what: any text; @fraction: 0 to 1. Shown a few times a second. One thread at
 * a time. */
void progress_show (const char *what, double fraction);
/* Makes room for other text. */
void progress_erase (void);

G_END_DECLS

#endif
