/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzz target: a vocabulary out of hostile bytes and a text for it. Either the
 * vocabulary is refused with one line, or everything works on it. Input:
 *   flags        1: without the pieces that every vocabulary needs
 *                2: scores are four raw bytes, not one small number
 *                4: begin, end and unknown ids follow, four bytes each
 *   n            number of pieces that follow: type, score, length, bytes
 *   the rest     text */
#include <math.h>
#include <string.h>

#include "printable.h"
#include "testdata.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

typedef struct {
  const guint8 *p, *end;
} Input;

static guint8
take (Input *in)
{
  return in->p < in->end ? *in->p++ : 0;
}

static guint32
take32 (Input *in)
{
  guint32 value = 0;

  for (guint i = 0; i < 4; i++)
    value = value << 8 | take (in);
  return value;
}

static void
read_piece (Input *in, guint8 flags, TestVocab *vocab)
{
  /* Types 1 to 6 mostly, and a few that are out of range. */
  gint32 type = (gint8) take (in);
  float score;
  g_autofree char *piece = NULL;
  gsize len;

  if (flags & 2) {
    guint32 bits = take32 (in);

    memcpy (&score, &bits, sizeof score);
  } else {
    score = (float) (gint8) take (in) / 4;
  }
  len = take (in);
  len = MIN (len, (gsize) (in->end - in->p));
  /* Ends at a NUL, as the C string that it will be. */
  piece = g_strndup ((const char *) in->p, len);
  in->p += len;
  test_vocab_add (vocab, piece, score,
      (Owl2PieceType) (type >= -100 && type <= 100 ? ABS (type) % 6 + 1
                                                   : type));
}

static gboolean
has_boundary (const TestVocab *vocab)
{
  for (guint i = 0; i < vocab->pieces->len; i++) {
    gint32 type = g_array_index (vocab->types, gint32, i);

    if (g_str_equal (g_ptr_array_index (vocab->pieces, i), TEST_SPACE))
      return type == OWL2_PIECE_NORMAL || type == OWL2_PIECE_USER_DEFINED
             || type == OWL2_PIECE_UNUSED;
  }
  return FALSE;
}

/* Decodes whole and id by id; both must agree. (transfer full) */
static char *
decode (const Owl2Tokenizer *tok, const gint32 *ids, guint n)
{
  g_autoptr (Owl2Detokenizer) d = owl2_detokenizer_new (tok);
  g_autoptr (GString) joined = g_string_new (NULL);
  char *whole = owl2_tokenizer_decode (tok, ids, n);

  for (guint i = 0; i < n; i++)
    owl2_detokenizer_feed (d, ids[i], joined);
  owl2_detokenizer_end (d, joined);
  g_assert_cmpstr (whole, ==, joined->str);
  g_assert_true (g_utf8_validate (whole, -1, NULL));
  return whole;
}

/* Marks around nothing are nothing. */
static const char *
after_marks (const char *prompt)
{
  while (prompt[0] == OWL2_PLAIN_BEGIN && prompt[1] == OWL2_PLAIN_END)
    prompt += 2;
  return prompt;
}

static void
use (const Owl2Tokenizer *tok, const TestVocab *vocab, const Input *in)
{
  const char *text = (const char *) in->p;
  gsize len = (gsize) (in->end - in->p);
  g_autofree char *copy = g_strndup (text, len);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) prompt = owl2_prompt_encode (tok, copy);
  g_autofree char *back = NULL, *noise = NULL;
  gint32 random_ids[64];
  guint n = 0;

  g_assert_true (prompt->len > 0 || *after_marks (copy) == '\0');
  owl2_tokenizer_encode_special (tok, text, (gssize) len, ids);
  g_array_set_size (ids, 0);
  owl2_tokenizer_encode (tok, text, (gssize) len, ids);
  for (guint i = 0; i < ids->len; i++) {
    gint32 id = g_array_index (ids, gint32, i);

    g_assert_cmpint (id, >=, 0);
    g_assert_cmpint (id, <, (gint32) owl2_tokenizer_n_vocab (tok));
  }
  g_assert_cmpuint (
      ids->len * (guint64) owl2_tokenizer_max_piece (tok), >=, len);
  back = decode (tok, (const gint32 *) (void *) ids->data, ids->len);
  /* Valid text comes back, if its spaces can. */
  if (strlen (copy) == len && g_utf8_validate (copy, -1, NULL)
      && !strstr (copy, TEST_SPACE) && has_boundary (vocab))
    g_assert_cmpstr (back, ==, copy);
  for (; n < G_N_ELEMENTS (random_ids) && n < len; n++)
    random_ids[n] = (gint8) text[n] * 3;
  noise = decode (tok, random_ids, n);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Input in = { data, data + size };
  guint8 flags = take (&in), n = take (&in);
  g_autoptr (TestVocab) vocab = test_vocab_new ();
  g_autoptr (Owl2Tokenizer) tok = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *shown = NULL;
  guint32 special[3] = { 1, 2, 0 };
  Owl2Vocab view;

  if (!(flags & 1))
    test_vocab_add_base (vocab);
  for (guint i = 0; i < 3 && (flags & 4); i++)
    special[i] = take32 (&in);
  for (guint i = 0; i < n; i++)
    read_piece (&in, flags, vocab);
  view = test_vocab_view (vocab);
  view.bos_id = special[0];
  view.eos_id = special[1];
  view.unk_id = special[2];
  tok = owl2_tokenizer_new (&view, "fuzz", &error);
  if (tok) {
    g_assert_no_error (error);
    use (tok, vocab, &in);
  } else {
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    shown = owl2_printable_message (error->message);
    g_assert_true (g_utf8_validate (shown, -1, NULL));
    g_assert_null (strchr (shown, '\n'));
  }
  return 0;
}
