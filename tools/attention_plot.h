/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much the text of a prompt looks at its pictures, layer by layer, with and
 * without the modality-adaptive module: figures 4 and 5 of Ye et al. 2023. */
#ifndef OWL2_ATTENTION_PLOT_H
#define OWL2_ATTENTION_PLOT_H

#include "owl2.h"

G_BEGIN_DECLS

/**
 * AttentionShares: zeros are none.
 * @shares: of double: for each layer the attention to positions of frames,
 *   `vit_eos` included, of the heads and the rows of text that come after the
 *   first frame; divided by @counts it is the mean
 */
typedef struct {
  GArray *shares;
  GArray *counts;     /* of guint64: rows and heads that were added up */
  gboolean *is_frame; /* of each position */
  guint n_positions, first;
} AttentionShares;

/* An Owl2TapFunc, with attention; user_data is the AttentionShares. */
void attention_shares_tap (const char *name, char type, const gsize *shape,
    guint n_dims, guint axis, const void *data, gpointer user_data);
void attention_shares_clear (AttentionShares *s);

/* Writes both as an SVG file: shares of frames, and of text, which is the rest.
 * The numbers stand in data-shares of each line. BAD_REQUEST: there are none;
 * FAILED. */
gboolean attention_plot_write (const char *path, const AttentionShares *with,
    const AttentionShares *without, GError **error);

G_END_DECLS

#endif
