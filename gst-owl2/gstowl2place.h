/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer's place in the video: who answers has it, and what leaves waits for
 * it, or takes the answer from it. */
#ifndef GST_OWL2_PLACE_H
#define GST_OWL2_PLACE_H

#include "gstowl2meta.h"

G_BEGIN_DECLS

typedef struct _GstOwl2Hold GstOwl2Hold;
typedef struct _GstOwl2Place GstOwl2Place;

/* Whether video waits for it. */
gboolean gst_owl2_place_holds (const GstOwl2Place *place);
/* Its clip has all its video: it stays where it is. Streaming thread. */
void gst_owl2_place_settle (GstOwl2Place *place);
/* The answer is there, and was told. Any thread, as the next. */
void gst_owl2_place_fill (GstOwl2Place *place, GstOwl2Answer *answer);
/* (transfer full): there is an answer, or will be none. Accepts NULL. */
void gst_owl2_place_end (GstOwl2Place *place);

G_END_DECLS

#endif
