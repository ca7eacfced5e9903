/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resize_raw [DEVICE]: resizes pictures from standard input to standard output
 * until the input ends, so that another program can compare the bytes. Input:
 * source width and height, width and height wanted as u32 of this machine, then
 * packed RGB8; output: packed RGB8. Ends with 77 if there is no device. */
#include "ops.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  OvkDevice *dev;
  OvkCmd *cmd;
  OvkArena *arena;
} Resizer;

static gboolean
upload (
    Resizer *r, const void *data, gsize bytes, OvkSlice *slice, GError **error)
{
  return ovk_arena_alloc (r->arena, (bytes + 3) / 4 * 4, slice, error)
         && ovk_slice_write (r->dev, *slice, data, bytes, error);
}

/* One pass; *size is the edge that changes, *slice the picture. */
static gboolean
pass (Resizer *r, OvkSlice *slice, gboolean vertical, guint w, guint h,
    guint out, GError **error)
{
  guint in = vertical ? h : w;
  Owl2Resize p = { .src = *slice,
    .src_stride = (gsize) w * 4,
    .vertical = vertical,
    .cols = vertical ? w : out,
    .rows = vertical ? out : h };
  Owl2Filter *filter;
  gboolean ok;

  if (in == out)
    return TRUE;
  filter = owl2_filter_new (owl2_axis (in, out), error);
  if (!filter)
    return FALSE;
  p.taps = filter->taps;
  ok =
      upload (r, filter->table,
          (gsize) out * (OWL2_FILTER_HEAD + filter->taps) * 4, &p.filter, error)
      && ovk_arena_alloc (r->arena, (gsize) p.cols * p.rows * 4, &p.dst, error);
  owl2_filter_free (filter);
  if (!ok)
    return FALSE;
  owl2_op_resize (r->cmd, &p);
  *slice = p.dst;
  return TRUE;
}

static gboolean
resize (Resizer *r, const guint8 *rgb, const guint32 size[4], guint8 *out,
    GError **error)
{
  gsize n_in = (gsize) size[0] * size[1], n_out = (gsize) size[2] * size[3], i;
  g_autofree guint32 *in_words = g_new (guint32, n_in);
  g_autofree guint32 *out_words = g_new (guint32, n_out);
  OvkSlice slice;

  for (i = 0; i < n_in; i++)
    in_words[i] = rgb[3 * i] | (guint32) rgb[3 * i + 1] << 8
                  | (guint32) rgb[3 * i + 2] << 16;
  if (!upload (r, in_words, n_in * 4, &slice, error)
      || !pass (r, &slice, FALSE, size[0], size[1], size[2], error)
      || !pass (r, &slice, TRUE, size[2], size[1], size[3], error)
      || !ovk_cmd_run (r->cmd, error)
      || !ovk_slice_read (r->dev, slice, out_words, n_out * 4, error))
    return FALSE;
  for (i = 0; i < 3 * n_out; i++)
    out[i] = (guint8) (out_words[i / 3] >> (8 * (i % 3)));
  return TRUE;
}

int
main (int argc, char **argv)
{
  OvkDeviceParams params = { .device = argc > 1 ? argv[1] : NULL };
  /* Whatever layers and drivers print is no picture. */
  FILE *pictures = fdopen (dup (STDOUT_FILENO), "w");
  g_autoptr (GError) error = NULL;
  g_autoptr (OvkDevice) dev = NULL;
  g_autoptr (OvkCmd) cmd = NULL;
  guint32 size[4];

  if (!pictures || dup2 (STDERR_FILENO, STDOUT_FILENO) < 0)
    return 1;
  dev = ovk_device_new (&params, &error);
  cmd = dev ? ovk_cmd_new (dev, "resize", &error) : NULL;
  if (!cmd) {
    fprintf (stderr, "%s\n", error->message);
    return g_error_matches (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE) ? 77 : 1;
  }
  while (fread (size, sizeof size, 1, stdin) == 1) {
    gsize n_in = (gsize) size[0] * size[1] * 3;
    gsize n_out = (gsize) size[2] * size[3] * 3;
    g_autofree guint8 *rgb = g_malloc (n_in), *out = g_malloc (n_out);
    g_autoptr (OvkArena) arena = ovk_arena_new (dev, "resize", 1 << 20);
    Resizer r = { dev, cmd, arena };

    if (fread (rgb, 1, n_in, stdin) != n_in)
      return 1;
    if (!resize (&r, rgb, size, out, &error)) {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
    fwrite (out, 1, n_out, pictures);
    fflush (pictures);
  }
  fclose (pictures);
  return 0;
}
