/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The modality-adaptive module (Ye et al. 2023, section 3.2): each token's
 * norms, keys and values use the weights of its modality; queries, output and
 * MLP are shared. 0 is language, 1 is vision. */
#ifndef OWL2_MAM_H
#define OWL2_MAM_H

#include "exec.h"

G_BEGIN_DECLS

/* The modalities of the tokens at hand: as runs on the host and per token on
 * the device. */
typedef struct {
  OvkSlice device; /* u32 [capacity] */
  GArray *runs;    /* of Owl2Run */
  guint n;         /* tokens */
} Owl2Modality;

gboolean owl2_modality_init (
    Owl2Modality *m, OvkArena *arena, guint capacity, GError **error);
void owl2_modality_clear (Owl2Modality *m);
/* Sets the modalities of the next @n tokens and records their upload. */
void owl2_modality_record (
    Owl2Modality *m, OvkCmd *cmd, const guint32 *modality, guint n);

/* RMSNorm with w[modality]. */
void owl2_mam_norm (OvkCmd *cmd, const Owl2Tensor *out, const Owl2Tensor *x,
    const Owl2Tensor w[2], const Owl2Modality *m, float eps);
/* K or V projection with w[modality]. */
void owl2_mam_project (OvkCmd *cmd, Owl2Family family, const Owl2Tensor *out,
    const Owl2Tensor *x, const Owl2Tensor w[2], const Owl2Modality *m);

G_END_DECLS

#endif
