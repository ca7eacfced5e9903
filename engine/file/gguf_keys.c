/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of a GGUF file: parsing of keys and values, and the getters. */
#include "gguf_private.h"

#include <string.h>

#define MAX_KEY_BYTES 65535u

typedef struct {
  char *key;
  guint32 type;      /* GGUF_* */
  guint32 item_type; /* of an array */
  guint64 n;         /* items of an array */
  union {
    guint64 u; /* unsigned integers and bool */
    gint64 i;  /* signed integers */
    double f;
    char *string;
    char **strings; /* n, and the bytes behind them */
    void *numbers;  /* i32 or f32 arrays, aligned */
  } v;
} GgufKv;

static void
kv_free (gpointer data)
{
  GgufKv *kv = data;

  if (kv->type == GGUF_STRING)
    g_free (kv->v.string);
  else if (kv->type == GGUF_ARRAY)
    g_free (kv->v.numbers); /* strings are one block as well */
  g_free (kv->key);
  g_free (kv);
}

GHashTable *
gguf_keys_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, kv_free);
}

/* Strings of an array under construction: a table of pointers, and the bytes
 * behind it. In the table are offsets until all is there. */
typedef struct {
  guint8 *block;
  gsize used, size;
} Strings;

static gboolean
strings_grow (Strings *s, gsize n)
{
  guint8 *block;
  gsize size;

  if (n <= s->size - s->used)
    return TRUE;
  size = MAX (s->used + n, s->size + s->size / 2);
  block = g_try_realloc (s->block, size);
  if (!block)
    return FALSE;
  s->block = block;
  s->size = size;
  return TRUE;
}

/* Each length is read once. The block is never larger than twice what the
 * strings take in the file, where each has 8 bytes beside its own. */
static gboolean
take_string (
    GgufCursor *c, const GgufKv *kv, Strings *s, guint64 i, GError **error)
{
  guint64 n;
  gsize offset = s->used;

  if (!gguf_take_u64 (c, &n, kv->key, error))
    return FALSE;
  /* What the file does not have is not allocated. */
  if (n <= gguf_left (c) && !strings_grow (s, n + 1))
    return gguf_no_memory (c->gguf, s->used + n + 1, kv->key, error);
  if (!gguf_read (c, s->block + offset, n, kv->key, error))
    return FALSE;
  if (memchr (s->block + offset, 0, n))
    return gguf_bad (c->gguf, error,
        "key '%s': string %" G_GUINT64_FORMAT " has a NUL byte inside", kv->key,
        i);
  s->block[offset + n] = 0;
  s->used += n + 1;
  memcpy (s->block + i * sizeof (gsize), &offset, sizeof (gsize));
  return TRUE;
}

static gboolean
take_strings (GgufCursor *c, GgufKv *kv, GError **error)
{
  gsize table = kv->n * sizeof (char *);
  Strings s = { g_try_malloc (table + 1), table, table + 1 };
  char **strings;
  guint8 *block;

  G_STATIC_ASSERT (sizeof (gsize) == sizeof (char *));
  kv->v.strings = (char **) s.block;
  if (!s.block)
    return gguf_no_memory (c->gguf, table, kv->key, error);
  for (guint64 i = 0; i < kv->n; i++) {
    gboolean ok = take_string (c, kv, &s, i, error);

    kv->v.strings = (char **) s.block;
    if (!ok)
      return FALSE;
  }
  block = g_try_realloc (s.block, MAX (s.used, 1));
  strings = kv->v.strings = (char **) (block ? block : s.block);
  for (guint64 i = 0; i < kv->n; i++) {
    gsize offset;

    memcpy (&offset, &strings[i], sizeof offset);
    strings[i] = (char *) strings + offset;
  }
  return TRUE;
}

/* Arrays of types that nobody asks for are checked and left out. */
static gboolean
skip_items (GgufCursor *c, const GgufKv *kv, guint64 size, GError **error)
{
  guint8 part[4096];
  gsize n;

  for (guint64 at = 0; at < size; at += n) {
    n = (gsize) MIN (size - at, sizeof part);
    if (!gguf_read (c, part, n, kv->key, error))
      return FALSE;
    for (gsize i = 0; i < n && kv->item_type == GGUF_BOOL; i++)
      if (part[i] > 1)
        return gguf_bad (c->gguf, error,
            "key '%s': boolean %" G_GUINT64_FORMAT " is %u", kv->key, at + i,
            part[i]);
  }
  return TRUE;
}

static gboolean
take_array (GgufCursor *c, GgufKv *kv, GError **error)
{
  guint64 size;
  gsize item;

  if (!gguf_take_u32 (c, &kv->item_type, kv->key, error)
      || !gguf_take_u64 (c, &kv->n, kv->key, error))
    return FALSE;
  if (kv->item_type == GGUF_ARRAY)
    return gguf_bad (c->gguf, error,
        "key '%s': arrays of arrays are not supported", kv->key);
  item = gguf_value_size (kv->item_type);
  if (item == 0)
    return gguf_bad (c->gguf, error, "key '%s': unknown array type %u", kv->key,
        kv->item_type);
  /* A string takes 8 bytes at least. */
  if (kv->n > gguf_left (c) / item || kv->n > G_MAXINT32)
    return gguf_bad (c->gguf, error,
        "key '%s': array of %" G_GUINT64_FORMAT
        " items does not fit the %" G_GUINT64_FORMAT " bytes left in the file",
        kv->key, kv->n, gguf_left (c));
  if (kv->item_type == GGUF_STRING)
    return take_strings (c, kv, error);
  size = kv->n * item;
  if (kv->item_type != GGUF_F32 && kv->item_type != GGUF_I32)
    return skip_items (c, kv, size, error);
  kv->v.numbers = g_try_malloc (size + 1);
  if (!kv->v.numbers)
    return gguf_no_memory (c->gguf, size, kv->key, error);
  return gguf_read (c, kv->v.numbers, size, kv->key, error);
}

static gboolean
take_scalar (GgufCursor *c, GgufKv *kv, GError **error)
{
  gsize size = gguf_value_size (kv->type);
  guint64 raw = 0;
  float f;

  if (size == 0)
    return gguf_bad (
        c->gguf, error, "key '%s': unknown value type %u", kv->key, kv->type);
  if (!gguf_read (c, &raw, size, kv->key, error))
    return FALSE;
  switch (kv->type) {
    case GGUF_I8:
      kv->v.i = (gint8) raw;
      break;
    case GGUF_I16:
      kv->v.i = (gint16) raw;
      break;
    case GGUF_I32:
      kv->v.i = (gint32) raw;
      break;
    case GGUF_F32:
      memcpy (&f, &raw, 4);
      kv->v.f = f;
      break;
    case GGUF_F64:
      memcpy (&kv->v.f, &raw, 8);
      break;
    case GGUF_BOOL:
      if (raw > 1)
        return gguf_bad (
            c->gguf, error, "key '%s': boolean is %u", kv->key, (guint) raw);
      kv->v.u = raw;
      break;
    default:
      kv->v.u = raw;
      break;
  }
  return TRUE;
}

gboolean
gguf_take_key (GgufCursor *c, Owl2Gguf *gguf, GError **error)
{
  GgufKv *kv = g_new0 (GgufKv, 1);
  guint32 type;
  gboolean ok;

  /* kv->type stays 0, a number, until its value is there: kv_free() looks. */
  kv->key = gguf_take_name (c, MAX_KEY_BYTES, "key", error);
  if (!kv->key)
    goto fail;
  if (g_hash_table_contains (gguf->keys, kv->key)) {
    gguf_bad (gguf, error, "key '%s' is there twice", kv->key);
    goto fail;
  }
  if (!gguf_take_u32 (c, &type, kv->key, error))
    goto fail;
  kv->type = type;
  if (type == GGUF_STRING)
    ok =
        (kv->v.string = gguf_take_text (c, G_MAXSSIZE, kv->key, error)) != NULL;
  else if (type == GGUF_ARRAY)
    ok = take_array (c, kv, error);
  else
    ok = take_scalar (c, kv, error);
  if (!ok)
    goto fail;
  g_hash_table_insert (gguf->keys, kv->key, kv);
  return TRUE;

fail:
  kv_free (kv);
  return FALSE;
}

/* ---- metadata --------------------------------------------------------- */

gboolean
owl2_gguf_has (const Owl2Gguf *gguf, const char *key)
{
  return g_hash_table_contains (gguf->keys, key);
}

static const GgufKv *
find (const Owl2Gguf *gguf, const char *key, GError **error)
{
  const GgufKv *kv = g_hash_table_lookup (gguf->keys, key);

  if (!kv)
    gguf_bad (gguf, error, "key '%s' is missing", key);
  return kv;
}

gboolean
owl2_gguf_u32 (
    const Owl2Gguf *gguf, const char *key, guint32 *value, GError **error)
{
  const GgufKv *kv = find (gguf, key, error);

  if (!kv)
    return FALSE;
  switch (kv->type) {
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_U64:
      if (kv->v.u > G_MAXUINT32)
        return gguf_bad (gguf, error,
            "key '%s' is %" G_GUINT64_FORMAT ", more than 32 bits hold", key,
            kv->v.u);
      *value = (guint32) kv->v.u;
      return TRUE;
    case GGUF_I8:
    case GGUF_I16:
    case GGUF_I32:
    case GGUF_I64:
      if (kv->v.i < 0 || kv->v.i > G_MAXUINT32)
        return gguf_bad (gguf, error,
            "key '%s' is %" G_GINT64_FORMAT
            ", not an unsigned number of 32 bits",
            key, kv->v.i);
      *value = (guint32) kv->v.i;
      return TRUE;
    default:
      return gguf_bad (gguf, error, "key '%s' is a %s, not an integer", key,
          gguf_value_name (kv->type));
  }
}

gboolean
owl2_gguf_u32_or (const Owl2Gguf *gguf, const char *key, guint32 fallback,
    guint32 *value, GError **error)
{
  if (owl2_gguf_has (gguf, key))
    return owl2_gguf_u32 (gguf, key, value, error);
  *value = fallback;
  return TRUE;
}

gboolean
owl2_gguf_f32 (
    const Owl2Gguf *gguf, const char *key, float *value, GError **error)
{
  const GgufKv *kv = find (gguf, key, error);

  if (!kv)
    return FALSE;
  if (kv->type != GGUF_F32 && kv->type != GGUF_F64)
    return gguf_bad (gguf, error, "key '%s' is a %s, not a real number", key,
        gguf_value_name (kv->type));
  /* The conversion of a larger double would be undefined. */
  if (kv->v.f > G_MAXFLOAT || kv->v.f < -G_MAXFLOAT)
    return gguf_bad (
        gguf, error, "key '%s' is %g, more than f32 holds", key, kv->v.f);
  *value = (float) kv->v.f;
  return TRUE;
}

gboolean
owl2_gguf_bool_or (const Owl2Gguf *gguf, const char *key, gboolean fallback,
    gboolean *value, GError **error)
{
  const GgufKv *kv = g_hash_table_lookup (gguf->keys, key);

  if (!kv) {
    *value = fallback;
    return TRUE;
  }
  if (kv->type != GGUF_BOOL)
    return gguf_bad (gguf, error, "key '%s' is a %s, not a bool", key,
        gguf_value_name (kv->type));
  *value = kv->v.u != 0;
  return TRUE;
}

gboolean
owl2_gguf_string (
    const Owl2Gguf *gguf, const char *key, const char **value, GError **error)
{
  const GgufKv *kv = find (gguf, key, error);

  if (!kv)
    return FALSE;
  if (kv->type != GGUF_STRING)
    return gguf_bad (gguf, error, "key '%s' is a %s, not a string", key,
        gguf_value_name (kv->type));
  *value = kv->v.string;
  return TRUE;
}

static const GgufKv *
find_array (
    const Owl2Gguf *gguf, const char *key, guint32 item_type, GError **error)
{
  const GgufKv *kv = find (gguf, key, error);

  if (!kv)
    return NULL;
  if (kv->type != GGUF_ARRAY) {
    gguf_bad (gguf, error, "key '%s' is a %s, not an array", key,
        gguf_value_name (kv->type));
    return NULL;
  }
  if (kv->item_type != item_type) {
    gguf_bad (gguf, error, "key '%s' is an array of %s, not of %s", key,
        gguf_value_name (kv->item_type), gguf_value_name (item_type));
    return NULL;
  }
  return kv;
}

gboolean
owl2_gguf_strings (const Owl2Gguf *gguf, const char *key,
    const char *const **values, guint *n, GError **error)
{
  const GgufKv *kv = find_array (gguf, key, GGUF_STRING, error);

  if (!kv)
    return FALSE;
  *values = (const char *const *) kv->v.strings;
  *n = (guint) kv->n;
  return TRUE;
}

gboolean
owl2_gguf_f32s (const Owl2Gguf *gguf, const char *key, const float **values,
    guint *n, GError **error)
{
  const GgufKv *kv = find_array (gguf, key, GGUF_F32, error);

  if (!kv)
    return FALSE;
  *values = kv->v.numbers;
  *n = (guint) kv->n;
  return TRUE;
}

gboolean
owl2_gguf_i32s (const Owl2Gguf *gguf, const char *key, const gint32 **values,
    guint *n, GError **error)
{
  const GgufKv *kv = find_array (gguf, key, GGUF_I32, error);

  if (!kv)
    return FALSE;
  *values = kv->v.numbers;
  *n = (guint) kv->n;
  return TRUE;
}
