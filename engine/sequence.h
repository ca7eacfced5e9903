/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One answer in the making: a prompt whose positions go through passes chunk by
 * chunk, then token after token. It forms rows of passes and takes their
 * results; when, and beside whom, is the scheduler's. */
#ifndef OWL2_SEQUENCE_H
#define OWL2_SEQUENCE_H

#include "engine_private.h"
#include "feature_pool.h"
#include "kvpool.h"

G_BEGIN_DECLS

/**
 * Owl2Sequence: used by one thread at a time.
 * @n_reused: positions whose keys and values were there
 * @n_fed: positions that were handed to the device, those included
 * @n_asked: tokens whose choice was
 * @in_flight: passes with rows of it that are not done
 * @last_result: entry of the results ring with the newest token in flight
 * @ended: no token is wanted any more
 */
typedef struct {
  Owl2KvPool *kvpool; /* borrowed */
  Owl2KvSequence kv;  /* without pages until it is admitted */
  guint n_prompt, n_max, n_reused;
  guint n_fed, n_asked, in_flight;
  guint32 last_result;
  gboolean by_host; /* the host chooses tokens, from all logits */
  gboolean ended;
  gboolean cold;
  gint64 start_us, prefilled_us, end_us; /* monotonic; 0: not yet */

  /* Its own. */
  Owl2Tokenizer *tokenizer; /* borrowed */
  const char *driver;       /* borrowed, for messages */
  guint n_vocab, width;
  guint tree;
  gboolean language_only;
  gboolean truncated;
  GArray *prompt;    /* gint32: ids, OWL2_IMAGE_ID for the place */
  GArray *keys;      /* Owl2KvKey: the prompt's positions */
  GPtrArray *frames; /* Owl2FeatureSlot */
  Owl2Sampling sampling;
  Owl2TokenFunc on_token;
  gpointer user_data;
  Owl2Sampler *sampler;
  Owl2Detokenizer *detokenizer;
  GString *piece;         /* text that became complete */
  GArray *ids;            /* gint32: chosen so far */
  double log_probability; /* sum over the chosen tokens */
} Owl2Sequence;

/**
 * owl2_sequence_new: checks and tokenizes the request, on any thread.
 * @slots: (array length=request->n_frames): references are taken
 * @n_ctx: positions
 *
 * Errors: BAD_REQUEST with the numbers, NO_MEMORY.
 */
Owl2Sequence *owl2_sequence_new (Owl2Model *model, Owl2KvPool *kvpool,
    guint n_ctx, gboolean language_only, const Owl2Request *request,
    Owl2FeatureSlot *const *slots, GError **error);
/* Its pages were given back before. Accepts NULL. */
void owl2_sequence_free (Owl2Sequence *seq);

/* Positions that a request with @prompt takes with its answer of @max_tokens;
 * BAD_REQUEST. */
gboolean owl2_sequence_count (const Owl2Model *model, guint n_ctx,
    const char *prompt, guint n_frames, guint max_tokens, guint *n_positions,
    GError **error);

/* Whether it has rows for a pass now: of the prompt, or a token's. */
gboolean owl2_sequence_can_prefill (const Owl2Sequence *seq);
gboolean owl2_sequence_can_decode (const Owl2Sequence *seq);
/**
 * owl2_sequence_prefill: makes the next positions of the prompt, up to a
 * multiple of @chunk, the pass's first rows.
 * @result: entry of the results ring for the first token, if the prompt ends
 *   with them
 */
void owl2_sequence_prefill (
    const Owl2Sequence *seq, Owl2Pass *pass, guint chunk, guint32 result);
/* Appends the row of the newest token, whose successor goes to @result. */
void owl2_sequence_decode (
    const Owl2Sequence *seq, Owl2Pass *pass, guint32 result);
/* @n rows of it are under way; with @asked, the last one's token, to @result.
 */
void owl2_sequence_fed (
    Owl2Sequence *seq, guint n, gboolean asked, guint32 result);
/**
 * owl2_sequence_took: the oldest token that was asked for is there.
 * @top: the result
 * @logits: (nullable): [vocab], where the host chooses
 *
 * Returns: FALSE with FAILED if that is no number
 */
gboolean owl2_sequence_took (Owl2Sequence *seq, const Owl2Result *top,
    const float *logits, GError **error);
/* (transfer full): once it has ended. */
Owl2Answer *owl2_sequence_answer (const Owl2Sequence *seq);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Sequence, owl2_sequence_free)

G_END_DECLS

#endif
