/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of a GGUF reader, shared by gguf.c (tensors) and gguf_keys.c
 * (metadata), and the cursor that both read with. */
#ifndef OWL2_GGUF_PRIVATE_H
#define OWL2_GGUF_PRIVATE_H

#include "gguf.h"
#include "gguf_format.h"

/* Metadata and tensor infos of a file are no longer than this, so that a
 * hostile file's take no more memory than a process can spare. Those of the
 * largest vocabularies have a tenth of it. */
#define GGUF_MAX_HEADER_BYTES (G_GUINT64_CONSTANT (256) << 20)

struct _Owl2Gguf {
  char *name;
  Owl2Input *file; /* NULL: all is in @bytes */
  GBytes *bytes;   /* NULL: not mapped */
  guint64 size;
  GHashTable *keys;        /* key -> GgufKv, owned */
  Owl2GgufTensor *tensors; /* [n_tensors]; names owned */
  guint n_tensors;
  GHashTable *by_name; /* tensor name -> index + 1 */
};

/* Where reading is. All reads go through gguf_read(), so none passes the end,
 * and what was read is a copy that no change of the file reaches: a length is
 * read once, checked, and used. */
typedef struct {
  const Owl2Gguf *gguf;
  guint64 pos;
  /* Of a file: bytes read ahead. */
  guint64 ahead_at;
  gsize ahead_bytes;
  guint8 ahead[16 << 10];
} GgufCursor;

/* Sets BAD_FILE with the file's name in front; always FALSE. */
gboolean gguf_bad (const Owl2Gguf *gguf, GError **error, const char *format,
    ...) G_GNUC_PRINTF (3, 4);

/* Sets NO_MEMORY for @n bytes of @what; always FALSE. */
gboolean gguf_no_memory (
    const Owl2Gguf *gguf, guint64 n, const char *what, GError **error);
/* Bytes that may still be read. */
guint64 gguf_left (const GgufCursor *c);
/* The next @n bytes into @dst, or an error that says what they were for. */
gboolean gguf_read (
    GgufCursor *c, void *dst, guint64 n, const char *what, GError **error);
gboolean gguf_take_u32 (
    GgufCursor *c, guint32 *value, const char *what, GError **error);
gboolean gguf_take_u64 (
    GgufCursor *c, guint64 *value, const char *what, GError **error);
/* (transfer full): UTF-8 text without NUL, its length in front. */
char *gguf_take_text (
    GgufCursor *c, guint64 max_bytes, const char *what, GError **error);
/* (transfer full): a key or tensor name. These go into messages of one line,
 * so control characters are refused. */
char *gguf_take_name (
    GgufCursor *c, guint64 max_bytes, const char *what, GError **error);

/* gguf_keys.c */
GHashTable *gguf_keys_new (void);
/* The next key and its value, into gguf->keys. */
gboolean gguf_take_key (GgufCursor *c, Owl2Gguf *gguf, GError **error);

#endif
