/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "png_write.h"

#include <setjmp.h>
#include <png.h>

#include "output.h"

typedef struct {
  const char *path;
  png_struct *png;
  png_info *info;
  GError *error; /* the first */
} Writer;

static void
on_error (png_struct *png, const char *message)
{
  Writer *w = png_get_error_ptr (png);

  g_set_error (
      &w->error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", w->path, message);
  png_longjmp (png, 1);
}

static void
on_warning (png_struct *png, const char *message)
{
}

/* FALSE with w->error set; left through longjmp(). */
static gboolean
write_pixels (
    Writer *w, FILE *file, const guint8 *rgb, guint width, guint height)
{
  if (setjmp (png_jmpbuf (w->png)))
    return FALSE;
  png_init_io (w->png, file);
  png_set_IHDR (w->png, w->info, width, height, 8, PNG_COLOR_TYPE_RGB,
      PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
      PNG_FILTER_TYPE_DEFAULT);
  png_write_info (w->png, w->info);
  for (guint y = 0; y < height; y++)
    png_write_row (w->png, rgb + 3 * (gsize) width * y);
  png_write_end (w->png, w->info);
  return TRUE;
}

gboolean
png_write_rgb (const char *path, const guint8 *rgb, guint width, guint height,
    GError **error)
{
  g_autoptr (Owl2Output) out = owl2_output_new (path, error);
  Writer w = { .path = path };
  gboolean ok = FALSE;

  if (!out)
    return FALSE;
  w.png =
      png_create_write_struct (PNG_LIBPNG_VER_STRING, &w, on_error, on_warning);
  w.info = w.png ? png_create_info_struct (w.png) : NULL;
  if (w.info)
    ok = write_pixels (&w, owl2_output_file (out), rgb, width, height);
  else
    g_set_error (&w.error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: no memory to write it", path);
  png_destroy_write_struct (&w.png, &w.info);
  if (ok)
    return owl2_output_finish (out, TRUE, error);
  g_propagate_error (error, w.error);
  return FALSE;
}
