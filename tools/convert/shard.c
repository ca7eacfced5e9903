/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shard_private.h"
#include "files.h"
#include "half.h"
#include "halves.h"

#include <string.h>
#include <zlib.h>

/* What torch.save() wrote before version 1.6: a pickled magic number, or, long
 * before, a tar archive. */
static const guint8 legacy_magic[] = { 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
  0x20, 0x6a, 0xa8 };

#define HEAD_BYTES 262u /* enough to tell what a file is */
#define VERIFY_CHUNK (1u << 20)

void
shard_tensor_free (gpointer tensor)
{
  ShardTensor *t = tensor;

  if (!t)
    return;
  g_free (t->name);
  g_free (t->type_name);
  g_free (t);
}

ShardTensor *
shard_tensor_new (
    const Shard *shard, const char *name, ShardType type, const char *type_name)
{
  ShardTensor *t = g_new0 (ShardTensor, 1);

  t->shard = shard;
  t->name = g_strdup (name);
  t->type = type;
  t->type_name = g_strdup (type_name);
  return t;
}

guint
shard_type_bytes (ShardType type)
{
  switch (type) {
    case SHARD_F32:
      return 4;
    case SHARD_F16:
    case SHARD_BF16:
      return 2;
    case SHARD_OTHER:
      break;
  }
  return 0;
}

gboolean
shard_tensor_count (ShardTensor *t, gboolean set_strides)
{
  guint64 n = 1, stride = 1;

  for (guint d = 0; d < t->n_dims; d++)
    if (!g_uint64_checked_mul (&n, n, t->dims[d]))
      return FALSE;
  t->n_elements = n;
  t->contiguous = TRUE;
  for (guint d = t->n_dims; d-- > 0;) {
    if (set_strides)
      t->strides[d] = stride;
    else if (t->dims[d] > 1 && t->strides[d] != stride)
      t->contiguous = FALSE;
    stride *= t->dims[d];
  }
  return TRUE;
}

char *
shard_shape_text (guint n_dims, const guint64 *dims)
{
  GString *out = g_string_new ("[");

  for (guint d = 0; d < n_dims; d++)
    g_string_append_printf (
        out, "%s%" G_GUINT64_FORMAT, d ? ", " : "", dims[d]);
  g_string_append_c (out, ']');
  return g_string_free (out, FALSE);
}

void
shard_free (Shard *shard)
{
  if (!shard)
    return;
  g_clear_pointer (&shard->tensors, g_ptr_array_unref);
  g_free (shard);
}

static gboolean
is_legacy (const guint8 *head, gsize n)
{
  return (n >= 12 && head[0] == 0x80
             && memcmp (head + 2, legacy_magic, sizeof (legacy_magic)) == 0)
         || (n >= HEAD_BYTES && memcmp (head + 257, "ustar", 5) == 0);
}

Shard *
shard_new (const Owl2Input *in, GError **error)
{
  g_autoptr (Shard) shard = g_new0 (Shard, 1);
  guint8 head[HEAD_BYTES];
  gsize n = (gsize) MIN (owl2_input_size (in), HEAD_BYTES);
  gboolean ok;

  shard->in = in;
  shard->path = owl2_input_path (in);
  shard->size = owl2_input_size (in);
  shard->tensors = g_ptr_array_new_with_free_func (shard_tensor_free);
  if (!owl2_input_read (in, 0, head, n, error))
    return NULL;
  if (n < 8)
    ok = convert_bad (
        shard->path, error, "%" G_GSIZE_FORMAT " bytes are no weight file", n);
  else if (memcmp (head, "PK\3\4", 4) == 0)
    ok = shard_read_torch (shard, error);
  else if (is_legacy (head, n))
    ok = convert_bad (shard->path, error,
        "in the format of PyTorch before 1.6, which is not supported; "
        "torch.load() and torch.save() with a newer one convert it");
  else
    ok = shard_read_safetensors (shard, error);
  return ok ? g_steal_pointer (&shard) : NULL;
}

const char *
shard_path (const Shard *shard)
{
  return shard->path;
}

guint
shard_n_tensors (const Shard *shard)
{
  return shard->tensors->len;
}

const ShardTensor *
shard_tensor_at (const Shard *shard, guint i)
{
  g_return_val_if_fail (i < shard->tensors->len, NULL);
  return g_ptr_array_index (shard->tensors, i);
}

/* ---- elements --------------------------------------------------------- */

void
shard_type_decode (ShardType type, const guint8 *bytes, gsize n, float *out)
{
  g_return_if_fail (type != SHARD_OTHER);
  if (type == SHARD_F16) {
    halves_from_f16 (bytes, n, out);
  } else if (type == SHARD_BF16) {
    halves_from_bf16 (bytes, n, out);
  } else {
    for (gsize i = 0; i < n; i++) {
      guint32 bits;

      memcpy (&bits, bytes + 4 * i, 4);
      out[i] = half_bits_to_float (GUINT32_FROM_LE (bits));
    }
  }
}

/* Through the strides, by runs that lie together: the last dimension where it
 * is not strided, else single elements. Published files have no such tensor,
 * so that a call for each run does. */
static gboolean
gather (
    const ShardTensor *t, guint64 first, gsize n, guint8 *out, GError **error)
{
  guint bytes = shard_type_bytes (t->type);
  guint last = t->n_dims - 1;

  for (gsize done = 0, run; done < n; done += run) {
    guint64 index = first + done, from = 0;

    run = 1;
    if (t->strides[last] == 1)
      run = (gsize) MIN (n - done, t->dims[last] - index % t->dims[last]);
    for (guint d = t->n_dims; d-- > 0;) {
      from += index % t->dims[d] * t->strides[d];
      index /= t->dims[d];
    }
    if (!owl2_input_read (t->shard->in, t->at + from * bytes,
            out + done * bytes, run * bytes, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
shard_tensor_read (
    const ShardTensor *t, guint64 first, gsize n, guint8 *out, GError **error)
{
  guint bytes = shard_type_bytes (t->type);

  g_return_val_if_fail (bytes > 0, FALSE);
  g_return_val_if_fail (
      first <= t->n_elements && n <= t->n_elements - first, FALSE);
  if (!t->contiguous)
    return gather (t, first, n, out, error);
  return owl2_input_read (
      t->shard->in, t->at + first * bytes, out, n * bytes, error);
}

void
shard_tensor_prefetch (const ShardTensor *t, guint64 first, gsize n)
{
  guint bytes = shard_type_bytes (t->type);

  if (t->contiguous)
    owl2_input_prefetch (t->shard->in, t->at + first * bytes, n * bytes);
}

gboolean
shard_tensor_checks_itself (const ShardTensor *t)
{
  return t->crc != 0 && t->contiguous && t->at == t->storage_at
         && t->n_elements * shard_type_bytes (t->type) == t->storage_bytes;
}

gboolean
shard_tensor_compare (const ShardTensor *t, guint32 crc, GError **error)
{
  if (crc != t->crc)
    return convert_bad (t->shard->path, error,
        "tensor '%s' is damaged: checksum %08x, not %08x", t->name, crc,
        t->crc);
  return TRUE;
}

gboolean
shard_tensor_verify (const ShardTensor *t, GError **error)
{
  uLong crc = crc32 (0, NULL, 0);
  g_autofree guint8 *chunk = NULL;

  if (t->crc == 0)
    return TRUE;
  chunk = g_malloc (VERIFY_CHUNK);
  for (guint64 at = 0; at < t->storage_bytes;) {
    gsize n = (gsize) MIN (t->storage_bytes - at, VERIFY_CHUNK);

    if (!owl2_input_read (t->shard->in, t->storage_at + at, chunk, n, error))
      return FALSE;
    crc = crc32 (crc, chunk, (uInt) n);
    at += n;
  }
  return shard_tensor_compare (t, (guint32) crc, error);
}
