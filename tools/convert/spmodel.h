/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tokenizer.model: a SentencePiece model (protocol buffer ModelProto of
 * sentencepiece_model.proto). */
#ifndef OWL2_CONVERT_SPMODEL_H
#define OWL2_CONVERT_SPMODEL_H

#include "folder.h"

G_BEGIN_DECLS

typedef struct {
  GPtrArray *pieces;                     /* char *, owned; UTF-8 */
  GArray *scores;                        /* float */
  GArray *types;                         /* gint32, numbers of SentencePiece */
  gint32 unk_id, bos_id, eos_id, pad_id; /* pad_id: -1 if there is none */
} SpModel;

/* Accepts what a LLaMA tokenizer is: BPE with byte fallback, no
 * normalisation, a dummy prefix. Everything else is BAD_FILE. */
SpModel *spmodel_parse (
    const guint8 *data, gsize size, const char *file, GError **error);
/* The file tokenizer.model. */
SpModel *spmodel_load (Folder *folder, GError **error);
void spmodel_free (SpModel *model); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SpModel, spmodel_free)

G_END_DECLS

#endif
