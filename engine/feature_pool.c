/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "feature_pool.h"

#include <math.h>

#define SLOTS_PER_BLOCK 4

struct _Owl2FeaturePool {
  guint rows, cols;
  GMutex lock; /* of all below */
  OvkArena *arena;
  GArray *free; /* OvkSlice */
};

Owl2FeaturePool *
owl2_feature_pool_new (OvkDevice *dev, guint rows, guint cols)
{
  Owl2FeaturePool *pool = g_new0 (Owl2FeaturePool, 1);

  pool->rows = rows;
  pool->cols = cols;
  g_mutex_init (&pool->lock);
  pool->arena = ovk_arena_new (
      dev, "features", SLOTS_PER_BLOCK * (gsize) rows * cols * sizeof (float));
  pool->free = g_array_new (FALSE, FALSE, sizeof (OvkSlice));
  return pool;
}

void
owl2_feature_pool_free (Owl2FeaturePool *pool)
{
  if (!pool)
    return;
  ovk_arena_free (pool->arena);
  g_array_unref (pool->free);
  g_mutex_clear (&pool->lock);
  g_free (pool);
}

guint64
owl2_feature_pool_bytes (Owl2FeaturePool *pool)
{
  return ovk_arena_bytes (pool->arena);
}

/* Never 0, and never the same twice in a process. */
static guint64
next_serial (void)
{
  static gsize last;

  return (guint64) g_atomic_pointer_add (&last, 1) + 1;
}

Owl2FeatureSlot *
owl2_feature_slot_new (Owl2FeaturePool *pool, GError **error)
{
  gsize bytes = (gsize) pool->rows * pool->cols * sizeof (float);
  Owl2FeatureSlot *slot;
  gboolean ok = TRUE;
  OvkSlice slice;

  g_mutex_lock (&pool->lock);
  if (pool->free->len) {
    slice = g_array_index (pool->free, OvkSlice, pool->free->len - 1);
    g_array_set_size (pool->free, pool->free->len - 1);
  } else {
    ok = ovk_arena_alloc (pool->arena, bytes, &slice, error);
  }
  g_mutex_unlock (&pool->lock);
  if (!ok)
    return NULL;
  slot = g_new0 (Owl2FeatureSlot, 1);
  g_atomic_ref_count_init (&slot->refs);
  slot->pool = pool;
  slot->serial = next_serial ();
  slot->slice = slice;
  return slot;
}

Owl2FeatureSlot *
owl2_feature_slot_ref (Owl2FeatureSlot *slot)
{
  g_atomic_ref_count_inc (&slot->refs);
  return slot;
}

void
owl2_feature_slot_unref (Owl2FeatureSlot *slot)
{
  Owl2FeaturePool *pool;

  if (!slot || !g_atomic_ref_count_dec (&slot->refs))
    return;
  pool = slot->pool;
  g_mutex_lock (&pool->lock);
  g_array_append_val (pool->free, slot->slice);
  g_mutex_unlock (&pool->lock);
  g_free (slot->look);
  g_free (slot);
}

Owl2Tensor
owl2_feature_slot_tensor (const Owl2FeatureSlot *slot)
{
  guint rows = slot->pool->rows, cols = slot->pool->cols;

  return (Owl2Tensor){ .slice = slot->slice,
    .type = OWL2_TYPE_F32,
    .rows = rows,
    .cols = cols,
    .stride = cols };
}

gboolean
owl2_feature_distance (const float dots[3], double *distance, GError **error)
{
  const double a = dots[0], b = dots[1], ab = dots[2];

  if (!isfinite (a) || !isfinite (b) || !isfinite (ab)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "the features of two frames can't be compared: their products are %g, "
        "%g and %g",
        a, b, ab);
    return FALSE;
  }
  if (a > 0 && b > 0)
    *distance = CLAMP (1 - ab / sqrt (a * b), 0, 2);
  else
    *distance = a > 0 || b > 0;
  return TRUE;
}
