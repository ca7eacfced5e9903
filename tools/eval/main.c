/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-eval: asks the questions of a published data set as its authors do,
 * and scores the answers as its official scorer does. What is answered stays
 * so: a run that was ended goes on where it was. */
#include <stdio.h>
#include <string.h>

#include <gst/gst.h>

#include "asker.h"
#include "clip.h"
#include "forms.h"
#include "json_line.h"
#include "program.h"
#include "run.h"
#include "score.h"

typedef struct {
  CommonOptions common;
  char *form, *shard_text, *out, *answers, *media, *recipe, *template;
  char **merge;
  int frames, max_tokens; /* -1: as published */
  gint64 limit;
  gboolean keep_going;
  guint shard, n_shards;
  char **rest; /* the data set */
} Options;

/* ---- options ---------------------------------------------------------- */

/* "I/N": the questions I, I + N, .. */
static gboolean
parse_shard (Options *o, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (o->shard_text, "/", -1);
  guint64 shard, n;

  if (g_strv_length (parts) != 2
      || !g_ascii_string_to_unsigned (parts[1], 10, 1, 1000000, &n, NULL)
      || !g_ascii_string_to_unsigned (parts[0], 10, 0, n - 1, &shard, NULL))
    return owl2_refuse (
        error, "--shard '%s' is not I/N with I from 0 to N - 1", o->shard_text);
  o->shard = (guint) shard;
  o->n_shards = (guint) n;
  return TRUE;
}

static gboolean
check_options (Options *o, GError **error)
{
  if (!o->rest || g_strv_length (o->rest) != 1)
    return owl2_refuse (error, "one data set is needed: owl2-eval DATASET "
                               "--form NAME");
  if (!eval_form_find (o->form))
    return owl2_refuse (error, "there is no form '%s'; --help lists them",
        o->form ? o->form : "");
  if (o->frames < -1 || o->frames > OWL2_CLIP_MAX_FRAMES || o->limit < 0
      || o->max_tokens == 0 || o->max_tokens < -1)
    return owl2_refuse (error,
        "--frames is %d (0 to %d), --max-tokens %d (1 or more), --limit "
        "%" G_GINT64_FORMAT " (0 or more)",
        o->frames, OWL2_CLIP_MAX_FRAMES, o->max_tokens, o->limit);
  if (o->shard_text && o->merge)
    return owl2_refuse (
        error, "--merge takes all shards, not --shard '%s'", o->shard_text);
  if (!o->out)
    o->out = g_strconcat ("eval-", o->form, NULL);
  return !o->shard_text || parse_shard (o, error);
}

static gboolean
parse (Options *o, int *argc, char ***argv, GError **error)
{
  g_autofree char *recipes = owl2_recipe_names ();
  g_autofree char *recipe_help = g_strdup_printf (
      "how to ask: %s (default: as published for the form)", recipes);
  const GOptionEntry entries[] = {
    { "form", 0, 0, G_OPTION_ARG_STRING, &o->form,
        "what the data set is, see below", "NAME" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out,
        "folder of answers and results (default: eval-NAME)", "DIR" },
    { "shard", 0, 0, G_OPTION_ARG_STRING, &o->shard_text,
        "answer only the questions I, I + N, .. (I from 0)", "I/N" },
    { "merge", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->merge,
        "ask nothing, take the shards that are in DIR; may be given several "
        "times",
        "DIR" },
    { "media", 0, 0, G_OPTION_ARG_FILENAME, &o->media,
        "folder of the pictures or videos (default: that of the data set)",
        "DIR" },
    { "answers", 0, 0, G_OPTION_ARG_FILENAME, &o->answers,
        "the right answers, where they are in another file", "FILE" },
    { "recipe", 0, 0, G_OPTION_ARG_STRING, &o->recipe, recipe_help, "NAME" },
    { "template", 0, 0, G_OPTION_ARG_STRING, &o->template,
        "the literal prompt, {} for the question", "TEXT" },
    { "frames", 'f', 0, G_OPTION_ARG_INT, &o->frames,
        "frames spread over a video, 0: one a second (default: the recipe's, "
        "or " G_STRINGIFY (ASKER_FRAMES) ")",
        "N" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &o->max_tokens,
        "most tokens of an answer (default: the recipe's)", "N" },
    { "limit", 0, 0, G_OPTION_ARG_INT64, &o->limit,
        "take only the first N questions", "N" },
    { "keep-going", 'k', 0, G_OPTION_ARG_NONE, &o->keep_going,
        "a picture or video that is missing or damaged is an empty answer, not "
        "the end",
        NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->rest, NULL,
        "DATASET" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = common_options_new (
      "- asks and scores the questions of a data set", &o->common);
  g_autofree char *forms = eval_forms_describe ();

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_description (context, forms);
  program_add_options (context, NULL, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  return o->common.list_devices || check_options (o, error);
}

static void
options_clear (Options *o)
{
  common_options_clear (&o->common);
  g_free (o->form);
  g_free (o->shard_text);
  g_free (o->out);
  g_free (o->answers);
  g_free (o->media);
  g_free (o->recipe);
  g_free (o->template);
  g_strfreev (o->merge);
  g_strfreev (o->rest);
}

/* ---- running ---------------------------------------------------------- */

/* Scores what is in @folders and leaves it in o->out. */
static gboolean
finish (const Options *o, const EvalSet *set, const char *const *folders,
    GError **error)
{
  json_auto_t *settings = NULL;
  json_auto_t *answers = ledger_collect (folders, set, &settings, error);
  json_auto_t *scores = answers ? eval_score (set, answers, error) : NULL;
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!scores || !eval_write (o->out, set, answers, settings, scores, error))
    return FALSE;
  text = eval_scores_describe (scores);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++)
    if (!program_print (lines[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
find_way (const Options *o, const EvalSet *set, AskerWay *way, GError **error)
{
  if (!asker_way_find (way, set, o->recipe, o->common.model, error))
    return FALSE;
  if (o->template)
    way->template = o->template;
  if (o->frames >= 0)
    way->n_frames = (guint) o->frames;
  if (o->max_tokens > 0)
    way->max_tokens = (guint) o->max_tokens;
  if (o->common.image_mode != OWL2_IMAGE_AUTO)
    way->mode = o->common.image_mode;
  return TRUE;
}

/* (transfer full): all that answers depend on, but for the device */
static json_t *
make_settings (
    const Options *o, const EvalSet *set, const AskerWay *way, GError **error)
{
  g_autofree char *model = asker_model_print (o->common.model, error);
  json_auto_t *asked = NULL;
  json_t *settings;

  if (!model)
    return NULL;
  settings = eval_set_settings (set);
  asked = asker_way_settings (way);
  json_object_set_new (settings, "model", json_string_nocheck (model));
  json_object_set_new (
      settings, "kv-type", json_string (owl2_kv_type_name (o->common.kv_type)));
  json_object_update (settings, asked);
  return settings;
}

/* Answers what of the shard has no answer yet. */
static gboolean
answer (const Options *o, const EvalSet *set, GError **error)
{
  AskerWay way;
  json_auto_t *settings = NULL;
  g_autoptr (Ledger) ledger = NULL;
  g_autoptr (Asker) asker = NULL;

  if (!find_way (o, set, &way, error))
    return FALSE;
  settings = make_settings (o, set, &way, error);
  if (!settings || !ledger_settle (o->out, settings, error))
    return FALSE;
  ledger = ledger_open (o->out, set, o->shard, o->n_shards, error);
  if (!ledger)
    return FALSE;
  if (ledger_done (ledger) == ledger_total (ledger))
    return TRUE;
  asker = asker_new (&o->common, &way, o->keep_going, error);
  return asker && eval_run (set, ledger, asker_answer, asker, error);
}

static gboolean
run (const Options *o, GError **error)
{
  const EvalForm *form = eval_form_find (o->form);
  g_autoptr (EvalSet) set = eval_set_load (
      form, o->rest[0], o->answers, o->media, (guint64) o->limit, error);
  const char *const here[] = { o->out, NULL };
  guint n_there = 0;

  if (!set)
    return FALSE;
  if (o->merge)
    return ledger_make_folder (o->out, error)
           && finish (o, set, (const char *const *) o->merge, error);
  if (!o->shard_text && g_file_test (o->out, G_FILE_TEST_IS_DIR)
      && !ledger_shards (o->out, &n_there, error))
    return FALSE;
  if (n_there <= 1 && !answer (o, set, error))
    return FALSE;
  return o->n_shards > 1 || finish (o, set, here, error);
}

int
main (int argc, char **argv)
{
  Options o = { .frames = -1, .max_tokens = -1, .n_shards = 1 };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  program_begin ("owl2-eval");
  if (!parse (&o, &argc, &argv, &error)) {
    options_clear (&o);
    return program_usage (error);
  }
  program_catch_signals ();
  ok = o.common.list_devices ? common_list_devices (&error) : run (&o, &error);
  options_clear (&o);
  return program_end (ok, error);
}
