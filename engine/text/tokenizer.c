/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SentencePiece's BPE (src/bpe_model.cc, src/normalizer.cc), for models with
 * identity normalisation, dummy prefix and byte fallback.
 *
 * Neighbouring symbols merge while some pair of them makes a piece: best score
 * first, leftmost first where scores are equal. A heap holds the candidates,
 * so a run of n symbols takes O(n log n). Before that the text is cut wherever
 * no piece holds the two characters side by side. No merge can cross such a
 * cut, and merges on both sides do not see each other, so the result stays the
 * same; the runs become words, and the heap fits the first cache. */
#include <string.h>

#include "utf8.h"
#include "vocab.h"

/* @id of a symbol that was not looked up, as it never merged. */
#define ID_UNKNOWN_YET (-2)

typedef struct {
  guint32 start;     /* in Encoder.text */
  guint32 len;       /* bytes; 0: merged into the one before */
  gint32 prev, next; /* -1: none */
  gint32 id;
} Symbol;

typedef struct {
  guint64 key; /* rank << 32 | ~left: the largest goes first */
  gint32 id;   /* what the pair becomes */
  guint32 len; /* of the pair; another length: out of date */
} Candidate;

typedef struct {
  const Owl2Tokenizer *tok;
  const char *text;   /* normalised */
  GArray *symbols;    /* Symbol, of the present run */
  GArray *heap;       /* Candidate, largest first */
  GArray *ids;        /* result */
  GHashTable *unused; /* unused id -> bytes of its left part */
} Encoder;

/* ---- heap ------------------------------------------------------------- */

static void
heap_push (GArray *heap, Candidate c)
{
  Candidate *h;
  guint i = heap->len;

  g_array_set_size (heap, i + 1);
  h = (Candidate *) (void *) heap->data;
  while (i > 0 && h[(i - 1) / 2].key < c.key) {
    h[i] = h[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  h[i] = c;
}

static Candidate
heap_pop (GArray *heap)
{
  Candidate *h = (Candidate *) (void *) heap->data;
  Candidate top = h[0], last = h[heap->len - 1];
  guint n = heap->len - 1, i = 0, child;

  while ((child = 2 * i + 1) < n) {
    if (child + 1 < n && h[child + 1].key > h[child].key)
      child++;
    if (h[child].key <= last.key)
      break;
    h[i] = h[child];
    i = child;
  }
  h[i] = last;
  g_array_set_size (heap, n);
  return top;
}

/* ---- merging ---------------------------------------------------------- */

static void
add_candidate (Encoder *e, gint32 left, gint32 right)
{
  const Owl2Tokenizer *tok = e->tok;
  const Symbol *s = (const Symbol *) (void *) e->symbols->data;
  Candidate c;

  if (left < 0 || right < 0)
    return;
  c.len = s[left].len + s[right].len;
  c.id = owl2_vocab_find (tok, e->text + s[left].start, c.len);
  if (c.id < 0)
    return;
  c.key = (guint64) tok->rank[c.id] << 32 | ~(guint32) left;
  heap_push (e->heap, c);

  /* An unused piece helps merging, but is taken apart again at the end. The
   * merges inside it come in the same order wherever it stands, so there is
   * one pair only that it can be made of. */
  if (tok->types[c.id] == OWL2_PIECE_UNUSED) {
    if (!e->unused)
      e->unused = g_hash_table_new (NULL, NULL);
    g_hash_table_insert (
        e->unused, GINT_TO_POINTER (c.id), GUINT_TO_POINTER (s[left].len));
  }
}

static void
merge_run (Encoder *e)
{
  Symbol *s = (Symbol *) (void *) e->symbols->data;

  for (guint i = 1; i < e->symbols->len; i++)
    add_candidate (e, (gint32) i - 1, (gint32) i);
  while (e->heap->len > 0) {
    Candidate c = heap_pop (e->heap);
    gint32 left = (gint32) ~(guint32) c.key;
    gint32 right = s[left].next;

    /* Symbols only grow, so the length tells whether both are as they were. */
    if (s[left].len == 0 || right < 0 || s[left].len + s[right].len != c.len)
      continue;
    s[left].len = c.len;
    s[left].id = c.id;
    s[left].next = s[right].next;
    s[right].len = 0;
    if (s[right].next >= 0)
      s[s[right].next].prev = left;
    add_candidate (e, s[left].prev, left);
    add_candidate (e, left, s[left].next);
  }
}

/* ---- result ----------------------------------------------------------- */

static void
put (Encoder *e, guint32 start, guint32 len, gint32 id)
{
  const Owl2Tokenizer *tok = e->tok;

  if (id == ID_UNKNOWN_YET)
    id = owl2_vocab_find (tok, e->text + start, len);
  if (id < 0) {
    for (guint32 i = 0; i < len; i++)
      g_array_append_val (e->ids, tok->byte_id[(guint8) e->text[start + i]]);
    return;
  }
  if (tok->types[id] == OWL2_PIECE_UNUSED && e->unused) {
    guint32 left = GPOINTER_TO_UINT (
        g_hash_table_lookup (e->unused, GINT_TO_POINTER (id)));

    if (left > 0) { /* at most OWL2_PIECE_MAX levels deep */
      put (e, start, left, ID_UNKNOWN_YET);
      put (e, start + left, len - left, ID_UNKNOWN_YET);
      return;
    }
  }
  g_array_append_val (e->ids, id);
}

static void
end_run (Encoder *e)
{
  const Symbol *s = (const Symbol *) (void *) e->symbols->data;
  guint n = e->symbols->len;

  if (n == 0)
    return;
  if (n > 1)
    merge_run (e);
  for (gint32 i = 0; i >= 0; i = s[i].next)
    put (e, s[i].start, s[i].len, s[i].id);
  g_array_set_size (e->symbols, 0);
}

/* ---- text to runs ----------------------------------------------------- */

/* Dummy prefix in front, spaces to word boundaries, and U+FFFD for every byte
 * that is no part of a valid character. */
static GString *
normalise (const char *text, gsize len)
{
  GString *out = g_string_sized_new (len + len / 2 + 16);
  gsize plain = 0, i = 0; /* text[plain, i) can be copied as it is */

  g_string_append_len (out, OWL2_UTF8_SPACE, OWL2_UTF8_SPACE_LEN);
  while (i < len) {
    guint32 code = 0;
    int n = owl2_utf8_next (text + i, len - i, &code);

    if (n > 0 && code != ' ') {
      i += (gsize) n;
      continue;
    }
    g_string_append_len (out, text + plain, (gssize) (i - plain));
    g_string_append_len (
        out, n > 0 ? OWL2_UTF8_SPACE : OWL2_UTF8_REPLACEMENT, 3);
    plain = ++i;
  }
  g_string_append_len (out, text + plain, (gssize) (len - plain));
  return out;
}

static void
add_symbol (Encoder *e, guint32 start, guint32 len)
{
  gint32 i = (gint32) e->symbols->len;
  Symbol s = { start, len, i - 1, -1, ID_UNKNOWN_YET };

  if (i > 0)
    g_array_index (e->symbols, Symbol, i - 1).next = i;
  g_array_append_val (e->symbols, s);
}

static void
encode_normalised (Encoder *e, gsize len)
{
  const Owl2Tokenizer *tok = e->tok;
  guint32 last = 0;
  gboolean joined = FALSE; /* may merge with the symbol before */

  for (gsize i = 0; i < len;) {
    guint32 code = 0;
    guint n = tok->user ? owl2_vocab_match_user (tok, e->text + i, len - i) : 0;
    gboolean frozen = n > 0;

    if (!frozen)
      n = (guint) owl2_utf8_next (e->text + i, len - i, &code);
    /* User-defined pieces merge with nothing. */
    if (frozen || !joined || !owl2_vocab_has_pair (tok, last, code))
      end_run (e);
    add_symbol (e, (guint32) i, n);
    joined = !frozen;
    last = code;
    i += n;
  }
  end_run (e);
}

void
owl2_tokenizer_encode (
    const Owl2Tokenizer *tok, const char *text, gssize len, GArray *ids)
{
  gsize n = len < 0 ? strlen (text) : (gsize) len;
  Encoder e = { .tok = tok, .ids = ids };
  GString *normal;

  g_return_if_fail (n <= OWL2_TEXT_MAX);
  if (n == 0)
    return;
  normal = normalise (text, n);
  e.text = normal->str;
  e.symbols = g_array_new (FALSE, FALSE, sizeof (Symbol));
  e.heap = g_array_new (FALSE, FALSE, sizeof (Candidate));
  encode_normalised (&e, normal->len);
  g_array_unref (e.symbols);
  g_array_unref (e.heap);
  g_clear_pointer (&e.unused, g_hash_table_unref);
  g_string_free (normal, TRUE);
}
