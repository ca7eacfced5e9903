/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spmodel.h"
#include "files.h"

#include <math.h>
#include <string.h>

#define MAX_BYTES (64u << 20) /* LLaMA's has 500 KB */
#define MAX_PIECES (1u << 19) /* the largest known have half as many */

/* Wire types of protocol buffers. */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* Field numbers of sentencepiece_model.proto. */
enum {
  MODEL_PIECES = 1,
  MODEL_TRAINER_SPEC = 2,
  MODEL_NORMALIZER_SPEC = 3,
  MODEL_DENORMALIZER_SPEC = 5,
  PIECE_PIECE = 1,
  PIECE_SCORE = 2,
  PIECE_TYPE = 3,
  TRAINER_MODEL_TYPE = 3,
  TRAINER_WHITESPACE_AS_SUFFIX = 24,
  TRAINER_BYTE_FALLBACK = 35,
  TRAINER_UNK_ID = 40,
  TRAINER_BOS_ID = 41,
  TRAINER_EOS_ID = 42,
  TRAINER_PAD_ID = 43,
  NORMALIZER_CHARSMAP = 2,
  NORMALIZER_DUMMY_PREFIX = 3,
  NORMALIZER_EXTRA_WHITESPACES = 4,
  NORMALIZER_ESCAPE_WHITESPACES = 5,
};

enum { MODEL_BPE = 2 };
enum { PIECE_NORMAL = 1, PIECE_UNKNOWN = 2, PIECE_BYTE = 6 };

/* A message, or the rest of it. */
typedef struct {
  const guint8 *p, *end;
} Span;

typedef struct {
  guint64 number;
  guint wire;
  guint64 value; /* of a varint or fixed number */
  Span bytes;
} Field;

/* What the specifications say, with the defaults of the .proto file. */
typedef struct {
  guint64 model_type, byte_fallback, whitespace_as_suffix;
  gint32 unk_id, bos_id, eos_id, pad_id;
  gsize charsmap_bytes, denormalizer_bytes;
  guint64 dummy_prefix, extra_whitespaces, escape_whitespaces;
} Spec;

void
spmodel_free (SpModel *model)
{
  if (!model)
    return;
  g_clear_pointer (&model->pieces, g_ptr_array_unref);
  g_clear_pointer (&model->scores, g_array_unref);
  g_clear_pointer (&model->types, g_array_unref);
  g_free (model);
}

static gboolean
take_varint (Span *s, guint64 *value)
{
  *value = 0;
  for (guint shift = 0; shift < 64 && s->p < s->end; shift += 7) {
    guint8 byte = *s->p++;

    *value |= (guint64) (byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return TRUE;
  }
  return FALSE;
}

static gboolean
take_fixed (Span *s, guint n, guint64 *value)
{
  if ((gsize) (s->end - s->p) < n)
    return FALSE;
  *value = 0;
  for (guint i = 0; i < n; i++)
    *value |= (guint64) s->p[i] << (8 * i);
  s->p += n;
  return TRUE;
}

/* The next field; FALSE, without an error, if it is malformed. */
static gboolean
take_field (Span *s, Field *f)
{
  guint64 tag, n;

  if (!take_varint (s, &tag))
    return FALSE;
  f->number = tag >> 3;
  f->wire = tag & 7;
  f->value = 0;
  f->bytes = (Span){ s->p, s->p };
  switch (f->wire) {
    case WIRE_VARINT:
      return take_varint (s, &f->value);
    case WIRE_FIXED64:
      return take_fixed (s, 8, &f->value);
    case WIRE_FIXED32:
      return take_fixed (s, 4, &f->value);
    case WIRE_BYTES:
      if (!take_varint (s, &n) || n > (gsize) (s->end - s->p))
        return FALSE;
      f->bytes = (Span){ s->p, s->p + n };
      s->p += n;
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean
damaged (const char *file, const char *what, GError **error)
{
  return convert_bad (file, error,
      "%s is damaged: not a SentencePiece model, or cut off", what);
}

static gboolean
parse_piece (SpModel *model, Span s, const char *file, GError **error)
{
  guint index = model->pieces->len;
  Span text = { NULL, NULL };
  guint32 bits = 0;
  float score;
  gint32 type = PIECE_NORMAL;
  Field f;

  while (s.p < s.end) {
    if (!take_field (&s, &f))
      return damaged (file, "a piece", error);
    if (f.number == PIECE_PIECE && f.wire == WIRE_BYTES)
      text = f.bytes;
    else if (f.number == PIECE_SCORE && f.wire == WIRE_FIXED32)
      bits = (guint32) f.value;
    else if (f.number == PIECE_TYPE && f.wire == WIRE_VARINT)
      type = f.value <= PIECE_BYTE ? (gint32) f.value : 0;
  }
  if (index >= MAX_PIECES)
    return convert_bad (file, error, "more than %u pieces", MAX_PIECES);
  if (text.p == text.end
      || !g_utf8_validate ((const char *) text.p, text.end - text.p, NULL))
    return convert_bad (file, error, "piece %u is empty or not UTF-8", index);
  memcpy (&score, &bits, 4);
  if (!isfinite (score))
    return convert_bad (file, error, "piece %u has no finite score", index);
  if (type < PIECE_NORMAL)
    return convert_bad (file, error, "piece %u is of no known type", index);
  g_ptr_array_add (model->pieces,
      g_strndup ((const char *) text.p, (gsize) (text.end - text.p)));
  g_array_append_val (model->scores, score);
  g_array_append_val (model->types, type);
  return TRUE;
}

static gboolean
parse_trainer (Spec *spec, Span s, const char *file, GError **error)
{
  Field f;

  while (s.p < s.end) {
    if (!take_field (&s, &f))
      return damaged (file, "the trainer specification", error);
    if (f.wire != WIRE_VARINT)
      continue;
    switch (f.number) {
      case TRAINER_MODEL_TYPE:
        spec->model_type = f.value;
        break;
      case TRAINER_WHITESPACE_AS_SUFFIX:
        spec->whitespace_as_suffix = f.value;
        break;
      case TRAINER_BYTE_FALLBACK:
        spec->byte_fallback = f.value;
        break;
      case TRAINER_UNK_ID:
        spec->unk_id = (gint32) f.value;
        break;
      case TRAINER_BOS_ID:
        spec->bos_id = (gint32) f.value;
        break;
      case TRAINER_EOS_ID:
        spec->eos_id = (gint32) f.value;
        break;
      case TRAINER_PAD_ID:
        spec->pad_id = (gint32) f.value;
        break;
      default:
        break;
    }
  }
  return TRUE;
}

static gboolean
parse_normalizer (
    Spec *spec, Span s, gsize *charsmap_bytes, const char *file, GError **error)
{
  Field f;

  while (s.p < s.end) {
    if (!take_field (&s, &f))
      return damaged (file, "the normalizer specification", error);
    if (f.number == NORMALIZER_CHARSMAP && f.wire == WIRE_BYTES)
      *charsmap_bytes = (gsize) (f.bytes.end - f.bytes.p);
    else if (!spec || f.wire != WIRE_VARINT)
      continue;
    else if (f.number == NORMALIZER_DUMMY_PREFIX)
      spec->dummy_prefix = f.value;
    else if (f.number == NORMALIZER_EXTRA_WHITESPACES)
      spec->extra_whitespaces = f.value;
    else if (f.number == NORMALIZER_ESCAPE_WHITESPACES)
      spec->escape_whitespaces = f.value;
  }
  return TRUE;
}

/* Only what LLaMA's tokenizer is; other models would be split differently. */
static gboolean
check_spec (const Spec *spec, const char *file, GError **error)
{
  if (spec->model_type != MODEL_BPE)
    return convert_bad (file, error,
        "model type %u is not BPE, the only one supported",
        (guint) spec->model_type);
  if (!spec->byte_fallback)
    return convert_bad (
        file, error, "without byte fallback, which is not supported");
  if (spec->charsmap_bytes || spec->denormalizer_bytes)
    return convert_bad (file, error,
        "normalisation rules of %" G_GSIZE_FORMAT
        " bytes; only identity is supported",
        spec->charsmap_bytes + spec->denormalizer_bytes);
  if (!spec->dummy_prefix || spec->extra_whitespaces
      || !spec->escape_whitespaces || spec->whitespace_as_suffix)
    return convert_bad (file, error,
        "other handling of white space than LLaMA's is not supported: "
        "dummy prefix %s, extra spaces %s, escaped %s, as suffix %s",
        spec->dummy_prefix ? "on" : "off",
        spec->extra_whitespaces ? "removed" : "kept",
        spec->escape_whitespaces ? "yes" : "no",
        spec->whitespace_as_suffix ? "yes" : "no");
  return TRUE;
}

static gboolean
check_id (const SpModel *model, const char *name, gint32 id, const char *file,
    GError **error)
{
  if (id < 0 || (guint) id >= model->pieces->len)
    return convert_bad (file, error, "%s id %d is not one of the %u pieces",
        name, id, model->pieces->len);
  return TRUE;
}

static gboolean
check_pieces (const SpModel *model, const char *file, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  guint n_bytes = 0, n_unknown = 0;

  if (model->pieces->len == 0)
    return convert_bad (file, error, "a tokenizer without pieces");
  for (guint i = 0; i < model->pieces->len; i++) {
    gint32 type = g_array_index (model->types, gint32, i);

    if (!g_hash_table_add (seen, g_ptr_array_index (model->pieces, i))) {
      const char *piece = g_ptr_array_index (model->pieces, i);
      g_autofree char *safe = convert_quote (piece, strlen (piece));

      return convert_bad (
          file, error, "piece %u, '%s', is there twice", i, safe);
    }
    n_bytes += type == PIECE_BYTE;
    n_unknown += type == PIECE_UNKNOWN;
  }
  if (n_bytes != 256)
    return convert_bad (file, error, "%u byte pieces instead of 256", n_bytes);
  if (n_unknown != 1)
    return convert_bad (
        file, error, "%u pieces for unknown instead of one", n_unknown);
  if (!check_id (model, "unknown", model->unk_id, file, error)
      || !check_id (model, "begin", model->bos_id, file, error)
      || !check_id (model, "end", model->eos_id, file, error))
    return FALSE;
  if (g_array_index (model->types, gint32, model->unk_id) != PIECE_UNKNOWN)
    return convert_bad (
        file, error, "piece %d is not that for unknown", model->unk_id);
  return TRUE;
}

SpModel *
spmodel_parse (const guint8 *data, gsize size, const char *file, GError **error)
{
  g_autoptr (SpModel) model = g_new0 (SpModel, 1);
  Spec spec = { .model_type = 1,
    .bos_id = 1,
    .eos_id = 2,
    .pad_id = -1,
    .dummy_prefix = 1,
    .extra_whitespaces = 1,
    .escape_whitespaces = 1 };
  Span s = { data, data + size };
  Field f = { 0 };

  model->pieces = g_ptr_array_new_with_free_func (g_free);
  model->scores = g_array_new (FALSE, FALSE, sizeof (float));
  model->types = g_array_new (FALSE, FALSE, sizeof (gint32));
  while (s.p < s.end) {
    gboolean ok = take_field (&s, &f) || damaged (file, "the file", error);

    if (ok && f.wire == WIRE_BYTES && f.number == MODEL_PIECES)
      ok = parse_piece (model, f.bytes, file, error);
    else if (ok && f.wire == WIRE_BYTES && f.number == MODEL_TRAINER_SPEC)
      ok = parse_trainer (&spec, f.bytes, file, error);
    else if (ok && f.wire == WIRE_BYTES && f.number == MODEL_NORMALIZER_SPEC)
      ok = parse_normalizer (&spec, f.bytes, &spec.charsmap_bytes, file, error);
    else if (ok && f.wire == WIRE_BYTES && f.number == MODEL_DENORMALIZER_SPEC)
      ok = parse_normalizer (
          NULL, f.bytes, &spec.denormalizer_bytes, file, error);
    if (!ok)
      return NULL;
  }
  model->unk_id = spec.unk_id;
  model->bos_id = spec.bos_id;
  model->eos_id = spec.eos_id;
  model->pad_id = spec.pad_id;
  if (!check_spec (&spec, file, error) || !check_pieces (model, file, error))
    return NULL;
  return g_steal_pointer (&model);
}

SpModel *
spmodel_load (Folder *folder, GError **error)
{
  g_autofree char *path =
      g_build_filename (folder_path (folder), "tokenizer.model", NULL);
  g_autoptr (GBytes) bytes = NULL;
  gsize size;
  const guint8 *data;

  if (!folder_has (folder, "tokenizer.model")
      && folder_has (folder, "tokenizer.json")) {
    convert_bad (path, error,
        "is missing; tokenizer.json does not stand for it here, the base "
        "model's tokenizer.model does");
    return NULL;
  }
  bytes = folder_read (folder, "tokenizer.model", MAX_BYTES, error);
  if (!bytes)
    return NULL;
  data = g_bytes_get_data (bytes, &size);
  return spmodel_parse (data ? data : (const guint8 *) "", size, path, error);
}
