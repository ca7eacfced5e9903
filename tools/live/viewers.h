/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who looks at a stream's pictures. Each gets the newest one when the
 * connection has taken the one before: a slow one gets fewer, and nothing piles
 * up for it. All on the main loop's thread. */
#ifndef OWL2_LIVE_VIEWERS_H
#define OWL2_LIVE_VIEWERS_H

#include "flow.h"
#include "pictures.h"

G_BEGIN_DECLS

typedef struct _Viewers Viewers;

/* Of @pictures (borrowed). */
Viewers *viewers_new (Pictures *pictures);
/* Cuts them. */
void viewers_free (Viewers *viewers); /* accepts NULL */

/* From within a handler of the server. */
void viewers_add (Viewers *viewers, SoupServerMessage *msg);
/* There are new pictures. */
void viewers_update (Viewers *viewers);
/* Lets go of those who are gone. To be called each few seconds. */
void viewers_check (Viewers *viewers);

G_END_DECLS

#endif
