/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and values of the decoder's tokens so far, kept between tokens. */
#ifndef OWL2_KVCACHE_H
#define OWL2_KVCACHE_H

#include "weights.h"

G_BEGIN_DECLS

typedef struct {
  const Owl2Weights *weights; /* borrowed */
  OvkArena *arena;
  guint capacity;    /* positions that fit */
  guint n;           /* positions filled */
  Owl2Tensor *k, *v; /* [layer]: [capacity][kv_heads * head_dim] */
  Owl2Tensor rope;   /* [capacity][head_dim]: cos, then sin */
} Owl2KvCache;

void owl2_kvcache_init (Owl2KvCache *cache, const Owl2Weights *weights);
void owl2_kvcache_clear (Owl2KvCache *cache);

/**
 * owl2_kvcache_reset: forgets all positions and makes sure that @n_positions
 * fit. Memory grows in steps and is kept. Errors: NO_MEMORY with the numbers.
 */
gboolean owl2_kvcache_reset (
    Owl2KvCache *cache, guint n_positions, GError **error);

G_END_DECLS

#endif
