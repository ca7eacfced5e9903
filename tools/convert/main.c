/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-convert: the command line around convert.c. */
#include "convert.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

enum { EXIT_USAGE = 2 };

/* The first SIGINT, SIGTERM or SIGHUP; a second one kills as usual. */
static volatile sig_atomic_t stop_signal;

G_STATIC_ASSERT (sizeof (sig_atomic_t) == sizeof (int));

typedef struct {
  gboolean shown; /* a bar stands on the terminal's last line */
  int permille;   /* it shows */
} Bar;

static void
on_signal (int number)
{
  stop_signal = number;
}

static void
catch_signals (void)
{
  struct sigaction action = { .sa_handler = on_signal,
    .sa_flags = SA_RESETHAND };

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
}

static void
erase_bar (Bar *bar)
{
  if (bar->shown)
    fputs ("\r\033[K", stderr);
  bar->shown = FALSE;
}

static void
show_progress (double fraction, const char *tensor, gpointer user_data)
{
  static const char full[] = "########################################";
  Bar *bar = user_data;
  int permille = (int) (fraction * 1000), n = permille * 40 / 1000;

  if (permille == bar->permille && bar->shown)
    return;
  bar->permille = permille;
  bar->shown = TRUE;
  fprintf (
      stderr, "\r[%-40.*s] %3d %%  %-32.32s", n, full, permille / 10, tensor);
}

static void
on_log (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  erase_bar (user_data);
  fprintf (stderr, "owl2-convert: %s%s\n",
      level <= OWL2_LOG_WARNING ? "warning: " : "", message);
}

static int
usage (const char *message)
{
  fprintf (stderr, "owl2-convert: %s\nTry 'owl2-convert --help'.\n", message);
  return EXIT_USAGE;
}

static int
convert (const char *dir, const char *out, Owl2Type type)
{
  Bar bar = { FALSE, -1 };
  Owl2Log log = { on_log, &bar, OWL2_LOG_INFO };
  ConvertOptions options = { .dir = dir,
    .out = out,
    .type = type,
    .stop = &stop_signal,
    .log = &log,
    .user_data = &bar };
  ConvertSummary summary;
  g_autoptr (GError) error = NULL;
  GStatBuf st;

  if (isatty (STDERR_FILENO))
    options.progress = show_progress;
  catch_signals ();
  if (!convert_run (&options, &summary, &error)) {
    erase_bar (&bar);
    fprintf (stderr, "owl2-convert: %s\n", error->message);
    return stop_signal ? 128 + stop_signal : EXIT_FAILURE;
  }
  erase_bar (&bar);
  printf ("%s: %u tensors, %u of them f32, %.1f million values, %.1f MB\n", out,
      summary.n_tensors, summary.n_f32, (double) summary.n_parameters / 1e6,
      g_stat (out, &st) == 0 ? (double) st.st_size / 1e6 : 0.0);
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context =
      g_option_context_new ("CHECKPOINT_DIR OUT.gguf");
  g_autoptr (GError) error = NULL;
  g_autofree char *type_name = NULL;
  g_auto (GStrv) args = NULL;
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "type", 't', 0, G_OPTION_ARG_STRING, &type_name,
        "Element type of the matrices: f32 or f16 (default)", "TYPE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
    { NULL },
  };
  Owl2Type type = OWL2_TYPE_F16;

  setlocale (LC_ALL, "");
  g_option_context_set_summary (context,
      "Makes a model file for owl2 from a checkpoint directory of "
      "mPLUG-Owl2 as published.");
  g_option_context_add_main_entries (context, entries, NULL);
  /* A copy, because paths need not be UTF-8 and GOption frees nothing. */
  args = g_strdupv (argv);
  if (!g_option_context_parse_strv (context, &args, &error))
    return usage (error->message);
  if (version) {
    puts ("owl2-convert " OWL2_VERSION);
    return EXIT_SUCCESS;
  }
  if (g_strv_length (args) != 3)
    return usage ("a checkpoint directory and a file to write are needed");
  if (type_name && !owl2_type_parse (type_name, &type))
    return usage ("unknown type; f32 and f16 are there");
  if (!convert_type_supported (type))
    return usage ("this version writes f32 and f16 only");
  return convert (args[1], args[2], type);
}
