/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the stream share: gstowl2stream.c has the stream, its time,
 * clips and warnings, gstowl2streamask.c what `question_sink` asks of it.
 * Nobody else includes this. */
#ifndef GST_OWL2_STREAM_PRIVATE_H
#define GST_OWL2_STREAM_PRIVATE_H

#include "gstowl2question.h"
#include "gstowl2scene.h"
#include "gstowl2stream.h"
#include "clip.h"

G_BEGIN_DECLS

struct _GstOwl2Stream {
  GstElement *element;
  GstPad *sinkpad;
  GstOwl2Worker *worker;
  GstOwl2Hold *hold;
  GstOwl2Stats *stats;
  GstOwl2Questions *questions;
  Owl2Clipper *clipper;

  GstSegment segment;
  GstVideoInfo info;
  gboolean have_info;
  double peak; /* of the caps' pictures */
  GstOwl2Orientation orientation;
  GstClockTime frame_duration; /* from the caps, or NONE */
  GstClockTime next_pts;       /* where a buffer without pts belongs */
  int direction;               /* of stream time in playback: 1, -1; 0: any */
  guint n_eos_frames;          /* of this segment, with trigger=eos */

  gboolean check_live;
  /* Written by the streaming thread; others read them atomically. */
  gboolean upstream_live;
  gboolean wait; /* what `when-busy` means just now */
  gboolean may_drop;
  gboolean wanted; /* questions, when the last frame came */

  const GstOwl2Picture *picture; /* the one being looked at */
  gboolean lazy;
  GstOwl2Frame *taken; /* its copy, once it is needed, the last in a mode */
  gboolean unreadable; /* it can't be copied */
  GstOwl2WarningLimit drop_limit, read_limit, silence_limit;

  /* Warned about when nothing of the above is in use any more: who gets the
   * warning may stop the element at once. */
  guint n_dropped, n_unreadable;
  guint64 n_dropped_in_all;
  GError *read_error; /* the first one */
  guint n_resets;

  Owl2ImageMode mode;   /* of the last picture */
  GstOwl2Recent recent; /* where questions may come */
  GstOwl2Scene *scene;  /* with trigger=scene */
};

/* (transfer full) (nullable): a frame of the picture that is looked at, to
 * become square by @mode; NULL if there is none to be had. */
GstOwl2Frame *gst_owl2_stream_take (GstOwl2Stream *stream, Owl2ImageMode mode);

/* ---- gstowl2streamask.c ------------------------------------------------- */

/* Brings `wanted` up to date. */
void gst_owl2_stream_update_wanted (GstOwl2Stream *stream);
/* Asks the questions up to @end, in running time, about what came before, if
 * there is something. */
void gst_owl2_stream_ask_before (
    GstOwl2Stream *stream, GstOwl2Settings *settings, GstClockTime end);
/* The picture that is looked at, at @t on the clipper's axis, for the questions
 * that come up to its end, @running_end, and up to the next one, whenever that
 * comes. @length: 0 where it is unknown */
void gst_owl2_stream_keep (GstOwl2Stream *stream, GstOwl2Settings *settings,
    gint64 t, guint64 length, GstClockTime running_end);

G_END_DECLS

#endif
