/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shard_private.h"
#include "files.h"
#include "half.h"
#include "halves.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

/* What torch.save() wrote before version 1.6: a pickled magic number, or, long
 * before, a tar archive. */
static const guint8 legacy_magic[] = { 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
  0x20, 0x6a, 0xa8 };

#define VERIFY_CHUNK (16u << 20)

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

void
shard_free (Shard *shard)
{
  if (!shard)
    return;
  g_clear_pointer (&shard->tensors, g_ptr_array_unref);
  g_clear_pointer (&shard->bytes, g_bytes_unref);
  g_free (shard->path);
  g_free (shard);
}

static gboolean
is_legacy (const Shard *shard)
{
  return (shard->size >= 12 && shard->data[0] == 0x80
             && memcmp (shard->data + 2, legacy_magic, sizeof (legacy_magic))
                    == 0)
         || (shard->size >= 262 && memcmp (shard->data + 257, "ustar", 5) == 0);
}

Shard *
shard_new (GBytes *bytes, const char *path, GError **error)
{
  g_autoptr (Shard) shard = g_new0 (Shard, 1);
  gboolean ok;

  shard->path = g_strdup (path);
  shard->bytes = g_bytes_ref (bytes);
  shard->data = g_bytes_get_data (bytes, &shard->size);
  shard->tensors = g_ptr_array_new_with_free_func (shard_tensor_free);
  if (shard->size < 8)
    ok = convert_bad (path, error,
        "%" G_GSIZE_FORMAT " bytes are no weight file", shard->size);
  else if (memcmp (shard->data, "PK\3\4", 4) == 0)
    ok = shard_read_torch (shard, error);
  else if (is_legacy (shard))
    ok = convert_bad (path, error,
        "in the format of PyTorch before 1.6, which is not supported; "
        "torch.load() and torch.save() with a newer one convert it");
  else
    ok = shard_read_safetensors (shard, error);
  return ok ? g_steal_pointer (&shard) : NULL;
}

Shard *
shard_open (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = convert_map_file (path, G_MAXSSIZE, error);
  Shard *shard = bytes ? shard_new (bytes, path, error) : NULL;

  if (shard)
    shard->is_mapping = TRUE;
  return shard;
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

/* Data may lie at any address: entries of a zip are not aligned. */
static float
element (ShardType type, const guint8 *p)
{
  guint32 bits = 0;
  guint16 half = 0;

  if (type == SHARD_F32) {
    memcpy (&bits, p, 4);
    return half_bits_to_float (GUINT32_FROM_LE (bits));
  }
  memcpy (&half, p, 2);
  half = GUINT16_FROM_LE (half);
  return type == SHARD_F16 ? half_from_f16 (half) : half_from_bf16 (half);
}

void
shard_tensor_read (const ShardTensor *t, guint64 first, gsize n, float *out)
{
  guint bytes = shard_type_bytes (t->type);

  g_return_if_fail (bytes > 0);
  g_return_if_fail (first <= t->n_elements && n <= t->n_elements - first);
  if (t->contiguous) {
    const guint8 *p = t->data + first * bytes;

    if (t->type == SHARD_F16)
      halves_from_f16 (p, n, out);
    else if (t->type == SHARD_BF16)
      halves_from_bf16 (p, n, out);
    else
      for (gsize i = 0; i < n; i++)
        out[i] = element (t->type, p + i * bytes);
    return;
  }
  for (gsize i = 0; i < n; i++) {
    guint64 index = first + i, at = 0;

    for (guint d = t->n_dims; d-- > 0;) {
      at += index % t->dims[d] * t->strides[d];
      index /= t->dims[d];
    }
    out[i] = element (t->type, t->data + at * bytes);
  }
}

const guint8 *
shard_tensor_bytes (const ShardTensor *t, guint64 first, gsize n, gsize *size)
{
  guint bytes = shard_type_bytes (t->type);

  g_return_val_if_fail (bytes > 0, NULL);
  g_return_val_if_fail (
      first <= t->n_elements && n <= t->n_elements - first, NULL);
  *size = n * bytes;
  return t->contiguous ? t->data + first * bytes : NULL;
}

/* The whole pages of a mapped file that lie in a range. A failure costs time
 * or memory only. */
static void
advise (const Shard *shard, const guint8 *p, gsize n_bytes, int advice)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  guintptr begin = (guintptr) p / page * page;
  guintptr end = ((guintptr) p + n_bytes) / page * page;

  if (shard->is_mapping && end > begin)
    madvise ((void *) begin, end - begin, advice);
}

/* Pages of a mapped file come back when touched; other memory would not. */
static void
release (const Shard *shard, const guint8 *p, gsize n_bytes)
{
  advise (shard, p, n_bytes, MADV_DONTNEED);
}

void
shard_tensor_prefetch (const ShardTensor *t, guint64 first, gsize n)
{
  guint bytes = shard_type_bytes (t->type);

  if (t->contiguous)
    advise (t->shard, t->data + first * bytes, n * bytes, MADV_WILLNEED);
}

void
shard_tensor_release (const ShardTensor *t, guint64 first, gsize n)
{
  guint bytes = shard_type_bytes (t->type);

  if (t->contiguous)
    release (t->shard, t->data + first * bytes, n * bytes);
  else
    release (t->shard, t->storage, t->storage_bytes);
}

gboolean
shard_tensor_checks_itself (const ShardTensor *t)
{
  return t->crc != 0 && t->contiguous && t->data == t->storage
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

  if (t->crc == 0)
    return TRUE;
  for (gsize at = 0; at < t->storage_bytes;) {
    gsize n = MIN (t->storage_bytes - at, VERIFY_CHUNK);

    crc = crc32 (crc, t->storage + at, (uInt) n);
    release (t->shard, t->storage + at, n);
    at += n;
  }
  return shard_tensor_compare (t, (guint32) crc, error);
}
