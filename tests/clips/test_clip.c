/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which frames are taken: tables for what can be said in a line, and random
 * streams against a plain search. */
#include "recorder.h"

#include <string.h>

/* ---- tables ------------------------------------------------------------ */

/* Streams are written as "t+d" in ms; "-" is a new segment, "~t+d" a gap, "|" a
 * cut, "!" and "?" refuse and no longer refuse frames, "0" as duration is
 * unknown. Clips as "start-end:frame,frame". */
typedef struct {
  const char *name;
  gboolean whole;
  guint interval, frames, span; /* ms */
  const char *stream;
  const char *clips;
} Table;

static const Table tables[] = {
  { "image each second", INTERVAL, 1000, 1, 0,
      "0+400 400+400 800+400 1200+400 1600+400 2000+400 |",
      "0-1000:0 1000-2000:2 2000-3000:5" },
  { "the first frame is the origin", INTERVAL, 1000, 1, 0,
      "700+500 1200+500 1700+500 2200+500 |", "700-1700:0 1700-2700:2" },
  { "four frames spread over the interval", INTERVAL, 1000, 4, 0,
      "0+100 100+100 200+100 300+100 400+100 500+100 600+100 700+100 800+100"
      " 900+100 1000+100 |",
      "0-1000:0,2,5,7 1000-1100:10" },
  { "short span", INTERVAL, 1000, 2, 200,
      "0+100 100+100 200+100 900+100 1000+100 1100+100 |",
      "0-200:0,1 1000-1200:4,5" },
  { "overlapping spans share frames", INTERVAL, 100, 2, 400,
      "0+100 100+100 200+100 300+100 400+100 |",
      "0-400:0,2 100-500:1,3 200-600:2,4 300-500:3 400-500:4" },
  { "no durations", INTERVAL, 1000, 2, 0,
      "0+0 300+0 600+0 900+0 1000+0 1300+0 1600+0 |",
      "0-1000:0,2 1000-2000:4,6" },
  { "slow stream: one answer a frame", INTERVAL, 400, 1, 0,
      "0+1000 1000+1000 2000+1000 |", "0-400:0 1200-1600:1 2000-2400:2" },
  { "slow stream: a frame stands for several targets", INTERVAL, 1000, 4, 0,
      "0+500 500+500 1000+1000 2000+500 |",
      "0-1000:0,0,1,1 1000-2000:2,2,2,2 2000-2500:3,3" },
  { "long gap skips to the cell", INTERVAL, 1000, 1, 0,
      "0+100 100+100 9300+100 9400+100 10000+100 |",
      "0-1000:0 9000-10000:2 10000-11000:4" },
  { "the frame after a gap shows the next start", INTERVAL, 1000, 1, 0,
      "0+100 9950+100 10050+100 |", "0-1000:0 10000-11000:1" },
  { "a start inside a hole is not answered if span is over", INTERVAL, 1000, 1,
      100, "0+40 1200+40 2000+40 |", "0-100:0 2000-2100:2" },
  { "a start that was shown is not shown again", INTERVAL, 400, 1, 0,
      "0+1000 1050+100 1150+100 |", "0-400:0 1200-1600:2" },
  { "a jump ahead answers what there is", INTERVAL, 1000, 3, 0,
      "0+100 400+100 5000+100 |", "0-1000:0,1 5000-5100:2" },
  { "a gap event ends clips", INTERVAL, 1000, 2, 0,
      "0+100 ~100+2000 2100+100 2500+100 |", "0-1000:0 2000-3000:1,2" },
  { "a gap event in the past does nothing", INTERVAL, 1000, 2, 0,
      "0+100 400+100 ~100+5000 500+100 |", "0-1000:0,2" },
  { "a little backwards is passed over", INTERVAL, 1000, 2, 0,
      "0+100 100+100 50+100 500+100 |", "0-1000:0,3" },
  { "exactly interval and span back is passed over", INTERVAL, 1000, 1, 0,
      "0+100 5000+100 3000+100 5100+100 6000+100 |",
      "0-1000:0 5000-6000:1 6000-7000:4" },
  { "far backwards is a new origin", INTERVAL, 1000, 2, 0,
      "5000+100 2900+100 3400+100 |", "5000-5100:0 2900-3900:1,2" },
  { "a segment that goes on", INTERVAL, 1000, 1, 0,
      "0+500 500+500 - 1000+500 1500+500 - 2100+500 |",
      "0-1000:0 1000-2000:2 2000-3000:4" },
  { "a segment elsewhere ahead", INTERVAL, 1000, 2, 0,
      "0+500 - 7300+500 7800+500 |", "0-500:0 7300-8300:1,2" },
  { "a segment a little back", INTERVAL, 1000, 2, 0,
      "1000+400 1400+400 - 1300+400 1800+400 |",
      "1000-2000:0,1 1300-2300:2,3" },
  { "negative times: reverse playback", INTERVAL, 1000, 2, 0,
      "-2000+500 -1500+500 -1000+500 -500+500 |",
      "-2000--1000:0,1 -1000-0:2,3" },
  { "refused frames", INTERVAL, 1000, 1, 0,
      "! 0+100 100+100 ? 200+100 ! 1200+100 1300+100 ? 1400+100 |",
      "200-1200:2 1200-2200:5" },
  { "same time twice", INTERVAL, 1000, 2, 0, "0+0 0+0 500+0 500+0 |",
      "0-1000:0,2" },
  { "one frame alone", INTERVAL, 1000, 3, 0, "300+0 |", "300-300:0" },
  { "nothing", INTERVAL, 1000, 3, 0, "| |", "" },
  { "two streams", INTERVAL, 1000, 1, 0, "0+500 500+500 | 300+500 1300+500 |",
      "0-1000:0 300-1300:2 1300-2300:3" },

  { "whole: middle of one part", WHOLE, 1000, 1, 0,
      "0+100 100+100 200+100 300+100 400+100 |", "0-500:2" },
  { "whole: middles of two parts", WHOLE, 1000, 2, 0,
      "0+100 100+100 200+100 300+100 400+100 500+100 600+100 700+100 |",
      "0-800:2,6" },
  { "whole: origin is the first frame", WHOLE, 1000, 2, 0,
      "1000+100 1100+100 1200+100 1300+100 |", "1000-1400:1,3" },
  { "whole: without durations the nearest", WHOLE, 1000, 2, 0,
      "0+0 400+0 700+0 1000+0 |", "0-1000:1,2" },
  { "whole: fewer frames than places", WHOLE, 1000, 4, 0, "0+100 100+100 |",
      "0-200:0,0,1,1" },
  { "whole: one frame, unknown duration", WHOLE, 1000, 3, 0, "500+0 |",
      "500-500:0" },
  { "whole: one picture is an image", WHOLE, 1000, 4, 0,
      "0+40 | 0+40 40+40 | 0+40 |", "0-40:0 0-80:1,1,2,2 0-40:3" },
  { "whole: the last span", WHOLE, 1000, 2, 400,
      "0+100 100+100 200+100 300+100 400+100 500+100 600+100 700+100 |",
      "400-800:5,7" },
  { "whole: span longer than the stream", WHOLE, 1000, 1, 9000,
      "0+100 100+100 200+100 |", "0-300:1" },
  { "whole: last span after a pause", WHOLE, 1000, 2, 1000,
      "0+100 100+100 200+100 5000+100 |", "4100-5100:3,3" },
  { "whole: two streams", WHOLE, 1000, 1, 0, "0+100 100+100 200+100 | 0+100 |",
      "0-300:1 0-100:3" },
  { "whole: a jump back ends a stream", WHOLE, 1000, 1, 0,
      "5000+100 5100+100 5200+100 0+100 100+100 200+100 |",
      "5000-5300:1 0-300:4" },
};

static void
run_table_stream (Recorder *r, const Owl2ClipSettings *s, const char *stream)
{
  g_auto (GStrv) words = g_strsplit_set (stream, " ", -1);
  guint index = 0;

  for (char **w = words; *w; w++) {
    char *rest = *w + (**w == '~');
    Frame f;

    if (g_str_equal (*w, "-")) {
      owl2_clipper_new_segment (r->clipper);
    } else if (g_str_equal (*w, "|")) {
      owl2_clipper_cut (r->clipper, s);
    } else if (g_str_equal (*w, "!") || g_str_equal (*w, "?")) {
      r->refuse = **w == '!';
    } else {
      f.t = g_ascii_strtoll (rest, &rest, 10) * (gint64) MS;
      g_assert_cmpint (*rest, ==, '+');
      f.d = g_ascii_strtoll (rest + 1, NULL, 10) * (gint64) MS;
      if (**w == '~')
        owl2_clipper_gap (r->clipper, f.t, f.d);
      else
        recorder_push (r, s, &f, index++);
    }
  }
}

static void
test_table (gconstpointer data)
{
  const Table *table = data;
  const Owl2ClipSettings s = settings_new (
      table->whole, table->interval * MS, table->frames, table->span * MS);
  g_autoptr (GString) got = g_string_new (NULL);
  Recorder *r = recorder_new ();

  run_table_stream (r, &s, table->stream);
  for (guint i = 0; i < r->n_clips; i++) {
    const Seen *seen = &r->clips[i];

    g_string_append_printf (got, "%s%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT ":",
        i ? " " : "", seen->start / (gint64) MS, seen->end / (gint64) MS);
    for (guint k = 0; k < seen->n; k++)
      g_string_append_printf (got, "%s%u", k ? "," : "", seen->frames[k]);
  }
  g_assert_cmpstr (got->str, ==, table->clips);
  recorder_free (r);
}

/* ---- a plain search for the same --------------------------------------- */

/* The part of a stream between two cuts. Durations are those on screen. */
typedef struct {
  const Frame *frames;
  const guint *indices; /* in the whole stream */
  guint n;
  gint64 end; /* of what was seen */
} Run;

/* A frame of an even pace that began at @beat leaves the screen with the next
 * beat, if its time is off by no more than rounding can make it. */
static gint64
oracle_end (const Frame *f, Frame *beat)
{
  const gint64 allowed = MIN ((gint64) SECOND / 600, (f->d - 1) / 2);
  gint64 n, off;

  if (f->d > 0 && f->d == beat->d && f->t >= beat->t) {
    n = (f->t - beat->t + f->d / 2) / f->d;
    off = f->t - (beat->t + n * f->d);
    if (ABS (off) > 1000 && ABS (off) <= allowed)
      return beat->t + (n + 1) * f->d;
  }
  *beat = *f;
  return f->t + f->d;
}

/* The frames of the clip at @start, opened by frame @from. */
static Seen
oracle_clip (
    const Run *run, const Owl2ClipSettings *s, gint64 start, guint from)
{
  const gint64 span = (gint64) (s->span ? s->span : s->interval);
  Seen seen = { .start = start, .end = start + span };

  for (guint k = 0; k < s->n_frames; k++) {
    gint64 target = start + (gint64) ((guint64) span * k / s->n_frames);
    guint j = from;

    while (j < run->n
           && !(run->frames[j].t >= target
                || run->frames[j].t + run->frames[j].d > target))
      j++;
    if (j == run->n || run->frames[j].t >= start + span)
      break;
    seen.frames[seen.n++] = run->indices[j];
    from = j;
  }
  /* Open until the end, and cut there? */
  if (seen.n < s->n_frames && run->frames[run->n - 1].t < start + span)
    seen.end = MIN (seen.end, MAX (start, run->end));
  return seen;
}

/* The start that frame @j opens, looking at every point of the grid. */
static gboolean
oracle_start (const Run *run, const Owl2ClipSettings *s, gint64 last, guint j,
    gint64 *start)
{
  const gint64 t = run->frames[j].t, end = t + run->frames[j].d;
  const gint64 span = (gint64) (s->span ? s->span : s->interval);
  gboolean found = FALSE;
  gint64 point = last + (gint64) s->interval;

  for (; point < t; point += (gint64) s->interval) {
    gboolean shown = FALSE;

    for (guint i = 0; i < j; i++)
      shown = shown || run->frames[i].t + run->frames[i].d > point;
    found = !shown && t < point + span;
    if (found)
      *start = point;
  }
  if (point == t || point < end) {
    *start = point;
    return TRUE;
  }
  /* Only the cell that the frame falls into, the last one before it. */
  return found && *start == point - (gint64) s->interval;
}

static guint
oracle_interval (const Run *run, const Owl2ClipSettings *s, Seen *clips)
{
  gint64 start = run->frames[0].t;
  guint n = 0;

  if (run->n == 0)
    return 0;
  clips[n++] = oracle_clip (run, s, start, 0);
  for (guint j = 1; j < run->n; j++)
    if (oracle_start (run, s, start, j, &start))
      clips[n++] = oracle_clip (run, s, start, j);
  return n;
}

/* Splits the stream where time goes back too far, leaves out what goes back a
 * little, and hands each part to @each. */
static guint
oracle_stream (const Frame *frames, guint n, const Owl2ClipSettings *s,
    guint (*each) (const Run *, const Owl2ClipSettings *, Seen *), Seen *clips)
{
  const gint64 allowed =
      (gint64) (s->interval + (s->span ? s->span : s->interval));
  Frame part[MAX_STREAM];
  guint indices[MAX_STREAM];
  Run run = { part, indices, 0, 0 };
  Frame beat = { 0, 0 };
  guint n_clips = 0;

  for (guint i = 0; i < n; i++) {
    gint64 end;

    if (run.n && frames[i].t < part[run.n - 1].t) {
      if (part[run.n - 1].t - frames[i].t <= allowed)
        continue;
      n_clips += each (&run, s, clips + n_clips);
      run.n = 0;
      beat.d = 0;
    }
    end = oracle_end (&frames[i], &beat);
    run.end = run.n ? MAX (run.end, end) : end;
    part[run.n].t = frames[i].t;
    part[run.n].d = end - MIN (1000, frames[i].d / 8) - frames[i].t;
    indices[run.n++] = i;
  }
  return n_clips + (run.n ? each (&run, s, clips + n_clips) : 0);
}

/* ---- random streams ---------------------------------------------------- */

static gint64
pick (gint64 min, gint64 max)
{
  return min + (gint64) (g_test_rand_double () * (double) (max - min + 1));
}

/* Frames of about @step, with the odd lost one, pause, jump and jitter; some
 * without duration, some with too long ones. */
static guint
random_stream (Frame *frames, guint n, gint64 step)
{
  const int kind = g_test_rand_int_range (0, 6);
  gint64 t = pick (-1000, 1000) * (gint64) MS;

  for (guint i = 0; i < n; i++) {
    int luck = g_test_rand_int_range (0, 100);

    frames[i].t = t;
    frames[i].d = kind == 1 ? 0 : kind == 2 ? pick (0, 3 * step) : step;
    if (kind == 3 && luck < 20)
      frames[i].t += pick (-step, step);
    t += step;
    if (luck >= 97 && kind >= 3)
      t += pick (0, 30 * step);
    else if (luck == 96 && kind >= 4)
      t -= pick (0, 60 * step);
    else if (kind == 2)
      t += pick (-step / 2, step / 2);
  }
  return n;
}

static int
compare_start (gconstpointer a, gconstpointer b)
{
  const Seen *x = a, *y = b;

  return x->start < y->start ? -1 : x->start > y->start;
}

static char *
describe (const Owl2ClipSettings *s, const Frame *frames, guint n)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text,
      "interval %" G_GUINT64_FORMAT " span %" G_GUINT64_FORMAT " frames %u:",
      s->interval, s->span, s->n_frames);
  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, " %" G_GINT64_FORMAT "+%" G_GINT64_FORMAT,
        frames[i].t, frames[i].d);
  return g_string_free (text, FALSE);
}

static void
compare_clips (const Owl2ClipSettings *s, const Frame *frames, guint n,
    Seen *got, guint n_got, Seen *want, guint n_want)
{
  for (guint i = 0; i < MAX (n_got, n_want); i++)
    if (i >= n_got || i >= n_want
        || memcmp (&got[i], &want[i], sizeof (Seen)) != 0) {
      g_autofree char *text = describe (s, frames, n);

      if (i < n_got)
        g_test_message ("got %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT
                        " of %u, first %u",
            got[i].start, got[i].end, got[i].n, got[i].frames[0]);
      if (i < n_want)
        g_test_message ("want %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT
                        " of %u, first %u",
            want[i].start, want[i].end, want[i].n, want[i].frames[0]);
      g_error ("clip %u differs (%u clips, %u wanted) in %s", i, n_got, n_want,
          text);
    }
}

static void
test_random_interval (void)
{
  const guint n_rounds = g_test_slow () ? 20000 : 4000;

  for (guint round = 0; round < n_rounds; round++) {
    const gint64 step = pick (1, 100) * (gint64) MS / pick (1, 3);
    const guint64 interval = (guint64) pick (1, 40 * step);
    const guint64 span =
        g_test_rand_bit () ? 0 : (guint64) pick (1, 4 * (gint64) interval);
    const Owl2ClipSettings s = settings_new (
        INTERVAL, interval, (guint) g_test_rand_int_range (1, 9), span);
    g_autofree Seen *want = g_new0 (Seen, MAX_CLIPS);
    Frame frames[MAX_STREAM];
    guint n = random_stream (
        frames, (guint) g_test_rand_int_range (1, MAX_STREAM), step);
    Recorder *r = recorder_new ();
    guint n_want = oracle_stream (frames, n, &s, oracle_interval, want);

    for (guint i = 0; i < n; i++)
      recorder_push (r, &s, &frames[i], i);
    owl2_clipper_cut (r->clipper, &s);
    g_assert_cmpint (r->n_handles, ==, 0);

    /* Clips are told when they are complete; the search finds them by start. */
    qsort (r->clips, r->n_clips, sizeof (Seen), compare_start);
    qsort (want, n_want, sizeof (Seen), compare_start);
    compare_clips (&s, frames, n, r->clips, r->n_clips, want, n_want);
    recorder_free (r);
  }
}

/* ---- whole --------------------------------------------------------------- */

/* @next: (nullable): the frame that takes its place. */
static gint64
distance (const Frame *f, const Frame *next, gint64 target)
{
  const gint64 end = next ? MIN (f->t + f->d, next->t) : f->t + f->d;

  return f->t > target ? f->t - target : end < target ? target - end : 0;
}

/* Of all frames of the run, the best for each target. Frames of the same time
 * count as one, the first of them. */
static guint
oracle_whole (const Run *run, const Owl2ClipSettings *s, Seen *clips)
{
  Seen *seen = clips;
  gint64 start = run->frames[0].t;

  if (s->span && run->end - start > (gint64) s->span)
    start = run->end - (gint64) s->span;
  seen->start = start;
  seen->end = run->end;
  seen->n = run->n == 1 ? 1 : s->n_frames;
  for (guint k = 0; k < seen->n; k++) {
    gint64 target =
        start
        + (gint64) ((guint64) (run->end - start) * (2 * k + 1) / (2 * seen->n));
    gint64 nearest = G_MAXINT64;
    guint best = 0;

    for (guint j = 0; j < run->n; j++) {
      const Frame *f = &run->frames[j], *next = f;

      if (j && f->t == run->frames[j - 1].t)
        continue;
      while (next < run->frames + run->n && next->t == f->t)
        next++;
      if (next == run->frames + run->n)
        next = NULL;
      /* What was before the time looked at; but the last one always stays. */
      if (next && MAX (MIN (f->t + f->d, next->t), f->t + 1) <= start)
        continue;
      if (distance (f, next, target) <= nearest) {
        nearest = distance (f, next, target);
        best = j;
      }
    }
    seen->frames[k] = run->indices[best];
  }
  return 1;
}

/* A stream short enough that every frame is kept: exactly the best ones. */
static void
test_random_whole_short (void)
{
  const guint n_rounds = g_test_slow () ? 20000 : 4000;

  for (guint round = 0; round < n_rounds; round++) {
    const gint64 step = pick (1, 100) * (gint64) MS / pick (1, 3);
    const guint n_frames = (guint) g_test_rand_int_range (1, 65);
    const Owl2ClipSettings s = settings_new (WHOLE, (guint64) step, n_frames,
        g_test_rand_bit () ? 0 : (guint64) pick (1, 40 * step));
    g_autofree Seen *want = g_new0 (Seen, MAX_CLIPS);
    Frame frames[MAX_STREAM];
    guint n = random_stream (frames,
        (guint) g_test_rand_int_range (1, OWL2_CLIP_MAX_CANDIDATES), step);
    Recorder *r = recorder_new ();
    guint n_want = oracle_stream (frames, n, &s, oracle_whole, want);

    for (guint i = 0; i < n; i++)
      recorder_push (r, &s, &frames[i], i);
    owl2_clipper_cut (r->clipper, &s);
    compare_clips (&s, frames, n, r->clips, r->n_clips, want, n_want);
    recorder_free (r);
  }
}

/* ---- bounds and changes ------------------------------------------------ */

static void
test_open_limits (void)
{
  struct {
    guint frames;
    guint max_open;
  } cases[] = { { 1, 1 }, { 2, 64 }, { 16, 64 }, { 64, 16 } };

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++) {
    const Owl2ClipSettings s =
        settings_new (INTERVAL, MS, cases[c].frames, SECOND);
    Recorder *r = recorder_new ();

    for (guint i = 0; i < 1500; i++) {
      Frame f = { (gint64) i * (gint64) MS, (gint64) MS };

      recorder_push (r, &s, &f, i);
      g_assert_cmpuint (owl2_clipper_n_held (r->clipper), <=,
          cases[c].max_open * cases[c].frames);
    }
    g_assert_cmpuint (r->n_clips, >=, cases[c].frames == 1 ? 1500 : 1);
    if (cases[c].frames > 1)
      g_assert_cmpuint (owl2_clipper_refused (r->clipper), >, 0);
    g_assert_cmpuint (owl2_clipper_refused (r->clipper), ==, 0);
    owl2_clipper_cut (r->clipper, &s);
    recorder_free (r);
  }
}

static void
test_refused_count (void)
{
  const Owl2ClipSettings s = settings_new (INTERVAL, SECOND, 1, 0);
  Recorder *r = recorder_new ();

  for (guint i = 0; i < 100; i++) {
    Frame f = { (gint64) i * 100 * (gint64) MS, 100 * (gint64) MS };

    /* Nothing from 1.5 s to 4.5 s: the clips at 2 s and 3 s are lost, the one
     * at 4 s comes late. */
    r->refuse = i >= 15 && i < 45;
    recorder_push (r, &s, &f, i);
  }
  owl2_clipper_cut (r->clipper, &s);
  g_assert_cmpuint (r->n_clips, ==, 8);
  g_assert_cmpuint (r->clips[2].frames[0], ==, 45);
  g_assert_cmpint (r->clips[2].start, ==, 4 * (gint64) SECOND);
  g_assert_cmpuint (owl2_clipper_refused (r->clipper), ==, 2);
  recorder_free (r);
}

static void
test_changes (void)
{
  const Owl2ClipSettings slow = settings_new (INTERVAL, SECOND, 2, 0);
  const Owl2ClipSettings fast = settings_new (INTERVAL, 200 * MS, 1, 0);
  const Owl2ClipSettings whole = settings_new (WHOLE, SECOND, 1, 0);
  Recorder *r = recorder_new ();
  static const gint64 starts[] = { 0, 1000, 1200, 1400, 1600, 1800 };
  guint i = 0;

  /* The open clip keeps its settings; the next one is a short interval after
   * it. */
  for (; i < 20; i++) {
    Frame f = { (gint64) i * 100 * (gint64) MS, 100 * (gint64) MS };

    recorder_push (r, i < 11 ? &slow : &fast, &f, i);
  }
  g_assert_cmpuint (r->n_clips, ==, G_N_ELEMENTS (starts));
  qsort (r->clips, r->n_clips, sizeof (Seen), compare_start);
  for (guint k = 0; k < r->n_clips; k++)
    g_assert_cmpint (r->clips[k].start, ==, starts[k] * (gint64) MS);
  g_assert_cmpuint (r->clips[1].n, ==, 2);
  g_assert_cmpuint (r->clips[2].n, ==, 1);

  /* Now the rest of the stream, and no more intervals. */
  for (; i < 25; i++) {
    Frame f = { (gint64) i * 100 * (gint64) MS, 100 * (gint64) MS };

    recorder_push (r, &whole, &f, i);
  }
  g_assert_cmpuint (r->n_clips, ==, G_N_ELEMENTS (starts));
  owl2_clipper_cut (r->clipper, &whole);
  g_assert_cmpuint (r->n_clips, ==, G_N_ELEMENTS (starts) + 1);
  g_assert_cmpuint (r->clips[G_N_ELEMENTS (starts)].frames[0], ==, 22);
  recorder_free (r);
}

/* The ends of the range: nothing overflows (UBSan looks on), nothing hangs. */
static void
test_extremes (void)
{
  static const guint64 spans[] = { 0, 1, SECOND, G_MAXINT64 };
  static const gint64 times[] = { G_MININT64, -OWL2_CLIP_AXIS_MAX, -1, 0, 1,
    OWL2_CLIP_AXIS_MAX, G_MAXINT64, 5, G_MAXINT64, G_MININT64 };

  for (guint trigger = INTERVAL; trigger <= WHOLE; trigger++)
    for (guint i = 0; i < G_N_ELEMENTS (spans); i++)
      for (guint k = 1; k < G_N_ELEMENTS (spans); k++) {
        const Owl2ClipSettings s =
            settings_new (trigger, spans[k], 64, spans[i]);
        Recorder *r = recorder_new ();

        for (guint t = 0; t < G_N_ELEMENTS (times); t++)
          for (guint d = 0; d < G_N_ELEMENTS (times); d++) {
            Frame f = { times[t], times[d] };

            recorder_push (r, &s, &f, t);
            owl2_clipper_gap (r->clipper, times[t], times[d]);
          }
        owl2_clipper_reset (r->clipper);
        g_assert_cmpint (r->n_handles, ==, 0);
        recorder_free (r);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
    g_autofree char *path =
        g_strdup_printf ("/clip/table/%02u %s", i, tables[i].name);

    g_test_add_data_func (path, &tables[i], test_table);
  }
  g_test_add_func ("/clip/random/interval", test_random_interval);
  g_test_add_func ("/clip/random/whole-short", test_random_whole_short);
  g_test_add_func ("/clip/open-limits", test_open_limits);
  g_test_add_func ("/clip/refused-count", test_refused_count);
  g_test_add_func ("/clip/changes", test_changes);
  g_test_add_func ("/clip/extremes", test_extremes);
  return g_test_run ();
}
