/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"
#include "files.h"

#include <string.h>

/* json-glib parses recursively; published files nest 4 deep. */
#define MAX_DEPTH 64u
#define MAX_DIGITS 40u /* of a number before its point */

/* ---- check of the text ------------------------------------------------ */

/* json-glib takes more than JSON (comments, several values in a row), and
 * loses memory on some of what it refuses. So it gets to see only text that
 * this has found to be JSON. */
typedef struct {
  const char *text;
  gsize n, pos;
  char open[MAX_DEPTH]; /* brackets that are open */
  guint depth;
  GString *parsed; /* NULL: the text itself; else what is parsed for it */
  gsize copied;    /* of the text, into that */
} Check;

static char
peek (const Check *c)
{
  return c->pos < c->n ? c->text[c->pos] : 0;
}

static void
skip_space (Check *c)
{
  while (c->pos < c->n && strchr (" \t\r\n", c->text[c->pos]))
    c->pos++;
}

/* Four hexadecimal digits. */
static gboolean
take_hex (Check *c, guint *value)
{
  *value = 0;
  for (guint i = 0; i < 4; i++, c->pos++) {
    if (!g_ascii_isxdigit (peek (c)))
      return FALSE;
    *value = *value << 4 | (guint) g_ascii_xdigit_value (peek (c));
  }
  return TRUE;
}

/* What follows a backslash. */
static gboolean
take_escape (Check *c)
{
  guint high, low;
  char kind = peek (c);

  if (kind == 0 || !strchr ("\"\\/bfnrtu", kind))
    return FALSE;
  c->pos++;
  if (kind != 'u')
    return TRUE;
  if (!take_hex (c, &high) || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
    return FALSE;
  if (high < 0xd800 || high > 0xdbff)
    return TRUE;
  if (c->n - c->pos < 2 || memcmp (c->text + c->pos, "\\u", 2) != 0)
    return FALSE;
  c->pos += 2;
  return take_hex (c, &low) && low >= 0xdc00 && low <= 0xdfff;
}

static gboolean
take_string (Check *c)
{
  if (peek (c) != '"')
    return FALSE;
  c->pos++;
  while (peek (c) != '"') {
    if ((guchar) peek (c) < 0x20) /* the end, too */
      return FALSE;
    if (c->text[c->pos++] == '\\' && !take_escape (c))
      return FALSE;
  }
  c->pos++;
  return TRUE;
}

static guint
take_digits (Check *c)
{
  guint n = 0;

  while (g_ascii_isdigit (peek (c))) {
    c->pos++;
    n++;
  }
  return n;
}

/* An integer of any length, as Python writes model_max_length, is parsed as a
 * number with a fraction: json-glib's integers have 64 bits. */
static void
end_integer (Check *c)
{
  if (!c->parsed)
    c->parsed = g_string_new (NULL);
  g_string_append_len (c->parsed, c->text + c->copied, c->pos - c->copied);
  g_string_append (c->parsed, ".0");
  c->copied = c->pos;
}

static gboolean
take_number (Check *c)
{
  gboolean zero, fraction;
  guint n;

  c->pos += peek (c) == '-';
  zero = peek (c) == '0';
  n = take_digits (c);
  if (n == 0 || (zero && n > 1) || n > MAX_DIGITS)
    return FALSE;
  fraction = peek (c) == '.';
  if (fraction) {
    c->pos++;
    if (take_digits (c) == 0)
      return FALSE;
  }
  if (peek (c) == 'e' || peek (c) == 'E') {
    c->pos++;
    c->pos += peek (c) == '+' || peek (c) == '-';
    return take_digits (c) > 0;
  }
  if (!fraction && n > 19)
    end_integer (c);
  return TRUE;
}

static gboolean
take_word (Check *c)
{
  static const char *const words[] = { "true", "false", "null" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    gsize n = strlen (words[i]);

    if (c->n - c->pos >= n && memcmp (c->text + c->pos, words[i], n) == 0) {
      c->pos += n;
      return TRUE;
    }
  }
  return FALSE;
}

/* A key and its colon, where an object is open. */
static gboolean
take_key (Check *c)
{
  if (c->open[c->depth - 1] != '{')
    return TRUE;
  skip_space (c);
  if (!take_string (c))
    return FALSE;
  skip_space (c);
  if (peek (c) != ':')
    return FALSE;
  c->pos++;
  return TRUE;
}

/* Behind a value: a comma and what must follow it, or closing brackets. */
static gboolean
take_end (Check *c)
{
  while (c->depth > 0) {
    skip_space (c);
    if (peek (c) == ',') {
      c->pos++;
      return take_key (c);
    }
    if (peek (c) != (c->open[c->depth - 1] == '{' ? '}' : ']'))
      return FALSE;
    c->pos++;
    c->depth--;
  }
  return TRUE;
}

/* One value and all that ends with it; without recursion. */
static gboolean
take_value (Check *c)
{
  char first;

  skip_space (c);
  first = peek (c);
  if (first == '{' || first == '[') {
    if (c->depth == MAX_DEPTH)
      return FALSE;
    c->open[c->depth++] = first;
    c->pos++;
    skip_space (c);
    if (peek (c) != (first == '{' ? '}' : ']'))
      return take_key (c);
    c->pos++;
    c->depth--;
    return take_end (c);
  }
  if (first == '"')
    return take_string (c) && take_end (c);
  if (first == '-' || g_ascii_isdigit (first))
    return take_number (c) && take_end (c);
  return take_word (c) && take_end (c);
}

/* @parsed: (nullable): what to parse for the text, if not itself. */
static gboolean
check_text (const char *text, gsize n, const char *file, GString **parsed,
    GError **error)
{
  Check c = { .text = text, .n = n };
  gboolean ok;

  /* Refuses NUL bytes, too. */
  if (!g_utf8_validate (text, (gssize) n, NULL))
    return convert_bad (file, error, "not UTF-8 text");
  skip_space (&c);
  if (peek (&c) != '{')
    return convert_bad (file, error, "not a JSON object");
  do
    ok = take_value (&c);
  while (ok && c.depth > 0);
  skip_space (&c);
  if (c.parsed)
    g_string_append_len (c.parsed, text + c.copied, n - c.copied);
  *parsed = c.parsed;
  if (c.depth == MAX_DEPTH)
    return convert_bad (file, error,
        "JSON nested more than %u deep at byte %" G_GSIZE_FORMAT, MAX_DEPTH,
        c.pos);
  if (!ok || c.pos < n)
    return convert_bad (
        file, error, "not JSON from byte %" G_GSIZE_FORMAT, c.pos);
  return TRUE;
}

/* ---- parsing ---------------------------------------------------------- */

typedef struct {
  GHashTable *seen; /* "object member" */
  char *doubled;    /* first one that came twice */
} Members;

static void
on_member (
    JsonParser *parser, JsonObject *object, const char *name, gpointer data)
{
  Members *members = data;

  if (!g_hash_table_add (
          members->seen, g_strdup_printf ("%p %s", (gpointer) object, name))
      && !members->doubled)
    members->doubled = g_strdup (name);
}

JsonObject *
convert_json_parse (const char *text, gsize n, const char *file, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) why = NULL;
  g_autoptr (GString) parsed = NULL;
  Members members = { NULL };
  JsonNode *root;
  JsonObject *object = NULL;

  if (!check_text (text, n, file, &parsed, error))
    return NULL;
  if (parsed) {
    text = parsed->str;
    n = parsed->len;
  }
  members.seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_signal_connect (parser, "object-member", G_CALLBACK (on_member), &members);
  if (!json_parser_load_from_data (parser, text, (gssize) n, &why)) {
    g_autofree char *safe = convert_quote (why->message, 200);

    convert_bad (file, error, "not JSON: %s", safe);
  } else if (!(root = json_parser_get_root (parser))
             || !JSON_NODE_HOLDS_OBJECT (root)) {
    convert_bad (file, error, "not a JSON object");
  } else if (members.doubled) {
    g_autofree char *safe = convert_quote (members.doubled, 80);

    convert_bad (file, error, "key '%s' is there twice", safe);
  } else {
    object = json_object_ref (json_node_get_object (root));
  }
  g_hash_table_unref (members.seen);
  g_free (members.doubled);
  return object;
}

JsonObject *
convert_json_load (
    Folder *folder, const char *name, gsize max_bytes, GError **error)
{
  g_autofree char *path = g_build_filename (folder_path (folder), name, NULL);
  g_autoptr (GBytes) bytes = folder_read (folder, name, max_bytes, error);
  gsize n;
  const char *text = bytes ? g_bytes_get_data (bytes, &n) : NULL;

  return bytes ? convert_json_parse (text ? text : "", n, path, error) : NULL;
}
