/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checkpoint directory: every file of it is opened here, once, and stays open
 * until the end, when all are compared with what they were. */
#ifndef OWL2_CONVERT_FOLDER_H
#define OWL2_CONVERT_FOLDER_H

#include "input.h"

G_BEGIN_DECLS

typedef struct _Folder Folder;

/* BAD_FILE if @dir is no directory, or plainly something else than a
 * checkpoint: a LoRA adapter alone or beside weights, a training checkpoint in
 * pieces, a download cache. */
Folder *folder_new (const char *dir, GError **error);
/* The folder of a LoRA adapter; BAD_FILE if it plainly is none. */
Folder *folder_new_adapter (const char *dir, GError **error);
void folder_free (Folder *folder); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Folder, folder_free)

const char *folder_path (const Folder *folder);
/* TRUE if there is something of that name, be it a link to nothing. */
gboolean folder_has (const Folder *folder, const char *name);
/* (transfer container): names that begin and end so, sorted; to be freed with
 * the strings. */
GPtrArray *folder_list (
    const Folder *folder, const char *prefix, const char *suffix);
/* Borrowed until the folder is freed. */
const Owl2Input *folder_open (Folder *folder, const char *name, GError **error);
/* (transfer full): all of a file, in memory. */
GBytes *folder_read (
    Folder *folder, const char *name, guint64 max_bytes, GError **error);
/* BAD_FILE if a file that was opened is the one at @out. */
gboolean folder_check_apart (
    const Folder *folder, const char *out, GError **error);
/* BAD_FILE if a file that was opened has changed since. */
gboolean folder_check (const Folder *folder, GError **error);

G_END_DECLS

#endif
