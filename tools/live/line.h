/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream's pipeline: what a source is linked to, up to pictures for browsers.
 *
 *   source ! clocksync ! owl2 ! queue (newest only) ! JPEG, once for everybody
 *
 * A file is held to its pace before the model, a camera by itself. Nothing
 * behind the queue can hold up what is before it. */
#ifndef OWL2_LIVE_LINE_H
#define OWL2_LIVE_LINE_H

#include <gst/gst.h>

#include "options.h"
#include "pictures.h"
#include "source.h"
#include "video.h"

G_BEGIN_DECLS

typedef struct _Line Line;

/* Called in the main loop: @source has no more to give. */
typedef void (*LineEndedFunc) (gpointer user_data);

/* @message: called in the main loop for each message of the pipeline, before
 * @ended for what came later. FAILED: an element is missing. */
Line *line_new (const LiveOptions *options, Pictures *pictures, Video *video,
    GstBusFunc message, LineEndedFunc ended, gpointer user_data,
    GError **error);
void line_free (Line *line); /* accepts NULL */

/* The element `owl2`. */
GstElement *line_owl2 (Line *line);
/* Whether @message is of what is behind the source. What a source has taken out
 * of itself by then has no owner. */
gboolean line_is_behind (Line *line, GstMessage *message);
/* Starts what is behind the source; a message tells what fails. */
void line_start (Line *line);
/* Puts @source (transfer full) in the place of what there is (nullable:
 * nothing).
 */
void line_set_source (Line *line, Source *source);
/* (nullable) */
Source *line_source (Line *line);

/**
 * LineState:
 * @n_frames: that came from sources
 * @last_frame: monotonic clock, us; 0: none of this source
 * @live: this source has its own pace
 * @delay: from a picture's time to its JPEG file, us; of the newest
 */
typedef struct {
  guint64 n_frames;
  gint64 last_frame;
  gboolean live;
  gint64 delay;
  int width, height;
} LineState;

LineState line_state (Line *line);

G_END_DECLS

#endif
