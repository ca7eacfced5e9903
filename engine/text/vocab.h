/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vocabulary inside a tokenizer; private to this folder. */
#ifndef OWL2_TEXT_VOCAB_H
#define OWL2_TEXT_VOCAB_H

#include "text.h"

/* Limits on what a file may ask for. Vocabularies in use have up to some
 * 260,000 pieces of at most some 100 bytes. */
#define OWL2_VOCAB_MAX (1u << 24)       /* pieces */
#define OWL2_PIECE_MAX 1024u            /* bytes of a piece */
#define OWL2_VOCAB_BYTES_MAX (1u << 30) /* bytes of all pieces */

#define OWL2_PAIR_BITS 18 /* 32 KiB: stays in the first cache */

typedef struct {
  guint32 hash;
  gint32 id; /* -1: free */
} Owl2VocabSlot;

struct _Owl2Tokenizer {
  guint n;
  gint32 bos, eos, unk;
  guint max_piece; /* bytes of the longest piece */

  char *bytes;    /* all pieces, each NUL-terminated */
  guint32 *start; /* [n + 1]: piece i begins at bytes[start[i]] */
  guint8 *types;  /* [n], Owl2PieceType */
  guint32 *rank;  /* [n]: rises with the score, equal if equal */
  gint32 byte_id[256];

  Owl2VocabSlot *slots; /* [slot_mask + 1], open addressing */
  guint32 slot_mask;
  guint64 seed; /* differs per tokenizer: a file can't aim */

  /* One bit for each hash of two neighbouring characters in a piece that text
   * can become. A clear bit proves that no merge crosses this boundary. */
  guint32 pairs[(1u << OWL2_PAIR_BITS) / 32];

  gint32 *user;            /* [user_first[256]], sorted by bytes */
  guint32 user_first[257]; /* by first byte: where its pieces begin */
};

static inline const char *
owl2_vocab_piece (const Owl2Tokenizer *tok, gint32 id)
{
  return tok->bytes + tok->start[id];
}

static inline guint
owl2_vocab_piece_len (const Owl2Tokenizer *tok, gint32 id)
{
  return tok->start[id + 1] - tok->start[id] - 1;
}

/* Pieces that text can become by merging, as opposed to the reserved ones. */
static inline gboolean
owl2_vocab_is_plain (const Owl2Tokenizer *tok, gint32 id)
{
  return tok->types[id] == OWL2_PIECE_NORMAL
         || tok->types[id] == OWL2_PIECE_USER_DEFINED
         || tok->types[id] == OWL2_PIECE_UNUSED;
}

static inline guint32
owl2_vocab_pair_bit (guint32 left, guint32 right)
{
  guint64 key = (guint64) left << 32 | right;

  return (guint32) ((key * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15))
                    >> (64 - OWL2_PAIR_BITS));
}

static inline gboolean
owl2_vocab_has_pair (const Owl2Tokenizer *tok, guint32 left, guint32 right)
{
  guint32 bit = owl2_vocab_pair_bit (left, right);

  return tok->pairs[bit / 32] >> (bit % 32) & 1;
}

/* The plain piece with these bytes, or -1. */
gint32 owl2_vocab_find (const Owl2Tokenizer *tok, const char *s, guint len);
/* The value of a byte piece, "<0x00>" to "<0xFF>", or -1. */
int owl2_vocab_parse_byte (const char *piece);
/* Bytes of the longest user-defined piece that starts @s, or 0. */
guint owl2_vocab_match_user (
    const Owl2Tokenizer *tok, const char *s, gsize len);

#endif
