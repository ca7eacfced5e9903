/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One frame for each second of a stream, by the frames' numbers. */
#include <math.h>

#include "recorder.h"

/* Plays @n even frames of @fps_n / @fps_d and returns the clip; @known: by that
 * rate. */
static Seen
play (guint n, guint fps_n, guint fps_d, gboolean known, guint64 span)
{
  Owl2ClipSettings s = settings_new (WHOLE, SECOND, 0, span);
  Recorder *r = recorder_new ();
  Seen seen;

  if (known) {
    s.fps_n = fps_n;
    s.fps_d = fps_d;
  }
  for (guint i = 0; i < n; i++) {
    const gint64 t = (gint64) (i * SECOND * fps_d / fps_n);
    const Frame f = { t, (gint64) ((i + 1) * SECOND * fps_d / fps_n) - t };

    recorder_push (r, &s, &f, i);
    g_assert_cmpuint (
        owl2_clipper_n_held (r->clipper), <, OWL2_CLIP_MAX_CANDIDATES);
  }
  owl2_clipper_cut (r->clipper, &s);
  g_assert_cmpuint (r->n_clips, ==, 1);
  seen = r->clips[0];
  recorder_free (r);
  return seen;
}

static const struct {
  guint n, fps_n, fps_d;
} streams[] = { { 1, 25, 1 }, { 24, 25, 1 }, { 25, 25, 1 }, { 26, 25, 1 },
  { 250, 25, 1 }, { 299, 30000, 1001 }, { 300, 30000, 1001 },
  { 1800, 30000, 1001 }, { 240, 24000, 1001 }, { 90, 15, 2 }, { 33, 1, 1 },
  { 20, 1, 2 }, { 7, 1, 5 }, { 900, 60, 1 } };

/* As decord's readers in Python do: int (fps * i) for i in
 * range (int (len / fps)). */
static void
test_numbers (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (streams); k++) {
    const double fps = (double) streams[k].fps_n / streams[k].fps_d;
    const guint n = MAX ((guint) (streams[k].n / fps), 1);
    const Seen seen =
        play (streams[k].n, streams[k].fps_n, streams[k].fps_d, TRUE, 0);

    g_assert_cmpuint (seen.n_wanted, ==, n);
    g_assert_cmpuint (seen.n, ==, MIN (n, OWL2_CLIP_MAX_FRAMES));
    for (guint i = 0; i < seen.n; i++)
      g_assert_cmpuint (seen.frames[i], ==, (guint) floor (fps * i));
  }
}

/* Of an even stream the times say the same. */
static void
test_times (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (streams); k++) {
    const Seen by_time =
        play (streams[k].n, streams[k].fps_n, streams[k].fps_d, FALSE, 0);
    const Seen by_number =
        play (streams[k].n, streams[k].fps_n, streams[k].fps_d, TRUE, 0);

    g_assert_cmpuint (by_time.n_wanted, ==, by_number.n_wanted);
    g_assert_cmpmem (by_time.frames, by_time.n * sizeof (guint),
        by_number.frames, by_number.n * sizeof (guint));
  }
}

/* Too many are thinned evenly, from the first on. */
static void
test_thinned (void)
{
  static const guint seconds[] = { 65, 100, 127, 128, 1000, 5000 };

  for (guint k = 0; k < G_N_ELEMENTS (seconds); k++) {
    const guint n = seconds[k];
    const Seen seen = play (4 * n, 4, 1, TRUE, 0);

    g_assert_cmpuint (seen.n_wanted, ==, n);
    g_assert_cmpuint (seen.n, ==, OWL2_CLIP_MAX_FRAMES);
    for (guint j = 0; j < seen.n; j++) {
      const guint want = n * j / OWL2_CLIP_MAX_FRAMES;
      const guint second = seen.frames[j] / 4;

      g_assert_cmpuint (seen.frames[j] % 4, ==, 0);
      if (n < OWL2_CLIP_MAX_CANDIDATES)
        g_assert_cmpuint (second, ==, want);
      g_assert_cmpuint (second, <=, want);
      g_assert_cmpuint (want - second, <=, n / 64);
    }
  }
}

/* The last seconds of it. */
static void
test_span (void)
{
  const Seen seen = play (100, 10, 1, TRUE, 4 * SECOND);

  g_assert_cmpuint (seen.n_wanted, ==, 4);
  g_assert_cmpuint (seen.n, ==, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (seen.frames[i], ==, 60 + 10 * i);
  g_assert_cmpint (seen.start, ==, 6 * (gint64) SECOND);
}

/* However long a frame is on screen, it costs no more, and a picture is one. */
static void
test_slow (void)
{
  for (guint known = 0; known < 2; known++)
    for (guint n = 1; n < 4; n++) {
      Owl2ClipSettings s = settings_new (WHOLE, SECOND, 0, 0);
      const gint64 d = G_MAXINT * (gint64) SECOND;
      Recorder *r = recorder_new ();
      const Seen *seen = r->clips;

      s.fps_n = known;
      s.fps_d = G_MAXINT;
      for (guint i = 0; i < n; i++) {
        recorder_push (r, &s, &(Frame){ i * d / 4, d / 4 }, i);
        g_assert_cmpuint (
            owl2_clipper_n_held (r->clipper), <, OWL2_CLIP_MAX_CANDIDATES);
      }
      owl2_clipper_cut (r->clipper, &s);
      g_assert_cmpuint (r->n_clips, ==, 1);
      g_assert_cmpuint (seen->n, ==, n == 1 ? 1 : OWL2_CLIP_MAX_FRAMES);
      for (guint j = 0; j < seen->n; j++)
        g_assert_cmpuint (seen->frames[j], <=, n * j / seen->n);
      g_assert_cmpuint (seen->frames[seen->n - 1], ==, n - 1);
      recorder_free (r);
    }
}

/* Frames of other wishes are forgotten, and none is lost track of. */
static void
test_changes (void)
{
  static const guint wishes[] = { 4, 0, 3, 0 };
  Owl2ClipSettings s = settings_new (WHOLE, SECOND, 1, 0);
  Recorder *r = recorder_new ();

  s.fps_n = 10;
  s.fps_d = 1;
  for (guint i = 0; i < 80; i++) {
    const Frame f = { (gint64) (i * 100 * MS), 100 * (gint64) MS };

    s.n_frames = wishes[i / 20];
    recorder_push (r, &s, &f, i);
  }
  s.n_frames = 5;
  owl2_clipper_cut (r->clipper, &s);
  g_assert_cmpuint (r->n_clips, ==, 1);
  g_assert_cmpuint (r->clips[0].n, ==, 2);
  g_assert_cmpuint (r->clips[0].frames[0], ==, 60);
  g_assert_cmpuint (r->clips[0].frames[1], ==, 70);
  recorder_free (r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seconds/numbers", test_numbers);
  g_test_add_func ("/seconds/times", test_times);
  g_test_add_func ("/seconds/thinned", test_thinned);
  g_test_add_func ("/seconds/span", test_span);
  g_test_add_func ("/seconds/slow", test_slow);
  g_test_add_func ("/seconds/changes", test_changes);
  return g_test_run ();
}
