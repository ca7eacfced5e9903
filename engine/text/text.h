/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text on the host: tokenizer, prompt and sampler. Knows no files and no
 * device. Objects are immutable after construction unless it says otherwise,
 * and may then be used from any thread. */
#ifndef OWL2_TEXT_H
#define OWL2_TEXT_H

#include "base.h"

G_BEGIN_DECLS

/* ---- tokenizer.c ------------------------------------------------------ */

/* Piece types, with the numbers of SentencePiece and tokenizer.ggml. */
typedef enum {
  OWL2_PIECE_NORMAL = 1,
  OWL2_PIECE_UNKNOWN = 2,
  OWL2_PIECE_CONTROL = 3,
  OWL2_PIECE_USER_DEFINED = 4,
  OWL2_PIECE_UNUSED = 5,
  OWL2_PIECE_BYTE = 6, /* "<0x41>" */
} Owl2PieceType;

/**
 * Owl2Vocab: read only while the tokenizer is made.
 * @pieces: NUL-terminated, word boundary as U+2581
 */
typedef struct {
  const char *const *pieces;
  const float *scores;
  const gint32 *types;
  guint n;
  guint32 bos_id, eos_id, unk_id;
} Owl2Vocab;

typedef struct _Owl2Tokenizer Owl2Tokenizer;

/* SentencePiece BPE with byte fallback, identity normalisation and dummy
 * prefix. Errors: BAD_FILE, with the numbers, if there are no pieces or more
 * than 2^24, a piece is empty, longer than 1024 bytes, no UTF-8 or there twice,
 * a type or a score is not in range, an id is, @unk_id is not the one piece of
 * type UNKNOWN, or a byte piece is malformed or missing; NO_MEMORY. @source
 * names the file in messages. */
Owl2Tokenizer *owl2_tokenizer_new (
    const Owl2Vocab *vocab, const char *source, GError **error);
void owl2_tokenizer_free (Owl2Tokenizer *tok); /* accepts NULL */
guint owl2_tokenizer_n_vocab (const Owl2Tokenizer *tok);
gint32 owl2_tokenizer_bos (const Owl2Tokenizer *tok);
gint32 owl2_tokenizer_eos (const Owl2Tokenizer *tok);

/* Bytes of the longest piece: text of n bytes has at least n / this ids, so a
 * text far too long for a context need not be tokenised to know it. */
guint owl2_tokenizer_max_piece (const Owl2Tokenizer *tok);

/* Longest text that encode takes, in bytes. */
#define OWL2_TEXT_MAX (512u << 20)

/* Plain SentencePiece: appends the ids of @len bytes of @text (-1: up to NUL)
 * to @ids (GArray of gint32). Any bytes are taken; what is no UTF-8 becomes
 * what SentencePiece makes of it. O(n log n). */
void owl2_tokenizer_encode (
    const Owl2Tokenizer *tok, const char *text, gssize len, GArray *ids);

/* As LlamaTokenizer (legacy): "<s>", "</s>", "<unk>" in the text become their
 * ids, the text between is encoded piece by piece. No `<s>` in front. */
void owl2_tokenizer_encode_special (
    const Owl2Tokenizer *tok, const char *text, gssize len, GArray *ids);

/* (transfer full): valid UTF-8. Control pieces and ids out of range give
 * nothing. The byte 0x00, which a C string can't hold, gives U+FFFD as bytes do
 * that are no part of a valid character. */
char *owl2_tokenizer_decode (
    const Owl2Tokenizer *tok, const gint32 *ids, guint n);

/* Decodes token by token: feed() appends to @out the UTF-8 that became final,
 * at most 3 bytes less than there are; end() what was held back, after which a
 * new text may begin. The whole equals owl2_tokenizer_decode(). Keeps @tok
 * borrowed; one thread at a time. */
typedef struct _Owl2Detokenizer Owl2Detokenizer;
Owl2Detokenizer *owl2_detokenizer_new (const Owl2Tokenizer *tok);
void owl2_detokenizer_feed (Owl2Detokenizer *d, gint32 id, GString *out);
void owl2_detokenizer_end (Owl2Detokenizer *d, GString *out);
void owl2_detokenizer_free (Owl2Detokenizer *d); /* accepts NULL */

/* ---- prompt.c --------------------------------------------------------- */

#define OWL2_IMAGE_PLACE "<|image|>"
#define OWL2_IMAGE_ID (-200)

/* Text between these two bytes, which no UTF-8 has, is plain: nothing in it or
 * across its ends is an image place or a special token. The bytes themselves
 * are no part of the text. A begin without an end is a byte like any other. */
#define OWL2_PLAIN_BEGIN ((char) 0xff)
#define OWL2_PLAIN_END ((char) 0xfe)

/* (transfer full): see owl2_prompt_plain() in owl2.h, which calls this. */
char *owl2_prompt_mark_plain (const char *text);

/* (transfer full): ids (gint32) of a literal prompt by the image-place rules,
 * `<s>` and OWL2_IMAGE_ID included; none for an empty prompt. */
GArray *owl2_prompt_encode (const Owl2Tokenizer *tok, const char *prompt);
typedef struct {
  const char *question;
  const char *answer;
} Owl2PromptTurn;

/* (transfer full): see owl2_prompt_format() in owl2.h, which calls this. */
char *owl2_prompt_build (const char *question, gboolean with_image,
    const Owl2PromptTurn *history, guint n_history);

/* (transfer full): see owl2_prompt_fill() in owl2.h, which calls this. */
char *owl2_prompt_put (const char *pattern, const char *question);
#define OWL2_QUESTION_PLACE "{}"

/* (transfer full): @prompt with @prefix (nullable) after it, as answer_prefix
 * of Owl2Request in owl2.h says. Either may hold plain text. */
char *owl2_prompt_append (const char *prompt, const char *prefix);

/* ---- sampler.c -------------------------------------------------------- */

typedef struct {
  float temperature;        /* 0: greedy */
  guint top_k;              /* 0: off */
  float top_p;              /* 1: off */
  float repetition_penalty; /* 1: off */
  guint64 seed;
} Owl2SamplerParams;

typedef struct _Owl2Sampler Owl2Sampler; /* one thread at a time */

/* BAD_REQUEST if a number is out of range, naming it; NO_MEMORY. */
Owl2Sampler *owl2_sampler_new (
    const Owl2SamplerParams *params, guint n_vocab, GError **error);
void owl2_sampler_free (Owl2Sampler *sampler); /* accepts NULL */

/* TRUE if the choice is the plain first largest logit, so that the device can
 * make it and logits need not come to the host. */
gboolean owl2_sampler_is_argmax (const Owl2Sampler *sampler);

/* Tokens that the repetition penalty applies to from now on. */
void owl2_sampler_accept (Owl2Sampler *sampler, gint32 id);

/* Chooses from @logits (n_vocab, not changed). @banned: an id never chosen, or
 * -1. @probability: (out) (optional): of the choice under softmax of the logits
 * as given. Returns -1, with probability 0, if no logit is finite; such a one
 * is never chosen.
 *
 * Order and meaning as in transformers 4.31: penalty (divides scores from 0 up,
 * multiplies those below; once for each accepted token), then at temperature 0
 * the first largest, else temperature; top-k (equals of the k-th best stay);
 * top-p (the fewest, best first, that have at least this share of the
 * probability; of equal ones those with larger ids); one draw of xoshiro256**,
 * seeded through SplitMix64. */
gint32 owl2_sampler_choose (Owl2Sampler *sampler, const float *logits,
    gint32 banned, double *probability);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Tokenizer, owl2_tokenizer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Detokenizer, owl2_detokenizer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Sampler, owl2_sampler_free)

G_END_DECLS

#endif
