/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Data sets of JSON records. */
#include <string.h>

#include "forms.h"
#include "options.h"
#include "record.h"
#include "table.h"

/* Fills @item (zeros) from a record, whose failures it knows itself. */
typedef void (*ReadFunc) (Record *record, EvalItem *item, gpointer data);

static gboolean
read_all (
    EvalSet *set, GBytes *bytes, ReadFunc read, gpointer data, GError **error)
{
  g_autoptr (Records) records = records_new (bytes, set->path, NULL, error);

  for (gsize i = 0; records; i++) {
    json_auto_t *object = NULL;
    Record record = { set->path, i, NULL, error };
    EvalItem *item;

    if (!records_next (records, &object, error))
      return FALSE;
    if (!object)
      return TRUE;
    item = g_new0 (EvalItem, 1);
    g_ptr_array_add (set->items, item);
    record.object = object;
    read (&record, item, data);
    if (record.failed)
      return FALSE;
  }
  return FALSE;
}

/* ---- MSRVTT-QA, MSVD-QA ----------------------------------------------- */

static void
read_numbered (Record *r, EvalItem *item, gint64 *video)
{
  item->id = record_id (r, "id");
  item->question = g_strdup (record_string (r, "question"));
  item->answer = g_strdup (record_string (r, "answer"));
  *video = record_integer (r, "video_id");
}

static void
read_msrvtt (Record *r, EvalItem *item, gpointer data)
{
  gint64 video;

  read_numbered (r, item, &video);
  item->media = g_strdup_printf ("video%" G_GINT64_FORMAT, video);
}

gboolean
eval_load_msrvtt (EvalSet *set, GBytes *bytes, GError **error)
{
  return read_all (set, bytes, read_msrvtt, NULL, error);
}

static void
read_msvd (Record *r, EvalItem *item, gpointer names)
{
  g_autofree char *key = NULL;
  const char *name;
  gint64 video;

  read_numbered (r, item, &video);
  key = g_strdup_printf ("vid%" G_GINT64_FORMAT, video);
  name = g_hash_table_lookup (names, key);
  item->media = g_strdup (name ? name : key);
}

/* The lines "-4wsuPCjDBc_5_15 vid1" of youtube_mapping.txt beside the
 * questions, where it is there. */
static gboolean
read_names (const EvalSet *set, GHashTable *names, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (set->path);
  g_autofree char *path =
      g_build_filename (folder, "youtube_mapping.txt", NULL);
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  gsize n;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  bytes = table_read (path, error);
  if (!bytes)
    return FALSE;
  text = g_strndup (
      g_bytes_get_data (bytes, NULL), (n = g_bytes_get_size (bytes)));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    char *space = strrchr (g_strchomp (lines[i]), ' ');

    if (!space)
      continue;
    *space = '\0';
    g_hash_table_insert (names, g_strdup (space + 1), g_strdup (lines[i]));
  }
  return TRUE;
}

gboolean
eval_load_msvd (EvalSet *set, GBytes *bytes, GError **error)
{
  g_autoptr (GHashTable) names =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  return read_names (set, names, error)
         && read_all (set, bytes, read_msvd, names, error);
}

/* ---- ActivityNet-QA, Video-ChatGPT ------------------------------------ */

static char *
id_key (const json_t *id)
{
  return json_dumps (id, JSON_ENCODE_ANY);
}

/* The records of a file with answers, and where each question_id, as JSON, is.
 */
typedef struct {
  const char *path;
  json_t *records;
  GHashTable *places;
} Answers;

static void
answers_clear (Answers *a)
{
  json_decref (a->records);
  g_hash_table_unref (a->places);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answers, answers_clear)

static gboolean
index_answers (const Answers *a, GError **error)
{
  for (gsize i = 0; i < json_array_size (a->records); i++) {
    Record record = { a->path, i, json_array_get (a->records, i), error };
    json_auto_t *id = record_id (&record, "question_id");

    if (record.failed)
      return FALSE;
    if (!g_hash_table_insert (a->places, id_key (id), GSIZE_TO_POINTER (i))) {
      record_fail (&record, "its question_id was there before");
      return FALSE;
    }
  }
  return TRUE;
}

static void
read_question (Record *r, EvalItem *item, gpointer data)
{
  const Answers *a = data;
  Record answer = { a->path, 0, NULL, r->error };
  g_autofree char *key = NULL;
  gpointer place;
  json_t *type;

  item->id = record_id (r, "question_id");
  item->media = g_strdup (record_string (r, "video_name"));
  item->question = g_strdup (record_string (r, "question"));
  if (r->failed)
    return;
  key = id_key (item->id);
  if (!g_hash_table_lookup_extended (a->places, key, NULL, &place)) {
    record_fail (r, "there is no answer to question_id %s", key);
    return;
  }
  answer.i = GPOINTER_TO_SIZE (place);
  answer.object = json_array_get (a->records, answer.i);
  item->answer = g_strdup (record_string (&answer, "answer"));
  type = json_object_get (answer.object, "type");
  if (type)
    item->type = json_is_string (type) ? g_strdup (json_string_value (type))
                                       : id_key (type);
  r->failed = answer.failed;
}

gboolean
eval_load_questions (EvalSet *set, GBytes *bytes, GError **error)
{
  g_autoptr (GBytes) text = table_read (set->answers, error);
  g_auto (Answers) answers = { set->answers, NULL,
    g_hash_table_new_full (g_str_hash, g_str_equal, free, NULL) };

  if (!text)
    return FALSE;
  answers.records = table_records (text, set->answers, NULL, error);
  return answers.records && index_answers (&answers, error)
         && read_all (set, bytes, read_question, &answers, error);
}

/* ---- pictures --------------------------------------------------------- */

static void
read_vqa (Record *r, EvalItem *item, gpointer data)
{
  item->id = record_id (r, "question_id");
  item->media = g_strdup (record_string (r, "image"));
  item->question = g_strdup (record_string (r, "question"));
}

gboolean
eval_load_vqa (EvalSet *set, GBytes *bytes, GError **error)
{
  return read_all (set, bytes, read_vqa, NULL, error);
}

static void
read_pope (Record *r, EvalItem *item, gpointer data)
{
  item->id = record_id (r, "question_id");
  item->media = g_strdup (record_string (r, "image"));
  item->question = g_strdup (record_string (r, "text"));
  item->answer = g_strdup (record_string (r, "label"));
  if (!r->failed && strcmp (item->answer, "yes") != 0
      && strcmp (item->answer, "no") != 0)
    record_fail (r, "the label \"%s\" is neither yes nor no", item->answer);
}

gboolean
eval_load_pope (EvalSet *set, GBytes *bytes, GError **error)
{
  return read_all (set, bytes, read_pope, NULL, error);
}

static void
read_mmbench (Record *r, EvalItem *item, gpointer data)
{
  const char *hint = record_string_or_null (r, "hint");

  item->id = record_id (r, "index");
  item->media = g_strdup (record_string (r, "image"));
  item->plain = g_strdup (record_string (r, "question"));
  item->options = record_strings (r, "choices");
  item->answer = g_strdup (record_string_or_null (r, "answer"));
  item->type = g_strdup (record_string_or_null (r, "category"));
  if (!r->failed)
    item->question = eval_options_ask (hint, item->plain, item->options);
  if (!r->failed && item->answer && !eval_options_has (item))
    record_fail (r, "the answer \"%s\" is none of the %u options", item->answer,
        g_strv_length (item->options));
}

gboolean
eval_load_mmbench (EvalSet *set, GBytes *bytes, GError **error)
{
  return eval_is_table (bytes)
             ? eval_load_mmbench_table (set, bytes, error)
             : read_all (set, bytes, read_mmbench, NULL, error);
}

static void
read_quality (Record *r, EvalItem *item, gpointer data)
{
  const gboolean image = json_object_get (r->object, "image") != NULL;

  item->media = g_strdup (record_string (r, image ? "image" : "img_path"));
  item->value = record_number (r, "gt_score");
  if (!r->failed)
    item->id = json_string_nocheck (item->media);
}

gboolean
eval_load_quality (EvalSet *set, GBytes *bytes, GError **error)
{
  return eval_is_table (bytes)
             ? eval_load_quality_table (set, bytes, error)
             : read_all (set, bytes, read_quality, NULL, error);
}
