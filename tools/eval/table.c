/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <string.h>

#include "input.h"

struct _Table {
  GBytes *bytes;
  char *name;
  char separator;
  const char *p, *end;
  guint line, row_line; /* of @p, of the last row; from 1 */
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
      table->p < table->end ? "a quoted field is longer than 64 MiB"
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
  for (;;) {
    g_autoptr (GString) field = g_string_new (NULL);

    if (!read_field (table, field, error))
      return FALSE;
    n_bytes += field->len;
    if (n_bytes > TABLE_MAX_ROW)
      return fail_row (table, "the row is longer than 64 MiB", error);
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

/* (transfer full) (nullable) */
static json_t *
read_lines (const char *text, gsize n, const char *name, GError **error)
{
  json_auto_t *records = json_array ();
  const char *end = text + n;
  guint line = 1;

  for (const char *p = text, *next; p < end; p = next, line++) {
    const char *stop = memchr (p, '\n', (gsize) (end - p));
    const gsize length = (gsize) ((stop ? stop : end) - p);
    json_error_t why;
    json_t *record;

    next = p + length + (stop != NULL);
    if (is_blank (p, length))
      continue;
    record = json_loadb (p, length, 0, &why);
    if (!record)
      return fail_json (name, line, why.text, error);
    json_array_append_new (records, record);
  }
  return json_incref (records);
}

/* (transfer full) (nullable): what begins the file, if it is of any use, says
 * what all of it is. */
static json_t *
read_records (const char *text, gsize n, const char *name, const char *member,
    GError **error)
{
  json_error_t why;
  json_auto_t *first =
      json_loadb (text, n, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &why);
  json_t *array;

  if (!first)
    return fail_json (name, (guint) MAX (why.line, 1), why.text, error);
  array = member ? json_object_get (first, member) : NULL;
  if (json_is_object (first) && !json_is_array (array))
    return read_lines (text, n, name, error);
  if (!is_blank (text + why.position, n - (gsize) why.position))
    return fail_json (name, (guint) MAX (why.line, 1),
        "something follows the JSON value", error);
  if (json_is_array (first) || json_is_array (array))
    return json_incref (array ? array : first);
  return fail_json (
      name, 1, "neither an array of records nor one a line", error);
}

json_t *
table_records (
    GBytes *bytes, const char *name, const char *member, GError **error)
{
  json_auto_t *records = NULL;
  const char *text;
  gsize n;

  if (!check_text (bytes, name, &text, &n, error))
    return NULL;
  if (is_blank (text, n))
    return fail_json (name, 1, "it is empty", error);
  records = read_records (text, n, name, member, error);
  for (gsize i = 0; i < json_array_size (records); i++)
    if (!json_is_object (json_array_get (records, i))) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
          "%s: record %" G_GSIZE_FORMAT " is no object", name, i + 1);
      return NULL;
    }
  return json_incref (records);
}
