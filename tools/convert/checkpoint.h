/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The weights of a checkpoint directory: all tensors of all its shards. */
#ifndef OWL2_CONVERT_CHECKPOINT_H
#define OWL2_CONVERT_CHECKPOINT_H

#include "folder.h"
#include "shard.h"

G_BEGIN_DECLS

typedef struct _Checkpoint Checkpoint;

/* Finds the shards through an index, or by their published names; refuses a
 * tensor that is in two of them. @folder is borrowed and outlives it. */
Checkpoint *checkpoint_open (
    Folder *folder, const Owl2Log *log, GError **error);
void checkpoint_free (Checkpoint *ck); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Checkpoint, checkpoint_free)

/* Borrowed; NULL if there is none of that name. */
const ShardTensor *checkpoint_find (const Checkpoint *ck, const char *name);
/* (transfer container): ShardTensor, sorted by name. */
GPtrArray *checkpoint_tensors (const Checkpoint *ck);

G_END_DECLS

#endif
