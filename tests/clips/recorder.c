/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "recorder.h"

static char held; /* what clips hold */

static gpointer
on_take (gpointer data, gpointer user_data)
{
  Recorder *r = user_data;

  if (r->refuse)
    return NULL;
  if (r->last_taken != (gint) r->index)
    r->n_taken++;
  r->last_taken = (gint) r->index;
  r->n_handles++;
  return GUINT_TO_POINTER (r->index + 1);
}

static gpointer
on_ref (gpointer frame, gpointer user_data)
{
  ((Recorder *) user_data)->n_handles++;
  return frame;
}

static void
on_drop (gpointer frame, gpointer user_data)
{
  ((Recorder *) user_data)->n_handles--;
}

static void
on_done (Owl2Clip *clip, gpointer user_data)
{
  Recorder *r = user_data;
  Seen *seen = &r->clips[r->n_clips++];

  g_assert_cmpuint (r->n_clips, <, MAX_CLIPS);
  g_assert_cmpuint (clip->n_frames, >=, 1);
  if (clip->n_wanted) /* one for each second */
    g_assert_cmpuint (clip->n_frames, <=, clip->n_wanted);
  else
    g_assert_cmpuint (clip->n_frames, <=, clip->settings.n_frames);
  g_assert_cmpint (r->n_holds, >=, 1);
  g_assert_true ((clip->own != NULL) == !clip->settings.whole);
  seen->start = clip->start;
  seen->end = clip->end;
  seen->n = clip->n_frames;
  seen->n_wanted = clip->n_wanted;
  for (guint i = 0; i < clip->n_frames; i++)
    seen->frames[i] = GPOINTER_TO_UINT (clip->frames[i]) - 1;
  owl2_clipper_free_clip (r->clipper, clip);
}

static void
on_hold (gpointer data, gpointer user_data)
{
  g_assert_true (data == &held);
  ((Recorder *) user_data)->n_holds++;
}

static void
on_let_go (gpointer data, gpointer user_data)
{
  g_assert_true (data == &held);
  ((Recorder *) user_data)->n_holds--;
}

static gpointer
on_opened (const Owl2Clip *clip, gpointer user_data)
{
  g_assert_cmpuint (clip->n_frames, >=, 1);
  ((Recorder *) user_data)->n_opened++;
  return &held;
}

static void
on_closed (gpointer own, gpointer user_data)
{
  g_assert_true (own == &held);
  ((Recorder *) user_data)->n_opened--;
}

Recorder *
recorder_new (void)
{
  static const Owl2ClipperFuncs funcs = { on_take, on_ref, on_drop, on_done,
    on_hold, on_let_go, on_opened, on_closed };
  Recorder *r = g_new0 (Recorder, 1);

  r->last_taken = -1;
  r->clipper = owl2_clipper_new (&funcs, r);
  return r;
}

void
recorder_push (
    Recorder *r, const Owl2ClipSettings *s, const Frame *f, guint index)
{
  r->index = index;
  owl2_clipper_push (r->clipper, s, f->t, f->d);
}

void
recorder_free (Recorder *r)
{
  owl2_clipper_free (r->clipper);
  g_assert_cmpint (r->n_handles, ==, 0);
  g_assert_cmpint (r->n_holds, ==, 0);
  g_assert_cmpint (r->n_opened, ==, 0);
  g_free (r);
}

Owl2ClipSettings
settings_new (gboolean whole, guint64 interval, guint frames, guint64 span)
{
  return (Owl2ClipSettings){ .interval = interval,
    .span = span,
    .n_frames = frames,
    .whole = whole,
    .data = &held };
}
