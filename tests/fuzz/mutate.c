/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Damages real files a few thousand times, always in the same way, and gives
 * them to the readers.
 *
 *   mutate [--seed=N] [--rounds=N] TARGET FILE...   damaged copies of FILEs
 *   mutate --replay [--rounds=N] TARGET DIRECTORY   the files of DIRECTORY, and
 *                                                   N damaged copies of each
 *   mutate [--seed=N] [--rounds=N] directory DIR    a whole checkpoint
 *   mutate .. --base=BASE directory DIR   an adapter, merged into the whole
 * BASE
 *
 * When a target crashes, the input is written to a file and named. */
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "convert.h"
#include "targets.h"

/* Sanitizers take over some signals and call this instead. */
void __sanitizer_set_death_callback (void (*callback) (void))
    __attribute__ ((weak));

/* The input being looked at, for the crash handler. */
static struct {
  const char *target;
  const guint8 *data;
  gsize size;
  guint round;
  guint64 seed;
} current;

static void
report_crash (void)
{
  char name[128];
  FILE *f;

  g_snprintf (
      name, sizeof (name), "crash-%s-%u", current.target, current.round);
  fprintf (stderr, "mutate: target %s, seed %" G_GUINT64_FORMAT ", round %u\n",
      current.target, current.seed, current.round);
  if (current.data && (f = fopen (name, "wb"))) {
    fwrite (current.data, 1, current.size, f);
    fclose (f);
    fprintf (stderr, "mutate: the input is in ./%s\n", name);
  }
}

static void
on_signal (int number)
{
  report_crash ();
  signal (number, SIG_DFL);
  raise (number);
}

static void
watch_crashes (void)
{
  static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

  if (__sanitizer_set_death_callback) {
    __sanitizer_set_death_callback (report_crash);
    signal (SIGABRT, on_signal); /* assertions */
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    signal (signals[i], on_signal);
  /* Allocations must be justified by the file. Sanitizers have options for
   * this, and need much address space. */
  setrlimit (RLIMIT_AS, &(struct rlimit){ 1u << 30, 1u << 30 });
}

/* ---- damage ----------------------------------------------------------- */

/* Mostly near an end: there are the headers and directories. */
static gsize
choose_place (GRand *rand, gsize size)
{
  gsize window = MIN (size, 16384);

  switch (g_rand_int_range (rand, 0, 5)) {
    case 0:
      return (gsize) (g_rand_double (rand) * (double) size);
    case 1:
    case 2:
      return (gsize) (g_rand_double (rand) * (double) window);
    default:
      return size - 1 - (gsize) (g_rand_double (rand) * (double) window);
  }
}

static const guint64 numbers[] = { 0, 1, 2, 3, 7, 31, 32, 33, 127, 128, 255,
  256, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
  0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe,
  0xffffffffffffffff };

/* One change; @size may shrink, but never to nothing. */
static void
damage (GRand *rand, guint8 *data, gsize *size)
{
  gsize at = choose_place (rand, *size), n, from;
  guint64 number;

  switch (g_rand_int_range (rand, 0, 8)) {
    case 0: /* the end is missing */
      *size = MAX (at, 1);
      break;
    case 1:
      data[at] = (guint8) g_rand_int_range (rand, 0, 256);
      break;
    case 2: /* a number of 1 to 8 bytes */
      number = numbers[g_rand_int_range (rand, 0, G_N_ELEMENTS (numbers))];
      n = (gsize) 1 << g_rand_int_range (rand, 0, 4);
      memcpy (data + at, &number, MIN (n, *size - at));
      break;
    case 3: /* a piece of the file on another place */
      n = (gsize) g_rand_int_range (rand, 1, 64);
      n = MIN (n, *size - at);
      from = (gsize) (g_rand_double (rand) * (double) (*size - n));
      memmove (data + at, data + from, n);
      break;
    case 4: /* some bytes are missing */
      n = (gsize) g_rand_int_range (rand, 1, 64);
      n = MIN (n, *size - at);
      if (n < *size) {
        memmove (data + at, data + at + n, *size - at - n);
        *size -= n;
      }
      break;
    default:
      data[at] ^= (guint8) (1 << g_rand_int_range (rand, 0, 8));
      break;
  }
}

/* (transfer full): a copy with one to four changes. Its size is exact, so that
 * a sanitizer sees reads behind it. */
static guint8 *
damaged_copy (GRand *rand, const guint8 *data, gsize *size)
{
  guint8 *copy = g_memdup2 (data, *size);

  for (gint n = g_rand_int_range (rand, 1, 5); n > 0; n--)
    damage (rand, copy, size);
  return g_realloc (copy, *size);
}

/* ---- modes ------------------------------------------------------------ */

static void
run_file (
    const FuzzTarget *target, const char *path, guint rounds, guint64 seed)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) seed);
  gsize whole;

  if (!g_file_get_contents (path, &text, &whole, &error) || whole == 0)
    g_error ("%s: %s", path, error ? error->message : "empty");
  for (guint i = 0; i < rounds; i++) {
    gsize size = whole;
    g_autofree guint8 *copy = damaged_copy (rand, (const guint8 *) text, &size);

    current.data = copy;
    current.size = size;
    current.round = i;
    fuzz_run (target, copy, size);
    current.data = NULL;
  }
  printf ("# %s: %u damaged copies, seed %" G_GUINT64_FORMAT "\n", path, rounds,
      seed);
}

static void
replay (const FuzzTarget *target, const char *dir, guint rounds, guint64 seed)
{
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);
  const char *name;
  guint n = 0;

  while (listing && (name = g_dir_read_name (listing))) {
    g_autofree char *path = g_build_filename (dir, name, NULL);
    g_autofree char *text = NULL;
    g_autofree guint8 *copy = NULL;
    gsize size;

    if (!g_file_get_contents (path, &text, &size, NULL))
      g_error ("%s: can't be read", path);
    copy = g_memdup2 (text, size);
    printf ("# %s\n", path);
    fflush (stdout);
    current.data = copy;
    current.size = size;
    fuzz_run (target, copy, size);
    if (rounds > 0)
      run_file (target, path, rounds, seed);
    n++;
  }
  if (n == 0)
    g_error ("%s: no seeds", dir);
}

/* Files of @dir as links in @copy. */
static GPtrArray *
link_files (const char *dir, const char *copy)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);
  const char *name;

  while (listing && (name = g_dir_read_name (listing))) {
    g_autofree char *from = g_build_filename (dir, name, NULL);
    g_autofree char *to = g_build_filename (copy, name, NULL);

    if (symlink (from, to) != 0)
      g_error ("%s: can't be linked", to);
    g_ptr_array_add (names, g_strdup (name));
  }
  return names;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* One file of a whole checkpoint, or of an adapter to @base, is damaged, then
 * it is converted. */
static void
run_directory (const char *dir, const char *base, guint rounds, guint64 seed)
{
  g_autofree char *copy = g_dir_make_tmp ("owl2-mutate-XXXXXX", NULL);
  g_autofree char *out = g_build_filename (copy, "out.gguf", NULL);
  g_autoptr (GPtrArray) names = link_files (dir, copy);
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) seed);
  guint n_good = 0;

  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < rounds; i++) {
    const char *name = g_ptr_array_index (names, i % names->len);
    g_autofree char *from = g_build_filename (dir, name, NULL);
    g_autofree char *to = g_build_filename (copy, name, NULL);
    g_autofree char *text = NULL;
    g_autofree guint8 *data = NULL;
    g_autoptr (GError) error = NULL;
    ConvertOptions options = { .dir = base ? base : copy,
      .adapters = base ? (const char *const[]){ copy, NULL } : NULL,
      .out = out,
      .type = i % 2 ? OWL2_TYPE_F16 : OWL2_TYPE_Q8_0,
      .n_threads = 2 };
    ConvertSummary summary;
    gboolean ok;
    gsize size;

    g_assert_true (g_file_get_contents (from, &text, &size, NULL));
    data = damaged_copy (rand, (const guint8 *) text, &size);
    g_unlink (to);
    g_assert_true (
        g_file_set_contents (to, (const char *) data, (gssize) size, NULL));
    current.data = data;
    current.size = size;
    current.round = i;
    ok = convert_run (&options, &summary, &error);
    current.data = NULL;
    fuzz_check (ok, error, ok ? "" : copy);
    g_assert_cmpint (g_file_test (out, G_FILE_TEST_EXISTS), ==, ok);
    n_good += ok;
    g_unlink (out);
    g_unlink (to);
    g_assert_cmpint (symlink (from, to), ==, 0);
  }
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path =
        g_build_filename (copy, g_ptr_array_index (names, i), NULL);

    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (copy), ==, 0); /* nothing else is left */
  printf ("# %s: %u damaged checkpoints, %u converted all the same\n", dir,
      rounds, n_good);
}

int
main (int argc, char **argv)
{
  gint rounds = -1;
  gint64 seed = 20260101;
  gboolean replaying = FALSE;
  g_autofree char *base = NULL;
  const GOptionEntry entries[] = {
    { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "Damaged copies a file", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Other damage", "N" },
    { "base", 0, 0, G_OPTION_ARG_FILENAME, &base, "Of an adapter", "DIR" },
    { "replay", 0, 0, G_OPTION_ARG_NONE, &replaying, "Seeds as they are",
        NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context =
      g_option_context_new ("TARGET FILE|DIRECTORY...");
  g_autoptr (GError) error = NULL;
  const FuzzTarget *target;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc < 3)
    g_error ("%s", error ? error->message : "a target and files are needed");
  current.target = argv[1];
  current.seed = (guint64) seed;
  watch_crashes ();
  target = fuzz_find (argv[1]);
  if (rounds < 0 && !replaying)
    rounds = 1000;
  for (int i = 2; i < argc; i++)
    if (strcmp (argv[1], "directory") == 0)
      run_directory (argv[i], base, (guint) rounds, (guint64) seed);
    else if (!target)
      g_error ("unknown target '%s'", argv[1]);
    else if (replaying)
      replay (target, argv[i], (guint) MAX (rounds, 0), (guint64) seed);
    else
      run_file (target, argv[i], (guint) rounds, (guint64) seed);
  return EXIT_SUCCESS;
}
