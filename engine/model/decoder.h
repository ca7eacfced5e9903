/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language decoder: LLaMA-2 with the modality-adaptive module (Ye et al.
 * 2023, section 3.2): each row's norms, keys and values use the weights of its
 * modality; queries, output and MLP are shared. */
#ifndef OWL2_DECODER_H
#define OWL2_DECODER_H

#include "exec.h"
#include "weights.h"

G_BEGIN_DECLS

/* Rows of prompts in one pass: prompts are cut at multiples of this, counted
 * from their first position. */
#define OWL2_DECODER_CHUNK 512
/* Generated tokens in one pass, each of a sequence of its own. */
#define OWL2_PASS_DECODE 16

/* Runs of prompts' rows in one pass, each of a sequence of its own. */
#define OWL2_PASS_RUNS 16
/* Tokens of one pass whose likelihood is wanted. */
#define OWL2_PASS_PICKS OWL2_DECODER_CHUNK

/* See pass.h. */
typedef struct _Owl2Pass Owl2Pass;

/**
 * Owl2KvTensors: keys and values of all sequences, in pages of OWL2_PAGE
 * positions.
 * @type: F32, F16 or Q8_0
 * @serial: another as soon as @k and @v are in another place; of no others
 * @k, @v: [layer]: [n_pages * kv_heads * OWL2_PAGE][head_dim]
 * @rope: F32 [positions][head_dim], see owl2_op_place_qkv()
 */
typedef struct {
  Owl2Type type;
  guint n_pages;
  guint64 serial;
  Owl2Tensor *k, *v;
  Owl2Tensor rope;
} Owl2KvTensors;

/* C = OWL2_DECODER_CHUNK, or n_ctx if that is less; R = C + OWL2_PASS_DECODE.
 * Their contents belong to one pass. */
typedef struct {
  guint chunk;              /* C */
  Owl2Tensor x, h, attn;    /* [R][width] */
  Owl2Tensor qkv; /* [R][width + 2 kv_heads * head_dim], see Owl2PlaceQkv */
  Owl2Tensor gate_up;       /* [R][2 mlp] */
  Owl2Tensor logits;        /* [1 + OWL2_PASS_DECODE][vocab] */
  OvkSlice rows;            /* Owl2PassRow [R] */
  OvkSlice pages;           /* u32: as many as all runs and tokens may have */
  OvkSlice picks;           /* Owl2Pick [OWL2_PASS_PICKS] */
  OvkSlice results;         /* Owl2Result []; may be put elsewhere */
  OvkSlice scratch;         /* of one operation at a time */
} Owl2DecoderBuffers;

gboolean owl2_decoder_buffers_init (Owl2DecoderBuffers *b, OvkArena *arena,
    const Owl2Config *config, GError **error);

/* All layers for all rows of the pass; b->x holds its inputs, then its outputs.
 */
gboolean owl2_decoder_record (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2KvTensors *kv, const Owl2DecoderBuffers *b, const Owl2Pass *pass,
    GError **error);

G_END_DECLS

#endif
