/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2stats.h"

GstOwl2Stats *
gst_owl2_stats_new (void)
{
  GstOwl2Stats *stats = g_new0 (GstOwl2Stats, 1);

  g_atomic_ref_count_init (&stats->refs);
  g_mutex_init (&stats->lock);
  return stats;
}

GstOwl2Stats *
gst_owl2_stats_ref (GstOwl2Stats *stats)
{
  g_atomic_ref_count_inc (&stats->refs);
  return stats;
}

void
gst_owl2_stats_unref (GstOwl2Stats *stats)
{
  if (!stats || !g_atomic_ref_count_dec (&stats->refs))
    return;
  g_mutex_clear (&stats->lock);
  g_free (stats);
}

GstStructure *
gst_owl2_stats_to_structure (GstOwl2Stats *stats)
{
  GstStructure *s;

  g_mutex_lock (&stats->lock);
  s = gst_structure_new ("owl2-stats", "frames-seen", G_TYPE_UINT64,
      stats->counts.frames_seen, "frames-sampled", G_TYPE_UINT64,
      stats->counts.frames_sampled, "frames-encoded", G_TYPE_UINT64,
      stats->counts.frames_encoded, "frames-reused", G_TYPE_UINT64,
      stats->counts.frames_reused, "clips-answered", G_TYPE_UINT64,
      stats->counts.clips_answered, "clips-dropped", G_TYPE_UINT64,
      stats->counts.clips_dropped, "tokens", G_TYPE_UINT64,
      stats->counts.tokens, "prompt-tokens", G_TYPE_UINT64,
      stats->counts.prompt_tokens, "prompt-tokens-reused", G_TYPE_UINT64,
      stats->counts.prompt_tokens_reused, "encode-time", G_TYPE_UINT64,
      stats->counts.encode_ns, "prefill-time", G_TYPE_UINT64,
      stats->counts.prefill_ns, "decode-time", G_TYPE_UINT64,
      stats->counts.decode_ns, "weights-bytes", G_TYPE_UINT64,
      stats->counts.weights_bytes, "weights-users", G_TYPE_UINT,
      stats->counts.weights_users, "device-bytes", G_TYPE_UINT64,
      stats->counts.device_bytes, NULL);
  g_mutex_unlock (&stats->lock);
  return s;
}
