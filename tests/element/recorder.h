/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A clipper that records what it takes and hands out, for the tests of which
 * frames are taken. */
#ifndef RECORDER_H
#define RECORDER_H

#include "gstowl2clip.h"

#define MS GST_MSECOND
#define MAX_STREAM 400
#define MAX_CLIPS 2000

typedef struct {
  gint64 t, d;
} Frame;

/* A clip as the test sees it: frames are their indices in the stream. */
typedef struct {
  gint64 start, end;
  guint n;
  guint frames[GST_OWL2_MAX_FRAMES];
} Seen;

typedef struct {
  GstOwl2Clipper *clipper;
  guint index; /* of the frame being pushed */
  gboolean refuse;
  gint n_handles;
  guint n_taken; /* frames that were taken at least once */
  gint last_taken;
  Seen clips[MAX_CLIPS];
  guint n_clips;
} Recorder;

#define INTERVAL GST_OWL2_TRIGGER_INTERVAL
#define EOS GST_OWL2_TRIGGER_EOS

Recorder *recorder_new (void);
/* Every handle that was given out must have come back. */
void recorder_free (Recorder *r);
void recorder_push (
    Recorder *r, GstOwl2Settings *s, const Frame *f, guint index);

GstOwl2Settings *settings_new (
    GstOwl2Trigger trigger, guint64 interval, guint frames, guint64 span);

#endif
