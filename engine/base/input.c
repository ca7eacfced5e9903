/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The kernel's clock for files moves in steps of 1 to 10 ms, so a write right
 * after a look at the times need not change them. A file whose times stay the
 * same for this long has new ones after any later write; where they have no
 * fraction, the file system keeps seconds, or every other one (FAT). */
#define SETTLE_US 20000u
#define SETTLE_COARSE_US 2000000u
/* So often it is looked at again, then it is said to be in the making. */
#define SETTLE_TRIES 5u
#define RECENT_NS (3 * G_GINT64_CONSTANT (1000000000))

/* A Git LFS pointer has less than 1024 bytes, by its specification. */
#define LFS_MAX_BYTES 1024u

struct _Owl2Input {
  gint ref_count; /* atomic */
  char *path;
  GBytes *bytes; /* NULL for a file */
  int fd;        /* -1 for memory */
  guint64 size;
  struct stat st;
};

static gboolean bad (const char *path, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
bad (const char *path, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s: %s", path, message);
  return FALSE;
}

const char *
owl2_input_kind (mode_t mode)
{
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a regular file";
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFLNK:
      return "a link";
    default:
      return "a device";
  }
}

Owl2Input *
owl2_input_ref (Owl2Input *in)
{
  g_atomic_int_inc (&in->ref_count);
  return in;
}

void
owl2_input_unref (Owl2Input *in)
{
  if (!in || !g_atomic_int_dec_and_test (&in->ref_count))
    return;
  if (in->fd >= 0)
    close (in->fd);
  g_clear_pointer (&in->bytes, g_bytes_unref);
  g_free (in->path);
  g_free (in);
}

static gboolean
check_kind (const char *path, const struct stat *st, GError **error)
{
  return S_ISREG (st->st_mode)
         || bad (path, error, "not a regular file, but %s",
             owl2_input_kind (st->st_mode));
}

/* Git leaves them in place of large files where LFS is not set up. */
static gboolean
refuse_lfs_pointer (const Owl2Input *in, GError **error)
{
  static const char magic[] = "version https://git-lfs.github.com/spec/";
  char text[LFS_MAX_BYTES + 1];
  g_autofree char *size = NULL;
  const char *line;

  if (in->size < sizeof magic || in->size >= LFS_MAX_BYTES)
    return TRUE;
  if (!owl2_input_read (in, 0, text, in->size, error))
    return FALSE;
  text[in->size] = '\0';
  if (!g_str_has_prefix (text, magic))
    return TRUE;
  line = strstr (text, "\nsize ");
  if (line)
    size = g_strdup_printf (", which has %" G_GUINT64_FORMAT " bytes",
        g_ascii_strtoull (line + 6, NULL, 10));
  return bad (in->path, error,
      "a Git LFS pointer, not the file itself%s; 'git lfs pull' fetches it",
      size ? size : "");
}

Owl2Input *
owl2_input_open (const char *path, GError **error)
{
  g_autoptr (Owl2Input) in = g_new0 (Owl2Input, 1);

  in->ref_count = 1;
  in->path = g_strdup (path);
  in->fd = -1;
  /* Looked at first, since opening alone does something to a FIFO (it wakes a
   * writer) and to some devices; again when it is open, since another may have
   * the name by then, for which opening must not wait. */
  if (stat (path, &in->st) == 0 && !check_kind (path, &in->st, error))
    return NULL;
  in->fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (in->fd < 0 || fstat (in->fd, &in->st) < 0) {
    bad (path, error, "can't be opened: %s", g_strerror (errno));
    return NULL;
  }
  if (!check_kind (path, &in->st, error))
    return NULL;
  in->size = (guint64) in->st.st_size;
  if (!refuse_lfs_pointer (in, error))
    return NULL;
  return g_steal_pointer (&in);
}

Owl2Input *
owl2_input_new (GBytes *bytes, const char *name)
{
  Owl2Input *in = g_new0 (Owl2Input, 1);

  in->ref_count = 1;
  in->path = g_strdup (name);
  in->bytes = g_bytes_ref (bytes);
  in->fd = -1;
  in->size = g_bytes_get_size (bytes);
  return in;
}

const struct stat *
owl2_input_stat (const Owl2Input *in)
{
  return &in->st;
}

const char *
owl2_input_path (const Owl2Input *in)
{
  return in->path;
}

guint64
owl2_input_size (const Owl2Input *in)
{
  return in->size;
}

/* (transfer full): size and time of the last change, which can't be set back
 * as the time of the last writing can. */
static char *
show_state (const struct stat *st)
{
  char day[32] = "?";
  struct tm tm;

  if (localtime_r (&st->st_ctim.tv_sec, &tm))
    strftime (day, sizeof day, "%Y-%m-%d %H:%M:%S", &tm);
  return g_strdup_printf ("%" G_GINT64_FORMAT " bytes, changed %s.%09ld",
      (gint64) st->st_size, day, st->st_ctim.tv_nsec);
}

static gboolean
has_changed (const Owl2Input *in, const struct stat *now, GError **error)
{
  g_autofree char *before = show_state (&in->st), *after = show_state (now);

  return bad (in->path, error, "has changed while it was read: was %s; is %s",
      before, after);
}

gboolean
owl2_input_is (const Owl2Input *in, const char *path)
{
  struct stat st;

  return in->fd >= 0 && stat (path, &st) == 0 && st.st_dev == in->st.st_dev
         && st.st_ino == in->st.st_ino;
}

/* ---- reading ---------------------------------------------------------- */

static gboolean
read_file (
    const Owl2Input *in, guint64 at, guint8 *out, gsize n, GError **error)
{
  struct stat now;

  while (n > 0) {
    gssize got = pread (in->fd, out, n, (off_t) at);

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return bad (in->path, error,
          "can't be read at byte %" G_GUINT64_FORMAT ": %s", at,
          g_strerror (errno));
    if (got == 0)
      return has_changed (
          in, fstat (in->fd, &now) == 0 ? &now : &in->st, error);
    out += got;
    at += (guint64) got;
    n -= (gsize) got;
  }
  return TRUE;
}

gboolean
owl2_input_read (
    const Owl2Input *in, guint64 at, gpointer out, gsize n, GError **error)
{
  if (at > in->size || n > in->size - at)
    return bad (in->path, error,
        "%" G_GSIZE_FORMAT " bytes at %" G_GUINT64_FORMAT
        " are needed, the file ends at %" G_GUINT64_FORMAT,
        n, at, in->size);
  if (in->fd >= 0)
    return read_file (in, at, out, n, error);
  if (n > 0)
    memcpy (out, (const guint8 *) g_bytes_get_data (in->bytes, NULL) + at, n);
  return TRUE;
}

GBytes *
owl2_input_copy (const Owl2Input *in, guint64 at, guint64 n, guint64 max_bytes,
    const char *what, GError **error)
{
  guint8 *copy;

  if (n > max_bytes || n > G_MAXSSIZE) {
    bad (in->path, error,
        "%s has %" G_GUINT64_FORMAT " bytes, the limit is %" G_GUINT64_FORMAT,
        what, n, max_bytes);
    return NULL;
  }
  /* With a byte more, so that there is memory where there is no file. */
  copy = g_try_malloc (n + 1);
  if (!copy) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: no memory for the %" G_GUINT64_FORMAT " bytes of %s", in->path, n,
        what);
    return NULL;
  }
  copy[n] = 0;
  if (owl2_input_read (in, at, copy, n, error))
    return g_bytes_new_take (copy, n);
  g_free (copy);
  return NULL;
}

void
owl2_input_prefetch (const Owl2Input *in, guint64 at, guint64 n)
{
  /* A failure costs time only. */
  if (in->fd >= 0)
    posix_fadvise (in->fd, (off_t) at, (off_t) n, POSIX_FADV_WILLNEED);
}

/* ---- change ----------------------------------------------------------- */

static gint64
nanoseconds (const struct timespec *t)
{
  return (gint64) t->tv_sec * G_GINT64_CONSTANT (1000000000) + t->tv_nsec;
}

static gboolean
is_same (const struct stat *a, const struct stat *b)
{
  return a->st_size == b->st_size
         && nanoseconds (&a->st_mtim) == nanoseconds (&b->st_mtim)
         && nanoseconds (&a->st_ctim) == nanoseconds (&b->st_ctim);
}

/* Changed so lately that a change to come may have the same stamp. A time in
 * the future may be that of a file server, whose clock is ahead. */
static gboolean
is_recent (const struct stat *st)
{
  gint64 age = g_get_real_time () * 1000 - nanoseconds (&st->st_ctim);

  return age > -RECENT_NS && age < RECENT_NS;
}

gboolean
owl2_input_settle (Owl2Input *in, GError **error)
{
  const struct stat opened = in->st;
  struct stat now;

  for (guint i = 0; in->fd >= 0 && is_recent (&in->st); i++) {
    struct stat before = in->st;

    if (i == SETTLE_TRIES)
      return bad (in->path, error,
          "is still being written to: it changed %u times within %u ms",
          SETTLE_TRIES, SETTLE_TRIES * SETTLE_US / 1000);
    g_usleep (before.st_ctim.tv_nsec ? SETTLE_US : SETTLE_COARSE_US);
    if (fstat (in->fd, &in->st) != 0)
      return bad (in->path, error, "can't be read: %s", g_strerror (errno));
    if (is_same (&before, &in->st))
      break;
  }
  if (in->fd < 0 || (guint64) in->st.st_size == in->size)
    return TRUE;
  now = in->st;
  in->st = opened;
  return has_changed (in, &now, error);
}

/* @unlinked: one that has no name any more may be the same. */
static gboolean
check (const Owl2Input *in, gboolean unlinked, GError **error)
{
  struct stat st;

  if (in->fd < 0)
    return TRUE;
  if (fstat (in->fd, &st) != 0)
    return bad (in->path, error, "can't be read: %s", g_strerror (errno));
  /* Losing the name is what the time of the last change tells then. */
  if (unlinked && in->st.st_nlink > 0 && st.st_nlink == 0)
    st.st_ctim = in->st.st_ctim;
  return is_same (&in->st, &st) || has_changed (in, &st, error);
}

gboolean
owl2_input_check (const Owl2Input *in, GError **error)
{
  return check (in, FALSE, error);
}

gboolean
owl2_input_check_bytes (const Owl2Input *in, GError **error)
{
  return check (in, TRUE, error);
}

GBytes *
owl2_input_map (const Owl2Input *in, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GMappedFile) map = NULL;
  struct stat st;

  if (in->bytes)
    return g_bytes_ref (in->bytes);
  map = g_mapped_file_new_from_fd (in->fd, FALSE, &why);
  if (!map) {
    bad (in->path, error, "can't be mapped: %s", why->message);
    return NULL;
  }
  if (g_mapped_file_get_length (map) != in->size) {
    has_changed (in, fstat (in->fd, &st) == 0 ? &st : &in->st, error);
    return NULL;
  }
  return g_mapped_file_get_bytes (map);
}
