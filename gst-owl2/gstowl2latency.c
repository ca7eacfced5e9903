/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2latency.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

/* An application distributes the latency from its main loop. */
#define TELL_US (50 * G_TIME_SPAN_MILLISECOND)

gboolean
gst_owl2_peer_is_live (GstPad *pad)
{
  g_autoptr (GstQuery) query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (pad, query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  return live;
}

void
gst_owl2_latency_init (GstOwl2Latency *latency)
{
  g_mutex_init (&latency->lock);
  g_cond_init (&latency->cond);
  latency->added = 0;
  latency->n_told = 0;
}

void
gst_owl2_latency_clear (GstOwl2Latency *latency)
{
  g_mutex_clear (&latency->lock);
  g_cond_clear (&latency->cond);
}

void
gst_owl2_latency_reset (GstOwl2Latency *latency)
{
  g_mutex_lock (&latency->lock);
  latency->added = 0;
  g_mutex_unlock (&latency->lock);
}

void
gst_owl2_latency_grow (GstOwl2Latency *latency, GstElement *element,
    GstClockTime took_ns, GstClockTime max_ns)
{
  const gint64 end = g_get_monotonic_time () + TELL_US;
  const GstClockTime wanted =
      MIN (took_ns, G_MAXINT64) + MIN (took_ns, G_MAXINT64) / 4;
  gboolean grows, waits = TRUE;
  guint n_told;

  g_mutex_lock (&latency->lock);
  grows = took_ns > latency->added && latency->added < max_ns;
  if (grows)
    latency->added = MIN (wanted, max_ns);
  n_told = latency->n_told;
  g_mutex_unlock (&latency->lock);
  if (!grows)
    return;

  GST_DEBUG_OBJECT (
      element, "an answer took %" GST_TIME_FORMAT, GST_TIME_ARGS (took_ns));
  gst_element_post_message (
      element, gst_message_new_latency (GST_OBJECT (element)));
  g_mutex_lock (&latency->lock);
  while (waits && latency->n_told == n_told)
    waits = g_cond_wait_until (&latency->cond, &latency->lock, end);
  g_mutex_unlock (&latency->lock);
}

void
gst_owl2_latency_told (GstOwl2Latency *latency)
{
  g_mutex_lock (&latency->lock);
  latency->n_told++;
  g_cond_broadcast (&latency->cond);
  g_mutex_unlock (&latency->lock);
}

void
gst_owl2_latency_query (
    GstOwl2Latency *latency, GstQuery *query, GstClockTime max_ns)
{
  GstClockTime min, max, added;
  gboolean live;

  gst_query_parse_latency (query, &live, &min, &max);
  if (!live)
    return;
  g_mutex_lock (&latency->lock);
  added = latency->added;
  g_mutex_unlock (&latency->lock);
  min += added;
  if (GST_CLOCK_TIME_IS_VALID (max))
    max += MAX (added, MIN (max_ns, G_MAXINT64 - max));
  gst_query_set_latency (query, live, min, max);
}
