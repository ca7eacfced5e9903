/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frames of a file or stream, one after the other, from where one likes:
 * the pipeline, what it says of its source, and why it can't go on. */
#ifndef OWL2_PLAYER_H
#define OWL2_PLAYER_H

#include <gst/video/video.h>

G_BEGIN_DECLS

typedef struct _Player Player;

/**
 * PlayerFrame: a frame that was decoded.
 * @sample: its buffer and caps
 * @t: stream time, ns
 * @duration: how long it stays; 0: unknown
 * @stop: where what is played ends, by which its duration may have been cut;
 *   negative: nowhere
 * @orientation: how it is to be turned to be upright
 */
typedef struct {
  GstSample *sample;
  gint64 t, duration, stop;
  GstVideoOrientationMethod orientation;
} PlayerFrame;

void player_frame_clear (PlayerFrame *frame);

/* @max_pixels: frames that have more are an error; 0: any. */
Player *player_new (const char *uri, guint64 max_pixels);
void player_free (Player *player); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Player, player_free)

/* Begins at the source's beginning, anew if it runs. A pipe can be read once
 * only. FALSE: an element is missing, BAD_FILE. What does not work besides is
 * told by the first player_pull(). */
gboolean player_start (Player *player, GError **error);
/* Gives everything back that a running pipeline has. */
void player_stop (Player *player);

/**
 * player_pull: the next frame, once it is there.
 * @frame: (out): to be cleared; empty at the end of the source, or of what is
 *   left of it behind a seek
 *
 * Frames without a time are passed over. Errors: BAD_FILE: what is wrong with
 * the source: the name of a missing decoder, that there is no video in it, what
 * its host said; CANCELLED by a signal.
 */
gboolean player_pull (Player *player, PlayerFrame *frame, GError **error);

/* Goes on with the last frame at or before @t that can be decoded by itself, as
 * the source's own index has it, which may be wrong. FALSE if the source does
 * not do it. */
gboolean player_seek (Player *player, gint64 t);

/* What is known from the first frame on. */
gboolean player_is_live (Player *player);
gboolean player_can_seek (Player *player);
/* FALSE once frames went by that have no times in the source: those that they
 * get depend on where playing began. */
gboolean player_has_times (Player *player);
/* Where the source says that it ends; FALSE if it doesn't. */
gboolean player_get_duration (Player *player, gint64 *duration);
/* Frames that were decoded so far, those included that nobody pulled. */
guint64 player_n_decoded (Player *player);

G_END_DECLS

#endif
