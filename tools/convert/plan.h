/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of each tensor: where it comes from, and its type. */
#ifndef OWL2_CONVERT_PLAN_H
#define OWL2_CONVERT_PLAN_H

#include "adapter.h"
#include "checkpoint.h"
#include "hfconfig.h"

G_BEGIN_DECLS

/**
 * Plan: how one tensor of the model file is made.
 * @source: (nullable): NULL is computed
 * @changes: (nullable): LowRank, added to it
 * @merge: (nullable): these in memory, while the tensor is worked on
 * @crc, @n_not_finite, @n_beyond_f16, @largest: of what was read so far
 */
typedef struct {
  const Owl2TensorSpec *spec;
  const ShardTensor *source;
  const GArray *changes;
  Merge *merge;
  Owl2Type type;
  guint32 crc;
  guint64 n_not_finite, n_beyond_f16;
  float largest;
} Plan;

/* Where the tensors are sought; @dir is named in messages. */
typedef struct {
  const Checkpoint *checkpoint;
  const Adapters *adapters;
  const HfConfig *hf;
  const char *dir;
  const Owl2Log *log;
} PlanSource;

/* (transfer full): one Plan for each of @specs, which it borrows, without a
 * type. BAD_FILE if a tensor is missing or not of its shape; tensors that
 * nobody wants are logged. */
GArray *plan_new (const PlanSource *from, const GArray *specs, GError **error);

/* The types of a file of mostly @wish; those that are not @wish are logged. */
void plan_choose_types (GArray *plans, Owl2Type wish, const Owl2Log *log);

G_END_DECLS

#endif
