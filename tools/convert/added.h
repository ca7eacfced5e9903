/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokens that transformers keeps beside tokenizer.model. */
#ifndef OWL2_CONVERT_ADDED_H
#define OWL2_CONVERT_ADDED_H

#include "folder.h"

G_BEGIN_DECLS

/**
 * AddedToken:
 * @file: that says so
 * @special: no word of the text: left out where ids become text
 */
typedef struct {
  char *content, *file;
  gint64 id;
  gboolean special;
} AddedToken;

/* (transfer full): AddedToken of added_tokens.json and of
 * tokenizer_config.json, by rising ids, none twice. The latter says what is
 * special; of a token that only the former has, special_tokens_map.json does,
 * or its brackets, as in
 * "[PAD]". BAD_FILE where two files differ, and where tokenizer_config.json
 * asks for another handling of text than the model's. */
GPtrArray *added_read (Folder *folder, GError **error);

G_END_DECLS

#endif
