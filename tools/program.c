/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#  include <malloc.h>
#endif

#include "cache_dir.h"
#include "printable.h"

#define EXIT_USAGE 2
#define LARGE_BYTES (256 * 1024)

static const char *program;
static gboolean failed; /* which is told by then */
volatile sig_atomic_t program_signal;

/* Runs in exit(), whoever calls it. What could not be written stays in the
 * stream's buffer, so that it is tried, and fails, once more. */
static void
check_output (void)
{
  gboolean lost;

  errno = 0;
  lost = fflush (stdout) != 0 || ferror (stdout);
  if (!lost || failed)
    return;
  program_say ("standard output: %s",
      errno ? g_strerror (errno) : "not everything could be written");
  _exit (EXIT_FAILURE);
}

/* A closed standard stream must not become a file that is opened later. These
 * can't be used, as if they were closed. */
static void
keep_streams (void)
{
  static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };

  for (int fd = 0; fd <= 2; fd++)
    if (fcntl (fd, F_GETFD) < 0 && open ("/dev/null", modes[fd]) < 0)
      return;
}

/* The environment says which plugins and drivers are loaded: whoever starts the
 * program would run what they like with rights that they have not. */
static void
refuse_privileges (void)
{
  if (!owl2_is_privileged ())
    return;
  program_say (
      "it has rights that who started it has not (set-user-id, "
      "set-group-id or capabilities of the file, or the rules of a "
      "security module), and is not made to: the environment names the "
      "plugins and drivers that it loads");
  _exit (EXIT_FAILURE);
}

/* Video frames come and go by the dozen: what is as large as one is given back
 * when it is freed. Otherwise the C library keeps such blocks, scattered, once
 * it has seen them freed. */
static void
give_back_frames (void)
{
#ifdef __GLIBC__
  mallopt (M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

void
program_begin (const char *name)
{
  program = name;
  give_back_frames ();
  keep_streams ();
  refuse_privileges ();
  setlocale (LC_ALL, "");
  g_set_prgname (name);
  atexit (check_output);
}

static gboolean
print_version (
    const gchar *option, const gchar *value, gpointer user_data, GError **error)
{
  printf ("%s " OWL2_VERSION "\n", program);
  exit (EXIT_SUCCESS);
}

void
program_add_options (
    GOptionContext *context, gboolean *verbose, const char *what)
{
  const GOptionEntry entries[] = {
    { "version", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK,
        (gpointer) print_version, "print the version", NULL },
    /* The table ends before this one where nothing is said. */
    { verbose ? "verbose" : NULL, 'v', 0, G_OPTION_ARG_NONE, verbose, what,
        NULL },
    { NULL }
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

gboolean
program_parse (GOptionContext *context, int *argc, char ***argv, GError **error)
{
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc <= 1)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
      "argument '%s' is not understood", (*argv)[1]);
  return FALSE;
}

void
program_say (const char *format, ...)
{
  g_autofree char *message = NULL;
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  line = owl2_printable_message (message);
  fprintf (stderr, "%s: %s\n", program, line);
}

void
program_say_line (const char *format, ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "%s: %s\n", program, line);
}

static void
on_signal (int number)
{
  program_signal = number;
}

void
program_catch_signals (void)
{
  struct sigaction action = { .sa_handler = on_signal,
    .sa_flags = SA_RESETHAND };

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
}

gboolean
program_names_file (const char *name, const GStatBuf *file)
{
  g_autofree char *path = g_filename_from_uri (name, NULL, NULL);
  GStatBuf st;

  return g_stat (path ? path : name, &st) == 0 && st.st_dev == file->st_dev
         && st.st_ino == file->st_ino;
}

int
program_end (gboolean ok, const GError *error)
{
  if (error)
    program_say ("%s", error->message);
  failed = !ok;
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
program_usage (const GError *error)
{
  program_end (FALSE, error);
  return EXIT_USAGE;
}

gboolean
program_print_line (const char *line, GError **error)
{
  if (puts (line) >= 0 && fflush (stdout) == 0)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "standard output: %s",
      g_strerror (errno));
  return FALSE;
}

gboolean
program_print (const char *text, GError **error)
{
  g_autofree char *line = owl2_printable (text);

  return program_print_line (line, error);
}
