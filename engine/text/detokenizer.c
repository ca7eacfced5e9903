/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ids to text, as SentencePieceProcessor::Decode does it, one id at a time:
 * reserved pieces give nothing, the unknown one " U+2047 ", runs of byte pieces
 * are read as UTF-8, and the word boundary that opens the text is dropped. */
#include <string.h>

#include "utf8.h"
#include "vocab.h"

#define UNKNOWN_SURFACE " \xe2\x81\x87 "

struct _Owl2Detokenizer {
  const Owl2Tokenizer *tok; /* borrowed */
  char bytes[4];            /* the beginning of a character */
  guint n_bytes;
  gboolean begun; /* some text, or the first boundary, was seen */
};

Owl2Detokenizer *
owl2_detokenizer_new (const Owl2Tokenizer *tok)
{
  Owl2Detokenizer *d = g_new0 (Owl2Detokenizer, 1);

  d->tok = tok;
  return d;
}

void
owl2_detokenizer_free (Owl2Detokenizer *d)
{
  g_free (d);
}

/* Writes what is certain of the held bytes; with @last, all of them. */
static void
drain (Owl2Detokenizer *d, gboolean last, GString *out)
{
  while (d->n_bytes > 0) {
    guint32 code = 0;
    int n = owl2_utf8_next (d->bytes, d->n_bytes, &code);

    if (n < 0 && !last)
      return;
    /* A string of C can't hold the character NUL. */
    if (n > 0 && code != 0)
      g_string_append_len (out, d->bytes, n);
    else
      g_string_append (out, OWL2_UTF8_REPLACEMENT);
    n = MAX (n, 1);
    d->n_bytes -= (guint) n;
    memmove (d->bytes, d->bytes + n, d->n_bytes);
    d->begun = TRUE;
  }
}

static void
put_piece (Owl2Detokenizer *d, const char *piece, GString *out)
{
  const char *space;

  if (!d->begun && g_str_has_prefix (piece, OWL2_UTF8_SPACE))
    piece += OWL2_UTF8_SPACE_LEN;
  d->begun = TRUE;
  while ((space = strstr (piece, OWL2_UTF8_SPACE))) {
    g_string_append_len (out, piece, space - piece);
    g_string_append_c (out, ' ');
    piece = space + OWL2_UTF8_SPACE_LEN;
  }
  g_string_append (out, piece);
}

void
owl2_detokenizer_feed (Owl2Detokenizer *d, gint32 id, GString *out)
{
  const Owl2Tokenizer *tok = d->tok;
  const char *piece;

  if (id < 0 || (guint) id >= tok->n) {
    drain (d, TRUE, out);
    return;
  }
  piece = owl2_vocab_piece (tok, id);
  if (tok->types[id] == OWL2_PIECE_BYTE) {
    d->bytes[d->n_bytes++] = (char) owl2_vocab_parse_byte (piece);
    drain (d, FALSE, out);
    return;
  }
  drain (d, TRUE, out);
  switch (tok->types[id]) {
    case OWL2_PIECE_CONTROL:
      break;
    case OWL2_PIECE_UNKNOWN:
      g_string_append (out, UNKNOWN_SURFACE);
      d->begun = TRUE;
      break;
    default:
      put_piece (d, piece, out);
      break;
  }
}

void
owl2_detokenizer_end (Owl2Detokenizer *d, GString *out)
{
  drain (d, TRUE, out);
  d->begun = FALSE;
}

char *
owl2_tokenizer_decode (const Owl2Tokenizer *tok, const gint32 *ids, guint n)
{
  Owl2Detokenizer d = { .tok = tok };
  GString *out = g_string_sized_new (4 * (gsize) n + 1);

  for (guint i = 0; i < n; i++)
    owl2_detokenizer_feed (&d, ids[i], out);
  owl2_detokenizer_end (&d, out);
  return g_string_free (out, FALSE);
}
