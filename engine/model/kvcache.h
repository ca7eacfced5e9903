/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and values of the decoder's tokens so far, kept between tokens: for each
 * layer and K/V head the positions in order, so that attention to a head reads
 * one run of memory. */
#ifndef OWL2_KVCACHE_H
#define OWL2_KVCACHE_H

#include "weights.h"

G_BEGIN_DECLS

typedef struct {
  const Owl2Weights *weights; /* borrowed */
  Owl2Type type;              /* F32, F16 or Q8_0 */
  OvkArena *arena;
  guint capacity;    /* positions that fit */
  guint n;           /* positions filled */
  Owl2Tensor *k, *v; /* [layer]: [kv_heads * capacity][head_dim] */
  Owl2Tensor rope;   /* [capacity][head_dim], F32: cos, then sin */
} Owl2KvCache;

/* Takes no memory of the device yet. @type: Q8_0 only if head_dim is a multiple
 * of 32. */
void owl2_kvcache_init (
    Owl2KvCache *cache, const Owl2Weights *weights, Owl2Type type);
void owl2_kvcache_clear (Owl2KvCache *cache);

/* F32 if the decoder's keys are made by F32 weights, else F16. */
Owl2Type owl2_kvcache_auto_type (const Owl2Weights *weights);

/* Memory of the device that a cache of at least @n_positions takes. */
guint64 owl2_kvcache_bytes (const Owl2KvCache *cache, guint n_positions);

/**
 * owl2_kvcache_reset: forgets all positions and makes sure that @n_positions
 * fit. Memory grows in steps and is kept. Errors: NO_MEMORY and UNSUPPORTED
 * with the numbers.
 */
gboolean owl2_kvcache_reset (
    Owl2KvCache *cache, guint n_positions, GError **error);

G_END_DECLS

#endif
