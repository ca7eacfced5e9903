/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From question to ids: the conversation template "mplug_owl2" of the
 * published project (mplug_owl2/conversation.py) and its way of tokenising
 * around image places (mplug_owl2/mm_utils.py, tokenizer_image_token). */
#include <string.h>

#include "vocab.h"

/* ---- special tokens in text ------------------------------------------- */

/* Which of `<s>`, `</s>`, `<unk>` begins @s, the longest; -1 if none. */
static gint32
special_at (const Owl2Tokenizer *tok, const char *s, gsize len, guint *size)
{
  const gint32 special[] = { tok->bos, tok->eos, tok->unk };
  gint32 found = -1;

  *size = 0;
  for (guint i = 0; i < G_N_ELEMENTS (special); i++) {
    guint n = owl2_vocab_piece_len (tok, special[i]);

    if (n > *size && n <= len
        && memcmp (s, owl2_vocab_piece (tok, special[i]), n) == 0) {
      found = special[i];
      *size = n;
    }
  }
  return found;
}

void
owl2_tokenizer_encode_special (
    const Owl2Tokenizer *tok, const char *text, gssize len, GArray *ids)
{
  gsize n = len < 0 ? strlen (text) : (gsize) len;
  gsize begin = 0;

  for (gsize i = 0; i < n;) {
    guint size;
    gint32 id = special_at (tok, text + i, n - i, &size);

    if (id < 0) {
      i++;
      continue;
    }
    if (i > begin)
      owl2_tokenizer_encode (tok, text + begin, (gssize) (i - begin), ids);
    g_array_append_val (ids, id);
    i += size;
    begin = i;
  }
  if (n > begin)
    owl2_tokenizer_encode (tok, text + begin, (gssize) (n - begin), ids);
}

/* ---- image places ----------------------------------------------------- */

GArray *
owl2_prompt_encode (const Owl2Tokenizer *tok, const char *prompt)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const gint32 image = OWL2_IMAGE_ID;
  /* A prompt that begins with text keeps the `<s>` of that text alone. One
   * that begins with an image keeps those of all later texts. */
  gboolean text_first = !g_str_has_prefix (prompt, OWL2_IMAGE_PLACE);

  for (const char *piece = prompt;;) {
    const char *place = strstr (piece, OWL2_IMAGE_PLACE);
    gsize n = place ? (gsize) (place - piece) : strlen (piece);

    if (n > 0) {
      if (piece == prompt || !text_first)
        g_array_append_val (ids, tok->bos);
      owl2_tokenizer_encode_special (tok, piece, (gssize) n, ids);
    }
    if (!place)
      return ids;
    g_array_append_val (ids, image);
    piece = place + strlen (OWL2_IMAGE_PLACE);
  }
}

/* ---- template --------------------------------------------------------- */

/* An answer must not open image places that no frames belong to. */
static void
append_answer (GString *out, const char *answer)
{
  gsize start = out->len;
  const char *place;

  g_string_append (out, answer);
  while ((place = strstr (out->str + start, OWL2_IMAGE_PLACE)))
    g_string_erase (out, place - out->str, strlen (OWL2_IMAGE_PLACE));
}

char *
owl2_prompt_build (const char *question, gboolean with_image,
    const Owl2PromptTurn *history, guint n_history)
{
  GString *out = g_string_new (NULL);
  gboolean placed = strstr (question, OWL2_IMAGE_PLACE) != NULL;

  for (guint i = 0; i < n_history; i++)
    placed |= strstr (history[i].question, OWL2_IMAGE_PLACE) != NULL;
  for (guint i = 0; i <= n_history; i++) {
    g_string_append (out, "USER: ");
    if (i == 0 && with_image && !placed)
      g_string_append (out, OWL2_IMAGE_PLACE);
    g_string_append (out, i < n_history ? history[i].question : question);
    g_string_append (out, " ASSISTANT:");
    if (i < n_history) {
      g_string_append_c (out, ' ');
      append_answer (out, history[i].answer);
      g_string_append (out, "</s>");
    }
  }
  return g_string_free (out, FALSE);
}
