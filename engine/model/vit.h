/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vision encoder: a ViT with class token, a LayerNorm before and after,
 * and quick-GELU (Ye et al. 2023, section 3.1; CLIP's ViT-L/14 at full size).
 * Patches of one frame in, features of all its tokens out. */
#ifndef OWL2_VIT_H
#define OWL2_VIT_H

#include "exec.h"
#include "weights.h"

G_BEGIN_DECLS

/* T = 1 + grid * grid tokens. */
typedef struct {
  Owl2Tensor x, h; /* [T][width] */
  Owl2Tensor qkv;  /* [T][3 * width] */
  Owl2Tensor attn; /* [T][width] */
  Owl2Tensor mlp;  /* [T][mlp] */
} Owl2VitBuffers;

gboolean owl2_vit_buffers_alloc (Owl2VitBuffers *b, OvkArena *arena,
    const Owl2Config *config, GError **error);

/* @patches: [grid * grid][3 * patch * patch]; the result is b->h. */
gboolean owl2_vit_record (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2VitBuffers *b, const Owl2Tensor *patches, GError **error);

G_END_DECLS

#endif
