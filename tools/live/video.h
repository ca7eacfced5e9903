/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream's pictures as H.264, encoded once for everybody, and only while
 * somebody watches. The encoder has a pipeline of its own, so that neither its
 * pace nor its errors are the stream's. */
#ifndef OWL2_LIVE_VIDEO_H
#define OWL2_LIVE_VIDEO_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _Video Video;

/**
 * VideoTaker: who is given the video.
 * @came: called on the encoder's thread for each picture; it waits for nothing
 * @failed: called in the main loop: no more come, and video_stop() is to follow
 */
typedef struct {
  void (*came) (GstBuffer *picture, gpointer user_data);
  void (*failed) (gpointer user_data);
  gpointer user_data;
} VideoTaker;

Video *video_new (void);
/* Once nobody shows it anything any more. */
void video_free (Video *video); /* accepts NULL */

/* What goes by on @pad. Waits for nothing, and does nothing while nobody
 * watches. Any thread. */
void video_show (Video *video, GstPad *pad, GstBuffer *buffer);

/* From the main loop. FAILED: an element is missing. */
gboolean video_start (Video *video, const VideoTaker *taker, GError **error);
/* @taker is not called any more. */
void video_stop (Video *video);
gboolean video_is_on (const Video *video);
/* Asks for a picture that needs none before it: it comes soon, but not at once
 * where many ask. Any thread. */
void video_want_key (Video *video);

/* Of each picture that comes. */
#define VIDEO_CAPS "video/x-h264,stream-format=byte-stream,alignment=au"

G_END_DECLS

#endif
