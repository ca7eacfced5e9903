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
} Owl2Image;

G_END_DECLS

#endif
