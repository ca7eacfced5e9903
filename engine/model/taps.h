/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the decoder shows to those who look at its stages: rows of prompts,
 * never those of generated tokens. Nothing happens where nobody looks. Else all
 * work so far is finished first. */
#ifndef OWL2_TAPS_H
#define OWL2_TAPS_H

#include "decoder.h"

G_BEGIN_DECLS

/* The first @n rows of @tensor; see owl2_exec_tap(). */
gboolean owl2_tap_rows (Owl2Exec *exec, const char *name, gint index,
    Owl2Tensor tensor, guint n, GError **error);
/* The probabilities of a layer's attention. */
gboolean owl2_tap_attention (Owl2Exec *exec, const Owl2Attention *attention,
    guint layer, GError **error);
/* The final norm and the logits of the first @n rows of b->x. */
gboolean owl2_tap_logits (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2DecoderBuffers *b, guint n, GError **error);

G_END_DECLS

#endif
