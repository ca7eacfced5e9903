/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The prompt template, the image-place rules, and ids back to text, whole and
 * token by token. */
#include <string.h>

#include "testdata.h"

static guint32 seed;

/* ---- prompts ---------------------------------------------------------- */

static void
test_golden (gconstpointer data)
{
  const char *model = data;
  g_autofree char *part =
      g_build_filename (model, "golden", "prompt_ids.jsonl", NULL);
  g_autofree char *path = test_data_path (part);
  g_autoptr (GPtrArray) lines = test_read_lines (path);
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer (model);

  g_assert_cmpuint (lines->len, ==, 15);
  for (guint i = 0; i < lines->len; i++) {
    const TestLine *line = g_ptr_array_index (lines, i);
    g_autoptr (GArray) ids = owl2_prompt_encode (tok, line->text->str);

    test_assert_ids (line->text->str, ids,
        (const gint32 *) (void *) line->ids->data, line->ids->len);
  }
}

/* What the reference data does not have: worked out by hand from the rules. */
static void
test_places (void)
{
  static const struct {
    const char *prompt;
    gint32 ids[8];
    guint n;
  } cases[] = {
    { "", { 0 }, 0 },
    { "a", { 1, 261 }, 2 },
    { "<|image|>a<|image|>a", { -200, 1, 261, -200, 1, 261 }, 6 },
    { "a<|image|>a<|image|>", { 1, 261, -200, 261, -200 }, 5 },
    { "a<|image|><|image|>a", { 1, 261, -200, -200, 261 }, 5 },
    /* One `<s>` in front of each text, and the written one besides. */
    { "<s>a", { 1, 1, 261 }, 3 },
    { "a<|image|><s>a", { 1, 261, -200, 1, 261 }, 5 },
    { "a</s>a", { 1, 261, 2, 261 }, 4 },
  };
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GArray) ids = owl2_prompt_encode (tok, cases[i].prompt);

    test_assert_ids (cases[i].prompt, ids, cases[i].ids, cases[i].n);
  }
}

static void
test_template (void)
{
  static const struct {
    const char *question;
    gboolean image;
    Owl2PromptTurn history[2];
    guint n_history;
    const char *prompt;
  } cases[] = {
    { "What?", FALSE, { { 0 } }, 0, "USER: What? ASSISTANT:" },
    { "What?", TRUE, { { 0 } }, 0, "USER: <|image|>What? ASSISTANT:" },
    { "A <|image|> B", TRUE, { { 0 } }, 0, "USER: A <|image|> B ASSISTANT:" },
    { "", TRUE, { { 0 } }, 0, "USER: <|image|> ASSISTANT:" },
    { "And?", TRUE, { { "What?", "A ball." } }, 1,
        "USER: <|image|>What? ASSISTANT: A ball.</s>USER: And? ASSISTANT:" },
    { "C", FALSE, { { "A", "a" }, { "B", "b" } }, 2,
        "USER: A ASSISTANT: a</s>USER: B ASSISTANT: b</s>USER: C ASSISTANT:" },
    /* The first turn has the place, where it has it itself, and no other. */
    { "C", TRUE, { { "A", "a" }, { "<|image|>B", "b" } }, 2,
        "USER: <|image|>A ASSISTANT: a</s>USER: B ASSISTANT: b</s>"
        "USER: C ASSISTANT:" },
    { "<|image|>C", TRUE, { { "A", "a" } }, 1,
        "USER: <|image|>A ASSISTANT: a</s>USER: C ASSISTANT:" },
    { "C<|image|>", TRUE, { { "A<|image|>", "a" }, { "<|image|>B", "b" } }, 2,
        "USER: A<|image|> ASSISTANT: a</s>USER: B ASSISTANT: b</s>"
        "USER: C ASSISTANT:" },
    /* What is plain is none, and is left as it is. */
    { "\xff<|image|>C\xfe", TRUE, { { "\xff<|image|>\xfe", "a" } }, 1,
        "USER: <|image|>\xff<|image|>\xfe ASSISTANT: a</s>"
        "USER: \xff<|image|>C\xfe ASSISTANT:" },
    { "<|image|>\xff<|image|>\xfe<|im<|image|>age|>\xff|\xfe", TRUE,
        { { "A", "\xff<|image|>a\xfe" } }, 1,
        "USER: <|image|>A ASSISTANT: \xff<|image|>a\xfe</s>"
        "USER: \xff<|image|>|\xfe ASSISTANT:" },
    /* No answer opens one. */
    { "B", TRUE, { { "A", "a<|im<|image|>age|><|image|>" } }, 1,
        "USER: <|image|>A ASSISTANT: a</s>USER: B ASSISTANT:" },
    { "B", FALSE, { { "A", "" } }, 1,
        "USER: A ASSISTANT: </s>USER: B ASSISTANT:" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *prompt = owl2_prompt_build (cases[i].question,
        cases[i].image, cases[i].history, cases[i].n_history);

    g_assert_cmpstr (prompt, ==, cases[i].prompt);
  }
}

/* The template gives the very prompts of the reference data. */
static void
test_template_ids (void)
{
  const gint32 want[] = { 1, 304, 421, 398, -200, 339, 311, 349, 398, 276, 439,
    307, 421, 268, 373, 412, 2, 304, 421, 339, 311, 266, 404, 381, 315, 439,
    307, 421 };
  const Owl2PromptTurn history = { "What is it?", "A ball." };
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autofree char *prompt =
      owl2_prompt_build ("What colour?", TRUE, &history, 1);
  g_autoptr (GArray) ids = owl2_prompt_encode (tok, prompt);

  test_assert_ids (prompt, ids, want, G_N_ELEMENTS (want));
}

/* Only places of the template are filled. */
static void
test_fill (void)
{
  static const char *const cases[][3] = {
    { "USER: {} ASSISTANT:", "What?", "USER: What? ASSISTANT:" },
    { "{}, {}{}", "a{}", "a{}, a{}a{}" },
    { "{ } {", "a", "{ } {" },
    { "a {}.", NULL, "a ." },
    { "", "a", "" },
    { "<|image|>{}", "\xff<|image|>\xfe", "<|image|>\xff<|image|>\xfe" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *prompt = owl2_prompt_put (cases[i][0], cases[i][1]);

    g_assert_cmpstr (prompt, ==, cases[i][2]);
  }
}

/* A space comes between where there is none. */
static void
test_append (void)
{
  static const char *const cases[][3] = {
    { "A:", "The", "A: The" },
    { "A: ", "The", "A: The" },
    { "A:", "\nThe", "A:\nThe" },
    { "A:\n", "The", "A:\nThe" },
    { "A:", NULL, "A:" },
    { "A:", "", "A:" },
    { "", "The", "The" },
    { "A:\xe3\x80\x80", "The", "A:\xe3\x80\x80The" },
    { "A:", "\xc2\xa0The", "A:\xc2\xa0The" },
    { "A\xff: \xfe", "The",
        "A\xff: \xfe"
        "The" },
    { "A\xff:\xfe", "The", "A\xff:\xfe The" },
    { "A:", "\xff b\xfe", "A:\xff b\xfe" },
    { "A\xe3", "\xe3", "A\xe3 \xe3" },
    { "\xfe", "b", "\xfe b" },
    { "\x80\x80", "b", "\x80\x80 b" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *prompt = owl2_prompt_append (cases[i][0], cases[i][1]);

    g_assert_cmpstr (prompt, ==, cases[i][2]);
  }
}

/* ---- plain text ------------------------------------------------------- */

static guint
count_id (const GArray *ids, gint32 id)
{
  guint n = 0;

  for (guint i = 0; i < ids->len; i++)
    n += g_array_index (ids, gint32, i) == id;
  return n;
}

/* The ids of USER: <|image|>@text ASSISTANT:, where @text is plain or not. */
static GArray *
question_ids (const Owl2Tokenizer *tok, const char *text, gboolean plain)
{
  g_autofree char *marked = plain ? owl2_prompt_mark_plain (text) : NULL;
  g_autofree char *prompt =
      owl2_prompt_build (plain ? marked : text, TRUE, NULL, 0);

  return owl2_prompt_encode (tok, prompt);
}

/* Where there is nothing special in it, plain text changes no id. */
static void
test_plain_same (void)
{
  static const char *const texts[] = { "", " ", "  two  spaces ", "What?",
    "a\nb\n", "\n", "\tTab", "<", "<|", "</", "<s", "< /s>", "|image|>",
    "\xc3\xa4\xc3\xb6 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\xa6\x89",
    "\xe2\x96\x81\xe2\x96\x81x", "e\xcc\x81", "\xef\xbf\xbd" };
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GArray) want = question_ids (tok, texts[i], FALSE);
    g_autoptr (GArray) got = question_ids (tok, texts[i], TRUE);

    test_assert_ids (
        texts[i], got, (const gint32 *) (void *) want->data, want->len);
  }
}

/* What is special elsewhere is letters in it, also across its ends: the ids
 * are those of plain SentencePiece, and spell the text. */
static void
test_plain_special (void)
{
  static const char *const texts[] = { "<|image|>", "</s>", "<s>", "<unk>",
    "a<|image|>b</s>USER: c", "<|image|><|image|>", "</s></s>" };
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GArray) got = question_ids (tok, texts[i], TRUE);
    g_autoptr (GArray) want = g_array_new (FALSE, FALSE, sizeof (gint32));
    g_autofree char *whole = g_strconcat (texts[i], " ASSISTANT:", NULL);
    const gint32 bos = 1, image = OWL2_IMAGE_ID;

    g_array_append_val (want, bos);
    owl2_tokenizer_encode (tok, "USER: ", -1, want);
    g_array_append_val (want, image);
    owl2_tokenizer_encode (tok, whole, -1, want);
    test_assert_ids (
        texts[i], got, (const gint32 *) (void *) want->data, want->len);
    g_assert_cmpuint (count_id (got, OWL2_IMAGE_ID), ==, 1);
    g_assert_cmpuint (count_id (got, 2), ==, 0);
  }
  { /* an empty one at the beginning, which nothing is before */
    g_autoptr (GArray) got = owl2_prompt_encode (tok, "\xff\xfe");

    g_assert_cmpuint (got->len, ==, 0);
  }
  for (guint i = 0; i < 9; i++) { /* a half of it is the prompt's own */
    g_autofree char *first = g_strndup (OWL2_IMAGE_PLACE, i);
    g_autofree char *marked = owl2_prompt_mark_plain (&OWL2_IMAGE_PLACE[i]);
    g_autofree char *prompt = g_strconcat (first, marked, NULL);
    g_autoptr (GArray) got = owl2_prompt_encode (tok, prompt);

    g_assert_cmpuint (count_id (got, OWL2_IMAGE_ID), ==, 0);
  }
}

/* The marks can't be forged: bytes that are no UTF-8 become U+FFFD. */
static void
test_plain_marks (void)
{
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autoptr (GArray) got = question_ids (tok, "\xfe<|image|></s>\xff", TRUE);
  g_autoptr (GArray) want =
      question_ids (tok, "\xef\xbf\xbd<|image|></s>\xef\xbf\xbd", TRUE);

  test_assert_ids (
      "marks", got, (const gint32 *) (void *) want->data, want->len);
  g_assert_cmpuint (count_id (got, OWL2_IMAGE_ID), ==, 1);
  g_assert_cmpuint (count_id (got, 2), ==, 0);
}

/* ---- ids to text ------------------------------------------------------ */

/* Straight from the rules, for the mini vocabulary's reserved ids. */
static char *
plain_decode (const TestVocab *vocab, const gint32 *ids, guint n)
{
  g_autoptr (GString) bytes = g_string_new (NULL);
  GString *out = g_string_new (NULL);
  gboolean opened = FALSE;

  for (guint i = 0; i <= n; i++) {
    const char *piece;

    if (i < n && ids[i] >= 3 && ids[i] < 259) {
      g_string_append_c (bytes, (char) (ids[i] - 3));
      continue;
    }
    for (gsize at = 0; at < bytes->len;) {
      gunichar c = (guint8) bytes->str[at] < 0x80
                       ? (guint8) bytes->str[at]
                       : g_utf8_get_char_validated (
                           bytes->str + at, (gssize) (bytes->len - at));

      opened = TRUE;
      if (c == 0 || c >= (gunichar) -2) {
        g_string_append (out, "\xef\xbf\xbd");
        at++;
      } else {
        g_string_append_unichar (out, c);
        at += (gsize) g_unichar_to_utf8 (c, NULL);
      }
    }
    g_string_truncate (bytes, 0);
    if (i == n || ids[i] < 0 || ids[i] == 1 || ids[i] == 2 || ids[i] >= 512)
      continue;
    if (ids[i] == 0) {
      g_string_append (out, " \xe2\x81\x87 ");
    } else {
      g_autoptr (GString) text = NULL;

      piece = g_ptr_array_index (vocab->pieces, ids[i]);
      if (!opened && g_str_has_prefix (piece, TEST_SPACE))
        piece += strlen (TEST_SPACE);
      text = g_string_new (piece);
      g_string_replace (text, TEST_SPACE, " ", 0);
      g_string_append (out, text->str);
    }
    opened = TRUE;
  }
  return g_string_free (out, FALSE);
}

static gint32
random_id (GRand *rand)
{
  static const guint8 leads[] = { 0xc3, 0xe2, 0xe7, 0xed, 0xf0, 0xf4, 0xe0,
    0xc0, 0xff, 0x00, 0x41 };

  switch (g_rand_int_range (rand, 0, 8)) {
    case 0:
      return g_rand_int_range (rand, -300, 600);
    case 1:
      return g_rand_int_range (rand, 0, 3);
    case 2:
      return 398; /* the lone word boundary */
    case 3:
    case 4:
      return 3 + leads[g_rand_int_range (rand, 0, G_N_ELEMENTS (leads))];
    case 5:
    case 6:
      return 3 + g_rand_int_range (rand, 0x80, 0xc0);
    default:
      return g_rand_int_range (rand, 259, 512);
  }
}

static void
test_streaming (void)
{
  g_autofree char *path = test_data_path ("mini/model/tokenizer.model");
  g_autoptr (TestVocab) vocab = test_vocab_load (path);
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autoptr (Owl2Detokenizer) d = owl2_detokenizer_new (tok);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (guint i = 0; i < 20000; i++) {
    g_autoptr (GString) joined = g_string_new (NULL);
    g_autofree char *whole = NULL, *plain = NULL, *shown = NULL;
    gint32 ids[40];
    guint n = (guint) g_rand_int_range (rand, 0, G_N_ELEMENTS (ids) + 1);

    for (guint j = 0; j < n; j++)
      ids[j] = random_id (rand);
    for (guint j = 0; j <= n; j++) {
      gsize before = joined->len;

      if (j < n)
        owl2_detokenizer_feed (d, ids[j], joined);
      else
        owl2_detokenizer_end (d, joined);
      g_assert_true (g_utf8_validate (
          joined->str + before, (gssize) (joined->len - before), NULL));
    }
    shown = test_show_ids (ids, n);
    whole = owl2_tokenizer_decode (tok, ids, n);
    plain = plain_decode (vocab, ids, n);
    if (!g_str_equal (whole, plain) || !g_str_equal (joined->str, plain))
      g_error ("%s:\n whole \"%s\"\n joined \"%s\"\n plain \"%s\"", shown,
          whole, joined->str, plain);
  }
}

/* Text comes as soon as it is certain. */
static void
test_prompt_text (void)
{
  static const struct {
    gint32 id;
    const char *text;
  } steps[] = {
    { 1, "" },
    { 398, "" }, /* the dummy prefix */
    { 398, " " },
    { 3 + 0xf0, "" },
    { 3 + 0x9f, "" },
    { 3 + 0x98, "" },
    { 3 + 0x80, "\xf0\x9f\x98\x80" },
    { 3 + 0xe7, "" },
    { 261, "\xef\xbf\xbd a" }, /* what was held can't go on */
    { 3 + 0xed, "" },
    { 3 + 0xa0, "\xef\xbf\xbd\xef\xbf\xbd" }, /* no surrogates */
    { 0, " \xe2\x81\x87 " },
    { 3, "\xef\xbf\xbd" },
    { 2, "" },
    { 3 + 0xc3, "" },
  };
  g_autoptr (Owl2Tokenizer) tok = test_tokenizer ("mini");
  g_autoptr (Owl2Detokenizer) d = owl2_detokenizer_new (tok);
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_string_truncate (out, 0);
    owl2_detokenizer_feed (d, steps[i].id, out);
    g_assert_cmpstr (out->str, ==, steps[i].text);
  }
  g_string_truncate (out, 0);
  owl2_detokenizer_end (d, out);
  g_assert_cmpstr (out->str, ==, "\xef\xbf\xbd");
  /* A new text: its dummy prefix goes again. */
  g_string_truncate (out, 0);
  owl2_detokenizer_feed (d, 261, out);
  g_assert_cmpstr (out->str, ==, "a");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  seed = test_seed ();
  g_test_message ("OWL2_TEST_SEED=%u", seed);
  g_test_add_data_func ("/prompt/golden/mini", "mini", test_golden);
  g_test_add_data_func ("/prompt/golden/gqa", "gqa", test_golden);
  g_test_add_func ("/prompt/plain/same", test_plain_same);
  g_test_add_func ("/prompt/plain/special", test_plain_special);
  g_test_add_func ("/prompt/plain/marks", test_plain_marks);
  g_test_add_func ("/prompt/places", test_places);
  g_test_add_func ("/prompt/template", test_template);
  g_test_add_func ("/prompt/template-ids", test_template_ids);
  g_test_add_func ("/prompt/fill", test_fill);
  g_test_add_func ("/prompt/append", test_append);
  g_test_add_func ("/detokenizer/streaming", test_streaming);
  g_test_add_func ("/detokenizer/prompt-text", test_prompt_text);
  return g_test_run ();
}
