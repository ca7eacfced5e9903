/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One answer in the making: a prompt whose positions go through passes chunk by
 * chunk, then token after token, or what its choices have behind it. It forms
 * rows of passes and takes their
 * results; when, and beside whom, is the scheduler's. */
#ifndef OWL2_SEQUENCE_H
#define OWL2_SEQUENCE_H

#include "choices.h"
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
 * @look: it is to say where it looks
 * @last_result: entry of the results ring with the newest token in flight
 * @ended: no token is wanted any more
 */
typedef struct {
  Owl2KvPool *kvpool; /* borrowed */
  Owl2KvSequence kv;  /* without pages until it is admitted */
  guint n_prompt, n_max, n_reused;
  guint n_fed, n_asked, in_flight;
  guint32 last_result;
  gboolean look;
  gboolean by_host; /* the host chooses tokens, from all logits */
  gboolean ended;
  gboolean cold;
  gint64 start_us, prefilled_us, end_us; /* monotonic; 0: not yet */

  /* Its own. */
  Owl2Tokenizer *tokenizer; /* borrowed */
  const char *driver;       /* borrowed, for messages */
  guint n_vocab, width, n_queries, grid;
  guint tree;
  gboolean language_only;
  gboolean truncated;
  Owl2Choices choices; /* n is 0: tokens are chosen */
  GArray *prompt;    /* gint32: ids, OWL2_IMAGE_ID for the place */
  GArray *keys;      /* Owl2KvKey: the prompt's positions */
  GPtrArray *frames; /* Owl2FeatureSlot */
  guint look_first, n_look; /* positions from the first frame's to the last's */
  double *looked;           /* [n_look]: attention, summed over tokens */
  Owl2Sampling sampling;
  Owl2TokenFunc on_token;
  gpointer user_data;
  Owl2Sampler *sampler; /* (nullable): with choices */
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
 * BAD_REQUEST. @placed: (out) (optional): whether its image places are those
 * that the frames want */
gboolean owl2_sequence_count (const Owl2Model *model, guint n_ctx,
    const char *prompt, guint n_frames, guint max_tokens, guint *n_positions,
    gboolean *placed, GError **error);

/* Positions that it has pages for, those of its choices included. */
guint owl2_sequence_n_positions (const Owl2Sequence *seq);

/* Whether it has rows for a pass now: of the prompt or the choices behind it,
 * or a token's. */
gboolean owl2_sequence_can_prefill (const Owl2Sequence *seq);
gboolean owl2_sequence_can_decode (const Owl2Sequence *seq);
/* What is to be done before the rows that owl2_sequence_prefill() makes: copies
 * of pages that others had, or that several go on from. */
void owl2_sequence_record_copies (const Owl2Sequence *seq, OvkCmd *cmd);
/**
 * owl2_sequence_prefill: makes the next positions of the prompt, up to a
 * multiple of @chunk, the pass's first rows, or after those the rows of
 * choices.
 * @result: entry of the results ring for the first token, if the prompt ends
 *   with them and one is to be chosen
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
/* Has the pass look at where row @row, of this sequence, looks. */
void owl2_sequence_look (const Owl2Sequence *seq, Owl2Pass *pass, guint row,
    OvkSlice to, OvkSlice probs);
/* What it found, of the oldest token that was asked for, before that is taken:
 * F32 [n_look]. */
void owl2_sequence_looked (Owl2Sequence *seq, const float *attention);
/**
 * owl2_sequence_took: the oldest token that was asked for is there.
 * @top: the result
 * @logits: (nullable): [vocab], where the host chooses
 *
 * Returns: FALSE with FAILED if that is no number
 */
gboolean owl2_sequence_took (Owl2Sequence *seq, const Owl2Result *top,
    const float *logits, GError **error);
/* The oldest @n likelihoods that were asked for are there. Returns: FALSE with
 * FAILED if they are no numbers. */
gboolean owl2_sequence_scored (Owl2Sequence *seq,
    const Owl2Likelihood *likelihoods, guint n, GError **error);
/* (transfer full): once it has ended. */
Owl2Answer *owl2_sequence_answer (const Owl2Sequence *seq);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Sequence, owl2_sequence_free)

G_END_DECLS

#endif
