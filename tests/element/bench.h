/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The element between two harness pads, with a bus and the fake engine. */
#ifndef BENCH_H
#define BENCH_H

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include "fake_engine.h"
#include "gstowl2.h"
#include "gstowl2meta.h"

/* The locks in a pipeline's threads are unknown to ThreadSanitizer: tests with
 * a pipeline of their own are left out there. */
#if defined(__SANITIZE_THREAD__)
#  define BENCH_TSAN 1
#elif defined(__has_feature)
#  if __has_feature(thread_sanitizer)
#    define BENCH_TSAN 1
#  endif
#endif
#ifndef BENCH_TSAN
#  define BENCH_TSAN 0
#endif

#define MS GST_MSECOND
/* The rest of the tests' stream: 100 ms a frame. */
#define BENCH_CAPS "video/x-raw,format=RGB,width=8,height=6,framerate=10/1"
#define BENCH_FRAME_BYTES (3 * 8 * 6)
#define BENCH_STEP (100 * MS)
#define BENCH_SIZE (6 * 24)

/* What is waited for comes in this time on any machine. */
#define BENCH_LIMIT_US (20 * G_USEC_PER_SEC)
/* Waits for a gboolean or a count under the `lock` of @play, by its `cond`. */
#define WAIT_FOR(play, condition)                                              \
  do {                                                                         \
    gint64 end_ = g_get_monotonic_time () + BENCH_LIMIT_US;                    \
    g_mutex_lock (&(play)->lock);                                              \
    while (!(condition))                                                       \
      if (!g_cond_wait_until (&(play)->cond, &(play)->lock, end_))             \
        g_error ("not in 20 s: " #condition);                                  \
    g_mutex_unlock (&(play)->lock);                                            \
  } while (0)

/* What @call makes, which is freed. */
#define assert_string(call, expected)                                          \
  do {                                                                         \
    g_autofree char *got_ = call;                                              \
    g_assert_cmpstr (got_, ==, expected);                                      \
  } while (0)

typedef struct {
  GstElement *element;
  GstBus *bus;
  GstHarness *h;
} Bench;

/* Initialises g_test, GStreamer and the fake engine; runs the tests. */
int bench_main (int *argc, char ***argv, void (*add_tests) (void));

/* A new element, not in any harness. It holds no video: where the stream waits,
 * a push returns when the buffer has left. */
GstElement *bench_element (GstBus **bus);
/* PLAYING, with BENCH_CAPS and a TIME segment. Then properties, as for
 * g_object_set(). */
Bench *bench_new (gboolean live, const char *first_property, ...);
/* A stream that waits and holds so much, with a clip of each two frames, of
 * which the second is its last. */
Bench *bench_new_held (gboolean live, guint64 max_time, guint64 max_bytes);
/* As bench_new(), with other caps; not live. */
Bench *bench_with_caps (const char *caps, const char *first_property, ...);
void bench_free (Bench *b);
/* As bench_free(), then fake_reset(), which finds what is still alive. */
void bench_end (Bench *b);

/* Frame @i of the stream, filled with the byte @i. */
GstBuffer *bench_buffer (guint i);
GstFlowReturn bench_push (Bench *b, guint i);
/* Pushes frames @from to @to - 1; all must flow. */
void bench_push_range (Bench *b, guint from, guint to);
/* bench_push() and an EOS event on a thread of their own; gst_harness_push()
 * does not return while the element waits. finish() returns the flow, or for
 * EOS whether the event was taken; it fails after 20 s. */
typedef struct _BenchCall BenchCall;
BenchCall *bench_push_async (Bench *b, guint i);
BenchCall *bench_eos_async (Bench *b);
gboolean bench_call_is_done (BenchCall *call);
int bench_call_finish (BenchCall *call);

/* (transfer full): the RGB that videoconvert makes of @buffer, at full chroma
 * quality where it is progressive. */
GstBuffer *bench_reference_rgb (const char *caps, GstBuffer *buffer);

void bench_eos (Bench *b);
/* A TIME segment from 0. */
void bench_new_segment (Bench *b);
void bench_flush_start (Bench *b);
/* With a new segment. */
void bench_flush_stop (Bench *b);
/* The number of events of this type that came out so far. */
guint bench_n_events (Bench *b, GstEventType type);

/* (transfer full): fails if there is none within 20 s. */
GstBuffer *bench_pull (Bench *b);
/* Pulls frames @from to @to - 1, which are there or come, in this order, with
 * the answer of this id; 0: none. */
void bench_expect_frames (Bench *b, guint from, guint to, guint answer);
/* What the source pad answers: the least latency, and @max: (out): the most. */
GstClockTime bench_latency (Bench *b, GstClockTime *max);
/* Pulls and drops all that is there. */
guint bench_drain (Bench *b);

/* (transfer full) (nullable): the next `owl2-answer` on the bus, up to
 * @timeout. Other messages are passed over, but an error fails. */
GstStructure *bench_answer (Bench *b, GstClockTime timeout);
/* (transfer full): fails if there is none within 20 s. */
GstMessage *bench_message (Bench *b, GstMessageType type);
guint bench_n_messages (Bench *b, GstMessageType type);
/* Until the message that tells so; a live stream waits for no answer before. */
void bench_wait_loaded (Bench *b);

/* Answers that are on the bus. */
guint bench_n_answers (Bench *b);
/* Waits for the worker; fails after 20 s. */
void bench_wait_stat (Bench *b, const char *name, guint64 value);
guint64 bench_stat (Bench *b, const char *name);
guint64 structure_uint64 (const GstStructure *s, const char *name);
/* The `frame-times` in ms, as "0 100 200". */
char *structure_times (const GstStructure *s);

#endif
