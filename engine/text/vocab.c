/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes a tokenizer out of a file's vocabulary: every number is checked here,
 * so that encoding and decoding can rely on them. */
#include <math.h>
#include <string.h>

#include "printable.h"
#include "utf8.h"
#include "vocab.h"

/* ---- hash table ------------------------------------------------------- */

static guint64
mix (guint64 h)
{
  h *= G_GUINT64_CONSTANT (0xd6e8feb86659fd93);
  return h ^ h >> 32;
}

static guint32
hash_bytes (guint64 seed, const char *s, guint len)
{
  guint64 h = seed + len, word;

  for (; len >= 8; s += 8, len -= 8) {
    memcpy (&word, s, 8);
    h = mix (h ^ word);
  }
  word = 0;
  memcpy (&word, s, len);
  return (guint32) mix (mix (h ^ word));
}

static gint32
find_any (const Owl2Tokenizer *tok, const char *s, guint len, guint32 *slot)
{
  guint32 hash = hash_bytes (tok->seed, s, len);
  guint32 i = hash & tok->slot_mask;

  for (; tok->slots[i].id >= 0; i = (i + 1) & tok->slot_mask) {
    gint32 id = tok->slots[i].id;

    if (tok->slots[i].hash == hash && owl2_vocab_piece_len (tok, id) == len
        && memcmp (owl2_vocab_piece (tok, id), s, len) == 0)
      return id;
  }
  if (slot) {
    tok->slots[i].hash = hash;
    *slot = i;
  }
  return -1;
}

gint32
owl2_vocab_find (const Owl2Tokenizer *tok, const char *s, guint len)
{
  gint32 id;

  if (len > tok->max_piece)
    return -1;
  id = find_any (tok, s, len, NULL);
  return id >= 0 && owl2_vocab_is_plain (tok, id) ? id : -1;
}

/* ---- checks ----------------------------------------------------------- */

int
owl2_vocab_parse_byte (const char *piece)
{
  static const char digits[] = "0123456789ABCDEF";
  const char *high, *low;

  if (strlen (piece) != 6 || memcmp (piece, "<0x", 3) != 0 || piece[5] != '>')
    return -1;
  high = strchr (digits, piece[3]);
  low = strchr (digits, piece[4]);
  if (!high || !low)
    return -1;
  return (int) ((high - digits) << 4 | (low - digits));
}

/* A piece for a message, short whatever it is. */
static char *
show (const char *piece)
{
  g_autofree char *cut = owl2_excerpt (piece, strlen (piece), 40);

  return g_strdup_printf ("\"%s\"", cut);
}

static gboolean
check_special (const Owl2Vocab *v, const char *source, const char *name,
    guint32 id, GError **error)
{
  if (id < v->n)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: %s token id is %u, the vocabulary has %u pieces", source, name, id,
      v->n);
  return FALSE;
}

static gboolean
check_header (const Owl2Vocab *v, const char *source, GError **error)
{
  if (v->n == 0 || v->n > OWL2_VOCAB_MAX) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: the vocabulary has %u pieces, 1 to %u are possible", source, v->n,
        OWL2_VOCAB_MAX);
    return FALSE;
  }
  if (!check_special (v, source, "begin", v->bos_id, error)
      || !check_special (v, source, "end", v->eos_id, error)
      || !check_special (v, source, "unknown", v->unk_id, error))
    return FALSE;
  if (v->types[v->unk_id] != OWL2_PIECE_UNKNOWN) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: unknown token id is %u, but that piece has type %d, not %d",
        source, v->unk_id, v->types[v->unk_id], OWL2_PIECE_UNKNOWN);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_piece (const Owl2Vocab *v, guint i, const char *source, GError **error)
{
  gsize len = v->pieces[i] ? strlen (v->pieces[i]) : 0;

  if (len == 0 || len > OWL2_PIECE_MAX) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: piece %u has %" G_GSIZE_FORMAT " bytes, 1 to %u are possible",
        source, i, len, OWL2_PIECE_MAX);
    return FALSE;
  }
  if (!g_utf8_validate (v->pieces[i], (gssize) len, NULL)) {
    g_autofree char *text = show (v->pieces[i]);

    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: piece %u is no valid UTF-8: %s", source, i, text);
    return FALSE;
  }
  if (!isfinite (v->scores[i])) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: the score of piece %u is %g, which is not finite", source, i,
        (double) v->scores[i]);
    return FALSE;
  }
  if (v->types[i] < OWL2_PIECE_NORMAL || v->types[i] > OWL2_PIECE_BYTE) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: piece %u has type %d, 1 to 6 are possible", source, i,
        v->types[i]);
    return FALSE;
  }
  if (v->types[i] == OWL2_PIECE_UNKNOWN && i != v->unk_id) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: pieces %u and %u are both of the unknown type", source, v->unk_id,
        i);
    return FALSE;
  }
  return TRUE;
}

/* ---- construction ----------------------------------------------------- */

static gboolean
alloc_arrays (
    Owl2Tokenizer *tok, const Owl2Vocab *v, const char *source, GError **error)
{
  guint64 total = 0;
  guint32 n_slots = 1024;

  for (guint i = 0; i < v->n; i++) {
    if (!check_piece (v, i, source, error))
      return FALSE;
    total += strlen (v->pieces[i]) + 1;
  }
  if (total > OWL2_VOCAB_BYTES_MAX) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: the pieces have %" G_GUINT64_FORMAT " bytes, %u are possible",
        source, total, OWL2_VOCAB_BYTES_MAX);
    return FALSE;
  }
  while (n_slots < 2 * v->n)
    n_slots *= 2;
  tok->bytes = g_try_malloc (total);
  tok->start = g_try_new (guint32, v->n + 1);
  tok->types = g_try_new (guint8, v->n);
  tok->rank = g_try_new (guint32, v->n);
  tok->slots = g_try_new (Owl2VocabSlot, n_slots);
  if (!tok->bytes || !tok->start || !tok->types || !tok->rank || !tok->slots) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: no memory for a vocabulary of %u pieces", source, v->n);
    return FALSE;
  }
  tok->slot_mask = n_slots - 1;
  for (guint32 i = 0; i < n_slots; i++)
    tok->slots[i].id = -1;
  return TRUE;
}

/* Maps a finite float to an integer that compares alike. */
static guint32
rank_of_score (float score)
{
  union {
    float f;
    guint32 u;
  } bits = { score + 0.f }; /* -0 becomes 0 */

  return bits.u >> 31 ? ~bits.u : bits.u | 0x80000000u;
}

static void
mark_pairs (Owl2Tokenizer *tok, const char *piece)
{
  guint32 last = 0, code = 0;
  gboolean first = TRUE;

  for (const char *p = piece; *p; p = g_utf8_next_char (p)) {
    code = g_utf8_get_char (p);
    if (!first) {
      guint32 bit = owl2_vocab_pair_bit (last, code);

      tok->pairs[bit / 32] |= 1u << (bit % 32);
    }
    first = FALSE;
    last = code;
  }
}

static gboolean
add_piece (Owl2Tokenizer *tok, const Owl2Vocab *v, guint i, const char *source,
    GError **error)
{
  const char *piece = v->pieces[i];
  guint len = (guint) strlen (piece);
  guint32 slot;
  gint32 other;

  memcpy (tok->bytes + tok->start[i], piece, len + 1);
  tok->start[i + 1] = tok->start[i] + len + 1;
  tok->types[i] = (guint8) v->types[i];
  tok->rank[i] = rank_of_score (v->scores[i]);
  tok->max_piece = MAX (tok->max_piece, len);

  other = find_any (tok, piece, len, &slot);
  if (other >= 0) {
    g_autofree char *text = show (piece);

    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: pieces %d and %u are both %s", source, other, i, text);
    return FALSE;
  }
  tok->slots[slot].id = (gint32) i;

  if (v->types[i] == OWL2_PIECE_BYTE) {
    int value = owl2_vocab_parse_byte (piece);

    if (value < 0) {
      g_autofree char *text = show (piece);

      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
          "%s: byte piece %u is %s, not \"<0x00>\" to \"<0xFF>\"", source, i,
          text);
      return FALSE;
    }
    tok->byte_id[value] = (gint32) i;
  }
  if (owl2_vocab_is_plain (tok, (gint32) i))
    mark_pairs (tok, piece);
  return TRUE;
}

static int
compare_user (gconstpointer a, gconstpointer b, gpointer data)
{
  const Owl2Tokenizer *tok = data;

  return strcmp (owl2_vocab_piece (tok, *(const gint32 *) a),
      owl2_vocab_piece (tok, *(const gint32 *) b));
}

static gboolean
sort_user (Owl2Tokenizer *tok, const char *source, GError **error)
{
  guint n = 0;

  for (guint i = 0; i < tok->n; i++)
    n += tok->types[i] == OWL2_PIECE_USER_DEFINED;
  if (n == 0)
    return TRUE;
  tok->user = g_try_new (gint32, n);
  if (!tok->user) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: no memory for %u user-defined pieces", source, n);
    return FALSE;
  }
  n = 0;
  for (guint i = 0; i < tok->n; i++) {
    if (tok->types[i] != OWL2_PIECE_USER_DEFINED)
      continue;
    tok->user[n++] = (gint32) i;
    tok->user_first[(guint8) *owl2_vocab_piece (tok, (gint32) i) + 1]++;
  }
  for (guint b = 0; b < 256; b++)
    tok->user_first[b + 1] += tok->user_first[b];
  g_qsort_with_data (tok->user, (gint) n, sizeof (gint32), compare_user, tok);
  return TRUE;
}

Owl2Tokenizer *
owl2_tokenizer_new (const Owl2Vocab *vocab, const char *source, GError **error)
{
  g_autoptr (Owl2Tokenizer) tok = NULL;

  g_return_val_if_fail (vocab != NULL, NULL);
  if (!source)
    source = "tokenizer";
  if (!check_header (vocab, source, error))
    return NULL;
  tok = g_new0 (Owl2Tokenizer, 1);
  tok->n = vocab->n;
  tok->bos = (gint32) vocab->bos_id;
  tok->eos = (gint32) vocab->eos_id;
  tok->unk = (gint32) vocab->unk_id;
  tok->seed = (guint64) g_random_int () << 32 | g_random_int ();
  for (guint b = 0; b < 256; b++)
    tok->byte_id[b] = -1;
  if (!alloc_arrays (tok, vocab, source, error))
    return NULL;
  tok->start[0] = 0;
  for (guint i = 0; i < vocab->n; i++) {
    if (!add_piece (tok, vocab, i, source, error))
      return NULL;
  }
  for (guint b = 0; b < 256; b++) {
    if (tok->byte_id[b] < 0) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
          "%s: none of the %u pieces is the byte piece <0x%02X>", source,
          vocab->n, b);
      return NULL;
    }
  }
  if (!sort_user (tok, source, error))
    return NULL;
  return g_steal_pointer (&tok);
}

void
owl2_tokenizer_free (Owl2Tokenizer *tok)
{
  if (!tok)
    return;
  g_free (tok->bytes);
  g_free (tok->start);
  g_free (tok->types);
  g_free (tok->rank);
  g_free (tok->slots);
  g_free (tok->user);
  g_free (tok);
}

guint
owl2_tokenizer_n_vocab (const Owl2Tokenizer *tok)
{
  return tok->n;
}

gint32
owl2_tokenizer_bos (const Owl2Tokenizer *tok)
{
  return tok->bos;
}

gint32
owl2_tokenizer_eos (const Owl2Tokenizer *tok)
{
  return tok->eos;
}

guint
owl2_tokenizer_max_piece (const Owl2Tokenizer *tok)
{
  return tok->max_piece;
}

/* ---- user-defined pieces ---------------------------------------------- */

/* First place in user[low, high) whose byte at @depth is at least @byte; all
 * of them share the bytes before. */
static guint32
lower_bound (const Owl2Tokenizer *tok, guint32 low, guint32 high, guint depth,
    guint byte)
{
  while (low < high) {
    guint32 middle = low + (high - low) / 2;

    if ((guint8) owl2_vocab_piece (tok, tok->user[middle])[depth] < byte)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

guint
owl2_vocab_match_user (const Owl2Tokenizer *tok, const char *s, gsize len)
{
  guint32 low = tok->user_first[(guint8) s[0]];
  guint32 high = tok->user_first[(guint8) s[0] + 1];
  guint depth = 1, longest = 0;

  /* Pieces have no NUL inside, so it ends both a piece and the search. */
  for (; low < high; depth++) {
    if (owl2_vocab_piece (tok, tok->user[low])[depth] == '\0') {
      longest = depth;
      low++;
    }
    if (depth >= len || s[depth] == '\0')
      break;
    low = lower_bound (tok, low, high, depth, (guint8) s[depth]);
    high = lower_bound (tok, low, high, depth, (guint) (guint8) s[depth] + 1);
  }
  return longest;
}
