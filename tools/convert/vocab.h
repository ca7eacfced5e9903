/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tokenizer as the model file has it: tokenizer.model, completed to the
 * size of the embedding, and ids that all files agree on. */
#ifndef OWL2_CONVERT_VOCAB_H
#define OWL2_CONVERT_VOCAB_H

#include "hfconfig.h"
#include "spmodel.h"

G_BEGIN_DECLS

/* Checks @tokenizer against the configuration and the added tokens, which
 * become control pieces, and fills it up with unused pieces. */
gboolean vocab_complete (SpModel *tokenizer, const HfConfig *hf, Folder *folder,
    const Owl2Log *log, GError **error);
/* The keys tokenizer.ggml.*. */
void vocab_write (
    const SpModel *tokenizer, const HfConfig *hf, Owl2GgufWriter *writer);

G_END_DECLS

#endif
