/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One weight file of a checkpoint, safetensors or PyTorch zip: its tensors,
 * checked, and read where they lie in the file. */
#ifndef OWL2_CONVERT_SHARD_H
#define OWL2_CONVERT_SHARD_H

#include "input.h"

G_BEGIN_DECLS

#define SHARD_MAX_DIMS 8u

typedef enum {
  SHARD_F32,
  SHARD_F16,
  SHARD_BF16,
  SHARD_OTHER, /* may be there, but can't be read */
} ShardType;

typedef struct _Shard Shard;

/**
 * ShardTensor:
 * @type_name: as the file calls it
 * @dims: slowest first
 * @strides: in elements
 * @at: byte of the file that element 0 begins at; all elements lie inside
 * @storage_at, @storage_bytes: what @crc (0: none) is the checksum of
 */
typedef struct {
  const Shard *shard; /* borrowed */
  char *name;
  ShardType type;
  char *type_name;
  guint n_dims;
  guint64 dims[SHARD_MAX_DIMS];
  guint64 strides[SHARD_MAX_DIMS];
  guint64 n_elements;
  gboolean contiguous;
  guint64 at;
  guint64 storage_at;
  guint64 storage_bytes;
  guint32 crc;
} ShardTensor;

/* Errors: BAD_FILE, "PATH: ...". The kind is told by the first bytes. @in is
 * borrowed and outlives the shard. */
Shard *shard_new (const Owl2Input *in, GError **error);
void shard_free (Shard *shard); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Shard, shard_free)

/* (transfer full): "[2, 3]". */
char *shard_shape_text (guint n_dims, const guint64 *dims);
/* Bytes of an element; 0 for SHARD_OTHER. */
guint shard_type_bytes (ShardType type);

const char *shard_path (const Shard *shard);
guint shard_n_tensors (const Shard *shard);
const ShardTensor *shard_tensor_at (const Shard *shard, guint i);

/* The bytes of elements [first, first + n) in row-major order, as the file has
 * them; the tensor's type is not SHARD_OTHER. BAD_FILE if they can't be read.
 * Any thread. */
gboolean shard_tensor_read (
    const ShardTensor *t, guint64 first, gsize n, guint8 *out, GError **error);
/* @n elements of those bytes, as floats. */
void shard_type_decode (
    ShardType type, const guint8 *bytes, gsize n, float *out);
/* TRUE if there is a checksum, and it is of the tensor's bytes in their order,
 * so that a reader of all of them can compute it on the way. */
gboolean shard_tensor_checks_itself (const ShardTensor *t);
gboolean shard_tensor_compare (
    const ShardTensor *t, guint32 crc, GError **error);
/* Compares the checksum of the storage, if there is one. Reads all of it. */
gboolean shard_tensor_verify (const ShardTensor *t, GError **error);
/* Tells the kernel that elements [first, first + n) are going to be read. */
void shard_tensor_prefetch (const ShardTensor *t, guint64 first, gsize n);

G_END_DECLS

#endif
