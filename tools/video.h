/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames of a file or stream, chosen by their times, and what the model makes
 * of them. A source is looked at when it is opened, before there is a model;
 * any number of them can be read with the same session, one after the other. */
#ifndef OWL2_VIDEO_H
#define OWL2_VIDEO_H

#include "owl2.h"

G_BEGIN_DECLS

typedef struct _Video Video;

/* No end but that of the source. */
#define VIDEO_END G_MAXINT64

/**
 * VideoRule: which frames make a clip.
 * @VIDEO_SPREAD: those on screen at start + T (2 i + 1) / 2 n, where T is the
 *   time from start to the end of what is looked at; one clip, the same that
 *   the element's trigger=eos makes
 * @VIDEO_AT: the one on screen at `from`
 * @VIDEO_EVERY: those on screen at start + k * every + i * every / n: a clip
 *   for each k, as the element's interval makes them
 * @VIDEO_PER_SECOND: one a second by index, as the element's frames=0 takes
 *   them, see owl2_clipper_push(); if these are more than n, n of them that are
 *   spread evenly. All is decoded, since frames are counted
 *
 * The start is `from`, or the first frame's time where that is later, the end
 * `to` or that of the last frame. Of a still picture there is one clip of one
 * frame, whatever is wanted.
 */
typedef enum {
  VIDEO_SPREAD,
  VIDEO_AT,
  VIDEO_EVERY,
  VIDEO_PER_SECOND,
} VideoRule;

/**
 * VideoWant:
 * @n_frames: n, at least 1; for VIDEO_SPREAD at most OWL2_CLIP_MAX_FRAMES
 * @from, @to: stream time, ns; 0 and VIDEO_END: all of it
 * @every: ns, at least 1
 */
typedef struct {
  VideoRule rule;
  guint n_frames;
  gint64 from, to;
  gint64 every;
} VideoWant;

/**
 * VideoModel: what frames are for.
 * @session: frames that have to wait are made small by it
 * @image_size: of the model's info
 * @mode: how pictures become square
 * @look: frames are encoded with look, and what look_write() needs of them is
 *   kept
 */
typedef struct {
  Owl2Session *session;
  guint image_size;
  Owl2ImageMode mode;
  gboolean look;
} VideoModel;

/**
 * VideoClip:
 * @start, @end: stream time that was looked at
 * @times: (array length=n_frames): when each frame begins
 * @frames: GstOwl2Frame for each place
 * @thinned_from: frames that VIDEO_PER_SECOND would have taken if there were
 *   room for all; 0: these are all
 */
typedef struct {
  gint64 start, end;
  guint n_frames;
  gint64 *times;
  GPtrArray *frames;
  guint thinned_from;
} VideoClip;

void video_clip_free (VideoClip *clip); /* accepts NULL */
/* The frames of @more (transfer full) come behind those of @clip. */
void video_clip_join (VideoClip *clip, VideoClip *more);

/**
 * video_open: looks at a source as far as to its first frame.
 * @name: a file, a URI, or "-" for standard input; a file that is there is no
 *   URI, whatever its name
 *
 * Blocks until the frame is there. Of what is no file to be read, of no video,
 * and of missing decoders @error says so, without the name. BAD_FILE.
 */
Video *video_open (const char *name, guint64 max_pixels, GError **error);
void video_free (Video *video); /* accepts NULL */

/**
 * video_next: the next clip of @want, which must stay the same from call to
 * call, up to the one that finds no more.
 * @clip: (out) (transfer full) (nullable): NULL: there are no more
 *
 * Blocks until its frames are decoded. Where the source can be sought only what
 * leads to them is decoded; the frames are those of decoding all of it. Errors:
 * BAD_FILE; BAD_REQUEST: nothing is there at that time; those of
 * owl2_session_shrink().
 */
gboolean video_next (Video *video, const VideoWant *want,
    const VideoModel *model, VideoClip **clip, GError **error);

/* @fraction: of its length, 0 to 1 */
typedef void (*VideoProgressFunc) (double fraction, gpointer user_data);
/* @func is called for each frame of a source that has a length, from within
 * video_next(). */
void video_set_progress (
    Video *video, VideoProgressFunc func, gpointer user_data);

/* It has no end of its own, and is not read before video_next(). */
gboolean video_is_live (Video *video);
/* Its length as it says, ns; 0: it doesn't. */
gint64 video_length (Video *video);

/* (transfer full): one line: how many frames were decoded, and by seeking or
 * why not. */
char *video_describe (Video *video);

/* (transfer full): features of each place of the clip; each frame is encoded
 * once. @encode_ns: (out) (optional): the device's time. */
GPtrArray *video_encode (Video *video, VideoClip *clip, const VideoModel *model,
    guint64 *encode_ns, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Video, video_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VideoClip, video_clip_free)

G_END_DECLS

#endif
