/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys and values of one sequence's tokens so far, kept between tokens, in
 * pages 0, 1, .. in the order of positions. */
#ifndef OWL2_KVCACHE_H
#define OWL2_KVCACHE_H

#include "decoder.h"

G_BEGIN_DECLS

/**
 * Owl2KvKey: what a position was made from.
 * @frame: serial number of a frame's features, or 0: a token
 * @index: the token's id, or the row of the features
 */
typedef struct {
  guint64 frame;
  guint32 index;
} Owl2KvKey;

typedef struct {
  const Owl2Weights *weights; /* borrowed */
  OvkArena *arena;
  guint capacity; /* positions that fit */
  guint n;        /* positions filled */
  GArray *keys;   /* Owl2KvKey, of the first of them: the prompt's */
  Owl2KvTensors kv;
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
 * owl2_kvcache_begin: makes sure that @n_positions fit, and keeps of those that
 * are there the longest run from the first on that equals @prompt, but not its
 * last position, whose logits are wanted. Only what the prefill kernels made is
 * kept, so that the answer is the same to the bit as from an empty cache.
 * Memory grows in steps and is kept; when it grows, all is forgotten.
 * @prompt: (array length=n_prompt): the positions of the new prompt
 *
 * Errors: NO_MEMORY, and BAD_REQUEST if a binding can't hold as many, with the
 * numbers; then all is forgotten.
 */
gboolean owl2_kvcache_begin (Owl2KvCache *cache, const Owl2KvKey *prompt,
    guint n_prompt, guint n_positions, GError **error);
/* The next @n positions of a prompt have been computed from @keys. */
void owl2_kvcache_append (Owl2KvCache *cache, const Owl2KvKey *keys, guint n);
void owl2_kvcache_forget (Owl2KvCache *cache);

G_END_DECLS

#endif
