/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "printable.h"

#include <string.h>

/* Of a message that is too long: of its beginning and of its end. */
#define HEAD_BYTES (OWL2_MESSAGE_MAX * 3 / 4)
#define TAIL_BYTES (OWL2_MESSAGE_MAX / 4)

/* In ascending order. A table of our own, so that the same text is shown alike
 * whatever version of Unicode the library knows. */
static const struct {
  gunichar first, last;
} unprintable[] = {
  { 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad }, /* soft hyphen */
  { 0x061c, 0x061c },   /* Arabic letter mark */
  { 0x180e, 0x180e },   /* Mongolian vowel separator */
  { 0x200b, 0x200b },   /* zero-width space */
  { 0x200e, 0x200f },   /* marks of direction */
  { 0x2028, 0x202e },   /* separators, embeddings, overrides */
  { 0x2060, 0x206f },   /* word joiner, invisible signs, isolates */
  { 0xfeff, 0xfeff },   /* byte order mark */
  { 0xfff9, 0xfffb },   /* interlinear annotations */
  { 0x1bca0, 0x1bca3 }, /* of shorthand */
  { 0x1d173, 0x1d17a }, /* of music */
  { 0xe0000, 0xe00ff }, /* tags */
  { 0xe01f0, 0xe0fff }, /* not assigned, but invisible */
};

gboolean
owl2_is_printable (gunichar c)
{
  if (c >= 0x20 && c < 0x7f)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (unprintable); i++)
    if (c <= unprintable[i].last)
      return c < unprintable[i].first;
  return TRUE;
}

static void
append_escape (GString *out, gunichar c)
{
  switch (c) {
    case '\n':
      g_string_append (out, "\\n");
      break;
    case '\r':
      g_string_append (out, "\\r");
      break;
    case '\t':
      g_string_append (out, "\\t");
      break;
    default:
      if (c < 0x80)
        g_string_append_printf (out, "\\x%02x", c);
      else if (c < 0x10000)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_printf (out, "\\U%08x", c);
      break;
  }
}

char *
owl2_printable (const char *text)
{
  GString *out;

  if (!text)
    return NULL;
  out = g_string_new (NULL);
  for (const char *p = text, *next; *p; p = next) {
    gunichar c = g_utf8_get_char_validated (p, -1);

    next = p + 1;
    if (c == (gunichar) -1 || c == (gunichar) -2) {
      g_string_append_printf (out, "\\x%02x", (guchar) *p);
      continue;
    }
    next = g_utf8_next_char (p);
    if (c == '\\')
      g_string_append (out, "\\\\");
    else if (owl2_is_printable (c))
      g_string_append_len (out, p, next - p);
    else
      append_escape (out, c);
  }
  return g_string_free (out, FALSE);
}

static gboolean
goes_on (char byte)
{
  return ((guchar) byte & 0xc0) == 0x80;
}

char *
owl2_printable_head (const char *text, guint max)
{
  char *shown = owl2_printable (text);

  if (g_utf8_strlen (shown, -1) > (glong) max)
    *g_utf8_offset_to_pointer (shown, (glong) max) = '\0';
  return shown;
}

/* "amp;", "#38;", "#x26;". Players that read them as HTML is read do without
 * the semicolon where a number or one of some hundred names begins, of which
 * none has one letter. */
static gboolean
is_entity (const char *p)
{
  const gsize hash = *p == '#';

  return g_ascii_isalnum (p[hash]) && (hash || g_ascii_isalnum (p[1]));
}

char *
owl2_printable_cue (const char *text)
{
  g_autofree char *line = owl2_printable (text);
  GString *out;

  if (!line)
    return NULL;
  out = g_string_new (NULL);
  for (const char *p = line; *p; p++) {
    if (*p == '{' || *p == '}') {
      g_string_append_c (out, *p == '{' ? '(' : ')');
      continue;
    }
    if (*p == '>' && out->len >= 2
        && memcmp (out->str + out->len - 2, "--", 2) == 0)
      g_string_append_c (out, ' ');
    g_string_append_c (out, *p);
    if ((*p == '<' && p[1] && p[1] != ' ') || (*p == '&' && is_entity (p + 1)))
      g_string_append_c (out, ' ');
  }
  return g_string_free (out, FALSE);
}

/* At most @max, and not within a character of @text, which has more. */
static gsize
cut (const char *text, gsize max)
{
  gsize n = max;

  while (n > 0 && max - n < 3 && goes_on (text[n]))
    n--;
  return goes_on (text[n]) ? max : n;
}

char *
owl2_printable_message (const char *message)
{
  gsize n = message ? strlen (message) : 0, head, tail;
  g_autofree char *begin = NULL, *end = NULL, *first = NULL;

  if (n <= OWL2_MESSAGE_MAX)
    return owl2_printable (message);
  head = cut (message, HEAD_BYTES);
  tail = n - TAIL_BYTES;
  for (guint i = 0; i < 3 && goes_on (message[tail]); i++)
    tail++;
  first = g_strndup (message, head);
  begin = owl2_printable (first);
  end = owl2_printable (message + tail);
  return g_strdup_printf (
      "%s .. (%" G_GSIZE_FORMAT " bytes more) .. %s", begin, tail - head, end);
}

char *
owl2_excerpt (const char *text, gsize n, gsize max)
{
  gsize size = strnlen (text, n);
  g_autofree char *piece = NULL;

  if (size <= max)
    return g_strndup (text, size);
  piece = g_strndup (text, cut (text, max));
  return g_strconcat (piece, " ..", NULL);
}
