/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer that is one of some choices: their tokens as rows of passes, which
 * stand behind the prompt as if each choice were its end, and what comes of
 * them.
 *
 * The probability of a first token is that after the prompt's last row. Of each
 * further one it is that after the row of the token before it. These rows are
 * of OWL2_PREFILL, in a run for each choice, with pages of its own: a copy of
 * the prompt's last page, if that is not full, and what follows. So they are
 * equal to the bit to those of the prompt with the choice written behind it.
 * Choices that have pages at the same time are a group; the next one takes the
 * same pages. */
#ifndef OWL2_CHOICES_H
#define OWL2_CHOICES_H

#include "engine_private.h"
#include "kvpool.h"

G_BEGIN_DECLS

/* Pages of a group, unless one choice has more. */
#define OWL2_CHOICES_PAGES OWL2_PASS_RUNS

/**
 * Owl2Choice:
 * @group: number of its group, from 0 on
 * @page: its first page, among those of the group
 * @log_p: sum over its tokens that were taken in
 */
typedef struct {
  char *text;
  GArray *ids; /* gint32 */
  guint group, page;
  double log_p;
} Owl2Choice;

/**
 * Owl2Choices: zeros are none. Used by one thread at a time.
 * @n_positions: of the prompt
 * @n_pages: of the largest group
 * @at, @row: the choice, and the row of it, that comes next; @at is @n when all
 *   rows are on their way
 * @n_taken: likelihoods that are there, in the order that they are asked for
 * @n_tokens: of all choices
 */
typedef struct {
  guint n;
  Owl2Choice *all;
  double *weights; /* (nullable) */
  guint n_positions, n_pages;
  guint at, row;
  guint n_taken, n_tokens;
} Owl2Choices;

/**
 * owl2_choices_init: any thread.
 * @n_ctx: positions, of which the prompt takes @n_positions
 *
 * Errors: BAD_REQUEST with the numbers, naming the choice. Either way it is to
 * be cleared.
 */
gboolean owl2_choices_init (Owl2Choices *choices,
    const Owl2Tokenizer *tokenizer, const Owl2Request *request,
    guint n_positions, guint n_ctx, GError **error);
void owl2_choices_clear (Owl2Choices *choices);
/* Tokens of the longest choice; more than @most without a look at them where
 * that is sure. */
guint owl2_choices_longest (
    const Owl2Tokenizer *tokenizer, const Owl2Request *request, guint most);

/* With the prompt's last row, which is the pass's last: the first tokens. */
void owl2_choices_pick_first (const Owl2Choices *choices, Owl2Pass *pass);
/* Whether rows are to come. */
gboolean owl2_choices_have_rows (const Owl2Choices *choices);
/* Before the rows of a group: the copies of the prompt's last page. */
void owl2_choices_record_copies (const Owl2Choices *choices, Owl2KvPool *pool,
    const Owl2KvSequence *kv, OvkCmd *cmd);
/* Makes the next rows the pass's first, at most @chunk. @kv: the prompt's
 * pages, then @n_pages more. */
void owl2_choices_fill (const Owl2Choices *choices, Owl2Pass *pass,
    const Owl2KvSequence *kv, guint chunk);
/* @n rows are under way. */
void owl2_choices_fed (Owl2Choices *choices, guint n);

/* Takes in @n likelihoods. Returns: the number of logits of the first of them
 * that are no numbers, else 0. */
guint owl2_choices_take (
    Owl2Choices *choices, const Owl2Likelihood *likelihoods, guint n);
gboolean owl2_choices_done (const Owl2Choices *choices);
/* The answer's text, ids, confidence, probabilities and score. */
void owl2_choices_answer (const Owl2Choices *choices, Owl2Answer *answer);

G_END_DECLS

#endif
