/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was said about a stream, and when. On the main loop's thread. */
#ifndef OWL2_LIVE_CAPTIONS_H
#define OWL2_LIVE_CAPTIONS_H

#include <glib.h>

G_BEGIN_DECLS

/* How long captions are kept, in microseconds. */
#define CAPTIONS_US (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)

/* @start, @end: monotonic clock, us: what it is about; @came: when it was there
 */
typedef struct {
  gint64 start, end, came;
  char *text;
} Caption;

typedef struct _Captions Captions;

Captions *captions_new (void);
void captions_free (Captions *captions); /* accepts NULL */

/* @text that is there now. */
void captions_add (
    Captions *captions, gint64 start, gint64 end, const char *text);
/* (transfer full): Caption: what stood under the picture between @from and @to:
 * each from when it was there, its start, up to the next one, its end. */
GPtrArray *captions_between (Captions *captions, gint64 from, gint64 to);
/* (transfer full): all of them as WebVTT, at the times that they are about,
 * from
 * @zero on. */
GBytes *captions_vtt (Captions *captions, gint64 zero);

G_END_DECLS

#endif
