/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of any format to RGB, by the formula in picture.h. */
#include "operand.h"

#include <math.h>
#include <string.h>

/* Where a component is in a pixel or a pair of them. */
typedef struct {
  guint8 plane, at, step; /* bytes */
} Component;

typedef struct {
  const char *name;
  guint8 n_planes;
  guint8 h_shift, v_shift; /* of the second and third component */
  gboolean yuv;
  Component components[3]; /* R, G, B, or Y, U, V */
} Format;

static const Format formats[OWL2_N_PIXEL_FORMATS] = {
  [OWL2_PIXELS_RGB] = { "RGB", 1, 0, 0, FALSE,
      { { 0, 0, 3 }, { 0, 1, 3 }, { 0, 2, 3 } } },
  [OWL2_PIXELS_BGR] = { "BGR", 1, 0, 0, FALSE,
      { { 0, 2, 3 }, { 0, 1, 3 }, { 0, 0, 3 } } },
  [OWL2_PIXELS_RGBX] = { "RGBx", 1, 0, 0, FALSE,
      { { 0, 0, 4 }, { 0, 1, 4 }, { 0, 2, 4 } } },
  [OWL2_PIXELS_BGRX] = { "BGRx", 1, 0, 0, FALSE,
      { { 0, 2, 4 }, { 0, 1, 4 }, { 0, 0, 4 } } },
  [OWL2_PIXELS_XRGB] = { "xRGB", 1, 0, 0, FALSE,
      { { 0, 1, 4 }, { 0, 2, 4 }, { 0, 3, 4 } } },
  [OWL2_PIXELS_XBGR] = { "xBGR", 1, 0, 0, FALSE,
      { { 0, 3, 4 }, { 0, 2, 4 }, { 0, 1, 4 } } },
  [OWL2_PIXELS_GRAY8] = { "GRAY8", 1, 0, 0, TRUE,
      { { 0, 0, 1 }, { 0, 0, 1 }, { 0, 0, 1 } } },
  [OWL2_PIXELS_I420] = { "I420", 3, 1, 1, TRUE,
      { { 0, 0, 1 }, { 1, 0, 1 }, { 2, 0, 1 } } },
  [OWL2_PIXELS_NV12] = { "NV12", 2, 1, 1, TRUE,
      { { 0, 0, 1 }, { 1, 0, 2 }, { 1, 1, 2 } } },
  [OWL2_PIXELS_NV21] = { "NV21", 2, 1, 1, TRUE,
      { { 0, 0, 1 }, { 1, 1, 2 }, { 1, 0, 2 } } },
  [OWL2_PIXELS_Y42B] = { "Y42B", 3, 1, 0, TRUE,
      { { 0, 0, 1 }, { 1, 0, 1 }, { 2, 0, 1 } } },
  [OWL2_PIXELS_Y444] = { "Y444", 3, 0, 0, TRUE,
      { { 0, 0, 1 }, { 1, 0, 1 }, { 2, 0, 1 } } },
  [OWL2_PIXELS_YUY2] = { "YUY2", 1, 1, 0, TRUE,
      { { 0, 0, 2 }, { 0, 1, 4 }, { 0, 3, 4 } } },
  [OWL2_PIXELS_UYVY] = { "UYVY", 1, 1, 0, TRUE,
      { { 0, 1, 2 }, { 0, 0, 4 }, { 0, 2, 4 } } },
};

const char *
owl2_pixel_format_name (Owl2PixelFormat format)
{
  return (guint) format < OWL2_N_PIXEL_FORMATS ? formats[format].name : "?";
}

/* Bytes of a row and rows of @component's plane. */
static void
plane_size (const Format *f, guint component, const Owl2Image *picture,
    gsize *row_bytes, guint *rows)
{
  guint h = component > 0 ? f->h_shift : 0, v = component > 0 ? f->v_shift : 0;

  *row_bytes =
      (((gsize) picture->width + h) >> h) * f->components[component].step;
  *rows = (picture->height + v) >> v;
}

void
owl2_planes_init (Owl2Planes *planes, const Owl2Image *picture)
{
  const Format *f = &formats[picture->format];

  memset (planes, 0, sizeof *planes);
  planes->n = f->n_planes;
  for (guint i = 0; i < 3; i++) {
    guint p = f->components[i].plane, rows;
    gsize row_bytes;

    plane_size (f, i, picture, &row_bytes, &rows);
    planes->row_bytes[p] = MAX (planes->row_bytes[p], row_bytes);
    planes->rows[p] = rows;
  }
  for (guint p = 0; p < planes->n; p++) {
    planes->stride[p] = (planes->row_bytes[p] + 3) & ~(gsize) 3;
    planes->offset[p] = planes->bytes;
    planes->bytes += planes->stride[p] * planes->rows[p];
  }
}

static gint32
factor (double x)
{
  return (gint32) rint (256.0 * x);
}

static void
set_matrix (struct owl2_pc_to_rgb *pc, const Owl2Image *picture)
{
  static const double kr[] = { 0.2990, 0.2126, 0.2627 };
  static const double kb[] = { 0.1140, 0.0722, 0.0593 };
  double r = kr[picture->matrix], b = kb[picture->matrix], g = 1.0 - r - b;
  double q = picture->full_range ? 1.0 : 255.0 / 224.0;

  pc->y = factor (picture->full_range ? 1.0 : 255.0 / 219.0);
  if (picture->format == OWL2_PIXELS_GRAY8)
    return;
  pc->rv = factor (2.0 * (1.0 - r) * q);
  pc->gu = factor (-2.0 * (1.0 - b) * q * b / g);
  pc->gv = factor (-2.0 * (1.0 - r) * q * r / g);
  pc->bu = factor (2.0 * (1.0 - b) * q);
}

void
owl2_op_to_rgb (OvkCmd *cmd, OvkSlice dst, gsize dst_stride, OvkSlice src,
    const Owl2Image *picture)
{
  const Format *f = &formats[picture->format];
  const Component *c = f->components;
  guint32 spec[] = { owl2_workgroup (cmd), FALSE };
  gsize dst_bytes = dst_stride * picture->height;
  Owl2Planes planes;

  owl2_planes_init (&planes, picture);
  g_return_if_fail (dst_stride % 4 == 0);
  g_return_if_fail (dst_stride >= 3 * (gsize) picture->width);
  g_return_if_fail (src.size >= planes.bytes && dst.size >= dst_bytes);
  if (!owl2_piece_fits (cmd, "to_rgb", "the frame", planes.bytes)
      || !owl2_piece_fits (cmd, "to_rgb", "the RGB frame", dst_bytes))
    return;

  owl2_explain (cmd, OWL2_OP_TO_RGB);

  Owl2Operand operands[] = {
    owl2_operand_bytes (cmd, src, 0, (planes.bytes + 3) / 4 * 4, OVK_READ),
    owl2_operand_bytes (cmd, dst, 0, dst_bytes, OVK_WRITE),
  };
  guint32 at = operands[0].offset;
  struct owl2_pc_to_rgb pc = {
    .width = picture->width,
    .height = picture->height,
    .h_shift = f->h_shift,
    .v_shift = f->v_shift,
    .offset0 = at + (guint32) planes.offset[c[0].plane] + c[0].at,
    .offset1 = at + (guint32) planes.offset[c[1].plane] + c[1].at,
    .offset2 = at + (guint32) planes.offset[c[2].plane] + c[2].at,
    .stride0 = (guint32) planes.stride[c[0].plane],
    .stride1 = (guint32) planes.stride[c[1].plane],
    .step0 = c[0].step,
    .step1 = c[1].step,
    .d_offset = operands[1].offset / 4,
    .d_stride = (guint32) (dst_stride / 4),
  };

  if (f->yuv) {
    pc.flags =
        OWL2_TO_RGB_YUV
        | (picture->cosited & OWL2_COSITED_H ? OWL2_TO_RGB_COSITED_H : 0)
        | (picture->cosited & OWL2_COSITED_V ? OWL2_TO_RGB_COSITED_V : 0);
    set_matrix (&pc, picture);
  }
  owl2_record (cmd, &owl2_shader_to_rgb, spec, G_N_ELEMENTS (spec), operands,
      &pc, owl2_groups (cmd, picture->height, (picture->width + 3) / 4));
}
