/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Data sets of rows. */
#include <math.h>
#include <string.h>

#include "forms.h"
#include "options.h"
#include "table.h"

/* A table being read: its header, if it has one, and the row at hand. */
typedef struct {
  Table *table;
  const char *file;
  char **header; /* (nullable) */
  char **row;
  guint n; /* fields of @row */
} Reader;

static void
reader_clear (Reader *r)
{
  table_free (r->table);
  g_strfreev (r->header);
  g_strfreev (r->row);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

static gboolean fail (const Reader *r, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
fail (const Reader *r, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s:%u: %s", r->file,
      table_line (r->table), what);
  return FALSE;
}

/* Tabs between the fields of the first line make it a TSV file. */
static char
find_separator (GBytes *bytes)
{
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);
  const char *end = n ? memchr (text, '\n', n) : NULL;

  return n && memchr (text, '\t', end ? (gsize) (end - text) : n) ? '\t' : ',';
}

/* Reads the first row, which stays at hand. */
static gboolean
reader_begin (Reader *r, const EvalSet *set, GBytes *bytes, GError **error)
{
  r->file = set->path;
  r->table = table_new (bytes, set->path, find_separator (bytes), error);
  if (!r->table || !table_next (r->table, &r->row, error))
    return FALSE;
  if (!r->row)
    return fail (r, error, "it is empty");
  r->n = g_strv_length (r->row);
  return TRUE;
}

/* What is at hand is no row but the names of the columns. */
static void
reader_take_header (Reader *r)
{
  r->header = g_steal_pointer (&r->row);
}

/* Sets r->row to the next one, NULL after the last. Rows are as long as the
 * first. */
static gboolean
reader_next (Reader *r, GError **error)
{
  g_clear_pointer (&r->row, g_strfreev);
  if (!table_next (r->table, &r->row, error))
    return FALSE;
  if (r->row && g_strv_length (r->row) != r->n)
    return fail (r, error, "the row has %u fields, the first one %u",
        g_strv_length (r->row), r->n);
  return TRUE;
}

/* Its place, in any case of letters; -1: there is none. */
static int
find_column (const Reader *r, const char *name)
{
  for (guint i = 0; r->header && i < r->n; i++)
    if (g_ascii_strcasecmp (r->header[i], name) == 0)
      return (int) i;
  return -1;
}

/* The first of the names, separated by spaces. */
static int
find_any (const Reader *r, const char *names)
{
  g_auto (GStrv) each = g_strsplit (names, " ", -1);
  int column = -1;

  for (guint i = 0; each[i] && column < 0; i++)
    column = find_column (r, each[i]);
  return column;
}

/* Borrowed, of the row at hand; NULL and no error where there is no column. */
static const char *
optional (const Reader *r, const char *name)
{
  const int column = find_column (r, name);

  return column >= 0 && *r->row[column] ? r->row[column] : NULL;
}

static gboolean
need (const Reader *r, const char *names, GError **error)
{
  g_auto (GStrv) each = g_strsplit (names, " ", -1);

  for (guint i = 0; each[i]; i++)
    if (find_column (r, each[i]) < 0)
      return fail (r, error, "there is no column \"%s\"", each[i]);
  return TRUE;
}

/* (transfer full): the fields of columns A, B, .. or a1, a2, .. up to the first
 * that has nothing in it. */
static char **
take_options (const Reader *r, gboolean letters)
{
  g_autoptr (GPtrArray) options = g_ptr_array_new ();

  for (guint i = 0; i < EVAL_MAX_OPTIONS; i++) {
    g_autofree char *name = letters ? g_strdup_printf ("%c", (char) ('A' + i))
                                    : g_strdup_printf ("a%u", i + 1);
    const char *text = optional (r, name);

    if (!text)
      break;
    g_ptr_array_add (options, g_strdup (text));
  }
  g_ptr_array_add (options, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&options), FALSE);
}

/* Each row behind the header is an item. */
static gboolean
read_rows (Reader *r, EvalSet *set,
    gboolean (*read) (const Reader *, EvalSet *, GError **), GError **error)
{
  while (reader_next (r, error)) {
    if (!r->row)
      return TRUE;
    if (!read (r, set, error))
      return FALSE;
  }
  return FALSE;
}

/* Of the item that was put there last. */
static json_t *
index_id (const EvalSet *set)
{
  return json_integer ((json_int_t) set->items->len - 1);
}

/* ---- TGIF-QA ---------------------------------------------------------- */

/* The answer is the place of an option, from 0. */
static gboolean
read_tgif_choice (const Reader *r, EvalItem *item, GError **error)
{
  guint64 right;

  item->options = take_options (r, FALSE);
  item->plain = g_steal_pointer (&item->question);
  item->question = eval_options_ask (NULL, item->plain, item->options);
  if (!g_ascii_string_to_unsigned (item->answer, 10, 0,
          MAX (g_strv_length (item->options), 1) - 1, &right, NULL))
    return fail (r, error, "the answer \"%s\" is no place of %u options",
        item->answer, g_strv_length (item->options));
  g_free (item->answer);
  item->answer = g_strdup_printf ("%c", (char) ('A' + right));
  return TRUE;
}

static gboolean
read_tgif (const Reader *r, EvalSet *set, GError **error)
{
  EvalItem *item = g_new0 (EvalItem, 1);
  const char *key = optional (r, "key");
  gint64 count;

  g_ptr_array_add (set->items, item);
  item->id = key ? json_string_nocheck (key) : index_id (set);
  item->media = g_strdup (optional (r, "gif_name"));
  item->question = g_strdup (optional (r, "question"));
  item->answer = g_strdup (optional (r, "answer"));
  item->type = g_strdup (optional (r, "type"));
  if (!item->media || !item->question || !item->answer)
    return fail (r, error, "gif_name, question or answer is empty");
  if (set->kind == EVAL_LETTER)
    return read_tgif_choice (r, item, error);
  if (set->kind == EVAL_COUNT
      && !g_ascii_string_to_signed (
          item->answer, 10, 0, G_MAXINT32, &count, NULL))
    return fail (r, error, "the answer \"%s\" is no count", item->answer);
  return TRUE;
}

gboolean
eval_load_tgif (EvalSet *set, GBytes *bytes, GError **error)
{
  g_auto (Reader) r = { NULL };

  if (!reader_begin (&r, set, bytes, error))
    return FALSE;
  reader_take_header (&r);
  if (!need (&r, "gif_name question answer", error))
    return FALSE;
  set->kind = find_column (&r, "a1") >= 0     ? EVAL_LETTER
              : find_column (&r, "type") >= 0 ? EVAL_WORDS
                                              : EVAL_COUNT;
  return read_rows (&r, set, read_tgif, error);
}

/* ---- options ---------------------------------------------------------- */

static void
append_options (GString *out, char *const *options)
{
  for (guint i = 0; options[i]; i++)
    g_string_append_printf (out, "\n%c. %s", (char) ('A' + i), options[i]);
}

char *
eval_options_ask (const char *hint, const char *question, char *const *options)
{
  GString *out = g_string_new (hint && *hint ? hint : "N/A");

  g_string_append_printf (out, "\n%s", question);
  append_options (out, options);
  return g_string_free (out, FALSE);
}

gboolean
eval_options_has (const EvalItem *item)
{
  const char letter = item->answer[0];

  return letter >= 'A' && !item->answer[1]
         && letter - 'A' < (int) g_strv_length (item->options);
}

static gboolean
check_answer (const Reader *r, const EvalItem *item, GError **error)
{
  return !item->answer || eval_options_has (item)
         || fail (r, error, "the answer \"%s\" is none of the %u options",
             item->answer, g_strv_length (item->options));
}

static gboolean
read_mmbench_row (const Reader *r, EvalSet *set, GError **error)
{
  EvalItem *item = g_new0 (EvalItem, 1);
  const char *index = optional (r, "index"), *image = optional (r, "image");
  gint64 number;

  g_ptr_array_add (set->items, item);
  item->picture = image ? g_ref_string_new (image) : NULL;
  item->plain = g_strdup (optional (r, "question"));
  item->answer = g_strdup (optional (r, "answer"));
  item->type = g_strdup (optional (r, "category"));
  item->options = take_options (r, TRUE);
  if (!item->picture || !item->plain)
    return fail (r, error, "image or question is empty");
  if (!index
      || !g_ascii_string_to_signed (
          index, 10, G_MININT64, G_MAXINT64, &number, NULL))
    return fail (
        r, error, "the index \"%s\" is no integer", index ? index : "");
  item->id = json_integer (number);
  item->question =
      eval_options_ask (optional (r, "hint"), item->plain, item->options);
  return check_answer (r, item, error);
}

/* Whether it is the index of the row that has the picture: base64 of one is
 * longer than any index. */
static gboolean
is_row (const char *picture, gint64 *index)
{
  return strlen (picture) < 20
         && g_ascii_string_to_signed (
             picture, 10, G_MININT64, G_MAXINT64, index, NULL);
}

/* A picture that is asked about more than once is in one row, whose index the
 * others have in its place. */
static gboolean
find_pictures (const Reader *r, const EvalSet *set, GError **error)
{
  g_autoptr (GHashTable) rows =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  gint64 row;

  for (guint i = 0; i < set->items->len; i++) {
    EvalItem *item = set->items->pdata[i];
    const gint64 index = json_integer_value (item->id);

    if (!is_row (item->picture, &row))
      g_hash_table_insert (rows, g_memdup2 (&index, sizeof index), item);
  }
  for (guint i = 0; i < set->items->len; i++) {
    EvalItem *item = set->items->pdata[i];
    const EvalItem *other;

    if (!is_row (item->picture, &row))
      continue;
    other = g_hash_table_lookup (rows, &row);
    if (!other) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
          "%s: the image of index %" JSON_INTEGER_FORMAT " is that of index "
          "%" G_GINT64_FORMAT ", and no row with a picture has that",
          r->file, json_integer_value (item->id), row);
      return FALSE;
    }
    g_ref_string_release (item->picture);
    item->picture = g_ref_string_acquire (other->picture);
  }
  return TRUE;
}

gboolean
eval_load_mmbench_table (EvalSet *set, GBytes *bytes, GError **error)
{
  g_auto (Reader) r = { NULL };

  if (!reader_begin (&r, set, bytes, error))
    return FALSE;
  reader_take_header (&r);
  if (!need (&r, "index image question A B", error))
    return FALSE;
  return read_rows (&r, set, read_mmbench_row, error)
         && find_pictures (&r, set, error);
}

/* ---- text choices ----------------------------------------------------- */

/* (transfer full): "abstract algebra" of ".../abstract_algebra_test.csv" */
static char *
find_subject (const char *path)
{
  char *name = g_path_get_basename (path);
  static const char *const ends[] = { ".csv", "_test", "_val", "_dev" };

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (g_str_has_suffix (name, ends[i]))
      name[strlen (name) - strlen (ends[i])] = '\0';
  return g_strdelimit (name, "_", ' ');
}

/* The prompt of hendrycks/test, evaluate.py, without examples. Its
 * format_subject() begins with a space, so there are two. */
static void
ask_likeliest (EvalItem *item, const char *subject)
{
  GString *out = g_string_new (NULL);

  g_string_printf (out,
      "The following are multiple choice questions (with answers) about  %s."
      "\n\n%s",
      subject, item->plain);
  append_options (out, item->options);
  g_string_append (out, "\nAnswer:");
  item->question = g_string_free (out, FALSE);
}

/* By the header, or else the question first, the answer last. */
static gboolean
read_choice (const Reader *r, EvalSet *set, const char *subject, GError **error)
{
  EvalItem *item = g_new0 (EvalItem, 1);

  g_ptr_array_add (set->items, item);
  item->id = index_id (set);
  if (r->header) {
    item->plain = g_strdup (optional (r, "question"));
    item->answer = g_strdup (optional (r, "answer"));
    item->options = take_options (r, TRUE);
  } else {
    item->plain = g_strdup (r->row[0]);
    item->answer = g_strdup (r->row[r->n - 1]);
    item->options = g_new0 (char *, r->n - 1);
    for (guint i = 1; i + 1 < r->n; i++)
      item->options[i - 1] = g_strdup (r->row[i]);
  }
  if (!item->plain || g_strv_length (item->options) < 2)
    return fail (r, error, "there is no question with two options or more");
  ask_likeliest (item, subject);
  return check_answer (r, item, error);
}

/* Leaves the first question at hand. */
static gboolean
find_choices (Reader *r, GError **error)
{
  reader_take_header (r);
  if (find_column (r, "question") >= 0 && find_column (r, "answer") >= 0)
    return need (r, "A B", error) && reader_next (r, error);
  r->row = g_steal_pointer (&r->header);
  return (r->n >= 4 && r->n <= EVAL_MAX_OPTIONS + 2)
         || fail (r, error,
             "the row has %u fields: it takes a question, 2 to %d options and "
             "the answer's letter",
             r->n, EVAL_MAX_OPTIONS);
}

gboolean
eval_load_choices (EvalSet *set, GBytes *bytes, GError **error)
{
  g_autofree char *subject = find_subject (set->path);
  g_auto (Reader) r = { NULL };

  if (!reader_begin (&r, set, bytes, error) || !find_choices (&r, error))
    return FALSE;
  while (r.row)
    if (!read_choice (&r, set, subject, error) || !reader_next (&r, error))
      return FALSE;
  return TRUE;
}

/* ---- quality ---------------------------------------------------------- */

static gboolean
parse_number (const char *text, double *number)
{
  char *end;

  *number = g_ascii_strtod (text, &end);
  return end != text && !*end && isfinite (*number);
}

/* Without a header it is the name and the opinion. */
static gboolean
find_quality (Reader *r, int *name, int *value, GError **error)
{
  double number;

  *name = 0;
  *value = 1;
  if (r->n >= 2 && parse_number (r->row[1], &number))
    return TRUE;
  reader_take_header (r);
  *name = find_any (r, "name image image_name img_path video filename");
  *value = find_any (r, "mos gt_score score");
  if (*name < 0 || *value < 0)
    return fail (r, error,
        "there are no columns for the picture (name, image, image_name, "
        "img_path, video, filename) and the opinion (mos, gt_score, score)");
  return reader_next (r, error);
}

gboolean
eval_load_quality_table (EvalSet *set, GBytes *bytes, GError **error)
{
  g_auto (Reader) r = { NULL };
  int name, value;

  if (!reader_begin (&r, set, bytes, error)
      || !find_quality (&r, &name, &value, error))
    return FALSE;
  while (r.row) {
    EvalItem *item = g_new0 (EvalItem, 1);

    g_ptr_array_add (set->items, item);
    item->media = g_strdup (r.row[name]);
    item->id = json_string_nocheck (item->media);
    if (!parse_number (r.row[value], &item->value))
      return fail (&r, error, "the opinion \"%s\" is no number", r.row[value]);
    if (!reader_next (&r, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
eval_is_table (GBytes *bytes)
{
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);

  for (gsize i = 0; i < n; i++)
    if (text[i] == '{' || text[i] == '[')
      return FALSE;
    else if (!g_ascii_isspace (text[i]) && !strchr ("\357\273\277", text[i]))
      return TRUE;
  return FALSE;
}
