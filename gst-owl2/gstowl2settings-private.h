/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings as properties: gstowl2properties.c declares them to GObject, and
 * gstowl2recipe.c those of recipes and choices; gstowl2settings.c has where
 * each lies and what it is at first. Nobody else includes this. */
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
  PROP_IMAGE_MODE,
  PROP_WHEN_BUSY,
  PROP_MAX_QUEUE_TIME,
  PROP_MAX_QUEUE_BYTES,
  PROP_EOS_TIMEOUT,
  PROP_SCENE_THRESHOLD,
  PROP_MIN_INTERVAL,
  PROP_MAX_INTERVAL,
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
  PROP_LOOK,
  PROP_RECIPE,
  PROP_TEMPLATE,
  PROP_ANSWER_PREFIX,
  PROP_CHOICES,
  PROP_CHOICE_WEIGHTS,
  PROP_ALERT_THRESHOLD,
  PROP_ALERT_HYSTERESIS,
  N_PROPS
} SettingsProp;

#define DEFAULT_INTERVAL GST_SECOND
#define DEFAULT_FRAMES 1
#define DEFAULT_MAX_TOKENS 128
#define DEFAULT_MAX_QUEUE_TIME (2 * GST_SECOND)
#define DEFAULT_MAX_QUEUE_BYTES (256 * 1024 * 1024)
#define DEFAULT_EOS_TIMEOUT (2 * GST_SECOND)
#define DEFAULT_SCENE_THRESHOLD 0.15
#define DEFAULT_MIN_INTERVAL (GST_SECOND / 2)
#define DEFAULT_ALERT_HYSTERESIS 0.1

G_STATIC_ASSERT (N_PROPS <= 64); /* bits of `by_hand` */

#define FLAGS_PLAYING                                                          \
  (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)

void gst_owl2_settings_set_first_id (guint id);

/* ---- gstowl2recipe.c ---------------------------------------------------- */

void gst_owl2_recipe_install (GObjectClass *klass, guint first_id);
/* Finds the recipe that is asked by, and fills in the numbers that the user did
 * not set: after each change. */
void gst_owl2_recipe_apply (GstOwl2Settings *settings);
/* Of PROP_CHOICES and PROP_CHOICE_WEIGHTS: arrays. get() gives those in force.
 */
void gst_owl2_recipe_set_array (
    GstOwl2Settings *settings, guint prop, const GValue *value);
void gst_owl2_recipe_get_array (
    const GstOwl2Settings *settings, guint prop, GValue *value);

G_END_DECLS

#endif
