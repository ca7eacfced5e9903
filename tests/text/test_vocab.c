/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vocabularies that are none: each is refused, with the numbers. */
#include <math.h>
#include <string.h>

#include "printable.h"
#include "testdata.h"

typedef struct {
  const char *name;
  void (*damage) (TestVocab *vocab, Owl2Vocab *view);
  const char *message; /* must be part of the error's text */
} BadCase;

static void
set_type (TestVocab *vocab, guint i, gint32 type)
{
  g_array_index (vocab->types, gint32, i) = type;
}

static void
set_piece (TestVocab *vocab, guint i, const char *piece)
{
  g_free (g_ptr_array_index (vocab->pieces, i));
  g_ptr_array_index (vocab->pieces, i) = g_strdup (piece);
}

static void
no_pieces (TestVocab *vocab, Owl2Vocab *view)
{
  view->n = 0;
}

static void
too_many (TestVocab *vocab, Owl2Vocab *view)
{
  view->n = 4000000000u;
}

static void
far_bos (TestVocab *vocab, Owl2Vocab *view)
{
  view->bos_id = 4294967295u;
}

static void
far_eos (TestVocab *vocab, Owl2Vocab *view)
{
  view->eos_id = view->n;
}

static void
far_unk (TestVocab *vocab, Owl2Vocab *view)
{
  view->unk_id = view->n;
}

static void
unk_is_control (TestVocab *vocab, Owl2Vocab *view)
{
  view->unk_id = 1;
}

static void
two_unks (TestVocab *vocab, Owl2Vocab *view)
{
  set_type (vocab, 260, OWL2_PIECE_UNKNOWN);
}

static void
type_zero (TestVocab *vocab, Owl2Vocab *view)
{
  set_type (vocab, 260, 0);
}

static void
type_seven (TestVocab *vocab, Owl2Vocab *view)
{
  set_type (vocab, 260, 7);
}

static void
type_negative (TestVocab *vocab, Owl2Vocab *view)
{
  set_type (vocab, 260, -2147483647);
}

static void
score_nan (TestVocab *vocab, Owl2Vocab *view)
{
  g_array_index (vocab->scores, float, 260) = NAN;
}

static void
score_infinite (TestVocab *vocab, Owl2Vocab *view)
{
  g_array_index (vocab->scores, float, 260) = -INFINITY;
}

static void
piece_empty (TestVocab *vocab, Owl2Vocab *view)
{
  set_piece (vocab, 260, "");
}

static void
piece_null (TestVocab *vocab, Owl2Vocab *view)
{
  g_free (g_ptr_array_index (vocab->pieces, 260));
  g_ptr_array_index (vocab->pieces, 260) = NULL;
}

static void
piece_long (TestVocab *vocab, Owl2Vocab *view)
{
  g_autofree char *piece = g_strnfill (1025, 'a');

  set_piece (vocab, 260, piece);
}

static void
piece_twice (TestVocab *vocab, Owl2Vocab *view)
{
  set_piece (vocab, 260, "x\ny");
  set_piece (vocab, 261, "x\ny");
}

static void
piece_is_reserved (TestVocab *vocab, Owl2Vocab *view)
{
  set_piece (vocab, 260, "</s>");
}

static void
piece_damaged (TestVocab *vocab, Owl2Vocab *view)
{
  set_piece (vocab, 260, "\xe7\x8c");
}

static void
byte_missing (TestVocab *vocab, Owl2Vocab *view)
{
  set_type (vocab, 3 + 0xab, OWL2_PIECE_NORMAL);
}

static void
byte_malformed (TestVocab *vocab, Owl2Vocab *view)
{
  set_piece (vocab, 3 + 0xab, "<0xab>");
}

static const BadCase bad_cases[] = {
  { "no-pieces", no_pieces, "has 0 pieces, 1 to 16777216" },
  { "too-many", too_many, "has 4000000000 pieces" },
  { "bos", far_bos, "begin token id is 4294967295, the vocabulary has 262" },
  { "eos", far_eos, "end token id is 262" },
  { "unk", far_unk, "unknown token id is 262" },
  { "unk-type", unk_is_control, "unknown token id is 1, but that piece has" },
  { "two-unks", two_unks, "pieces 0 and 260 are both of the unknown type" },
  { "type-0", type_zero, "piece 260 has type 0" },
  { "type-7", type_seven, "piece 260 has type 7" },
  { "type-negative", type_negative, "piece 260 has type -2147483647" },
  { "score-nan", score_nan, "score of piece 260 is" },
  { "score-infinite", score_infinite, "score of piece 260 is -inf" },
  { "piece-empty", piece_empty, "piece 260 has 0 bytes" },
  { "piece-null", piece_null, "piece 260 has 0 bytes" },
  { "piece-long", piece_long, "piece 260 has 1025 bytes, 1 to 1024" },
  { "piece-twice", piece_twice, "pieces 260 and 261 are both \"x\\ny\"" },
  { "piece-reserved", piece_is_reserved, "pieces 2 and 260 are both" },
  { "piece-damaged", piece_damaged, "piece 260 is no valid UTF-8" },
  { "byte-missing", byte_missing, "is the byte piece <0xAB>" },
  { "byte-malformed", byte_malformed, "byte piece 174 is \"<0xab>\"" },
};

static void
test_bad (gconstpointer data)
{
  const BadCase *bad = data;
  g_autoptr (TestVocab) vocab = test_vocab_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *shown = NULL;
  Owl2Vocab view;

  test_vocab_add_base (vocab);
  test_vocab_add (vocab, TEST_SPACE, -1, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "a", -2, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "b", -3, OWL2_PIECE_NORMAL);
  view = test_vocab_view (vocab);
  bad->damage (vocab, &view);
  g_assert_null (owl2_tokenizer_new (&view, "bad.gguf", &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  shown = owl2_printable_message (error->message);
  g_test_message ("%s", shown);
  g_assert_true (g_str_has_prefix (shown, "bad.gguf: "));
  g_assert_nonnull (strstr (shown, bad->message));
  g_assert_null (strchr (shown, '\n'));
}

/* A million pieces load and work. */
static void
test_many_pieces (void)
{
  g_autoptr (TestVocab) vocab = test_vocab_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Tokenizer) tok = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  Owl2Vocab view;
  gint64 begin;

  test_vocab_add_base (vocab);
  for (guint i = 0; i < 1000000; i++) {
    char piece[16];

    g_snprintf (piece, sizeof piece, "%u", i);
    test_vocab_add (vocab, piece, -(float) i, OWL2_PIECE_NORMAL);
  }
  view = test_vocab_view (vocab);
  begin = g_get_monotonic_time ();
  tok = owl2_tokenizer_new (&view, "many", &error);
  g_test_message ("1,000,259 pieces in %.0f ms",
      (double) (g_get_monotonic_time () - begin) / 1000);
  g_assert_no_error (error);
  owl2_tokenizer_encode (tok, "123456", -1, ids);
  g_assert_cmpuint (ids->len, ==, 4); /* three bytes of U+2581 */
  g_assert_cmpint (g_array_index (ids, gint32, 3), ==, 259 + 123456);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (bad_cases); i++) {
    g_autofree char *path =
        g_strconcat ("/vocab/bad/", bad_cases[i].name, NULL);

    g_test_add_data_func (path, &bad_cases[i], test_bad);
  }
  g_test_add_func ("/vocab/many-pieces", test_many_pieces);
  return g_test_run ();
}
