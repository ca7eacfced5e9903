/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a frame leaves the screen, and which one is on screen at a time. */
#ifndef OWL2_PACE_H
#define OWL2_PACE_H

#include <glib.h>

G_BEGIN_DECLS

/* Times that are nearer than this are the same: they were rounded to ns, some
 * of them twice. */
#define OWL2_PACE_EXACT 1000
/* Containers round times to their own unit: 1 ms in Matroska and FLV, 1/600 s
 * in old QuickTime files. Where the first frame is rounded as well, the
 * distance between the two may be off by that much. */
#define OWL2_PACE_ROUNDING (G_GINT64_CONSTANT (1000000000) / 600)

/**
 * Owl2Pace: an even pace of frames; zeros are none.
 * @beat: when one of them began
 * @duration: of each since then; 0: unknown
 */
typedef struct {
  gint64 beat, duration;
} Owl2Pace;

/* How far a frame that begins at @t is from the beat of the pace, at most half
 * of its duration either way; 0 without a pace of this @duration. */
gint64 owl2_pace_off (const Owl2Pace *pace, gint64 t, gint64 duration);

/* When the frame at @t, which comes after those before, leaves the screen. If
 * the times are those of an even pace, but rounded, it leaves when the next
 * frame would come by the pace, not by the sum of two rounded numbers: 967 ms
 * and a duration of 33.3 are 1000 ms. */
gint64 owl2_pace_end (Owl2Pace *pace, gint64 t, gint64 duration);

/* @end less what it may have been rounded by: at that time, and up to @end, a
 * frame is not on screen any more. */
gint64 owl2_pace_gone (gint64 end, gint64 duration);

/* floor (span * i / n) without a wider product; n and i are small. */
guint64 owl2_pace_part (guint64 span, guint i, guint n);

/* The middle of part @i of @n equal parts of [@start, @end): where frames are
 * taken that stand for all of it. */
gint64 owl2_pace_middle (gint64 start, gint64 end, guint i, guint n);

G_END_DECLS

#endif
