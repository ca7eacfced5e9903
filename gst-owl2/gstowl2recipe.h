/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How it is asked: what the user set, and what the recipe says where the user
 * set nothing. */
#ifndef GST_OWL2_RECIPE_H
#define GST_OWL2_RECIPE_H

#include "gstowl2settings.h"

G_BEGIN_DECLS

/* (nullable): the literal prompt with its places for the question; NULL: the
 * model's own. Valid as long as @settings, as are all that follow. */
const char *gst_owl2_recipe_template (const GstOwl2Settings *settings);
/* (nullable) */
const char *gst_owl2_recipe_answer_prefix (const GstOwl2Settings *settings);
/* Sets what of @request is to be chosen from. */
void gst_owl2_recipe_choices (
    const GstOwl2Settings *settings, Owl2Request *request);
/* Most tokens of an answer that there is to be room for. */
guint gst_owl2_recipe_max_tokens (const GstOwl2Settings *settings);

/**
 * gst_owl2_recipe_prompt:
 * @literal: the question as a part of a prompt
 * @turns: (array length=n_turns): before it, oldest first; not where there is a
 *   template, which is the whole prompt
 *
 * Returns: (transfer full): the whole literal prompt
 */
char *gst_owl2_recipe_prompt (const GstOwl2Settings *settings,
    const char *literal, const Owl2Turn *turns, guint n_turns);

/* Errors: BAD_REQUEST: what the settings ask for does not go together: a recipe
 * that there is not, with the names of those that there are, weights of another
 * number than choices, an alert without choices or that would never end.
 * @question: (nullable): somebody's, which a template needs a place for */
gboolean gst_owl2_recipe_check (
    const GstOwl2Settings *settings, const char *question, GError **error);

/* (transfer full): @settings of which nothing is asked by hand are asked by
 * @recipe (nullable), that of the model file. */
GstOwl2Settings *gst_owl2_recipe_of_model (
    GstOwl2Settings *settings, const Owl2Recipe *recipe);

G_END_DECLS

#endif
