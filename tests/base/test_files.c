/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing of files: what is no regular file, what changes while it
 * is read, and names that belong to somebody else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "input.h"
#include "output.h"

/* The linker's --wrap: without /proc, a file can't get a name later. */
static gboolean no_proc;

int __real_access (const char *path, int mode);
int __wrap_access (const char *path, int mode);

int
__wrap_access (const char *path, int mode)
{
  if (no_proc && g_str_has_prefix (path, "/proc/self/fd/")) {
    errno = ENOENT;
    return -1;
  }
  return __real_access (path, mode);
}

typedef struct {
  char *dir, *path;
} Place;

static void
place_init (Place *p, gconstpointer data)
{
  p->dir = g_dir_make_tmp ("owl2-files-XXXXXX", NULL);
  p->path = g_build_filename (p->dir, "file", NULL);
}

static void
place_clear (Place *p, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (p->dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (p->dir, name, NULL);

    g_assert_cmpint (g_remove (path), ==, 0);
  }
  g_assert_cmpint (g_rmdir (p->dir), ==, 0);
  g_free (p->path);
  g_free (p->dir);
}

static void
put (const char *path, const char *text)
{
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
assert_text (const char *path, const char *wanted)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, wanted);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The names in the folder, sorted, with blanks between. */
static void
assert_names (const Place *p, const char *wanted)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (p->dir, 0, NULL);
  g_autofree char *joined = NULL;
  const char *name;

  while ((name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  joined = g_strjoinv (" ", (char **) names->pdata);
  g_assert_cmpstr (joined, ==, wanted);
}

/* Makes @path something that is no regular file. */
static const char *const kinds[] = { "a FIFO", "a directory", "a socket",
  "a device" };

static void
make_kind (const char *path, const char *kind)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (strcmp (kind, "a FIFO") == 0) {
    g_assert_cmpint (mkfifo (path, 0666), ==, 0);
  } else if (strcmp (kind, "a directory") == 0) {
    g_assert_cmpint (g_mkdir (path, 0777), ==, 0);
  } else if (strcmp (kind, "a device") == 0) {
    g_assert_cmpint (symlink ("/dev/zero", path), ==, 0);
  } else {
    int fd = socket (AF_UNIX, SOCK_STREAM, 0);

    g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
    strcpy (address.sun_path, path);
    g_assert_cmpint (
        bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
    close (fd);
  }
}

/* ---- reading ---------------------------------------------------------- */

static void
refuse_open (const char *path, const char *wanted)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (owl2_input_open (path, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_nonnull (strstr (error->message, wanted));
}

static void
test_kinds (Place *p, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    make_kind (p->path, kinds[i]);
    refuse_open (p->path, kinds[i]);
    refuse_open (p->path, "not a regular file");
    g_assert_cmpint (g_remove (p->path), ==, 0);
  }
  refuse_open (p->path, "No such file");
  g_assert_cmpint (symlink ("nothing", p->path), ==, 0);
  refuse_open (p->path, "No such file");
}

/* A writer that waits for a reader is not woken only to be killed. */
static void
test_fifo_left_alone (Place *p, gconstpointer data)
{
  pid_t child;
  int status;

  g_assert_cmpint (mkfifo (p->path, 0666), ==, 0);
  child = fork ();
  if (child == 0) {
    alarm (20);
    _exit (open (p->path, O_WRONLY) < 0);
  }
  g_usleep (100000);
  refuse_open (p->path, "a FIFO");
  g_usleep (100000);
  g_assert_cmpint (waitpid (child, &status, WNOHANG), ==, 0);
  kill (child, SIGKILL);
  waitpid (child, &status, 0);
}

static void
test_lfs (Place *p, gconstpointer data)
{
  static const char head[] = "version https://git-lfs.github.com/spec/v1\n"
                             "oid sha256:00000000000000000000000000000000"
                             "00000000000000000000000000000000\n";
  g_autofree char *text = g_strconcat (head, "size 574207\n", NULL);
  g_autofree char *bare = g_strconcat (head, "size 574207", NULL);
  g_autofree char *more = g_strnfill (2000, 'x');
  g_autofree char *longer = g_strconcat (head, more, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Input) in = NULL;

  put (p->path, text);
  refuse_open (p->path, "a Git LFS pointer, not the file itself");
  refuse_open (p->path, "574207 bytes");
  put (p->path, bare);
  refuse_open (p->path, "574207 bytes");
  put (p->path, head);
  refuse_open (p->path, "a Git LFS pointer, not the file itself;");
  put (p->path, longer);
  in = owl2_input_open (p->path, &error);
  g_assert_no_error (error);
}

/* An input that is settled, of a file that was written just now. */
static Owl2Input *
open_settled (const char *path, const char *text)
{
  g_autoptr (GError) error = NULL;
  Owl2Input *in;

  put (path, text);
  in = owl2_input_open (path, &error);
  g_assert_no_error (error);
  g_assert_true (owl2_input_settle (in, &error));
  g_assert_no_error (error);
  return in;
}

/* Whatever comes after has a later stamp than the file. */
static void
test_settled (Place *p, gconstpointer data)
{
  for (guint i = 0; i < 50; i++) {
    g_autoptr (Owl2Input) in = open_settled (p->path, "0123456789");
    struct timespec now;
    struct stat st;

    clock_gettime (CLOCK_REALTIME_COARSE, &now);
    g_assert_cmpuint (owl2_input_size (in), ==, 10);
    g_assert_cmpint (stat (p->path, &st), ==, 0);
    g_assert_true (now.tv_sec > st.st_ctim.tv_sec
                   || (now.tv_sec == st.st_ctim.tv_sec
                       && now.tv_nsec > st.st_ctim.tv_nsec));
  }
}

static void
overwrite (const char *path)
{
  int fd = open (path, O_WRONLY);

  g_assert_cmpint (write (fd, "abcdefghij", 10), ==, 10);
  close (fd);
}

/* Same length, and the time of writing set back, as cp -p does. */
static void
overwrite_and_set_back (const char *path)
{
  struct stat st;

  g_assert_cmpint (stat (path, &st), ==, 0);
  overwrite (path);
  g_assert_cmpint (utimensat (AT_FDCWD, path,
                       (struct timespec[]){ st.st_atim, st.st_mtim }, 0),
      ==, 0);
}

static void
grow (const char *path)
{
  g_assert_cmpint (truncate (path, 11), ==, 0);
}

static void
cut (const char *path)
{
  g_assert_cmpint (truncate (path, 4), ==, 0);
}

static void
replace (const char *path)
{
  put (path, "another");
}

static void
test_changes (Place *p, gconstpointer data)
{
  void (*const changes[]) (
      const char *) = { overwrite, overwrite_and_set_back, grow, cut, replace };

  for (guint i = 0; i < 20 * G_N_ELEMENTS (changes); i++) {
    g_autoptr (Owl2Input) in = open_settled (p->path, "0123456789");
    g_autoptr (GError) error = NULL;

    g_assert_true (owl2_input_check (in, &error));
    changes[i % G_N_ELEMENTS (changes)](p->path);
    g_assert_false (owl2_input_check (in, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    g_assert_true (g_str_has_prefix (error->message, p->path));
    g_assert_nonnull (strstr (error->message, "was 10 bytes"));
  }
}

static void
test_cut_while_read (Place *p, gconstpointer data)
{
  g_autoptr (Owl2Input) in = open_settled (p->path, "0123456789");
  g_autoptr (GError) error = NULL;
  char bytes[10];

  cut (p->path);
  g_assert_true (owl2_input_read (in, 0, bytes, 4, &error));
  g_assert_false (owl2_input_read (in, 0, bytes, 10, &error));
  g_assert_nonnull (strstr (error->message, "was 10 bytes"));
  g_assert_nonnull (strstr (error->message, "is 4 bytes"));
  g_clear_error (&error);
  g_assert_false (owl2_input_read (in, 3, bytes, 8, &error));
  g_assert_nonnull (strstr (error->message, "the file ends at 10"));
  g_clear_error (&error);
  g_assert_false (owl2_input_read (in, G_MAXUINT64, bytes, 1, &error));
  g_clear_error (&error);
  g_assert_null (owl2_input_copy (in, 0, 9, 8, "the head", &error));
  g_assert_nonnull (strstr (error->message, "the head has 9 bytes"));
}

/* ---- writing ---------------------------------------------------------- */

/* @n_bytes of @text written, and finished. */
static gboolean
write_out (const char *path, const char *text, GError **error)
{
  g_autoptr (Owl2Output) out = owl2_output_new (path, error);

  if (!out)
    return FALSE;
  g_assert_cmpint (fputs (text, owl2_output_file (out)), >=, 0);
  return owl2_output_finish (out, TRUE, error);
}

static void
test_new (Place *p, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  mode_t mask = umask (0027);
  struct stat st;

  g_assert_true (write_out (p->path, "one", &error));
  umask (mask);
  g_assert_no_error (error);
  assert_text (p->path, "one");
  g_assert_cmpint (stat (p->path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0640);
  g_assert_true (write_out (p->path, "two", &error));
  assert_text (p->path, "two");
  assert_names (p, "file");
}

/* What is not finished was never there. */
static void
test_left (Place *p, gconstpointer data)
{
  Owl2Output *out;

  put (p->path, "old");
  out = owl2_output_new (p->path, NULL);
  g_assert_cmpint (fputs ("new", owl2_output_file (out)), >=, 0);
  owl2_output_free (out);
  assert_text (p->path, "old");
  assert_names (p, "file");
}

/* Other names of what is replaced keep their bytes. */
static void
test_links (Place *p, gconstpointer data)
{
  g_autofree char *other = g_build_filename (p->dir, "other", NULL);
  g_autoptr (GError) error = NULL;
  struct stat st;

  put (other, "theirs");
  g_assert_cmpint (link (other, p->path), ==, 0);
  g_assert_true (write_out (p->path, "mine", &error));
  assert_text (p->path, "mine");
  assert_text (other, "theirs");
  g_unlink (p->path);
  g_assert_cmpint (symlink ("other", p->path), ==, 0);
  g_assert_true (write_out (p->path, "mine", &error));
  assert_text (p->path, "mine");
  assert_text (other, "theirs");
  g_assert_cmpint (lstat (p->path, &st), ==, 0);
  g_assert_true (S_ISREG (st.st_mode));
  g_unlink (p->path);
  g_unlink (other);
  g_assert_cmpint (symlink ("other", p->path), ==, 0); /* to nothing */
  g_assert_true (write_out (p->path, "mine", &error));
  assert_names (p, "file");
}

static void
refuse_out (const char *path, const char *wanted)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (owl2_output_new (path, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, wanted));
}

static void
test_targets (Place *p, gconstpointer data)
{
  g_autofree char *slash = g_strconcat (p->path, "/", NULL);
  g_autofree char *below = g_build_filename (p->path, "below", NULL);
  g_autofree char *standard = g_build_filename (p->dir, "stdout", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    make_kind (p->path, kinds[i]);
    refuse_out (p->path, "exists and is not a regular file");
    refuse_out (p->path, kinds[i]);
    g_assert_cmpint (g_remove (p->path), ==, 0);
  }
  refuse_out ("", "names no file");
  refuse_out (slash, "names no file");
  refuse_out (below, "No such file");
  put (p->path, "x");
  refuse_out (below, "Not a directory");
  /* As /dev/stdout is, when it leads into a file. */
  g_assert_cmpint (symlink ("/proc/self/exe", standard), ==, 0);
  refuse_out (standard, "not a regular file");
  assert_names (p, "file stdout");
}

/* Whatever lies in the folder is not touched, hard link, link or FIFO. */
static void
test_strangers (Place *p, gconstpointer data)
{
  g_autofree char *part = g_strconcat (p->path, ".part", NULL);
  g_autofree char *theirs = g_build_filename (p->dir, "theirs", NULL);
  g_autoptr (GError) error = NULL;

  put (theirs, "theirs");
  for (guint i = 0; i < 3; i++) {
    if (i == 0)
      g_assert_cmpint (link (theirs, part), ==, 0);
    else if (i == 1)
      g_assert_cmpint (symlink ("theirs", part), ==, 0);
    else
      g_assert_cmpint (mkfifo (part, 0666), ==, 0);
    g_assert_true (write_out (p->path, "mine", &error));
    assert_text (p->path, "mine");
    assert_text (theirs, "theirs");
    g_assert_cmpint (g_unlink (part), ==, 0);
  }
}

/* Each whole; the last to finish has the name. */
static void
test_two (Place *p, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Output) a = owl2_output_new (p->path, &error);
  g_autoptr (Owl2Output) b = owl2_output_new (p->path, &error);

  for (guint i = 0; i < 1000; i++) {
    fputs ("a", owl2_output_file (a));
    fputs ("b", owl2_output_file (b));
  }
  g_assert_true (owl2_output_finish (b, FALSE, &error));
  g_assert_true (owl2_output_finish (a, FALSE, &error));
  {
    g_autofree char *wanted = g_strnfill (1000, 'a');

    assert_text (p->path, wanted);
  }
  assert_names (p, "file");
}

/* What many make alike: the first has the name, the rest take it as it is. */
static void
test_first (Place *p, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  for (guint named = 0; named < 2; named++) {
    no_proc = named;
    for (guint i = 0; i < 2; i++) {
      g_autoptr (Owl2Output) out = owl2_output_new (p->path, &error);

      fputs (i ? "second" : "first", owl2_output_file (out));
      g_assert_true (owl2_output_finish_first (out, &error));
      g_assert_no_error (error);
    }
    no_proc = FALSE;
    assert_text (p->path, "first");
    assert_names (p, "file");
    g_unlink (p->path);
  }
}

/* A disk that was full amid the writing and has room at the end. */
static void
test_lost (Place *p, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Output) out = NULL;
  g_autofree char *much = g_strnfill (100000, 'x');
  struct rlimit before, small;

  put (p->path, "old");
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = before;
  small.rlim_cur = 1000;
  out = owl2_output_new (p->path, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  fputs (much, owl2_output_file (out));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  fputs ("the rest", owl2_output_file (out));
  g_assert_false (owl2_output_finish (out, TRUE, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  assert_text (p->path, "old");
}

/* Others in the process write it by its path. */
static void
test_path (Place *p, gconstpointer data)
{
  for (guint named = 0; named < 2; named++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Output) out = NULL;
    g_autofree char *path = NULL;
    FILE *file;

    no_proc = named;
    out = owl2_output_new (p->path, &error);
    no_proc = FALSE;
    path = owl2_output_path (out);
    file = fopen (path, "w");
    fputs ("theirs", file);
    fclose (file);
    g_assert_true (owl2_output_finish (out, TRUE, &error));
    assert_text (p->path, "theirs");
    assert_names (p, "file");
  }
}

/* After SIGKILL: nothing, or one file that later writers pass by. */
static void
test_killed (Place *p, gconstpointer data)
{
  pid_t child = fork ();
  int status;

  if (child == 0) {
    Owl2Output *out = owl2_output_new (p->path, NULL);

    fputs ("half", owl2_output_file (out));
    fflush (owl2_output_file (out));
    raise (SIGKILL);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
  g_assert_false (g_file_test (p->path, G_FILE_TEST_EXISTS));
  g_assert_true (write_out (p->path, "whole", NULL));
  assert_text (p->path, "whole");
  if (!no_proc)
    assert_names (p, "file");
}

/* The way of file systems that have no files without a name. */
static void
test_named (Place *p, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Owl2Output *out;

  no_proc = TRUE;
  test_new (p, data);
  test_left (p, data);
  g_unlink (p->path);
  test_strangers (p, data);
  g_unlink (p->path);
  test_killed (p, data);
  no_proc = FALSE;
  /* Its name is taken in the folder of the file, and hidden. */
  no_proc = TRUE;
  out = owl2_output_new (p->path, &error);
  no_proc = FALSE;
  g_assert_no_error (error);
  {
    g_autoptr (GDir) dir = g_dir_open (p->dir, 0, NULL);
    guint n_parts = 0;
    const char *name;

    while ((name = g_dir_read_name (dir)))
      n_parts +=
          g_str_has_prefix (name, ".owl2-") && g_str_has_suffix (name, ".part");
    g_assert_cmpuint (n_parts, ==, 2); /* one of the killed writer */
  }
  owl2_output_free (out);
}

/* A folder such as /tmp, with another user's file under our name: told before
 * the work. */
static void
test_sticky (Place *p, gconstpointer data)
{
  pid_t child;
  int status;

  if (geteuid () != 0) {
    g_test_skip ("needs a second user");
    return;
  }
  put (p->path, "theirs");
  g_assert_cmpint (chmod (p->dir, 01777), ==, 0);
  child = fork ();
  if (child == 0) {
    if (setuid (65534) != 0)
      _exit (2);
    refuse_out (p->path, "another user's file");
    _exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  assert_text (p->path, "theirs");
}

#define ADD(name, func)                                                        \
  g_test_add (name, Place, NULL, place_init, func, place_clear)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/input/kinds", test_kinds);
  ADD ("/input/fifo-left-alone", test_fifo_left_alone);
  ADD ("/input/lfs", test_lfs);
  ADD ("/input/settled", test_settled);
  ADD ("/input/changes", test_changes);
  ADD ("/input/cut-while-read", test_cut_while_read);
  ADD ("/output/new", test_new);
  ADD ("/output/left", test_left);
  ADD ("/output/links", test_links);
  ADD ("/output/targets", test_targets);
  ADD ("/output/strangers", test_strangers);
  ADD ("/output/two", test_two);
  ADD ("/output/first", test_first);
  ADD ("/output/lost", test_lost);
  ADD ("/output/path", test_path);
  ADD ("/output/killed", test_killed);
  ADD ("/output/named", test_named);
  ADD ("/output/sticky", test_sticky);
  return g_test_run ();
}
