/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vqa_text.h"

#include <string.h>

/* re.UNICODE is handed over where the number of substitutions goes. */
#define MAX_STOPS 32

static const char marks[] = ";/[]\"{}()=+\\_-><@`,?!";

/* A word that has lost one of its apostrophes gets it back: of these, each
 * form with one left out. */
static const char *const contractions[] = { "ain't", "aren't", "can't",
  "could've", "couldn't", "couldn't've", "didn't", "doesn't", "don't", "hadn't",
  "hadn't've", "hasn't", "haven't", "he'd", "he'd've", "he's", "how'd",
  "how'll", "how's", "isn't", "it'd", "it'd've", "it'll", "ma'am", "mightn't",
  "mightn't've", "might've", "mustn't", "must've", "needn't", "not've",
  "o'clock", "oughtn't", "'ow's'at", "shan't", "she'd've", "should've",
  "shouldn't", "shouldn't've", "somebody'd've", "somebody'll", "somebody's",
  "someone'd", "someone'd've", "someone'll", "someone's", "something'd",
  "something'd've", "something'll", "that's", "there'd", "there'd've",
  "there're", "there's", "they'd", "they'd've", "they'll", "they're", "they've",
  "'twas", "wasn't", "we'd've", "we've", "weren't", "what'll", "what're",
  "what's", "what've", "when's", "where'd", "where's", "where've", "who'd",
  "who'd've", "who'll", "who's", "who've", "why'll", "why're", "why's", "won't",
  "would've", "wouldn't", "wouldn't've", "y'all", "y'all'll", "y'all'd've",
  "you'd", "you'd've", "you'll", "you're", "you've" };

static const char *const numbers[] = { "zero", "one", "two", "three", "four",
  "five", "six", "seven", "eight", "nine", "ten" };

/* ---- Python's strings ------------------------------------------------- */

static gboolean
is_space (gunichar c)
{
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85
         || c == 0x2028 || c == 0x2029
         || g_unichar_type (c) == G_UNICODE_SPACE_SEPARATOR;
}

/* The first character that is no space. */
static const char *
skip_spaces (const char *p)
{
  while (*p && is_space (g_utf8_get_char (p)))
    p = g_utf8_next_char (p);
  return p;
}

static const char *
skip_word (const char *p)
{
  while (*p && !is_space (g_utf8_get_char (p)))
    p = g_utf8_next_char (p);
  return p;
}

char *
vqa_text_strip (const char *text)
{
  const char *start = skip_spaces (text), *end = start, *p = start;

  while (*p) {
    end = skip_word (p);
    p = skip_spaces (end);
  }
  return g_strndup (start, (gsize) (end - start));
}

static gboolean
is_cased (gunichar c)
{
  return g_unichar_islower (c) || g_unichar_isupper (c)
         || g_unichar_istitle (c);
}

/* What stands in words without being a letter that has a case. */
static gboolean
is_ignorable (gunichar c)
{
  const GUnicodeType type = g_unichar_type (c);

  return g_unichar_ismark (c) || type == G_UNICODE_FORMAT
         || type == G_UNICODE_MODIFIER_LETTER
         || type == G_UNICODE_MODIFIER_SYMBOL || c == '\'' || c == '.'
         || c == ':' || c == 0xb7 || c == 0x2018 || c == 0x2019 || c == 0x2024
         || c == 0x2027;
}

/* Whether the sigma at @p ends its word. */
static gboolean
is_final (const char *text, const char *p)
{
  const char *q = p;
  gunichar c;

  do {
    if (q == text)
      return FALSE;
    q = g_utf8_prev_char (q);
    c = g_utf8_get_char (q);
  } while (is_ignorable (c));
  if (!is_cased (c))
    return FALSE;
  for (q = g_utf8_next_char (p); *q; q = g_utf8_next_char (q))
    if (!is_ignorable (g_utf8_get_char (q)))
      return !is_cased (g_utf8_get_char (q));
  return TRUE;
}

/* (transfer full): small letters, in any locale the same. */
static char *
lower (const char *text)
{
  GString *out = g_string_new (NULL);

  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    const gunichar c = g_utf8_get_char (p);

    if (c == 0x130)
      g_string_append (out, "i\314\207");
    else if (c == 0x3a3 && is_final (text, p))
      g_string_append_unichar (out, 0x3c2);
    else
      g_string_append_unichar (out, g_unichar_tolower (c));
  }
  return g_string_free (out, FALSE);
}

/* (transfer full) */
static char *
replace (const char *text, const char *from, const char *to)
{
  g_auto (GStrv) parts = g_strsplit (text, from, -1);

  /* g_strsplit() makes no part of no text. */
  return parts[0] ? g_strjoinv (to, parts) : g_strdup ("");
}

/* ---- the scorer ------------------------------------------------------- */

static gboolean
has_digit_comma_digit (const char *text)
{
  gunichar before[2] = { 0, 0 };

  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    const gunichar c = g_utf8_get_char (p);

    if (g_unichar_isdigit (c) && before[1] == ','
        && g_unichar_isdigit (before[0]))
      return TRUE;
    before[0] = before[1];
    before[1] = c;
  }
  return FALSE;
}

static gboolean
has_space_beside (const char *text, char mark)
{
  for (const char *p = text; (p = strchr (p, mark)); p++)
    if (p[1] == ' ' || (p > text && p[-1] == ' '))
      return TRUE;
  return FALSE;
}

/* (transfer full): it looks for a digit before the stop, too, but for one that
 * stands after "<=". */
static char *
drop_stops (const char *text)
{
  GString *out = g_string_new (NULL);
  guint n = 0;

  for (const char *p = text; *p; p++)
    if (*p == '.' && n < MAX_STOPS
        && !g_unichar_isdigit (g_utf8_get_char (p + 1)))
      n++;
    else
      g_string_append_c (out, *p);
  return g_string_free (out, FALSE);
}

char *
vqa_text_punctuation (const char *text)
{
  const gboolean all_go = has_digit_comma_digit (text);
  gboolean goes[G_N_ELEMENTS (marks)] = { FALSE };
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint i = 0; marks[i]; i++)
    goes[i] = all_go || has_space_beside (text, marks[i]);
  for (const char *p = text; *p; p++) {
    const char *mark = strchr (marks, *p);

    if (!mark)
      g_string_append_c (out, *p);
    else if (!goes[mark - marks])
      g_string_append_c (out, ' ');
  }
  return drop_stops (out->str);
}

/* Whether @word is @whole without one of its apostrophes. */
static gboolean
lacks_one (const char *word, const char *whole)
{
  const gsize n = strlen (whole);

  if (strlen (word) + 1 != n)
    return FALSE;
  for (const char *p = whole; (p = strchr (p, '\'')); p++) {
    const gsize at = (gsize) (p - whole);

    if (memcmp (word, whole, at) == 0 && strcmp (word + at, p + 1) == 0)
      return TRUE;
  }
  return FALSE;
}

static const char *
contract (const char *word)
{
  if (strcmp (word, "somebody'd") == 0) /* the wrong way round */
    return "somebodyd";
  for (guint i = 0; i < G_N_ELEMENTS (contractions); i++)
    if (lacks_one (word, contractions[i]))
      return contractions[i];
  return word;
}

static void
append_word (GString *out, const char *word)
{
  if (out->len)
    g_string_append_c (out, ' ');
  if (strcmp (word, "none") == 0)
    word = "zero";
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (strcmp (word, numbers[i]) == 0) {
      g_string_append_printf (out, "%u", i);
      return;
    }
  g_string_append (out, contract (word));
}

/* (transfer full) */
static char *
words (const char *text)
{
  g_autofree char *small = lower (text);
  GString *out = g_string_new (NULL);
  const char *p = skip_spaces (small);

  while (*p) {
    const char *end = skip_word (p);
    g_autofree char *word = g_strndup (p, (gsize) (end - p));

    if (strcmp (word, "a") != 0 && strcmp (word, "an") != 0
        && strcmp (word, "the") != 0)
      append_word (out, word);
    p = skip_spaces (end);
  }
  return g_string_free (out, FALSE);
}

char *
vqa_text_answer (const char *text)
{
  g_autofree char *flat = g_strdelimit (g_strdup (text), "\n\t", ' ');
  g_autofree char *bare = vqa_text_strip (flat);
  g_autofree char *clean = vqa_text_punctuation (bare);

  return words (clean);
}

char *
vqa_text_evalai (const char *text)
{
  g_autofree char *small = lower (text);
  g_autofree char *no_commas = replace (small, ",", "");
  g_autofree char *no_questions = replace (no_commas, "?", "");
  g_autofree char *owners = replace (no_questions, "'s", " 's");

  return vqa_text_answer (owners);
}
