/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF files that change while they are read, or hold numbers as large as a
 * file can say: an error, never a signal, and never content of two kinds. */
#include "gguf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define SANITIZED 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define SANITIZED 1
#  endif
#endif

/* ---- files made by hand ----------------------------------------------- */

typedef struct {
  GByteArray *bytes;
  GArray *fields; /* gsize: where its numbers of 4 and 8 bytes are */
} File;

static void
put (File *f, const void *data, gsize n)
{
  g_byte_array_append (f->bytes, data, (guint) n);
}

static void
put_u32 (File *f, guint32 value)
{
  gsize at = f->bytes->len;

  g_array_append_val (f->fields, at);
  put (f, &value, 4);
}

static void
put_u64 (File *f, guint64 value)
{
  gsize at = f->bytes->len;

  g_array_append_val (f->fields, at);
  put (f, &value, 8);
}

static void
put_string (File *f, const char *text)
{
  put_u64 (f, strlen (text));
  put (f, text, strlen (text));
}

static File
begin (guint64 n_tensors, guint64 n_keys)
{
  File f = { g_byte_array_new (), g_array_new (FALSE, FALSE, sizeof (gsize)) };

  put (&f, "GGUF", 4);
  put_u32 (&f, 3);
  put_u64 (&f, n_tensors);
  put_u64 (&f, n_keys);
  return f;
}

static void
file_clear (File *f)
{
  g_byte_array_unref (f->bytes);
  g_array_unref (f->fields);
}

static void
file_write (const File *f, const char *path)
{
  int fd = g_open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (
      write (fd, f->bytes->data, f->bytes->len), ==, f->bytes->len);
  close (fd);
}

static void
put_tensor (File *f, const char *name, guint64 n, guint64 offset)
{
  put_string (f, name);
  put_u32 (f, 1);
  put_u64 (f, n);
  put_u32 (f, OWL2_TYPE_F32);
  put_u64 (f, offset);
}

/* Two tensors of 1024 numbers, of one byte value each. */
static File
small_file (void)
{
  File f = begin (2, 1);
  g_autofree guint8 *data = g_malloc (8192);

  put_string (&f, "k");
  put_u32 (&f, 8);
  put_string (&f, "a value");
  put_tensor (&f, "a", 1024, 0);
  put_tensor (&f, "b", 1024, 4096);
  while (f.bytes->len % 32)
    put (&f, "", 1);
  memset (data, 1, 4096);
  memset (data + 4096, 2, 4096);
  put (&f, data, 8192);
  return f;
}

typedef struct {
  char *dir, *path;
} Folder;

static Folder
folder_new (void)
{
  Folder f = { g_dir_make_tmp ("owl2-changes-XXXXXX", NULL), NULL };

  f.path = g_build_filename (f.dir, "m.gguf", NULL);
  return f;
}

static void
folder_clear (Folder *f)
{
  g_unlink (f->path);
  g_rmdir (f->dir);
  g_free (f->path);
  g_free (f->dir);
}

/* ---- numbers that change while they are read -------------------------- */

typedef struct {
  guint8 *map;
  const File *file;
  gint at;   /* atomic: which number of the file */
  gint stop; /* atomic */
} Flipper;

/* Numbers of every size, one after the other, each put right again at once. In
 * words of 4 bytes, as no smaller fields are there. */
static gpointer
flip (gpointer user_data)
{
  Flipper *f = user_data;
  static const guint32 values[] = { 0, 200000, 7, G_MAXINT32, 4096, 250000,
    G_MAXUINT32, 1 };
  guint32 value;

  for (guint i = 0; !g_atomic_int_get (&f->stop); i++) {
    gsize at = (gsize) g_atomic_int_get (&f->at);

    value = values[i % G_N_ELEMENTS (values)];
    memcpy (f->map + at, &value, 4);
    memcpy (&value, f->file->bytes->data + at, 4);
    for (volatile guint wait = 0; wait < 100; wait++)
      ;
    memcpy (f->map + at, &value, 4);
    for (volatile guint wait = 0; wait < 100; wait++)
      ;
  }
  return NULL;
}

static File
large_file (guint n_strings)
{
  File f = begin (2, 5);
  g_autofree char *tail = g_strnfill (300000, 'x');

  put_string (&f, "strings");
  put_u32 (&f, 9);
  put_u32 (&f, 8);
  put_u64 (&f, n_strings);
  for (guint i = 0; i < n_strings; i++)
    put_string (&f, "abcdefgh");
  put_string (&f, "numbers");
  put_u32 (&f, 9);
  put_u32 (&f, 6);
  put_u64 (&f, 4);
  put (&f, "0123456789abcdef", 16);
  put_string (&f, "bools");
  put_u32 (&f, 9);
  put_u32 (&f, 7);
  put_u64 (&f, 3);
  put (&f, "\0\1\1", 3);
  put_string (&f, "text");
  put_u32 (&f, 8);
  put_string (&f, "some text");
  put_string (&f, "tail");
  put_u32 (&f, 8);
  put_string (&f, tail);
  put_tensor (&f, "a", 8, 0);
  put_tensor (&f, "b", 8, 32);
  while (f.bytes->len % 32)
    put (&f, "", 1);
  put (&f, tail, 64);
  return f;
}

static guint sink; /* keeps reads alive */

/* Everything that it hands out lies in its own memory. */
static void
use_all (const Owl2Gguf *gguf)
{
  const char *const *strings, *text;
  const float *numbers;
  guint n;

  if (owl2_gguf_strings (gguf, "strings", &strings, &n, NULL))
    for (guint i = 0; i < n; i++)
      g_assert_cmpuint (strlen (strings[i]), <, 1 << 20);
  if (owl2_gguf_f32s (gguf, "numbers", &numbers, &n, NULL))
    for (guint i = 0; i < n; i++)
      sink += numbers[i] > 0;
  if (owl2_gguf_string (gguf, "tail", &text, NULL))
    g_assert_cmpuint (strlen (text), <, 1 << 20);
  for (guint i = 0; i < owl2_gguf_n_tensors (gguf); i++) {
    const Owl2GgufTensor *t = owl2_gguf_tensor_at (gguf, i);
    guint8 byte;

    g_assert_true (owl2_gguf_read (gguf, t, t->size_bytes - 1, &byte, 1, NULL));
  }
}

static void
open_while_flipped (const char *path, guint *n_opened, guint *n_refused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Gguf) gguf = owl2_gguf_open (path, &error);

  g_assert_true ((gguf != NULL) == (error == NULL));
  if (gguf) {
    use_all (gguf);
    ++*n_opened;
    return;
  }
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_true (g_str_has_prefix (error->message, path));
  ++*n_refused;
}

/* Writes through a shared mapping: the system does not tell of them, so here
 * the reader alone keeps what is checked and what is used the same. */
static void
test_flipped_numbers (void)
{
  Folder folder = folder_new ();
  File file = large_file (20000);
  Flipper flipper = { .file = &file };
  guint n_opened = 0, n_refused = 0, n = file.fields->len;
  GThread *thread;
  int fd;

  file_write (&file, folder.path);
  fd = g_open (folder.path, O_RDWR, 0);
  flipper.map =
      mmap (NULL, file.bytes->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true (flipper.map != MAP_FAILED);
  /* The first write to a page gives the file its last time; then it rests until
   * it is read without a wait. */
  for (gsize i = 0; i < file.bytes->len; i += 4096)
    ((volatile guint8 *) flipper.map)[i] = file.bytes->data[i];
  g_usleep (2100 * 1000);

  flipper.at = (gint) g_array_index (file.fields, gsize, n - 1);
  thread = g_thread_new ("flip", flip, &flipper);
  /* The first numbers, strings before the end, and all that comes after. */
  for (guint i = 0; i < n; i = i == 8 ? n - 40 : i + 1) {
    gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC / 10;

    g_atomic_int_set (
        &flipper.at, (gint) g_array_index (file.fields, gsize, i));
    while (g_get_monotonic_time () < end)
      open_while_flipped (folder.path, &n_opened, &n_refused);
  }
  g_atomic_int_set (&flipper.stop, 1);
  g_thread_join (thread);
  g_test_message ("%u opened, %u refused", n_opened, n_refused);
  g_assert_cmpuint (n_refused, >, 3);
  munmap (flipper.map, file.bytes->len);
  close (fd);
  file_clear (&file);
  folder_clear (&folder);
}

static gpointer
write_again (gpointer user_data)
{
  Flipper *f = user_data;
  int fd = GPOINTER_TO_INT (f->map);

  while (!g_atomic_int_get (&f->stop))
    if (pwrite (fd, f->file->bytes->data + 8, 8, 8) != 8)
      break;
  return NULL;
}

/* What is in the making is said to be. */
static void
test_written_to (void)
{
  Folder folder = folder_new ();
  File file = small_file ();
  Flipper flipper = { .file = &file };
  gboolean said = FALSE;
  GThread *thread;
  int fd;

  file_write (&file, folder.path);
  fd = g_open (folder.path, O_RDWR, 0);
  flipper.map = GINT_TO_POINTER (fd);
  thread = g_thread_new ("write", write_again, &flipper);
  /* On a busy machine the writer may rest for longer than it is watched. */
  for (guint i = 0; i < 100 && !said; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Gguf) gguf = owl2_gguf_open (folder.path, &error);

    if (gguf)
      continue;
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    said = strstr (error->message, "still being written to") != NULL;
  }
  g_assert_true (said);
  g_atomic_int_set (&flipper.stop, 1);
  g_thread_join (thread);
  close (fd);
  file_clear (&file);
  folder_clear (&folder);
}

/* Many systems note times in steps of some milliseconds, so a file must be
 * older than that when it is looked at, or a later write may leave no trace. */
static void
test_settled (void)
{
  Folder folder = folder_new ();
  File file = small_file ();
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Gguf) gguf = NULL;
  gint64 written, opened;

  written = g_get_monotonic_time ();
  file_write (&file, folder.path);
  gguf = owl2_gguf_open (folder.path, &error);
  opened = g_get_monotonic_time ();
  g_assert_no_error (error);
  g_assert_cmpint (opened - written, >=, 15000);
  file_clear (&file);
  folder_clear (&folder);
}

/* ---- data that changes before it is read ------------------------------ */

typedef enum {
  WRITE_BYTE,
  APPEND,
  CUT,
  CUT_TO_NOTHING,
  OVERWRITE,         /* as cp does: cut, then written at the same length */
  OVERWRITE_IN_TIME, /* and given its old time again */
  RENAME,
  REMOVE,
  N_CHANGES,
} Change;

static void
change_file (const char *path, const File *file, Change change)
{
  g_autofree char *other = g_strconcat (path, ".new", NULL);
  g_autofree guint8 *data = g_malloc (file->bytes->len);
  GStatBuf st;
  int fd = g_open (path, O_RDWR | (change == APPEND ? O_APPEND : 0), 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  memset (data, 9, file->bytes->len);
  switch (change) {
    case WRITE_BYTE:
      g_assert_cmpint (pwrite (fd, "\3", 1, file->bytes->len - 1), ==, 1);
      break;
    case APPEND:
      g_assert_cmpint (write (fd, "", 1), ==, 1);
      break;
    case CUT:
    case CUT_TO_NOTHING:
      g_assert_cmpint (
          ftruncate (fd, change == CUT ? st.st_size - 5000 : 0), ==, 0);
      break;
    case OVERWRITE:
    case OVERWRITE_IN_TIME:
      g_assert_cmpint (ftruncate (fd, 0), ==, 0);
      g_assert_cmpint (write (fd, data, st.st_size), ==, st.st_size);
      if (change == OVERWRITE_IN_TIME)
        g_assert_cmpint (
            futimens (fd, (struct timespec[]){ st.st_atim, st.st_mtim }), ==,
            0);
      break;
    case RENAME:
      g_assert_true (g_file_set_contents (
          other, (const char *) data, file->bytes->len, NULL));
      g_assert_cmpint (g_rename (other, path), ==, 0);
      break;
    default:
      g_assert_cmpint (g_unlink (path), ==, 0);
      break;
  }
  close (fd);
}

/* Right after the opening, when the system's clock has most likely not moved
 * on since the file was made. */
static void
test_changed_data (void)
{
  for (guint change = 0; change < N_CHANGES; change++)
    for (guint i = 0; i < 12; i++) {
      Folder folder = folder_new ();
      File file = small_file ();
      g_autoptr (GError) error = NULL;
      g_autoptr (Owl2Gguf) gguf = NULL;
      const Owl2GgufTensor *t;
      guint8 data[4096], twos[4096];
      gboolean ok;

      file_write (&file, folder.path);
      gguf = owl2_gguf_open (folder.path, &error);
      g_assert_no_error (error);
      g_assert_true (owl2_gguf_check (gguf, &error));
      change_file (folder.path, &file, (Change) change);
      t = owl2_gguf_tensor (gguf, "b");
      ok = owl2_gguf_read (gguf, t, 0, data, sizeof data, &error);
      if (change == CUT || change == CUT_TO_NOTHING) {
        g_assert_false (ok);
        g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
        g_assert_true (g_str_has_prefix (error->message, folder.path));
        g_assert_nonnull (strstr (error->message, "tensor 'b' at byte"));
        g_assert_nonnull (strstr (error->message, "needs 4096 bytes"));
        g_clear_error (&error);
      } else {
        g_assert_true (ok);
      }
      ok = owl2_gguf_check (gguf, &error);
      if (change == RENAME || change == REMOVE) {
        memset (twos, 2, sizeof twos);
        g_assert_no_error (error);
        g_assert_true (ok);
        g_assert_cmpmem (data, sizeof data, twos, sizeof twos);
      } else {
        g_assert_false (ok);
        g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
        g_assert_nonnull (strstr (error->message, "changed while it was"));
      }
      /* A mapping would show it as well, and is not had of another length. */
      g_clear_error (&error);
      ok = owl2_gguf_map (gguf, &error);
      g_assert_true (
          ok
          == (change != APPEND && change != CUT && change != CUT_TO_NOTHING));
      file_clear (&file);
      folder_clear (&folder);
    }
}

/* ---- sizes ------------------------------------------------------------ */

/* A file whose last value, @type with @count of it, goes on in a hole, up to
 * @size bytes. */
static void
write_sparse (const char *path, guint32 type, guint64 count, guint64 size)
{
  File f = begin (0, 1);

  put_string (&f, "big");
  put_u32 (&f, type == 8 ? 8 : 9);
  if (type != 8)
    put_u32 (&f, type & 0xff);
  put_u64 (&f, count);
  file_write (&f, path);
  g_assert_cmpint (truncate (path, size), ==, 0);
  file_clear (&f);
}

#define ARRAY_OF 0x100u
#define GIB (G_GUINT64_CONSTANT (1) << 30)

/* A file can say and have any size without taking that much of a disk. */
static void
test_huge_header (void)
{
  const struct {
    guint32 type;
    guint64 count, size;
    const char *text;
  } files[] = {
    { 8, 40 * GIB, 41 * GIB, "may have 268435456 bytes in all" },
    { 8, 40 * GIB, 39 * GIB, "file ends at" },
    { 8, G_MAXINT64, 41 * GIB, "file ends at" },
    { ARRAY_OF | 8, GIB, 41 * GIB, "does not fit" },
    { ARRAY_OF | 8, G_MAXUINT64, 41 * GIB, "does not fit" },
    { ARRAY_OF | 6, GIB, 41 * GIB, "does not fit" },
    { ARRAY_OF | 0, GIB, 41 * GIB, "does not fit" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    Folder folder = folder_new ();
    g_autoptr (GError) error = NULL;

    write_sparse (folder.path, files[i].type, files[i].count, files[i].size);
    g_assert_null (owl2_gguf_open (folder.path, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    g_assert_nonnull (strstr (error->message, "big"));
    if (!strstr (error->message, files[i].text))
      g_error ("'%s' is not in: %s", files[i].text, error->message);
    folder_clear (&folder);
  }
}

/* What a process can't have is an error of a file's reader, not an abort. */
static void
test_no_memory (void)
{
#ifdef SANITIZED
  g_test_skip ("sanitizers need all the address space there is");
#else
  static const guint32 types[] = { 8, ARRAY_OF | 8, ARRAY_OF | 6,
    ARRAY_OF | 5 };
  g_autofree char *statm = NULL;
  struct rlimit before, limit;
  guint64 pages;

  g_assert_cmpint (getrlimit (RLIMIT_AS, &before), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    Folder folder = folder_new ();
    g_autoptr (GError) error = NULL;
    Owl2Gguf *gguf;

    write_sparse (folder.path, types[i],
        types[i] == 8 ? 200u << 20 : (200u << 20) / 8, GIB);
    g_clear_pointer (&statm, g_free);
    g_assert_true (
        g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL));
    pages = g_ascii_strtoull (statm, NULL, 10);
    limit = before;
    limit.rlim_cur = pages * (gsize) sysconf (_SC_PAGESIZE) + (32 << 20);
    g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
    gguf = owl2_gguf_open (folder.path, &error);
    setrlimit (RLIMIT_AS, &before);
    g_assert_null (gguf);
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY);
    g_assert_nonnull (strstr (error->message, "big: no memory for"));
    folder_clear (&folder);
  }
#endif
}

/* ---- what is no file of this kind ------------------------------------- */

static void
test_other_files (void)
{
  static const char pointer[] =
      "version https://git-lfs.github.com/spec/v1\n"
      "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e"
      "2393\nsize 8123456789\n";
  Folder folder = folder_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (folder.path, pointer, -1, NULL));
  g_assert_null (owl2_gguf_open (folder.path, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_nonnull (strstr (error->message, "Git LFS pointer"));
  g_assert_null (strchr (error->message, '\n'));
  g_clear_error (&error);
  g_unlink (folder.path);
  g_assert_cmpint (mkfifo (folder.path, 0600), ==, 0);
  g_assert_null (owl2_gguf_open (folder.path, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_nonnull (strstr (error->message, "not a regular file"));
  folder_clear (&folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/changes/flipped-numbers", test_flipped_numbers);
  g_test_add_func ("/file/changes/written-to", test_written_to);
  g_test_add_func ("/file/changes/settled", test_settled);
  g_test_add_func ("/file/changes/data", test_changed_data);
  g_test_add_func ("/file/changes/huge-header", test_huge_header);
  g_test_add_func ("/file/changes/no-memory", test_no_memory);
  g_test_add_func ("/file/changes/other-files", test_other_files);
  return g_test_run ();
}
