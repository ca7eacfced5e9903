/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A clipper that records what it takes and hands out, for the tests of which
 * frames are taken. */
#ifndef RECORDER_H
#define RECORDER_H

#include "clip.h"

#define MS (G_GUINT64_CONSTANT (1000000))
#define SECOND (1000 * MS)
#define MAX_STREAM 400
#define MAX_CLIPS 2000

typedef struct {
  gint64 t, d;
} Frame;

/* A clip as the test sees it: frames are their indices in the stream. */
typedef struct {
  gint64 start, end;
  guint n, n_wanted;
  guint frames[OWL2_CLIP_MAX_FRAMES];
} Seen;

typedef struct {
  Owl2Clipper *clipper;
  guint index; /* of the frame being pushed */
  gboolean refuse;
  gint n_handles;
  gint n_holds;  /* of the settings' data */
  gint n_opened; /* clips of an interval that were not handed out yet */
  guint n_taken; /* frames that were taken at least once */
  gint last_taken;
  Seen clips[MAX_CLIPS];
  guint n_clips;
} Recorder;

#define INTERVAL FALSE
#define WHOLE TRUE

Recorder *recorder_new (void);
/* Every handle that was given out must have come back, and every hold. */
void recorder_free (Recorder *r);
void recorder_push (
    Recorder *r, const Owl2ClipSettings *s, const Frame *f, guint index);

Owl2ClipSettings settings_new (
    gboolean whole, guint64 interval, guint frames, guint64 span);

#endif
