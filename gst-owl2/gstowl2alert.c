/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2alert.h"

static gboolean
is_alert (
    const GstOwl2Settings *settings, const GstOwl2Answer *answer, gboolean was)
{
  double threshold = settings->alert_threshold;

  if (threshold <= 0 || !answer->n_choices)
    return FALSE;
  if (was)
    threshold -= settings->alert_hysteresis;
  return answer->probabilities[0] >= threshold;
}

void
gst_owl2_alert_update (
    const GstOwl2Settings *settings, GstOwl2Answer *answer, gboolean *active)
{
  answer->alert_threshold = settings->alert_threshold;
  answer->alert = is_alert (settings, answer, *active);
  answer->alert_changed = answer->alert != *active;
  *active = answer->alert;
}

GstStructure *
gst_owl2_alert_structure (const GstOwl2Answer *answer)
{
  return gst_structure_new (GST_OWL2_ALERT_NAME, "active", G_TYPE_BOOLEAN,
      answer->alert, "probability", G_TYPE_DOUBLE,
      answer->n_choices ? answer->probabilities[0] : 0, "threshold",
      G_TYPE_DOUBLE, answer->alert_threshold, "choice", G_TYPE_STRING,
      answer->n_choices ? answer->choices[0] : NULL, "id", G_TYPE_UINT64,
      answer->id, "prompt", G_TYPE_STRING, answer->prompt, "start",
      G_TYPE_UINT64, answer->start, "end", G_TYPE_UINT64, answer->end,
      "element", G_TYPE_STRING, answer->element, NULL);
}
