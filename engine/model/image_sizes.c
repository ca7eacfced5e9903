/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What depends on a frame's size: filters of the sizes that came last, and
 * scratch for the largest of them. */
#include <string.h>

#include "image.h"

/* The square of an 8K frame has 59 million pixels; it is made a band of rows
 * at a time, each shrunk to the model's width before the next. */
#define BAND_BYTES (8u << 20)
#define ARENA_BLOCK_BYTES (1u << 20)

/* ---- shapes ------------------------------------------------------------- */

/* The part of a pass's output in its middle that is kept. */
static Owl2Axis
middle_axis (guint in, guint longer_out, guint out)
{
  Owl2Axis axis = owl2_axis (in, longer_out);

  axis.first = (longer_out - out) / 2;
  axis.kept = out;
  return axis;
}

static Owl2Axis
padded_axis (guint in, guint edge, guint out)
{
  Owl2Axis axis = owl2_axis (edge, out);

  axis.at = (edge - in) / 2;
  axis.there = in;
  return axis;
}

static void
crop_shape (Owl2ImageShape *shape, guint width, guint height, guint out)
{
  guint shorter = MIN (width, height);

  /* Below 2^32, since a configuration's limit of out is. */
  shape->across = middle_axis (width, out * width / shorter, out);
  shape->down = middle_axis (height, out * height / shorter, out);
  shape->tall_rows = owl2_axis_span (&shape->down, &shape->first_row);
  shape->down.at = shape->first_row;
  shape->down.there = shape->tall_rows;
}

gboolean
owl2_image_shape (Owl2ImageShape *shape, Owl2ImageMode mode, guint width,
    guint height, guint out, GError **error)
{
  guint edge = MAX (width, height);

  memset (shape, 0, sizeof *shape);
  if (edge > OWL2_RESIZE_MAX) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "can't resize a frame of %ux%u, an edge has 1 to %u pixels", width,
        height, OWL2_RESIZE_MAX);
    return FALSE;
  }
  if (mode == OWL2_IMAGE_CROP) {
    crop_shape (shape, width, height, out);
  } else if (mode == OWL2_IMAGE_PAD) {
    shape->across = padded_axis (width, edge, out);
    shape->down = padded_axis (height, edge, out);
    shape->tall_rows = height;
  } else {
    shape->square = width != height;
    shape->across = shape->down = owl2_axis (edge, out);
    shape->tall_rows = edge;
  }
  return TRUE;
}

/* ---- bands -------------------------------------------------------------- */

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
      (gsize) filter->out * (OWL2_FILTER_HEAD + filter->taps), slice, error);
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

static gboolean
upload_pass (OvkCmd *cmd, Owl2ImageSize *size, const Owl2Filter *filter,
    Owl2ImagePass *pass, GError **error)
{
  OvkDevice *dev = ovk_cmd_device (cmd);
  GError *local = NULL;
  Owl2Steps *steps;

  if (!upload_filter (dev, size, filter, &pass->filter, &pass->taps, error))
    return FALSE;
  if (!owl2_can_resize_lanes (cmd, 0))
    return TRUE;
  steps = owl2_steps_new (filter, &local);
  return upload_steps (
      dev, size, steps, local, &pass->steps, &pass->n_steps, error);
}

/* The stretch to a square, with the pass after it: at once where the device has
 * kernels for that and they fit. */
static gboolean
upload_square (OvkCmd *cmd, Owl2ImageSize *size, const Owl2Filter *square,
    const Owl2Filter *across, gboolean tall, GError **error)
{
  OvkDevice *dev = ovk_cmd_device (cmd);
  GError *local = NULL;
  Owl2Steps *steps;

  if (!upload_filter (
          dev, size, square, &size->square_filter, &size->square_taps, error))
    return FALSE;
  if (tall && owl2_can_resize_along (cmd)) {
    steps = owl2_along_new (square, across, &local);
    return upload_steps (
        dev, size, steps, local, &size->along, &size->n_along, error);
  }
  if (!tall && size->across.n_steps > 0) {
    size->window =
        owl2_filter_window (square, ovk_device_caps (dev)->subgroup_size);
    size->lanes = owl2_can_resize_lanes (cmd, size->window);
  }
  return TRUE;
}

static gboolean
upload_filters (
    Owl2ImageSize *size, OvkCmd *cmd, guint width, guint height, GError **error)
{
  const Owl2ImageShape *shape = &size->shape;
  g_autoptr (Owl2Filter) across = owl2_filter_new (shape->across, error);
  g_autoptr (Owl2Filter) down = NULL;
  g_autoptr (Owl2Filter) square = NULL;

  if (!across || !upload_pass (cmd, size, across, &size->across, error))
    return FALSE;
  if (memcmp (&shape->across, &shape->down, sizeof shape->down) == 0) {
    size->down = size->across;
  } else {
    down = owl2_filter_new (shape->down, error);
    if (!down || !upload_pass (cmd, size, down, &size->down, error))
      return FALSE;
  }
  if (!shape->square) {
    size->lanes = size->across.n_steps > 0;
    return TRUE;
  }
  square = owl2_filter_new (
      owl2_axis (MIN (width, height), MAX (width, height)), error);
  return square
         && upload_square (cmd, size, square, across, width < height, error);
}

static gboolean
size_init (Owl2ImageSize *size, OvkCmd *cmd, guint width, guint height,
    Owl2ImageMode mode, const Owl2ImageShape *shape, GError **error)
{
  size->arena =
      ovk_arena_new (ovk_cmd_device (cmd), "filters", ARENA_BLOCK_BYTES);
  size->shape = *shape;
  if (!upload_filters (size, cmd, width, height, error)) {
    size_clear (size);
    return FALSE;
  }
  size->width = width;
  size->height = height;
  size->mode = mode;
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

static gboolean
size_is (
    const Owl2ImageSize *size, guint width, guint height, Owl2ImageMode mode)
{
  return size->width == width && size->height == height && size->mode == mode;
}

/* The one of these numbers, else the one that was not used for longest. */
static Owl2ImageSize *
find_size (
    Owl2ImageBuffers *image, guint width, guint height, Owl2ImageMode mode)
{
  Owl2ImageSize *oldest = image->sizes;

  for (guint i = 0; i < OWL2_IMAGE_SIZES; i++) {
    Owl2ImageSize *size = &image->sizes[i];

    if (size_is (size, width, height, mode))
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
    guint height, Owl2ImageMode mode, const Owl2ImageShape *shape,
    const gsize needs[OWL2_N_SCRATCH], GError **error)
{
  Owl2ImageSize *size = find_size (image, width, height, mode);
  gboolean fresh = !size_is (size, width, height, mode);
  gsize most[OWL2_N_SCRATCH];

  size->used = ++image->n_frames;
  /* What is freed or written over may be read by what is recorded. */
  if (fresh) {
    if (!owl2_exec_finish (exec, error))
      return NULL;
    size_clear (size);
    if (!size_init (
            size, owl2_exec_cmd (exec), width, height, mode, shape, error))
      return NULL;
    size->used = image->n_frames;
  }
  for (guint i = 0; i < OWL2_N_SCRATCH; i++)
    size->needs[i] = MAX (size->needs[i], needs[i]);
  if (shape->square && !size->lanes && !size->n_along)
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
