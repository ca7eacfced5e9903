/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plain pictures of any format and colorimetry, the formulas of their colours
 * in double precision, and what the element makes of them. */
#ifndef COLOURS_H
#define COLOURS_H

#include <gst/video/video.h>
#include "gstowl2frame.h"

/* Whole groups of 6 pixels, as v210 has them. */
#define COLOURS_EDGE 24

/* What the format's unpacked pixels have, in their order: A, and Y, U, V or R,
 * G, B, of @bits each. */
typedef struct {
  guint16 c[4];
  guint bits;
} Codes;

GstVideoInfo colours_info (const char *caps);

/* (transfer full): a buffer that is @codes all over, as near as the format
 * comes; and what it came to. */
GstBuffer *colours_plain (const GstVideoInfo *info, const Codes *codes);
Codes colours_read (const GstVideoInfo *info, GstBuffer *buffer);

gboolean colours_limited (const GstVideoInfo *info);
/* ITU-T H.273 (07/2021), table 4, which has each standard's own. */
void colours_matrix (GstVideoColorMatrix matrix, double *kr, double *kb);
/* Between codes and R', G' and B' of 0 to 1. */
void colours_decode (
    const GstVideoInfo *info, const Codes *codes, double rgb[3]);
Codes colours_encode (
    const GstVideoInfo *info, const double rgb[3], double alpha);

GstOwl2Frame *colours_take (
    GstBuffer *buffer, const GstVideoInfo *info, double peak);
/* (transfer full): packed RGB; @image: as the engine gets it, without data */
guint8 *colours_look (GstOwl2Rgb *rgb, GstOwl2Frame *frame, Owl2Image *image);

#endif
