/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which frames are taken, by timestamp alone, and how they form clips. Pure
 * logic: frames are opaque handles, and nothing here blocks or knows a buffer.
 *
 * All times are signed ns on an axis that never runs backwards in playback:
 * stream time for forward, negated stream time for reverse playback. */
#ifndef GST_OWL2_CLIP_H
#define GST_OWL2_CLIP_H

#include "gstowl2settings.h"

G_BEGIN_DECLS

/* Times are kept well inside 63 bits, so that sums cannot overflow. */
#define GST_OWL2_AXIS_MAX (G_MAXINT64 / 4)
/* Most clips open at once (`span` longer than `interval`), and most frames that
 * all open clips may ask for together. */
#define GST_OWL2_MAX_OPEN_CLIPS 64
#define GST_OWL2_MAX_OPEN_FRAMES 1024
/* trigger=eos keeps less than this many frames that are spread evenly: half of
 * them at least, so that the nearest is off by 1 / 128 of the time at most. */
#define GST_OWL2_MAX_CANDIDATES 128
/* Places where a stream may be expected to end. */
#define GST_OWL2_MAX_EXPECTED 2

typedef struct _GstOwl2Clipper GstOwl2Clipper;

/**
 * GstOwl2Clip:
 * @settings: the snapshot from when the clip was opened
 * @start: first moment that is looked at
 * @end: end of what is looked at; for a clip that was cut short by the end of
 *   the stream or a jump, no later than what was seen
 * @n_frames: frames taken so far, at least 1 in a clip handed out
 * @frames: one handle for each target time, in order; a frame that is on screen
 *   at several targets is here several times
 * @times: when each of @frames begins
 */
typedef struct {
  GstOwl2Settings *settings;
  gint64 start, end;
  guint n_frames;
  gpointer frames[GST_OWL2_MAX_FRAMES];
  gint64 times[GST_OWL2_MAX_FRAMES];
} GstOwl2Clip;

/**
 * GstOwl2ClipperFuncs:
 * @take: (transfer full): a handle for the frame being pushed; called once for
 *   each place that it goes to. NULL: it can't be had, and the clips go on as
 * if this frame had not come.
 * @ref: (transfer full): one more handle for a frame
 * @drop: gives one handle back
 * @done: (transfer full): a clip that is complete, or cut short; in the order
 * of completion. It is freed by gst_owl2_clipper_free_clip().
 */
typedef struct {
  gpointer (*take) (gpointer user_data);
  gpointer (*ref) (gpointer frame, gpointer user_data);
  void (*drop) (gpointer frame, gpointer user_data);
  void (*done) (GstOwl2Clip *clip, gpointer user_data);
} GstOwl2ClipperFuncs;

GstOwl2Clipper *gst_owl2_clipper_new (
    const GstOwl2ClipperFuncs *funcs, gpointer user_data);
void gst_owl2_clipper_free (GstOwl2Clipper *c); /* accepts NULL */
void gst_owl2_clipper_free_clip (GstOwl2Clipper *c, GstOwl2Clip *clip);

/**
 * gst_owl2_clipper_push:
 * @t: when the frame appears, within +-GST_OWL2_AXIS_MAX
 * @duration: how long it stays; 0 if unknown
 *
 * Interval: clip n looks at [t0 + n * interval, + span), where t0 is the first
 * frame's time. Its targets are start + i * span / frames, and each gets the
 * frame that is on screen then: the first one that ends after it, or, if
 * durations are unknown, that begins no earlier. The clip is done with its last
 * target. A frame opens at most one clip: the one whose start it is the first
 * to show, or else the one that it falls into if nothing was shown at its
 * start.
 *
 * EOS: the clip is made by gst_owl2_clipper_cut(), with the targets start +
 * length * (2 i + 1) / (2 * frames). If the stream ends where it was expected
 * to, each gets the frame that is on screen then, as above. For all other cases
 * frames are kept that are spread over what was seen so far, fewer than
 * GST_OWL2_MAX_CANDIDATES of them: then a target gets one that is on screen
 * within 1 / 128 of the length. If there is but one frame, the clip has one,
 * whatever `frames` says: it is a picture.
 *
 * Times may have been rounded by a container: a frame that is within half of
 * its duration and 1/600 s of an even pace ends by that pace.
 *
 * A frame that is earlier than the last one is passed over, unless it is
 * earlier by more than interval + span: then the clips end there and t0 is
 * taken anew.
 */
void gst_owl2_clipper_push (
    GstOwl2Clipper *c, GstOwl2Settings *settings, gint64 t, gint64 duration);
/* Where the stream may end, on the axis: at most GST_OWL2_MAX_EXPECTED places,
 * for as long as nothing else is said and no reset comes. A wrong one does no
 * harm. Best said before the first frame. */
void gst_owl2_clipper_expect (
    GstOwl2Clipper *c, const gint64 *ends, guint n_ends);
/* TRUE: where an end is expected, only the first frame and those at its targets
 * are kept, for a caller who can play the stream again if it ends elsewhere. */
void gst_owl2_clipper_set_only_expected (
    GstOwl2Clipper *c, gboolean only_expected);
/* Nothing is shown in [t, t + duration): ends the clips that it covers. */
void gst_owl2_clipper_gap (GstOwl2Clipper *c, gint64 t, gint64 duration);
/* The next frame may belong to another place in time: if it does not go on
 * where the last one ended (one interval is allowed), the clips end there. */
void gst_owl2_clipper_new_segment (GstOwl2Clipper *c);
/* Hands out every open clip with the frames it has, and the clip of
 * trigger=eos, by @settings; then the next frame is a first frame again. */
void gst_owl2_clipper_cut (GstOwl2Clipper *c, GstOwl2Settings *settings);
/* Forgets everything. */
void gst_owl2_clipper_reset (GstOwl2Clipper *c);
/* Clips that never opened since no frame could be taken, since the last call.
 */
guint gst_owl2_clipper_refused (GstOwl2Clipper *c);
/* Handles held, for tests of the bounds. */
guint gst_owl2_clipper_n_held (const GstOwl2Clipper *c);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Clipper, gst_owl2_clipper_free)

G_END_DECLS

#endif
