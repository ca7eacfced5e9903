/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From answers to figures, and to the files that official scorers read. */
#ifndef OWL2_EVAL_SCORE_H
#define OWL2_EVAL_SCORE_H

#include "forms.h"

G_BEGIN_DECLS

/**
 * eval_score:
 * @answers: one for each question, in their order
 *
 * Returns: (transfer full): an object of figures; percentages have two digits,
 * what can't be computed (a correlation with a constant) is null. BAD_FILE:
 * of annotations.
 */
json_t *eval_score (const EvalSet *set, const json_t *answers, GError **error);

/* Writes into @folder `answers.jsonl`, all answers; `predictions.json` or
 * `.jsonl`, in the form's own form; `results.json`, @settings and @scores.
 * Their bytes depend on the arguments alone. */
gboolean eval_write (const char *folder, const EvalSet *set,
    const json_t *answers, json_t *settings, json_t *scores, GError **error);

/* (transfer full): a line "name value" for each figure. */
char *eval_scores_describe (const json_t *scores);

G_END_DECLS

#endif
