/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a dispatch is for, as far as that makes its pipeline: enough to do the
 * same once more on little data, see trial.h. */
#ifndef OWL2_SUBJECT_H
#define OWL2_SUBJECT_H

#include "kernels.h"

G_BEGIN_DECLS

typedef enum {
  OWL2_OP_NONE, /* of no model */
  OWL2_OP_ADD,
  OWL2_OP_ARGMAX,
  OWL2_OP_ATTENTION,
  OWL2_OP_ATTENTION_PROBS,
  OWL2_OP_COPY,
  OWL2_OP_COUNT_BAD,
  OWL2_OP_EMBED,
  OWL2_OP_LAYERNORM,
  OWL2_OP_LIKELIHOOD,
  OWL2_OP_MATMUL,
  OWL2_OP_MEAN_HEADS,
  OWL2_OP_PATCHIFY,
  OWL2_OP_PLACE_QKV,
  OWL2_OP_POOLED_DOTS,
  OWL2_OP_RESIZE,
  OWL2_OP_RESIZE_ALONG,
  OWL2_OP_RESIZE_LANES,
  OWL2_OP_RMSNORM,
  OWL2_OP_SWIGLU,
  OWL2_OP_TO_RGB,
  OWL2_OP_TURN,
  OWL2_N_OPS,
} Owl2Op;

/**
 * Owl2Subject:
 * @kernel: matmul: the one that was picked, for @work
 * @type: of a table, or of keys and values
 * @rows, @cols: of what is computed; cols of heads: their width
 * @n_keys: attention: most that a query sees
 * @flag: rmsnorm: weights by modality; attention: in pages; resize: vertical;
 *   resize_lanes: down
 * @other: resize: packed RGB; resize_lanes: there is a window
 */
typedef struct {
  Owl2Op op;
  Owl2Family family;
  const Owl2Kernel *kernel; /* a constant */
  Owl2Work work;
  Owl2Type type;
  guint rows, cols, n_keys;
  gboolean flag, other;
} Owl2Subject;
G_STATIC_ASSERT (sizeof (Owl2Subject) <= OVK_MAX_WHAT);

/* owl2_explain (cmd, OWL2_OP_X, .cols = ..): what is recorded next. */
#define owl2_explain(cmd, ...)                                                 \
  ovk_cmd_explain (                                                            \
      cmd, &(const Owl2Subject){ __VA_ARGS__ }, sizeof (Owl2Subject))

G_END_DECLS

#endif
