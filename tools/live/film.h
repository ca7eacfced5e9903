/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last pictures of a stream as an MP4 file with its captions in them, made
 * in memory. On the main loop's thread. */
#ifndef OWL2_LIVE_FILM_H
#define OWL2_LIVE_FILM_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Film Film;

/* @mp4: (nullable): NULL with @error set */
typedef void (*FilmFunc) (GBytes *mp4, const GError *error, gpointer user_data);

/* (nullable): what GStreamer has not, that a film takes; NULL: all is there. */
const char *film_missing (void);

/**
 * film_make:
 * @pictures: Picture, one or more, as pictures_all() has them
 * @captions: Caption, as captions_between() has them
 * @done: called once, later
 *
 * FAILED: an element is missing. BAD_REQUEST: there are no pictures.
 *
 * Returns: to be freed in or after @done, or before, and then that isn't called
 */
Film *film_make (const GPtrArray *pictures, const GPtrArray *captions,
    FilmFunc done, gpointer user_data, GError **error);
void film_free (Film *film); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Film, film_free)

G_END_DECLS

#endif
