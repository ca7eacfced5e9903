/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Containers round times. Which frames are taken, and how many clips there are,
 * is what the times before rounding say. */
#include "recorder.h"

/* Frames a second, as fractions. */
static const gint64 rates[][2] = { { 5, 1 }, { 10, 1 }, { 12, 1 }, { 25, 2 },
  { 15, 1 }, { 24000, 1001 }, { 24, 1 }, { 25, 1 }, { 30000, 1001 }, { 30, 1 },
  { 48, 1 }, { 50, 1 }, { 60000, 1001 }, { 60, 1 }, { 90, 1 }, { 100, 1 },
  { 120000, 1001 }, { 120, 1 }, { 144, 1 }, { 240, 1 } };

/* Units of a second, and whether times are cut off instead of rounded. */
static const struct {
  gint64 unit;
  gboolean cut;
} roundings[] = { { SECOND, FALSE }, { SECOND, TRUE }, { 1000, FALSE },
  { 1000, TRUE }, { 90000, FALSE }, { 90000, TRUE }, { 600, FALSE },
  { 48000, FALSE } };

/* In parts of interval: 1 s, 0.5 s, 2 s, 1/3 s, 0.1 s, 0.7 s. */
static const gint64 intervals[][2] = { { 1, 1 }, { 1, 2 }, { 2, 1 }, { 1, 3 },
  { 1, 10 }, { 7, 10 } };

/* (count * num / den) s as a container with @unit ticks a second has it. */
static gint64
rounded (gint64 count, gint64 num, gint64 den, gint64 unit, gboolean cut)
{
  const __int128 ticks2 = (__int128) count * num * unit * 2 / den;
  const gint64 ticks = (gint64) (cut ? ticks2 / 2 : (ticks2 + 1) / 2);

  return (gint64) ((__int128) ticks * (gint64) SECOND / unit);
}

typedef struct {
  gint64 fps_n, fps_d;
  gint64 interval_n, interval_d; /* s */
  guint frames;
  gint64 first; /* number of the first frame */
  guint n;
} Case;

/* The frame on screen at start + @k / frames of an interval after @i others:
 * the last one that begins no later. */
static guint
true_frame (const Case *c, guint i, guint k)
{
  return (guint) ((__int128) c->interval_n * (i * c->frames + k) * c->fps_n
                  / ((__int128) c->interval_d * c->frames * c->fps_d));
}

static void
check_case (const Case *c, gint64 unit, gboolean cut)
{
  const Owl2ClipSettings s = settings_new (INTERVAL,
      SECOND * (guint64) c->interval_n / (guint64) c->interval_d, c->frames, 0);
  const gint64 d = (gint64) SECOND * c->fps_d / c->fps_n;
  /* The first frame may be rounded as well; then a frame that is on screen at
   * the moment that is named after rounding is right. */
  const gint64 slack = c->first || c->interval_d % 5 == 3 ? 2 : 0;
  Recorder *r = recorder_new ();
  guint n_want = 0;

  for (guint i = 0; i < c->n; i++) {
    Frame f = { rounded (c->first + i, c->fps_d, c->fps_n, unit, cut), d };

    recorder_push (r, &s, &f, i);
  }
  owl2_clipper_cut (r->clipper, &s);

  while (true_frame (c, n_want, 0) < c->n)
    n_want++;
  if (r->n_clips != n_want)
    g_error ("%u clips instead of %u at %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT
             " in units of 1/%" G_GINT64_FORMAT " (%d), interval "
             "%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT ", from frame "
             "%" G_GINT64_FORMAT,
        r->n_clips, n_want, c->fps_n, c->fps_d, unit, cut, c->interval_n,
        c->interval_d, c->first);
  for (guint i = 0; i < n_want; i++)
    for (guint k = 0; k < r->clips[i].n; k++) {
      const guint want = true_frame (c, i, k), got = r->clips[i].frames[k];
      const gint64 target =
          (gint64) ((__int128) SECOND * c->interval_n * (i * c->frames + k)
                    / (c->interval_d * c->frames));
      const gint64 off = target
                         - (gint64) ((__int128) SECOND * c->fps_d
                                     * MAX (got, want) / c->fps_n);

      /* A neighbour only where the moment is at the very edge. */
      if (got != want
          && !(slack && ABS ((gint) got - (gint) want) == 1
               && ABS (off) <= slack * (gint64) SECOND / unit))
        g_error ("clip %u has frame %u instead of %u at %" G_GINT64_FORMAT
                 "/%" G_GINT64_FORMAT " in units of 1/%" G_GINT64_FORMAT
                 " (%d), interval %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT
                 " of %u, from frame %" G_GINT64_FORMAT,
            i, got, want, c->fps_n, c->fps_d, unit, cut, c->interval_n,
            c->interval_d, c->frames, c->first);
    }
  recorder_free (r);
}

static void
test_rounding (void)
{
  for (guint a = 0; a < G_N_ELEMENTS (rates); a++)
    for (guint b = 0; b < G_N_ELEMENTS (roundings); b++)
      for (guint i = 0; i < G_N_ELEMENTS (intervals); i++)
        for (guint frames = 1; frames <= 4; frames++) {
          Case c = { rates[a][0], rates[a][1], intervals[i][0], intervals[i][1],
            frames, 0, 0 };

          /* A frame opens one clip at most. */
          if (c.interval_n * c.fps_n < c.interval_d * c.fps_d)
            continue;
          c.n = (guint) (20 * c.fps_n / c.fps_d);
          check_case (&c, roundings[b].unit, roundings[b].cut);
          c.first = 1 + (gint64) (a * 31 + i * 7 + frames * 101);
          check_case (&c, roundings[b].unit, roundings[b].cut);
        }
}

/* Times that are exact are taken as they are, however high the rate: a frame is
 * on screen to its very end. */
static void
test_exact (void)
{
  static const gint64 paces[] = { 100000, 333333, 1000000, 4166666, 16683333,
    33366666, 40000000 };

  for (guint a = 0; a < G_N_ELEMENTS (paces); a++)
    for (guint round = 0; round < 50; round++) {
      const gint64 d = paces[a];
      const guint64 interval = (guint64) d
                               + (guint64) g_test_rand_int_range (
                                   1, (gint) (20 * MIN (d, 50000000)));
      const Owl2ClipSettings s = settings_new (INTERVAL, interval, 1, 0);
      Recorder *r = recorder_new ();

      for (guint i = 0; i < 1000; i++) {
        Frame f = { (gint64) i * d, d };

        recorder_push (r, &s, &f, i);
      }
      owl2_clipper_cut (r->clipper, &s);
      for (guint i = 0; i < r->n_clips; i++) {
        const gint64 target = (gint64) (i * interval);
        const gint64 left = target % d;

        if (d - left > 1000)
          g_assert_cmpuint (r->clips[i].frames[0], ==, (guint) (target / d));
      }
      recorder_free (r);
    }
}

/* 60 frames at 30/1 in a container of whole ms: two seconds. */
static void
test_two_seconds (void)
{
  const Owl2ClipSettings s = settings_new (INTERVAL, SECOND, 1, 0);
  Recorder *r = recorder_new ();

  for (guint i = 0; i < 60; i++) {
    Frame f = { rounded (i, 1, 30, 1000, FALSE), 33333333 };

    recorder_push (r, &s, &f, i);
  }
  owl2_clipper_cut (r->clipper, &s);
  g_assert_cmpuint (r->n_clips, ==, 2);
  g_assert_cmpuint (r->clips[0].frames[0], ==, 0);
  g_assert_cmpuint (r->clips[1].frames[0], ==, 30);
  recorder_free (r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pace/two-seconds", test_two_seconds);
  g_test_add_func ("/pace/rounding", test_rounding);
  g_test_add_func ("/pace/exact", test_exact);
  return g_test_run ();
}
