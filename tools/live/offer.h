/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a browser offers to be sent, in the words of SDP: read with mistrust,
 * and said anew. */
#ifndef OWL2_LIVE_OFFER_H
#define OWL2_LIVE_OFFER_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * Offer:
 * @payload: number that packets of H.264 are to have
 * @sdp: an offer to be sent H.264, and nothing else, by this browser. It has no
 *   addresses: nothing is sent to where nothing came from.
 */
typedef struct {
  guint payload;
  char *sdp;
} Offer;

/* BAD_REQUEST: @sdp is no offer, or not of one video in H.264. */
gboolean offer_read (const char *sdp, Offer *offer, GError **error);
void offer_clear (Offer *offer);

G_END_DECLS

#endif
