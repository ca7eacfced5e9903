/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small pictures of large ones, made by one pipeline, one after the other. On
 * the main loop's thread. */
#ifndef OWL2_LIVE_SHRINK_H
#define OWL2_LIVE_SHRINK_H

#include <libsoup/soup.h>
#include "pictures.h"

G_BEGIN_DECLS

/* Their width in pixels. */
#define SMALL_WIDTH 160

typedef struct _Shrinker Shrinker;
typedef struct _Small Small;

/* FAILED: an element is missing. */
Shrinker *shrinker_new (GError **error);
/* What is not made by then is not there. */
void shrinker_free (Shrinker *shrinker); /* accepts NULL */

/* (transfer full): what will be a small copy of @picture. */
Small *shrinker_add (Shrinker *shrinker, const Picture *picture);
/* Who waits for it is told that it is not there. */
void small_free (Small *small); /* accepts NULL */
/* Answers @msg with it, as soon as it is made, or that it is not kept. From
 * within a handler of the server. @small: (nullable) */
void small_reply (Small *small, SoupServerMessage *msg);

G_END_DECLS

#endif
