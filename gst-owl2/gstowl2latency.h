/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The latency of a live stream that waits for answers: what the answers take.
 * Sinks get to know of it before the first buffer that needs more. */
#ifndef GST_OWL2_LATENCY_H
#define GST_OWL2_LATENCY_H

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstOwl2Latency: any thread, once it was initialised.
 * @added: ns, as it was announced last
 * @n_told: latency events that sinks have sent
 */
typedef struct {
  GMutex lock;
  GCond cond;
  GstClockTime added;
  guint n_told;
} GstOwl2Latency;

/* Whether what @pad is linked to says that it is live. */
gboolean gst_owl2_peer_is_live (GstPad *pad);

void gst_owl2_latency_init (GstOwl2Latency *latency);
void gst_owl2_latency_clear (GstOwl2Latency *latency);
/* Nothing is known of the answers. */
void gst_owl2_latency_reset (GstOwl2Latency *latency);
/* An answer took @took_ns, and @max_ns can be held: if that is more than what
 * was announced, it is announced with a fourth more, and for a moment it is
 * waited for that the sinks know. It is never taken back, since what is on its
 * way by then would be late. */
void gst_owl2_latency_grow (GstOwl2Latency *latency, GstElement *element,
    GstClockTime took_ns, GstClockTime max_ns);
/* A sink has sent a latency event. */
void gst_owl2_latency_told (GstOwl2Latency *latency);
/* Adds it to the answer of upstream, if that is live. @max_ns: as above */
void gst_owl2_latency_query (
    GstOwl2Latency *latency, GstQuery *query, GstClockTime max_ns);

G_END_DECLS

#endif
