/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame to the vision encoder's patches: to RGB, see picture.h; Pillow's
 * bicubic resize to a square of the longer edge, then to the model's size, then
 * normalisation. Follows the published evaluation programs (aspect ratio not
 * kept, nothing padded). */
#ifndef OWL2_IMAGE_H
#define OWL2_IMAGE_H

#include "exec.h"
#include "picture.h"
#include "weights.h"

G_BEGIN_DECLS

/* Buffers for frames of one size, made anew when the size changes. */
typedef struct {
  const Owl2Weights *weights; /* borrowed */
  OvkSlice lut;               /* F32 [3][256]: a byte's value, normalised */
  OvkSlice pixels;            /* u32 [size][size] */
  Owl2Tensor patches;         /* [n * grid * grid][3 * patch * patch] */

  guint width, height; /* of the frames below, upright; 0: none yet */
  Owl2PixelFormat format;
  guint turn;
  Owl2Planes planes;
  OvkArena *arena;
  OvkSlice frame;   /* as @planes has it, where that is not RGB */
  OvkSlice stored;  /* u8: RGB before it is turned, where it is */
  OvkSlice rgb;     /* u8 [height][rgb_stride] */
  gsize rgb_stride; /* bytes, a multiple of 4 */
  OvkSlice band;    /* u32 [band_rows][edge]: part of the square */
  guint band_rows;
  OvkSlice tall;          /* u32 [edge][size] */
  OvkSlice square_filter; /* shorter edge -> edge */
  OvkSlice final_filter;  /* edge -> size */
  guint square_taps, final_taps;
  /* Where both passes to @tall are made at once, without @band. */
  OvkSlice steps;
  guint n_steps; /* else 0 */
  guint window;  /* of square_filter */
} Owl2ImageBuffers;

/* Lut, pixels and the patches of @n_frames; the others come when a frame's size
 * is known. */
gboolean owl2_image_buffers_alloc (Owl2ImageBuffers *image, OvkArena *arena,
    const Owl2Config *config, guint n_frames, GError **error);
/* With those, which live as long as @arena, ready for frames. */
gboolean owl2_image_init (Owl2ImageBuffers *image, OvkArena *arena,
    const Owl2Weights *weights, guint n_frames, GError **error);
void owl2_image_clear (Owl2ImageBuffers *image);

/* BAD_REQUEST, with the numbers, if the sizes and strides are no image. */
gboolean owl2_image_check (const Owl2Image *picture, GError **error);

/**
 * owl2_image_record: uploads a frame and records everything up to its rows of
 * @image->patches, those of place @frame of a batch. Blocks until all work of
 * @exec so far is done. Errors: NO_MEMORY and BAD_REQUEST with the frame's
 * size; those of owl2_exec_finish().
 */
gboolean owl2_image_record (Owl2ImageBuffers *image, Owl2Exec *exec,
    const Owl2Image *picture, guint frame, GError **error);

/* Enters the pipelines that only some sizes of frames take into the set that
 * @exec collects: a wide and a tall frame of a few pixels, recorded, give the
 * others. Only between owl2_exec_collect() and its end. */
void owl2_image_warm_up (Owl2ImageBuffers *image, Owl2Exec *exec);

/**
 * owl2_image_shrink: runs the resize alone. A picture of the model's size comes
 * back as it is, so that encoding the result is encoding the frame.
 *
 * Returns: (transfer full): packed RGB8 of the model's size; errors as above
 */
guint8 *owl2_image_shrink (Owl2ImageBuffers *image, Owl2Exec *exec,
    const Owl2Image *picture, GError **error);

G_END_DECLS

#endif
