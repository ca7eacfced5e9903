/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json_line.h"

#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "printable.h"

/* The half of a surrogate pair that the escape at @p says; 0 if it is none. */
static guint
half_at (const char *p, const char *end)
{
  guint value = 0;

  if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
    return 0;
  for (guint i = 2; i < 6; i++) {
    if (!g_ascii_isxdigit (p[i]))
      return 0;
    value = value << 4 | (guint) g_ascii_xdigit_value (p[i]);
  }
  return value >= 0xd800 && value < 0xe000 ? value : 0;
}

/* (transfer full): @line with U+FFFD for halves that have no other half, which
 * jansson refuses. Nothing moves by that. */
static char *
mend_halves (const char *line, gsize n)
{
  char *mended = g_strndup (line, n);
  char *end = mended + n;

  /* What follows a backslash belongs to it, such as another one. */
  for (char *p = mended; (p = memchr (p, '\\', (gsize) (end - p)));) {
    const guint half = half_at (p, end);

    if (!half) {
      p += MIN (2, end - p);
    } else if (half < 0xdc00 && half_at (p + 6, end) >= 0xdc00) {
      p += 12;
    } else {
      memcpy (p, "\\ufffd", 6);
      p += 6;
    }
  }
  return mended;
}

gboolean
json_line_get_text (const char *line, gsize n, GString *text, GError **error)
{
  g_autofree char *mended = NULL;
  json_auto_t *object = NULL;
  const json_t *member;
  json_error_t why;
  const char *end;

  g_string_truncate (text, 0);
  if (!g_utf8_validate_len (line, n, &end)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "not UTF-8 from byte %" G_GSIZE_FORMAT, (gsize) (end - line) + 1);
    return FALSE;
  }
  mended = mend_halves (line, n);
  object = json_read (mended, n, JSON_ALLOW_NUL, &why);
  if (!object) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "no JSON object: byte %d of %" G_GSIZE_FORMAT ": %s", why.position, n,
        why.text);
    return FALSE;
  }
  member = json_object_get (object, "text");
  if (!json_is_string (member)) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        json_is_object (object) ? "the JSON object has no string \"text\""
                                : "no JSON object");
    return FALSE;
  }
  g_string_append_len (
      text, json_string_value (member), (gssize) json_string_length (member));
  return TRUE;
}

json_t *
json_line_string (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  return json_string_nocheck (valid);
}

/* Outside of its strings JSON has nothing but printable characters. */
char *
json_line_write (const json_t *value)
{
  char *json = json_dumps (value, JSON_ENCODE_ANY);
  GString *out = g_string_new (NULL);

  for (const char *p = json; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);

    if (owl2_is_printable (c))
      g_string_append_unichar (out, c);
    else if (c < 0x10000)
      g_string_append_printf (out, "\\u%04x", c);
    else
      g_string_append_printf (out, "\\u%04x\\u%04x",
          0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
  }
  free (json);
  return g_string_free (out, FALSE);
}
