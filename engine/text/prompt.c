/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From question to ids: the conversation template "mplug_owl2" of the
 * published project (mplug_owl2/conversation.py) and its way of tokenising
 * around image places (mplug_owl2/mm_utils.py, tokenizer_image_token). */
#include <string.h>

#include "vocab.h"

/* ---- plain text -------------------------------------------------------- */

/* What was between the marks, with the marks taken off. */
typedef struct {
  GString *text;
  GByteArray *plain; /* (nullable): for each byte of it; NULL: none is */
} Unmarked;

static void
unmarked_init (Unmarked *u, const char *prompt)
{
  const char *begin = strchr (prompt, OWL2_PLAIN_BEGIN);

  u->text = g_string_new (begin ? NULL : prompt);
  u->plain = NULL;
  if (!begin)
    return;
  u->plain = g_byte_array_new ();
  for (const char *s = prompt; *s;) {
    const char *end = NULL;
    gsize n;
    guint old = u->plain->len;
    guint8 plain = 0;

    if (*s == OWL2_PLAIN_BEGIN && (end = strchr (s + 1, OWL2_PLAIN_END))) {
      plain = 1;
      s++;
      n = (gsize) (end - s);
    } else {
      const char *next = strchr (s + 1, OWL2_PLAIN_BEGIN);

      n = next ? (gsize) (next - s) : strlen (s);
    }
    g_string_append_len (u->text, s, (gssize) n);
    g_byte_array_set_size (u->plain, old + (guint) n);
    if (n)
      memset (u->plain->data + old, plain, n);
    s += n + plain;
  }
}

static void
unmarked_clear (Unmarked *u)
{
  g_string_free (u->text, TRUE);
  if (u->plain)
    g_byte_array_unref (u->plain);
}

/* Whether one of [from, from + n) is plain. */
static gboolean
unmarked_is_plain (const Unmarked *u, gsize from, gsize n)
{
  return u->plain && memchr (u->plain->data + from, 1, n) != NULL;
}

/* The first image place from @from on; the text's length if there is none. */
static gsize
unmarked_find_place (const Unmarked *u, gsize from)
{
  const gsize n = strlen (OWL2_IMAGE_PLACE);
  const char *text = u->text->str, *place = text + from;

  while ((place = strstr (place, OWL2_IMAGE_PLACE))) {
    if (!unmarked_is_plain (u, (gsize) (place - text), n))
      return (gsize) (place - text);
    place++;
  }
  return u->text->len;
}

static gboolean
has_place (const char *prompt)
{
  Unmarked u;
  gboolean found;

  unmarked_init (&u, prompt);
  found = unmarked_find_place (&u, 0) < u.text->len;
  unmarked_clear (&u);
  return found;
}

char *
owl2_prompt_mark_plain (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  return *valid ? g_strdup_printf (
             "%c%s%c", OWL2_PLAIN_BEGIN, valid, OWL2_PLAIN_END)
                : g_steal_pointer (&valid);
}

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

/* @plain: (nullable): for each byte, whether it is a letter whatever it spells
 */
static void
encode_special (const Owl2Tokenizer *tok, const char *text, gsize n,
    const guint8 *plain, GArray *ids)
{
  gsize begin = 0;

  for (gsize i = 0; i < n;) {
    guint size;
    gint32 id = special_at (tok, text + i, n - i, &size);

    if (id < 0 || (plain && memchr (plain + i, 1, size))) {
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

void
owl2_tokenizer_encode_special (
    const Owl2Tokenizer *tok, const char *text, gssize len, GArray *ids)
{
  encode_special (tok, text, len < 0 ? strlen (text) : (gsize) len, NULL, ids);
}

/* ---- image places ----------------------------------------------------- */

GArray *
owl2_prompt_encode (const Owl2Tokenizer *tok, const char *prompt)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const gint32 image = OWL2_IMAGE_ID;
  /* A prompt that begins with text keeps the `<s>` of that text alone. One
   * that begins with an image keeps those of all later texts. */
  gboolean text_first;
  Unmarked u;

  unmarked_init (&u, prompt);
  text_first = unmarked_find_place (&u, 0) > 0;
  for (gsize from = 0;;) {
    gsize place = unmarked_find_place (&u, from), n = place - from;

    if (n > 0) {
      if (from == 0 || !text_first)
        g_array_append_val (ids, tok->bos);
      encode_special (tok, u.text->str + from, n,
          u.plain ? u.plain->data + from : NULL, ids);
    }
    if (place == u.text->len)
      break;
    g_array_append_val (ids, image);
    from = place + strlen (OWL2_IMAGE_PLACE);
  }
  unmarked_clear (&u);
  return ids;
}

/* ---- template --------------------------------------------------------- */

/* All frames belong to the first turn: an answer or a later question opens no
 * place for them. What is plain stays so. */
static void
append_without_places (GString *out, const char *text)
{
  const gsize n = strlen (OWL2_IMAGE_PLACE);
  gsize place;
  Unmarked u;

  unmarked_init (&u, text);
  while ((place = unmarked_find_place (&u, 0)) < u.text->len) {
    g_string_erase (u.text, (gssize) place, (gssize) n);
    if (u.plain)
      g_byte_array_remove_range (u.plain, (guint) place, (guint) n);
  }
  for (gsize i = 0; i < u.text->len; i++) {
    if (u.plain && u.plain->data[i] && (i == 0 || !u.plain->data[i - 1]))
      g_string_append_c (out, OWL2_PLAIN_BEGIN);
    g_string_append_c (out, u.text->str[i]);
    if (u.plain && u.plain->data[i]
        && (i + 1 == u.text->len || !u.plain->data[i + 1]))
      g_string_append_c (out, OWL2_PLAIN_END);
  }
  unmarked_clear (&u);
}

char *
owl2_prompt_build (const char *question, gboolean with_image,
    const Owl2PromptTurn *history, guint n_history)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i <= n_history; i++) {
    const char *text = i < n_history ? history[i].question : question;

    g_string_append (out, "USER: ");
    if (i > 0) {
      append_without_places (out, text);
    } else {
      if (with_image && !has_place (text))
        g_string_append (out, OWL2_IMAGE_PLACE);
      g_string_append (out, text);
    }
    g_string_append (out, " ASSISTANT:");
    if (i < n_history) {
      g_string_append_c (out, ' ');
      append_without_places (out, history[i].answer);
      g_string_append (out, "</s>");
    }
  }
  return g_string_free (out, FALSE);
}

char *
owl2_prompt_put (const char *pattern, const char *question)
{
  g_auto (GStrv) pieces = g_strsplit (pattern, OWL2_QUESTION_PLACE, -1);

  /* Of a question that has a place nothing is filled. */
  return g_strjoinv (question ? question : "", pieces);
}

/* ---- what the answer goes on from -------------------------------------- */

/* Whether the character that begins at @s, in front of @end, is white space. */
static gboolean
is_space (const char *s, const char *end)
{
  gunichar c = s < end ? g_utf8_get_char_validated (s, end - s) : 0;

  return c < 0x110000 && g_unichar_isspace (c);
}

static gboolean
ends_with_space (const char *text)
{
  const char *end = text + strlen (text), *last;

  while (end > text && end[-1] == OWL2_PLAIN_END)
    end--;
  /* None where the text is no UTF-8. */
  last = g_utf8_find_prev_char (text, end);
  return last && is_space (last, end);
}

static gboolean
begins_with_space (const char *text)
{
  while (*text == OWL2_PLAIN_BEGIN)
    text++;
  return is_space (text, text + strlen (text));
}

char *
owl2_prompt_append (const char *prompt, const char *prefix)
{
  gboolean joined = !prefix || !*prefix || !*prompt || ends_with_space (prompt)
                    || begins_with_space (prefix);

  return g_strconcat (prompt, joined ? "" : " ", prefix, NULL);
}
