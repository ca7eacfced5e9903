/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How fast the tokenizer is, printed, and that no text makes it quadratic,
 * checked: eight times the text may take 40 times as long, where n log n takes
 * 9 and n^2 takes 64; in processor time, since what else the machine does is
 * none of it. Without arguments the vocabulary and the text are made
 * up; with MODEL and TEXT, a SentencePiece model and a file, it only prints. */
#include <string.h>
#include <time.h>

#include "testdata.h"

#define SMALL (128u << 10)
#define LARGE (1u << 20)

static guint32 seed;

/* Words of two to five syllables, the first ones the most frequent. */
static GPtrArray *
make_words (GRand *rand, guint n)
{
  static const char *const begin[] = { "b", "c", "d", "f", "g", "l", "m", "n",
    "p", "r", "s", "t", "st", "th", "tr", "w" };
  static const char *const end[] = { "a", "e", "i", "o", "u", "an", "er", "ing",
    "is", "ou" };
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);

  while (words->len < n) {
    GString *word = g_string_new (NULL);

    for (gint i = g_rand_int_range (rand, 2, 6); i > 0; i--) {
      g_string_append (
          word, begin[g_rand_int_range (rand, 0, G_N_ELEMENTS (begin))]);
      g_string_append (
          word, end[g_rand_int_range (rand, 0, G_N_ELEMENTS (end))]);
    }
    g_ptr_array_add (words, g_string_free (word, FALSE));
  }
  return words;
}

/* All beginnings of the words, so that merges lead to each: as deep as those
 * of a trained vocabulary. And runs of spaces, as LLaMA has them. */
static TestVocab *
make_vocab (GPtrArray *words, guint n)
{
  g_autoptr (GHashTable) seen =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  TestVocab *vocab = test_vocab_new ();
  g_autoptr (GString) spaces = g_string_new (TEST_SPACE TEST_SPACE);

  test_vocab_add_base (vocab);
  for (; spaces->len <= 16 * strlen (TEST_SPACE);
       g_string_append (spaces, spaces->str))
    test_vocab_add (
        vocab, spaces->str, -(float) vocab->pieces->len, OWL2_PIECE_NORMAL);
  for (gsize len = 1; len <= 20 && vocab->pieces->len < n; len++) {
    for (guint i = 0; i < words->len && vocab->pieces->len < n; i++) {
      const char *word = g_ptr_array_index (words, i);
      char *piece;

      if (strlen (word) < len)
        continue;
      for (guint bare = 0; bare < 2; bare++) {
        piece =
            g_strdup_printf ("%s%.*s", bare ? "" : TEST_SPACE, (int) len, word);
        if (g_hash_table_add (seen, piece))
          test_vocab_add (
              vocab, piece, -(float) vocab->pieces->len, OWL2_PIECE_NORMAL);
      }
    }
  }
  return vocab;
}

static GString *
make_text (GRand *rand, GPtrArray *words, gsize size)
{
  GString *text = g_string_new (NULL);

  while (text->len < size) {
    /* Squared twice: some words are met far more often than others. */
    double u = g_rand_double (rand);
    guint at = (guint) (u * u * u * u * words->len);

    g_string_append (text, g_ptr_array_index (words, at));
    g_string_append (text, g_rand_int_range (rand, 0, 12) ? " " : ".\n");
  }
  return text;
}

static double
thread_seconds (void)
{
  struct timespec t;

  g_assert_cmpint (clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t), ==, 0);
  return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* Processor seconds of the fastest of @times. */
static double
measure (const Owl2Tokenizer *tok, const char *text, gsize len, guint times)
{
  double best = G_MAXDOUBLE;

  for (guint i = 0; i < times; i++) {
    g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
    double begin = thread_seconds (), now;

    owl2_tokenizer_encode (tok, text, (gssize) len, ids);
    now = thread_seconds ();
    best = MIN (best, now - begin);
    g_assert_cmpuint (ids->len, >=, len / owl2_tokenizer_max_piece (tok));
  }
  return best;
}

static void
check_linear (const Owl2Tokenizer *tok, const char *name, const char *unit)
{
  g_autoptr (GString) text = g_string_new (NULL);
  double small, large;

  while (text->len < LARGE)
    g_string_append (text, unit);
  small = measure (tok, text->str, SMALL, 3);
  large = measure (tok, text->str, LARGE, 2);
  g_test_message ("%s: 128 KiB %.1f ms, 1 MiB %.1f ms, %.1f MB/s", name,
      small * 1e3, large * 1e3, LARGE / large / 1e6);
  g_assert_cmpfloat (large / small, <, 40);
}

static void
check_all (const Owl2Tokenizer *tok)
{
  check_linear (tok, "a", "a");
  check_linear (tok, "spaces", " ");
  check_linear (tok, "U+2581", TEST_SPACE);
  check_linear (tok, "one word", "sting");
  check_linear (tok, "CJK", "\xe7\x8c\xab");
  check_linear (tok, "damaged bytes", "\xff");
  check_linear (tok, "control bytes", "\x01");
}

static void
test_speed (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  g_autoptr (GPtrArray) words = make_words (rand, 30000);
  g_autoptr (TestVocab) vocab = make_vocab (words, 32000);
  g_autoptr (GString) text = make_text (rand, words, 4u << 20);
  Owl2Vocab view = test_vocab_view (vocab);
  gint64 begin = g_get_monotonic_time ();
  g_autoptr (Owl2Tokenizer) tok = owl2_tokenizer_new (&view, "made up", NULL);
  double seconds;

  g_test_message ("%u pieces loaded in %.1f ms", view.n,
      (double) (g_get_monotonic_time () - begin) / 1e3);
  seconds = measure (tok, text->str, text->len, 3);
  g_test_message ("%u pieces, words: %.1f MB/s", view.n,
      (double) text->len / seconds / 1e6);
  check_all (tok);
}

/* Vocabularies made to be slow: long runs of one character with scores that
 * rise, fall or are equal with the length, unused or user-defined. */
static void
test_hostile (void)
{
  static const struct {
    const char *name;
    float step;
    Owl2PieceType type;
  } cases[] = {
    { "longest first", 1, OWL2_PIECE_NORMAL },
    { "shortest first", -1, OWL2_PIECE_NORMAL },
    { "equal scores", 0, OWL2_PIECE_NORMAL },
    { "unused", 1, OWL2_PIECE_UNUSED },
    { "user-defined", 0, OWL2_PIECE_USER_DEFINED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (TestVocab) vocab = test_vocab_new ();
    g_autoptr (Owl2Tokenizer) tok = NULL;
    Owl2Vocab view;

    test_vocab_add_base (vocab);
    for (guint n = 1; n <= 1024; n++) {
      g_autofree char *piece = g_strnfill (n, 'a');

      test_vocab_add (vocab, piece, (float) n * cases[i].step,
          n > 1 ? cases[i].type : OWL2_PIECE_NORMAL);
    }
    view = test_vocab_view (vocab);
    tok = owl2_tokenizer_new (&view, cases[i].name, NULL);
    check_linear (tok, cases[i].name, "a");
  }
}

static int
measure_file (const char *model, const char *path)
{
  g_autoptr (TestVocab) vocab = test_vocab_load (model);
  g_autoptr (Owl2Tokenizer) tok = NULL;
  g_autofree char *text = NULL;
  gsize len;
  Owl2Vocab view;

  if (!vocab || !g_file_get_contents (path, &text, &len, NULL)) {
    g_printerr ("can't read %s or %s\n", model, path);
    return 1;
  }
  view = test_vocab_view (vocab);
  tok = owl2_tokenizer_new (&view, model, NULL);
  if (!tok)
    return 1;
  g_print ("%u pieces, %s: %.1f MB/s\n", view.n, path,
      (double) len / measure (tok, text, len, 5) / 1e6);
  return 0;
}

int
main (int argc, char **argv)
{
  if (argc == 3 && argv[1][0] != '-')
    return measure_file (argv[1], argv[2]);
  g_test_init (&argc, &argv, NULL);
  seed = test_seed ();
  g_test_message ("OWL2_TEST_SEED=%u", seed);
  g_test_add_func ("/tokenizer/speed", test_speed);
  g_test_add_func ("/tokenizer/hostile-vocabularies", test_hostile);
  return g_test_run ();
}
