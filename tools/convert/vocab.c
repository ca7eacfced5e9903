/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vocab.h"
#include "files.h"
#include "json.h"

#include <string.h>

#define MAX_JSON_BYTES (1u << 20)

#define PIECE_UNUSED 5 /* SentencePiece's number */

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

/* Tokens that transformers keeps beside tokenizer.model would be split off the
 * text before it is encoded, which the release does not need. Those without a
 * row in the embedding can't be used by anyone. */
static gboolean
check_added (const SpModel *tok, guint n_vocab, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "added_tokens.json", NULL);
  g_autoptr (JsonObject) object = NULL;
  g_autoptr (GList) members = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  if (!(object = convert_json_load (path, MAX_JSON_BYTES, error)))
    return FALSE;
  members = json_object_get_members (object);
  for (GList *l = members; l; l = l->next) {
    JsonNode *node = json_object_get_member (object, l->data);
    g_autofree char *safe = convert_quote (l->data, strlen (l->data));
    gint64 id;

    if (!JSON_NODE_HOLDS_VALUE (node)
        || json_node_get_value_type (node) != G_TYPE_INT64)
      return convert_bad (path, error, "token '%s' has no id", safe);
    id = json_node_get_int (node);
    if (id >= n_vocab)
      continue;
    if (id < 0 || id >= tok->pieces->len
        || strcmp (g_ptr_array_index (tok->pieces, id), l->data) != 0)
      return convert_bad (path, error,
          "token '%s' (%" G_GINT64_FORMAT ") is not in tokenizer.model; "
          "added tokens are not supported",
          safe, id);
  }
  return TRUE;
}

gboolean
vocab_complete (SpModel *tok, const HfConfig *hf, const char *dir,
    const Owl2Log *log, GError **error)
{
  guint n_vocab = hf->config.decoder.n_vocab;

  if (tok->pieces->len > n_vocab)
    return convert_bad (dir, error,
        "tokenizer.model has %u pieces, vocab_size is only %u",
        tok->pieces->len, n_vocab);
  if (!check_id (dir, "bos", hf->bos_id, tok->bos_id, error)
      || !check_id (dir, "eos", hf->eos_id, tok->eos_id, error)
      || !check_added (tok, n_vocab, dir, error))
    return FALSE;
  if (tok->pieces->len < n_vocab)
    owl2_log (log, OWL2_LOG_WARNING, "convert",
        "tokenizer.model has %u pieces, vocab_size is %u: the others are "
        "marked as unused",
        tok->pieces->len, n_vocab);
  for (guint i = tok->pieces->len; i < n_vocab; i++) {
    float score = 0;
    gint32 type = PIECE_UNUSED;

    g_ptr_array_add (tok->pieces, g_strdup_printf ("[PAD%u]", i));
    g_array_append_val (tok->scores, score);
    g_array_append_val (tok->types, type);
  }
  return TRUE;
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
