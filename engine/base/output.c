/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"

#define MAX_NAMES 100u /* tried until one is free */

struct _Owl2Output {
  char *path, *folder;
  char *part; /* the name it has until then; NULL: none */
  FILE *file;
};

static gboolean
fail (const char *path, const char *what, int err, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: can't %s: %s", path,
      what, g_strerror (err));
  return FALSE;
}

void
owl2_output_free (Owl2Output *out)
{
  if (!out)
    return;
  if (out->part)
    unlink (out->part);
  if (out->file)
    fclose (out->file);
  g_free (out->part);
  g_free (out->folder);
  g_free (out->path);
  g_free (out);
}

/* What a folder with the sticky bit does not let us rename over. */
static gboolean
is_kept_from_us (const Owl2Output *out, const struct stat *target)
{
  struct stat folder;
  uid_t me = geteuid ();

  return me != 0 && target->st_uid != me && stat (out->folder, &folder) == 0
         && (folder.st_mode & S_ISVTX) && folder.st_uid != me;
}

/* A link that leads to what is open, as /dev/stdout is, names no file. */
static gboolean
leads_into_proc (const char *path)
{
  char text[6];

  return readlink (path, text, sizeof text) == sizeof text
         && memcmp (text, "/proc/", sizeof text) == 0;
}

/* Found out now rather than after hours, when the file gets its name. */
static gboolean
check_target (const Owl2Output *out, GError **error)
{
  const char *path = out->path;
  struct stat st, led;

  if (path[0] == '\0' || g_str_has_suffix (path, "/")) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "'%s' names no file to write", path);
    return FALSE;
  }
  if (lstat (path, &st) != 0)
    return errno == ENOENT || fail (path, "create", errno, error);
  if (is_kept_from_us (out, &st))
    return fail (path, "replace another user's file", EPERM, error);
  led = st;
  if (S_ISLNK (st.st_mode)
      && ((stat (path, &led) != 0 && errno == ENOENT)
          || (S_ISREG (led.st_mode) && !leads_into_proc (path))))
    return TRUE;
  if (S_ISREG (st.st_mode))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "%s: exists and is not a regular file, but %s", path,
      owl2_input_kind (led.st_mode));
  return FALSE;
}

static char *
new_part_name (const Owl2Output *out)
{
  g_autofree char *name = g_strdup_printf (".owl2-%08x.part", g_random_int ());

  return g_build_filename (out->folder, name, NULL);
}

/* A file without a name, if there can be one and it can get one later. */
static int
open_unnamed (const Owl2Output *out)
{
#ifdef O_TMPFILE
  int fd = open (out->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);

  if (fd < 0 || access (link, F_OK) == 0)
    return fd;
  close (fd);
#endif
  return -1;
}

/* A new file under a name of its own. */
static int
open_named (Owl2Output *out)
{
  int fd;

  for (guint i = 0; i < MAX_NAMES; i++) {
    g_autofree char *part = new_part_name (out);

    fd = open (part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd >= 0)
      out->part = g_steal_pointer (&part);
    if (fd >= 0 || errno != EEXIST)
      return fd;
  }
  return -1;
}

Owl2Output *
owl2_output_new (const char *path, GError **error)
{
  g_autoptr (Owl2Output) out = g_new0 (Owl2Output, 1);
  int fd;

  out->path = g_strdup (path);
  out->folder = g_path_get_dirname (path);
  if (!check_target (out, error))
    return NULL;
  fd = open_unnamed (out);
  if (fd < 0)
    fd = open_named (out);
  if (fd < 0 || !(out->file = fdopen (fd, "w+b"))) {
    fail (path, "create", errno, error);
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  return g_steal_pointer (&out);
}

FILE *
owl2_output_file (Owl2Output *out)
{
  return out->file;
}

char *
owl2_output_path (const Owl2Output *out)
{
  return out->part ? g_strdup (out->part)
                   : g_strdup_printf ("/proc/self/fd/%d", fileno (out->file));
}

/* A name for what has none yet, that nothing may have. errno is set. */
static gboolean
link_unnamed (const Owl2Output *out, const char *name)
{
  g_autofree char *link = owl2_output_path (out);

  return linkat (AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
}

/* Renaming takes a name; linking straight to @path could not replace. */
static gboolean
give_part_name (Owl2Output *out, GError **error)
{
  for (guint i = 0; i < MAX_NAMES && !out->part; i++) {
    g_autofree char *part = new_part_name (out);

    if (link_unnamed (out, part))
      out->part = g_steal_pointer (&part);
    else if (errno != EEXIST)
      break;
  }
  return out->part || fail (out->path, "name", errno, error);
}

/* The new name, too, is on the disk; a failure is no reason to take it back. */
static void
sync_folder (const Owl2Output *out)
{
  int fd = open (out->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd >= 0) {
    fsync (fd);
    close (fd);
  }
}

static gboolean
write_rest (Owl2Output *out, gboolean durable, GError **error)
{
  gboolean ok;

  /* What was lost when the disk was full is lost, also if there is room now. */
  errno = 0;
  ok = fflush (out->file) == 0 && !ferror (out->file)
       && (!durable || fsync (fileno (out->file)) == 0);
  return ok || fail (out->path, "write", errno ? errno : EIO, error);
}

gboolean
owl2_output_finish_first (Owl2Output *out, GError **error)
{
  gboolean named;

  if (!write_rest (out, TRUE, error))
    return FALSE;
  named = out->part ? link (out->part, out->path) == 0
                    : link_unnamed (out, out->path);
  if (!named && errno != EEXIST)
    return fail (out->path, "name", errno, error);
  sync_folder (out);
  return TRUE;
}

gboolean
owl2_output_finish (Owl2Output *out, gboolean durable, GError **error)
{
  if (!write_rest (out, durable, error))
    return FALSE;
  if (!out->part && !give_part_name (out, error))
    return FALSE;
  if (rename (out->part, out->path) != 0)
    return fail (out->path, "rename to", errno, error);
  g_clear_pointer (&out->part, g_free);
  if (durable)
    sync_folder (out);
  return TRUE;
}
