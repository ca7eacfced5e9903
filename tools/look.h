/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures of where an answer looks: its frames side by side, with a map over
 * each. */
#ifndef OWL2_LOOK_PICTURE_H
#define OWL2_LOOK_PICTURE_H

#include "gstowl2frame.h"

G_BEGIN_DECLS

/**
 * look_keep: keeps a small copy of a frame that is about to be encoded, or made
 * small, with the frame; nothing if it has one.
 * @image: what the model gets of it
 * @size: edge of the model's pictures
 *
 * Errors: FAILED: it can't be converted.
 */
gboolean look_keep (
    GstOwl2Frame *frame, const Owl2Image *image, guint size, GError **error);

/**
 * look_write:
 * @path: of a PNG file, which is replaced
 * @frames: GstOwl2Frame, of which look_keep() has copies, in the answer's order
 * @answer: with maps, of as many
 */
gboolean look_write (const char *path, const GPtrArray *frames,
    const Owl2Answer *answer, GError **error);

G_END_DECLS

#endif
