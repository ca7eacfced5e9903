/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language decoder: LLaMA-2 with the modality-adaptive module. */
#ifndef OWL2_DECODER_H
#define OWL2_DECODER_H

#include "kvcache.h"
#include "mam.h"

G_BEGIN_DECLS

/* Tokens in one pass of the layers: prompts are cut at multiples of this,
 * counted from their first position. */
#define OWL2_DECODER_CHUNK 512

/* C = OWL2_DECODER_CHUNK, or n_ctx if that is less. */
typedef struct {
  guint chunk;              /* C */
  Owl2Tensor x, h, q, attn; /* [C][width] */
  Owl2Tensor k, v;          /* [C][kv_heads * head_dim] */
  Owl2Tensor gate, up;      /* [C][mlp] */
  Owl2Tensor last;          /* [1][width]: after the final norm */
  Owl2Tensor logits;        /* [1][vocab] */
  OvkSlice ids;             /* u32 [C] */
  OvkSlice argmax;          /* Owl2Argmax */
  Owl2Modality modality;
} Owl2DecoderBuffers;

gboolean owl2_decoder_buffers_init (Owl2DecoderBuffers *b, OvkArena *arena,
    const Owl2Config *config, GError **error);
void owl2_decoder_buffers_clear (Owl2DecoderBuffers *b);

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
 * leaves the logits after the last one in b->logits and b->argmax. On failure
 * the cache is to be forgotten.
 */
gboolean owl2_decoder_run (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2KvCache *cache, Owl2DecoderBuffers *b, const Owl2DecoderRun *run,
    GError **error);

G_END_DECLS

#endif
