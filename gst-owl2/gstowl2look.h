/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A map of where an answer looks, as colours on the picture that it is about.
 */
#ifndef GST_OWL2_LOOK_H
#define GST_OWL2_LOOK_H

#include <gst/video/video.h>
#include "gstowl2meta.h"
#include "owl2.h"

G_BEGIN_DECLS

/**
 * GstOwl2Seen: how a picture was shown to the model. Zeros: it was not.
 * @width, @height: of the picture once it is upright
 * @turn: what makes it upright, a sum of OWL2_TURN_*
 * @mode: how it becomes square; not AUTO
 * @size: edge of the model's pictures
 */
typedef struct {
  guint width, height;
  guint turn;
  Owl2ImageMode mode;
  guint size;
} GstOwl2Seen;

/* Of a picture that is handed to the model. @mode: where that says AUTO. */
void gst_owl2_seen_init (
    GstOwl2Seen *seen, const Owl2Image *image, Owl2ImageMode mode, guint size);

/**
 * gst_owl2_look_paint: colours for all of the stored picture, whatever its
 * size: from blue, where it is not looked at, through green and yellow to red,
 * with nothing where the model sees nothing.
 * @rgba: (out): [height][width][4], not multiplied by alpha
 * @map: [grid][grid] of the frame; in between its patches' middles it is
 *   interpolated
 * @top: what is red: the largest of the answer's maps
 */
void gst_owl2_look_paint (guint8 *rgba, guint width, guint height,
    const GstOwl2Seen *seen, const float *map, guint grid, float top);

/* The maps of @got, of which the last frame was shown as @seen. */
GstOwl2Look *gst_owl2_look_new (const Owl2Answer *got, const GstOwl2Seen *seen);
void gst_owl2_look_free (GstOwl2Look *look); /* accepts NULL */

/**
 * gst_owl2_look_put: puts the answer's maps on a buffer, which stays as it was
 * for others, and draws the last frame's.
 * @buffer: (transfer full)
 * @answer: with a look
 * @info: of the picture
 * @raw: that can be drawn on; FALSE: what is to be drawn is attached
 *
 * Where the crop meta is not inside of the picture, nothing is drawn.
 *
 * Returns: (transfer full): a copy, where it was drawn on
 */
GstBuffer *gst_owl2_look_put (GstBuffer *buffer, const GstOwl2Answer *answer,
    const GstVideoInfo *info, gboolean raw);

/* The largest of @n values. */
float gst_owl2_look_top (const float *maps, gsize n);

G_END_DECLS

#endif
