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
 * ends: `active`, `probability`, `threshold`, `choice`, `id`, `prompt`,
 * `start`, `end` and `element`. */
GstStructure *gst_owl2_alert_structure (const GstOwl2Answer *answer);

G_END_DECLS

#endif
