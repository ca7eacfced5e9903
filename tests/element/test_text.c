/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What leaves by text_src, and that nothing waits for it. */
#include "bench.h"
#include "gstowl2settings.h"

#include <string.h>

/* Who is linked to text_src: all that comes, as one line. */
typedef struct {
  GstPad *src, *sink;
  GMutex lock;
  GCond cond;
  GString *seen;
  GstClockTime gap_end;
  guint n_texts;
  gboolean hold; /* texts are not taken */
  guint n_held;
  gboolean eos;
  gboolean fresh; /* no text since the segment, or since one was not taken */
  guint32 seqnum, eos_seqnum; /* the first one of the segment */
  GstFlowReturn ret;
} Reader;

static GstFlowReturn
reader_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Reader *r = gst_pad_get_element_private (pad);
  GstFlowReturn ret;
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_mutex_lock (&r->lock);
  r->n_held += r->hold;
  g_cond_broadcast (&r->cond);
  while (r->hold && !GST_PAD_IS_FLUSHING (pad))
    g_cond_wait_until (&r->cond, &r->lock, g_get_monotonic_time () + 1000);
  ret = GST_PAD_IS_FLUSHING (pad) ? GST_FLOW_FLUSHING : r->ret;
  g_assert_true (r->fresh == GST_BUFFER_IS_DISCONT (buffer));
  r->fresh = ret != GST_FLOW_OK;
  if (ret == GST_FLOW_OK) {
    const GstClockTime start = GST_BUFFER_PTS (buffer);

    g_string_append_printf (r->seen,
        "%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "=%.*s, ", start / MS,
        (start + GST_BUFFER_DURATION (buffer)) / MS, (int) map.size,
        (const char *) map.data);
    r->n_texts++;
    g_cond_broadcast (&r->cond);
  }
  g_mutex_unlock (&r->lock);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  return ret;
}

static gboolean
reader_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  Reader *r = gst_pad_get_element_private (pad);
  GstClockTime start, duration;
  const GstSegment *segment;
  GstStreamFlags flags;
  GstCaps *caps;

  g_mutex_lock (&r->lock);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_GAP:
      gst_event_parse_gap (event, &start, &duration);
      if (GST_CLOCK_TIME_IS_VALID (r->gap_end))
        g_assert_cmpuint (start, ==, r->gap_end);
      r->gap_end = start + duration;
      break;
    case GST_EVENT_STREAM_START:
      gst_event_parse_stream_flags (event, &flags);
      g_assert_cmpint (flags, ==, GST_STREAM_FLAG_SPARSE);
      g_string_append (r->seen, "start, ");
      break;
    case GST_EVENT_CAPS:
      gst_event_parse_caps (event, &caps);
      g_assert_true (gst_structure_has_name (
          gst_caps_get_structure (caps, 0), "text/x-raw"));
      g_assert_cmpstr (
          gst_structure_get_string (gst_caps_get_structure (caps, 0), "format"),
          ==, "utf8");
      g_string_append (r->seen, "caps, ");
      break;
    case GST_EVENT_SEGMENT:
      gst_event_parse_segment (event, &segment);
      g_string_append_printf (
          r->seen, "segment %" G_GUINT64_FORMAT ", ", segment->start / MS);
      r->gap_end = GST_CLOCK_TIME_NONE;
      r->fresh = TRUE;
      r->seqnum = gst_event_get_seqnum (event);
      break;
    case GST_EVENT_CUSTOM_DOWNSTREAM:
      g_assert_true (
          gst_event_has_name (event, "rstranscribe/final-transcript"));
      g_string_append (r->seen, "final, ");
      break;
    case GST_EVENT_FLUSH_START:
      break;
    case GST_EVENT_FLUSH_STOP:
      g_string_append (r->seen, "flush, ");
      break;
    case GST_EVENT_EOS:
      g_string_append (r->seen, "eos");
      r->eos_seqnum = gst_event_get_seqnum (event);
      r->eos = TRUE;
      break;
    default:
      break;
  }
  g_cond_broadcast (&r->cond);
  g_mutex_unlock (&r->lock);
  gst_event_unref (event);
  return TRUE;
}

static Reader *
reader_new (Bench *b)
{
  Reader *r = g_new0 (Reader, 1);

  g_mutex_init (&r->lock);
  g_cond_init (&r->cond);
  r->seen = g_string_new (NULL);
  r->gap_end = GST_CLOCK_TIME_NONE;
  r->sink = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_element_private (r->sink, r);
  gst_pad_set_chain_function (r->sink, reader_chain);
  gst_pad_set_event_function (r->sink, reader_event);
  gst_pad_set_active (r->sink, TRUE);
  r->src = gst_element_request_pad_simple (b->element, "text_src");
  g_assert_nonnull (r->src);
  g_assert_cmpint (gst_pad_link (r->src, r->sink), ==, GST_PAD_LINK_OK);
  return r;
}

static void
reader_free (Reader *r)
{
  gst_pad_set_active (r->sink, FALSE);
  gst_object_unref (r->src);
  gst_object_unref (r->sink);
  g_string_free (r->seen, TRUE);
  g_mutex_clear (&r->lock);
  g_cond_clear (&r->cond);
  g_free (r);
}

static void
reader_hold (Reader *r, gboolean hold)
{
  g_mutex_lock (&r->lock);
  r->hold = hold;
  g_cond_broadcast (&r->cond);
  g_mutex_unlock (&r->lock);
}

/* Waits until the condition holds; with the lock held. */
#define reader_wait(r, condition)                                              \
  do {                                                                         \
    const gint64 end = g_get_monotonic_time () + 20 * G_TIME_SPAN_SECOND;      \
    g_mutex_lock (&(r)->lock);                                                 \
    while (!(condition))                                                       \
      if (!g_cond_wait_until (&(r)->cond, &(r)->lock, end))                    \
        g_error ("not %s: %s", #condition, (r)->seen->str);                    \
    g_mutex_unlock (&(r)->lock);                                               \
  } while (0)

#define reader_assert(r, expected)                                             \
  do {                                                                         \
    g_mutex_lock (&(r)->lock);                                                 \
    g_assert_cmpstr ((r)->seen->str, ==, expected);                            \
    g_mutex_unlock (&(r)->lock);                                               \
  } while (0)

/* What came before it was linked it may have missed. */
#define reader_assert_end(r, expected)                                         \
  do {                                                                         \
    g_mutex_lock (&(r)->lock);                                                 \
    g_assert_true (g_str_has_prefix ((r)->seen->str, "start, caps, segment")); \
    g_assert_true (g_str_has_suffix ((r)->seen->str, expected));               \
    g_mutex_unlock (&(r)->lock);                                               \
  } while (0)

#define BEGIN "start, caps, segment 0, "

static void
end (Bench *b, Reader *r)
{
  bench_free (b);
  reader_free (r);
  fake_reset ();
}

/* ---- times -------------------------------------------------------------- */

/* From a file each text lasts to where the next one begins, and nothing is
 * unsaid of the time in between and after. */
static void
test_file (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);

  fake_set_n_tokens (1);
  bench_push_range (b, 0, 25);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "0-1000=images 0, final, 1000-2000=images 1, final, "
                          "2000-3000=images 2, final, eos");
  g_assert_cmpuint (r->gap_end, ==, 2500 * MS);
  end (b, r);
}

/* The last frame of several is where the answer begins; before it there is a
 * gap. */
static void
test_clip_end (void)
{
  Bench *b = bench_new (FALSE, "frames", 2, NULL);
  Reader *r = reader_new (b);

  fake_set_n_tokens (1);
  bench_push_range (b, 0, 20);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "500-1500=images 0 1, final, "
                          "1500-2500=images 2 3, final, eos");
  end (b, r);
}

/* A text never begins in time that was said to have none. */
static void
test_clip_start_after_gap (void)
{
  Bench *b = bench_new (FALSE, "trigger", GST_OWL2_TRIGGER_EOS, "text-time",
      GST_OWL2_TEXT_TIME_CLIP_START, NULL);
  Reader *r = reader_new (b);

  fake_set_n_tokens (1);
  bench_push_range (b, 0, 10);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "1000-2000=images 0, final, eos");
  end (b, r);
}

/* The text begins with the clip, whose video is held for it. */
static void
test_clip_start_held (void)
{
  Bench *b = bench_new_held (FALSE, 2 * GST_SECOND, 1 << 20);
  Reader *r = reader_new (b);

  g_object_set (
      b->element, "text-time", GST_OWL2_TEXT_TIME_CLIP_START, NULL);
  fake_set_n_tokens (1);
  bench_push_range (b, 0, 5);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "0-200=images 0 1, final, "
                          "200-400=images 2 3, final, "
                          "400-600=images 4, final, eos");
  end (b, r);
}

/* A text of a scene lasts until there is another, which begins at the very time
 * at which that was seen, whatever has left by then. Frames of 100 ms are
 * looked at each 125: that on screen at 750 is the first one that is new. */
static void
test_scene (void)
{
  for (guint i = 0; i < 2; i++) {
    const gboolean each = i == 0;
    Bench *b = bench_new (FALSE, "trigger", GST_OWL2_TRIGGER_SCENE,
        "min-interval", 250 * MS, NULL);
    Reader *r = reader_new (b);
    g_autoptr (GRegex) text = g_regex_new ("=images \\d+", 0, 0, NULL);
    g_autofree char *seen = NULL;

    fake_set_n_tokens (1);
    fake_set_scenes ("AAAAAAAD");
    reader_hold (r, !each);
    for (guint k = 0; k < 12; k++) {
      g_assert_cmpint (bench_push (b, k), ==, GST_FLOW_OK);
      if (each)
        reader_wait (r, r->gap_end == (k + 1) * 100 * MS);
      else
        reader_wait (r, r->n_held == 1);
    }
    reader_hold (r, FALSE);
    bench_eos (b);
    reader_wait (r, r->eos);
    seen = g_regex_replace_literal (text, r->seen->str, -1, 0, "", 0, NULL);
    if (each)
      g_assert_cmpstr (seen, ==,
          BEGIN "0-250, final, 250-375, 375-500, 500-625, 625-750, 750-1000, "
                "final, 1000-1125, 1125-1250, eos");
    else
      g_assert_cmpstr (
          seen, ==, BEGIN "0-250, final, 250-750, 750-1250, final, eos");
    end (b, r);
  }
}

/* For subtitle files of scenes: each answer is one text with its true end. */
static void
test_scene_late (void)
{
  Bench *b = bench_new (FALSE, "trigger", GST_OWL2_TRIGGER_SCENE,
      "min-interval", 250 * MS, "text-time", GST_OWL2_TEXT_TIME_CLIP_END, NULL);
  Reader *r = reader_new (b);

  fake_set_n_tokens (1);
  fake_set_scenes ("AAAAAAAD");
  bench_push_range (b, 0, 12);
  bench_eos (b);
  reader_wait (r, r->eos);
  g_assert_cmpuint (r->n_texts, ==, 2);
  g_assert_nonnull (strstr (r->seen->str, "0-750=images 0, final, 750-1200="));
  end (b, r);
}

/* On a live stream a text stands from when it is there until the next one is,
 * however long that takes. */
static void
test_arrival (void)
{
  Bench *b = bench_new (TRUE, NULL);
  Reader *r = reader_new (b);

  fake_set_n_tokens (1);
  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 0, 3);
  fake_wait_calls (FAKE_GENERATE, 1);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_wait_stat (b, "clips-answered", 1);
  reader_wait (r, r->n_texts == 1);
  fake_set_gate (FAKE_GENERATE, TRUE);
  bench_push_range (b, 3, 21);
  fake_wait_calls (FAKE_GENERATE, 2);
  fake_set_gate (FAKE_GENERATE, FALSE);
  bench_wait_stat (b, "clips-answered", 3);
  bench_eos (b);
  reader_wait (r, r->eos);
  /* Of two answers that come at one time the second one stands. */
  reader_assert (r,
      BEGIN "300-1550=images 0, final, 1600-2100=images 0, "
            "2100-3350=images 1, final, 3350-3850=images 2, final, eos");
  end (b, r);
}

/* For subtitle files of a live stream: each answer is one text with its true
 * end. */
static void
test_late (void)
{
  Bench *b = bench_new (TRUE, "text-time", GST_OWL2_TEXT_TIME_CLIP_END, NULL);
  Reader *r = reader_new (b);

  fake_set_n_tokens (1);
  for (guint i = 0; i < 25; i++) {
    g_assert_cmpint (bench_push (b, i), ==, GST_FLOW_OK);
    bench_wait_stat (b, "clips-answered", i / 10 + 1);
  }
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "0-1000=images 0, final, 1000-2000=images 1, final, "
                          "2000-2500=images 2, final, eos");
  end (b, r);
}

/* A stream that is played from 5 s of it on, at double speed. */
static void
test_segment (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);
  GstSegment segment;

  fake_set_n_tokens (1);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = 2;
  segment.start = 100 * MS;
  segment.time = 5 * GST_SECOND;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  bench_push_range (b, 1, 15);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert_end (r, "segment 100, 100-1100=images 0, final, "
                        "1100-2100=images 1, final, eos");
  end (b, r);
}

/* From a source that plays backwards itself, a text begins with what is played
 * last of its clip, which is the first of its times. */
static void
test_reverse_applied (void)
{
  Bench *b = bench_new (FALSE, "frames", 2, NULL);
  Reader *r = reader_new (b);
  GstSegment segment;

  fake_set_n_tokens (1);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.applied_rate = -1;
  segment.stop = segment.duration = 2 * GST_SECOND;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  bench_push_range (b, 0, 10);
  bench_eos (b);
  reader_wait (r, r->eos);
  g_assert_nonnull (strstr (r->seen->str, "segment 0, 600-1600="));
  reader_assert_end (r, ", final, eos");
  end (b, r);
}

/* Nobody is made to wait for texts that can't be told backwards. */
static void
test_reverse (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = -1;
  segment.stop = 2 * GST_SECOND;
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_segment (&segment)));
  reader_wait (r, r->eos);
  g_assert_cmpuint (r->eos_seqnum, ==, r->seqnum);
  for (guint i = 20; i > 0; i--)
    g_assert_cmpint (bench_push (b, i - 1), ==, GST_FLOW_OK);
  reader_assert_end (r, "segment 0, eos");
  end (b, r);
}

/* ---- texts -------------------------------------------------------------- */

/* What would end a subtitle or begin another is none of it. */
static void
test_plain (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);

  fake_set_word (
      "\n \r\n\x01<b>----> {\\an8}\xc2\x9b\xe2\x80\xae&lt; \xc3\xa4\n");
  fake_set_n_tokens (2);
  bench_push_range (b, 0, 1);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "0-1000=images 0\n\\x01< b>---- > "
                          "(\\\\an8)\\u009b\\u202e& lt; \xc3\xa4, final, eos");
  end (b, r);
}

/* Of an answer under way, only what is new is told, and only as messages. */
static void
test_partial (void)
{
  Bench *b = bench_new (FALSE, "partial", TRUE, NULL);
  Reader *r = reader_new (b);
  guint n = 0;

  fake_set_word (""); /* half of a character */
  bench_push_range (b, 0, 1);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "0-1000=images 0, final, eos");
  for (GstStructure *s; (s = bench_answer (b, 0)); n++)
    gst_structure_free (s);
  g_assert_cmpuint (n, ==, 2);
  end (b, r);
}

/* ---- nobody waits ------------------------------------------------------- */

/* Texts that nobody takes hold up nothing; a flush frees who holds them. */
static void
test_held (void)
{
  Bench *b = bench_new (FALSE, "interval", 100 * MS, NULL);
  Reader *r = reader_new (b);
  gint64 begin;

  fake_set_n_tokens (1);
  reader_hold (r, TRUE);
  bench_push_range (b, 0, 300);
  reader_wait (r, r->n_held == 1);
  begin = g_get_monotonic_time ();
  bench_flush_start (b);
  reader_hold (r, FALSE);
  bench_flush_stop (b);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, G_TIME_SPAN_SECOND);
  bench_push_range (b, 0, 2);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "flush, segment 0, 0-100=images 300, final, "
                          "100-200=images 301, final, eos");
  end (b, r);
}

static void
test_stop_while_held (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);

  reader_hold (r, TRUE);
  bench_push_range (b, 0, 1);
  reader_wait (r, r->n_held == 1);
  gst_pad_set_active (r->sink, FALSE); /* as a sink that is stopped first */
  end (b, r);
}

/* The next life knows nothing of the last one's stream. */
static void
test_again (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);

  fake_set_n_tokens (1);
  bench_push_range (b, 0, 5);
  gst_element_set_state (b->element, GST_STATE_READY);
  g_mutex_lock (&r->lock);
  g_string_truncate (r->seen, 0);
  g_mutex_unlock (&r->lock);
  gst_element_set_state (b->element, GST_STATE_PLAYING);
  g_assert_true (
      gst_harness_push_event (b->h, gst_event_new_stream_start ("again")));
  gst_harness_set_src_caps_str (b->h, BENCH_CAPS);
  bench_new_segment (b);
  bench_push_range (b, 0, 1);
  bench_eos (b);
  reader_wait (r, r->eos);
  g_assert_true (g_str_has_prefix (r->seen->str, BEGIN));
  g_assert_null (strstr (r->seen->str + 1, "start"));
  end (b, r);
}

/* A pad with nobody behind it, and one whose sink has enough. */
static void
test_not_linked (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);

  r->ret = GST_FLOW_EOS;
  bench_push_range (b, 0, 15);
  gst_pad_unlink (r->src, r->sink);
  bench_push_range (b, 15, 35);
  bench_eos (b);
  g_assert_cmpuint (bench_n_messages (b, GST_MESSAGE_ERROR), ==, 0);
  end (b, r);
}

/* What it missed comes first; and it may leave while it is held. */
static void
test_while_playing (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r;

  fake_set_n_tokens (1);
  bench_push_range (b, 0, 5);
  r = reader_new (b);
  bench_push_range (b, 5, 11);
  reader_wait (r, strstr (r->seen->str, "final"));
  reader_assert (r, BEGIN "1000-2000=images 1, final, ");
  reader_hold (r, TRUE);
  bench_push_range (b, 11, 21);
  reader_wait (r, r->n_held == 1);
  gst_element_release_request_pad (b->element, r->src);
  bench_push_range (b, 21, 31);
  reader_free (r);
  r = reader_new (b);
  bench_push_range (b, 31, 41);
  bench_eos (b);
  reader_wait (r, r->eos);
  reader_assert (r, BEGIN "4000-5000=images 4, final, eos");
  end (b, r);
}

/* ---- upstream ----------------------------------------------------------- */

/* A seek that comes by both pads is one; QoS of a text is nobody's business. */
static void
test_upstream (void)
{
  Bench *b = bench_new (FALSE, NULL);
  Reader *r = reader_new (b);
  GstEvent *seek = gst_event_new_seek (1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
      GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, 0);
  GstEvent *event;
  guint n_seeks = 0;

  g_assert_true (gst_pad_push_event (b->h->sinkpad, gst_event_ref (seek)));
  g_assert_true (gst_pad_push_event (r->sink, seek));
  g_assert_true (gst_pad_push_event (
      r->sink, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1, 0, 0)));
  while ((event = gst_harness_try_pull_upstream_event (b->h))) {
    n_seeks += GST_EVENT_TYPE (event) == GST_EVENT_SEEK;
    g_assert_cmpint (GST_EVENT_TYPE (event), !=, GST_EVENT_QOS);
    gst_event_unref (event);
  }
  g_assert_cmpuint (n_seeks, ==, 1);
  end (b, r);
}

static void
add_tests (void)
{
  g_test_add_func ("/text/file", test_file);
  g_test_add_func ("/text/clip-end", test_clip_end);
  g_test_add_func ("/text/scene", test_scene);
  g_test_add_func ("/text/scene-late", test_scene_late);
  g_test_add_func ("/text/clip-start-after-gap", test_clip_start_after_gap);
  g_test_add_func ("/text/clip-start-held", test_clip_start_held);
  g_test_add_func ("/text/arrival", test_arrival);
  g_test_add_func ("/text/late", test_late);
  g_test_add_func ("/text/segment", test_segment);
  g_test_add_func ("/text/reverse", test_reverse);
  g_test_add_func ("/text/reverse-applied", test_reverse_applied);
  g_test_add_func ("/text/plain", test_plain);
  g_test_add_func ("/text/partial", test_partial);
  g_test_add_func ("/text/held", test_held);
  g_test_add_func ("/text/stop-while-held", test_stop_while_held);
  g_test_add_func ("/text/again", test_again);
  g_test_add_func ("/text/not-linked", test_not_linked);
  g_test_add_func ("/text/while-playing", test_while_playing);
  g_test_add_func ("/text/upstream", test_upstream);
}

int
main (int argc, char **argv)
{
  return bench_main (&argc, &argv, add_tests);
}
