/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vocab.h"
#include "added.h"
#include "family.h"
#include "files.h"

#include <string.h>

/* SentencePiece's numbers. */
enum { PIECE_CONTROL = 3, PIECE_UNUSED = 5 };

static gboolean
check_id (const char *dir, const char *what, gint32 configured,
    gint32 tokenizers, GError **error)
{
  if (configured < 0 || configured == tokenizers)
    return TRUE;
  return convert_bad (dir, error,
      "%s_token_id is %d in the configuration, %d in tokenizer.model", what,
      configured, tokenizers);
}

static void
append (SpModel *tok, char *piece, gint32 type)
{
  float score = 0;

  g_ptr_array_add (tok->pieces, piece);
  g_array_append_val (tok->scores, score);
  g_array_append_val (tok->types, type);
}

/* A token that has a row of the embedding and no piece of tokenizer.model. The
 * published code splits such tokens off the text before it is encoded. A
 * special one is never in the text, so that it only needs a name, as a control
 * piece: no text becomes it, and it becomes none. */
static gboolean
check_new (const AddedToken *token, GHashTable *names, GError **error)
{
  g_autofree char *safe =
      convert_quote (token->content, strlen (token->content));

  if (!family_check_token (token->content, token->file, error))
    return FALSE;
  if (!convert_is_name (token->content, strlen (token->content)))
    return convert_bad (token->file, error,
        "token '%s' (%" G_GINT64_FORMAT ") is not printable", safe, token->id);
  if (g_hash_table_contains (names, token->content))
    return convert_bad (token->file, error,
        "token '%s' (%" G_GINT64_FORMAT ") is another piece of the vocabulary "
        "already",
        safe, token->id);
  return token->special
         || convert_bad (token->file, error,
             "token '%s' (%" G_GINT64_FORMAT ") is a word added to the text, "
             "which is not supported; special tokens are",
             safe, token->id);
}

static gboolean
check_old (const SpModel *tok, const AddedToken *token, GError **error)
{
  g_autofree char *safe =
      convert_quote (token->content, strlen (token->content));

  return (token->id >= 0
             && strcmp (
                    g_ptr_array_index (tok->pieces, token->id), token->content)
                    == 0)
         || convert_bad (token->file, error,
             "token '%s' (%" G_GINT64_FORMAT ") is not in tokenizer.model, and "
             "has no row of its own",
             safe, token->id);
}

/* A name for a row that no file names. */
static char *
filler_name (guint i, GHashTable *names)
{
  GString *name = g_string_new (NULL);

  g_string_printf (name, "[PAD%u]", i);
  while (g_hash_table_contains (names, name->str))
    g_string_append_c (name, '_');
  return g_string_free (name, FALSE);
}

/* Pieces for all rows behind those of tokenizer.model. Tokens without a row
 * can't be used by anyone. */
static gboolean
complete (SpModel *tok, const GPtrArray *added, guint n_vocab,
    const Owl2Log *log, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  guint n_known = tok->pieces->len, n_fillers = 0, next = 0;

  for (guint i = 0; i < n_known; i++)
    g_hash_table_add (names, g_ptr_array_index (tok->pieces, i));
  for (guint i = 0; i < added->len; i++) {
    const AddedToken *token = g_ptr_array_index (added, i);

    if (token->id < n_known   ? !check_old (tok, token, error)
        : token->id < n_vocab ? !check_new (token, names, error)
                              : FALSE)
      return FALSE;
    g_hash_table_add (names, token->content);
    next += token->id < n_known;
  }
  for (guint i = n_known; i < n_vocab; i++) {
    const AddedToken *token =
        next < added->len ? g_ptr_array_index (added, next) : NULL;

    if (token && token->id == i) {
      append (tok, g_strdup (token->content), PIECE_CONTROL);
      owl2_log (log, OWL2_LOG_INFO, "convert",
          "token %u, '%s', is added as a control piece, never read from text "
          "and never shown",
          i, token->content);
      next++;
      continue;
    }
    append (tok, filler_name (i, names), PIECE_UNUSED);
    n_fillers++;
  }
  if (n_fillers > 0)
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "tokenizer.model has %u pieces, vocab_size is %u: the others are "
        "marked as unused",
        n_known, n_vocab);
  return TRUE;
}

gboolean
vocab_complete (SpModel *tok, const HfConfig *hf, Folder *folder,
    const Owl2Log *log, GError **error)
{
  const char *dir = folder_path (folder);
  guint n_vocab = hf->config.decoder.n_vocab;
  g_autoptr (GPtrArray) added = NULL;

  if (tok->pieces->len > n_vocab)
    return convert_bad (dir, error,
        "tokenizer.model has %u pieces, vocab_size is only %u",
        tok->pieces->len, n_vocab);
  if (!check_id (dir, "bos", hf->bos_id, tok->bos_id, error)
      || !check_id (dir, "eos", hf->eos_id, tok->eos_id, error)
      || !(added = added_read (folder, error)))
    return FALSE;
  return complete (tok, added, n_vocab, log, error);
}

void
vocab_write (const SpModel *tok, const HfConfig *hf, Owl2GgufWriter *w)
{
  gint32 pad = hf->pad_id >= 0 ? hf->pad_id : tok->pad_id;

  owl2_gguf_writer_string (w, "tokenizer.ggml.model", "llama");
  owl2_gguf_writer_strings (w, "tokenizer.ggml.tokens",
      (const char *const *) tok->pieces->pdata, tok->pieces->len);
  owl2_gguf_writer_f32s (w, "tokenizer.ggml.scores",
      (const float *) (gpointer) tok->scores->data, tok->scores->len);
  owl2_gguf_writer_i32s (w, "tokenizer.ggml.token_type",
      (const gint32 *) (gpointer) tok->types->data, tok->types->len);
  owl2_gguf_writer_u32 (
      w, "tokenizer.ggml.bos_token_id", (guint32) tok->bos_id);
  owl2_gguf_writer_u32 (
      w, "tokenizer.ggml.eos_token_id", (guint32) tok->eos_id);
  owl2_gguf_writer_u32 (
      w, "tokenizer.ggml.unknown_token_id", (guint32) tok->unk_id);
  if (pad >= 0 && (guint) pad < tok->pieces->len)
    owl2_gguf_writer_u32 (w, "tokenizer.ggml.padding_token_id", (guint32) pad);
  owl2_gguf_writer_bool (w, "tokenizer.ggml.add_bos_token", TRUE);
  owl2_gguf_writer_bool (w, "tokenizer.ggml.add_eos_token", FALSE);
  owl2_gguf_writer_bool (w, "tokenizer.ggml.add_space_prefix", TRUE);
}
