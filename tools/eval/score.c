/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "score.h"

#include <math.h>
#include <string.h>

#include "json_line.h"
#include "metrics.h"
#include "output.h"
#include "table.h"
#include "vqa_text.h"

/* The answer of an item, as it was written down. */
static const char *
text_at (const json_t *answers, gsize i)
{
  const char *text =
      json_string_value (json_object_get (json_array_get (answers, i), "text"));

  return text ? text : "";
}

static json_t *
real_or_null (double value)
{
  return isfinite (value) ? json_real (value) : json_null ();
}

/* ---- means, of all and by type ---------------------------------------- */

#define MAX_MEANS 3

typedef struct {
  guint n;
  double sum[MAX_MEANS];
} Tally;

/* @types: {a type: its Tally}, @order: their names as they came */
typedef struct {
  const char *const *names;
  guint n_names;
  Tally all;
  GHashTable *types;
  GPtrArray *order;
} Tallies;

static void
tallies_init (Tallies *t, const char *const *names, guint n_names)
{
  g_assert (n_names <= MAX_MEANS);
  *t = (Tallies){ .names = names,
    .n_names = n_names,
    .types = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free),
    .order = g_ptr_array_new_with_free_func (g_free) };
}

static void
tallies_clear (Tallies *t)
{
  g_hash_table_unref (t->types);
  g_ptr_array_unref (t->order);
}

static void
add_to (Tally *tally, const double *values, guint n)
{
  tally->n++;
  for (guint i = 0; i < n; i++)
    tally->sum[i] += values[i];
}

static void
tallies_add (Tallies *t, const char *type, const double *values)
{
  Tally *tally;

  add_to (&t->all, values, t->n_names);
  if (!type)
    return;
  tally = g_hash_table_lookup (t->types, type);
  if (!tally) {
    char *name = g_strdup (type);

    tally = g_new0 (Tally, 1);
    g_ptr_array_add (t->order, name);
    g_hash_table_insert (t->types, name, tally);
  }
  add_to (tally, values, t->n_names);
}

static void
put_tally (json_t *out, const Tallies *t, const Tally *tally)
{
  for (guint i = 0; i < t->n_names; i++)
    json_object_set_new (out, t->names[i],
        tally->n ? json_real (metrics_percent (tally->sum[i], tally->n))
                 : json_null ());
}

/* Those of all into @out, those of types, if there are any, into its member
 * @by. */
static void
tallies_put (const Tallies *t, json_t *out, const char *by)
{
  json_t *types;

  put_tally (out, t, &t->all);
  if (!t->order->len)
    return;
  types = json_object ();
  for (guint i = 0; i < t->order->len; i++) {
    const char *name = t->order->pdata[i];
    const Tally *tally = g_hash_table_lookup (t->types, name);
    json_t *one = json_pack ("{s:i}", "questions", (int) tally->n);

    put_tally (one, t, tally);
    json_object_set_new_nocheck (types, name, one);
  }
  json_object_set_new (out, by, types);
}

/* ---- kinds ------------------------------------------------------------ */

static void
score_words (const EvalSet *set, const json_t *answers, json_t *out)
{
  static const char *const names[] = { "exact", "exact-vqa", "contains-vqa" };
  Tallies t;

  tallies_init (&t, names, G_N_ELEMENTS (names));
  for (guint i = 0; i < set->items->len; i++) {
    const EvalItem *item = eval_set_item (set, i);
    g_autofree char *plain = vqa_text_strip (text_at (answers, i));
    g_autofree char *answer = vqa_text_answer (plain);
    g_autofree char *right = vqa_text_answer (item->answer);
    const double values[] = { strcmp (plain, item->answer) == 0,
      strcmp (answer, right) == 0, metrics_contains (answer, right) };

    tallies_add (&t, item->type, values);
  }
  tallies_put (&t, out, "by-type");
  tallies_clear (&t);
}

static void
score_count (const EvalSet *set, const json_t *answers, json_t *out)
{
  const guint n = set->items->len;
  double squares = 0;
  guint right = 0, unread = 0;

  for (guint i = 0; i < n; i++) {
    g_autofree char *answer = vqa_text_answer (text_at (answers, i));
    const gint64 count = metrics_count (answer);
    const double off = (double) MAX (count, 0)
                       - g_ascii_strtod (eval_set_item (set, i)->answer, NULL);

    unread += count < 0;
    right += count >= 0 && off == 0;
    squares += off * off;
  }
  json_object_set_new (out, "mse", json_real (squares / n));
  json_object_set_new (out, "exact", json_real (metrics_percent (right, n)));
  json_object_set_new (out, "without-number", json_integer (unread));
}

static void
score_yes_no (const EvalSet *set, const json_t *answers, json_t *out)
{
  const double n = set->items->len;
  double tp = 0, fp = 0, tn = 0, fn = 0, precision, recall;

  for (guint i = 0; i < set->items->len; i++) {
    const gboolean yes = !metrics_says_no (text_at (answers, i));
    const gboolean right =
        yes == (strcmp (eval_set_item (set, i)->answer, "yes") == 0);

    *(yes ? right ? &tp : &fp : right ? &tn : &fn) += 1;
  }
  precision = tp / (tp + fp);
  recall = tp / (tp + fn);
  json_object_set_new (out, "accuracy", json_real ((tp + tn) / n));
  json_object_set_new (out, "precision", real_or_null (precision));
  json_object_set_new (out, "recall", real_or_null (recall));
  json_object_set_new (
      out, "f1", real_or_null (2 * precision * recall / (precision + recall)));
  json_object_set_new (out, "yes", json_real ((tp + fp) / n));
}

/* The option that an answer names. */
static int
read_option (const EvalSet *set, const EvalItem *item, const char *text)
{
  if (set->kind == EVAL_LIKELIEST) /* a letter and nothing else */
    return text[0] ? text[0] - 'A' : -1;
  return metrics_letter (
      text, (const char *const *) item->options, g_strv_length (item->options));
}

static void
score_options (const EvalSet *set, const json_t *answers, json_t *out)
{
  static const char *const names[] = { "accuracy" };
  guint unread = 0;
  Tallies t;

  tallies_init (&t, names, G_N_ELEMENTS (names));
  for (guint i = 0; i < set->items->len; i++) {
    const EvalItem *item = eval_set_item (set, i);
    const int option = read_option (set, item, text_at (answers, i));
    double right;

    unread += option < 0;
    if (!item->answer)
      continue;
    right = option == item->answer[0] - 'A';
    tallies_add (&t, item->type, &right);
  }
  tallies_put (&t, out, "by-type");
  json_object_set_new (out, "without-option", json_integer (unread));
  tallies_clear (&t);
}

static void
score_values (const EvalSet *set, const json_t *answers, json_t *out)
{
  const guint n = set->items->len;
  g_autofree double *x = g_new (double, n);
  g_autofree double *y = g_new (double, n);
  guint n_scored = 0;

  for (guint i = 0; i < n; i++) {
    const json_t *score =
        json_object_get (json_array_get (answers, i), "score");

    if (!json_is_number (score))
      continue;
    x[n_scored] = json_number_value (score);
    y[n_scored++] = eval_set_item (set, i)->value;
  }
  json_object_set_new (
      out, "srcc", real_or_null (metrics_srcc (x, y, n_scored)));
  json_object_set_new (
      out, "plcc", real_or_null (metrics_plcc (x, y, n_scored)));
}

/* ---- VQA -------------------------------------------------------------- */

/* {question_id: its annotation}, borrowed from @annotations */
static GHashTable *
index_annotations (const json_t *annotations)
{
  GHashTable *by_id =
      g_hash_table_new_full (g_str_hash, g_str_equal, free, NULL);

  for (gsize i = 0; i < json_array_size (annotations); i++) {
    json_t *one = json_array_get (annotations, i);
    char *id =
        json_dumps (json_object_get (one, "question_id"), JSON_ENCODE_ANY);

    if (id)
      g_hash_table_insert (by_id, id, one);
  }
  return by_id;
}

/* Borrowed: the people's answers to a question. */
static json_t *
find_answers (const EvalSet *set, GHashTable *by_id, const EvalItem *item,
    json_t **annotation, GError **error)
{
  g_autofree char *id = json_dumps (item->id, JSON_ENCODE_ANY);
  json_t *answers;
  gboolean ok;

  *annotation = g_hash_table_lookup (by_id, id);
  answers = json_object_get (*annotation, "answers");
  ok = json_array_size (answers) > 0;
  for (gsize i = 0; i < json_array_size (answers); i++)
    ok = ok
         && json_is_string (
             json_object_get (json_array_get (answers, i), "answer"));
  if (ok)
    return answers;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: there are no \"answers\" to question_id %s, a list with an "
      "\"answer\" each",
      set->answers, id);
  return NULL;
}

static gboolean
score_vqa (
    const EvalSet *set, const json_t *answers, json_t *out, GError **error)
{
  static const char *const names[] = { "vqa" };
  g_autoptr (GBytes) bytes = table_read (set->answers, error);
  g_autoptr (GHashTable) by_id = NULL;
  json_auto_t *annotations =
      bytes ? table_records (bytes, set->answers, "annotations", error) : NULL;
  Tallies by_question, by_answer;
  gboolean ok = annotations != NULL;

  by_id = index_annotations (annotations);
  tallies_init (&by_question, names, 1);
  tallies_init (&by_answer, names, 1);
  for (guint i = 0; ok && i < set->items->len; i++) {
    g_autofree char *answer = vqa_text_answer (text_at (answers, i));
    json_t *one, *theirs = find_answers (
                     set, by_id, eval_set_item (set, i), &one, error);
    double score;

    ok = theirs != NULL;
    if (!ok)
      break;
    score = metrics_vqa (answer, theirs);
    tallies_add (&by_question,
        json_string_value (json_object_get (one, "question_type")), &score);
    tallies_add (&by_answer,
        json_string_value (json_object_get (one, "answer_type")), &score);
  }
  tallies_put (&by_question, out, "by-question-type");
  tallies_put (&by_answer, out, "by-answer-type");
  tallies_clear (&by_question);
  tallies_clear (&by_answer);
  return ok;
}

/* ----------------------------------------------------------------------- */

static guint
count_failed (const json_t *answers)
{
  guint n = 0;

  for (gsize i = 0; i < json_array_size (answers); i++)
    n += json_object_get (json_array_get (answers, i), "error") != NULL;
  return n;
}

json_t *
eval_score (const EvalSet *set, const json_t *answers, GError **error)
{
  json_auto_t *out = json_pack ("{s:i, s:i}", "questions",
      (int) set->items->len, "failed", (int) count_failed (answers));
  gboolean ok = TRUE;

  switch (set->kind) {
    case EVAL_WORDS:
      score_words (set, answers, out);
      break;
    case EVAL_VQA:
      ok = !set->answers || score_vqa (set, answers, out, error);
      break;
    case EVAL_YES_NO:
      score_yes_no (set, answers, out);
      break;
    case EVAL_COUNT:
      score_count (set, answers, out);
      break;
    case EVAL_LETTER:
    case EVAL_LIKELIEST:
      score_options (set, answers, out);
      break;
    case EVAL_VALUE:
      score_values (set, answers, out);
      break;
  }
  return ok ? json_incref (out) : NULL;
}

/* ---- files ------------------------------------------------------------ */

/* Lines, or one array with an object a line. */
static gboolean
write_list (const char *folder, const char *name, const json_t *list,
    gboolean lines, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (Owl2Output) out = owl2_output_new (path, error);
  const gsize n = json_array_size (list);
  FILE *file;

  if (!out)
    return FALSE;
  file = owl2_output_file (out);
  for (gsize i = 0; i < n; i++) {
    g_autofree char *line = json_line_write (json_array_get (list, i));

    if (!lines)
      fputs (i ? ",\n" : "[", file);
    fputs (line, file);
    if (lines)
      fputc ('\n', file);
  }
  if (!lines)
    fputs (n ? "]\n" : "[]\n", file);
  return owl2_output_finish (out, TRUE, error);
}

static gboolean
write_predictions (const char *folder, const EvalSet *set,
    const json_t *answers, GError **error)
{
  const EvalForm *form = set->form;
  json_auto_t *list = json_array ();

  if (!form->predict)
    return TRUE;
  for (guint i = 0; i < set->items->len; i++)
    json_array_append_new (list, form->predict (set, eval_set_item (set, i),
                                     json_array_get (answers, i)));
  return write_list (folder,
      form->lines ? "predictions.jsonl" : "predictions.json", list, form->lines,
      error);
}

gboolean
eval_write (const char *folder, const EvalSet *set, const json_t *answers,
    json_t *settings, json_t *scores, GError **error)
{
  json_auto_t *results =
      json_pack ("[{s:O, s:O}]", "run", settings, "scores", scores);

  return write_list (folder, "answers.jsonl", answers, TRUE, error)
         && write_predictions (folder, set, answers, error)
         && write_list (folder, "results.json", results, TRUE, error);
}

static void
describe (GString *out, const char *prefix, const json_t *scores)
{
  const char *key;
  json_t *value;

  json_object_foreach ((json_t *) scores, key, value) {
    g_autofree char *name = g_strconcat (prefix, key, NULL);

    if (json_is_object (value)) {
      g_autofree char *inner = g_strconcat (name, " ", NULL);

      describe (out, inner, value);
    } else if (json_is_real (value)) {
      g_string_append_printf (out, "%s %.6g\n", name, json_real_value (value));
    } else {
      g_autofree char *text = json_line_write (value);

      g_string_append_printf (out, "%s %s\n", name, text);
    }
  }
}

char *
eval_scores_describe (const json_t *scores)
{
  GString *out = g_string_new (NULL);

  describe (out, "", scores);
  g_string_truncate (out, out->len ? out->len - 1 : 0);
  return g_string_free (out, FALSE);
}
