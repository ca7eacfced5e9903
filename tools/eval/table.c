/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <string.h>

#include "input.h"
#include "json_read.h"

struct _Table {
  GBytes *bytes;
  char *name;
  char separator;
  const char *p, *end;
  guint line, row_line; /* of @p, of the last row; from 1 */
  guint n_rows;
};

GBytes *
table_read (const char *path, GError **error)
{
  g_autoptr (Owl2Input) in = owl2_input_open (path, error);

  if (!in)
    return NULL;
  return owl2_input_copy (
      in, 0, owl2_input_size (in), TABLE_MAX_BYTES, "the data set", error);
}

/* Sets @text to @bytes without a byte order mark: UTF-8 with no NUL in it. */
static gboolean
check_text (GBytes *bytes, const char *name, const char **text, gsize *n,
    GError **error)
{
  const char *bad, *all = g_bytes_get_data (bytes, n);
  guint line = 1;

  if (!g_utf8_validate_len (all ? all : "", *n, &bad)) {
    for (const char *p = all; (p = memchr (p, '\n', (gsize) (bad - p))); p++)
      line++;
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s:%u: not UTF-8 from byte %" G_GSIZE_FORMAT " of the file", name,
        line, (gsize) (bad - all) + 1);
    return FALSE;
  }
  *text = all ? all : "";
  if (*n >= 3 && memcmp (all, "\357\273\277", 3) == 0) {
    *text += 3;
    *n -= 3;
  }
  return TRUE;
}

#define TOO_MANY "there are more rows than such a file may have"

static guint
max_rows (GBytes *bytes)
{
  return (1u << 18) + (guint) (g_bytes_get_size (bytes) / 160);
}

/* ---- tables ----------------------------------------------------------- */

Table *
table_new (GBytes *bytes, const char *name, char separator, GError **error)
{
  const char *text;
  Table *table;
  gsize n;

  if (!check_text (bytes, name, &text, &n, error))
    return NULL;
  table = g_new0 (Table, 1);
  table->bytes = g_bytes_ref (bytes);
  table->name = g_strdup (name);
  table->separator = separator;
  table->p = text;
  table->end = text + n;
  table->line = 1;
  return table;
}

void
table_free (Table *table)
{
  if (!table)
    return;
  g_bytes_unref (table->bytes);
  g_free (table->name);
  g_free (table);
}

guint
table_line (const Table *table)
{
  return table->row_line;
}

static gboolean
fail_row (const Table *table, const char *what, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s:%u: %s", table->name,
      table->row_line, what);
  return FALSE;
}

/* Whether @p is the end of a line; \r alone is. */
static gboolean
at_line_end (const Table *table)
{
  return table->p == table->end || *table->p == '\n' || *table->p == '\r';
}

static void
skip_line_end (Table *table)
{
  if (table->p < table->end && *table->p == '\r')
    table->p++;
  if (table->p < table->end && *table->p == '\n')
    table->p++;
  table->line++;
}

/* The inside of a quoted field, up to behind its closing quote. */
static gboolean
read_quoted (Table *table, GString *field, GError **error)
{
  for (table->p++; table->p < table->end; table->p++) {
    if (*table->p == '"') {
      if (table->p + 1 == table->end || table->p[1] != '"') {
        table->p++;
        return TRUE;
      }
      table->p++;
    }
    table->line += *table->p == '\n';
    if (field->len >= TABLE_MAX_ROW)
      break;
    g_string_append_c (field, *table->p);
  }
  return fail_row (table,
      table->p < table->end ? "a quoted field is longer than 16 MiB"
                            : "a quote is not closed",
      error);
}

/* What is not quoted, and what follows a closing quote. */
static gboolean
read_field (Table *table, GString *field, GError **error)
{
  const char *start;

  if (table->p < table->end && *table->p == '"'
      && !read_quoted (table, field, error))
    return FALSE;
  start = table->p;
  while (!at_line_end (table) && *table->p != table->separator)
    table->p++;
  if ((gsize) (table->p - start) > TABLE_MAX_ROW)
    return fail_row (table, "a field is longer than 16 MiB", error);
  g_string_append_len (field, start, table->p - start);
  return TRUE;
}

gboolean
table_next (Table *table, char ***row, GError **error)
{
  g_autoptr (GPtrArray) fields = g_ptr_array_new_with_free_func (g_free);
  gsize n_bytes = 0;

  *row = NULL;
  while (table->p < table->end && at_line_end (table))
    skip_line_end (table);
  table->row_line = table->line;
  if (table->p == table->end)
    return TRUE;
  if (table->n_rows++ == max_rows (table->bytes))
    return fail_row (table, TOO_MANY, error);
  for (;;) {
    g_autoptr (GString) field = g_string_new (NULL);

    if (!read_field (table, field, error))
      return FALSE;
    n_bytes += field->len;
    if (n_bytes > TABLE_MAX_ROW)
      return fail_row (table, "the row is longer than 16 MiB", error);
    if (fields->len == TABLE_MAX_FIELDS)
      return fail_row (table, "the row has more than 256 fields", error);
    g_ptr_array_add (fields, g_string_free (g_steal_pointer (&field), FALSE));
    if (at_line_end (table))
      break;
    table->p++; /* the separator */
  }
  skip_line_end (table);
  g_ptr_array_add (fields, NULL);
  *row = (char **) g_ptr_array_free (g_steal_pointer (&fields), FALSE);
  return TRUE;
}

/* ---- records ---------------------------------------------------------- */

static gboolean
is_blank (const char *text, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_isspace (text[i]))
      return FALSE;
  return TRUE;
}

static json_t *
fail_json (const char *name, guint line, const char *what, GError **error)
{
  g_set_error (
      error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s:%u: %s", name, line, what);
  return NULL;
}

/* Behind white space. */
static const char *
skip_space (const char *p, const char *end)
{
  while (p < end && g_ascii_isspace (*p))
    p++;
  return p;
}

struct _Records {
  GBytes *bytes;
  char *name;
  const char *text, *p, *end;
  gboolean lines; /* one record a line; else in an array */
  gboolean ended; /* the array has */
  guint n;        /* that there were */
  guint line;     /* of @counted, from 1 */
  const char *counted;
};

void
records_free (Records *r)
{
  if (!r)
    return;
  g_bytes_unref (r->bytes);
  g_free (r->name);
  g_free (r);
}

/* FALSE: names the line of @at, which is never before the last one. */
static gboolean
fail_at (Records *r, const char *at, const char *what, GError **error)
{
  for (; r->counted < at; r->counted++)
    r->line += *r->counted == '\n';
  fail_json (r->name, r->line, what, error);
  return FALSE;
}

/* Behind the object at @p; @array: (out) (nullable): where @member's begins. */
static const char *
find_member (
    const char *p, const char *end, const char *member, const char **array)
{
  const gsize n = strlen (member);

  *array = NULL;
  p = skip_space (p + 1, end);
  if (p < end && *p == '}')
    return p + 1;
  while (p < end && *p == '"') {
    const char *key = p + 1;
    gboolean is;

    p = json_skip (p, end);
    if (!p)
      return NULL;
    is = (gsize) (p - key) == n + 1 && memcmp (key, member, n) == 0;
    p = skip_space (p, end);
    if (p == end || *p != ':')
      return NULL;
    p = skip_space (p + 1, end);
    if (is)
      *array = p < end && *p == '[' ? p : NULL;
    p = json_skip (p, end);
    p = p ? skip_space (p, end) : end;
    if (p < end && *p == '}')
      return p + 1;
    if (p == end || *p != ',')
      return NULL;
    p = skip_space (p + 1, end);
  }
  return NULL;
}

/* What begins the file says what all of it is. */
static gboolean
find_records (Records *r, const char *member, GError **error)
{
  const char *p = skip_space (r->p, r->end), *array = p, *behind;

  if (p == r->end)
    return fail_at (r, r->text, "it is empty", error);
  behind = json_skip (p, r->end);
  if (*p == '{') {
    behind = member ? find_member (p, r->end, member, &array) : NULL;
    r->lines = !behind || !array;
    r->p = r->lines ? p : array + 1;
  } else if (*p == '[') {
    r->p = p + 1;
  } else {
    return fail_at (r, p, "neither an array of records nor one a line", error);
  }
  if (r->lines || !behind || is_blank (behind, (gsize) (r->end - behind)))
    return TRUE;
  return fail_at (r, behind, "something follows the JSON value", error);
}

Records *
records_new (
    GBytes *bytes, const char *name, const char *member, GError **error)
{
  g_autoptr (Records) r = g_new0 (Records, 1);
  gsize n;

  r->bytes = g_bytes_ref (bytes);
  r->name = g_strdup (name);
  if (!check_text (bytes, name, &r->text, &n, error))
    return NULL;
  r->p = r->counted = r->text;
  r->end = r->text + n;
  r->line = 1;
  return find_records (r, member, error) ? g_steal_pointer (&r) : NULL;
}

/* Sets @from and @n to the text of the next record; FALSE: there is none. */
static gboolean
next_text (Records *r, const char **from, gsize *n)
{
  const char *behind;

  if (r->ended)
    return FALSE;
  r->p = skip_space (r->p, r->end);
  r->ended = r->p < r->end && !r->lines && r->n == 0 && *r->p == ']';
  if (r->p == r->end || r->ended)
    return FALSE;
  *from = r->p;
  behind = r->lines ? memchr (r->p, '\n', (gsize) (r->end - r->p))
                    : json_skip (r->p, r->end);
  r->p = behind ? behind : r->end;
  *n = (gsize) (r->p - *from);
  return TRUE;
}

/* What follows a value of an array. */
static gboolean
take_comma (Records *r, GError **error)
{
  r->p = skip_space (r->p, r->end);
  r->ended = r->p < r->end && *r->p == ']';
  if (!r->ended && (r->p == r->end || *r->p != ','))
    return fail_at (r, r->p, "the array has no end", error);
  r->p++;
  return TRUE;
}

gboolean
records_next (Records *r, json_t **record, GError **error)
{
  json_auto_t *value = NULL;
  json_error_t why;
  const char *from;
  gsize n;

  *record = NULL;
  if (!next_text (r, &from, &n))
    return r->lines || r->ended
           || fail_at (r, r->p, "the array has no end", error);
  if (r->n == max_rows (r->bytes))
    return fail_at (r, from, TOO_MANY, error);
  if (n > TABLE_MAX_ROW)
    return fail_at (r, from, "the record is longer than 16 MiB", error);
  value = json_read (from, n, JSON_DECODE_ANY, &why);
  if (!value)
    return fail_at (r, from + MAX (why.position, 0), why.text, error);
  r->n++;
  if (!json_is_object (value)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: record %u is no object", r->name, r->n);
    return FALSE;
  }
  if (!r->lines && !take_comma (r, error))
    return FALSE;
  *record = g_steal_pointer (&value);
  return TRUE;
}

json_t *
table_records (
    GBytes *bytes, const char *name, const char *member, GError **error)
{
  g_autoptr (Records) records = records_new (bytes, name, member, error);
  json_auto_t *all = json_array ();
  json_t *record = NULL;

  while (records && records_next (records, &record, error)) {
    if (!record)
      return g_steal_pointer (&all);
    json_array_append_new (all, record);
  }
  return NULL;
}
