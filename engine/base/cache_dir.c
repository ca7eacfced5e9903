/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cache_dir.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "input.h"
#include "output.h"

#ifdef __linux__
#  include <sys/auxv.h>
#endif

gboolean
owl2_is_privileged (void)
{
#ifdef __linux__
  return getauxval (AT_SECURE) != 0;
#else
  return geteuid () != getuid () || getegid () != getgid ();
#endif
}

char *
owl2_cache_dir (void)
{
  return owl2_is_privileged ()
             ? NULL
             : g_build_filename (g_get_user_cache_dir (), "owl2", NULL);
}

/* Of a file or folder of the cache. */
static gboolean
check_owner (const char *path, const struct stat *st, GError **error)
{
  const char *wrong = st->st_uid != geteuid () && st->st_uid != 0
                          ? "it is another user's"
                      : st->st_mode & S_IWOTH ? "everybody may write to it"
                                              : NULL;

  if (wrong)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", path, wrong);
  return !wrong;
}

static gboolean
check_folder (const char *folder, GError **error)
{
  struct stat st;

  if (stat (folder, &st) == 0)
    return check_owner (folder, &st, error);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", folder,
      g_strerror (errno));
  return FALSE;
}

gboolean
owl2_cache_make (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  if (g_mkdir_with_parents (folder, 0700) == 0)
    return check_folder (folder, error);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "can't make %s: %s",
      folder, g_strerror (errno));
  return FALSE;
}

gboolean
owl2_cache_write (const char *path, const void *data, gsize size,
    gboolean durable, GError **error)
{
  g_autoptr (Owl2Output) out =
      owl2_cache_make (path, error) ? owl2_output_new (path, error) : NULL;

  if (!out)
    return FALSE;
  if (fchmod (fileno (owl2_output_file (out)), 0600) == 0
      && fwrite (data, 1, size, owl2_output_file (out)) == size)
    return owl2_output_finish (out, durable, error);
  g_set_error (
      error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", path, g_strerror (errno));
  return FALSE;
}

GBytes *
owl2_cache_read (const char *path, gsize max_bytes, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (Owl2Input) in =
      check_folder (folder, error) ? owl2_input_open (path, error) : NULL;

  return in && check_owner (path, owl2_input_stat (in), error)
             ? owl2_input_copy (
                 in, 0, owl2_input_size (in), max_bytes, "the file", error)
             : NULL;
}
