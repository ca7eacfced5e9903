/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How questions are put to a model, and the model. */
#ifndef OWL2_EVAL_ASKER_H
#define OWL2_EVAL_ASKER_H

#include "common.h"
#include "item.h"

G_BEGIN_DECLS

/* What is looked at of a video where nobody says else. The authors published
 * no script for videos. */
#define ASKER_FRAMES 8

/**
 * AskerWay: how; strings are borrowed.
 * @recipe: (nullable): its name
 * @template: the literal prompt
 * @question: (nullable): where an item has none of its own
 * @prefix, @choices, @weights, @n_choices: of an Owl2Request
 * @letters: the choices are the letters of an item's options instead
 * @mode: how pictures become square
 * @n_frames: of a video; 0: one a second
 */
typedef struct {
  const char *recipe;
  const char *template;
  const char *question;
  const char *prefix;
  const char *const *choices;
  const double *weights;
  guint n_choices;
  gboolean letters;
  Owl2ImageMode mode;
  guint n_frames;
  guint max_tokens, min_tokens;
} AskerWay;

/* The published way for the set's kind, or that of @recipe (nullable); for
 * scores that of @model (nullable), a file, if it was made for one.
 * BAD_REQUEST: there is no such recipe, or it is of no use for that kind. */
gboolean asker_way_find (AskerWay *way, const EvalSet *set, const char *recipe,
    const char *model, GError **error);
/* (transfer full): flat, all of it. */
json_t *asker_way_settings (const AskerWay *way);

/**
 * asker_model_print: (transfer full): what tells a model file from others
 * without reading all of it: its size, and the SHA-256 of its first MiB and of
 * 1024 pieces of 4 KiB, spread evenly. BAD_FILE.
 * @path: (nullable): NULL: the embedded model
 */
char *asker_model_print (const char *path, GError **error);

typedef struct _Asker Asker;

/* Loads the model. @way is borrowed. @keep_going: pictures and videos that are
 * missing or damaged are written down as such, not an error. */
Asker *asker_new (const CommonOptions *options, const AskerWay *way,
    gboolean keep_going, GError **error);
void asker_free (Asker *asker); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Asker, asker_free)

/* An EvalAnswerFunc: "text", and with choices "probabilities" and "score"; or
 * an empty text and "error". The picture or video of the last question is kept
 * for the next one. */
json_t *asker_answer (
    const EvalSet *set, const EvalItem *item, gpointer asker, GError **error);

G_END_DECLS

#endif
