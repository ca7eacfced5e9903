/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "forms.h"

#include <string.h>

#include "table.h"
#include "vqa_text.h"

/* ---- what official scorers read --------------------------------------- */

static const char *
text_of (const json_t *answer)
{
  const char *text = json_string_value (json_object_get (answer, "text"));

  return text ? text : "";
}

/* (transfer full): as all the authors' scripts strip it */
static json_t *
stripped (const json_t *answer)
{
  g_autofree char *text = vqa_text_strip (text_of (answer));

  return json_string_nocheck (text);
}

/* For the judges of Video-ChatGPT and Video-LLaVA. */
static json_t *
predict_judged (const EvalSet *set, const EvalItem *item, const json_t *answer)
{
  return json_pack ("{s:O, s:s, s:s, s:o}", "id", item->id, "question",
      item->question, "answer", item->answer, "pred", stripped (answer));
}

static json_t *
predict_activitynet (
    const EvalSet *set, const EvalItem *item, const json_t *answer)
{
  return json_pack (
      "{s:O, s:o}", "question_id", item->id, "answer", stripped (answer));
}

/* As the authors' script: where there are annotations, what the model said,
 * and else, for EvalAI, what its processor makes of it. */
static json_t *
predict_vqa (const EvalSet *set, const EvalItem *item, const json_t *answer)
{
  g_autofree char *processed = vqa_text_evalai (text_of (answer));

  return json_pack ("{s:O, s:o}", "question_id", item->id, "answer",
      set->answers ? stripped (answer) : json_string_nocheck (processed));
}

static json_t *
predict_pope (const EvalSet *set, const EvalItem *item, const json_t *answer)
{
  return json_pack ("{s:O, s:s, s:o}", "question_id", item->id, "question",
      item->question, "answer", stripped (answer));
}

static json_t *
predict_mmbench (const EvalSet *set, const EvalItem *item, const json_t *answer)
{
  json_t *line = json_pack ("{s:O, s:s, s:o}", "index", item->id, "question",
      item->plain, "prediction", stripped (answer));

  for (guint i = 0; i < MAX (4, g_strv_length (item->options)); i++) {
    const char name[] = { (char) ('A' + i), '\0' };

    json_object_set_new_nocheck (line, name,
        i < g_strv_length (item->options)
            ? json_string_nocheck (item->options[i])
            : json_null ());
  }
  return line;
}

static json_t *
predict_quality (const EvalSet *set, const EvalItem *item, const json_t *answer)
{
  return json_pack ("{s:s, s:f, s:O*}", "image", item->media, "gt_score",
      item->value, "score", json_object_get (answer, "score"));
}

static const EvalForm forms[] = {
  { "msrvtt-qa", "test_qa.json; videoN.mp4", "test_qa.json", NULL, EVAL_WORDS,
      TRUE, eval_load_msrvtt, FALSE, predict_judged },
  { "msvd-qa", "test_qa.json; vidN.avi, or as youtube_mapping.txt names them",
      "test_qa.json", NULL, EVAL_WORDS, TRUE, eval_load_msvd, FALSE,
      predict_judged },
  { "tgif-qa",
      "a TSV file: frameqa, count, action or transition, by its columns", NULL,
      NULL, EVAL_WORDS, TRUE, eval_load_tgif, FALSE, predict_judged },
  { "activitynet-qa", "test_q.json, test_a.json; NAME.mp4 or v_NAME.mp4",
      "test_q.json", "test_a.json", EVAL_WORDS, TRUE, eval_load_questions,
      FALSE, predict_activitynet },
  { "video-chatgpt",
      "the same, for a judge that reads {id, question, answer, pred}",
      "test_q.json", "test_a.json", EVAL_WORDS, TRUE, eval_load_questions,
      FALSE, predict_judged },
  { "vqa",
      "VQAv2, OK-VQA, TextVQA: {image, question, question_id}, and "
      "--answers with the annotations of COCO-VQA",
      NULL, NULL, EVAL_VQA, FALSE, eval_load_vqa, FALSE, predict_vqa },
  { "pope", "{question_id, image, text, label}", NULL, NULL, EVAL_YES_NO, FALSE,
      eval_load_pope, TRUE, predict_pope },
  { "mmbench",
      "{index, image, hint, question, choices, answer}, or the TSV "
      "file with pictures in it",
      NULL, NULL, EVAL_LETTER, FALSE, eval_load_mmbench, TRUE,
      predict_mmbench },
  { "choices", "as MMLU: a CSV file of question, A, B, .., answer", NULL, NULL,
      EVAL_LIKELIEST, FALSE, eval_load_choices, FALSE, NULL },
  { "quality",
      "{image, gt_score} as Q-Align has it, or a CSV file of name, mos", NULL,
      NULL, EVAL_VALUE, FALSE, eval_load_quality, FALSE, predict_quality },
};

const EvalForm *
eval_form_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    if (g_strcmp0 (forms[i].name, name) == 0)
      return &forms[i];
  return NULL;
}

char *
eval_forms_describe (void)
{
  GString *out = g_string_new ("Forms:");

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    g_string_append_printf (out, "\n  %-15s %s", forms[i].name, forms[i].what);
  return g_string_free (out, FALSE);
}

/* ---- sets ------------------------------------------------------------- */

void
eval_item_free (EvalItem *item)
{
  if (!item)
    return;
  json_decref (item->id);
  g_free (item->media);
  g_clear_pointer (&item->picture, g_ref_string_release);
  g_free (item->question);
  g_free (item->plain);
  g_free (item->answer);
  g_free (item->type);
  g_strfreev (item->options);
  g_free (item);
}

void
eval_set_free (EvalSet *set)
{
  if (!set)
    return;
  g_free (set->path);
  g_free (set->answers);
  g_free (set->media);
  g_free (set->sha256);
  g_ptr_array_unref (set->items);
  g_free (set);
}

/* Sets the paths: of a folder, the form's file in it. */
static gboolean
set_paths (EvalSet *set, const char *path, const char *answers,
    const char *media, GError **error)
{
  const EvalForm *form = set->form;
  const gboolean folder = g_file_test (path, G_FILE_TEST_IS_DIR);
  g_autofree char *beside = NULL;

  if (folder && !form->file) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: it is a folder, and %s takes a file: %s", path, form->name,
        form->what);
    return FALSE;
  }
  set->path =
      folder ? g_build_filename (path, form->file, NULL) : g_strdup (path);
  beside = g_path_get_dirname (set->path);
  set->media = g_strdup (media ? media : beside);
  set->answers = answers ? g_strdup (answers)
                 : form->answers
                     ? g_build_filename (beside, form->answers, NULL)
                     : NULL;
  if (!set->answers || g_file_test (set->answers, G_FILE_TEST_EXISTS))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: there is no such file, and the answers are to be in it",
      set->answers);
  return FALSE;
}

EvalSet *
eval_set_load (const EvalForm *form, const char *path, const char *answers,
    const char *media, guint64 limit, GError **error)
{
  g_autoptr (EvalSet) set = g_new0 (EvalSet, 1);
  g_autoptr (GBytes) bytes = NULL;

  set->form = form;
  set->kind = form->kind;
  set->items = g_ptr_array_new_with_free_func ((GDestroyNotify) eval_item_free);
  if (!set_paths (set, path, answers, media, error))
    return NULL;
  bytes = table_read (set->path, error);
  if (!bytes || !form->load (set, bytes, error))
    return NULL;
  if (!set->items->len) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: there are no questions in it", set->path);
    return NULL;
  }
  if (limit && limit < set->items->len)
    g_ptr_array_set_size (set->items, (int) limit);
  set->sha256 = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
  return g_steal_pointer (&set);
}

json_t *
eval_set_settings (const EvalSet *set)
{
  return json_pack ("{s:s, s:s, s:i}", "form", set->form->name, "dataset",
      set->sha256, "questions", (int) set->items->len);
}

/* Videos are named without their ending, and sometimes without their "v_". */
char *
eval_set_find (const EvalSet *set, const EvalItem *item, GError **error)
{
  static const char *const prefixes[] = { "", "v_" };
  static const char *const ends[] = { "", ".mp4", ".avi", ".mkv", ".webm",
    ".mov", ".gif" };
  const guint n_ends = set->form->video ? G_N_ELEMENTS (ends) : 1;

  for (guint i = 0; i < (n_ends > 1 ? G_N_ELEMENTS (prefixes) : 1); i++)
    for (guint k = 0; k < n_ends; k++) {
      g_autofree char *name =
          g_strconcat (prefixes[i], item->media, ends[k], NULL);
      g_autofree char *path = g_path_is_absolute (name)
                                  ? g_strdup (name)
                                  : g_build_filename (set->media, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&path);
    }
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: there is no %s \"%s\" in it (--media says where they are)",
      set->media, set->form->video ? "video" : "picture", item->media);
  return NULL;
}
