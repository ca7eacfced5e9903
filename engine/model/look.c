/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look.h"

#include <string.h>

static gsize
row_bytes (const Owl2Config *config)
{
  return config->decoder.n_ctx * sizeof (float);
}

static gsize
frame_bytes (const Owl2Config *config)
{
  return (gsize) config->abstractor.n_queries * config->vision.grid
         * config->vision.grid * sizeof (float);
}

static gsize
probs_bytes (const Owl2Config *config)
{
  gsize Q = config->abstractor.n_queries;
  gsize row = (gsize) config->decoder.n_heads * config->decoder.n_ctx;
  gsize frame = config->abstractor.n_heads * Q * (Q + config->vision.n_tokens);

  return MAX (row, frame) * sizeof (float);
}

gboolean
owl2_look_buffers_alloc (Owl2LookBuffers *b, OvkDevice *dev,
    const Owl2Config *config, guint n_rows, guint n_frames, GError **error)
{
  gsize probs = probs_bytes (config), rows = n_rows * row_bytes (config);
  gsize frames = n_frames * frame_bytes (config);

  if (b->arena)
    return TRUE;
  b->arena = ovk_arena_new (dev, "attention", probs);
  b->results_arena =
      ovk_arena_new_results (dev, "attention, results", MAX (rows, frames));
  if (ovk_arena_alloc (b->arena, probs, &b->probs, error)
      && ovk_arena_alloc (b->results_arena, rows, &b->rows, error)
      && ovk_arena_alloc (b->results_arena, frames, &b->frames, error))
    return TRUE;
  owl2_look_buffers_clear (b);
  return FALSE;
}

void
owl2_look_buffers_clear (Owl2LookBuffers *b)
{
  g_clear_pointer (&b->arena, ovk_arena_free);
  g_clear_pointer (&b->results_arena, ovk_arena_free);
  memset (b, 0, sizeof *b);
}

static OvkSlice
part (OvkSlice all, guint i, gsize bytes)
{
  return (OvkSlice){ all.buffer, all.offset + i * bytes, bytes };
}

OvkSlice
owl2_look_row (const Owl2LookBuffers *b, const Owl2Config *config, guint i)
{
  return part (b->rows, i, row_bytes (config));
}

OvkSlice
owl2_look_frame (const Owl2LookBuffers *b, const Owl2Config *config, guint i)
{
  return part (b->frames, i, frame_bytes (config));
}

static Owl2Tensor
matrix (OvkSlice slice, guint rows, guint cols)
{
  return (Owl2Tensor){ .slice = slice,
    .type = OWL2_TYPE_F32,
    .rows = rows,
    .cols = cols,
    .stride = cols };
}

void
owl2_look_record (OvkCmd *cmd, OvkSlice out, const Owl2Attention *a,
    OvkSlice probs, guint first, guint n, float scale, gboolean add)
{
  Owl2Tensor all = matrix (probs, a->n_heads * a->n_q, a->n_k);
  Owl2Tensor seen = owl2_tensor_cols (all, first, n);
  Owl2Tensor to = matrix (out, a->n_q, n);

  owl2_op_attention_probs (cmd, &all, a);
  owl2_op_mean_heads (cmd, &to, &seen, a->n_heads, scale, add);
}
