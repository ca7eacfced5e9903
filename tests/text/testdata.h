/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the text tests share: vocabularies out of SentencePiece model files or
 * made by chance, and the JSON lines of the reference data. */
#ifndef OWL2_TESTS_TEXT_TESTDATA_H
#define OWL2_TESTS_TEXT_TESTDATA_H

#include "text.h"

#define TEST_SPACE "\xe2\x96\x81" /* U+2581 */

/* A vocabulary that owns its pieces. */
typedef struct {
  GPtrArray *pieces; /* char * */
  GArray *scores;    /* float */
  GArray *types;     /* gint32 */
} TestVocab;

TestVocab *test_vocab_new (void);
void test_vocab_free (TestVocab *vocab);
void test_vocab_add (
    TestVocab *vocab, const char *piece, float score, Owl2PieceType type);
/* `<unk>`, `<s>`, `</s>` and the 256 byte pieces, as LLaMA has them. */
void test_vocab_add_base (TestVocab *vocab);
Owl2Vocab test_vocab_view (const TestVocab *vocab);
/* Reads a SentencePiece model file; NULL if it is none. */
TestVocab *test_vocab_load (const char *path);

/* What random tests begin with: OWL2_TEST_SEED, or always the same. */
guint32 test_seed (void);
/* Path under tests/data. */
char *test_data_path (const char *part);
/* The tokenizer of "mini" or "gqa". */
Owl2Tokenizer *test_tokenizer (const char *model);

/* One line of tokenizer.jsonl or prompt_ids.jsonl. */
typedef struct {
  GString *text;    /* "text" or "prompt" */
  GString *decoded; /* empty if absent */
  GArray *ids;      /* gint32 */
} TestLine;

/* (transfer full): TestLine; aborts on what is not as expected. */
GPtrArray *test_read_lines (const char *path);

char *test_show_ids (const gint32 *ids, guint n);
void test_assert_ids (
    const char *what, const GArray *got, const gint32 *want, guint n);
/* Text of up to @most characters: words, spaces, controls, CJK, emoji, word
 * boundaries, special tokens, and, if @damaged, bytes that are no UTF-8. */
GString *test_random_text (GRand *rand, guint most, gboolean damaged);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestVocab, test_vocab_free)

#endif
