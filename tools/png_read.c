/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libpng's older interface: the newer one (png_image) converts by the file's
 * gamma and takes 16-bit samples for linear light, so that the pixels would not
 * be those that Pillow reads. */
#include "png_read.h"

#include <setjmp.h>
#include <png.h>

#include "input.h"
#include "program.h"

typedef struct {
  const char *path;
  Owl2Input *in;
  guint64 at; /* next byte to read */
  png_struct *png;
  png_info *info;
  guint8 *rgb;
  guint8 **rows;
  GError *error; /* the first */
} Reader;

static void
fail (Reader *r, Owl2Error code, const char *message)
{
  if (!r->error)
    g_set_error (&r->error, OWL2_ERROR, (int) code, "%s: %s", r->path, message);
}

static void
fail_size (Reader *r, Owl2Error code, const char *what, const Owl2Image *image)
{
  g_autofree char *text =
      g_strdup_printf ("%s %ux%u pixels", what, image->width, image->height);

  fail (r, code, text);
}

static void
on_error (png_struct *png, const char *message)
{
  fail (png_get_error_ptr (png), OWL2_ERROR_BAD_FILE, message);
  png_longjmp (png, 1);
}

static void
on_read (png_struct *png, png_byte *out, size_t n)
{
  Reader *r = png_get_io_ptr (png);
  guint64 left = owl2_input_size (r->in) - r->at;

  if (n > left)
    png_error (png, "Read Error");
  if (!owl2_input_read (r->in, r->at, out, n, r->error ? NULL : &r->error))
    png_longjmp (png, 1);
  r->at += n;
}

/* What a warning is about does not change the pixels. */
static void
on_warning (png_struct *png, const char *message)
{
}

/* Everything to packed RGB8, as Pillow's convert("RGB") does it. */
static void
set_transforms (png_struct *png)
{
  png_set_strip_16 (png);
  png_set_expand (png);
  png_set_gray_to_rgb (png);
  png_set_strip_alpha (png);
  png_set_interlace_handling (png);
}

/* FALSE with r->error set. libpng leaves it through longjmp(), so all that it
 * changes lies in @r. */
static gboolean
read_pixels (Reader *r, Owl2Image *image)
{
  /* Of no use here, and a file of some kilobytes may have compressed texts and
   * profiles of gigabytes. */
  static const png_byte unused[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0"
                                   "oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0"
                                   "tEXt\0tIME\0zTXt";

  gsize stride, height;

  if (setjmp (png_jmpbuf (r->png)))
    return FALSE;
  png_set_read_fn (r->png, r, on_read);
  png_set_keep_unknown_chunks (r->png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
  png_set_keep_unknown_chunks (
      r->png, PNG_HANDLE_CHUNK_NEVER, unused, sizeof unused / 5);
  png_read_info (r->png, r->info);
  image->width = png_get_image_width (r->png, r->info);
  image->height = png_get_image_height (r->png, r->info);
  if ((guint64) image->width * image->height > OWL2_MAX_PIXELS) {
    fail_size (r, OWL2_ERROR_BAD_FILE,
        "more than " G_STRINGIFY (OWL2_MAX_PIXELS) " pixels:", image);
    return FALSE;
  }
  set_transforms (r->png);
  png_read_update_info (r->png, r->info);
  stride = png_get_rowbytes (r->png, r->info);
  height = image->height;
  image->stride = stride;
  if (stride != 3 * (gsize) image->width)
    png_error (r->png, "not three samples for each pixel");
  r->rgb = g_try_malloc_n (height, stride);
  r->rows = g_try_new (guint8 *, height);
  if (!r->rgb || !r->rows) {
    fail_size (r, OWL2_ERROR_NO_MEMORY, "no memory for", image);
    return FALSE;
  }
  for (gsize y = 0; y < height; y++)
    r->rows[y] = r->rgb + y * stride;
  png_read_image (r->png, r->rows);
  png_read_end (r->png, NULL);
  return TRUE;
}

gboolean
png_read_rgb (const char *path, Owl2Image *image, GError **error)
{
  Reader r = { .path = path };
  gboolean ok = FALSE;

  *image = (Owl2Image){ .format = OWL2_PIXELS_RGB };
  r.in = owl2_input_open (path, &r.error);
  if (r.in) {
    r.png = png_create_read_struct (
        PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png ? png_create_info_struct (r.png) : NULL;
    if (r.info)
      ok = read_pixels (&r, image);
    else
      fail (&r, OWL2_ERROR_NO_MEMORY, "no memory to read it");
    png_destroy_read_struct (&r.png, &r.info, NULL);
    owl2_input_unref (r.in);
  }
  g_free (r.rows);
  if (ok) {
    image->data = r.rgb;
    return TRUE;
  }
  g_free (r.rgb);
  g_propagate_error (error, r.error);
  return FALSE;
}
