/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_PNG_READ_H
#define OWL2_PNG_READ_H

#include "owl2.h"

G_BEGIN_DECLS

/* Reads a PNG file as packed RGB8, the bytes that Pillow gives: alpha is
 * dropped, palettes and grey are expanded, of 16 bits the upper 8 are taken,
 * and gamma is not looked at. @image->data is to be g_free()d. BAD_FILE;
 * NO_MEMORY. */
gboolean png_read_rgb (const char *path, Owl2Image *image, GError **error);

G_END_DECLS

#endif
