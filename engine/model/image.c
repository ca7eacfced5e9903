/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <string.h>

/* The square of an 8K frame has 59 million pixels; it is made a band of rows
 * at a time, each shrunk to the model's width before the next. */
#define BAND_BYTES (8u << 20)
#define ARENA_BLOCK_BYTES (1u << 20)

/* Step 4 of the reference's preprocessing: byte * (1/255) in double, rounded
 * to float, then (value - mean) / std in float. */
static void
fill_lut (float lut[3][256], const Owl2Config *config)
{
  for (guint c = 0; c < 3; c++)
    for (guint byte = 0; byte < 256; byte++) {
      float value = (float) (byte * (1.0 / 255.0));

      lut[c][byte] = (value - config->image_mean[c]) / config->image_std[c];
    }
}

gboolean
owl2_image_buffers_alloc (Owl2ImageBuffers *image, OvkArena *arena,
    const Owl2Config *config, guint n_frames, GError **error)
{
  gsize size = config->vision.image_size, patch = config->vision.patch_size;

  return ovk_arena_alloc (arena, 3 * 256 * sizeof (float), &image->lut, error)
         && ovk_arena_alloc (arena, size * size * 4, &image->pixels, error)
         && owl2_tensor_alloc (&image->patches, arena,
             n_frames * config->vision.grid * config->vision.grid,
             3 * patch * patch, error);
}

gboolean
owl2_image_init (Owl2ImageBuffers *image, OvkArena *arena,
    const Owl2Weights *weights, guint n_frames, GError **error)
{
  const Owl2Config *config = &weights->config;
  float lut[3][256];

  memset (image, 0, sizeof *image);
  image->weights = weights;
  fill_lut (lut, config);
  return owl2_image_buffers_alloc (image, arena, config, n_frames, error)
         && ovk_slice_write (weights->dev, image->lut, lut, sizeof lut, error);
}

void
owl2_image_clear (Owl2ImageBuffers *image)
{
  g_clear_pointer (&image->arena, ovk_arena_free);
}

static gboolean
upload_words (Owl2ImageBuffers *image, const guint32 *words, gsize n,
    OvkSlice *slice, GError **error)
{
  gsize bytes = n * sizeof *words;

  return ovk_arena_alloc (image->arena, bytes, slice, error)
         && ovk_slice_write (image->weights->dev, *slice, words, bytes, error);
}

static gboolean
upload_filter (Owl2ImageBuffers *image, const Owl2Filter *filter,
    OvkSlice *slice, guint *taps, GError **error)
{
  *taps = filter->taps;
  return upload_words (image, filter->table,
      (gsize) filter->out * (2 + filter->taps), slice, error);
}

/* Both passes at once, where the device has a kernel for that and it fits. */
static gboolean
set_lanes (Owl2ImageBuffers *image, OvkCmd *cmd, const Owl2Filter *square,
    const Owl2Filter *final, GError **error)
{
  OvkDevice *dev = image->weights->dev;
  GError *local = NULL;
  Owl2Steps *steps;
  gboolean ok;

  image->n_steps = 0;
  image->window =
      square ? owl2_filter_window (square, ovk_device_caps (dev)->subgroup_size)
             : 0;
  if (!owl2_can_resize_lanes (cmd, image->window))
    return TRUE;
  steps = owl2_steps_new (final, &local);
  if (!steps) {
    if (local)
      g_propagate_error (error, local);
    return !local;
  }
  image->n_steps = steps->n;
  ok = upload_words (image, steps->table, steps->n_words, &image->steps, error);
  owl2_steps_free (steps);
  return ok;
}

/* What the two resizes need. */
static gboolean
set_filters (Owl2ImageBuffers *image, OvkCmd *cmd, guint width, guint height,
    GError **error)
{
  guint edge = MAX (width, height), shorter = MIN (width, height);
  guint size = image->weights->config.vision.image_size;
  Owl2Filter *final = owl2_filter_new (edge, size, error);
  Owl2Filter *square = NULL;
  gboolean ok = FALSE;

  if (final && width != height)
    square = owl2_filter_new (shorter, edge, error);
  if (final && (square || width == height))
    ok = upload_filter (
             image, final, &image->final_filter, &image->final_taps, error)
         && (!square
             || upload_filter (image, square, &image->square_filter,
                 &image->square_taps, error))
         && (width < height ? (image->n_steps = 0, TRUE)
                            : set_lanes (image, cmd, square, final, error));
  owl2_filter_free (square);
  owl2_filter_free (final);
  return ok;
}

/* Bytes of a row of packed RGB on the device. */
static gsize
rgb_row (guint width)
{
  return ((gsize) width * 3 + 3) & ~(gsize) 3;
}

/* Whether the device takes them, each in one binding. */
static gboolean
check_size (const Owl2ImageBuffers *image, const Owl2Image *picture,
    gsize frame_bytes, gsize rgb_bytes, gsize tall_bytes, GError **error)
{
  gsize limit = ovk_device_caps (image->weights->dev)->max_storage_range;
  gsize most = MAX (MAX (frame_bytes, rgb_bytes), tall_bytes);

  if (most <= limit)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "a frame of %ux%u needs %" G_GSIZE_FORMAT
      " bytes, the device takes %" G_GSIZE_FORMAT " in one buffer",
      picture->width, picture->height, most, limit);
  return FALSE;
}

static gboolean
set_size (Owl2ImageBuffers *image, OvkCmd *cmd, const Owl2Image *picture,
    GError **error)
{
  OvkDevice *dev = image->weights->dev;
  gboolean across = (picture->turn & OWL2_TURN_TRANSPOSE) != 0;
  guint width = across ? picture->height : picture->width;
  guint height = across ? picture->width : picture->height;
  guint edge = MAX (width, height), size;
  gsize rgb_stride = rgb_row (width), stored_stride = rgb_row (picture->width);

  if (image->width == width && image->height == height
      && image->format == picture->format && image->turn == picture->turn)
    return TRUE;
  image->width = image->height = 0;
  g_clear_pointer (&image->arena, ovk_arena_free);
  size = image->weights->config.vision.image_size;
  owl2_planes_init (&image->planes, picture);
  if (!check_size (image, picture, image->planes.bytes,
          MAX (rgb_stride * height, stored_stride * picture->height),
          (gsize) edge * size * 4, error))
    return FALSE;
  image->arena = ovk_arena_new (dev, "frame", ARENA_BLOCK_BYTES);
  image->rgb_stride = rgb_stride;
  image->band_rows = CLAMP (BAND_BYTES / ((gsize) edge * 4), 1, edge);
  if ((picture->format != OWL2_PIXELS_RGB
          && !ovk_arena_alloc (
              image->arena, image->planes.bytes, &image->frame, error))
      || (picture->turn
          && !ovk_arena_alloc (image->arena, stored_stride * picture->height,
              &image->stored, error))
      || !ovk_arena_alloc (
          image->arena, rgb_stride * height, &image->rgb, error)
      || !ovk_arena_alloc (
          image->arena, (gsize) edge * size * 4, &image->tall, error)
      || !set_filters (image, cmd, width, height, error)
      || (width != height && image->n_steps == 0
          && !ovk_arena_alloc (image->arena,
              (gsize) image->band_rows * edge * 4, &image->band, error)))
    return FALSE;
  image->width = width;
  image->height = height;
  image->format = picture->format;
  image->turn = picture->turn;
  return TRUE;
}

/* The square, shrunk to the model's width, without the square. */
static void
record_lanes (const Owl2ImageBuffers *image, OvkCmd *cmd)
{
  guint edge = MAX (image->width, image->height);
  Owl2ResizeLanes p = {
    .dst = image->tall,
    .src = image->rgb,
    .steps = image->steps,
    .src_stride = image->rgb_stride,
    .n_steps = image->n_steps,
    .cols = image->weights->config.vision.image_size,
    .rows = edge,
    .src_rows = image->height,
  };

  if (image->width != image->height) {
    p.filter = image->square_filter;
    p.taps = image->square_taps;
    p.window = image->window;
  }
  owl2_op_resize_lanes (cmd, &p);
}

/* Rows first .. first + n - 1 of the square into the band. */
static void
record_band (const Owl2ImageBuffers *image, OvkCmd *cmd, guint first, guint n)
{
  guint edge = MAX (image->width, image->height);
  Owl2Resize p = {
    .dst = image->band,
    .src = image->rgb,
    .src_rgb = TRUE,
    .src_stride = image->rgb_stride,
    .filter = image->square_filter,
    .taps = image->square_taps,
    .vertical = image->width > image->height,
    .cols = edge,
    .rows = n,
  };

  if (p.vertical)
    p.dst_row0 = first;
  else
    p.src_row0 = first;
  owl2_op_resize (cmd, &p);
}

/* Rows first .. first + n - 1 of the square, shrunk to the model's width. */
static void
record_shrink (const Owl2ImageBuffers *image, OvkCmd *cmd, guint first, guint n)
{
  guint edge = MAX (image->width, image->height);
  guint size = image->weights->config.vision.image_size;
  gboolean square = image->width == image->height;
  Owl2Resize p = {
    .dst = image->tall,
    .src = square ? image->rgb : image->band,
    .src_rgb = square,
    .src_stride = square ? image->rgb_stride : (gsize) edge * 4,
    .filter = image->final_filter,
    .taps = image->final_taps,
    .cols = size,
    .rows = n,
    .src_row0 = square ? first : 0,
  };

  p.dst.offset += (gsize) first * size * 4;
  p.dst.size = (gsize) n * size * 4;
  owl2_op_resize (cmd, &p);
}

void
owl2_image_warm_up (Owl2ImageBuffers *image, Owl2Exec *exec)
{
  guint lanes = ovk_device_caps (exec->dev)->subgroup_size;
  OvkCmd *cmd = owl2_exec_cmd (exec);
  const Owl2Image one = {
    .width = 1, .height = 1, .format = OWL2_PIXELS_GRAY8
  };

  owl2_op_to_rgb (cmd, image->pixels, 4, image->lut, &one);
  owl2_op_turn (cmd, image->pixels, 4, image->lut, 4, 1, 1, 0);
  for (guint windows = 0; windows <= 2; windows++) {
    Owl2ResizeLanes p = {
      .dst = image->pixels,
      .src = image->pixels,
      .steps = image->lut,
      .src_stride = 4,
      .n_steps = 1,
      .taps = 1,
      .window = windows * lanes,
      .cols = 1,
      .rows = 1,
      .src_rows = 1,
    };

    if (windows > 0)
      p.filter = image->lut;
    if (owl2_can_resize_lanes (cmd, p.window))
      owl2_op_resize_lanes (cmd, &p);
  }
}

static gboolean
no_memory (const char *what, gsize size, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "no memory for the %s of a picture of %" G_GSIZE_FORMAT
      "x%" G_GSIZE_FORMAT,
      what, size, size);
  return FALSE;
}

/* Finishes all work so far. (transfer full): the resized picture, packed. */
static guint8 *
read_pixels (Owl2ImageBuffers *image, Owl2Exec *exec, GError **error)
{
  gsize size = image->weights->config.vision.image_size;
  g_autofree guint32 *words = g_try_new (guint32, size * size);
  guint8 *rgb = g_try_malloc (size * size * 3);

  if (!words || !rgb) {
    no_memory ("pixels", size, error);
  } else if (owl2_exec_finish (exec, error)
             && ovk_slice_read (
                 exec->dev, image->pixels, words, size * size * 4, error)) {
    for (gsize i = 0; i < size * size; i++)
      for (guint c = 0; c < 3; c++)
        rgb[3 * i + c] = words[i] >> (8 * c);
    return rgb;
  }
  g_free (rgb);
  return NULL;
}

static gboolean
tap_pixels (Owl2ImageBuffers *image, Owl2Exec *exec, GError **error)
{
  gsize size = image->weights->config.vision.image_size;
  gsize shape[4] = { 1, size, size, 3 };
  g_autofree guint8 *rgb = NULL;

  if (!exec->tap)
    return TRUE;
  rgb = read_pixels (image, exec, error);
  if (!rgb)
    return FALSE;
  owl2_exec_tap_host (exec, "resized_rgb", 'b', 4, shape, 0, rgb);
  return TRUE;
}

/* The patches of frame @frame of the batch. */
static Owl2Tensor
frame_patches (const Owl2ImageBuffers *image, guint frame)
{
  guint n = image->weights->config.vision.grid;

  return owl2_tensor_rows (image->patches, frame * n * n, n * n);
}

/* Patch rows back to [1][3][size][size], which is how the published code has
 * its input. */
static gboolean
tap_values (
    Owl2ImageBuffers *image, Owl2Exec *exec, guint frame, GError **error)
{
  Owl2Tensor patches = frame_patches (image, frame);
  guint size = image->weights->config.vision.image_size;
  guint patch = image->weights->config.vision.patch_size;
  guint grid = image->weights->config.vision.grid;
  gsize shape[4] = { 1, 3, size, size };
  g_autofree float *rows = NULL;
  g_autofree float *values = NULL;

  if (!exec->tap)
    return TRUE;
  if (!owl2_exec_finish (exec, error))
    return FALSE;
  rows = owl2_tensor_read (exec->dev, &patches, error);
  if (!rows)
    return FALSE;
  values = g_try_new (float, 3 * (gsize) size * size);
  if (!values)
    return no_memory ("values", size, error);
  for (guint c = 0; c < 3; c++)
    for (guint y = 0; y < size; y++)
      for (guint x = 0; x < size; x++) {
        gsize row = (gsize) (y / patch) * grid + x / patch;
        gsize col = ((gsize) c * patch + y % patch) * patch + x % patch;

        values[((gsize) c * size + y) * size + x] =
            rows[row * patches.cols + col];
      }
  owl2_exec_tap_host (exec, "pixel_values", 'f', 4, shape, 0, values);
  return TRUE;
}

/* The planes as they are, onto the device; blocks until they are there. */
static gboolean
upload_planes (Owl2ImageBuffers *image, OvkDevice *dev,
    const Owl2Image *picture, GError **error)
{
  const Owl2Planes *p = &image->planes;
  g_autoptr (OvkUploader) up = ovk_uploader_new (dev, error);

  if (!up)
    return FALSE;
  for (guint i = 0; i < p->n; i++) {
    OvkSlice to = image->format != OWL2_PIXELS_RGB ? image->frame
                  : image->turn                    ? image->stored
                                                   : image->rgb;

    to.offset += p->offset[i];
    to.size = p->stride[i] * p->rows[i];
    if (!ovk_uploader_rows (up, to, p->stride[i],
            i ? picture->chroma[i - 1] : picture->data,
            i ? picture->chroma_stride[i - 1] : picture->stride,
            p->row_bytes[i], p->rows[i], error))
      return FALSE;
  }
  return ovk_uploader_finish (up, error);
}

gboolean
owl2_image_check (const Owl2Image *picture, GError **error)
{
  Owl2Planes planes;
  gboolean ok = picture->width > 0 && picture->height > 0
                && (guint) picture->format < OWL2_N_PIXEL_FORMATS
                && (guint) picture->matrix <= OWL2_MATRIX_BT2020
                && picture->turn < 2 * OWL2_TURN_TRANSPOSE;

  if (ok) {
    owl2_planes_init (&planes, picture);
    ok = picture->stride >= planes.row_bytes[0];
    for (guint i = 1; i < planes.n; i++)
      ok = ok && picture->chroma_stride[i - 1] >= planes.row_bytes[i];
  }
  if (ok)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "a frame of %ux%u with rows of %" G_GSIZE_FORMAT ", %" G_GSIZE_FORMAT
      " and %" G_GSIZE_FORMAT " bytes is no %s image",
      picture->width, picture->height, picture->stride,
      picture->chroma_stride[0], picture->chroma_stride[1],
      owl2_pixel_format_name (picture->format));
  return FALSE;
}

/* From the planes to image->rgb. */
static void
record_rgb (
    const Owl2ImageBuffers *image, OvkCmd *cmd, const Owl2Image *picture)
{
  gsize stored_stride = rgb_row (picture->width);

  if (picture->format != OWL2_PIXELS_RGB)
    owl2_op_to_rgb (cmd, picture->turn ? image->stored : image->rgb,
        stored_stride, image->frame, picture);
  if (picture->turn)
    owl2_op_turn (cmd, image->rgb, image->rgb_stride, image->stored,
        stored_stride, picture->width, picture->height, picture->turn);
}

/* Everything up to image->pixels. */
static gboolean
record_resize (Owl2ImageBuffers *image, Owl2Exec *exec,
    const Owl2Image *picture, GError **error)
{
  guint size = image->weights->config.vision.image_size;
  guint edge = MAX (picture->width, picture->height);
  Owl2Resize last = { 0 };
  OvkCmd *cmd;

  /* What was recorded reads the picture before, in the same place. */
  if (!owl2_exec_finish (exec, error)
      || !set_size (image, owl2_exec_cmd (exec), picture, error)
      || !upload_planes (image, exec->dev, picture, error))
    return FALSE;

  cmd = owl2_exec_cmd (exec);
  ovk_cmd_label (cmd, "resize");
  record_rgb (image, cmd, picture);
  if (image->n_steps > 0)
    record_lanes (image, cmd);
  else if (picture->width == picture->height)
    record_shrink (image, cmd, 0, edge);
  else
    for (guint first = 0; first < edge; first += image->band_rows) {
      guint n = MIN (image->band_rows, edge - first);

      record_band (image, cmd, first, n);
      record_shrink (image, cmd, first, n);
    }
  last = (Owl2Resize){
    .dst = image->pixels,
    .src = image->tall,
    .src_stride = (gsize) size * 4,
    .filter = image->final_filter,
    .taps = image->final_taps,
    .vertical = TRUE,
    .cols = size,
    .rows = size,
  };
  owl2_op_resize (cmd, &last);
  return TRUE;
}

gboolean
owl2_image_record (Owl2ImageBuffers *image, Owl2Exec *exec,
    const Owl2Image *picture, guint frame, GError **error)
{
  Owl2Tensor patches = frame_patches (image, frame);
  const Owl2Config *config = &image->weights->config;

  if (!record_resize (image, exec, picture, error))
    return FALSE;
  owl2_op_patchify (owl2_exec_cmd (exec), &patches, image->pixels, image->lut,
      config->vision.image_size, config->vision.patch_size);
  return tap_pixels (image, exec, error)
         && tap_values (image, exec, frame, error);
}

guint8 *
owl2_image_shrink (Owl2ImageBuffers *image, Owl2Exec *exec,
    const Owl2Image *picture, GError **error)
{
  if (!record_resize (image, exec, picture, error))
    return NULL;
  return read_pixels (image, exec, error);
}
