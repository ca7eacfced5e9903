/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tokenizer against the reference data, and against a plain quadratic BPE
 * on vocabularies made by chance. */
#include <string.h>

#include "testdata.h"

static guint32 seed;

static GArray *
encode (const Owl2Tokenizer *tok, const char *text, gssize len)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  owl2_tokenizer_encode (tok, text, len, ids);
  return ids;
}

/* ---- reference data --------------------------------------------------- */

static void
test_golden (gconstpointer data)
{
  const char *model = data;
  g_autofree char *part =
      g_build_filename (model, "golden", "tokenizer.jsonl", NULL);
  g_autofree char *path = test_data_path (part);
  g_autoptr (GPtrArray) lines = test_read_lines (path);
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer (model);

  g_assert_cmpuint (lines->len, ==, 60);
  g_assert_cmpuint (owl2_tokenizer_n_vocab (tok), ==, 512);
  g_assert_cmpint (owl2_tokenizer_bos (tok), ==, 1);
  g_assert_cmpint (owl2_tokenizer_eos (tok), ==, 2);
  for (guint i = 0; i < lines->len; i++) {
    const TestLine *line = g_ptr_array_index (lines, i);
    const gint32 *want = (const gint32 *) (void *) line->ids->data;
    g_autoptr (GArray) ids =
        encode (tok, line->text->str, (gssize) line->text->len);
    g_autofree char *text = owl2_tokenizer_decode (tok, want, line->ids->len);

    test_assert_ids (line->text->str, ids, want, line->ids->len);
    g_assert_cmpstr (text, ==, line->decoded->str);
  }
}

static void
test_special (void)
{
  static const struct {
    const char *text;
    gint32 ids[8];
    guint n;
  } cases[] = {
    { "", { 0 }, 0 },
    { "</s>", { 2 }, 1 },
    { "<s></s><unk>", { 1, 2, 0 }, 3 },
    { "a</s>a", { 261, 2, 261 }, 3 },
    { " </s> ", { 271, 2, 271 }, 3 },
    { "<s>a", { 1, 261 }, 2 },
    { "A<unk>0", { 268, 0, 398, 432 }, 4 },
    { "a\n</s>", { 261, 13, 2 }, 3 },
  };
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

    owl2_tokenizer_encode_special (tok, cases[i].text, -1, ids);
    test_assert_ids (cases[i].text, ids, cases[i].ids, cases[i].n);
  }
}

/* Where one special piece begins another, the longer one is taken. */
static void
test_special_longest (void)
{
  const gint32 want[] = { 2, 1 };
  g_autoptr (TestVocab) vocab = test_vocab_new ();
  g_autoptr (Owl2Tokenizer) tok = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  Owl2Vocab view;

  test_vocab_add_base (vocab);
  test_vocab_add (vocab, TEST_SPACE, 0, OWL2_PIECE_NORMAL);
  g_free (g_ptr_array_index (vocab->pieces, 2));
  g_ptr_array_index (vocab->pieces, 2) = g_strdup ("<s>>");
  view = test_vocab_view (vocab);
  for (guint i = 0; i < 2; i++) {
    g_clear_pointer (&tok, owl2_tokenizer_free);
    tok = owl2_tokenizer_new (&view, "longest", NULL);
    g_array_set_size (ids, 0);
    owl2_tokenizer_encode_special (tok, "<s>><s>", -1, ids);
    test_assert_ids ("<s>><s>", ids, want, G_N_ELEMENTS (want));
    view.bos_id = 2;
    view.eos_id = 1;
  }
}

/* Merges may lead to the very bytes of a reserved piece, but not to it. */
static void
test_reserved_bytes (void)
{
  const gint32 want[] = { 260, 262, 261, 262, 263, 264 };
  g_autoptr (TestVocab) vocab = test_vocab_new ();
  g_autoptr (Owl2Tokenizer) tok = NULL;
  g_autoptr (GArray) ids = NULL;
  Owl2Vocab view;

  test_vocab_add_base (vocab);
  test_vocab_add (vocab, TEST_SPACE, -9, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, TEST_SPACE "</", -1, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "</", -1, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "s>", -1, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "<0x4", -1, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "1>", -1, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "<0", 0, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "x4", 0, OWL2_PIECE_NORMAL);
  /* Else no merge would even be tried between these characters. */
  test_vocab_add (vocab, "/s", -8, OWL2_PIECE_NORMAL);
  test_vocab_add (vocab, "41", -8, OWL2_PIECE_NORMAL);
  view = test_vocab_view (vocab);
  tok = owl2_tokenizer_new (&view, "reserved", NULL);
  ids = encode (tok, "</s></s><0x41>", -1);
  test_assert_ids ("</s></s><0x41>", ids, want, G_N_ELEMENTS (want));
}

/* Plain encoding never gives a reserved id, whatever the text says. */
static void
test_no_reserved (void)
{
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (guint i = 0; i < 2000; i++) {
    GString *text = test_random_text (rand, 40, TRUE);
    g_autoptr (GArray) ids = encode (tok, text->str, (gssize) text->len);

    for (guint j = 0; j < ids->len; j++)
      g_assert_cmpint (g_array_index (ids, gint32, j), >, 2);
    g_string_free (text, TRUE);
  }
}

/* Text that is valid UTF-8 without U+2581 comes back as it was. */
static void
test_round_trip (void)
{
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("gqa");
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (guint i = 0; i < 3000; i++) {
    GString *text = test_random_text (rand, 60, FALSE);
    g_autoptr (GArray) ids = NULL;
    g_autofree char *back = NULL;

    g_string_replace (text, TEST_SPACE, "", 0);
    ids = encode (tok, text->str, -1);
    back = owl2_tokenizer_decode (
        tok, (const gint32 *) (void *) ids->data, ids->len);
    g_assert_cmpstr (back, ==, text->str);
    g_string_free (text, TRUE);
  }
}

/* Damaged bytes: each becomes the three byte tokens of U+FFFD; NUL its own. */
static void
test_damaged (void)
{
  static const struct {
    const char *text;
    guint len, n_bad;
  } cases[] = {
    { "\xff", 1, 1 },
    { "\xc0\x80", 2, 2 },         /* overlong */
    { "\xe0\x80\x80", 3, 3 },     /* overlong */
    { "\xed\xa0\x80", 3, 3 },     /* surrogate */
    { "\xf4\x90\x80\x80", 4, 4 }, /* above U+10FFFF */
    { "\xf0\x9f\x98", 3, 3 },     /* cut off */
    { "\xe7\x8c", 2, 2 },         /* cut off */
    { "\x80\xbf", 2, 2 },
  };
  const gint32 nul[] = { 398, 3, 401 };
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autoptr (GArray) with_nul = encode (tok, "\0a", 2);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GArray) ids = encode (tok, cases[i].text, (gssize) cases[i].len);

    g_assert_cmpuint (ids->len, ==, 1 + 3 * cases[i].n_bad);
    for (guint j = 1; j < ids->len; j += 3) {
      g_assert_cmpint (g_array_index (ids, gint32, j), ==, 3 + 0xef);
      g_assert_cmpint (g_array_index (ids, gint32, j + 1), ==, 3 + 0xbf);
      g_assert_cmpint (g_array_index (ids, gint32, j + 2), ==, 3 + 0xbd);
    }
  }
  test_assert_ids ("NUL, a", with_nul, nul, G_N_ELEMENTS (nul));
}

/* ---- a plain BPE ------------------------------------------------------ */

typedef struct {
  GString *s;
  gboolean frozen;
} Part;

typedef struct {
  const TestVocab *vocab;
  GHashTable *ids;    /* piece -> id + 1, pieces that text can become */
  GHashTable *halves; /* piece -> its left half, where unused */
  GPtrArray *parts;   /* Part */
} Plain;

static void
part_free (gpointer data)
{
  Part *part = data;

  g_string_free (part->s, TRUE);
  g_free (part);
}

static gint32
plain_find (Plain *b, const char *s)
{
  return GPOINTER_TO_INT (g_hash_table_lookup (b->ids, s)) - 1;
}

static gint32
plain_type (Plain *b, gint32 id)
{
  return g_array_index (b->vocab->types, gint32, id);
}

/* What the pair from @i on becomes, or -1; remembers the halves of an unused
 * piece when the pair is @fresh. */
static gint32
plain_pair (Plain *b, gint i, gboolean fresh)
{
  const Part *left, *right;
  g_autofree char *joined = NULL;
  gint32 id;

  if (i < 0 || i + 1 >= (gint) b->parts->len)
    return -1;
  left = g_ptr_array_index (b->parts, i);
  right = g_ptr_array_index (b->parts, i + 1);
  if (left->frozen || right->frozen)
    return -1;
  joined = g_strconcat (left->s->str, right->s->str, NULL);
  id = plain_find (b, joined);
  if (id >= 0 && fresh && plain_type (b, id) == OWL2_PIECE_UNUSED)
    g_hash_table_insert (
        b->halves, g_steal_pointer (&joined), g_strdup (left->s->str));
  return id;
}

static void
plain_put (Plain *b, const char *s, GArray *out)
{
  gint32 id = plain_find (b, s);
  const char *left;

  if (id < 0) {
    for (; *s; s++) {
      id = 3 + (guint8) *s;
      g_array_append_val (out, id);
    }
    return;
  }
  left = g_hash_table_lookup (b->halves, s);
  if (plain_type (b, id) == OWL2_PIECE_UNUSED && left) {
    plain_put (b, left, out);
    plain_put (b, s + strlen (left), out);
    return;
  }
  g_array_append_val (out, id);
}

static void
plain_split (Plain *b, const char *text)
{
  g_autoptr (GString) normal = g_string_new (TEST_SPACE);

  g_string_append (normal, text);
  g_string_replace (normal, " ", TEST_SPACE, 0);
  for (const char *p = normal->str; *p;) {
    Part *part = g_new0 (Part, 1);
    gsize len = 0;

    for (guint i = 0; i < b->vocab->pieces->len; i++) {
      const char *piece = g_ptr_array_index (b->vocab->pieces, i);

      if (plain_type (b, (gint32) i) == OWL2_PIECE_USER_DEFINED
          && g_str_has_prefix (p, piece) && strlen (piece) > len)
        len = strlen (piece);
    }
    part->frozen = len > 0;
    if (len == 0)
      len = (gsize) (g_utf8_next_char (p) - p);
    part->s = g_string_new_len (p, (gssize) len);
    g_ptr_array_add (b->parts, part);
    p += len;
  }
}

static GArray *
plain_encode (Plain *b, const char *text)
{
  GArray *out = g_array_new (FALSE, FALSE, sizeof (gint32));

  g_ptr_array_set_size (b->parts, 0);
  g_hash_table_remove_all (b->halves);
  if (*text)
    plain_split (b, text);
  for (guint i = 0; i < b->parts->len; i++)
    plain_pair (b, (gint) i, TRUE);
  for (;;) {
    gint best = -1;
    float best_score = 0;

    for (gint i = 0; i + 1 < (gint) b->parts->len; i++) {
      gint32 id = plain_pair (b, i, FALSE);
      float score;

      if (id < 0)
        continue;
      score = g_array_index (b->vocab->scores, float, id);
      if (best < 0 || score > best_score) {
        best = i;
        best_score = score;
      }
    }
    if (best < 0)
      break;
    g_string_append (((Part *) g_ptr_array_index (b->parts, best))->s,
        ((Part *) g_ptr_array_index (b->parts, best + 1))->s->str);
    g_ptr_array_remove_index (b->parts, (guint) best + 1);
    plain_pair (b, best - 1, TRUE);
    plain_pair (b, best, TRUE);
  }
  for (guint i = 0; i < b->parts->len; i++)
    plain_put (b, ((Part *) g_ptr_array_index (b->parts, i))->s->str, out);
  return out;
}

static GString *
random_word (GRand *rand, guint most)
{
  static const char *const letters[] = { "a", "b", "c", TEST_SPACE, "\xc3\xa9",
    "\xe7\x8c\xab" };
  guint n = (guint) g_rand_int_range (rand, 1, (gint32) most + 1);
  GString *word = g_string_new (NULL);

  for (guint i = 0; i < n; i++) {
    /* Mostly few letters, so that pieces meet. */
    guint k = (guint) g_rand_int_range (rand, 0, 12);

    g_string_append (word, letters[k < 6 ? k : k % 2]);
  }
  return word;
}

static TestVocab *
random_vocab (GRand *rand, gboolean unused, gboolean user)
{
  TestVocab *vocab = test_vocab_new ();
  g_autoptr (GHashTable) seen =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint n = (guint) g_rand_int_range (rand, 1, 80);

  test_vocab_add_base (vocab);
  for (guint i = 0; i < n; i++) {
    GString *word = random_word (rand, i < 6 ? 1 : 6);
    Owl2PieceType type = OWL2_PIECE_NORMAL;
    gint32 dice = g_rand_int_range (rand, 0, 8);

    if (unused && dice < 2)
      type = OWL2_PIECE_UNUSED;
    else if (user && dice == 2)
      type = OWL2_PIECE_USER_DEFINED;
    if (g_hash_table_add (seen, g_strdup (word->str)))
      test_vocab_add (vocab, word->str,
          (float) g_rand_int_range (rand, -4, 2) * (i % 2 ? 0.5f : -0.5f),
          type);
    g_string_free (word, TRUE);
  }
  return vocab;
}

static void
test_plain (gconstpointer data)
{
  guint kind = GPOINTER_TO_UINT (data);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed + kind);

  for (guint v = 0; v < 200; v++) {
    g_autoptr (TestVocab) vocab = random_vocab (rand, kind & 1, kind & 2);
    Owl2Vocab view = test_vocab_view (vocab);
    g_autoptr (Owl2Tokenizer) tok = owl2_tokenizer_new (&view, "chance", NULL);
    Plain plain = { vocab, g_hash_table_new (g_str_hash, g_str_equal),
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
      g_ptr_array_new_with_free_func (part_free) };

    g_assert_nonnull (tok);
    for (guint i = 259; i < vocab->pieces->len; i++)
      g_hash_table_insert (plain.ids, g_ptr_array_index (vocab->pieces, i),
          GUINT_TO_POINTER (i + 1));
    for (guint t = 0; t < 40; t++) {
      GString *text = random_word (rand, t < 35 ? 24 : 120);
      g_autoptr (GArray) got = NULL, want = NULL;

      /* Characters of no piece cut the text into runs. */
      g_string_replace (text, "c", " ", t % 2);
      g_string_replace (text, "bb", "z", t % 3);
      if (t % 4 == 0)
        g_string_append_printf (text, "z%s", text->str);
      got = encode (tok, text->str, -1);
      want = plain_encode (&plain, text->str);
      test_assert_ids (
          text->str, got, (const gint32 *) (void *) want->data, want->len);
      g_string_free (text, TRUE);
    }
    g_hash_table_unref (plain.ids);
    g_hash_table_unref (plain.halves);
    g_ptr_array_unref (plain.parts);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  seed = test_seed ();
  g_test_message ("OWL2_TEST_SEED=%u", seed);
  g_test_add_data_func ("/tokenizer/golden/mini", "mini", test_golden);
  g_test_add_data_func ("/tokenizer/golden/gqa", "gqa", test_golden);
  g_test_add_func ("/tokenizer/special", test_special);
  g_test_add_func ("/tokenizer/special-longest", test_special_longest);
  g_test_add_func ("/tokenizer/reserved-bytes", test_reserved_bytes);
  g_test_add_func ("/tokenizer/no-reserved", test_no_reserved);
  g_test_add_func ("/tokenizer/round-trip", test_round_trip);
  g_test_add_func ("/tokenizer/damaged", test_damaged);
  g_test_add_data_func (
      "/tokenizer/plain/normal", GUINT_TO_POINTER (0), test_plain);
  g_test_add_data_func (
      "/tokenizer/plain/unused", GUINT_TO_POINTER (1), test_plain);
  g_test_add_data_func (
      "/tokenizer/plain/user", GUINT_TO_POINTER (2), test_plain);
  g_test_add_data_func (
      "/tokenizer/plain/both", GUINT_TO_POINTER (3), test_plain);
  return g_test_run ();
}
