/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"
#include "memory.h"

#include <string.h>

/* What frames that go in one submission bring, and with it what a recording
 * holds while others wait for room. */
#define STAGED_BYTES ((gsize) 16 << 20)
/* What can be staged at once. */
#define MOST_STAGED_BYTES ((gsize) 64 << 20)

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
owl2_image_init (
    Owl2ImageBuffers *image, const Owl2Weights *weights, GError **error)
{
  float lut[3][256];

  image->weights = weights;
  fill_lut (lut, &weights->config);
  return ovk_slice_write (weights->dev, image->lut, lut, sizeof lut, error);
}

void
owl2_image_clear (Owl2ImageBuffers *image)
{
  owl2_image_forget_sizes (image);
}

/* Bytes of a row of packed RGB on the device. */
static gsize
rgb_row (guint width)
{
  return ((gsize) width * 3 + 3) & ~(gsize) 3;
}

/* A frame on its way. */
typedef struct {
  const Owl2ImageBuffers *image;
  const Owl2ImageSize *size;
  const Owl2Image *picture;
  Owl2Planes planes;
  gboolean staged;     /* it fits what is staged, and is read there */
  guint width, height; /* upright */
  guint out;           /* edge of the model's picture */
  Owl2ImageShape shape;
  OvkSlice rgb;        /* u8 [height][rgb_stride], upright */
  gsize rgb_stride;    /* bytes, a multiple of 4 */
} Frame;

/* All that is tall; the square of a wide frame is in no memory. */
static void
record_lanes (const Frame *f, OvkCmd *cmd)
{
  Owl2ResizeLanes p = {
    .dst = f->image->scratch[OWL2_SCRATCH_TALL],
    .src = f->rgb,
    .steps = f->size->across.steps,
    .src_stride = f->rgb_stride,
    .n_steps = f->size->across.n_steps,
    .cols = f->out,
    .rows = f->shape.tall_rows,
    .src_rows = f->shape.square ? f->height : f->shape.tall_rows,
  };

  p.src.offset += f->shape.first_row * f->rgb_stride;
  p.src.size -= f->shape.first_row * f->rgb_stride;
  if (f->shape.square) {
    p.filter = f->size->square_filter;
    p.taps = f->size->square_taps;
    p.window = f->size->window;
  }
  owl2_op_resize_lanes (cmd, &p);
}

/* The same of a frame that is tall. */
static void
record_along (const Frame *f, OvkCmd *cmd)
{
  const Owl2ResizeAlong p = {
    .dst = f->image->scratch[OWL2_SCRATCH_TALL],
    .src = f->rgb,
    .steps = f->size->along,
    .src_stride = f->rgb_stride,
    .n_steps = f->size->n_along,
    .cols = f->out,
    .rows = f->shape.tall_rows,
    .src_cols = f->width,
  };

  owl2_op_resize_along (cmd, &p);
}

/* Rows first .. first + n - 1 of the square into the band. */
static void
record_band (const Frame *f, OvkCmd *cmd, guint first, guint n)
{
  Owl2Resize p = {
    .dst = f->image->scratch[OWL2_SCRATCH_BAND],
    .src = f->rgb,
    .src_rgb = TRUE,
    .src_stride = f->rgb_stride,
    .filter = f->size->square_filter,
    .taps = f->size->square_taps,
    .vertical = f->width > f->height,
    .cols = f->shape.across.in,
    .rows = n,
  };

  if (p.vertical)
    p.dst_row0 = first;
  else
    p.src_row0 = first;
  owl2_op_resize (cmd, &p);
}

/* Rows first .. first + n - 1 of what is tall, from the band or the picture. */
static void
record_shrink (const Frame *f, OvkCmd *cmd, guint first, guint n)
{
  gboolean band = f->shape.square;
  Owl2Resize p = {
    .dst = f->image->scratch[OWL2_SCRATCH_TALL],
    .src = band ? f->image->scratch[OWL2_SCRATCH_BAND] : f->rgb,
    .src_rgb = !band,
    .src_stride = band ? (gsize) f->shape.across.in * 4 : f->rgb_stride,
    .filter = f->size->across.filter,
    .taps = f->size->across.taps,
    .cols = f->out,
    .rows = n,
    .src_row0 = band ? 0 : f->shape.first_row + first,
  };

  p.dst.offset += (gsize) first * f->out * 4;
  p.dst.size = (gsize) n * f->out * 4;
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
  if (owl2_can_resize_along (cmd)) {
    const Owl2ResizeAlong p = {
      .dst = image->pixels,
      .src = image->pixels,
      .steps = image->lut,
      .src_stride = 4,
      .n_steps = 1,
      .cols = 1,
      .rows = 1,
      .src_cols = 1,
    };

    owl2_op_resize_along (cmd, &p);
  }
  for (guint windows = 0; windows <= 3; windows++) {
    Owl2ResizeLanes p = {
      .dst = image->pixels,
      .src = image->pixels,
      .steps = image->lut,
      .src_stride = 4,
      .n_steps = 1,
      .taps = 1,
      .window = windows < 3 ? windows * lanes : 0,
      .down = windows == 3,
      .cols = 1,
      .rows = 1,
      .src_rows = 1,
    };

    if (p.window > 0)
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

gboolean
owl2_image_check (const Owl2Image *picture, GError **error)
{
  Owl2Planes planes;
  gboolean ok = picture->width > 0 && picture->height > 0
                && (guint) picture->format < OWL2_N_PIXEL_FORMATS
                && (guint) picture->matrix <= OWL2_MATRIX_BT2020
                && (guint) picture->mode <= OWL2_IMAGE_CROP
                && picture->turn < 2 * OWL2_TURN_TRANSPOSE;

  if (ok)
    owl2_planes_init (&planes, picture);
  if (ok && picture->memory) {
    const OvkSlice all = ovk_import_all (picture->memory->import);

    if (all.size >= planes.bytes)
      return TRUE;
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "a %s frame of %ux%u has %" G_GSIZE_FORMAT
        " bytes, its memory %" G_GSIZE_FORMAT,
        owl2_pixel_format_name (picture->format), picture->width,
        picture->height, planes.bytes, all.size);
    return FALSE;
  }
  if (ok) {
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

static const guint8 *
plane (const Owl2Image *picture, guint i, gsize *stride)
{
  *stride = i ? picture->chroma_stride[i - 1] : picture->stride;
  return i ? picture->chroma[i - 1] : picture->data;
}

/* What the frame needs on its way. */
static void
count_needs (const Frame *f, gsize needs[OWL2_N_SCRATCH])
{
  const Owl2Image *picture = f->picture;
  gsize stored = rgb_row (picture->width) * picture->height;
  gboolean rgb = picture->format == OWL2_PIXELS_RGB;
  gboolean copied =
      !picture->memory
      && (!f->staged
          || !ovk_device_caps (f->image->weights->dev)->unified_memory);

  memset (needs, 0, OWL2_N_SCRATCH * sizeof *needs);
  if (copied)
    needs[OWL2_SCRATCH_FRAME] = f->planes.bytes;
  if (picture->turn && !rgb)
    needs[OWL2_SCRATCH_STORED] = stored;
  if (picture->turn || !rgb)
    needs[OWL2_SCRATCH_RGB] = f->rgb_stride * f->height;
  needs[OWL2_SCRATCH_TALL] = (gsize) f->shape.tall_rows * f->out * 4;
}

/* Whether the device takes each in one binding. */
static gboolean
check_needs (const Frame *f, const gsize needs[OWL2_N_SCRATCH], GError **error)
{
  gsize limit = ovk_device_caps (f->image->weights->dev)->max_storage_range;
  gsize most = f->planes.bytes;

  for (guint i = 0; i < OWL2_N_SCRATCH; i++)
    most = MAX (most, needs[i]);
  if (most <= limit)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "a frame of %ux%u needs %" G_GSIZE_FORMAT
      " bytes, the device takes %" G_GSIZE_FORMAT " in one buffer",
      f->picture->width, f->picture->height, most, limit);
  return FALSE;
}

static gboolean
frame_init (Frame *f, Owl2ImageBuffers *image, Owl2Exec *exec,
    const Owl2Image *picture, GError **error)
{
  gboolean across = (picture->turn & OWL2_TURN_TRANSPOSE) != 0;
  Owl2ImageMode mode =
      owl2_config_image_mode (&image->weights->config, picture->mode);
  gsize needs[OWL2_N_SCRATCH];

  memset (f, 0, sizeof *f);
  f->image = image;
  f->picture = picture;
  f->width = across ? picture->height : picture->width;
  f->height = across ? picture->width : picture->height;
  f->out = image->weights->config.vision.image_size;
  f->rgb_stride = rgb_row (f->width);
  owl2_planes_init (&f->planes, picture);
  f->staged = f->planes.bytes <= MOST_STAGED_BYTES;
  if (!owl2_image_shape (&f->shape, mode, f->width, f->height, f->out, error))
    return FALSE;
  count_needs (f, needs);
  if (!check_needs (f, needs, error))
    return FALSE;
  f->size = owl2_image_size (
      image, exec, f->width, f->height, mode, &f->shape, needs, error);
  return f->size != NULL;
}

/* The planes into what is staged for @cmd. */
static gboolean
stage_planes (const Frame *f, OvkCmd *cmd, OvkSlice *staged, GError **error)
{
  const Owl2Planes *p = &f->planes;
  guint8 *to = ovk_cmd_stage (cmd, p->bytes, staged);

  if (!to)
    return ovk_cmd_check (cmd, error);
  if (!f->picture->data)
    return TRUE;
  for (guint i = 0; i < p->n; i++) {
    gsize stride, row_bytes = p->row_bytes[i];
    const guint8 *from = plane (f->picture, i, &stride);

    for (guint y = 0; y < p->rows[i]; y++) {
      guint8 *row = to + p->offset[i] + y * p->stride[i];

      memcpy (row, from + y * stride, row_bytes);
      memset (row + row_bytes, 0, p->stride[i] - row_bytes);
    }
  }
  return TRUE;
}

/* A frame that is more than can be staged; blocks until it is there. */
static gboolean
upload_planes (const Frame *f, Owl2Exec *exec, OvkSlice to, GError **error)
{
  const Owl2Planes *p = &f->planes;
  g_autoptr (OvkUploader) up = NULL;

  /* What was recorded reads the frame before, in the same place. */
  if (!owl2_exec_finish (exec, error)
      || !(up = ovk_uploader_new (exec->dev, error)))
    return FALSE;
  if (!f->picture->data)
    return TRUE;
  for (guint i = 0; i < p->n; i++) {
    OvkSlice slice = { to.buffer, to.offset + p->offset[i],
      p->stride[i] * p->rows[i] };
    gsize stride;
    const guint8 *from = plane (f->picture, i, &stride);

    if (!ovk_uploader_rows (up, slice, p->stride[i], from, stride,
            p->row_bytes[i], p->rows[i], error))
      return FALSE;
  }
  return ovk_uploader_finish (up, error);
}

/* The planes to where commands that are recorded next read them. */
static gboolean
take_planes (Owl2ImageBuffers *image, Owl2Exec *exec, const Frame *f,
    OvkSlice *src, GError **error)
{
  OvkSlice copy = image->scratch[OWL2_SCRATCH_FRAME];
  guint64 number;

  copy.size = f->planes.bytes;
  *src = copy;
  if (f->picture->memory) {
    *src = ovk_import_all (f->picture->memory->import);
    src->size = f->planes.bytes;
    ovk_cmd_acquire (owl2_exec_cmd (exec), *src);
    return TRUE;
  }
  if (!f->staged)
    return upload_planes (f, exec, copy, error);
  if (image->staged_in != exec->n_submitted)
    image->staged = 0;
  if (image->staged > 0 && image->staged + copy.size > STAGED_BYTES) {
    if (!owl2_exec_flush (exec, &number, error))
      return FALSE;
    image->staged = 0;
  }
  if (!stage_planes (f, owl2_exec_cmd (exec), src, error))
    return FALSE;
  image->staged += copy.size;
  image->staged_in = exec->n_submitted;
  if (!ovk_device_caps (exec->dev)->unified_memory) {
    ovk_cmd_copy (owl2_exec_cmd (exec), copy, *src);
    *src = copy;
  }
  return TRUE;
}

/* From the planes to upright RGB. */
static void
record_rgb (Frame *f, OvkCmd *cmd, OvkSlice planes)
{
  const Owl2Image *picture = f->picture;
  gsize stored_stride = rgb_row (picture->width);

  f->rgb = planes;
  if (picture->format != OWL2_PIXELS_RGB) {
    f->rgb =
        f->image
            ->scratch[picture->turn ? OWL2_SCRATCH_STORED : OWL2_SCRATCH_RGB];
    owl2_op_to_rgb (cmd, f->rgb, stored_stride, planes, picture);
  }
  if (picture->turn) {
    OvkSlice turned = f->image->scratch[OWL2_SCRATCH_RGB];

    owl2_op_turn (cmd, turned, f->rgb_stride, f->rgb, stored_stride,
        picture->width, picture->height, picture->turn);
    f->rgb = turned;
  }
}

/* From what is tall to the model's picture. */
static void
record_last (const Frame *f, OvkCmd *cmd)
{
  OvkSlice tall = f->image->scratch[OWL2_SCRATCH_TALL];
  gsize stride = (gsize) f->out * 4;

  tall.size = f->shape.tall_rows * stride;
  if (f->size->down.n_steps > 0) {
    Owl2ResizeLanes p = {
      .dst = f->image->pixels,
      .src = tall,
      .steps = f->size->down.steps,
      .src_stride = stride,
      .n_steps = f->size->down.n_steps,
      .down = TRUE,
      .cols = f->out,
      .rows = f->out,
      .src_rows = f->shape.tall_rows,
    };

    owl2_op_resize_lanes (cmd, &p);
  } else {
    Owl2Resize p = {
      .dst = f->image->pixels,
      .src = tall,
      .src_stride = stride,
      .filter = f->size->down.filter,
      .taps = f->size->down.taps,
      .vertical = TRUE,
      .cols = f->out,
      .rows = f->out,
    };

    owl2_op_resize (cmd, &p);
  }
}

/* Everything up to image->pixels. */
static gboolean
record_resize (Owl2ImageBuffers *image, Owl2Exec *exec,
    const Owl2Image *picture, GError **error)
{
  OvkSlice planes;
  OvkCmd *cmd;
  Frame f;

  if (!frame_init (&f, image, exec, picture, error)
      || !take_planes (image, exec, &f, &planes, error))
    return FALSE;

  /* In one piece, since the next submission may not read what is staged. */
  cmd = owl2_exec_cmd (exec);
  ovk_cmd_label (cmd, "resize");
  record_rgb (&f, cmd, planes);
  if (f.size->lanes) {
    record_lanes (&f, cmd);
  } else if (f.size->n_along > 0) {
    record_along (&f, cmd);
  } else if (!f.shape.square) {
    record_shrink (&f, cmd, 0, f.shape.tall_rows);
  } else {
    guint rows = owl2_image_band_rows (f.width, f.height);

    for (guint first = 0; first < f.shape.tall_rows; first += rows) {
      guint n = MIN (rows, f.shape.tall_rows - first);

      record_band (&f, cmd, first, n);
      record_shrink (&f, cmd, first, n);
    }
  }
  record_last (&f, cmd);
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
