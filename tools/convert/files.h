/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Error lines, and names that go into them. */
#ifndef OWL2_CONVERT_FILES_H
#define OWL2_CONVERT_FILES_H

#include "base.h"

G_BEGIN_DECLS

/* Sets BAD_FILE, "@file: message"; always FALSE. */
gboolean convert_bad (const char *file, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* (transfer full): @text, cut so that it fits into a line. */
char *convert_quote (const char *text, gsize n);
/* (transfer full): the last part of a path, as text. */
char *convert_dir_name (const char *path);
/* TRUE if @n bytes are UTF-8 without control characters, at least one and at
 * most CONVERT_MAX_NAME: fit for names, and for as many copies of one as a
 * file has references to it. */
#define CONVERT_MAX_NAME 512u
gboolean convert_is_name (const char *text, gsize n);

G_END_DECLS

#endif
