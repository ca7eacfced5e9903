/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "png_read.h"

#include <string.h>
#include <png.h>

gboolean
png_read_rgb (const char *path, Owl2Image *image, GError **error)
{
  png_image png;
  guint8 *rgba = NULL;
  guint8 *rgb = NULL;
  gsize n = 0;
  gboolean ok;

  memset (&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  ok = png_image_begin_read_from_file (&png, path);
  if (ok) {
    /* With alpha, since without it libpng would want a background. */
    png.format = PNG_FORMAT_RGBA;
    n = (gsize) png.width * png.height;
    rgba = g_try_malloc (PNG_IMAGE_SIZE (png));
    rgb = g_try_malloc (n * 3);
    ok = rgba && rgb && png_image_finish_read (&png, NULL, rgba, 0, NULL);
  }
  if (!ok) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s: %s", path,
        png.message[0] ? png.message : "no memory for its pixels");
    png_image_free (&png);
    g_free (rgba);
    g_free (rgb);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++)
    memcpy (rgb + 3 * i, rgba + 4 * i, 3);
  g_free (rgba);
  *image = (Owl2Image){
    .data = rgb,
    .width = png.width,
    .height = png.height,
    .stride = (gsize) png.width * 3,
  };
  return TRUE;
}
