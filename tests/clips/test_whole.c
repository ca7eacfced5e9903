/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which frames are taken of streams that are longer than what is kept:
 * those on screen at the targets where the end was known, else nearby ones. */
#include "recorder.h"

static gint64
pick (gint64 min, gint64 max)
{
  return min + (gint64) (g_test_rand_double () * (double) (max - min + 1));
}

/* Most handles that may be held for @n_frames targets of each expected end. */
static guint
most_held (guint n_frames)
{
  return OWL2_CLIP_MAX_CANDIDATES + OWL2_CLIP_MAX_EXPECTED * n_frames;
}

static gint64
target_of (const Seen *seen, guint k)
{
  return seen->start
         + (gint64) ((__int128) (seen->end - seen->start) * (2 * k + 1)
                     / (2 * seen->n));
}

/* How far @f is from being on screen at @target. */
static gint64
distance (const Frame *f, gint64 target)
{
  return f->t > target          ? f->t - target
         : f->t + f->d < target ? target - (f->t + f->d)
                                : 0;
}

/* Some stream: even, or of frames that last as long as they like; the sum of
 * the durations in @length. */
static Frame *
make_stream (guint n, gint64 step, gboolean even, gint64 *length)
{
  Frame *frames = g_new (Frame, n);
  gint64 t = pick (0, 1000) * (gint64) MS;

  for (guint i = 0; i < n; i++) {
    frames[i].t = t;
    frames[i].d = even ? step : pick (1, 2 * step);
    if (!even && g_test_rand_int_range (0, 50) == 0)
      frames[i].d *= 40;
    t += frames[i].d;
  }
  *length = t - frames[0].t;
  return frames;
}

typedef struct {
  guint n_frames;
  guint64 span;
  gint64 ends[OWL2_CLIP_MAX_EXPECTED]; /* said, from the first frame's time */
  guint n_ends;
  gboolean only; /* the expected targets are looked for */
} Way;

/* Plays @n frames and returns the clip; the number of frames that were taken in
 * @n_taken. */
static Seen
play (const Frame *frames, guint n, const Way *way, guint *n_taken)
{
  const Owl2ClipSettings s =
      settings_new (WHOLE, SECOND, way->n_frames, way->span);
  Recorder *r = recorder_new ();
  gint64 ends[OWL2_CLIP_MAX_EXPECTED];
  Seen seen;

  owl2_clipper_set_only_expected (r->clipper, way->only);
  for (guint i = 0; i < way->n_ends; i++)
    ends[i] = frames[0].t + way->ends[i];
  for (guint i = 0; i < n; i++) {
    owl2_clipper_expect (r->clipper, ends, way->n_ends);
    recorder_push (r, &s, &frames[i], i);
    g_assert_cmpuint (
        owl2_clipper_n_held (r->clipper), <=, most_held (way->n_frames));
  }
  owl2_clipper_cut (r->clipper, &s);
  g_assert_cmpuint (r->n_clips, ==, 1);
  seen = r->clips[0];
  *n_taken = r->n_taken;
  recorder_free (r);

  g_assert_cmpint (seen.end, ==, frames[n - 1].t + frames[n - 1].d);
  g_assert_cmpuint (seen.n, ==, way->n_frames);
  for (guint k = 1; k < seen.n; k++)
    g_assert_cmpuint (seen.frames[k], >=, seen.frames[k - 1]);
  return seen;
}

static void
check_exact (const Frame *frames, const Seen *seen)
{
  for (guint k = 0; k < seen->n; k++) {
    const Frame *f = &frames[seen->frames[k]];

    /* 1000 ns are nothing: at the very end of a frame, the next one is right.
     */
    if (distance (f, target_of (seen, k)) > 1000)
      g_error ("target %u of %u is off by %" G_GINT64_FORMAT " ns of "
               "%" G_GINT64_FORMAT,
          k, seen->n, distance (f, target_of (seen, k)),
          seen->end - seen->start);
  }
}

/* 1 % of the length. */
static void
check_near (const Frame *frames, const Seen *seen)
{
  for (guint k = 0; k < seen->n; k++)
    g_assert_cmpint (distance (&frames[seen->frames[k]], target_of (seen, k)),
        <=, (seen->end - seen->start) / 100);
}

static void
test_known (void)
{
  for (guint round = 0; round < 300; round++) {
    const guint n = (guint) g_test_rand_int_range (2, 5000);
    gint64 length;
    g_autofree Frame *frames = make_stream (
        n, pick (1, 50) * (gint64) MS, g_test_rand_bit (), &length);
    Way way = { .n_frames = (guint) g_test_rand_int_range (1, 65),
      .span = g_test_rand_bit () ? 0 : (guint64) pick (1, 2 * length),
      .n_ends = 1 };
    guint n_taken;
    Seen seen;

    way.ends[0] = length;
    if (g_test_rand_bit ())
      way.ends[way.n_ends++] = pick (-length, 2 * length);
    seen = play (frames, n, &way, &n_taken);
    check_exact (frames, &seen);
    /* The same, and nothing else is taken but the first frame. */
    way.only = TRUE;
    seen = play (frames, n, &way, &n_taken);
    check_exact (frames, &seen);
    g_assert_cmpuint (n_taken, <=, 1 + way.n_ends * way.n_frames);
  }
}

static void
test_unknown (void)
{
  for (guint round = 0; round < 300; round++) {
    const guint n = (guint) g_test_rand_int_range (2, 5000);
    gint64 length;
    g_autofree Frame *frames = make_stream (
        n, pick (1, 50) * (gint64) MS, g_test_rand_bit (), &length);
    Way way = { .n_frames = (guint) g_test_rand_int_range (1, 65),
      .span = g_test_rand_bit () ? 0 : (guint64) pick (1, 2 * length) };
    guint n_taken, doublings = 1;
    Seen seen;

    /* A wrong end does no harm, an earlier or a later one. */
    if (g_test_rand_bit ())
      way.ends[way.n_ends++] = pick (1, 3 * length);
    seen = play (frames, n, &way, &n_taken);
    check_near (frames, &seen);
    while (n >> doublings > OWL2_CLIP_MAX_CANDIDATES)
      doublings++;
    if (!way.span)
      g_assert_cmpuint (n_taken, <=,
          way.n_frames + OWL2_CLIP_MAX_CANDIDATES * (doublings + 1));
  }
}

/* Three hours at 60 frames a second: few are taken, and fewer are held. */
static void
test_long (void)
{
  const guint n = 3 * 3600 * 60;
  gint64 length;
  g_autofree Frame *frames = make_stream (n, 16666667, TRUE, &length);
  Way way = { .n_frames = 8 };
  guint n_taken;
  Seen seen = play (frames, n, &way, &n_taken);

  check_near (frames, &seen);
  g_assert_cmpuint (n_taken, <, 2000);
  way.ends[way.n_ends++] = length;
  seen = play (frames, n, &way, &n_taken);
  check_exact (frames, &seen);
  g_assert_cmpuint (n_taken, <, 2000);
}

/* Times far apart: thinning still ends. */
static void
test_sparse (void)
{
  const Owl2ClipSettings s = settings_new (WHOLE, 1, 1, 0);
  Recorder *r = recorder_new ();

  for (guint i = 0; i < 2000; i++) {
    Frame f = { i < 1000 ? (gint64) i : (gint64) 1 << (i % 60), 0 };

    recorder_push (r, &s, &f, i);
    g_assert_cmpuint (
        owl2_clipper_n_held (r->clipper), <=, OWL2_CLIP_MAX_CANDIDATES);
  }
  owl2_clipper_cut (r->clipper, &s);
  recorder_free (r);
}

/* Other frames, another span and another end in the middle of the stream: from
 * then on they are looked for; a target before is near as ever. */
static void
test_changes (void)
{
  const gint64 step = 40 * (gint64) MS;
  const guint n = 5000;

  for (guint round = 0; round < 100; round++) {
    const Owl2ClipSettings first =
        settings_new (WHOLE, SECOND, (guint) g_test_rand_int_range (1, 65),
            g_test_rand_bit () ? 0 : (guint64) pick (1, 5000 * step));
    const Owl2ClipSettings second =
        settings_new (WHOLE, SECOND, (guint) g_test_rand_int_range (1, 65),
            g_test_rand_bit () ? 0 : (guint64) pick (100 * step, 2000 * step));
    const guint change = (guint) g_test_rand_int_range (1, 2500);
    const gint64 wrong = pick (1, 10000 * step);
    const gint64 right = (gint64) n * step;
    Recorder *r = recorder_new ();
    Seen *seen = r->clips;

    for (guint i = 0; i < n; i++) {
      Frame f = { (gint64) i * step, step };

      owl2_clipper_expect (r->clipper, i < change ? &wrong : &right, 1);
      recorder_push (r, i < change ? &first : &second, &f, i);
      g_assert_cmpuint (owl2_clipper_n_held (r->clipper), <=, most_held (64));
    }
    owl2_clipper_cut (r->clipper, &second);
    g_assert_cmpuint (r->n_clips, ==, 1);
    g_assert_cmpint (r->n_handles, ==, 0);
    for (guint k = 0; k < seen->n; k++) {
      const Frame f = { (gint64) seen->frames[k] * step, step };
      const gint64 target = target_of (seen, k);

      if (target >= (gint64) change * step)
        g_assert_cmpint (distance (&f, target), <=, 1000);
      else if (!first.span)
        g_assert_cmpint (distance (&f, target), <=,
            (second.span ? (gint64) change * step : seen->end) / 64);
    }
    recorder_free (r);
  }
}

/* Frames that can't be taken: the next one stands in. */
static void
test_refused (void)
{
  const Owl2ClipSettings s = settings_new (WHOLE, SECOND, 2, 0);
  const gint64 end = 1000 * (gint64) MS;
  Recorder *r = recorder_new ();

  owl2_clipper_expect (r->clipper, &end, 1);
  for (guint i = 0; i < 1000; i++) {
    Frame f = { (gint64) i * (gint64) MS, (gint64) MS };

    r->refuse = i >= 200 && i < 260;
    recorder_push (r, &s, &f, i);
  }
  owl2_clipper_cut (r->clipper, &s);
  g_assert_cmpuint (r->clips[0].frames[0], ==, 260);
  g_assert_cmpuint (r->clips[0].frames[1], ==, 750);
  recorder_free (r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/whole/known", test_known);
  g_test_add_func ("/whole/unknown", test_unknown);
  g_test_add_func ("/whole/long", test_long);
  g_test_add_func ("/whole/sparse", test_sparse);
  g_test_add_func ("/whole/changes", test_changes);
  g_test_add_func ("/whole/refused", test_refused);
  return g_test_run ();
}
