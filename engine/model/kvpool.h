/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and values of the decoder, in pages of OWL2_PAGE positions that
 * sequences share: the pages of prompts are kept in a tree, by what their
 * positions were made from, and a new prompt takes over the longest path that
 * equals it. Only what the prefill kernels made is kept, so that an answer is
 * the same to the bit as from an empty pool. What nobody uses goes when room is
 * wanted, the least recently used first.
 *
 * One thread at a time, but for owl2_kvpool_new() and what is asked before any
 * request. */
#ifndef OWL2_KVPOOL_H
#define OWL2_KVPOOL_H

#include "pass.h"
#include "weights.h"

G_BEGIN_DECLS

/**
 * Owl2KvKey: what a position was made from.
 * @frame: serial number of a frame's features, or 0: a token
 * @index: the token's id, or the row of the features
 */
typedef struct {
  guint64 frame;
  guint32 index;
} Owl2KvKey;

typedef struct _Owl2KvPool Owl2KvPool;
typedef struct _Owl2KvNode Owl2KvNode;

/**
 * Owl2KvSequence: the pages of one request. Zeros are one that has none.
 * @pages: guint32, the page of positions OWL2_PAGE * i ..
 * @n_reused: the first positions, whose keys and values are there already
 */
typedef struct {
  GArray *pages;
  guint n_reused;
  /* The pool's own. */
  GPtrArray *nodes; /* Owl2KvNode in use: of the first pages, which are kept */
  Owl2KvNode *from; /* (nullable) in use: its page is to be copied */
  Owl2KvNode *root;
  gboolean apart; /* others have what comes next: nothing more is kept */
} Owl2KvSequence;

/**
 * owl2_kvpool_new: takes no memory of the device yet, but for the rotary table.
 * @type: Q8_0 only if head_dim is a multiple of 32
 * @budget: bytes that kept pages and those in use may take; more only if one
 *   request needs it. 0: room for two contexts, but no more than a quarter of
 *   what the device has free
 */
Owl2KvPool *owl2_kvpool_new (
    const Owl2Weights *weights, Owl2Type type, guint64 budget, GError **error);
void owl2_kvpool_free (Owl2KvPool *pool); /* accepts NULL */

Owl2Type owl2_kvpool_type (const Owl2KvPool *pool);
/* Valid until the next owl2_kvpool_begin(). */
const Owl2KvTensors *owl2_kvpool_tensors (const Owl2KvPool *pool);

/* F32 if the decoder's keys are made by F32 weights, else F16. */
Owl2Type owl2_kvpool_auto_type (const Owl2Weights *weights);
/* Memory of the device that @n_positions take. */
guint64 owl2_kvpool_bytes (
    const Owl2Weights *weights, Owl2Type type, guint n_positions);
/* What it has on the device now, the rotary table included. Any thread. */
guint64 owl2_kvpool_taken (Owl2KvPool *pool);

typedef enum {
  OWL2_KV_READY,
  OWL2_KV_BUSY, /* as soon as another sequence ends, try again */
  OWL2_KV_FAILED,
} Owl2KvState;

/**
 * owl2_kvpool_begin: pages for @n_positions, of which the first are those of
 * kept prompts as far as they equal @prompt, but for its last position, whose
 * logits are wanted.
 * @tree: 0 or 1: prompts of different trees are never taken for equal
 * @prompt: (array length=n_prompt)
 * @cold: nothing is taken over
 * @patient: pages are about to be given back, so that it is BUSY rather than
 *   that others go or memory is taken
 *
 * Errors: NO_MEMORY, and BAD_REQUEST if a binding can't hold as many, with the
 * numbers.
 */
Owl2KvState owl2_kvpool_begin (Owl2KvPool *pool, Owl2KvSequence *seq,
    guint tree, const Owl2KvKey *prompt, guint n_prompt, guint n_positions,
    gboolean cold, gboolean patient, GError **error);
/* To be recorded before the first pass of @seq: what of a kept page is taken
 * over, if a part of it is. */
void owl2_kvpool_record_copy (
    Owl2KvPool *pool, const Owl2KvSequence *seq, OvkCmd *cmd);
/* Records that page @from of @seq, counted in its positions, is copied to page
 * @to, which is its own. */
void owl2_kvpool_record_page (Owl2KvPool *pool, const Owl2KvSequence *seq,
    guint to, guint from, OvkCmd *cmd);
/* The device has computed the first @n positions of @prompt (@whole: all of
 * it), and the copy. */
void owl2_kvpool_keep (Owl2KvPool *pool, Owl2KvSequence *seq,
    const Owl2KvKey *prompt, guint n, gboolean whole);
/* Gives the pages back; what was kept stays. Accepts one that has none. */
void owl2_kvpool_end (Owl2KvPool *pool, Owl2KvSequence *seq);
/* Pages kept, and pages that sequences use alone, for tests of the bounds. */
void owl2_kvpool_count (const Owl2KvPool *pool, guint *n_kept, guint *n_alone);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2KvPool, owl2_kvpool_free)

G_END_DECLS

#endif
