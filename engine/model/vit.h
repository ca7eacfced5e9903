/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vision encoder: a ViT with class token, a LayerNorm before and after,
 * and quick-GELU (Ye et al. 2023, section 3.1; CLIP's ViT-L/14 at full size).
 * Patches of one to four frames in, features of all their tokens out: those of
 * a frame are the same to the bit alone and among others. */
#ifndef OWL2_VIT_H
#define OWL2_VIT_H

#include "exec.h"
#include "weights.h"

G_BEGIN_DECLS

/* Rows of all frames that there is room for, frame by frame, of each
 * T = 1 + grid * grid tokens. */
typedef struct {
  Owl2Tensor x, h; /* [n T][width] */
  Owl2Tensor qkv;  /* [n T][3 * width] */
  Owl2Tensor attn; /* [n T][width] */
  Owl2Tensor mlp;  /* [n T][mlp] */
} Owl2VitBuffers;

/* Room for @n_frames. */
gboolean owl2_vit_buffers_alloc (Owl2VitBuffers *b, OvkArena *arena,
    const Owl2Config *config, guint n_frames, GError **error);

/* @patches: [n_frames * grid * grid][3 * patch * patch], or more rows; the
 * result is the first n_frames * T rows of b->h. */
gboolean owl2_vit_record (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2VitBuffers *b, const Owl2Tensor *patches, guint n_frames,
    GError **error);

G_END_DECLS

#endif
