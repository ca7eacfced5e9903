/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a stream's video comes from: a bin that is made anew for each round of
 * a file and after each failure, while what is behind it goes on. */
#ifndef OWL2_LIVE_SOURCE_H
#define OWL2_LIVE_SOURCE_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _Source Source;

/* @uri: (nullable): NULL: a test picture; @max_pixels: as of intake_new() */
Source *source_new (const char *uri, guint64 max_pixels);
/* In the state NULL. */
void source_free (Source *source); /* accepts NULL */

/* (transfer none): the bin, with one pad, `src`: raw video. */
GstElement *source_bin (Source *source);
/* What @message tells of missing decoders. */
void source_see_message (Source *source, GstMessage *message);
/* Its pictures are too large, which no message tells. */
gboolean source_is_refused (Source *source);
/* (transfer full): in plain words why there is no video; @cause: (nullable):
 * what the pipeline said. */
GError *source_explain (Source *source, const GError *cause);

G_END_DECLS

#endif
