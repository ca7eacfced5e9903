/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a browser may change of the element. On the main loop's thread. */
#ifndef OWL2_LIVE_SETTINGS_H
#define OWL2_LIVE_SETTINGS_H

#include <gst/gst.h>
#include <jansson.h>

#include "owl2.h"

G_BEGIN_DECLS

/* (transfer full): @text of a browser, if it has 1 to @max characters that can
 * be shown. BAD_REQUEST, with @what it is. */
char *settings_text (
    const json_t *text, const char *what, guint max, GError **error);

/**
 * settings_apply: sets properties of @owl2 as @settings, an object, says.
 * @model: (nullable): which tells whether choices can be told apart
 * @prompt: (inout) (nullable): what was asked for, in its own words
 *
 * BAD_REQUEST, with nothing changed.
 */
gboolean settings_apply (GstElement *owl2, Owl2Model *model,
    const json_t *settings, char **prompt, GError **error);

/* Adds what is in force to @to: prompt, choices, weights, look. @prompt:
 * (nullable): as of settings_apply() */
void settings_describe (GstElement *owl2, const char *prompt, json_t *to);

G_END_DECLS

#endif
