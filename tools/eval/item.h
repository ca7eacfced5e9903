/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A data set in memory, whatever form it came in. */
#ifndef OWL2_EVAL_ITEM_H
#define OWL2_EVAL_ITEM_H

#include <jansson.h>

#include "base.h"

G_BEGIN_DECLS

/* Each has a letter. */
#define EVAL_MAX_OPTIONS 26

/**
 * EvalItem: a question.
 * @id: as the data set has it, a string or an integer
 * @media: (nullable): the picture or video it is about, as the data set names
 *   it; NULL and no @picture: it is about none
 * @picture: (nullable): base64 of it, where the data set brings it along: a
 *   GRefString, which items about the same picture share
 * @question: what goes to the place of the question in the prompt
 * @plain: (nullable): the question alone, where @question has more to it
 * @answer: (nullable): the right one
 * @type: (nullable): what answers are also counted by
 * @options: (nullable) (NULL-terminated): the texts of A, B, ..
 * @value: the opinion of people
 */
typedef struct {
  json_t *id;
  char *media;
  char *picture;
  char *question;
  char *plain;
  char *answer;
  char *type;
  char **options;
  double value;
} EvalItem;

void eval_item_free (EvalItem *item); /* accepts NULL */

/**
 * EvalKind: how a question is put, and its answer judged.
 * @EVAL_WORDS: text, the right answer or not
 * @EVAL_VQA: text, by the answers of ten people
 * @EVAL_YES_NO: text, yes or no
 * @EVAL_COUNT: text, a number
 * @EVAL_LETTER: text, the letter of an option
 * @EVAL_LIKELIEST: the letter that is likeliest
 * @EVAL_VALUE: the score of a recipe with weights
 */
typedef enum {
  EVAL_WORDS,
  EVAL_VQA,
  EVAL_YES_NO,
  EVAL_COUNT,
  EVAL_LETTER,
  EVAL_LIKELIEST,
  EVAL_VALUE,
} EvalKind;

typedef struct _EvalForm EvalForm;

/**
 * EvalSet:
 * @form: borrowed
 * @path: of the file with the questions
 * @answers: (nullable): file with the right answers, where it is another one
 * @media: folder that pictures and videos are in
 * @sha256: of the file with the questions
 * @items: (element-type EvalItem)
 */
typedef struct {
  const EvalForm *form;
  EvalKind kind;
  char *path;
  char *answers;
  char *media;
  char *sha256;
  GPtrArray *items;
} EvalSet;

void eval_set_free (EvalSet *set); /* accepts NULL */

/* Borrowed. */
static inline const EvalItem *
eval_set_item (const EvalSet *set, guint64 i)
{
  return set->items->pdata[i];
}

/* (transfer full): the file of an item's picture or video. BAD_FILE: there is
 * none. */
char *eval_set_find (const EvalSet *set, const EvalItem *item, GError **error);

/* (transfer full): what of it the answers depend on: its form, the file's hash
 * and how many questions are taken. */
json_t *eval_set_settings (const EvalSet *set);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EvalItem, eval_item_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EvalSet, eval_set_free)

G_END_DECLS

#endif
