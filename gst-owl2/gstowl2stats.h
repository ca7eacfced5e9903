/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the element counts. */
#ifndef GST_OWL2_STATS_H
#define GST_OWL2_STATS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/**
 * GstOwl2Stats: shared by element, stream and worker; any thread, under @lock.
 * Times are ns.
 */
typedef struct {
  gatomicrefcount refs;
  GMutex lock;
  struct {
    guint64 frames_seen, frames_sampled, frames_encoded, frames_reused;
    guint64 clips_answered, clips_dropped;
    guint64 tokens, prompt_tokens, prompt_tokens_reused;
    guint64 encode_ns, prefill_ns, decode_ns;
    guint64 weights_bytes, device_bytes;
    guint weights_users;
  } counts;
} GstOwl2Stats;

GstOwl2Stats *gst_owl2_stats_new (void);
GstOwl2Stats *gst_owl2_stats_ref (GstOwl2Stats *stats);
void gst_owl2_stats_unref (GstOwl2Stats *stats); /* accepts NULL */
/* (transfer full): as in the element's property. */
GstStructure *gst_owl2_stats_to_structure (GstOwl2Stats *stats);

G_END_DECLS

#endif
