/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* safetensors: length of the header (8 bytes), JSON header, tensor data; as
 * described in the README of the safetensors repository. */
#include "shard_private.h"
#include "files.h"
#include "json.h"

#include <string.h>

/* The full-size model's header has 110 KB. */
#define MAX_HEADER (4u << 20)

static const struct {
  const char *name;
  ShardType type;
  guint bytes;
} types[] = {
  { "F32", SHARD_F32, 4 },
  { "F16", SHARD_F16, 2 },
  { "BF16", SHARD_BF16, 2 },
  { "F64", SHARD_OTHER, 8 },
  { "I64", SHARD_OTHER, 8 },
  { "U64", SHARD_OTHER, 8 },
  { "I32", SHARD_OTHER, 4 },
  { "U32", SHARD_OTHER, 4 },
  { "I16", SHARD_OTHER, 2 },
  { "U16", SHARD_OTHER, 2 },
  { "I8", SHARD_OTHER, 1 },
  { "U8", SHARD_OTHER, 1 },
  { "BOOL", SHARD_OTHER, 1 },
  { "F8_E5M2", SHARD_OTHER, 1 },
  { "F8_E4M3", SHARD_OTHER, 1 },
};

/* An array of at most @max non-negative integers. */
static gboolean
read_numbers (const json_t *object, const char *member, guint max,
    guint64 *values, guint *n)
{
  const json_t *list = json_object_get (object, member);

  if (!json_is_array (list) || json_array_size (list) > max)
    return FALSE;
  *n = (guint) json_array_size (list);
  for (guint i = 0; i < *n; i++) {
    const json_t *item = json_array_get (list, i);

    if (!json_is_integer (item) || json_integer_value (item) < 0)
      return FALSE;
    values[i] = (guint64) json_integer_value (item);
  }
  return TRUE;
}

static gboolean
read_tensor (Shard *shard, const char *name, const json_t *entry,
    guint64 data_at, GError **error)
{
  g_autofree char *safe = NULL;
  const char *dtype;
  guint64 offsets[2], bytes;
  guint n_offsets, i, n_types = G_N_ELEMENTS (types);
  ShardTensor *t;

  if (!convert_is_name (name, strlen (name))) {
    safe = convert_quote (name, strlen (name));
    return convert_bad (
        shard->path, error, "tensor name '%s' is not printable", safe);
  }
  dtype = json_string_value (json_object_get (entry, "dtype"));
  if (!dtype)
    return convert_bad (shard->path, error,
        "tensor '%s' has no element type in the header", name);
  for (i = 0; i < n_types; i++)
    if (strcmp (types[i].name, dtype) == 0)
      break;
  if (i == n_types) {
    safe = convert_quote (dtype, strlen (dtype));
    return convert_bad (shard->path, error,
        "tensor '%s' has unknown element type '%s'", name, safe);
  }
  t = shard_tensor_new (shard, name, types[i].type, types[i].name);
  g_ptr_array_add (shard->tensors, t);
  if (!read_numbers (entry, "shape", SHARD_MAX_DIMS, t->dims, &t->n_dims)
      || !read_numbers (entry, "data_offsets", 2, offsets, &n_offsets)
      || n_offsets != 2)
    return convert_bad (shard->path, error,
        "tensor '%s' has no proper shape and offsets in the header", name);
  if (offsets[0] > offsets[1] || offsets[1] > shard->size - data_at)
    return convert_bad (shard->path, error,
        "tensor '%s' lies at bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
        " of the data, which has %" G_GUINT64_FORMAT,
        name, offsets[0], offsets[1], shard->size - data_at);
  if (!shard_tensor_count (t, TRUE)
      || !g_uint64_checked_mul (&bytes, t->n_elements, types[i].bytes)
      || bytes != offsets[1] - offsets[0])
    return convert_bad (shard->path, error,
        "tensor '%s': shape and type %s do not give the %" G_GUINT64_FORMAT
        " bytes it has",
        name, types[i].name, offsets[1] - offsets[0]);
  t->at = t->storage_at = data_at + offsets[0];
  t->storage_bytes = bytes;
  return TRUE;
}

static int
compare_tensors (gconstpointer a, gconstpointer b)
{
  const ShardTensor *x = *(ShardTensor *const *) a;
  const ShardTensor *y = *(ShardTensor *const *) b;

  if (x->at != y->at)
    return (x->at > y->at) - (x->at < y->at);
  return (x->storage_bytes > y->storage_bytes)
         - (x->storage_bytes < y->storage_bytes);
}

static gboolean
check_overlap (Shard *shard, GError **error)
{
  GPtrArray *tensors = shard->tensors;

  g_ptr_array_sort (tensors, compare_tensors);
  for (guint i = 1; i < tensors->len; i++) {
    const ShardTensor *a = g_ptr_array_index (tensors, i - 1);
    const ShardTensor *b = g_ptr_array_index (tensors, i);

    if (a->at + a->storage_bytes > b->at)
      return convert_bad (shard->path, error, "tensors '%s' and '%s' overlap",
          a->name, b->name);
  }
  return TRUE;
}

gboolean
shard_read_safetensors (Shard *shard, GError **error)
{
  g_autoptr (GBytes) text = NULL;
  json_auto_t *header = NULL;
  const char *name;
  json_t *entry;
  guint8 brace = 0;
  guint64 n;

  if (!owl2_input_read (shard->in, 0, &n, 8, error))
    return FALSE;
  n = GUINT64_FROM_LE (n);
  if (n <= shard->size - 8 && n >= 2 && n <= MAX_HEADER) {
    text = owl2_input_copy (shard->in, 8, n, MAX_HEADER, "the header", error);
    if (!text)
      return FALSE;
    brace = ((const guint8 *) g_bytes_get_data (text, NULL))[0];
  }
  if (brace != '{')
    return convert_bad (shard->path, error,
        "neither a PyTorch zip archive nor safetensors: a header of "
        "%" G_GUINT64_FORMAT " bytes in a file of %" G_GUINT64_FORMAT
        " (limit %u)",
        n, shard->size, MAX_HEADER);
  header =
      convert_json_parse (g_bytes_get_data (text, NULL), n, shard->path, error);
  if (!header)
    return FALSE;
  json_object_foreach (header, name, entry)
    if (strcmp (name, "__metadata__") != 0
        && !read_tensor (shard, name, entry, 8 + n, error))
      return FALSE;
  return check_overlap (shard, error);
}
