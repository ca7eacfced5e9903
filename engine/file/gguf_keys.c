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

/* Strings of an array: a table of pointers and the bytes in one block, no
 * larger than a few times what the strings take in the file. */
static gboolean
take_strings (GgufCursor *c, GgufKv *kv, GError **error)
{
  gsize start = c->pos;
  gsize total = 0;
  char *out;

  for (guint64 i = 0; i < kv->n; i++) {
    guint64 n;
    const guint8 *p;

    if (!gguf_take_u64 (c, &n, kv->key, error)
        || !(p = gguf_take (c, n, kv->key, error)))
      return FALSE;
    if (n > 0 && memchr (p, 0, n))
      return gguf_bad (c->gguf, error,
          "key '%s': string %" G_GUINT64_FORMAT " has a NUL byte inside",
          kv->key, i);
    total += n + 1;
  }
  kv->v.strings = g_try_malloc (kv->n * sizeof (char *) + total + 1);
  if (!kv->v.strings) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: key '%s': no memory for %" G_GUINT64_FORMAT " strings",
        c->gguf->name, kv->key, kv->n);
    return FALSE;
  }
  out = (char *) (kv->v.strings + kv->n);
  c->pos = start;
  for (guint64 i = 0; i < kv->n; i++) {
    guint64 n;

    memcpy (&n, c->data + c->pos, 8);
    memcpy (out, c->data + c->pos + 8, n);
    out[n] = 0;
    kv->v.strings[i] = out;
    out += n + 1;
    c->pos += 8 + n;
  }
  return TRUE;
}

static gboolean
take_array (GgufCursor *c, GgufKv *kv, GError **error)
{
  const guint8 *p;
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
  if (kv->n > (c->size - c->pos) / item || kv->n > G_MAXINT32)
    return gguf_bad (c->gguf, error,
        "key '%s': array of %" G_GUINT64_FORMAT
        " items does not fit the %" G_GSIZE_FORMAT " bytes left in the file",
        kv->key, kv->n, c->size - c->pos);
  if (kv->item_type == GGUF_STRING)
    return take_strings (c, kv, error);
  size = kv->n * item;
  if (!(p = gguf_take (c, size, kv->key, error)))
    return FALSE;
  if (kv->item_type == GGUF_BOOL)
    for (guint64 i = 0; i < kv->n; i++)
      if (p[i] > 1)
        return gguf_bad (c->gguf, error,
            "key '%s': boolean %" G_GUINT64_FORMAT " is %u", kv->key, i, p[i]);
  /* Arrays lie unaligned in the file; those that are handed out are copied. */
  if (kv->item_type == GGUF_F32 || kv->item_type == GGUF_I32) {
    kv->v.numbers = g_try_malloc (size + 1);
    if (!kv->v.numbers) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
          "%s: key '%s': no memory for %" G_GUINT64_FORMAT " numbers",
          c->gguf->name, kv->key, kv->n);
      return FALSE;
    }
    memcpy (kv->v.numbers, p, size);
  }
  return TRUE;
}

static gboolean
take_scalar (GgufCursor *c, GgufKv *kv, GError **error)
{
  gsize size = gguf_value_size (kv->type);
  const guint8 *p;
  guint64 raw = 0;
  float f;

  if (size == 0)
    return gguf_bad (
        c->gguf, error, "key '%s': unknown value type %u", kv->key, kv->type);
  if (!(p = gguf_take (c, size, kv->key, error)))
    return FALSE;
  memcpy (&raw, p, size);
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
      memcpy (&f, p, 4);
      kv->v.f = f;
      break;
    case GGUF_F64:
      memcpy (&kv->v.f, p, 8);
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
    ok = (kv->v.string = gguf_take_text (c, c->size, kv->key, error)) != NULL;
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
