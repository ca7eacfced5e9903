/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* The system's clock for files moves in steps of 1 to 10 ms, so a write right
 * after a look at the times need not change them. A file whose times stay the
 * same for this long has new ones after any later write. */
#define SETTLE_MS 20
/* So often it is looked at again, then it is said to be in the making. */
#define SETTLE_TRIES 5
/* Times further from now than this need no waiting. It is more than SETTLE_MS
 * because a file server has a clock of its own. */
#define RECENT_NS (2 * G_GINT64_CONSTANT (1000000000))

/* What tells that a file has been changed. */
typedef struct {
  guint64 device, inode, size;
  gint64 mtime_ns, ctime_ns;
  guint64 n_links;
} Stamp;

struct _Owl2File {
  gint ref_count; /* atomic */
  char *name;
  int fd;
  Stamp stamp;
};

static gint64
to_ns (struct timespec t)
{
  /* Times come from the file system and may be anything. */
  return (gint64) ((guint64) t.tv_sec * 1000000000u + (guint64) t.tv_nsec);
}

static gboolean
stamp_take (const Owl2File *file, Stamp *stamp, GError **error)
{
  struct stat st;

  if (fstat (file->fd, &st) < 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: can't be looked at: %s", file->name, g_strerror (errno));
    return FALSE;
  }
  if (!S_ISREG (st.st_mode)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: not a regular file", file->name);
    return FALSE;
  }
  *stamp = (Stamp){ st.st_dev, st.st_ino, (guint64) st.st_size,
    to_ns (st.st_mtim), to_ns (st.st_ctim), st.st_nlink };
  return TRUE;
}

/* What a write changes. */
static gboolean
stamp_same_content (const Stamp *a, const Stamp *b)
{
  return a->device == b->device && a->inode == b->inode && a->size == b->size
         && a->mtime_ns == b->mtime_ns;
}

static gboolean
stamp_is_recent (const Stamp *stamp)
{
  gint64 now = g_get_real_time () * 1000;
  gint64 last = MAX (stamp->mtime_ns, stamp->ctime_ns);

  return last > now - RECENT_NS && last < now + RECENT_NS;
}

static gboolean
settle (Owl2File *file, GError **error)
{
  if (!stamp_take (file, &file->stamp, error))
    return FALSE;
  if (!stamp_is_recent (&file->stamp))
    return TRUE;
  for (guint i = 0; i < SETTLE_TRIES; i++) {
    Stamp before = file->stamp;

    g_usleep (SETTLE_MS * 1000);
    if (!stamp_take (file, &file->stamp, error))
      return FALSE;
    if (stamp_same_content (&before, &file->stamp)
        && before.ctime_ns == file->stamp.ctime_ns)
      return TRUE;
  }
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: is still being written to: it changed %u times within %u ms",
      file->name, SETTLE_TRIES, SETTLE_TRIES * SETTLE_MS);
  return FALSE;
}

Owl2File *
owl2_file_open (const char *path, GError **error)
{
  g_autoptr (Owl2File) file = g_new0 (Owl2File, 1);

  file->ref_count = 1;
  file->name = g_strdup (path);
  /* Without O_NONBLOCK a FIFO of that name would block for ever. */
  file->fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
  if (file->fd < 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: can't be opened: %s", path, g_strerror (errno));
    return NULL;
  }
  return settle (file, error) ? g_steal_pointer (&file) : NULL;
}

Owl2File *
owl2_file_ref (Owl2File *file)
{
  g_atomic_int_inc (&file->ref_count);
  return file;
}

void
owl2_file_unref (Owl2File *file)
{
  if (!file || !g_atomic_int_dec_and_test (&file->ref_count))
    return;
  if (file->fd >= 0)
    close (file->fd);
  g_free (file->name);
  g_free (file);
}

const char *
owl2_file_name (const Owl2File *file)
{
  return file->name;
}

guint64
owl2_file_size (const Owl2File *file)
{
  return file->stamp.size;
}

gboolean
owl2_file_read (const Owl2File *file, guint64 offset, void *dst, gsize n,
    const char *what, GError **error)
{
  gsize done = 0;

  if (offset > G_MAXINT64 || n > G_MAXINT64 - offset) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: %s: %" G_GSIZE_FORMAT " bytes at byte %" G_GUINT64_FORMAT
        " are behind the end of any file",
        file->name, what, n, offset);
    return FALSE;
  }
  while (done < n) {
    /* Linux reads no more than this at once. */
    gssize got = pread (file->fd, (guint8 *) dst + done,
        MIN (n - done, 1u << 30), (off_t) (offset + done));

    if (got > 0) {
      done += (gsize) got;
    } else if (got == 0) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
          "%s: %s at byte %" G_GUINT64_FORMAT " needs %" G_GSIZE_FORMAT
          " bytes, the file ends after %" G_GSIZE_FORMAT
          " of them: it changed while it was read (it had %" G_GUINT64_FORMAT
          " bytes when it was opened)",
          file->name, what, offset, n, done, file->stamp.size);
      return FALSE;
    } else if (errno != EINTR) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
          "%s: %s: reading %" G_GSIZE_FORMAT " bytes at byte %" G_GUINT64_FORMAT
          " failed: %s",
          file->name, what, n - done, offset + done, g_strerror (errno));
      return FALSE;
    }
  }
  return TRUE;
}

/* (transfer full): with all digits, as those are what may differ. */
static char *
show_time (gint64 ns)
{
  const gint64 second = 1000000000;
  gint64 part = (ns % second + second) % second;
  g_autoptr (GDateTime) time =
      g_date_time_new_from_unix_local ((ns - part) / second);
  g_autofree char *text =
      time ? g_date_time_format (time, "%F %T") : g_strdup ("?");

  return g_strdup_printf ("%s.%09u", text, (guint) part);
}

gboolean
owl2_file_check (const Owl2File *file, GError **error)
{
  const Stamp *old = &file->stamp;
  gboolean written;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  Stamp now;

  if (!stamp_take (file, &now, error))
    return FALSE;
  /* A file that can't be found by name any more is changed by those alone who
   * had it open before. Losing the name is what its ctime tells then. */
  if (stamp_same_content (old, &now)
      && (old->ctime_ns == now.ctime_ns || (old->n_links && !now.n_links)))
    return TRUE;
  written = old->mtime_ns != now.mtime_ns;
  before = show_time (written ? old->mtime_ns : old->ctime_ns);
  after = show_time (written ? now.mtime_ns : now.ctime_ns);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: changed while it was read or in use: from %" G_GUINT64_FORMAT
      " to %" G_GUINT64_FORMAT " bytes, its %s from %s to %s",
      file->name, old->size, now.size,
      written ? "time of writing" : "time of change", before, after);
  return FALSE;
}

GBytes *
owl2_file_map (const Owl2File *file, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GMappedFile) map =
      g_mapped_file_new_from_fd (file->fd, FALSE, &why);

  if (!map) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: can't be mapped: %s", file->name, why->message);
    return NULL;
  }
  if (g_mapped_file_get_length (map) != file->stamp.size) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: changed while it was read: %" G_GUINT64_FORMAT
        " bytes before, %" G_GSIZE_FORMAT " now",
        file->name, file->stamp.size, g_mapped_file_get_length (map));
    return NULL;
  }
  return g_mapped_file_get_bytes (map);
}
