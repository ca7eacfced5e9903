/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The visual abstractor: learnable queries that look at a frame's features
 * through cross-attention, and a linear layer to the decoder's width (Ye et
 * al. 2023, section 3.1; the layer's formulas stand in the .c file). */
#ifndef OWL2_ABSTRACTOR_H
#define OWL2_ABSTRACTOR_H

#include "exec.h"
#include "weights.h"

G_BEGIN_DECLS

/* Rows of all frames that there is room for, frame by frame; of each Q queries
 * and T vision tokens. */
typedef struct {
  Owl2Tensor x, h, t, q_in, q, attn; /* [n Q][width] */
  Owl2Tensor kv, k_in, k, v;         /* [n (Q + T)][width] */
  Owl2Tensor gate, up, act, norm;    /* [n Q][mlp] */
  Owl2Tensor out;                    /* [n (Q + 1)][decoder width] */
} Owl2AbstractorBuffers;

/* Room for @n_frames. */
gboolean owl2_abstractor_buffers_alloc (Owl2AbstractorBuffers *b,
    OvkArena *arena, const Owl2Config *config, guint n_frames, GError **error);

/**
 * Owl2AbstractorLook: where the queries of some frames look.
 * @to: (array): of each frame F32 [Q][grid * grid]: the mean over layers and
 *   heads of a query's attention to each patch, that to the class token and to
 *   queries left out; without buffer: not of this one
 * @probs: see Owl2LookBuffers
 */
typedef struct {
  const OvkSlice *to;
  OvkSlice probs;
} Owl2AbstractorLook;

/* @vision: [n_frames * T][width], or more rows; the result is the first
 * n_frames * (Q + 1) rows of b->out, `vit_eos` the last row of each. A frame's
 * are the same to the bit alone and among others. @look: (nullable) */
gboolean owl2_abstractor_record (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2AbstractorBuffers *b, const Owl2Tensor *vision, guint n_frames,
    const Owl2AbstractorLook *look, GError **error);

G_END_DECLS

#endif
