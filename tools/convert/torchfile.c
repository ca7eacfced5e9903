/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PyTorch's zip format (torch.save() since 1.6): PREFIX/data.pkl describes the
 * tensors, PREFIX/data/KEY holds the bytes of a storage. */
#include "shard_private.h"
#include "files.h"
#include "pickle.h"
#include "zip.h"

#include <string.h>
#include <zlib.h>

static const struct {
  const char *name;
  ShardType type;
  guint bytes;
} types[] = {
  { "FloatStorage", SHARD_F32, 4 },
  { "HalfStorage", SHARD_F16, 2 },
  { "BFloat16Storage", SHARD_BF16, 2 },
  { "DoubleStorage", SHARD_OTHER, 8 },
  { "LongStorage", SHARD_OTHER, 8 },
  { "IntStorage", SHARD_OTHER, 4 },
  { "ShortStorage", SHARD_OTHER, 2 },
  { "CharStorage", SHARD_OTHER, 1 },
  { "ByteStorage", SHARD_OTHER, 1 },
  { "BoolStorage", SHARD_OTHER, 1 },
};

/* (transfer full): what stands before "/data.pkl". */
static char *
find_prefix (const Shard *shard, GHashTable *entries, GError **error)
{
  g_autofree char *prefix = NULL;
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, entries);
  while (g_hash_table_iter_next (&iter, &key, NULL)) {
    const char *name = key, *slash = strchr (name, '/');

    if (!slash || strcmp (slash, "/data.pkl") != 0)
      continue;
    if (prefix) {
      convert_bad (shard->path, error, "zip archive with several data.pkl");
      return NULL;
    }
    prefix = g_strndup (name, (gsize) (slash - name));
  }
  if (!prefix)
    convert_bad (
        shard->path, error, "zip archive without data.pkl is no PyTorch file");
  return g_steal_pointer (&prefix);
}

static const ZipEntry *
find_entry (GHashTable *entries, const char *prefix, const char *name)
{
  g_autofree char *path = g_strconcat (prefix, "/", name, NULL);

  return g_hash_table_lookup (entries, path);
}

/* One past the last element that the tensor uses, from the storage's start. */
static gboolean
extent (const PickleTensor *p, guint64 *end)
{
  guint64 last = p->offset;

  *end = p->offset;
  for (guint d = 0; d < p->n_dims; d++) {
    guint64 step;

    if (p->dims[d] == 0)
      return TRUE;
    if (!g_uint64_checked_mul (&step, p->dims[d] - 1, p->strides[d])
        || !g_uint64_checked_add (&last, last, step))
      return FALSE;
  }
  return g_uint64_checked_add (end, last, 1);
}

static gboolean
add_tensor (Shard *shard, const PickleTensor *p, GHashTable *entries,
    const char *prefix, GError **error)
{
  g_autofree char *name = g_strconcat ("data/", p->storage_key, NULL);
  const ZipEntry *entry = find_entry (entries, prefix, name);
  guint64 bytes, end;
  guint i = 0;
  ShardTensor *t;

  while (strcmp (types[i].name, p->storage_type) != 0)
    i++; /* pickle.c knows no others */
  if (!entry)
    return convert_bad (shard->path, error,
        "tensor '%s': the archive has no entry '%s/%s'", p->name, prefix, name);
  if (!g_uint64_checked_mul (&bytes, p->storage_elements, types[i].bytes)
      || bytes != entry->size)
    return convert_bad (shard->path, error,
        "tensor '%s': storage of %" G_GUINT64_FORMAT " elements (%s), but "
        "entry '%s' has %" G_GUINT64_FORMAT " bytes",
        p->name, p->storage_elements, p->storage_type, entry->name,
        entry->size);
  if (!extent (p, &end) || end > p->storage_elements)
    return convert_bad (shard->path, error,
        "tensor '%s' reaches beyond the %" G_GUINT64_FORMAT
        " elements of its storage",
        p->name, p->storage_elements);
  t = shard_tensor_new (shard, p->name, types[i].type, p->storage_type);
  g_ptr_array_add (shard->tensors, t);
  t->n_dims = p->n_dims;
  memcpy (t->dims, p->dims, sizeof (p->dims));
  memcpy (t->strides, p->strides, sizeof (p->strides));
  /* Strides of 0 make more elements than there are bytes, as many as you
   * like. */
  if (!shard_tensor_count (t, FALSE) || t->n_elements > p->storage_elements)
    return convert_bad (shard->path, error,
        "tensor '%s' has more elements than its storage, "
        "%" G_GUINT64_FORMAT,
        p->name, p->storage_elements);
  t->at = entry->at + p->offset * types[i].bytes;
  t->storage_at = entry->at;
  t->storage_bytes = entry->size;
  t->crc = entry->crc;
  return TRUE;
}

static gboolean
check_byte_order (
    const Shard *shard, GHashTable *entries, const char *prefix, GError **error)
{
  const ZipEntry *entry = find_entry (entries, prefix, "byteorder");
  char order[6] = "";

  if (!entry)
    return TRUE;
  if (entry->size == sizeof order
      && !owl2_input_read (shard->in, entry->at, order, sizeof order, error))
    return FALSE;
  if (memcmp (order, "little", sizeof order) != 0)
    return convert_bad (shard->path, error, "byte order is not little-endian");
  return TRUE;
}

gboolean
shard_read_torch (Shard *shard, GError **error)
{
  g_autoptr (GHashTable) entries = NULL;
  g_autoptr (GPtrArray) tensors = NULL;
  g_autofree char *prefix = NULL;
  g_autoptr (GBytes) bytes = NULL;
  const ZipEntry *pickle;
  const guint8 *data;
  gsize size;

  entries = zip_read (shard->in, error);
  if (!entries || !(prefix = find_prefix (shard, entries, error))
      || !check_byte_order (shard, entries, prefix, error))
    return FALSE;
  pickle = find_entry (entries, prefix, "data.pkl");
  bytes = owl2_input_copy (
      shard->in, pickle->at, pickle->size, PICKLE_MAX_BYTES, "pickle", error);
  if (!bytes)
    return FALSE;
  data = g_bytes_get_data (bytes, &size);
  /* The pickle is read even if its checksum is wrong: what it says is checked
   * anyway, and a refused global is better news than a wrong checksum. */
  tensors = pickle_read (data, size, shard->path, error);
  if (!tensors)
    return FALSE;
  if (pickle->crc != 0 && crc32 (0, data, (uInt) size) != pickle->crc)
    return convert_bad (shard->path, error,
        "data.pkl is damaged: checksum is "
        "not %08x",
        pickle->crc);
  for (guint i = 0; i < tensors->len; i++) {
    const PickleTensor *p = g_ptr_array_index (tensors, i);

    if (!p->storage_type) {
      ShardTensor *t =
          shard_tensor_new (shard, p->name, SHARD_OTHER, "no tensor");

      g_ptr_array_add (shard->tensors, t);
    } else if (!add_tensor (shard, p, entries, prefix, error)) {
      return FALSE;
    }
  }
  return TRUE;
}
