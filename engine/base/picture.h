/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame in the host's memory. */
#ifndef OWL2_PICTURE_H
#define OWL2_PICTURE_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * Owl2Image: packed 8-bit RGB, rows @stride bytes apart (at least 3 * width).
 */
typedef struct {
  const guint8 *data;
  guint width, height; /* pixels, at least 1 */
  gsize stride;        /* bytes */
} Owl2Image;

G_END_DECLS

#endif
