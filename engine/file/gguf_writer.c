/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF writer. Metadata and tensor infos are collected in memory; the first
 * tensor bytes (or finish) write them out, after that data only streams. */
#include "gguf.h"
#include "gguf_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

typedef struct {
  guint64 offset, size; /* from the start of the data */
} Slot;

struct _Owl2GgufWriter {
  char *path;
  Owl2Output *out; /* NULL when finished */
  FILE *file;      /* of it */
  GByteArray *keys, *infos;
  guint64 n_keys;
  GArray *slots;     /* Slot, one a tensor */
  GHashTable *names; /* of keys and tensors, against doubles */
  guint64 data_size; /* of the tensors announced, aligned */
  guint64 written;   /* of the data, padding included */
  guint next;        /* slot that the next byte belongs to */
  gboolean started;  /* header is out */
  /* Bytes handed to the kernel, and those of them it was told to write. */
  guint64 put_bytes, flushed_bytes;
};

/* The disk gets work while more is computed, not all of it at the end. */
#define FLUSH_BYTES (8u << 20)

static gboolean
io_error (const Owl2GgufWriter *w, const char *what, int err, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: can't %s: %s",
      w->path, what, g_strerror (err));
  return FALSE;
}

void
owl2_gguf_writer_free (Owl2GgufWriter *w)
{
  if (!w)
    return;
  owl2_output_free (w->out);
  g_clear_pointer (&w->keys, g_byte_array_unref);
  g_clear_pointer (&w->infos, g_byte_array_unref);
  g_clear_pointer (&w->slots, g_array_unref);
  g_clear_pointer (&w->names, g_hash_table_unref);
  g_free (w->path);
  g_free (w);
}

Owl2GgufWriter *
owl2_gguf_writer_new (const char *path, GError **error)
{
  g_autoptr (Owl2GgufWriter) w = g_new0 (Owl2GgufWriter, 1);

  w->path = g_strdup (path);
  w->keys = g_byte_array_new ();
  w->infos = g_byte_array_new ();
  w->slots = g_array_new (FALSE, FALSE, sizeof (Slot));
  w->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  w->out = owl2_output_new (path, error);
  if (!w->out)
    return NULL;
  w->file = owl2_output_file (w->out);
  return g_steal_pointer (&w);
}

static void
put_u32 (GByteArray *out, guint32 value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, 4);
}

static void
put_u64 (GByteArray *out, guint64 value)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, 8);
}

static void
put_string (GByteArray *out, const char *value)
{
  gsize n = strlen (value);

  put_u64 (out, n);
  g_byte_array_append (out, (const guint8 *) value, (guint) n);
}

/* A double or late key, or a double tensor, is a bug of the caller. */
static gboolean
begin_key (Owl2GgufWriter *w, const char *key, guint32 type)
{
  g_return_val_if_fail (!w->started, FALSE);
  g_return_val_if_fail (
      g_hash_table_add (w->names, g_strconcat ("key ", key, NULL)), FALSE);
  put_string (w->keys, key);
  put_u32 (w->keys, type);
  w->n_keys++;
  return TRUE;
}

void
owl2_gguf_writer_u32 (Owl2GgufWriter *w, const char *key, guint32 value)
{
  if (begin_key (w, key, GGUF_U32))
    put_u32 (w->keys, value);
}

void
owl2_gguf_writer_f32 (Owl2GgufWriter *w, const char *key, float value)
{
  guint32 bits;

  memcpy (&bits, &value, 4);
  if (begin_key (w, key, GGUF_F32))
    put_u32 (w->keys, bits);
}

void
owl2_gguf_writer_bool (Owl2GgufWriter *w, const char *key, gboolean value)
{
  guint8 byte = value ? 1 : 0;

  if (begin_key (w, key, GGUF_BOOL))
    g_byte_array_append (w->keys, &byte, 1);
}

void
owl2_gguf_writer_string (Owl2GgufWriter *w, const char *key, const char *value)
{
  if (begin_key (w, key, GGUF_STRING))
    put_string (w->keys, value);
}

static gboolean
begin_array (Owl2GgufWriter *w, const char *key, guint32 item_type, guint n)
{
  if (!begin_key (w, key, GGUF_ARRAY))
    return FALSE;
  put_u32 (w->keys, item_type);
  put_u64 (w->keys, n);
  return TRUE;
}

void
owl2_gguf_writer_strings (
    Owl2GgufWriter *w, const char *key, const char *const *values, guint n)
{
  if (begin_array (w, key, GGUF_STRING, n))
    for (guint i = 0; i < n; i++)
      put_string (w->keys, values[i]);
}

void
owl2_gguf_writer_f32s (
    Owl2GgufWriter *w, const char *key, const float *values, guint n)
{
  guint32 bits;

  if (begin_array (w, key, GGUF_F32, n))
    for (guint i = 0; i < n; i++) {
      memcpy (&bits, &values[i], 4);
      put_u32 (w->keys, bits);
    }
}

void
owl2_gguf_writer_i32s (
    Owl2GgufWriter *w, const char *key, const gint32 *values, guint n)
{
  if (begin_array (w, key, GGUF_I32, n))
    for (guint i = 0; i < n; i++)
      put_u32 (w->keys, (guint32) values[i]);
}

static guint64
align (guint64 x)
{
  return (x + GGUF_WRITE_ALIGNMENT - 1) / GGUF_WRITE_ALIGNMENT
         * GGUF_WRITE_ALIGNMENT;
}

void
owl2_gguf_writer_tensor (Owl2GgufWriter *w, const char *name, Owl2Type type,
    guint n_dims, const guint64 *dims)
{
  guint block = owl2_type_block (type);
  guint64 n = 1, size = 0;
  Slot slot;

  g_return_if_fail (!w->started);
  g_return_if_fail (block > 0 && n_dims >= 1 && n_dims <= 4);
  for (guint d = 0; d < n_dims; d++)
    g_return_if_fail (dims[d] > 0 && g_uint64_checked_mul (&n, n, dims[d]));
  g_return_if_fail (dims[0] % block == 0);
  g_return_if_fail (
      g_uint64_checked_mul (&size, n / block, owl2_type_block_bytes (type)));
  g_return_if_fail (
      g_hash_table_add (w->names, g_strconcat ("tensor ", name, NULL)));
  slot = (Slot){ .offset = w->data_size, .size = size };
  put_string (w->infos, name);
  put_u32 (w->infos, n_dims);
  for (guint d = 0; d < n_dims; d++)
    put_u64 (w->infos, dims[d]);
  put_u32 (w->infos, type);
  put_u64 (w->infos, slot.offset);
  g_array_append_val (w->slots, slot);
  w->data_size = align (slot.offset + size);
}

static void
flush_early (Owl2GgufWriter *w)
{
#ifdef __linux__
  guint64 n = w->put_bytes - w->flushed_bytes;

  /* A failure is seen by fsync(). */
  sync_file_range (fileno (w->file), (off_t) w->flushed_bytes, (off_t) n,
      SYNC_FILE_RANGE_WRITE);
#endif
  w->flushed_bytes = w->put_bytes;
}

static gboolean
put (Owl2GgufWriter *w, const void *data, gsize size, GError **error)
{
  if (size > 0 && fwrite (data, 1, size, w->file) != size)
    return io_error (w, "write", errno, error);
  w->put_bytes += size;
  if (w->put_bytes - w->flushed_bytes >= FLUSH_BYTES)
    flush_early (w);
  return TRUE;
}

/* A disk that is too small is told before the work. Where places can't be
 * reserved, it is told when it is full. */
static gboolean
reserve (const Owl2GgufWriter *w, guint64 size, GError **error)
{
#ifdef __linux__
  if (fallocate (fileno (w->file), FALLOC_FL_KEEP_SIZE, 0, (off_t) size) < 0
      && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "%s: can't reserve %" G_GUINT64_FORMAT " bytes: %s", w->path, size,
        g_strerror (errno));
    return FALSE;
  }
#endif
  return TRUE;
}

static gboolean
pad (Owl2GgufWriter *w, guint64 size, GError **error)
{
  static const guint8 zeros[GGUF_WRITE_ALIGNMENT];

  return put (w, zeros, align (size) - size, error);
}

static gboolean
start (Owl2GgufWriter *w, GError **error)
{
  g_autoptr (GByteArray) head = g_byte_array_new ();
  guint64 size;

  owl2_gguf_writer_u32 (w, GGUF_KEY_ALIGNMENT, GGUF_WRITE_ALIGNMENT);
  w->started = TRUE;
  g_byte_array_append (head, (const guint8 *) GGUF_MAGIC, 4);
  put_u32 (head, GGUF_VERSION);
  put_u64 (head, w->slots->len);
  put_u64 (head, w->n_keys);
  size = (guint64) head->len + w->keys->len + w->infos->len;
  return reserve (w, align (size) + w->data_size, error)
         && put (w, head->data, head->len, error)
         && put (w, w->keys->data, w->keys->len, error)
         && put (w, w->infos->data, w->infos->len, error)
         && pad (w, size, error);
}

gboolean
owl2_gguf_writer_data (
    Owl2GgufWriter *w, const void *data, gsize size_bytes, GError **error)
{
  const guint8 *p = data;

  if (!w->started && !start (w, error))
    return FALSE;
  while (size_bytes > 0) {
    const Slot *slot;
    guint64 left;
    gsize n;

    g_return_val_if_fail (w->next < w->slots->len, FALSE);
    slot = &g_array_index (w->slots, Slot, w->next);
    left = slot->offset + slot->size - w->written;
    n = size_bytes < left ? size_bytes : (gsize) left;
    if (!put (w, p, n, error))
      return FALSE;
    p += n;
    size_bytes -= n;
    w->written += n;
    if (n == left) {
      if (!pad (w, slot->size, error))
        return FALSE;
      w->written = slot->offset + align (slot->size);
      w->next++;
    }
  }
  return TRUE;
}

gboolean
owl2_gguf_writer_finish (Owl2GgufWriter *w, GError **error)
{
  g_return_val_if_fail (w->out, FALSE);
  if (!w->started && !start (w, error))
    return FALSE;
  g_return_val_if_fail (w->next == w->slots->len, FALSE);
  if (!owl2_output_finish (w->out, TRUE, error))
    return FALSE;
  g_clear_pointer (&w->out, owl2_output_free);
  return TRUE;
}
