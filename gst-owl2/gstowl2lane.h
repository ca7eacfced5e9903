/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lanes: calls in order, one at a time, on a few threads that all lanes of the
 * process share. What an element tells the application goes through one, as a
 * handler may block for as long as it likes. */
#ifndef GST_OWL2_LANE_H
#define GST_OWL2_LANE_H

#include <glib.h>

G_BEGIN_DECLS

/* So many handlers may block before other elements have to wait. */
#define GST_OWL2_MAX_LANE_THREADS 4

typedef struct _GstOwl2Lane GstOwl2Lane;
typedef void (*GstOwl2LaneFunc) (gpointer data);

/**
 * gst_owl2_lane_new:
 * @nice: 0 to 19: threads that are nicer than this don't make its calls, unless
 *   the caller is nicer itself. Linux only.
 *
 * Returns: (transfer full): NULL with @error set where there can be no thread.
 * Once there is a lane, there always is one.
 */
GstOwl2Lane *gst_owl2_lane_new (int nice, GError **error);
GstOwl2Lane *gst_owl2_lane_ref (GstOwl2Lane *lane);
/* Calls that still wait are made. */
void gst_owl2_lane_unref (GstOwl2Lane *lane); /* accepts NULL */

/* @free is called with @data after @func, or in its place once the lane is
 * closed, there on whatever thread. Never waits. Any thread. */
void gst_owl2_lane_push (GstOwl2Lane *lane, GstOwl2LaneFunc func, gpointer data,
    GDestroyNotify free);
/* Drops the calls that wait and all to come; one that is running goes on. Any
 * thread. */
void gst_owl2_lane_close (GstOwl2Lane *lane);
/* Whether the caller is in a call of this lane. */
gboolean gst_owl2_lane_is_current (const GstOwl2Lane *lane);
/* Whether a call is running. Any thread. */
gboolean gst_owl2_lane_is_busy (GstOwl2Lane *lane);
/* Returns when no call is running. Not in a call of this lane. */
void gst_owl2_lane_wait (GstOwl2Lane *lane);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Lane, gst_owl2_lane_unref)

G_END_DECLS

#endif
