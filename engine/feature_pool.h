/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames' features on the device: slots of a pool, counted, that clips and
 * questions share. They are written and read by submissions of one queue, in
 * order, so a slot may be taken again as soon as nobody holds it. */
#ifndef OWL2_FEATURE_POOL_H
#define OWL2_FEATURE_POOL_H

#include "ops.h"

G_BEGIN_DECLS

typedef struct _Owl2FeaturePool Owl2FeaturePool;

/**
 * Owl2FeatureSlot: one frame's rows.
 * @serial: by which the KV pool knows them; not 0, and never the same twice in
 *   a process
 * @look: (nullable): of owl2_maps_frame(): set once, before the slot is handed
 *   on
 */
typedef struct {
  gatomicrefcount refs;
  Owl2FeaturePool *pool; /* borrowed: it outlives its slots */
  guint64 serial;
  OvkSlice slice; /* F32 [rows][cols] */
  float *look;
} Owl2FeatureSlot;

Owl2FeaturePool *owl2_feature_pool_new (OvkDevice *dev, guint rows, guint cols);
void owl2_feature_pool_free (Owl2FeaturePool *pool); /* accepts NULL */
/* Memory on the device. Any thread. */
guint64 owl2_feature_pool_bytes (Owl2FeaturePool *pool);

/* A slot with undefined contents; NO_MEMORY. Any thread, as the next two. */
Owl2FeatureSlot *owl2_feature_slot_new (Owl2FeaturePool *pool, GError **error);
Owl2FeatureSlot *owl2_feature_slot_ref (Owl2FeatureSlot *slot);
void owl2_feature_slot_unref (Owl2FeatureSlot *slot); /* accepts NULL */
/* The slot as a matrix. */
Owl2Tensor owl2_feature_slot_tensor (const Owl2FeatureSlot *slot);

/* The cosine distance of a and b, 0 to 2, by the products a a, b b and a b. A
 * vector of zeros is at 0 from its like and at 1 from others. FAILED if a
 * product is no number. */
gboolean owl2_feature_distance (
    const float dots[3], double *distance, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2FeatureSlot, owl2_feature_slot_unref)

G_END_DECLS

#endif
