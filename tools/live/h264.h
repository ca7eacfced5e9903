/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which H.264 encoder is used, and whether what goes with it is there. */
#ifndef OWL2_LIVE_H264_H
#define OWL2_LIVE_H264_H

#include <glib.h>

G_BEGIN_DECLS

/* (nullable): the first of @needed, a list that ends with NULL, or of H.264
 * encoders, that GStreamer has not; in words that go before "installed". */
const char *h264_missing (const char *const *needed);

/* (nullable): an element with its settings, as gst-launch-1.0 has them: for a
 * file, or as fast as the pictures come and each at once. FAILED: there is
 * none. */
const char *h264_for_file (GError **error);
const char *h264_for_live (GError **error);

G_END_DECLS

#endif
