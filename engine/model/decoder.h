/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language decoder: LLaMA-2 with the modality-adaptive module. */
#ifndef OWL2_DECODER_H
#define OWL2_DECODER_H

#include "kvcache.h"
#include "mam.h"

G_BEGIN_DECLS

/* Tokens in one pass of the layers: prompts are fed in chunks of this. */
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
 * Owl2Embedding: one position of a prompt: a token, or a row of a frame.
 * @id: token id, or -1
 * @row: (nullable): width floats, if @id is -1
 */
typedef struct {
  gint32 id;
  const float *row;
} Owl2Embedding;

/**
 * owl2_decoder_run: appends @n positions to the cache (which must have room)
 * and leaves the logits after the last one in b->logits and b->argmax.
 * @language_only: language weights for every token
 * @attention: hand the attention probabilities to the tap
 */
gboolean owl2_decoder_run (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2KvCache *cache, Owl2DecoderBuffers *b, const Owl2Embedding *inputs,
    guint n, gboolean language_only, gboolean attention, GError **error);

G_END_DECLS

#endif
