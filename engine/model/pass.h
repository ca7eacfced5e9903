/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One pass of the decoder: a table of rows, which says what each row is made
 * from, where it stands in its sequence, and where its keys and values go. Up
 * to one chunk of one sequence's prompt, or of what may come after it, and
 * tokens of other sequences, one of each, go through the layers together; none
 * depends on what is beside it.
 *
 * All that tells one pass from the next with as many rows lies in the table,
 * the list of pages and the results, which the device reads. */
#ifndef OWL2_PASS_H
#define OWL2_PASS_H

#include "replay.h"

G_BEGIN_DECLS

#define OWL2_PASS_ROWS (OWL2_DECODER_CHUNK + OWL2_PASS_DECODE)

/* Features [n][width] in F32, packed, for rows @row .. of the pass. */
typedef struct {
  guint row, n;
  OvkSlice from;
} Owl2PassCopy;

/* A copy of the logits of row @row, F32 [vocab], where those are wanted. */
typedef struct {
  guint row;
  OvkSlice to;
} Owl2PassLogits;

/**
 * Owl2PassLook: what row @row looks at, of positions @first .. @first + @n - 1
 * of its prompt.
 * @to: F32 [n]: the mean over layers and heads of the attention to each
 * @probs: see Owl2LookBuffers
 */
typedef struct {
  guint row, first, n;
  OvkSlice to, probs;
} Owl2PassLook;

/**
 * Owl2Pass:
 * @n_prefill: rows 0 .. n_prefill - 1 are of prompts: up to OWL2_PASS_RUNS
 *   runs, each of a sequence of its own and of rows one position after the one
 *   before; in all up to the buffers' chunk. OWL2_PREFILL
 * @n_decode: the rows after those; up to OWL2_PASS_DECODE. OWL2_DECODE
 * @last: the chunk ends its prompt, so that the logits of its last row are
 * wanted
 * @n_scored: the last of these rows, of which likelihoods are wanted: those of
 *   @picks
 * @attention: hand the probabilities of prefill rows to the tap
 * @rows: what kv_row says must be no other row's, and what the sequence's list
 * has for the position
 * @pages: of guint32: the lists that `pages` of the rows count in
 * @copies: of Owl2PassCopy: for rows that are OWL2_ROW_GIVEN
 * @logits: of Owl2PassLogits
 * @looks: of Owl2PassLook
 * @picks: of Owl2Pick, whose rows are the pass's, up to OWL2_PASS_PICKS
 * @likelihoods: where those go, as many and in the same order
 */
struct _Owl2Pass {
  guint n_prefill, n_decode, n_scored;
  gboolean last, attention;
  Owl2PassRow rows[OWL2_PASS_ROWS];
  GArray *pages, *copies, *logits, *picks, *looks;
  OvkSlice likelihoods;
};

void owl2_pass_init (Owl2Pass *pass);
void owl2_pass_clear (Owl2Pass *pass);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Owl2Pass, owl2_pass_clear)
/* As after owl2_pass_init(). */
void owl2_pass_reset (Owl2Pass *pass);

/* Adds a sequence's pages, in the order of its positions. Returns: their index.
 */
guint owl2_pass_add_pages (Owl2Pass *pass, const guint32 *pages, guint n);
/* Adds a row, those of OWL2_PREFILL first, of the sequence whose pages, which
 * must be there, are at @pages. Returns: it, with result 0 and nothing banned.
 */
Owl2PassRow *owl2_pass_add_row (Owl2Pass *pass, Owl2Family family,
    guint32 source, guint modality, guint position, guint pages);

/* Of token @id after row @row of the pass, which is one of those scored. */
void owl2_pass_add_pick (Owl2Pass *pass, guint row, guint32 id);

/* TRUE if all rows are of OWL2_DECODE. */
gboolean owl2_pass_decodes (const Owl2Pass *pass);
/* The rows after which a token is chosen, which lie side by side. Row @first
 * has the first row of b->logits. Returns: how many. */
guint owl2_pass_wanted (const Owl2Pass *pass, guint *first);

/**
 * owl2_pass_record: what the pass has to do: embeds, layers, and for the rows
 * that are wanted their logits in b->logits and their results in b->results,
 * or their likelihoods.
 * Records only: it may be submitted in part, and waits for nothing but for what
 * was recorded before the last submission, or where a tap looks. @pass may go
 * away afterwards. What was recorded for an earlier pass of as many generated
 * tokens alone is submitted again.
 * @replay: (nullable): where that is kept
 *
 * Errors: those of owl2_exec_step(); what was recorded is then to be abandoned,
 * and the keys of the rows are lost.
 */
gboolean owl2_pass_record (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2KvTensors *kv, const Owl2DecoderBuffers *b, const Owl2Pass *pass,
    Owl2Replay *replay, GError **error);

G_END_DECLS

#endif
