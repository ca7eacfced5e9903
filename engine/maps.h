/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Maps of where an answer looks, of what the device found: see @maps of
 * Owl2Answer. */
#ifndef OWL2_MAPS_H
#define OWL2_MAPS_H

#include <glib.h>

G_BEGIN_DECLS

/* The attention @seen of a frame's queries to its patches, each query's divided
 * by its sum: [n_queries][n_patches]. What has no sum is the same everywhere.
 * g_free() */
float *owl2_maps_frame (const float *seen, guint n_queries, guint n_patches);

/* @weights [n_frames][n_queries]: attention to each frame's queries, of any
 * sum.
 * @frames: (array length=n_frames): of owl2_maps_frame()
 * Returns: (transfer full): [n_frames][n_patches], which add to 1 */
float *owl2_maps_new (const double *weights, const float *const *frames,
    guint n_frames, guint n_queries, guint n_patches);

G_END_DECLS

#endif
