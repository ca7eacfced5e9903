/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings as properties: gstowl2properties.c declares them to GObject,
 * gstowl2settings.c has where each lies and what it is at first. Nobody else
 * includes this. */
#ifndef GST_OWL2_SETTINGS_PRIVATE_H
#define GST_OWL2_SETTINGS_PRIVATE_H

#include "gstowl2settings.h"

G_BEGIN_DECLS

/* Added to the first id given to gst_owl2_settings_install(). */
typedef enum {
  PROP_PROMPT,
  PROP_TRIGGER,
  PROP_INTERVAL,
  PROP_FRAMES,
  PROP_SPAN,
  PROP_WHEN_BUSY,
  PROP_EOS_TIMEOUT,
  PROP_TEXT_TIME,
  PROP_MAX_AGE,
  PROP_HISTORY,
  PROP_MAX_TOKENS,
  PROP_MIN_TOKENS,
  PROP_TEMPERATURE,
  PROP_TOP_K,
  PROP_TOP_P,
  PROP_REPETITION_PENALTY,
  PROP_SEED,
  PROP_PARTIAL,
  N_PROPS
} SettingsProp;

#define DEFAULT_INTERVAL GST_SECOND
#define DEFAULT_FRAMES 1
#define DEFAULT_MAX_TOKENS 128
#define DEFAULT_EOS_TIMEOUT (2 * GST_SECOND)

void gst_owl2_settings_set_first_id (guint id);

G_END_DECLS

#endif
