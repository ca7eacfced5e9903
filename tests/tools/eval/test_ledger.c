/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs that are killed at any time, or done in shards, end with the bytes of an
 * undisturbed one; and what is not to be mixed is refused. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "scratch.h"
#include "score.h"

#define N_QUESTIONS 60
#define N_KILLS 20

static char *scratch;
static EvalSet *set;
static char *whole; /* results of an undisturbed run */

static json_t *
settings_new (const char *model)
{
  json_t *settings = eval_set_settings (set);

  json_object_set_new (settings, "model", json_string (model));
  return settings;
}

/* A model that takes a while. */
static json_t *
fake_answer (
    const EvalSet *of, const EvalItem *item, gpointer pause_us, GError **error)
{
  g_autofree char *text = g_strdup_printf ("%s \"%s\"\n\342\200\250",
      json_integer_value (item->id) % 3 ? "Yes," : "No.", item->question);

  g_usleep (GPOINTER_TO_UINT (pause_us));
  return json_pack ("{s:s}", "text", text);
}

static gboolean
run_shard (
    const char *folder, guint shard, guint n, guint pause_us, GError **error)
{
  json_auto_t *settings = settings_new ("a");
  g_autoptr (Ledger) ledger = NULL;

  if (!ledger_settle (folder, settings, error))
    return FALSE;
  ledger = ledger_open (folder, set, shard, n, error);
  return ledger
         && eval_run (
             set, ledger, fake_answer, GUINT_TO_POINTER (pause_us), error);
}

/* The files of the results of what is in @folders, one after the other. */
static char *
results (const char *const *folders, const char *out)
{
  g_autoptr (GError) error = NULL;
  json_auto_t *settings = NULL;
  json_auto_t *answers = ledger_collect (folders, set, &settings, &error);
  json_auto_t *scores = NULL;
  g_autofree char *all = NULL, *predictions = NULL, *figures = NULL;

  g_assert_no_error (error);
  scores = eval_score (set, answers, &error);
  g_assert_no_error (error);
  eval_write (out, set, answers, settings, scores, &error);
  g_assert_no_error (error);
  all = scratch_read (out, "answers.jsonl");
  predictions = scratch_read (out, "predictions.jsonl");
  figures = scratch_read (out, "results.json");
  g_assert_true (all && predictions && figures);
  return g_strconcat (all, predictions, figures, NULL);
}

static void
test_undisturbed (void)
{
  g_autofree char *folder = g_build_filename (scratch, "whole", NULL);
  g_autoptr (GError) error = NULL;

  run_shard (folder, 0, 1, 0, &error);
  g_assert_no_error (error);
  whole = results ((const char *const[]){ folder, NULL }, folder);
}

static guint
count_lines (const char *folder)
{
  g_autofree char *text = scratch_read (folder, "answers-0-of-1.jsonl");
  guint n = 0;

  for (const char *p = text; p && (p = strchr (p, '\n')); p++)
    n++;
  return n;
}

/* What a machine that crashes may leave of a line. */
static void
tear (const char *folder)
{
  static const char line[] = "{\"index\": 59, \"id\": 59, \"text\": \"Yes\"}";
  g_autofree char *path =
      g_build_filename (folder, "answers-0-of-1.jsonl", NULL);
  FILE *file = g_fopen (path, "a");

  g_assert_nonnull (file);
  fwrite (line, 1, (gsize) g_test_rand_int_range (1, sizeof line), file);
  fclose (file);
}

/* Runs it, and ends it at any time, mostly once there are new answers; TRUE if
 * it was not done before. */
static gboolean
run_and_kill (const char *folder)
{
  const guint wanted =
      count_lines (folder) + (guint) g_test_rand_int_range (0, 4);
  const pid_t child = fork ();
  siginfo_t end = { 0 };
  int status = 0;

  g_assert_cmpint (child, >=, 0);
  if (!child)
    _exit (run_shard (folder, 0, 1, 1000, NULL) ? 0 : 1);
  while (count_lines (folder) < wanted && !end.si_pid) {
    g_usleep (200);
    waitid (P_PID, (id_t) child, &end, WEXITED | WNOHANG | WNOWAIT);
  }
  g_usleep ((gulong) g_test_rand_int_range (0, 2000)); /* two answers */
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status) || WEXITSTATUS (status) == 0);
  return WIFSIGNALED (status);
}

static void
test_killed (void)
{
  g_autofree char *folder = g_build_filename (scratch, "killed", NULL);
  g_autofree char *killed = NULL;
  g_autoptr (GError) error = NULL;
  guint n_killed = 0, n_between = 0;

  for (guint i = 0; i < N_KILLS; i++) {
    n_killed += run_and_kill (folder);
    n_between += count_lines (folder) % N_QUESTIONS != 0;
    if (i % 2 && count_lines (folder) < N_QUESTIONS)
      tear (folder);
  }
  g_test_message ("%u killed, %u amid the answers", n_killed, n_between);
  g_assert_cmpuint (n_between, >, N_KILLS / 2);
  run_shard (folder, 0, 1, 0, &error);
  g_assert_no_error (error);
  killed = results ((const char *const[]){ folder, NULL }, folder);
  g_assert_cmpstr (killed, ==, whole);
}

static void
test_shards (void)
{
  g_autofree char *here = g_build_filename (scratch, "here", NULL);
  g_autofree char *there = g_build_filename (scratch, "there", NULL);
  const char *const both[] = { here, there, NULL };
  g_autofree char *merged = NULL;
  g_autoptr (GError) error = NULL;

  for (guint shard = 0; shard < 7; shard++)
    g_assert_true (run_shard (shard % 2 ? here : there, shard, 7, 0, &error));
  merged = results (both, here);
  g_assert_cmpstr (merged, ==, whole);
}

/* ---- what is refused -------------------------------------------------- */

static void
expect (GError **error, const char *pattern)
{
  g_assert_nonnull (*error);
  if (!g_regex_match_simple (pattern, (*error)->message, G_REGEX_DOTALL, 0))
    g_error ("\"%s\" for \"%s\"", (*error)->message, pattern);
  g_clear_error (error);
}

static void
test_settings (void)
{
  g_autofree char *folder = g_build_filename (scratch, "settings", NULL);
  json_auto_t *a = settings_new ("a");
  json_auto_t *b = settings_new ("b");
  g_autoptr (GError) error = NULL;

  json_object_set_new (b, "frames", json_integer (8));
  g_assert_true (ledger_settle (folder, a, &error));
  g_assert_true (ledger_settle (folder, a, &error));
  g_assert_false (ledger_settle (folder, b, &error));
  expect (&error, "settings/run.json is of another run: model is \"a\" there "
                  "and \"b\" here, frames is nothing there and 8 here$");
  json_object_del (a, "model");
  g_assert_false (ledger_settle (folder, a, &error));
  expect (&error, "model is \"a\" there and nothing here$");
}

/* Of several at once one has its settings there, and the others know it. */
static void
test_settings_race (void)
{
  g_autofree char *folder = g_build_filename (scratch, "race", NULL);
  guint n_won = 0;

  for (guint i = 0; i < 8; i++)
    if (fork () == 0) {
      g_autofree char *model = g_strdup_printf ("%u", i);

      _exit (ledger_settle (folder, settings_new (model), NULL) ? 0 : 1);
    }
  for (guint i = 0; i < 8; i++) {
    int status;

    g_assert_cmpint (wait (&status), >, 0);
    n_won += WIFEXITED (status) && WEXITSTATUS (status) == 0;
  }
  g_assert_cmpuint (n_won, ==, 1);
}

static void
test_one_writer (void)
{
  g_autofree char *folder = g_build_filename (scratch, "writer", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Ledger) first = NULL;

  g_assert_true (g_mkdir (folder, 0777) == 0);
  first = ledger_open (folder, set, 1, 2, &error);
  g_assert_no_error (error);
  g_assert_null (ledger_open (folder, set, 1, 2, &error));
  expect (&error, "answers-1-of-2.jsonl: another process is writing it");
  g_assert_null (ledger_open (folder, set, 1, 3, &error));
  expect (&error, "writer has a run in 2 shards, this one is in 3");
}

static void
test_damage (void)
{
  static const char *const lines[] = {
    "{\"index\": 0, \"id\": 0, \"text\": \"\"}\n{\"index\": 0, \"id\": 0}\n",
    "{\"index\": 0, \"id\": 0, \"text\": \"\"}\n{\"index\": 1, \"id\": 7}\n",
    "{\"index\": 0, \"id\": 0, \"text\": \"\"}\n{\"index\": 7, \"id\": 1}\n",
    "{\"index\": 0, \"id\": 0, \"text\": \"\"}\n{\"index\": \n{}\n",
    "{\"index\": 0, \"id\": 0, \"text\": \"\"}\n[]\n",
  };
  g_autofree char *folder = g_build_filename (scratch, "damage", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_mkdir (folder, 0777) == 0);
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_free (scratch_file (folder, "answers-0-of-1.jsonl", lines[i]));
    g_assert_null (ledger_open (folder, set, 0, 1, &error));
    expect (&error, "answers-0-of-1.jsonl: ?(2|record 2)");
  }
}

static void
test_collect (void)
{
  g_autofree char *a = g_build_filename (scratch, "a", NULL);
  g_autofree char *b = g_build_filename (scratch, "b", NULL);
  const char *const one[] = { a, NULL }, *const both[] = { a, b, NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *run = NULL, *path = NULL;

  g_assert_true (run_shard (a, 0, 3, 0, &error));
  g_assert_null (ledger_collect (one, set, NULL, &error));
  expect (&error, "of 3 shards 1 lacks 20 of 20, 2 lacks 20 of 20$");
  g_assert_true (run_shard (b, 0, 3, 0, &error));
  g_assert_null (ledger_collect (both, set, NULL, &error));
  expect (&error, "b/answers-0-of-3.jsonl: this shard is in another folder");
  run = scratch_read (b, "run.json");
  *strstr (run, "\"a\"") = ' ';
  strstr (run, " a\"")[1] = '"';
  path = scratch_file (b, "run.json", run);
  g_assert_null (ledger_collect (both, set, NULL, &error));
  expect (&error, "a and \\S+b are of different runs: model is");
  g_ptr_array_set_size (set->items, N_QUESTIONS - 1);
  g_assert_null (ledger_collect (one, set, NULL, &error));
  expect (&error, "another data set: questions is 60 there and 59 here");
}

int
main (int argc, char **argv)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = scratch_new ();
  for (guint i = 0; i < N_QUESTIONS; i++)
    g_string_append_printf (lines,
        "{\"question_id\": %u, \"image\": \"x.png\", \"text\": \"Is %u?\", "
        "\"label\": \"%s\"}\n",
        i, i, i % 2 ? "yes" : "no");
  path = scratch_file (scratch, "pope.json", lines->str);
  set = eval_set_load (eval_form_find ("pope"), path, NULL, NULL, 0, &error);
  g_assert_no_error (error);
  g_test_add_func ("/eval/ledger/undisturbed", test_undisturbed);
  g_test_add_func ("/eval/ledger/killed", test_killed);
  g_test_add_func ("/eval/ledger/shards", test_shards);
  g_test_add_func ("/eval/ledger/settings", test_settings);
  g_test_add_func ("/eval/ledger/settings-race", test_settings_race);
  g_test_add_func ("/eval/ledger/one-writer", test_one_writer);
  g_test_add_func ("/eval/ledger/damage", test_damage);
  g_test_add_func ("/eval/ledger/collect", test_collect);
  status = g_test_run ();
  eval_set_free (set);
  g_free (whole);
  scratch_remove (scratch);
  return status;
}
