/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Browsers that a stream's video is sent to over WebRTC. One that takes too
 * little loses pictures up to the next that needs none before it, one that is
 * not heard of any more is forgotten, and neither holds up anything. All on the
 * main loop's thread. */
#ifndef OWL2_LIVE_CALLS_H
#define OWL2_LIVE_CALLS_H

#include <libsoup/soup.h>

#include "options.h"
#include "video.h"

G_BEGIN_DECLS

/* Browsers at a time, of all streams. */
#define CALLS_MAX 100

/* (nullable): what GStreamer has not, that it takes; NULL: all is there. */
const char *calls_missing (void);

typedef struct _Calls Calls;

/* With what @video (borrowed) has. Nothing is sent from another address than
 * the one of @options (borrowed), nor received at one. */
Calls *calls_new (const LiveOptions *options, Video *video);
/* Ends them. */
void calls_free (Calls *calls); /* accepts NULL */

/* Answers a browser's offer, soon. From within a handler of the server. */
void calls_add (Calls *calls, SoupServerMessage *msg, const char *sdp);
/* Lets go of those who are gone. To be called each second. */
void calls_check (Calls *calls);

G_END_DECLS

#endif
