/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_CONVERT_SHARD_PRIVATE_H
#define OWL2_CONVERT_SHARD_PRIVATE_H

#include "shard.h"

G_BEGIN_DECLS

struct _Shard {
  const Owl2Input *in; /* borrowed */
  const char *path;    /* of it */
  guint64 size;        /* of it */
  GPtrArray *tensors;  /* ShardTensor, owned */
};

/* (transfer full) */
ShardTensor *shard_tensor_new (const Shard *shard, const char *name,
    ShardType type, const char *type_name);
void shard_tensor_free (gpointer tensor);
/* Sets n_elements, and contiguous strides if @set_strides; FALSE, without an
 * error, if the number of elements overflows. */
gboolean shard_tensor_count (ShardTensor *t, gboolean set_strides);

/* Fill shard->tensors. */
gboolean shard_read_safetensors (Shard *shard, GError **error);
gboolean shard_read_torch (Shard *shard, GError **error);

G_END_DECLS

#endif
