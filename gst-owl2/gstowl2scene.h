/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* With trigger=scene: the frames that are compared, one each half of
 * `min-interval`, as jobs that the worker decides on, and the frames before
 * them that a clip of several has. One thread at a time. */
#ifndef GST_OWL2_SCENE_H
#define GST_OWL2_SCENE_H

#include "gstowl2ask.h"

G_BEGIN_DECLS

typedef struct _GstOwl2Scene GstOwl2Scene;

/* @take: (transfer full) (nullable): the GstOwl2Frame that is looked at, for a
 * clip by these GstOwl2Settings */
GstOwl2Scene *gst_owl2_scene_new (
    gpointer (*take) (gpointer settings, gpointer user_data),
    gpointer user_data);
void gst_owl2_scene_free (GstOwl2Scene *scene); /* accepts NULL */

/* What comes is compared with nothing that came. */
void gst_owl2_scene_restart (GstOwl2Scene *scene);
/* (transfer full): of the frame that is on screen at @t, of the clipper's axis,
 * and, if @settings want several, those before it: as many as there are, a part
 * of `span` apart and all of them within it. It begins and ends with the times
 * at which they are on screen. */
GstOwl2Job *gst_owl2_scene_job (GstOwl2Scene *scene, GstOwl2Settings *settings,
    GstOwl2Frame *frame, gint64 t);
/* The frame that is looked at, after its job was made if there was one: it may
 * be one of those before the next. */
void gst_owl2_scene_push (
    GstOwl2Scene *scene, GstOwl2Settings *settings, gint64 t, gint64 duration);

G_END_DECLS

#endif
