/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Data sets in each published form: what is asked, what is predicted in the
 * form of the official scorer, what is scored; and files that are damaged. */
#include <string.h>

#include "forms.h"
#include "json_line.h"
#include "options.h"
#include "scratch.h"
#include "score.h"
#include "table.h"

static char *scratch;

/* A data set in one file, and what is to come of it.
 * @other, @other_text: (nullable): a file beside it
 * @answers: (nullable): --answers
 * @said: what the model said, a line for each question; "#1.5" is a score
 * @asked: the first item: media, question
 * @scores: members of the scores
 */
typedef struct {
  const char *form, *name, *text, *other, *other_text, *answers, *said;
  const char *media, *question, *predictions, *scores;
} Case;

static const Case cases[] = {
  { "msrvtt-qa", "test_qa.json",
      "[{\"answer\": \"couch\", \"category_id\": 14, \"id\": 158581, "
      "\"question\": \"what does a woman sit on\", \"video_id\": 7010},"
      "{\"answer\": \"two\", \"id\": 158582, \"question\": \"how many\", "
      "\"video_id\": 7010}]",
      NULL, NULL, NULL, " couch\nAbout 2.", "video7010",
      "what does a woman sit on",
      "[{\"id\": 158581, \"question\": \"what does a woman sit on\", "
      "\"answer\": \"couch\", \"pred\": \"couch\"},\n{\"id\": 158582, "
      "\"question\": \"how many\", \"answer\": \"two\", \"pred\": \"About 2.\"}"
      "]\n",
      "{\"questions\": 2, \"failed\": 0, \"exact\": 50.0, \"exact-vqa\": 50.0, "
      "\"contains-vqa\": 100.0}" },
  { "msvd-qa", "test_qa.json",
      "[{\"answer\": \"cat\", \"id\": 1, \"question\": \"what\", "
      "\"video_id\": 1301},{\"answer\": \"a\", \"id\": 2, \"question\": \"q\", "
      "\"video_id\": 9}]",
      "youtube_mapping.txt", "-4wsuPCjDBc_5_15 vid1301\n", NULL, "A Cat.\nb",
      "-4wsuPCjDBc_5_15", "what", NULL,
      "{\"questions\": 2, \"failed\": 0, \"exact\": 0.0, \"exact-vqa\": 50.0, "
      "\"contains-vqa\": 50.0}" },
  { "tgif-qa", "frameqa.tsv",
      "gif_name\tquestion\tanswer\ttype\tvid_id\tkey\tdescription\r\n"
      "tumblr_x\twhat is \"it\" ?\tdog\t0\tID1\t17\ta \"dog\"\r\n"
      "tumblr_y\thow many?\ttwo\t1\tID2\t18\t\"x\ty\"\r\n",
      NULL, NULL, NULL, "dog\n3", "tumblr_x", "what is \"it\" ?", NULL,
      "{\"questions\": 2, \"failed\": 0, \"exact\": 50.0, \"exact-vqa\": 50.0, "
      "\"contains-vqa\": 50.0, \"by-type\": {\"0\": {\"questions\": 1, "
      "\"exact\": 100.0, \"exact-vqa\": 100.0, \"contains-vqa\": 100.0}, "
      "\"1\": {\"questions\": 1, \"exact\": 0.0, \"exact-vqa\": 0.0, "
      "\"contains-vqa\": 0.0}}}" },
  { "tgif-qa", "count.tsv",
      "gif_name\tquestion\tanswer\tvid_id\tkey\n"
      "g1\thow many times?\t3\tID1\tCOUNT1\ng2\tq\t5\tID2\tCOUNT2\n"
      "g3\tq\t2\tID3\tCOUNT3\n",
      NULL, NULL, NULL, "Three times.\n7\nmany", "g1", "how many times?", NULL,
      "{\"questions\": 3, \"failed\": 0, \"mse\": 2.6666666666666665, "
      "\"exact\": 33.33, \"without-number\": 1}" },
  { "tgif-qa", "action.tsv",
      "gif_name\tquestion\ta1\ta2\ta3\ta4\ta5\tanswer\tvid_id\tkey\n"
      "g1\tWhat does it do?\trun\tsit\tjump\teat\tsleep\t2\tID1\tACTION1\n",
      NULL, NULL, NULL, "C.", "g1",
      "N/A\nWhat does it do?\nA. run\nB. sit\nC. jump\nD. eat\nE. sleep",
      "[{\"id\": \"ACTION1\", \"question\": \"N/A\\nWhat does it do?\\nA. "
      "run\\nB. sit\\nC. jump\\nD. eat\\nE. sleep\", \"answer\": \"C\", "
      "\"pred\": \"C.\"}]\n",
      "{\"questions\": 1, \"failed\": 0, \"accuracy\": 100.0, "
      "\"without-option\": 0}" },
  { "activitynet-qa", "test_q.json",
      "[{\"video_name\": \"1QIUV7WYKXg\", \"question\": \"is it\", "
      "\"question_id\": \"v_1QIUV7WYKXg_3\"}]",
      "test_a.json",
      "[{\"answer\": \"no\", \"type\": 3, \"question_id\": "
      "\"v_1QIUV7WYKXg_3\"}]",
      NULL, "no ", "1QIUV7WYKXg", "is it",
      "[{\"question_id\": \"v_1QIUV7WYKXg_3\", \"answer\": \"no\"}]\n",
      "{\"questions\": 1, \"failed\": 0, \"exact\": 100.0, \"exact-vqa\": "
      "100.0, \"contains-vqa\": 100.0, \"by-type\": {\"3\": {\"questions\": 1, "
      "\"exact\": 100.0, \"exact-vqa\": 100.0, \"contains-vqa\": 100.0}}}" },
  { "video-chatgpt", "test_q.json",
      "[{\"video_name\": \"v_x\", \"question\": \"is it\", \"question_id\": "
      "7}]",
      "test_a.json", "[{\"answer\": \"no\", \"question_id\": 7}]", NULL, "no",
      "v_x", "is it",
      "[{\"id\": 7, \"question\": \"is it\", \"answer\": \"no\", \"pred\": "
      "\"no\"}]\n",
      NULL },
  /* Without annotations it is for EvalAI. */
  { "vqa", "testdev.jsonl",
      "{\"image\": \"a/b.jpg\", \"question\": \"What?\", \"question_id\": 1}\n"
      "\n{\"image\": \"c.jpg\", \"question\": \"Who?\", \"question_id\": 2, "
      "\"answer\": null}\n",
      NULL, NULL, NULL, "The dog's\nTwo, three", "a/b.jpg", "What?",
      "[{\"question_id\": 1, \"answer\": \"dog 's\"},\n{\"question_id\": 2, "
      "\"answer\": \"2 3\"}]\n",
      "{\"questions\": 2, \"failed\": 0}" },
  { "vqa", "val.json",
      "[{\"image\": \"a.jpg\", \"question\": \"What?\", \"question_id\": 1}]",
      "annotations.json",
      "{\"info\": {}, \"annotations\": [{\"question_id\": 1, \"question_type\":"
      " \"what\", \"answer_type\": \"other\", \"answers\": [{\"answer\": "
      "\"dog\", \"answer_id\": 1}, {\"answer\": \"dog\", \"answer_id\": 2}, "
      "{\"answer\": \"cat\", \"answer_id\": 3}]}]}",
      "annotations.json", "The dog.", "a.jpg", "What?",
      "[{\"question_id\": 1, \"answer\": \"The dog.\"}]\n",
      "{\"questions\": 1, \"failed\": 0, \"vqa\": 44.44, \"by-question-type\": "
      "{\"what\": {\"questions\": 1, \"vqa\": 44.44}}, \"by-answer-type\": "
      "{\"other\": {\"questions\": 1, \"vqa\": 44.44}}}" },
  { "pope", "coco_pope_random.json",
      "{\"question_id\": 1, \"image\": \"a.jpg\", \"text\": \"Is there a dog "
      "in "
      "the image?\", \"label\": \"yes\"}\n{\"question_id\": 2, \"image\": "
      "\"a.jpg\", \"text\": \"q\", \"label\": \"no\"}\n{\"question_id\": 3, "
      "\"image\": \"a.jpg\", \"text\": \"q\", \"label\": \"no\"}",
      NULL, NULL, NULL, "Yes\nNo.\nyes", "a.jpg",
      "Is there a dog in the image?",
      "{\"question_id\": 1, \"question\": \"Is there a dog in the image?\", "
      "\"answer\": \"Yes\"}\n{\"question_id\": 2, \"question\": \"q\", "
      "\"answer\": \"No.\"}\n{\"question_id\": 3, \"question\": \"q\", "
      "\"answer\": \"yes\"}\n",
      "{\"questions\": 3, \"failed\": 0, \"accuracy\": 0.66666666666666663, "
      "\"precision\": 0.5, \"recall\": 1.0, \"f1\": 0.66666666666666663, "
      "\"yes\": 0.66666666666666663}" },
  { "mmbench", "dev.jsonl",
      "{\"index\": 5, \"image\": \"a.jpg\", \"hint\": null, \"question\": "
      "\"Which?\", \"choices\": [\"x\", \"y\"], \"answer\": \"B\"}\n"
      "{\"index\": 6, \"image\": \"a.jpg\", \"hint\": \"h\", \"question\": "
      "\"Q\", \"choices\": [\"x\", \"y\"], \"answer\": null}\n",
      NULL, NULL, NULL, "B\nnothing", "a.jpg", "N/A\nWhich?\nA. x\nB. y",
      "{\"index\": 5, \"question\": \"Which?\", \"prediction\": \"B\", \"A\": "
      "\"x\", \"B\": \"y\", \"C\": null, \"D\": null}\n{\"index\": 6, "
      "\"question\": \"Q\", \"prediction\": \"nothing\", \"A\": \"x\", \"B\": "
      "\"y\", \"C\": null, \"D\": null}\n",
      "{\"questions\": 2, \"failed\": 0, \"accuracy\": 100.0, "
      "\"without-option\": 1}" },
  { "mmbench", "dev.tsv",
      "index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\n"
      "241\t\"Say \"\"hi\"\"\nto?\"\t\tone\ttwo\t\t\tA\tocr\tAAAA\n",
      NULL, NULL, NULL, "(a)", NULL, "N/A\nSay \"hi\"\nto?\nA. one\nB. two",
      NULL,
      "{\"questions\": 1, \"failed\": 0, \"accuracy\": 100.0, \"by-type\": "
      "{\"ocr\": {\"questions\": 1, \"accuracy\": 100.0}}, "
      "\"without-option\": 0}" },
  { "mmbench", "again.tsv",
      "index\timage\tquestion\tA\tB\tanswer\n7\t8\tq\tx\ty\tA\n8\tAAAA\tq\tx\t"
      "y\tB\n1000008\t8\tq\ty\tx\tA\n",
      NULL, NULL, NULL, "A\nB\nB", NULL, "N/A\nq\nA. x\nB. y", NULL,
      "{\"questions\": 3, \"failed\": 0, \"accuracy\": 66.67, "
      "\"without-option\": 0}" },
  { "choices", "abstract_algebra_test.csv",
      "\"Find, if any\",0,\"4, or\",2,6,B\nq,a,b,c,d,D\n", NULL, NULL, NULL,
      "B\nA", NULL,
      "The following are multiple choice questions (with answers) about  "
      "abstract algebra.\n\nFind, if any\nA. 0\nB. 4, or\nC. 2\nD. "
      "6\nAnswer:",
      NULL,
      "{\"questions\": 2, \"failed\": 0, \"accuracy\": 50.0, "
      "\"without-option\": 0}" },
  { "choices", "x.csv", "answer,question,A,B\nB,q,one,two\n", NULL, NULL, NULL,
      "B", NULL,
      "The following are multiple choice questions (with answers) about  "
      "x.\n\nq\nA. one\nB. two\nAnswer:",
      NULL,
      "{\"questions\": 1, \"failed\": 0, \"accuracy\": 100.0, "
      "\"without-option\": 0}" },
  { "quality", "koniq.json",
      "[{\"id\": \"a->1\", \"gt_score\": 3.5, \"image\": \"k/1.jpg\"}, "
      "{\"gt_score\": 1, \"img_path\": \"k/2.mp4\"}, {\"gt_score\": 2.5, "
      "\"image\": \"k/3.jpg\"}]",
      NULL, NULL, NULL, "#0.5\n#0.25\n#0.375", "k/1.jpg", NULL,
      "[{\"image\": \"k/1.jpg\", \"gt_score\": 3.5, \"score\": 0.5},\n"
      "{\"image\": \"k/2.mp4\", \"gt_score\": 1.0, \"score\": 0.25},\n"
      "{\"image\": \"k/3.jpg\", \"gt_score\": 2.5, \"score\": 0.375}]\n",
      "{\"questions\": 3, \"failed\": 0, \"srcc\": 1.0, \"plcc\": "
      "0.99339926779878285}" },
  { "quality", "mos.csv", "\357\273\277name,x,MOS\na.jpg,1,2.5\nb.jpg,1,3\n",
      NULL, NULL, NULL, "#1\n#1", "a.jpg", NULL, NULL,
      "{\"questions\": 2, \"failed\": 0, \"srcc\": null, \"plcc\": null}" },
  { "quality", "bare.csv", "a.jpg,2.5\nb.jpg,1\n", NULL, NULL, NULL, "#2\n#1",
      "a.jpg", NULL, NULL,
      "{\"questions\": 2, \"failed\": 0, \"srcc\": 1.0, \"plcc\": 1.0}" },
};

/* (transfer full): the answers file of what was said */
static json_t *
said_answers (const char *said)
{
  g_auto (GStrv) lines = g_strsplit (said, "\n", -1);
  json_t *answers = json_array ();

  for (guint i = 0; lines[i]; i++)
    json_array_append_new (
        answers, lines[i][0] == '#' ? json_pack ("{s:s, s:f}", "text", "fair",
                     "score", g_ascii_strtod (lines[i] + 1, NULL))
                                    : json_pack ("{s:s}", "text", lines[i]));
  return answers;
}

static EvalSet *
load_case (const Case *c, GError **error)
{
  g_autofree char *path = scratch_file (scratch, c->name, c->text);
  g_autofree char *other = NULL, *answers = NULL;

  if (c->other)
    other = scratch_file (scratch, c->other, c->other_text);
  if (c->answers)
    answers = g_build_filename (scratch, c->answers, NULL);
  return eval_set_load (
      eval_form_find (c->form), path, answers, NULL, 0, error);
}

static void
check_scores (const Case *c, const json_t *scores)
{
  g_autofree char *line = json_line_write (scores);
  json_error_t why;
  json_auto_t *wanted = json_loads (c->scores, 0, &why);

  g_assert_nonnull (wanted);
  if (json_equal (wanted, scores))
    return;
  g_test_message ("%s: scores are %s", c->form, line);
  g_test_fail ();
}

static void
check_case (const Case *c)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EvalSet) set = load_case (c, &error);
  json_auto_t *answers = said_answers (c->said);
  json_auto_t *scores = NULL;
  json_auto_t *run = json_object ();
  g_autofree char *written = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (set->items->len, ==, json_array_size (answers));
  g_assert_cmpstr (eval_set_item (set, 0)->media, ==, c->media);
  g_assert_cmpstr (eval_set_item (set, 0)->question, ==, c->question);
  scores = eval_score (set, answers, &error);
  g_assert_no_error (error);
  if (c->scores)
    check_scores (c, scores);
  eval_write (scratch, set, answers, run, scores, &error);
  g_assert_no_error (error);
  written = scratch_read (
      scratch, set->form->lines ? "predictions.jsonl" : "predictions.json");
  if (c->predictions)
    g_assert_cmpstr (written, ==, c->predictions);
}

/* Rows that name another one's picture share it. */
static void
test_pictures (void)
{
  const Case c = { "mmbench", "again.tsv",
    "index\timage\tquestion\tA\tB\n7\t8\tq\tx\ty\n8\tAAAA\tq\tx\ty\n" };
  g_autoptr (GError) error = NULL;
  g_autoptr (EvalSet) set = load_case (&c, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (eval_set_item (set, 0)->picture, ==, "AAAA");
  g_assert_true (
      eval_set_item (set, 0)->picture == eval_set_item (set, 1)->picture);
}

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_test_message ("%s, %s", cases[i].form, cases[i].name);
    check_case (&cases[i]);
  }
}

/* ---- what published scorers gave -------------------------------------- */

/* (transfer full): a data set of @questions and, in a file of @beside beside
 * it, @right */
static EvalSet *
load_recorded (const char *form, const char *name, const json_t *questions,
    const char *beside, const json_t *right)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = json_line_write (questions);
  g_autofree char *more = right ? json_line_write (right) : NULL;
  const Case c = { form, name, text, beside, more };
  EvalSet *set = load_case (&c, &error);

  g_assert_no_error (error);
  return set;
}

static double
figure (const json_t *scores, const char *key)
{
  return json_number_value (json_object_get (scores, key));
}

static void
check_pope (const json_t *pope)
{
  static const char *const names[][2] = { { "accuracy", "acc" },
    { "precision", "precision" }, { "recall", "recall" }, { "f1", "f1" },
    { "yes", "yes_ratio" } };
  const json_t *lines = json_object_get (pope, "lines");
  json_auto_t *questions = json_array ();
  json_auto_t *scores = NULL;
  g_autoptr (EvalSet) set = NULL;

  for (gsize i = 0; i < json_array_size (lines); i++)
    json_array_append_new (
        questions, json_pack ("{s:i, s:s, s:s, s:O}", "question_id", (int) i,
                       "image", "", "text", "", "label",
                       json_object_get (json_array_get (lines, i), "label")));
  set = load_recorded ("pope", "pope.json", questions, NULL, NULL);
  scores = eval_score (set, lines, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpfloat (
        figure (scores, names[i][0]), ==, figure (pope, names[i][1]));
}

static void
check_activitynet (const json_t *recorded)
{
  const json_t *right = json_object_get (recorded, "answers");
  const json_t *predictions = json_object_get (recorded, "predictions");
  json_auto_t *questions = json_array ();
  json_auto_t *answers = json_array ();
  json_auto_t *scores = NULL;
  g_autoptr (EvalSet) set = NULL;
  const char *type;
  json_t *correct;

  for (gsize i = 0; i < json_array_size (right); i++) {
    json_array_append_new (questions,
        json_pack ("{s:O, s:s, s:s}", "question_id",
            json_object_get (json_array_get (right, i), "question_id"),
            "question", "", "video_name", ""));
    json_array_append_new (answers,
        json_pack ("{s:O}", "text",
            json_object_get (json_array_get (predictions, i), "answer")));
  }
  set = load_recorded (
      "activitynet-qa", "test_q.json", questions, "test_a.json", right);
  scores = eval_score (set, answers, NULL);
  g_assert_cmpfloat_with_epsilon (
      figure (scores, "exact"), 100 * figure (recorded, "all"), 0.005);
  json_object_foreach (json_object_get (recorded, "corrects"), type, correct) {
    const json_t *one =
        json_object_get (json_object_get (scores, "by-type"), type);
    const double n = figure (json_object_get (recorded, "counts"), type);

    g_assert_cmpfloat (figure (one, "questions"), ==, n);
    g_assert_cmpfloat_with_epsilon (
        figure (one, "exact"), 100 * json_number_value (correct) / n, 0.005);
  }
}

static void
test_recorded (void)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OWL2_TEST_DATA"), "eval", "scorers.json", NULL);
  json_auto_t *recorded = json_load_file (path, 0, NULL);

  check_pope (json_object_get (recorded, "pope"));
  check_activitynet (json_object_get (recorded, "activitynet"));
}

/* ---- damaged files ---------------------------------------------------- */

static const struct {
  const char *form, *text, *message;
} bad[] = {
  { "pope", "", "x:1: it is empty$" },
  { "pope", " \n", "x:1: it is empty$" },
  { "pope", "[]", "x: there are no questions in it$" },
  { "pope", "7", "x:1: neither an array of records nor one a line$" },
  { "pope", "[1]", "x: record 1 is no object$" },
  { "pope", "[{}] x", "x:1: something follows" },
  { "pope",
      "{\"question_id\": 1, \"image\": \"\", \"text\": \"\", \"label\": "
      "\"no\"}\n{\n",
      "x:2: " },
  { "pope", "{}\n{\n", "x: record 1: \"question_id\" is neither" },
  { "pope", "[", "x:1: the array has no end$" },
  { "pope", "[\n{\"a\": [1}]", "x:2: " },
  { "pope", "\n[\n1, ]", "x: record 1 is no object$" },
  { "pope", "{}\n[\"\377\"]", "x:2: not UTF-8 from byte 6 of the file$" },
  { "pope", "{\"question_id\": 1.5}", "x: record 1: \"question_id\" is nei" },
  { "pope", "{\"question_id\": 1, \"image\": 7}",
      "x: record 1: \"image\" is no string$" },
  { "pope", "{\"question_id\": 1, \"image\": \"\"}",
      "x: record 1: there is no string \"text\"$" },
  { "pope",
      "{\"question_id\": 1, \"image\": \"\", \"text\": \"\", \"label\": "
      "\"maybe\"}",
      "x: record 1: the label \"maybe\" is neither yes nor no$" },
  { "mmbench",
      "{\"index\": 1, \"image\": \"\", \"question\": \"\", \"choices\": []}",
      "x: record 1: \"choices\" has 0 options, not 1 to 26$" },
  { "mmbench",
      "{\"index\": 1, \"image\": \"\", \"question\": \"\", \"choices\": "
      "[\"a\"], \"answer\": \"B\"}",
      "x: record 1: the answer \"B\" is none of the 1 options$" },
  { "mmbench",
      "index\timage\tquestion\tA\tB\n7\tAAAA\tq\ta\tb\n8\t9\tq\ta\tb\n9\t7\tq"
      "\ta\tb\n",
      "x: the image of index 8 is that of index 9, and no row with a picture "
      "has that$" },
  { "mmbench", "index\tA\n1\tx\n", "x:1: there is no column \"image\"$" },
  { "mmbench", "index\timage\tquestion\tA\tB\ta\nz\tA\tq\ta\tb\t\n",
      "x:2: the index \"z\" is no integer$" },
  { "tgif-qa", "gif_name\tquestion\tanswer\na\tb\n",
      "x:2: the row has 2 fields, the first one 3$" },
  { "tgif-qa", "gif_name\tquestion\tanswer\n\na\tb\t\"c\n",
      "x:3: a quote is not closed$" },
  { "tgif-qa", "gif_name\tquestion\tanswer\na\tb\tmany\n",
      "x:2: the answer \"many\" is no count$" },
  { "tgif-qa", "gif_name\tquestion\tanswer\ta1\ta2\na\tb\t2\tx\ty\n",
      "x:2: the answer \"2\" is no place of 2 options$" },
  { "choices", "q,A\n", "x:1: the row has 2 fields" },
  { "choices", "q,a,b,E\n", "x:1: the answer \"E\" is none of the 2 opt" },
  { "choices", "q,a,b,AA\n", "x:1: the answer \"AA\" is none of the 2 opt" },
  { "quality", "a.jpg,3\nb.jpg,inf\n", "x:2: the opinion \"inf\" is no num" },
  { "quality", "a.jpg,x\n", "x:1: there are no columns for the picture" },
  { "quality", "[{\"image\": \"a\", \"gt_score\": \"3\"}]",
      "x: record 1: there is no number \"gt_score\"$" },
  { "msrvtt-qa", "[{\"id\": 1, \"question\": \"\", \"answer\": \"\"}]",
      "x: record 1: there is no integer \"video_id\"$" },
  { "activitynet-qa", "[]", "test_a.json: there is no such file" },
};

static void
test_bad (void)
{
  char *folder = scratch_new ();

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autofree char *path = scratch_file (folder, "x", bad[i].text);
    g_autoptr (GError) error = NULL;
    g_autoptr (EvalSet) set = eval_set_load (
        eval_form_find (bad[i].form), path, NULL, NULL, 0, &error);

    g_assert_null (set);
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    if (g_regex_match_simple (bad[i].message, error->message, 0, 0))
      continue;
    g_test_message ("\"%s\" for \"%s\"", error->message, bad[i].message);
    g_test_fail ();
  }
  scratch_remove (folder);
}

/* What is missing in a second file. */
static void
test_bad_answers (void)
{
  Case c = { "activitynet-qa", "test_q.json",
    "[{\"video_name\": \"x\", \"question\": \"q\", \"question_id\": \"b\"}]",
    "test_a.json", "[{\"answer\": \"no\", \"question_id\": \"a\"}]" };
  g_autoptr (GError) error = NULL;

  g_assert_null (load_case (&c, &error));
  g_assert_true (g_str_has_suffix (
      error->message, "record 1: there is no answer to question_id \"b\""));
  g_clear_error (&error);
  c.other_text = "[{\"answer\": \"no\", \"question_id\": \"b\"}, "
                 "{\"answer\": \"no\", \"question_id\": \"b\"}]";
  g_assert_null (load_case (&c, &error));
  g_assert_true (g_str_has_suffix (error->message,
      "test_a.json: record 2: its question_id was there before"));
  g_clear_error (&error);
  c.other_text = "[{\"answer\": \"no\", \"question_id\": \"a\"}, "
                 "{\"answer\": 7, \"question_id\": \"b\"}]";
  g_assert_null (load_case (&c, &error));
  g_assert_true (g_str_has_suffix (
      error->message, "test_a.json: record 2: \"answer\" is no string"));
}

static void
test_bad_annotations (void)
{
  const Case c = { "vqa", "val.json",
    "[{\"image\": \"a.jpg\", \"question\": \"What?\", \"question_id\": 1}]",
    "annotations.json", "{\"annotations\": [{\"question_id\": 1}]}",
    "annotations.json" };
  g_autoptr (GError) error = NULL;
  g_autoptr (EvalSet) set = load_case (&c, &error);
  json_auto_t *answers = said_answers ("x");

  g_assert_no_error (error);
  g_assert_null (eval_score (set, answers, &error));
  g_assert_true (g_str_has_suffix (error->message,
      "annotations.json: there are no \"answers\" to question_id 1, a list "
      "with an \"answer\" each"));
}

/* Any damage of good files ends in items or in an error. */
static void
test_random_damage (void)
{
  for (guint i = 0; i < 20 * G_N_ELEMENTS (cases); i++) {
    const Case *c = &cases[i % G_N_ELEMENTS (cases)];
    const gsize n = strlen (c->text);
    g_autofree char *text = g_strdup (c->text);
    g_autoptr (EvalSet) set = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *path = NULL;

    for (gint k = g_test_rand_int_range (1, 4); k > 0; k--)
      text[g_test_rand_int_range (0, (gint32) n)] =
          "\"\t,\n\r{}[]\\\377a0"[g_test_rand_int_range (0, 13)];
    path = scratch_file (scratch, "damaged", text);
    set = eval_set_load (eval_form_find (c->form), path, NULL, NULL, 0, &error);
    g_assert_true ((set != NULL) == (error == NULL));
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = scratch_new ();
  g_test_add_func ("/eval/forms/cases", test_cases);
  g_test_add_func ("/eval/forms/pictures", test_pictures);
  g_test_add_func ("/eval/forms/recorded", test_recorded);
  g_test_add_func ("/eval/forms/bad", test_bad);
  g_test_add_func ("/eval/forms/bad-answers", test_bad_answers);
  g_test_add_func ("/eval/forms/bad-annotations", test_bad_annotations);
  g_test_add_func ("/eval/forms/random-damage", test_random_damage);
  status = g_test_run ();
  scratch_remove (scratch);
  return status;
}
