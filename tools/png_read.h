/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_PNG_READ_H
#define OWL2_PNG_READ_H

#include "owl2.h"

G_BEGIN_DECLS

/* Reads a PNG file as packed RGB8. @image->data is to be g_free()d. Alpha is
 * dropped, palettes and grey are expanded, 16 bits become 8. */
gboolean png_read_rgb (const char *path, Owl2Image *image, GError **error);

G_END_DECLS

#endif
