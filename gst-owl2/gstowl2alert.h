/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether the first choice is likely enough to tell of it. */
#ifndef GST_OWL2_ALERT_H
#define GST_OWL2_ALERT_H

#include "gstowl2meta.h"
#include "gstowl2settings.h"

G_BEGIN_DECLS

#define GST_OWL2_ALERT_NAME "owl2-alert"

/* Fills in what @answer, which is not sealed yet, says of an alert. @active:
 * (inout): whether there is one. It begins at the threshold, and ends below
 * that less the hysteresis, or when nobody looks for alerts any more. */
void gst_owl2_alert_update (
    const GstOwl2Settings *settings, GstOwl2Answer *answer, gboolean *active);
/* (transfer full): what is told of an @answer with an alert that begins or
 * ends. Its fields, of which docs/properties.md is made, are
 *
 * `active`: whether it begins
 * `probability`: of the first choice
 * `threshold`: that this reached, or fell below
 * `choice`: the first
 * `id`: of the answer
 * `prompt`: the question
 * `start`: as in the answer
 * `end`: as in the answer
 * `element`: name of the element that asked */
GstStructure *gst_owl2_alert_structure (const GstOwl2Answer *answer);

G_END_DECLS

#endif
