/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where an answer looks, from the device: attention of rows to positions of
 * their prompt, and of a frame's queries to its patches, each the mean over
 * heads and layers. The host makes maps of both, see engine/maps.h. Only rows
 * and frames that want it are looked at, by dispatches of their own beside all
 * others, which stay what they are. */
#ifndef OWL2_LOOK_H
#define OWL2_LOOK_H

#include "ops.h"
#include "weights.h"

G_BEGIN_DECLS

/**
 * Owl2LookBuffers: zeros are none.
 * @probs: F32: the probabilities of a layer of one row, or of one frame
 * @rows: F32 [n][n_ctx], which the host reads
 * @frames: F32 [n][n_queries][grid * grid], likewise
 */
typedef struct {
  OvkArena *arena, *results_arena;
  OvkSlice probs, rows, frames;
} Owl2LookBuffers;

/* Room for @n_rows and @n_frames; nothing where there is some. NO_MEMORY. */
gboolean owl2_look_buffers_alloc (Owl2LookBuffers *b, OvkDevice *dev,
    const Owl2Config *config, guint n_rows, guint n_frames, GError **error);
void owl2_look_buffers_clear (Owl2LookBuffers *b);
/* One of either. */
OvkSlice owl2_look_row (
    const Owl2LookBuffers *b, const Owl2Config *config, guint i);
OvkSlice owl2_look_frame (
    const Owl2LookBuffers *b, const Owl2Config *config, guint i);

/**
 * owl2_look_record: out [n_q][n] = scale * the sum over heads of the
 * probabilities of keys @first .. @first + @n - 1; with @add that is added to
 * what is there.
 * @a: as for owl2_op_attention_probs()
 * @probs: scratch
 */
void owl2_look_record (OvkCmd *cmd, OvkSlice out, const Owl2Attention *a,
    OvkSlice probs, guint first, guint n, float scale, gboolean add);

G_END_DECLS

#endif
