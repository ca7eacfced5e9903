/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Positions of one sequence through the decoder, as passes that are waited for.
 */
#ifndef OWL2_RUN_H
#define OWL2_RUN_H

#include "kvcache.h"

G_BEGIN_DECLS

/**
 * Owl2DecoderRun: positions that go through the layers.
 * @keys: (array length=n)
 * @rows: (array length=n) (nullable): of those that are rows of features, the
 *   width floats; NULL for tokens
 * @family: the keys that OWL2_PREFILL makes may be used by later requests
 * @language_only: language weights for every token
 * @attention: hand the attention probabilities to the tap
 */
typedef struct {
  const Owl2KvKey *keys;
  const float *const *rows;
  guint n;
  Owl2Family family;
  gboolean language_only;
  gboolean attention;
} Owl2DecoderRun;

/**
 * owl2_decoder_run: appends positions to the cache (which must have room) and
 * leaves the logits after the last one in the first row of b->logits and of
 * b->results. On failure the cache is to be forgotten.
 */
gboolean owl2_decoder_run (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2KvCache *cache, const Owl2DecoderBuffers *b, const Owl2DecoderRun *run,
    GError **error);

G_END_DECLS

#endif
