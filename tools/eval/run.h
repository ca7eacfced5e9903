/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks what has no answer yet. */
#ifndef OWL2_EVAL_RUN_H
#define OWL2_EVAL_RUN_H

#include "ledger.h"

G_BEGIN_DECLS

/**
 * EvalAnswerFunc:
 *
 * Returns: (transfer full): an object with "text" and whatever else is to be
 * written down of the answer
 */
typedef json_t *(*EvalAnswerFunc) (const EvalSet *set, const EvalItem *item,
    gpointer user_data, GError **error);

/**
 * eval_run: until all of the ledger's questions have an answer, or a signal
 * (program_signal), then CANCELLED. Says on standard error how far it is: on a
 * terminal always, else every half minute.
 */
gboolean eval_run (const EvalSet *set, Ledger *ledger, EvalAnswerFunc answer,
    gpointer user_data, GError **error);

G_END_DECLS

#endif
