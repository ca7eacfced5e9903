/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-convert: the command line around convert.c. */
#include "convert.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "config.h"
#include "printable.h"
#include "program.h"

enum { EXIT_USAGE = 2 };

/* The pipeline looks at program_signal as an int. */
G_STATIC_ASSERT (sizeof (sig_atomic_t) == sizeof (int));

#define NAME_CHARACTERS 24 /* of a tensor's */
#define BAR_INTERVAL (G_USEC_PER_SEC / 8)

typedef struct {
  gboolean shown;       /* a bar stands on the terminal's last line */
  gint64 started, last; /* monotonic, in microseconds */
  guint64 done_last;
  double rate; /* bytes a second, of the last seconds */
} Bar;

static void
catch_signals (void)
{
  struct sigaction action = { .sa_handler = SIG_IGN };

  program_catch_signals ();
  /* A limit to the size of files is an error of writing, which cleans up. */
  sigemptyset (&action.sa_mask);
  sigaction (SIGXFSZ, &action, NULL);
}

/* All files of a checkpoint are open at once, maybe more than the usual 1024;
 * the soft limit is only there for programs that use select(). */
static void
raise_file_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

static void
erase_bar (Bar *bar)
{
  if (bar->shown)
    fputs ("\r\033[K", stderr);
  bar->shown = FALSE;
}

/* New readings count for more, so that the time left follows the disk. */
static void
measure_rate (Bar *bar, guint64 done, gint64 now)
{
  double seconds = (double) (now - bar->last) / G_USEC_PER_SEC;
  double rate = (double) (done - bar->done_last) / MAX (seconds, 1e-3);

  bar->rate = bar->rate > 0 ? 0.9 * bar->rate + 0.1 * rate : rate;
  bar->last = now;
  bar->done_last = done;
}

static void
show_progress (
    guint64 done, guint64 total, const char *tensor, gpointer user_data)
{
  static const char full[] = "########################";
  Bar *bar = user_data;
  gint64 now = g_get_monotonic_time ();
  double fraction = total > 0 ? (double) done / (double) total : 1;
  g_autofree char *shown = NULL;
  guint left;

  if (bar->last == 0) { /* the first piece says nothing about the rate */
    bar->last = now;
    bar->done_last = done;
    return;
  }
  if (now - bar->last < BAR_INTERVAL)
    return;
  measure_rate (bar, done, now);
  left = (guint) MIN ((double) (total - done) / MAX (bar->rate, 1), 359999);
  bar->shown = TRUE;
  shown = owl2_printable_head (tensor, NAME_CHARACTERS);
  fprintf (stderr, "\r[%-24.*s] %3d %% %7.1f MB/s %u:%02u:%02u left  %s\033[K",
      (int) (fraction * 24), full, (int) (fraction * 100), bar->rate / 1e6,
      left / 3600, left / 60 % 60, left % 60, shown);
}

static void
on_log (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  erase_bar (user_data);
  program_say ("%s%s", level <= OWL2_LOG_WARNING ? "warning: " : "", message);
}

static int
usage (const char *message)
{
  program_say ("%s", message);
  fputs ("Try 'owl2-convert --help'.\n", stderr);
  return EXIT_USAGE;
}

static int
convert (ConvertOptions options)
{
  Bar bar = { .started = g_get_monotonic_time () };
  Owl2Log log = { on_log, &bar, OWL2_LOG_INFO };
  ConvertSummary summary;
  g_autoptr (GError) error = NULL;
  g_autofree char *shown = NULL;
  GStatBuf st;
  double seconds;

  options.stop = &program_signal;
  options.log = &log;
  options.user_data = &bar;
  if (isatty (STDERR_FILENO))
    options.progress = show_progress;
  catch_signals ();
  raise_file_limit ();
  if (!convert_run (&options, &summary, &error)) {
    erase_bar (&bar);
    program_say ("%s", error->message);
    return program_signal ? 128 + program_signal : EXIT_FAILURE;
  }
  erase_bar (&bar);
  seconds = (double) (g_get_monotonic_time () - bar.started) / G_USEC_PER_SEC;
  shown = owl2_printable (options.out);
  printf ("%s: %u tensors, %u of them f32, %.1f million values, %.1f MB; "
          "%.1f MB read in %.1f s, %.0f MB/s\n",
      shown, summary.n_tensors, summary.n_f32,
      (double) summary.n_parameters / 1e6,
      g_stat (options.out, &st) == 0 ? (double) st.st_size / 1e6 : 0.0,
      (double) summary.n_bytes_read / 1e6, seconds,
      (double) summary.n_bytes_read / 1e6 / MAX (seconds, 1e-3));
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context =
      g_option_context_new ("CHECKPOINT_DIR OUT.gguf");
  g_autoptr (GError) error = NULL;
  g_autofree char *type_name = NULL;
  g_autofree char *types = owl2_type_names ("or");
  g_autofree char *type_help = g_strdup_printf (
      "Element type of the matrices: %s (default: f16)", types);
  g_autofree char *unknown = g_strdup_printf ("unknown type, not %s", types);
  g_auto (GStrv) args = NULL, adapters = NULL;
  g_autofree char *mode_name = NULL;
  g_autofree char *recipe = NULL;
  int n_threads = 0;
  const GOptionEntry entries[] = {
    { "type", 't', 0, G_OPTION_ARG_STRING, &type_name, type_help, "TYPE" },
    { "lora", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &adapters,
        "Folder of a LoRA adapter to merge into the weights (again for more, "
        "in their order)",
        "ADAPTER_DIR" },
    { "image-mode", 0, 0, G_OPTION_ARG_STRING, &mode_name,
        "How pictures become square: auto, stretch, pad, crop; auto leaves it "
        "open (default: as config.json says)",
        "MODE" },
    { "recipe", 0, 0, G_OPTION_ARG_STRING, &recipe,
        "Recipe that the model is made for, or none (default: as the "
        "checkpoint's files and name say)",
        "NAME" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &n_threads,
        "Threads that read and encode (default: one a core, at most 16)", "N" },
    { NULL },
  };
  ConvertOptions options = { .type = OWL2_TYPE_F16 };
  Owl2ImageMode mode;

  program_begin ("owl2-convert");
  g_option_context_set_summary (context,
      "Makes a model file for owl2 from a checkpoint directory of "
      "mPLUG-Owl2 as published.");
  g_option_context_add_main_entries (context, entries, NULL);
  program_add_options (context, NULL, NULL);
  /* A copy, because paths need not be UTF-8 and GOption frees nothing. */
  args = g_strdupv (argv);
  if (!g_option_context_parse_strv (context, &args, &error))
    return usage (error->message);
  if (g_strv_length (args) != 3)
    return usage ("a checkpoint directory and a file to write are needed");
  if (type_name && !owl2_type_parse (type_name, &options.type))
    return usage (unknown);
  if (!convert_type_supported (options.type))
    return usage ("this version does not write that type");
  if (mode_name && !owl2_image_mode_parse (mode_name, &mode))
    return usage ("--image-mode is not auto, stretch, pad or crop");
  if (recipe && !owl2_recipe_name_ok (recipe))
    return usage ("--recipe is no name of 1 to 64 printable bytes");
  if (n_threads < 0 || n_threads > 1024)
    return usage ("--threads is not from 0 to 1024");
  options.dir = args[1];
  options.out = args[2];
  options.adapters = (const char *const *) adapters;
  options.image_mode = mode_name ? &mode : NULL;
  options.recipe = g_strcmp0 (recipe, "none") == 0 ? "" : recipe;
  options.n_threads = (guint) n_threads;
  return convert (options);
}
