/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the reader of videos share: video.c has the calls,
 * cursor.c finds the frame at a time, video_spread.c and video_stream.c
 * choose frames. Nobody else includes this. */
#ifndef OWL2_VIDEO_PRIVATE_H
#define OWL2_VIDEO_PRIVATE_H

#include "gstowl2frame.h"
#include "pace.h"
#include "player.h"
#include "video.h"

G_BEGIN_DECLS

/* A frame that was decoded, and how long it is seen. */
typedef struct {
  PlayerFrame frame;
  gint64 end, gone;    /* see owl2_pace_end(), owl2_pace_gone() */
  GstOwl2Frame *taken; /* (nullable): its copy, once it is wanted */
} Shown;

struct _Video {
  Player *player;
  gboolean can_reopen; /* and played from the beginning */
  GstOwl2Pool *pool;
  GstOwl2Rgb rgb;
  VideoProgressFunc progress; /* (nullable) */
  gpointer progress_data;
  gint64 length; /* as it said at first; 0: it didn't */

  /* cursor.c */
  gboolean can_seek;
  const char *no_seek; /* (nullable): why not */
  guint n_seeks;
  gboolean no_keys; /* seeks lead back to where one was */
  gint64 gap;       /* targets farther than this are sought */
  Shown cur, prev;
  guint64 index;   /* of `cur`, from the start; of no use after a seek */
  gboolean at_end; /* there is nothing after `cur` */
  gboolean sought; /* since the start */
  Owl2Pace first;  /* first frame: its time and duration */
  gint64 first_stop; /* its `stop` */
  Owl2Pace pace;
  gint64 seen_end; /* of all frames since the start or the last seek */
  gboolean still;
  gboolean have_end;
  gint64 end; /* once it is known: of the last frame */

  /* video.c */
  gboolean begun, done;
  guint64 k;           /* VIDEO_EVERY: clips so far */
  GstOwl2Frame *ahead; /* the first frame of the next one */
};

/* cursor.c */

/* From the source's beginning to its first frame. */
gboolean video_rewind (Video *v, GError **error);
/* The next frame becomes `cur`; `at_end` if there is none. */
gboolean video_advance (Video *v, GError **error);
/**
 * video_pick:
 * @past: (out): the source ends at or before @t, and what comes is its last
 *   frame
 *
 * Goes to the frame on screen at @t, or else the nearest. Forward, or
 * anywhere where the source can be sought or opened again.
 *
 * Returns: (transfer none): `cur` or `prev`; NULL with @error set
 */
Shown *video_pick (Video *v, gint64 t, gboolean *past, GError **error);
/* v->end becomes known if it can be by a seek. */
gboolean video_seek_end (Video *v, GError **error);
/* Decodes what it takes to know v->end, or that it is not before @to. */
gboolean video_find_end (Video *v, gint64 to, GError **error);
/* It can be read from the beginning again. */
gboolean video_can_rewind (const Video *v);

/* video.c */

/* (transfer full): the copy of a frame; small where there are many. */
GstOwl2Frame *video_take (
    Video *v, Shown *shown, const VideoModel *model, GError **error);
VideoClip *video_clip_new (gint64 start, gint64 end);
/* @frame: (transfer full) */
void video_clip_add (VideoClip *clip, GstOwl2Frame *frame);
/* BAD_REQUEST: there is nothing to be seen at @from. */
gboolean video_check_from (Video *v, gint64 from, GError **error);

/* (transfer full): VIDEO_SPREAD, of what can be read again: video_spread.c */
VideoClip *video_spread (
    Video *v, const VideoWant *want, const VideoModel *model, GError **error);
/* (transfer full): VIDEO_SPREAD of what comes once, and VIDEO_PER_SECOND:
 * video_stream.c */
VideoClip *video_stream (
    Video *v, const VideoWant *want, const VideoModel *model, GError **error);

G_END_DECLS

#endif
