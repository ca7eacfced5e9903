/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "testdata.h"

#include <string.h>

/* ---- vocabularies ----------------------------------------------------- */

TestVocab *
test_vocab_new (void)
{
  TestVocab *vocab = g_new0 (TestVocab, 1);

  vocab->pieces = g_ptr_array_new_with_free_func (g_free);
  vocab->scores = g_array_new (FALSE, FALSE, sizeof (float));
  vocab->types = g_array_new (FALSE, FALSE, sizeof (gint32));
  return vocab;
}

void
test_vocab_free (TestVocab *vocab)
{
  if (!vocab)
    return;
  g_ptr_array_unref (vocab->pieces);
  g_array_unref (vocab->scores);
  g_array_unref (vocab->types);
  g_free (vocab);
}

void
test_vocab_add (
    TestVocab *vocab, const char *piece, float score, Owl2PieceType type)
{
  gint32 number = (gint32) type;

  g_ptr_array_add (vocab->pieces, g_strdup (piece));
  g_array_append_val (vocab->scores, score);
  g_array_append_val (vocab->types, number);
}

void
test_vocab_add_base (TestVocab *vocab)
{
  test_vocab_add (vocab, "<unk>", 0, OWL2_PIECE_UNKNOWN);
  test_vocab_add (vocab, "<s>", 0, OWL2_PIECE_CONTROL);
  test_vocab_add (vocab, "</s>", 0, OWL2_PIECE_CONTROL);
  for (guint b = 0; b < 256; b++) {
    char piece[8];

    g_snprintf (piece, sizeof piece, "<0x%02X>", b);
    test_vocab_add (vocab, piece, 0, OWL2_PIECE_BYTE);
  }
}

Owl2Vocab
test_vocab_view (const TestVocab *vocab)
{
  Owl2Vocab view = {
    .pieces = (const char *const *) vocab->pieces->pdata,
    .scores = (const float *) (void *) vocab->scores->data,
    .types = (const gint32 *) (void *) vocab->types->data,
    .n = vocab->pieces->len,
    .bos_id = 1,
    .eos_id = 2,
    .unk_id = 0,
  };

  return view;
}

/* ---- protocol buffers: as little as a model file needs ---------------- */

typedef struct {
  const guint8 *p, *end;
} Proto;

static gboolean
read_varint (Proto *m, guint64 *value)
{
  *value = 0;
  for (guint shift = 0; shift < 64 && m->p < m->end; shift += 7) {
    guint8 b = *m->p++;

    *value |= (guint64) (b & 0x7f) << shift;
    if (b < 0x80)
      return TRUE;
  }
  return FALSE;
}

/* One field: number, and its value or its bytes. */
static gboolean
read_field (Proto *m, guint *field, guint64 *value, Proto *bytes)
{
  guint64 tag, size = 0;

  if (!read_varint (m, &tag))
    return FALSE;
  *field = (guint) (tag >> 3);
  switch (tag & 7) {
    case 0:
      return read_varint (m, value);
    case 1:
      size = 8;
      break;
    case 2:
      if (!read_varint (m, &size))
        return FALSE;
      break;
    case 5:
      size = 4;
      break;
    default:
      return FALSE;
  }
  if (size > (guint64) (m->end - m->p))
    return FALSE;
  bytes->p = m->p;
  bytes->end = m->p += size;
  return TRUE;
}

static gboolean
read_piece (TestVocab *vocab, Proto m)
{
  g_autofree char *piece = g_strdup ("");
  float score = 0;
  guint64 type = OWL2_PIECE_NORMAL, value = 0;
  guint field;
  Proto bytes = { NULL, NULL };

  while (m.p < m.end) {
    if (!read_field (&m, &field, &value, &bytes))
      return FALSE;
    if (field == 1) {
      g_free (piece);
      piece = g_strndup ((const char *) bytes.p, (gsize) (bytes.end - bytes.p));
    } else if (field == 2) {
      memcpy (&score, bytes.p, 4);
    } else if (field == 3) {
      type = value;
    }
  }
  test_vocab_add (vocab, piece, score, (Owl2PieceType) type);
  return TRUE;
}

TestVocab *
test_vocab_load (const char *path)
{
  g_autoptr (TestVocab) vocab = test_vocab_new ();
  g_autofree char *data = NULL;
  gsize len;
  guint64 value;
  guint field;
  Proto m, bytes;

  if (!g_file_get_contents (path, &data, &len, NULL))
    return NULL;
  m.p = (const guint8 *) data;
  m.end = m.p + len;
  while (m.p < m.end) {
    if (!read_field (&m, &field, &value, &bytes)
        || (field == 1 && !read_piece (vocab, bytes)))
      return NULL;
  }
  return g_steal_pointer (&vocab);
}

/* ---- reference data --------------------------------------------------- */

guint32
test_seed (void)
{
  const char *given = g_getenv ("OWL2_TEST_SEED");

  return given ? (guint32) g_ascii_strtoull (given, NULL, 0) : 20231107;
}

char *
test_data_path (const char *part)
{
  const char *root = g_getenv ("OWL2_TEST_DATA");

  if (!root)
    g_error ("OWL2_TEST_DATA is not set");
  return g_build_filename (root, part, NULL);
}

Owl2Tokenizer *
test_tokenizer (const char *model)
{
  g_autofree char *part =
      g_build_filename (model, "model", "tokenizer.model", NULL);
  g_autofree char *path = test_data_path (part);
  g_autoptr (TestVocab) vocab = test_vocab_load (path);
  g_autoptr (GError) error = NULL;
  Owl2Tokenizer *tok;
  Owl2Vocab view;

  if (!vocab)
    g_error ("%s: no SentencePiece model", path);
  view = test_vocab_view (vocab);
  tok = owl2_tokenizer_new (&view, path, &error);
  g_assert_no_error (error);
  return tok;
}

static void
line_free (gpointer data)
{
  TestLine *line = data;

  g_string_free (line->text, TRUE);
  g_string_free (line->decoded, TRUE);
  g_array_unref (line->ids);
  g_free (line);
}

static guint
read_hex4 (const char *p)
{
  char digits[5] = { p[0], p[1], p[2], p[3], '\0' };

  return (guint) g_ascii_strtoull (digits, NULL, 16);
}

/* A JSON string; @p stands behind its opening quote. */
static const char *
read_string (const char *p, GString *out)
{
  while (*p != '"') {
    g_assert_cmpint (*p, !=, '\0');
    if (*p != '\\') {
      g_string_append_c (out, *p++);
      continue;
    }
    p += 2;
    if (p[-1] == 'u') {
      guint code = read_hex4 (p);

      p += 4;
      if (code >= 0xd800 && code < 0xdc00) {
        code = 0x10000 + ((code - 0xd800) << 10) + read_hex4 (p + 2) - 0xdc00;
        p += 6;
      }
      g_string_append_unichar (out, code);
    } else {
      static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
      const char *at = strchr (from, p[-1]);

      g_string_append_c (out, at ? to[at - from] : p[-1]);
    }
  }
  return p + 1;
}

static TestLine *
read_line (const char *p)
{
  TestLine *line = g_new0 (TestLine, 1);

  line->text = g_string_new (NULL);
  line->decoded = g_string_new (NULL);
  line->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  for (; *p != '\0' && *p != '}'; p++) {
    g_autoptr (GString) key = g_string_new (NULL);

    if (*p != '"')
      continue;
    p = read_string (p + 1, key);
    p += strspn (p, ": ");
    if (*p == '"') {
      GString *to =
          g_str_equal (key->str, "decoded") ? line->decoded : line->text;

      p = read_string (p + 1, to);
      continue;
    }
    g_assert_cmpint (*p, ==, '[');
    for (p++; *p != ']';) {
      char *end;
      gint32 id = (gint32) g_ascii_strtoll (p, &end, 10);

      g_assert_true (end != p);
      g_array_append_val (line->ids, id);
      p = end + strspn (end, ", ");
    }
  }
  return line;
}

GPtrArray *
test_read_lines (const char *path)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func (line_free);
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  g_auto (GStrv) split = NULL;

  g_file_get_contents (path, &data, NULL, &error);
  g_assert_no_error (error);
  split = g_strsplit (data, "\n", -1);
  for (guint i = 0; split[i]; i++) {
    if (split[i][0] == '{')
      g_ptr_array_add (lines, read_line (split[i]));
  }
  return lines;
}

/* ---- comparison and chance -------------------------------------------- */

char *
test_show_ids (const gint32 *ids, guint n)
{
  GString *out = g_string_new ("[");

  for (guint i = 0; i < n; i++)
    g_string_append_printf (out, "%s%d", i ? " " : "", ids[i]);
  g_string_append_c (out, ']');
  return g_string_free (out, FALSE);
}

void
test_assert_ids (
    const char *what, const GArray *got, const gint32 *want, guint n)
{
  const gint32 *ids = (const gint32 *) (void *) got->data;

  /* The data of an empty array is NULL, which memcmp must not be given. */
  if (got->len != n || (n && memcmp (ids, want, n * sizeof *want) != 0)) {
    g_autofree char *escaped = g_strescape (what, NULL);
    g_autofree char *a = test_show_ids (ids, got->len);
    g_autofree char *b = test_show_ids (want, n);

    g_error ("\"%s\":\n got %s\nwant %s", escaped, a, b);
  }
}

GString *
test_random_text (GRand *rand, guint most, gboolean damaged)
{
  static const char *const parts[] = { " ", "  ", "\n", "\t", "a", "b", "the",
    "The", "ing", "image", "USER:", "0", "7", TEST_SPACE, "\xc3\xa9",
    "\xe7\x8c\xab", "\xf0\x9f\x98\x80", "\xef\xbf\xbd", "\xe2\x80\x8d", "<s>",
    "</s>", "<unk>", "<0x41>", "\x01", "\x7f", "." };
  guint n = (guint) g_rand_int_range (rand, 0, (gint32) most + 1);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++) {
    guint kind = (guint) g_rand_int_range (rand, 0, damaged ? 10 : 9);

    if (kind < 6)
      g_string_append (
          text, parts[g_rand_int_range (rand, 0, G_N_ELEMENTS (parts))]);
    else if (kind < 8)
      g_string_append_c (text, (char) g_rand_int_range (rand, 1, 128));
    else if (kind == 8)
      g_string_append_unichar (
          text, (gunichar) g_rand_int_range (rand, 1, 0xd800));
    else
      g_string_append_c (text, (char) g_rand_int_range (rand, 1, 256));
  }
  return text;
}
