/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published forms of data sets: how each is read, asked, and what its
 * official scorer reads. */
#ifndef OWL2_EVAL_FORMS_H
#define OWL2_EVAL_FORMS_H

#include <stdio.h>

#include "item.h"

G_BEGIN_DECLS

/**
 * EvalForm: a row for each.
 * @what: one line for people
 * @file: (nullable): its questions, where a folder is given; NULL: a file is
 *   to be given
 * @answers: (nullable): the file beside them with the right answers
 * @kind: that of most; a file may be of another
 * @video: it is about videos
 * @load: fills @set's items from @bytes
 * @lines: predictions are JSON lines, else one JSON array
 * @predict: (nullable): (transfer full): what the official scorer reads of an
 *   item and its answer, a line of an answers file
 */
struct _EvalForm {
  const char *name;
  const char *what;
  const char *file;
  const char *answers;
  EvalKind kind;
  gboolean video;
  gboolean (*load) (EvalSet *set, GBytes *bytes, GError **error);
  gboolean lines;
  json_t *(*predict) (
      const EvalSet *set, const EvalItem *item, const json_t *answer);
};

/* (nullable) */
const EvalForm *eval_form_find (const char *name);
/* (transfer full): a line for each, for --help. */
char *eval_forms_describe (void);

/**
 * eval_set_load:
 * @path: a file, or a folder with files of the published names
 * @answers: (nullable): instead of the form's own
 * @media: (nullable): folder of pictures and videos; NULL: that of the file
 * @limit: take the first ones only; 0: all
 *
 * BAD_FILE, naming the file and the line or record.
 */
EvalSet *eval_set_load (const EvalForm *form, const char *path,
    const char *answers, const char *media, guint64 limit, GError **error);

/* Of a form's load(): one for each shape of file. */
gboolean eval_load_msrvtt (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_msvd (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_questions (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_tgif (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_vqa (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_pope (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_mmbench (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_choices (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_quality (EvalSet *set, GBytes *bytes, GError **error);

G_END_DECLS

#endif
