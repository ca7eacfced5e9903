/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoints that are published under other names: which are of this
 * architecture and asked in a way of their own, and which only look so. */
#ifndef OWL2_CONVERT_FAMILY_H
#define OWL2_CONVERT_FAMILY_H

#include "js.h"
#include "shard.h"

G_BEGIN_DECLS

/* Fails, with the relative's name, if a config.json is one's. */
void family_check_config (Js *js);
/* The same for a tensor and for a token that was added to the vocabulary;
 * BAD_FILE. */
gboolean family_check_tensor (const ShardTensor *t, GError **error);
gboolean family_check_token (
    const char *token, const char *file, GError **error);

/* Which recipe a folder's files are made for, by what only one family's
 * config.json has, by the folder's name where it is that of a published scorer
 * (also as the download cache writes it), and by the name that the model was
 * loaded from. @config: (nullable). @why: (out) (transfer full): in words.
 *
 * Returns: (nullable): NULL: nothing says so */
const char *family_recipe (const json_t *config, const char *dir, char **why);

G_END_DECLS

#endif
