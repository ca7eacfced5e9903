/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <math.h>
#include <string.h>
#include <gst/gst.h>

#include "clip.h"
#include "program.h"

#define UNSET (-1)

/* ---- values ----------------------------------------------------------- */

/* "90", "1.5", "1:30", "0:01:30.25" */
static gboolean
parse_time (const char *option, const char *text, gint64 *ns, GError **error)
{
  double seconds = 0, part;
  const char *p = text;
  char *end;

  for (int i = 0; i < 3; i++) {
    if (!g_ascii_isdigit (*p))
      break;
    part = g_ascii_strtod (p, &end);
    seconds = 60 * seconds + part;
    if (*end == '\0' && isfinite (seconds)
        && seconds < (double) OWL2_CLIP_AXIS_MAX / 1e9) {
      *ns = (gint64) (seconds * 1e9 + 0.5);
      return TRUE;
    }
    if (*end != ':' || memchr (p, '.', (gsize) (end - p)))
      break;
    p = end + 1;
  }
  return owl2_refuse (error,
      "%s is '%s', which is no time: seconds such as 90 or 1.5, or 1:30",
      option, text);
}

static gboolean
parse_time_option (
    const char *option, const char *text, gpointer user_data, GError **error)
{
  AskOptions *o = user_data;
  const struct {
    const char *name;
    gint64 *ns;
  } times[] = { { "--at", &o->at }, { "--from", &o->from }, { "--to", &o->to },
    { "--every", &o->every }, { "--seconds", &o->seconds } };

  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    if (g_str_equal (option, times[i].name))
      return parse_time (option, text, times[i].ns, error);
  g_return_val_if_reached (FALSE);
}

static gboolean
parse_choices (
    const char *option, const char *text, gpointer user_data, GError **error)
{
  AskOptions *o = user_data;

  g_strfreev (o->choices);
  o->choices = g_strsplit (text, ",", -1);
  o->n_choices = g_strv_length (o->choices);
  if (!g_utf8_validate (text, -1, NULL))
    return owl2_refuse (error, "%s is not UTF-8", option);
  for (guint i = 0; i < o->n_choices; i++)
    if (!*g_strstrip (o->choices[i]))
      return owl2_refuse (error, "choice %u of '%s' is empty", i + 1, text);
  if (o->n_choices >= 2)
    return TRUE;
  return owl2_refuse (
      error, "%s is '%s': at least two, with commas between", option, text);
}

static gboolean
parse_weights (
    const char *option, const char *text, gpointer user_data, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  AskOptions *o = user_data;

  g_free (o->weights);
  /* A NaN ends them. */
  o->weights = g_new (double, g_strv_length (parts) + 1);
  for (guint i = 0; parts[i]; i++) {
    char *end;

    o->weights[i] = g_ascii_strtod (g_strstrip (parts[i]), &end);
    o->weights[i + 1] = NAN;
    if (!*parts[i] || *end || !isfinite (o->weights[i]))
      return owl2_refuse (
          error, "weight %u of '%s' is '%s', no number", i + 1, text, parts[i]);
  }
  return TRUE;
}

static gboolean
parse_recipe (
    const char *option, const char *name, gpointer user_data, GError **error)
{
  AskOptions *o = user_data;

  o->recipe = owl2_recipe_require (name, error);
  return o->recipe != NULL;
}

/* ---- what fits together ----------------------------------------------- */

static gboolean
check_numbers (const AskOptions *o, GError **error)
{
  if (o->frames != UNSET && (o->frames < 1 || o->frames > OWL2_CLIP_MAX_FRAMES))
    return owl2_refuse (
        error, "--frames is %d (1 to %d)", o->frames, OWL2_CLIP_MAX_FRAMES);
  if (o->max_tokens < 1 && o->max_tokens != UNSET)
    return owl2_refuse (error, "--max-tokens is %d (1 or more)", o->max_tokens);
  if (o->max_pixels < 1)
    return owl2_refuse (error,
        "--max-pixels is %" G_GINT64_FORMAT " (1 or more)", o->max_pixels);
  if (o->every == 0 || o->seconds == 0)
    return owl2_refuse (
        error, "%s is 0", o->every == 0 ? "--every" : "--seconds");
  if (o->to >= 0 && o->to <= MAX (o->from, 0))
    return owl2_refuse (error, "--to is %.3f s, and --from %.3f s",
        (double) o->to / 1e9, (double) MAX (o->from, 0) / 1e9);
  return TRUE;
}

static gboolean
check_weights (const AskOptions *o, GError **error)
{
  guint n_choices = o->n_choices, n = 0;

  if (!o->weights)
    return TRUE;
  if (!n_choices && o->recipe)
    n_choices = o->recipe->n_choices;
  while (!isnan (o->weights[n]))
    n++;
  return n == n_choices
         || owl2_refuse (
             error, "%u --choice-weights for %u choices", n, n_choices);
}

static gboolean
check_recipe (const AskOptions *o, GError **error)
{
  const Owl2Recipe *r = o->recipe;

  if (!r || o->questions->len || o->interactive
      || !owl2_recipe_needs_question (r))
    return TRUE;
  return owl2_refuse (error, "recipe '%s' needs a question", r->name);
}

static gboolean
check_together (const AskOptions *o, GError **error)
{
  const struct {
    const char *one, *other;
    gboolean both;
  } never[] = {
    { "--at", "--from, --to, --every or --seconds",
        o->at >= 0
            && (o->from >= 0 || o->to >= 0 || o->every >= 0
                || o->seconds >= 0) },
    { "--at", "--frames", o->at >= 0 && o->frames != UNSET },
    { "--to", "--seconds", o->to >= 0 && o->seconds >= 0 },
    { "--interactive", "--every, --srt or --vtt",
        o->interactive && (o->every >= 0 || o->srt || o->vtt) },
    { "--srt and --vtt", "several files",
        (o->srt || o->vtt) && o->sources->len > 1 },
    { "--interactive", "several files", o->interactive && o->sources->len > 1 },
    { "--interactive", "standard input as the source",
        o->interactive && g_str_equal (o->sources->pdata[0], "-") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (never); i++)
    if (never[i].both)
      return owl2_refuse (
          error, "%s can't be with %s", never[i].one, never[i].other);
  return check_weights (o, error) && check_recipe (o, error);
}

/* ---- arguments -------------------------------------------------------- */

static gboolean
is_source (const char *arg)
{
  return g_str_equal (arg, "-") || g_file_test (arg, G_FILE_TEST_EXISTS)
         || (gst_uri_is_valid (arg) && strstr (arg, "://")
             && !strpbrk (arg, " \t\n"));
}

/* A name of a file that is not there, and is no question either. */
static gboolean
looks_like_file (const char *arg)
{
  const char *dot = strrchr (arg, '.');
  gsize n;

  if (!dot || dot == arg || strpbrk (arg, " \t\n"))
    return FALSE;
  n = strlen (dot + 1);
  return n >= 2 && n <= 4 && g_ascii_isalpha (dot[1])
         && strspn (dot + 1, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
                == n;
}

/* @n_after: arguments that came after the first "--"; negative: there was none.
 */
static gboolean
sort_arguments (AskOptions *o, char **rest, int n_after, GError **error)
{
  const int n = rest ? (int) g_strv_length (rest) : 0;
  int n_sources = MAX (1, n - MAX (n_after, 0));

  if (n == 0)
    return owl2_refuse (error, "a file is needed: owl2-ask FILE [QUESTION...]");
  if (n_after == n) {
    for (int i = 1; i < n; i++)
      if (g_str_equal (rest[i], "--")) {
        n_sources = i;
        n_after = n - i;
        break;
      }
  }
  for (int i = 0; i < n; i++) {
    if (i > 0 && i == n_sources && n_after >= 0 && g_str_equal (rest[i], "--"))
      continue;
    if (i < n_sources && (i == 0 || is_source (rest[i])))
      g_ptr_array_add (o->sources, g_strdup (rest[i]));
    else if (i < n_sources && n_after >= 0)
      return owl2_refuse (
          error, "'%s': No such file, and it comes before \"--\"", rest[i]);
    else if (i < n_sources && looks_like_file (rest[i]))
      return owl2_refuse (error,
          "'%s': No such file; if it is a question, \"--\" goes before it",
          rest[i]);
    else
      g_ptr_array_add (o->questions, g_strdup (rest[i]));
  }
  return TRUE;
}

static gboolean
check_questions (const AskOptions *o, GError **error)
{
  for (guint i = 0; i < o->questions->len; i++) {
    const char *q = o->questions->pdata[i];

    if (!g_utf8_validate (q, -1, NULL))
      return owl2_refuse (error, "question %u is not UTF-8", i + 1);
    if (!q[strspn (q, " \t\r\n")])
      return owl2_refuse (error, "question %u is empty", i + 1);
  }
  return TRUE;
}

/* What is to be written over is not to be read. */
static gboolean
check_written (const AskOptions *o, const char *path, GError **error)
{
  GStatBuf out;

  if (!path || g_stat (path, &out) < 0 || !S_ISREG (out.st_mode))
    return TRUE;
  for (guint i = 0; i < o->sources->len; i++)
    if (program_names_file (o->sources->pdata[i], &out))
      return owl2_refuse (
          error, "%s is a source, and can't be written to", path);
  return TRUE;
}

/* ---- parsing ---------------------------------------------------------- */

/* The help is the table of what can be said. @recipe_help outlives @context. */
static void
add_options (GOptionContext *context, AskOptions *o, const char *recipe_help,
    char ***rest)
{
  const GOptionEntry entries[] = {
    { "frames", 'f', 0, G_OPTION_ARG_INT, &o->frames,
        "frames spread over the video, 1 to 64 (default: 4; of a caption with "
        "--every 1)",
        "N" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &o->max_tokens,
        "most tokens of an answer (default: 128)", "N" },
    { "at", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_time_option,
        "about the frame on screen at this time: seconds, or 1:30", "T" },
    { "from", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_time_option,
        "nothing before this time", "T" },
    { "to", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_time_option,
        "nothing from this time on", "T" },
    { "seconds", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_time_option,
        "no more than this of what has no end, such as a camera", "N" },
    { "every", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_time_option,
        "an answer for each T of the video", "T" },
    { "choices", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_choices,
        "the answer is one of these", "A,B,..." },
    { "choice-weights", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_weights,
        "the score is the sum of weight times probability", "X,Y,..." },
    { "recipe", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_recipe,
        recipe_help, "NAME" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &o->json,
        "print answers as JSON, an object a line", NULL },
    { "srt", 0, 0, G_OPTION_ARG_FILENAME, &o->srt,
        "write the answers as SubRip subtitles, too", "FILE" },
    { "look", 0, 0, G_OPTION_ARG_FILENAME, &o->look,
        "write the pictures with a map of where the answer looks; of further "
        "answers to FILE-2.png, ...",
        "FILE.png" },
    { "vtt", 0, 0, G_OPTION_ARG_FILENAME, &o->vtt,
        "write the answers as WebVTT subtitles, too", "FILE" },
    { "interactive", 'i', 0, G_OPTION_ARG_NONE, &o->interactive,
        "go on with questions from standard input, a line each, that may refer "
        "to earlier ones",
        NULL },
    { "max-pixels", 0, 0, G_OPTION_ARG_INT64, &o->max_pixels,
        "refuse frames of more pixels (default: " G_STRINGIFY (
            OWL2_MAX_PIXELS) ")",
        "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, rest, NULL,
        "FILE|URI|-... [QUESTION...]" },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

/* How many arguments come after the first "--"; negative: there is none. */
static int
count_after (int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (g_str_equal (argv[i], "--"))
      return argc - i - 1;
  return UNSET;
}

gboolean
ask_options_parse (AskOptions *o, int *argc, char ***argv, GError **error)
{
  const int n_after = count_after (*argc, *argv);
  g_auto (GStrv) rest = NULL;
  g_autofree char *recipes = owl2_recipe_names ();
  g_autofree char *recipe_help = g_strdup_printf (
      "a published way of asking: %s; scores are printed as a table, the best "
      "first",
      recipes);
  g_autoptr (GOptionContext) context =
      common_options_new ("- answers questions about videos", &o->common);

  o->frames = o->max_tokens = UNSET;
  o->at = o->from = o->to = o->every = o->seconds = UNSET;
  o->max_pixels = OWL2_MAX_PIXELS;
  o->sources = g_ptr_array_new_with_free_func (g_free);
  o->questions = g_ptr_array_new_with_free_func (g_free);
  add_options (context, o, recipe_help, &rest);
  program_add_options (context, &o->verbose,
      "print on standard error which frames were looked at, how they were "
      "found, and what prompts took");
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  return o->common.list_devices
         || (check_numbers (o, error)
             && sort_arguments (o, rest, n_after, error)
             && check_questions (o, error) && check_together (o, error)
             && check_written (o, o->srt, error)
             && check_written (o, o->vtt, error)
             && check_written (o, o->look, error));
}

void
ask_options_clear (AskOptions *o)
{
  common_options_clear (&o->common);
  g_strfreev (o->choices);
  g_free (o->weights);
  g_free (o->srt);
  g_free (o->vtt);
  g_free (o->look);
  g_clear_pointer (&o->sources, g_ptr_array_unref);
  g_clear_pointer (&o->questions, g_ptr_array_unref);
}
