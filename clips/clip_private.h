/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the clipper share: clipper.c has the time and the calls,
 * interval.c the clips that open each interval, whole.c the frames kept for one
 * clip of the whole stream, seconds.c those of it that are one for each second.
 * Nobody else includes this. */
#ifndef OWL2_CLIP_PRIVATE_H
#define OWL2_CLIP_PRIVATE_H

#include "clip.h"
#include "pace.h"

G_BEGIN_DECLS

/* A frame kept for the whole stream. */
typedef struct {
  gpointer frame;
  gint64 t, end;
  gint64 point;    /* of the grid: the first one that it stands for; or the
                      second */
  gboolean pinned; /* it stands for an expected target */
} Candidate;

/* A place where the stream may end. */
typedef struct {
  gint64 end;
  guint next; /* the first target that no frame was taken for */
} Expected;

struct _Owl2Clipper {
  Owl2ClipperFuncs funcs;
  gpointer user_data;

  gboolean whole, seconds; /* what the latest frame was pushed for */
  gboolean have_last;
  gint64 last;     /* start of the latest frame */
  gint64 last_end; /* end of everything seen */
  gboolean new_segment;
  Owl2Pace pace;

  /* interval */
  GPtrArray *open;     /* Owl2Clip, in order of opening */
  guint n_open_frames; /* that the open clips ask for together */
  gboolean anchored;
  gint64 grid;    /* start of the last clip that was opened */
  gint64 covered; /* starts before this were on screen already */
  gboolean refused;
  gint64 refused_at;
  guint n_refused;

  /* whole: the frames on screen at each point origin + k * step of a grid, and
   * at the targets if the stream ends where it is expected to */
  GArray *candidates;
  guint n_unpinned;
  guint n_seen; /* frames since the origin */
  gint64 origin, step;
  gint64 next_point; /* of the grid: the first one without a frame */
  Expected expected[OWL2_CLIP_MAX_EXPECTED];
  guint n_expected;
  gboolean only_expected;
  gboolean retarget; /* the expected targets are to be found anew */
  guint n_frames;    /* what they were found for */
  guint64 span;

  /* one for each second, also among the candidates: multiples of a step, as
   * the next one is */
  gint64 next_second, second_step;
};

/* Adds b >= 0 and stays at the largest number instead of wrapping. */
static inline gint64
time_add (gint64 a, guint64 b)
{
  if (a < 0)
    return b > G_MAXINT64 ? G_MAXINT64 : a + (gint64) b;
  return b > (guint64) (G_MAXINT64 - a) ? G_MAXINT64 : a + (gint64) b;
}

static inline guint64
clip_settings_span (const Owl2ClipSettings *settings)
{
  return settings->span ? settings->span : settings->interval;
}

/* (transfer full): without a frame. */
static inline Owl2Clip *
clip_new (Owl2Clipper *c, const Owl2ClipSettings *settings)
{
  Owl2Clip *clip = g_new0 (Owl2Clip, 1);

  clip->settings = *settings;
  if (c->funcs.hold)
    c->funcs.hold (settings->data, c->user_data);
  return clip;
}

static inline void
clip_add (Owl2Clip *clip, gpointer frame, gint64 t)
{
  clip->frames[clip->n_frames] = frame;
  clip->times[clip->n_frames] = t;
  clip->n_frames++;
}

/* interval.c */

/* Fills open clips with the frame at @t, which leaves the screen at @end, and
 * opens one where one is due and it is asked for. */
void owl2_clipper_push_interval (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 end);
/* Takes the clip out of the open ones and hands it on. */
void owl2_clipper_finish (Owl2Clipper *c, guint index);
/* Clips that end at or before @t get no more frames. */
void owl2_clipper_finish_passed (Owl2Clipper *c, gint64 t);

/* whole.c */

/* A frame that comes after all before it, to be kept or not. */
void owl2_clipper_push_whole (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 end);
/* Hands out the clip of what was kept, if there is something. */
void owl2_clipper_finish_whole (
    Owl2Clipper *c, const Owl2ClipSettings *settings);
void owl2_clipper_drop_candidates (Owl2Clipper *c);
/* Where the time that is looked at begins, if the stream ends at @end. */
gint64 owl2_clipper_whole_start (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 end);
/* What ended at or before @start is never asked for again, but one frame always
 * stays, in case that no later one can be taken. */
void owl2_clipper_evict (Owl2Clipper *c, gint64 start);

/* seconds.c: the same for frames that are one for each second */

void owl2_clipper_push_second (
    Owl2Clipper *c, const Owl2ClipSettings *settings, gint64 t, gint64 end);
void owl2_clipper_finish_seconds (
    Owl2Clipper *c, const Owl2ClipSettings *settings);

G_END_DECLS

#endif
