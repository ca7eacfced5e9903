/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers of the GGUF format that reader and writer share (docs/gguf.md of
 * the ggml repository). Private to this folder. */
#ifndef OWL2_GGUF_FORMAT_H
#define OWL2_GGUF_FORMAT_H

#include <glib.h>

#define GGUF_MAGIC "GGUF"
#define GGUF_VERSION 3u
#define GGUF_ALIGNMENT 32u /* where the file does not say */
/* Of files written here, so that a row begins where a line of a cache does when
 * it is used in place. */
#define GGUF_WRITE_ALIGNMENT 64u
#define GGUF_KEY_ALIGNMENT "general.alignment"

enum {
  GGUF_U8 = 0,
  GGUF_I8 = 1,
  GGUF_U16 = 2,
  GGUF_I16 = 3,
  GGUF_U32 = 4,
  GGUF_I32 = 5,
  GGUF_F32 = 6,
  GGUF_BOOL = 7,
  GGUF_STRING = 8,
  GGUF_ARRAY = 9,
  GGUF_U64 = 10,
  GGUF_I64 = 11,
  GGUF_F64 = 12,
};

/* Bytes of a value, the least for a string; 0 for arrays and unknown types. */
static inline gsize
gguf_value_size (guint32 type)
{
  static const guint8 sizes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8 };

  return type < G_N_ELEMENTS (sizes) ? sizes[type] : 0;
}

static inline const char *
gguf_value_name (guint32 type)
{
  static const char *const names[] = { "u8", "i8", "u16", "i16", "u32", "i32",
    "f32", "bool", "string", "array", "u64", "i64", "f64" };

  return type < G_N_ELEMENTS (names) ? names[type] : "unknown";
}

#endif
