/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The visual abstractor: learnable queries that look at a frame's features
 * through cross-attention, and a linear layer to the decoder's width (Ye et
 * al. 2023, section 3.1; the layer's formulas stand in the .c file). */
#ifndef OWL2_ABSTRACTOR_H
#define OWL2_ABSTRACTOR_H

#include "exec.h"
#include "weights.h"

G_BEGIN_DECLS

/* Q queries, T vision tokens. */
typedef struct {
  Owl2Tensor x, h, t, q_in, q, attn; /* [Q][width] */
  Owl2Tensor kv, k_in, k, v;         /* [Q + T][width] */
  Owl2Tensor gate, up, act, norm;    /* [Q][mlp] */
  Owl2Tensor out;                    /* [Q + 1][decoder width] */
} Owl2AbstractorBuffers;

gboolean owl2_abstractor_buffers_alloc (Owl2AbstractorBuffers *b,
    OvkArena *arena, const Owl2Config *config, GError **error);

/* @vision: [T][width]; the result is b->out, `vit_eos` its last row. */
gboolean owl2_abstractor_record (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2AbstractorBuffers *b, const Owl2Tensor *vision, GError **error);

G_END_DECLS

#endif
