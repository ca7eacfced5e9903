/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame to the vision encoder's patches: to RGB and a square of the model's
 * size, see picture.h, then normalisation.
 *
 * A picture that is padded or cropped is resized at once, a pass along its rows
 * and one along its columns: what is cut off is left out of the passes, and the
 * padding is one more weight of each output. */
#ifndef OWL2_IMAGE_H
#define OWL2_IMAGE_H

#include "exec.h"
#include "picture.h"
#include "weights.h"

G_BEGIN_DECLS

/* What is between a frame and its picture, of one frame at a time. */
typedef enum {
  OWL2_SCRATCH_FRAME,  /* as it came; RGB, where it is upright, is below */
  OWL2_SCRATCH_STORED, /* u8: RGB before it is turned */
  OWL2_SCRATCH_RGB,    /* u8 [height][stride], upright */
  OWL2_SCRATCH_BAND,   /* u32 [band rows][edge]: part of the square */
  OWL2_SCRATCH_TALL,   /* u32 [tall_rows][size] */
  OWL2_N_SCRATCH
} Owl2Scratch;

/* How a picture becomes square. */
typedef struct {
  gboolean square;       /* first stretched to one of its longer edge */
  Owl2Axis across, down; /* the passes that shrink, in this order */
  guint first_row;       /* of the picture or its square: the rows that count */
  guint tall_rows;
} Owl2ImageShape;

/* A pass that shrinks. */
typedef struct {
  OvkSlice filter;
  guint taps;
  /* Where there is a faster way: its table, and entries of it, else 0. */
  OvkSlice steps;
  guint n_steps;
} Owl2ImagePass;

/* Filters of frames of one size, which is that of the upright frame, and one
 * mode. */
typedef struct {
  guint width, height; /* 0: none */
  Owl2ImageMode mode;
  Owl2ImageShape shape;
  guint64 used;        /* frames so far when the last one of this size came */
  gsize needs[OWL2_N_SCRATCH]; /* bytes, of all frames of this size so far */
  OvkArena *arena;
  OvkSlice square_filter; /* shorter edge -> edge; none without a square */
  guint square_taps;
  Owl2ImagePass across, down;
  gboolean lanes; /* what is tall is made at once by owl2_op_resize_lanes () */
  guint window;   /* of square_filter */
  OvkSlice along; /* or by owl2_op_resize_along () */
  guint n_along;
} Owl2ImageSize;

/* Sizes whose filters are kept: those of the streams that come at once. */
#define OWL2_IMAGE_SIZES 4

typedef struct {
  const Owl2Weights *weights; /* borrowed */
  OvkSlice lut;               /* F32 [3][256]: a byte's value, normalised */
  OvkSlice pixels;            /* u32 [size][size] */
  Owl2Tensor patches;         /* [n * grid * grid][3 * patch * patch] */

  Owl2ImageSize sizes[OWL2_IMAGE_SIZES];
  guint64 n_frames;
  /* As large as the kept sizes ever needed it. */
  OvkArena *arena;
  OvkSlice scratch[OWL2_N_SCRATCH];
  /* Bytes staged in the command list after that many submissions. */
  gsize staged;
  guint64 staged_in;
} Owl2ImageBuffers;

/* Lut, pixels and the patches of @n_frames; the others come when a frame's size
 * is known. */
gboolean owl2_image_buffers_alloc (Owl2ImageBuffers *image, OvkArena *arena,
    const Owl2Config *config, guint n_frames, GError **error);
/* Fills what was allocated, of zeros before: then it is ready for frames. */
gboolean owl2_image_init (
    Owl2ImageBuffers *image, const Owl2Weights *weights, GError **error);
void owl2_image_clear (Owl2ImageBuffers *image);

/* BAD_REQUEST, with the numbers, if the sizes, strides and enums are no image.
 */
gboolean owl2_image_check (const Owl2Image *picture, GError **error);

/**
 * owl2_image_record: takes a frame on its way to the device and records
 * everything up to its rows of @image->patches, those of place @frame of a
 * batch. The pixels may go away at once; a picture that loses its data while
 * this waits is not read. Frames of a size of those that came last allocate
 * nothing and wait for nothing but room in what is staged; one of another size,
 * or larger than what can be staged, blocks until all work of
 * @exec so far is done. Errors: NO_MEMORY and BAD_REQUEST with the frame's
 * size; those of owl2_exec_finish() and ovk_cmd_stage().
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

/* ---- image_sizes.c ------------------------------------------------------ */

/* Of a picture that is upright; @mode is not AUTO. BAD_REQUEST if an edge is
 * too long. */
gboolean owl2_image_shape (Owl2ImageShape *shape, Owl2ImageMode mode,
    guint width, guint height, guint out, GError **error);

/* Rows of the square that a band of it has. */
guint owl2_image_band_rows (guint width, guint height);

/**
 * owl2_image_size: filters for frames of an upright size and a mode, of which
 * @shape was made, and scratch of at least @needs bytes each. Blocks until all
 * work of @exec so far is done, if there is anything to be made. Errors:
 * NO_MEMORY, BAD_REQUEST, those of owl2_exec_finish().
 *
 * Returns: (transfer none): good until the next call
 */
const Owl2ImageSize *owl2_image_size (Owl2ImageBuffers *image, Owl2Exec *exec,
    guint width, guint height, Owl2ImageMode mode, const Owl2ImageShape *shape,
    const gsize needs[OWL2_N_SCRATCH], GError **error);
/* Frees what is kept; what is recorded must be done. */
void owl2_image_forget_sizes (Owl2ImageBuffers *image);

G_END_DECLS

#endif
