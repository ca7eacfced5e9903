/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What depends on a frame's size: filters of the sizes that came last, and
 * scratch for the largest of them. */
#include <string.h>

#include "image.h"

/* The square of an 8K frame has 59 million pixels; it is made a band of rows
 * at a time, each shrunk to the model's width before the next. */
#define BAND_BYTES (8u << 20)
#define ARENA_BLOCK_BYTES (1u << 20)

guint
owl2_image_band_rows (guint width, guint height)
{
  guint edge = MAX (width, height);

  return CLAMP (BAND_BYTES / ((gsize) edge * 4), 1, edge);
}

static void
size_clear (Owl2ImageSize *size)
{
  g_clear_pointer (&size->arena, ovk_arena_free);
  memset (size, 0, sizeof *size);
}

static void
clear_scratch (Owl2ImageBuffers *image)
{
  g_clear_pointer (&image->arena, ovk_arena_free);
  memset (image->scratch, 0, sizeof image->scratch);
}

void
owl2_image_forget_sizes (Owl2ImageBuffers *image)
{
  for (guint i = 0; i < OWL2_IMAGE_SIZES; i++)
    size_clear (&image->sizes[i]);
  clear_scratch (image);
}

/* ---- filters ------------------------------------------------------------ */

static gboolean
upload_words (OvkDevice *dev, Owl2ImageSize *size, const guint32 *words,
    gsize n, OvkSlice *slice, GError **error)
{
  gsize bytes = n * sizeof *words;

  return ovk_arena_alloc (size->arena, bytes, slice, error)
         && ovk_slice_write (dev, *slice, words, bytes, error);
}

static gboolean
upload_filter (OvkDevice *dev, Owl2ImageSize *size, const Owl2Filter *filter,
    OvkSlice *slice, guint *taps, GError **error)
{
  *taps = filter->taps;
  return upload_words (dev, size, filter->table,
      (gsize) filter->out * (2 + filter->taps), slice, error);
}

/* A table that may not fit, which is no error. (transfer full) @steps */
static gboolean
upload_steps (OvkDevice *dev, Owl2ImageSize *size, Owl2Steps *steps,
    GError *local, OvkSlice *slice, guint *n, GError **error)
{
  gboolean ok = !local;

  *n = 0;
  if (local)
    g_propagate_error (error, local);
  if (!steps)
    return ok;
  ok = upload_words (dev, size, steps->table, steps->n_words, slice, error);
  *n = steps->n;
  owl2_steps_free (steps);
  return ok;
}

/* Two passes at once, where the device has kernels for that and they fit. */
static gboolean
set_lanes (OvkCmd *cmd, Owl2ImageSize *size, gboolean tall,
    const Owl2Filter *square, const Owl2Filter *final, GError **error)
{
  OvkDevice *dev = ovk_cmd_device (cmd);
  GError *local = NULL;
  Owl2Steps *steps;

  if (!owl2_can_resize_lanes (cmd, 0))
    return TRUE;
  steps = owl2_steps_new (final, &local);
  if (!upload_steps (
          dev, size, steps, local, &size->steps, &size->n_steps, error))
    return FALSE;
  if (tall && owl2_can_resize_along (cmd)) {
    local = NULL;
    steps = owl2_along_new (square, final, &local);
    if (!upload_steps (
            dev, size, steps, local, &size->along, &size->n_along, error))
      return FALSE;
  } else if (!tall && size->n_steps > 0) {
    if (square)
      size->window =
          owl2_filter_window (square, ovk_device_caps (dev)->subgroup_size);
    size->lanes = owl2_can_resize_lanes (cmd, size->window);
  }
  return TRUE;
}

static gboolean
size_init (Owl2ImageSize *size, OvkCmd *cmd, guint width, guint height,
    guint out, GError **error)
{
  guint edge = MAX (width, height), shorter = MIN (width, height);
  OvkDevice *dev = ovk_cmd_device (cmd);
  Owl2Filter *final = owl2_filter_new (edge, out, error);
  Owl2Filter *square = NULL;
  gboolean ok = FALSE;

  size->arena = ovk_arena_new (dev, "filters", ARENA_BLOCK_BYTES);
  if (final && width != height)
    square = owl2_filter_new (shorter, edge, error);
  if (final && (square || width == height))
    ok = upload_filter (
             dev, size, final, &size->final_filter, &size->final_taps, error)
         && (!square
             || upload_filter (dev, size, square, &size->square_filter,
                 &size->square_taps, error))
         && set_lanes (cmd, size, width < height, square, final, error);
  owl2_filter_free (square);
  owl2_filter_free (final);
  if (!ok) {
    size_clear (size);
    return FALSE;
  }
  size->width = width;
  size->height = height;
  return TRUE;
}

/* ---- scratch ------------------------------------------------------------ */

/* What all sizes that are kept need; FALSE if there is as much. */
static gboolean
wants_scratch (const Owl2ImageBuffers *image, gsize *most)
{
  gboolean wants = FALSE;

  for (guint i = 0; i < OWL2_N_SCRATCH; i++) {
    most[i] = 0;
    for (guint k = 0; k < OWL2_IMAGE_SIZES; k++)
      most[i] = MAX (most[i], image->sizes[k].needs[i]);
    wants = wants || most[i] != image->scratch[i].size;
  }
  return wants;
}

static gboolean
alloc_scratch (Owl2ImageBuffers *image, GError **error)
{
  gsize most[OWL2_N_SCRATCH];
  gboolean ok = TRUE;

  if (!wants_scratch (image, most))
    return TRUE;
  clear_scratch (image);
  image->arena =
      ovk_arena_new (image->weights->dev, "frame", ARENA_BLOCK_BYTES);
  for (guint i = 0; i < OWL2_N_SCRATCH && ok; i++)
    ok = !most[i]
         || ovk_arena_alloc (image->arena, most[i], &image->scratch[i], error);
  if (!ok)
    clear_scratch (image);
  return ok;
}

/* ---- sizes -------------------------------------------------------------- */

/* The one of these numbers, else the one that was not used for longest. */
static Owl2ImageSize *
find_size (Owl2ImageBuffers *image, guint width, guint height)
{
  Owl2ImageSize *oldest = image->sizes;

  for (guint i = 0; i < OWL2_IMAGE_SIZES; i++) {
    Owl2ImageSize *size = &image->sizes[i];

    if (size->width == width && size->height == height)
      return size;
    if (size->used < oldest->used)
      oldest = size;
  }
  return oldest;
}

/* Drops all but @size, which may then have the memory of the others. */
static void
forget_others (Owl2ImageBuffers *image, const Owl2ImageSize *size)
{
  for (guint i = 0; i < OWL2_IMAGE_SIZES; i++)
    if (&image->sizes[i] != size)
      size_clear (&image->sizes[i]);
}

const Owl2ImageSize *
owl2_image_size (Owl2ImageBuffers *image, Owl2Exec *exec, guint width,
    guint height, const gsize needs[OWL2_N_SCRATCH], GError **error)
{
  Owl2ImageSize *size = find_size (image, width, height);
  gboolean fresh = size->width != width || size->height != height;
  gsize most[OWL2_N_SCRATCH];

  size->used = ++image->n_frames;
  /* What is freed or written over may be read by what is recorded. */
  if (fresh) {
    guint out = image->weights->config.vision.image_size;

    if (!owl2_exec_finish (exec, error))
      return NULL;
    size_clear (size);
    if (!size_init (size, owl2_exec_cmd (exec), width, height, out, error))
      return NULL;
    size->used = image->n_frames;
  }
  for (guint i = 0; i < OWL2_N_SCRATCH; i++)
    size->needs[i] = MAX (size->needs[i], needs[i]);
  if (width != height && !size->lanes && !size->n_along)
    size->needs[OWL2_SCRATCH_BAND] =
        (gsize) owl2_image_band_rows (width, height) * MAX (width, height) * 4;
  if (!wants_scratch (image, most))
    return size;
  if (!fresh && !owl2_exec_finish (exec, error))
    return NULL;
  if (!alloc_scratch (image, NULL)) {
    forget_others (image, size);
    if (!alloc_scratch (image, error)) {
      size_clear (size);
      return NULL;
    }
  }
  return size;
}
