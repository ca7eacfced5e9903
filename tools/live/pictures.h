/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The newest pictures of a stream, each encoded once for everybody. */
#ifndef OWL2_LIVE_PICTURES_H
#define OWL2_LIVE_PICTURES_H

#include <glib.h>

G_BEGIN_DECLS

/* How long pictures are kept, in microseconds; and one a second for longer. */
#define PICTURES_US (10 * G_USEC_PER_SEC)
/* Larger ones are made smaller for browsers, however they are sent. */
#define PICTURES_MAX_EDGE "640"
/* Between two parts of a response with pictures. */
#define PICTURES_BOUNDARY "owl2-live-picture"

/**
 * Picture: immutable.
 * @serial: counts up from 1
 * @part: the picture as a part of a multipart response, from its headers to the
 *   next boundary, so that a browser shows it without waiting for the next
 * @jpeg: the file in it
 * @time: of the stream, ns; that of a file begins anew with each round
 * @taken: monotonic clock, us: when it was in front of the camera
 * @width, @height: in pixels
 */
typedef struct {
  gatomicrefcount refs;
  guint64 serial;
  GBytes *part, *jpeg;
  guint64 time;
  gint64 taken;
  int width, height;
} Picture;

Picture *picture_ref (Picture *picture);
void picture_unref (Picture *picture); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Picture, picture_unref)

typedef struct _Pictures Pictures;

/* @changed: called in the main loop after new pictures came. */
Pictures *pictures_new (GSourceFunc changed, gpointer user_data);
/* Once nobody adds any more. */
void pictures_free (Pictures *pictures); /* accepts NULL */

/* Adds a copy of a JPEG file of @n bytes, with the fields of @about; waits for
 * nothing. Any thread. */
void pictures_add (
    Pictures *pictures, const void *jpeg, gsize n, const Picture *about);

/* (transfer full) (nullable): NULL: none came yet. Any thread. */
Picture *pictures_newest (Pictures *pictures);
/* (transfer full) (nullable): the newest of those whose time is nearest to
 * @time; NULL: none is near. Any thread. */
Picture *pictures_find (Pictures *pictures, guint64 time);
/* (transfer full): Picture: those of the last PICTURES_US, in their order. Any
 * thread. */
GPtrArray *pictures_all (Pictures *pictures);

G_END_DECLS

#endif
