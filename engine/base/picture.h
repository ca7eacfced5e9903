/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A frame in the host's memory, in the layout that it has there.
 *
 * What is not RGB becomes RGB on the device, in integers. Chroma that is
 * subsampled is first brought to each pixel, along rows and then along columns,
 * from its two neighbours a (the nearer) and b:
 *
 *   between samples:   (3 a + b + 2) >> 2
 *   cosited, in rows:  a at a sample's place, (a + b + 1) >> 1 half way
 *   cosited, in columns: a, which is the one at the place or above
 *
 * and past the edges the last sample counts. Then, with s (x) of a byte x the
 * 16 bits 256 (x - 128) + ((x - 128) & 255), m (x, p) = (s (x) p) >> 16, and
 * c (x) = clamp (x, -128, 127) + 128:
 *
 *   R = c (m (Y, y) + m (V, rv))
 *   G = c (m (Y, y) + m (U, gu) + m (V, gv))
 *   B = c (m (Y, y) + m (U, bu))
 *
 * where y, rv, gu, gv and bu are 256 times the matrix's factors, rounded: with
 * its Kr and Kb, Kg = 1 - Kr - Kb, and q = 1 at full range, else 255/224,
 *
 *   y = 1, or 255/219      rv = 2 (1 - Kr) q         bu = 2 (1 - Kb) q
 *   gu = -2 (1 - Kb) q Kb / Kg        gv = -2 (1 - Kr) q Kr / Kg
 */
#ifndef OWL2_PICTURE_H
#define OWL2_PICTURE_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * Owl2PixelFormat: 8 bits a component; x is a byte that does not count. Names
 * of components are in the order of bytes, as in GStreamer's formats.
 * @OWL2_PIXELS_GRAY8: one plane of Y
 * @OWL2_PIXELS_I420: planes of Y, and of U and V at half the width and height,
 *   rounded up; so in the others with planes
 * @OWL2_PIXELS_NV12: Y, and U and V in turn; NV21: V and U
 * @OWL2_PIXELS_Y42B: U and V at half the width; Y444: at full size
 * @OWL2_PIXELS_YUY2: one plane of Y U Y V; UYVY: U Y V Y
 */
typedef enum {
  OWL2_PIXELS_RGB,
  OWL2_PIXELS_BGR,
  OWL2_PIXELS_RGBX,
  OWL2_PIXELS_BGRX,
  OWL2_PIXELS_XRGB,
  OWL2_PIXELS_XBGR,
  OWL2_PIXELS_GRAY8,
  OWL2_PIXELS_I420,
  OWL2_PIXELS_NV12,
  OWL2_PIXELS_NV21,
  OWL2_PIXELS_Y42B,
  OWL2_PIXELS_Y444,
  OWL2_PIXELS_YUY2,
  OWL2_PIXELS_UYVY,
  OWL2_N_PIXEL_FORMATS
} Owl2PixelFormat;

/* Kr and Kb: 0.299 and 0.114; 0.2126 and 0.0722; 0.2627 and 0.0593. */
typedef enum {
  OWL2_MATRIX_BT601,
  OWL2_MATRIX_BT709,
  OWL2_MATRIX_BT2020,
} Owl2Matrix;

/* Where chroma lies, a sum: at the same place as every other pixel of a row, of
 * a column; else between two. */
enum {
  OWL2_COSITED_H = 1,
  OWL2_COSITED_V = 2,
};

/* How the picture becomes upright, a sum: its left and right change places, its
 * upper and lower edge, and after these its rows and columns. */
enum {
  OWL2_TURN_MIRROR_X = 1,
  OWL2_TURN_MIRROR_Y = 2,
  OWL2_TURN_TRANSPOSE = 4,
};

/**
 * Owl2ImageMode: how a picture becomes the square that the model sees. Each
 * is Pillow's bicubic resize, to the bit, of the upright picture.
 * @OWL2_IMAGE_AUTO: as the model file says; where it says nothing, stretched
 * @OWL2_IMAGE_STRETCH: to a square of the longer edge, then to the model's
 * @OWL2_IMAGE_PAD: pasted in the middle of a square of the longer edge, in the
 *   colour (122, 116, 104), at (edge - width) / 2, (edge - height) / 2, both
 *   rounded down, and that resized
 * @OWL2_IMAGE_CROP: the shorter edge to the model's n, the longer to
 *   n * longer / shorter, rounded down; of that the n x n in the middle, left
 *   and top at half the excess, rounded down
 */
typedef enum {
  OWL2_IMAGE_AUTO,
  OWL2_IMAGE_STRETCH,
  OWL2_IMAGE_PAD,
  OWL2_IMAGE_CROP,
} Owl2ImageMode;

/* "auto", "stretch", "pad", "crop", in any case of letters; FALSE if unknown. */
gboolean owl2_image_mode_parse (const char *name, Owl2ImageMode *mode);
/* "auto", ... */
const char *owl2_image_mode_name (Owl2ImageMode mode);

/* Memory of another Vulkan device, see owl2_memory_import(). */
typedef struct _Owl2Memory Owl2Memory;

/**
 * Owl2Image: zeros past @stride are packed RGB.
 * @data, @stride: the first plane, and bytes from row to row
 * @chroma, @chroma_stride: the second and third, where the format has them
 * @width, @height: as it is stored
 * @memory: (nullable): holds the planes in the place of the pointers, which are
 *   not looked at: one after the other from its first byte, with strides that
 *   are the least multiples of 4
 * @matrix, @full_range, @cosited: of formats with U and V; range of GRAY8 too
 * @look: answers are to say where in the picture they look, see Owl2Request; it
 *   changes nothing of the features
 */
typedef struct {
  const guint8 *data;
  guint width, height; /* pixels, at least 1 */
  gsize stride;        /* bytes */
  Owl2PixelFormat format;
  const guint8 *chroma[2];
  gsize chroma_stride[2];
  Owl2Memory *memory;
  Owl2Matrix matrix;
  gboolean full_range;
  guint cosited; /* OWL2_COSITED_* */
  guint turn;    /* OWL2_TURN_* */
  Owl2ImageMode mode;
  gboolean look;
} Owl2Image;

/**
 * owl2_picture_square: the square that the model sees of an upright picture of
 * @width x @height pixels, which becomes square by @mode, which is not AUTO,
 * and then @size x @size.
 * @rect: (out): left, top, right and bottom in pixels of the picture; what pad
 *   adds around it is outside of that
 */
void owl2_picture_square (
    Owl2ImageMode mode, guint width, guint height, guint size, double rect[4]);

/**
 * owl2_picture_cell: where patch (@col, @row) of the @grid x @grid of that
 * square lies, without what pad added.
 *
 * Returns: FALSE: all of it is what was added; @rect is empty
 */
gboolean owl2_picture_cell (Owl2ImageMode mode, guint width, guint height,
    guint size, guint grid, guint col, guint row, double rect[4]);

G_END_DECLS

#endif
