/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of a GGUF reader, shared by gguf.c (tensors) and gguf_keys.c
 * (metadata), and the cursor that both read with. */
#ifndef OWL2_GGUF_PRIVATE_H
#define OWL2_GGUF_PRIVATE_H

#include "gguf.h"
#include "gguf_format.h"

struct _Owl2Gguf {
  char *name;
  GBytes *bytes;
  GHashTable *keys;    /* key -> GgufKv, owned */
  GArray *tensors;     /* Owl2GgufTensor; names owned */
  GHashTable *by_name; /* tensor name -> index + 1 */
};

/* Where reading is. All reads go through gguf_take(), so none passes the
 * end. */
typedef struct {
  const Owl2Gguf *gguf;
  const guint8 *data;
  gsize size, pos;
} GgufCursor;

/* Sets BAD_FILE with the file's name in front; always FALSE. */
gboolean gguf_bad (const Owl2Gguf *gguf, GError **error, const char *format,
    ...) G_GNUC_PRINTF (3, 4);

/* The next @n bytes, or NULL with an error that says what they were for. */
const guint8 *gguf_take (
    GgufCursor *c, guint64 n, const char *what, GError **error);
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
