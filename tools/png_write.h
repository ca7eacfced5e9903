/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures as PNG files, by libpng. */
#ifndef OWL2_PNG_WRITE_H
#define OWL2_PNG_WRITE_H

#include <glib.h>

G_BEGIN_DECLS

/* @rgb: packed RGB8. The file appears when it is complete. FAILED, naming
 * @path. */
gboolean png_write_rgb (const char *path, const guint8 *rgb, guint width,
    guint height, GError **error);

G_END_DECLS

#endif
