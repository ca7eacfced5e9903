/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF reader. Layout: magic, version, tensor count, key count; key-value
 * pairs; tensor infos; padding; tensor data (the GGUF specification in the
 * ggml repository, docs/gguf.md). Everything is parsed once when the file is
 * opened; after that the object is only read. */
#include "gguf_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#  error "tensor data is used in place, so the host must be little-endian"
#endif

/* Far more than any model has; they bound the memory that the index of a
 * hostile file can take where the file's own length does not. */
#define MAX_KEYS (1u << 16)
#define MAX_TENSORS (1u << 16)
#define MAX_TENSOR_NAME_BYTES 64u
#define MAX_ALIGNMENT 65536u

gboolean
gguf_bad (const Owl2Gguf *gguf, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (
      error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s: %s", gguf->name, message);
  return FALSE;
}

void
owl2_gguf_free (Owl2Gguf *gguf)
{
  if (!gguf)
    return;
  g_clear_pointer (&gguf->by_name, g_hash_table_unref);
  if (gguf->tensors)
    for (guint i = 0; i < gguf->tensors->len; i++)
      g_free ((char *) g_array_index (gguf->tensors, Owl2GgufTensor, i).name);
  g_clear_pointer (&gguf->tensors, g_array_unref);
  g_clear_pointer (&gguf->keys, g_hash_table_unref);
  g_clear_pointer (&gguf->bytes, g_bytes_unref);
  g_free (gguf->name);
  g_free (gguf);
}

const guint8 *
gguf_take (GgufCursor *c, guint64 n, const char *what, GError **error)
{
  const guint8 *p = c->data + c->pos;

  if (n > c->size - c->pos) {
    gguf_bad (c->gguf, error,
        "%s at byte %" G_GSIZE_FORMAT " needs %" G_GUINT64_FORMAT
        " bytes, file ends at %" G_GSIZE_FORMAT,
        what, c->pos, n, c->size);
    return NULL;
  }
  c->pos += n;
  return p;
}

gboolean
gguf_take_u32 (GgufCursor *c, guint32 *value, const char *what, GError **error)
{
  const guint8 *p = gguf_take (c, 4, what, error);

  if (p)
    memcpy (value, p, 4);
  return p != NULL;
}

gboolean
gguf_take_u64 (GgufCursor *c, guint64 *value, const char *what, GError **error)
{
  const guint8 *p = gguf_take (c, 8, what, error);

  if (p)
    memcpy (value, p, 8);
  return p != NULL;
}

/* (transfer full): a length-prefixed string as a C string. */
char *
gguf_take_text (
    GgufCursor *c, guint64 max_bytes, const char *what, GError **error)
{
  gsize at = c->pos;
  guint64 n;
  const guint8 *p;

  if (!gguf_take_u64 (c, &n, what, error))
    return NULL;
  if (n > max_bytes) {
    gguf_bad (c->gguf, error,
        "%s at byte %" G_GSIZE_FORMAT " has %" G_GUINT64_FORMAT
        " bytes, the limit is %" G_GUINT64_FORMAT,
        what, at, n, max_bytes);
    return NULL;
  }
  if (!(p = gguf_take (c, n, what, error)))
    return NULL;
  /* g_utf8_validate with a length refuses NUL inside, too. */
  if (!g_utf8_validate ((const char *) p, (gssize) n, NULL)) {
    gguf_bad (c->gguf, error,
        "%s at byte %" G_GSIZE_FORMAT " is not UTF-8 text", what, at);
    return NULL;
  }
  return g_strndup ((const char *) p, n);
}

char *
gguf_take_name (
    GgufCursor *c, guint64 max_bytes, const char *what, GError **error)
{
  gsize at = c->pos;
  g_autofree char *name = gguf_take_text (c, max_bytes, what, error);

  if (!name)
    return NULL;
  for (const char *p = name; *p || p == name; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f) {
      gguf_bad (c->gguf, error,
          "%s at byte %" G_GSIZE_FORMAT
          " is empty or has control characters inside",
          what, at);
      return NULL;
    }
  return g_steal_pointer (&name);
}

/* Sizes of one tensor from its dimensions and type, overflow-safe. */
static gboolean
tensor_size (
    const Owl2Gguf *gguf, Owl2GgufTensor *t, guint32 type, GError **error)
{
  guint block = owl2_type_block ((Owl2Type) type);
  guint64 n = 1, size;

  if (block == 0)
    return gguf_bad (gguf, error,
        "tensor '%s' has type %u, known are f32, f16, q8_0 and q4_k", t->name,
        type);
  t->type = (Owl2Type) type;
  for (guint d = 0; d < t->n_dims; d++)
    if (t->dims[d] == 0 || !g_uint64_checked_mul (&n, n, t->dims[d]))
      return gguf_bad (gguf, error,
          "tensor '%s': dimension %u is %" G_GUINT64_FORMAT
          ", zero or too large",
          t->name, d, t->dims[d]);
  if (t->dims[0] % block != 0)
    return gguf_bad (gguf, error,
        "tensor '%s': rows of %" G_GUINT64_FORMAT
        " elements are no whole blocks of %u (%s)",
        t->name, t->dims[0], block, owl2_type_name (t->type));
  if (!g_uint64_checked_mul (&size, n / block, owl2_type_block_bytes (t->type))
      || size > G_MAXSSIZE)
    return gguf_bad (gguf, error,
        "tensor '%s': %" G_GUINT64_FORMAT " elements are too many", t->name, n);
  t->size_bytes = size;
  return TRUE;
}

/* One tensor info; @offset is from the start of the data. */
static gboolean
take_tensor (GgufCursor *c, Owl2Gguf *gguf, guint64 *offset, GError **error)
{
  Owl2GgufTensor t = { .dims = { 1, 1, 1, 1 } };
  g_autofree char *name = NULL;
  guint32 n_dims, type;

  name = gguf_take_name (c, MAX_TENSOR_NAME_BYTES, "tensor name", error);
  if (!name)
    return FALSE;
  t.name = name;
  if (g_hash_table_contains (gguf->by_name, name))
    return gguf_bad (gguf, error, "tensor '%s' is there twice", name);
  if (!gguf_take_u32 (c, &n_dims, name, error))
    return FALSE;
  if (n_dims < 1 || n_dims > 4)
    return gguf_bad (
        gguf, error, "tensor '%s' has %u dimensions, not 1 to 4", name, n_dims);
  t.n_dims = n_dims;
  for (guint d = 0; d < n_dims; d++)
    if (!gguf_take_u64 (c, &t.dims[d], name, error))
      return FALSE;
  if (!gguf_take_u32 (c, &type, name, error)
      || !gguf_take_u64 (c, offset, name, error)
      || !tensor_size (gguf, &t, type, error))
    return FALSE;
  g_array_append_val (gguf->tensors, t);
  g_hash_table_insert (
      gguf->by_name, name, GUINT_TO_POINTER (gguf->tensors->len));
  name = NULL;
  return TRUE;
}

static int
compare_tensor_data (gconstpointer a, gconstpointer b)
{
  const Owl2GgufTensor *x = *(const Owl2GgufTensor *const *) a;
  const Owl2GgufTensor *y = *(const Owl2GgufTensor *const *) b;

  return (x->data > y->data) - (x->data < y->data);
}

/* Sets the data pointers: inside the file, aligned, not overlapping. */
static gboolean
place_tensors (GgufCursor *c, Owl2Gguf *gguf, const guint64 *offsets,
    guint32 alignment, GError **error)
{
  guint n = gguf->tensors->len;
  gsize start = (c->pos + alignment - 1) / alignment * alignment;
  g_autofree Owl2GgufTensor **sorted = g_new (Owl2GgufTensor *, n + 1);

  for (guint i = 0; i < n; i++) {
    Owl2GgufTensor *t = &g_array_index (gguf->tensors, Owl2GgufTensor, i);

    if (offsets[i] % alignment != 0)
      return gguf_bad (gguf, error,
          "tensor '%s': offset %" G_GUINT64_FORMAT
          " is no multiple of the alignment %u",
          t->name, offsets[i], alignment);
    if (start > c->size || offsets[i] > c->size - start
        || t->size_bytes > c->size - start - offsets[i])
      return gguf_bad (gguf, error,
          "tensor '%s' needs %" G_GSIZE_FORMAT " bytes at %" G_GSIZE_FORMAT
          " + %" G_GUINT64_FORMAT ", file ends at %" G_GSIZE_FORMAT,
          t->name, t->size_bytes, start, offsets[i], c->size);
    t->data = c->data + start + offsets[i];
    sorted[i] = t;
  }
  qsort (sorted, n, sizeof (sorted[0]), compare_tensor_data);
  for (guint i = 1; i < n; i++)
    if (sorted[i - 1]->data + sorted[i - 1]->size_bytes > sorted[i]->data)
      return gguf_bad (gguf, error, "tensors '%s' and '%s' overlap",
          sorted[i - 1]->name, sorted[i]->name);
  return TRUE;
}

static gboolean
parse (Owl2Gguf *gguf, GgufCursor *c, GError **error)
{
  g_autofree guint64 *offsets = NULL;
  guint32 version, alignment;
  guint64 n_tensors, n_keys;
  const guint8 *magic = gguf_take (c, 4, "header", error);

  if (!magic)
    return FALSE;
  if (memcmp (magic, GGUF_MAGIC, 4) != 0)
    return gguf_bad (gguf, error,
        "not a GGUF file: starts with %02x %02x %02x %02x", magic[0], magic[1],
        magic[2], magic[3]);
  if (!gguf_take_u32 (c, &version, "header", error))
    return FALSE;
  if (version == GUINT32_SWAP_LE_BE (GGUF_VERSION))
    return gguf_bad (gguf, error, "big-endian GGUF is not supported");
  if (version != GGUF_VERSION)
    return gguf_bad (gguf, error, "GGUF version %u is not supported, only %u",
        version, GGUF_VERSION);
  if (!gguf_take_u64 (c, &n_tensors, "header", error)
      || !gguf_take_u64 (c, &n_keys, "header", error))
    return FALSE;
  if (n_tensors > MAX_TENSORS || n_keys > MAX_KEYS)
    return gguf_bad (gguf, error,
        "%" G_GUINT64_FORMAT " tensors and %" G_GUINT64_FORMAT
        " keys are too many, the limits are %u and %u",
        n_tensors, n_keys, MAX_TENSORS, MAX_KEYS);
  for (guint64 i = 0; i < n_keys; i++)
    if (!gguf_take_key (c, gguf, error))
      return FALSE;
  if (!owl2_gguf_u32_or (
          gguf, GGUF_KEY_ALIGNMENT, GGUF_ALIGNMENT, &alignment, error))
    return FALSE;
  if (alignment < 8 || alignment > MAX_ALIGNMENT
      || (alignment & (alignment - 1)))
    return gguf_bad (gguf, error,
        "key '" GGUF_KEY_ALIGNMENT "' is %u, not a power of two from 8 to %u",
        alignment, MAX_ALIGNMENT);
  offsets = g_new (guint64, n_tensors + 1);
  for (guint64 i = 0; i < n_tensors; i++)
    if (!take_tensor (c, gguf, &offsets[i], error))
      return FALSE;
  if (n_tensors > 0 && (guintptr) c->data % 8 != 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "%s: lies in memory that is not aligned to 8 bytes", gguf->name);
    return FALSE;
  }
  return place_tensors (c, gguf, offsets, alignment, error);
}

Owl2Gguf *
owl2_gguf_new (GBytes *bytes, const char *name, GError **error)
{
  g_autoptr (Owl2Gguf) gguf = g_new0 (Owl2Gguf, 1);
  GgufCursor c = { .gguf = gguf };

  gguf->name = g_strdup (name);
  gguf->bytes = g_bytes_ref (bytes);
  gguf->keys = gguf_keys_new ();
  gguf->tensors = g_array_new (FALSE, FALSE, sizeof (Owl2GgufTensor));
  gguf->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  c.data = g_bytes_get_data (bytes, &c.size);
  /* An empty file is not mapped at all. */
  if (!c.data)
    c.data = (const guint8 *) "";
  if (!parse (gguf, &c, error))
    return NULL;
  return g_steal_pointer (&gguf);
}

Owl2Gguf *
owl2_gguf_open (const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) why = NULL;
  struct stat st;
  int fd, err;

  /* Without O_NONBLOCK a FIFO of that name would block for ever. */
  fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0 || fstat (fd, &st) < 0) {
    err = errno;
    if (fd >= 0)
      close (fd);
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: can't be opened: %s", path, g_strerror (err));
    return NULL;
  }
  if (!S_ISREG (st.st_mode)) {
    close (fd);
    g_set_error (
        error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s: not a regular file", path);
    return NULL;
  }
  file = g_mapped_file_new_from_fd (fd, FALSE, &why);
  close (fd);
  if (!file) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: can't be mapped: %s", path, why->message);
    return NULL;
  }
  bytes = g_mapped_file_get_bytes (file);
  return owl2_gguf_new (bytes, path, error);
}

const char *
owl2_gguf_name (const Owl2Gguf *gguf)
{
  return gguf->name;
}

GBytes *
owl2_gguf_bytes (const Owl2Gguf *gguf)
{
  return gguf->bytes;
}

guint
owl2_gguf_n_tensors (const Owl2Gguf *gguf)
{
  return gguf->tensors->len;
}

const Owl2GgufTensor *
owl2_gguf_tensor_at (const Owl2Gguf *gguf, guint i)
{
  g_return_val_if_fail (i < gguf->tensors->len, NULL);
  return &g_array_index (gguf->tensors, Owl2GgufTensor, i);
}

const Owl2GgufTensor *
owl2_gguf_tensor (const Owl2Gguf *gguf, const char *name)
{
  guint i = GPOINTER_TO_UINT (g_hash_table_lookup (gguf->by_name, name));

  return i ? &g_array_index (gguf->tensors, Owl2GgufTensor, i - 1) : NULL;
}
