/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which frames are taken, by timestamp alone, and how they form clips. Pure
 * logic: frames are opaque handles, and nothing here blocks or knows a buffer.
 *
 * All times are signed ns on an axis that never runs backwards in playback:
 * stream time for forward, negated stream time for reverse playback. */
#ifndef OWL2_CLIP_H
#define OWL2_CLIP_H

#include <glib.h>

G_BEGIN_DECLS

/* Times are kept well inside 63 bits, so that sums cannot overflow. */
#define OWL2_CLIP_AXIS_MAX (G_MAXINT64 / 4)
/* Most clips open at once (`span` longer than `interval`), and most frames that
 * all open clips may ask for together. */
#define OWL2_CLIP_MAX_OPEN 64
#define OWL2_CLIP_MAX_OPEN_FRAMES 1024
/* Most frames of one clip. */
#define OWL2_CLIP_MAX_FRAMES 64
/* For the whole stream the clipper keeps fewer than this many frames that are
 * spread evenly: half of them at least, so that the nearest is off by 1 / 128
 * of the time at most. */
#define OWL2_CLIP_MAX_CANDIDATES 128
/* Places where a stream may be expected to end. */
#define OWL2_CLIP_MAX_EXPECTED 2

typedef struct _Owl2Clipper Owl2Clipper;

/**
 * Owl2ClipSettings:
 * @interval: ns between the starts of clips, at least 1
 * @span: ns that a clip looks at; 0: @interval, or the whole stream
 * @n_frames: places of a clip, 1 to OWL2_CLIP_MAX_FRAMES; 0, with @whole: one
 *   for each second
 * @fps_n, @fps_d: frames in a second, for that; 0: unknown
 * @whole: one clip of all frames up to the end (or of the last @span of them),
 *   made by owl2_clipper_cut(), in place of one each @interval
 * @data: (nullable): the caller's own, which each clip holds by
 *   Owl2ClipperFuncs.hold until it is freed
 *
 * Every call may bring others: a clip keeps those that it was opened with.
 */
typedef struct {
  guint64 interval, span;
  guint n_frames;
  guint fps_n, fps_d;
  gboolean whole;
  gpointer data;
} Owl2ClipSettings;

/**
 * Owl2Clip:
 * @settings: those from when the clip was opened; for a picture, the only frame
 *   of a whole stream, with 1 as @n_frames
 * @n_wanted: of one for each second: how many that were; more than @n_frames
 *   where they were too many. Else 0
 * @start: first moment that is looked at
 * @end: end of what is looked at; for a clip that was cut short by the end of
 *   the stream or a jump, no later than what was seen
 * @n_frames: frames taken so far, at least 1 in a clip handed out
 * @frames: one handle for each target time, in order; a frame that is on screen
 *   at several targets is here several times
 * @times: when each of @frames begins
 * @own: (nullable): the caller's, see Owl2ClipperFuncs.opened
 */
typedef struct {
  Owl2ClipSettings settings;
  gint64 start, end;
  guint n_frames, n_wanted;
  gpointer frames[OWL2_CLIP_MAX_FRAMES];
  gint64 times[OWL2_CLIP_MAX_FRAMES];
  gpointer own;
} Owl2Clip;

/**
 * Owl2ClipperFuncs:
 * @take: (transfer full): a handle for the frame being pushed; called once for
 *   each place that it goes to, with the Owl2ClipSettings.data of the clip
 * there. NULL: it can't be had, and the clips go on as if this frame had not
 * come.
 * @ref: (transfer full): one more handle for a frame
 * @drop: gives one handle back
 * @done: (transfer full): a clip that is complete, or cut short; in the order
 * of completion. It is freed by owl2_clipper_free_clip().
 * @hold: (nullable): one more holder of Owl2ClipSettings.data, which may be
 * NULL
 * @let_go: (nullable): one holder less
 * @opened: (nullable): a clip of an interval has its first frame, the one being
 * pushed; what it returns becomes the clip's `own`
 * @closed: (nullable): a clip is freed that still has an @own
 */
typedef struct {
  gpointer (*take) (gpointer data, gpointer user_data);
  gpointer (*ref) (gpointer frame, gpointer user_data);
  void (*drop) (gpointer frame, gpointer user_data);
  void (*done) (Owl2Clip *clip, gpointer user_data);
  void (*hold) (gpointer data, gpointer user_data);
  void (*let_go) (gpointer data, gpointer user_data);
  gpointer (*opened) (const Owl2Clip *clip, gpointer user_data);
  void (*closed) (gpointer own, gpointer user_data);
} Owl2ClipperFuncs;

Owl2Clipper *owl2_clipper_new (
    const Owl2ClipperFuncs *funcs, gpointer user_data);
void owl2_clipper_free (Owl2Clipper *c); /* accepts NULL */
void owl2_clipper_free_clip (Owl2Clipper *c, Owl2Clip *clip);

/**
 * owl2_clipper_push:
 * @t: when the frame appears, within +-OWL2_CLIP_AXIS_MAX
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
 * Whole: the clip is made by owl2_clipper_cut(), with the targets start +
 * length * (2 i + 1) / (2 * frames). If the stream ends where it was expected
 * to, each gets the frame that is on screen then, as above. For all other cases
 * frames are kept that are spread over what was seen so far, fewer than
 * OWL2_CLIP_MAX_CANDIDATES of them: then a target gets one that is on screen
 * within 1 / 128 of the length. If there is but one frame, the clip has one,
 * whatever `frames` says: it is a picture.
 *
 * Whole, one for each second: of n frames the ones with the numbers
 * floor (fps * i), from 0, for all i below floor (n / fps), as readers of
 * videos in Python do; where the rate is unknown, those on screen at i seconds
 * after the first. There is one at least, and of a picture no more. Of more
 * than OWL2_CLIP_MAX_FRAMES of them, n_wanted, k = OWL2_CLIP_MAX_FRAMES stay:
 * floor (n_wanted * j / k) for each j; where there are more than
 * OWL2_CLIP_MAX_CANDIDATES, the nearest before these of the fewer that are
 * kept.
 *
 * Times may have been rounded by a container: a frame that is within half of
 * its duration and 1/600 s of an even pace ends by that pace.
 *
 * A frame that is earlier than the last one is passed over, unless it is
 * earlier by more than interval + span: then the clips end there and t0 is
 * taken anew.
 */
void owl2_clipper_push (Owl2Clipper *c, const Owl2ClipSettings *settings,
    gint64 t, gint64 duration);
/* Where the stream may end, on the axis: at most OWL2_CLIP_MAX_EXPECTED places,
 * for as long as nothing else is said and no reset comes. A wrong one does no
 * harm. Best said before the first frame. */
void owl2_clipper_expect (Owl2Clipper *c, const gint64 *ends, guint n_ends);
/* TRUE: where an end is expected, only the first frame and those at its targets
 * are kept, for a caller who can play the stream again if it ends elsewhere. */
void owl2_clipper_set_only_expected (Owl2Clipper *c, gboolean only_expected);
/* Nothing is shown in [t, t + duration): ends the clips that it covers. */
void owl2_clipper_gap (Owl2Clipper *c, gint64 t, gint64 duration);
/* The next frame may belong to another place in time: if it does not go on
 * where the last one ended (one interval is allowed), the clips end there. */
void owl2_clipper_new_segment (Owl2Clipper *c);
/* Hands out every open clip with the frames it has, and the clip of
 * the whole stream, by @settings; then the next frame is a first frame again.
 */
void owl2_clipper_cut (Owl2Clipper *c, const Owl2ClipSettings *settings);
/* Forgets everything. */
void owl2_clipper_reset (Owl2Clipper *c);
/* Clips that never opened since no frame could be taken, since the last call.
 */
guint owl2_clipper_refused (Owl2Clipper *c);
/* (nullable): the first of the frames that are kept for the whole stream; not a
 * handle of its own. */
gpointer owl2_clipper_kept (const Owl2Clipper *c);
/* Handles held, for tests of the bounds. */
guint owl2_clipper_n_held (const Owl2Clipper *c);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Clipper, owl2_clipper_free)

G_END_DECLS

#endif
