/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json_line.h"

#include <string.h>

#include "printable.h"

#define REPLACEMENT 0xfffd

typedef struct {
  const char *p, *end;
} Cursor;

static int
peek (const Cursor *c)
{
  return c->p < c->end ? (guchar) *c->p : -1;
}

static void
skip_space (Cursor *c)
{
  while (peek (c) == ' ' || peek (c) == '\t' || peek (c) == '\r'
         || peek (c) == '\n')
    c->p++;
}

/* Takes @byte, with white space before it. */
static gboolean
take (Cursor *c, char byte)
{
  skip_space (c);
  if (peek (c) != byte)
    return FALSE;
  c->p++;
  return TRUE;
}

static gboolean
take_hex (Cursor *c, gunichar *value)
{
  *value = 0;
  for (guint i = 0; i < 4; i++, c->p++) {
    if (peek (c) < 0 || !g_ascii_isxdigit (*c->p))
      return FALSE;
    *value = *value << 4 | (gunichar) g_ascii_xdigit_value (*c->p);
  }
  return TRUE;
}

/* What follows "\u": a character, or two halves of one. */
static gboolean
take_unicode (Cursor *c, GString *out)
{
  gunichar code, low;

  if (!take_hex (c, &code))
    return FALSE;
  if (code >= 0xd800 && code < 0xdc00 && c->end - c->p >= 6
      && memcmp (c->p, "\\u", 2) == 0) {
    Cursor next = { c->p + 2, c->end };

    if (!take_hex (&next, &low))
      return FALSE;
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
      *c = next;
    }
  }
  if (code >= 0xd800 && code < 0xe000)
    code = REPLACEMENT;
  if (code == 0) /* which g_string_append_unichar() would drop */
    g_string_append_c (out, '\0');
  else
    g_string_append_unichar (out, code);
  return TRUE;
}

static gboolean
take_escape (Cursor *c, GString *out)
{
  static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
  int kind = peek (c);
  const char *name;

  if (kind <= 0)
    return FALSE;
  c->p++;
  if (kind == 'u')
    return take_unicode (c, out);
  name = strchr (names, kind);
  if (!name)
    return FALSE;
  g_string_append_c (out, bytes[name - names]);
  return TRUE;
}

/* A string, with white space before it, into @out. */
static gboolean
take_string (Cursor *c, GString *out)
{
  g_string_truncate (out, 0);
  if (!take (c, '"'))
    return FALSE;
  for (;;) {
    const char *plain = c->p;

    while (peek (c) >= ' ' && *c->p != '"' && *c->p != '\\')
      c->p++;
    g_string_append_len (out, plain, c->p - plain);
    if (peek (c) < ' ') /* the end, too */
      return FALSE;
    if (*c->p++ == '"')
      return TRUE;
    if (!take_escape (c, out))
      return FALSE;
  }
}

/* Up to the comma or bracket behind a value, strings in it as a whole. */
static gboolean
skip_value (Cursor *c, GString *scratch)
{
  gsize depth = 0;
  int byte;

  while ((byte = peek (c)) >= 0) {
    if (depth == 0 && (byte == ',' || byte == '}'))
      return TRUE;
    if (byte == '"') {
      if (!take_string (c, scratch))
        return FALSE;
      continue;
    }
    if (byte == '{' || byte == '[')
      depth++;
    else if ((byte == '}' || byte == ']') && depth-- == 0)
      return FALSE;
    c->p++;
  }
  return FALSE;
}

/* An object's members up to its end. @found: one is a string "text". */
static gboolean
take_members (Cursor *c, GString *text, gboolean *found)
{
  g_autoptr (GString) scratch = g_string_new (NULL);

  if (take (c, '}'))
    return TRUE;
  do {
    gboolean is_text;

    if (!take_string (c, scratch) || !take (c, ':'))
      return FALSE;
    is_text = scratch->len == 4 && memcmp (scratch->str, "text", 4) == 0;
    skip_space (c);
    if (is_text && peek (c) == '"') {
      *found = TRUE;
      if (!take_string (c, text))
        return FALSE;
    } else if (!skip_value (c, scratch)) {
      return FALSE;
    }
  } while (take (c, ','));
  return take (c, '}');
}

gboolean
json_line_get_text (const char *line, gsize n, GString *text, GError **error)
{
  Cursor c = { line, line + n };
  const char *end;
  gboolean found = FALSE, parsed;

  g_string_truncate (text, 0);
  if (!g_utf8_validate_len (line, n, &end)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "not UTF-8 from byte %" G_GSIZE_FORMAT, (gsize) (end - line) + 1);
    return FALSE;
  }
  parsed = take (&c, '{') && take_members (&c, text, &found);
  skip_space (&c);
  if (!parsed && c.p == c.end) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "no JSON object: %" G_GSIZE_FORMAT " bytes, and no end", n);
    return FALSE;
  }
  if (!parsed || c.p < c.end) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "no JSON object: wrong at byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT,
        (gsize) (c.p - line) + 1, n);
    return FALSE;
  }
  if (!found)
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "the JSON object has no string \"text\"");
  return found;
}

void
json_line_append_escaped (GString *out, const char *json)
{
  for (const char *p = json, *next; *p; p = next) {
    gunichar c = g_utf8_get_char_validated (p, -1);
    gboolean bad = c == (gunichar) -1 || c == (gunichar) -2;

    next = bad ? p + 1 : g_utf8_next_char (p);
    if (bad)
      g_string_append_unichar (out, REPLACEMENT);
    else if (owl2_is_printable (c))
      g_string_append_len (out, p, next - p);
    else if (c < 0x10000)
      g_string_append_printf (out, "\\u%04x", c);
    else
      g_string_append_printf (out, "\\u%04x\\u%04x",
          0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
  }
}

void
json_line_append_string (GString *out, const char *text)
{
  g_autoptr (GString) quoted = g_string_new (NULL);

  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      g_string_append_c (quoted, '\\');
    g_string_append_c (quoted, *text);
  }
  g_string_append_c (out, '"');
  json_line_append_escaped (out, quoted->str);
  g_string_append_c (out, '"');
}
