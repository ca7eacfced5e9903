/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF reader. Layout: magic, version, tensor count, key count; key-value
 * pairs; tensor infos; padding; tensor data (the GGUF specification in the
 * ggml repository, docs/gguf.md). Everything is parsed once when the file is
 * opened; after that the object is only read. */
#include "gguf_private.h"

#include <string.h>

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#  error "tensor data is used as it is, so the host must be little-endian"
#endif

/* Far more than any model has; they bound the memory that the index of a
 * hostile file can take where the file's own length does not. */
#define MAX_KEYS (1u << 16)
#define MAX_TENSORS (1u << 16)
#define MAX_TENSOR_NAME_BYTES 64u
#define MAX_ALIGNMENT 65536u
/* What the shortest takes in the file: a name, one dimension, type, offset. */
#define MIN_TENSOR_BYTES (8 + 1 + 4 + 8 + 4 + 8)

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

gboolean
gguf_no_memory (
    const Owl2Gguf *gguf, guint64 n, const char *what, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s: %s: no memory for %" G_GUINT64_FORMAT " bytes", gguf->name, what, n);
  return FALSE;
}

void
owl2_gguf_free (Owl2Gguf *gguf)
{
  if (!gguf)
    return;
  g_clear_pointer (&gguf->by_name, g_hash_table_unref);
  for (guint i = 0; i < gguf->n_tensors; i++)
    g_free ((char *) gguf->tensors[i].name);
  g_free (gguf->tensors);
  g_clear_pointer (&gguf->keys, g_hash_table_unref);
  g_clear_pointer (&gguf->bytes, g_bytes_unref);
  owl2_input_unref (gguf->file);
  g_free (gguf->name);
  g_free (gguf);
}

/* ---- cursor ----------------------------------------------------------- */

guint64
gguf_left (const GgufCursor *c)
{
  guint64 end = MIN (c->gguf->size, GGUF_MAX_HEADER_BYTES);

  return end - c->pos;
}

/* The next bytes of the file, as far as they were read ahead. */
static gsize
take_ahead (GgufCursor *c, guint8 *dst, gsize n)
{
  gsize skip = (gsize) (c->pos - c->ahead_at);

  n = MIN (n, c->ahead_bytes - skip);
  memcpy (dst, c->ahead + skip, n);
  c->pos += n;
  return n;
}

/* The error names what was to be read. */
static gboolean
read_input (const Owl2Gguf *gguf, guint64 at, gpointer dst, gsize n,
    const char *what, GError **error)
{
  g_autoptr (GError) failure = NULL;
  const char *why;

  if (owl2_input_read (gguf->file, at, dst, n, &failure))
    return TRUE;
  why = failure->message;
  if (g_str_has_prefix (why, gguf->name))
    why += strlen (gguf->name) + strlen (": ");
  return gguf_bad (gguf, error,
      "%s at byte %" G_GUINT64_FORMAT " needs %" G_GSIZE_FORMAT " bytes: %s",
      what, at, n, why);
}

static gboolean
read_file (
    GgufCursor *c, guint8 *dst, gsize n, const char *what, GError **error)
{
  gsize done = take_ahead (c, dst, n);

  dst += done;
  n -= done;
  if (n == 0)
    return TRUE;
  if (n >= sizeof c->ahead) {
    if (!read_input (c->gguf, c->pos, dst, n, what, error))
      return FALSE;
    c->pos += n;
    c->ahead_at = c->pos;
    c->ahead_bytes = 0;
    return TRUE;
  }
  c->ahead_at = c->pos;
  c->ahead_bytes = 0;
  done = (gsize) MIN (c->gguf->size - c->pos, sizeof c->ahead);
  if (!read_input (c->gguf, c->pos, c->ahead, done, what, error))
    return FALSE;
  c->ahead_bytes = done;
  take_ahead (c, dst, n);
  return TRUE;
}

gboolean
gguf_read (
    GgufCursor *c, void *dst, guint64 n, const char *what, GError **error)
{
  const Owl2Gguf *gguf = c->gguf;

  if (n > gguf->size - c->pos)
    return gguf_bad (gguf, error,
        "%s at byte %" G_GUINT64_FORMAT " needs %" G_GUINT64_FORMAT
        " bytes, file ends at %" G_GUINT64_FORMAT,
        what, c->pos, n, gguf->size);
  if (n > gguf_left (c))
    return gguf_bad (gguf, error,
        "%s at byte %" G_GUINT64_FORMAT " needs %" G_GUINT64_FORMAT
        " bytes; keys and tensor infos may have %" G_GUINT64_FORMAT
        " bytes in all",
        what, c->pos, n, GGUF_MAX_HEADER_BYTES);
  if (gguf->file)
    return read_file (c, dst, n, what, error);
  if (n > 0)
    memcpy (
        dst, (const guint8 *) g_bytes_get_data (gguf->bytes, NULL) + c->pos, n);
  c->pos += n;
  return TRUE;
}

gboolean
gguf_take_u32 (GgufCursor *c, guint32 *value, const char *what, GError **error)
{
  return gguf_read (c, value, 4, what, error);
}

gboolean
gguf_take_u64 (GgufCursor *c, guint64 *value, const char *what, GError **error)
{
  return gguf_read (c, value, 8, what, error);
}

/* (transfer full): a length-prefixed string as a C string. */
char *
gguf_take_text (
    GgufCursor *c, guint64 max_bytes, const char *what, GError **error)
{
  guint64 at = c->pos, n;
  g_autofree char *text = NULL;

  if (!gguf_take_u64 (c, &n, what, error))
    return NULL;
  if (n > max_bytes) {
    gguf_bad (c->gguf, error,
        "%s at byte %" G_GUINT64_FORMAT " has %" G_GUINT64_FORMAT
        " bytes, the limit is %" G_GUINT64_FORMAT,
        what, at, n, max_bytes);
    return NULL;
  }
  /* What the file does not have is not allocated. */
  if (n <= gguf_left (c) && !(text = g_try_malloc (n + 1))) {
    gguf_no_memory (c->gguf, n, what, error);
    return NULL;
  }
  if (!gguf_read (c, text, n, what, error))
    return NULL;
  text[n] = 0;
  /* g_utf8_validate with a length refuses NUL inside, too. */
  if (!g_utf8_validate (text, (gssize) n, NULL)) {
    gguf_bad (c->gguf, error,
        "%s at byte %" G_GUINT64_FORMAT " is not UTF-8 text", what, at);
    return NULL;
  }
  return g_steal_pointer (&text);
}

char *
gguf_take_name (
    GgufCursor *c, guint64 max_bytes, const char *what, GError **error)
{
  guint64 at = c->pos;
  g_autofree char *name = gguf_take_text (c, max_bytes, what, error);

  if (!name)
    return NULL;
  for (const char *p = name; *p || p == name; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f) {
      gguf_bad (c->gguf, error,
          "%s at byte %" G_GUINT64_FORMAT
          " is empty or has control characters inside",
          what, at);
      return NULL;
    }
  return g_steal_pointer (&name);
}

/* ---- tensors ---------------------------------------------------------- */

/* Sizes of one tensor from its dimensions and type, overflow-safe. */
static gboolean
tensor_size (
    const Owl2Gguf *gguf, Owl2GgufTensor *t, guint32 type, GError **error)
{
  guint block = owl2_type_block ((Owl2Type) type);
  guint64 n = 1, size;

  if (block == 0) {
    g_autofree char *known = owl2_type_names ("and");

    return gguf_bad (gguf, error, "tensor '%s' has type %u, known are %s",
        t->name, type, known);
  }
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

/* One tensor info; its offset is still from the start of the data. */
static gboolean
take_tensor (GgufCursor *c, Owl2Gguf *gguf, GError **error)
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
      || !gguf_take_u64 (c, &t.offset, name, error)
      || !tensor_size (gguf, &t, type, error))
    return FALSE;
  gguf->tensors[gguf->n_tensors++] = t;
  g_hash_table_insert (gguf->by_name, g_steal_pointer (&name),
      GUINT_TO_POINTER (gguf->n_tensors));
  return TRUE;
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  const Owl2GgufTensor *x = *(const Owl2GgufTensor *const *) a;
  const Owl2GgufTensor *y = *(const Owl2GgufTensor *const *) b;

  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Makes the offsets those in the file: inside it, aligned, not overlapping. */
static gboolean
place_tensors (GgufCursor *c, Owl2Gguf *gguf, guint32 alignment, GError **error)
{
  guint n = gguf->n_tensors;
  guint64 start = (c->pos + alignment - 1) / alignment * alignment;
  g_autofree Owl2GgufTensor **sorted = g_try_new (Owl2GgufTensor *, n + 1);

  if (!sorted)
    return gguf_no_memory (gguf, n * sizeof sorted[0], "tensors", error);
  for (guint i = 0; i < n; i++) {
    Owl2GgufTensor *t = &gguf->tensors[i];

    if (t->offset % alignment != 0)
      return gguf_bad (gguf, error,
          "tensor '%s': offset %" G_GUINT64_FORMAT
          " is no multiple of the alignment %u",
          t->name, t->offset, alignment);
    if (start > gguf->size || t->offset > gguf->size - start
        || t->size_bytes > gguf->size - start - t->offset)
      return gguf_bad (gguf, error,
          "tensor '%s' needs %" G_GSIZE_FORMAT " bytes at %" G_GUINT64_FORMAT
          " + %" G_GUINT64_FORMAT ", file ends at %" G_GUINT64_FORMAT,
          t->name, t->size_bytes, start, t->offset, gguf->size);
    t->offset += start;
    sorted[i] = t;
  }
  qsort (sorted, n, sizeof (sorted[0]), compare_offsets);
  for (guint i = 1; i < n; i++)
    if (sorted[i - 1]->offset + sorted[i - 1]->size_bytes > sorted[i]->offset)
      return gguf_bad (gguf, error, "tensors '%s' and '%s' overlap",
          sorted[i - 1]->name, sorted[i]->name);
  return TRUE;
}

/* ---- the file --------------------------------------------------------- */

static gboolean
check_magic (GgufCursor *c, GError **error)
{
  guint8 magic[4];

  if (!gguf_read (c, magic, 4, "header", error))
    return FALSE;
  if (memcmp (magic, GGUF_MAGIC, 4) == 0)
    return TRUE;
  return gguf_bad (c->gguf, error,
      "not a GGUF file: starts with %02x %02x %02x %02x", magic[0], magic[1],
      magic[2], magic[3]);
}

/* What the file does not have is not allocated. */
static gboolean
alloc_tensors (const GgufCursor *c, Owl2Gguf *gguf, guint64 n, GError **error)
{
  if (n * MIN_TENSOR_BYTES > gguf_left (c))
    return gguf_bad (gguf, error,
        "%" G_GUINT64_FORMAT " tensors at byte %" G_GUINT64_FORMAT
        " need %" G_GUINT64_FORMAT
        " bytes at least, file ends at %" G_GUINT64_FORMAT,
        n, c->pos, n * MIN_TENSOR_BYTES, gguf->size);
  gguf->tensors = g_try_new (Owl2GgufTensor, n + 1);
  if (!gguf->tensors)
    return gguf_no_memory (gguf, n * sizeof gguf->tensors[0], "tensors", error);
  return TRUE;
}

static gboolean
parse (Owl2Gguf *gguf, GgufCursor *c, GError **error)
{
  guint32 version, alignment;
  guint64 n_tensors, n_keys;

  if (!check_magic (c, error))
    return FALSE;
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
  if (!alloc_tensors (c, gguf, n_tensors, error))
    return FALSE;
  for (guint64 i = 0; i < n_tensors; i++)
    if (!take_tensor (c, gguf, error))
      return FALSE;
  return place_tensors (c, gguf, alignment, error);
}

static Owl2Gguf *
gguf_alloc (const char *name, guint64 size)
{
  Owl2Gguf *gguf = g_new0 (Owl2Gguf, 1);

  gguf->name = g_strdup (name);
  gguf->size = size;
  gguf->keys = gguf_keys_new ();
  gguf->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  return gguf;
}

Owl2Gguf *
owl2_gguf_new (GBytes *bytes, const char *name, GError **error)
{
  g_autoptr (Owl2Gguf) gguf = gguf_alloc (name, g_bytes_get_size (bytes));
  GgufCursor c = { .gguf = gguf };

  gguf->bytes = g_bytes_ref (bytes);
  if (!parse (gguf, &c, error))
    return NULL;
  if (gguf->n_tensors > 0
      && (guintptr) g_bytes_get_data (bytes, NULL) % 8 != 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
        "%s: lies in memory that is not aligned to 8 bytes", gguf->name);
    return NULL;
  }
  return g_steal_pointer (&gguf);
}

Owl2Gguf *
owl2_gguf_open (const char *path, GError **error)
{
  g_autoptr (Owl2Input) file = owl2_input_open (path, error);
  g_autoptr (Owl2Gguf) gguf = NULL;
  g_autoptr (GError) failure = NULL;
  GgufCursor c = { NULL };

  if (!file || !owl2_input_settle (file, error))
    return NULL;
  gguf = gguf_alloc (path, owl2_input_size (file));
  gguf->file = owl2_input_ref (file);
  c.gguf = gguf;
  if (parse (gguf, &c, &failure))
    return owl2_gguf_check (gguf, error) ? g_steal_pointer (&gguf) : NULL;
  /* What a change left behind is no news beside the change. */
  if (owl2_gguf_check (gguf, error))
    g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

Owl2Input *
owl2_gguf_file (const Owl2Gguf *gguf)
{
  return gguf->file;
}

gboolean
owl2_gguf_check (const Owl2Gguf *gguf, GError **error)
{
  return !gguf->file || owl2_input_check_bytes (gguf->file, error);
}

gboolean
owl2_gguf_map (Owl2Gguf *gguf, GError **error)
{
  if (!gguf->bytes)
    gguf->bytes = owl2_input_map (gguf->file, error);
  return gguf->bytes != NULL;
}

gboolean
owl2_gguf_read (const Owl2Gguf *gguf, const Owl2GgufTensor *tensor,
    gsize offset, void *dst, gsize n, GError **error)
{
  g_return_val_if_fail (
      offset <= tensor->size_bytes && n <= tensor->size_bytes - offset, FALSE);
  if (gguf->file) {
    g_autofree char *what = g_strdup_printf ("tensor '%s'", tensor->name);

    return read_input (gguf, tensor->offset + offset, dst, n, what, error);
  }
  memcpy (dst,
      (const guint8 *) g_bytes_get_data (gguf->bytes, NULL) + tensor->offset
          + offset,
      n);
  return TRUE;
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
  return gguf->n_tensors;
}

const Owl2GgufTensor *
owl2_gguf_tensor_at (const Owl2Gguf *gguf, guint i)
{
  g_return_val_if_fail (i < gguf->n_tensors, NULL);
  return &gguf->tensors[i];
}

const Owl2GgufTensor *
owl2_gguf_tensor (const Owl2Gguf *gguf, const char *name)
{
  guint i = GPOINTER_TO_UINT (g_hash_table_lookup (gguf->by_name, name));

  return i ? &gguf->tensors[i - 1] : NULL;
}
