/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model, and how it is asked: which frames of a video, with which prompt. */
#ifndef OWL2_ASKER_H
#define OWL2_ASKER_H

#include "options.h"

G_BEGIN_DECLS

/**
 * Asker: zeros are none.
 * @recipe: (nullable): the one that was named, or else the file's own where
 *   nothing is asked
 * @n_frames: of a clip; 0: one a second, at most @max_frames
 * @choices, @weights: (nullable): of @n_choices; borrowed
 */
typedef struct {
  const AskOptions *options;
  Owl2Model *model;
  VideoModel video;
  const Owl2Recipe *recipe;
  guint n_frames, max_frames;
  const char *const *choices;
  const double *weights;
  guint n_choices;
  Owl2Sampling sampling;
} Asker;

/* Loads the model and makes room for what is to be asked. */
gboolean asker_open (Asker *a, const AskOptions *options, GError **error);
void asker_clear (Asker *a);

/* Which frames of @video are wanted. BAD_REQUEST: it has no end. */
gboolean asker_want (
    const Asker *a, Video *video, VideoWant *want, GError **error);

/* (transfer none): what is asked where nobody asks anything. */
const char *asker_default_question (const Asker *a, guint n_frames);

/**
 * asker_ask:
 * @features: of each frame
 * @history: (array length=n_history): earlier questions and answers, the oldest
 *   first; those are left out, from the oldest on, that there is no room for
 * @on_token: (nullable)
 *
 * Returns: (transfer full)
 */
Owl2Answer *asker_ask (const Asker *a, GPtrArray *features,
    const char *question, const Owl2Turn *history, guint n_history,
    Owl2TokenFunc on_token, GError **error);

/* Image places of a recipe's template, 1 without a recipe. */
guint asker_n_places (const Owl2Recipe *recipe);

G_END_DECLS

#endif
