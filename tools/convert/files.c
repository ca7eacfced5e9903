/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

gboolean
convert_bad (const char *file, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s: %s", file, message);
  return FALSE;
}

GBytes *
convert_map_file (const char *path, guint64 max_bytes, GError **error)
{
  g_autoptr (GMappedFile) map = NULL;
  g_autoptr (GError) why = NULL;
  struct stat st;
  int fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

  if (fd < 0 || fstat (fd, &st) < 0) {
    convert_bad (path, error, "can't be opened: %s", g_strerror (errno));
  } else if (!S_ISREG (st.st_mode)) {
    convert_bad (path, error, "not a regular file");
  } else if ((guint64) st.st_size > max_bytes) {
    convert_bad (path, error,
        "has %" G_GUINT64_FORMAT " bytes, the limit is %" G_GUINT64_FORMAT,
        (guint64) st.st_size, max_bytes);
  } else {
    map = g_mapped_file_new_from_fd (fd, FALSE, &why);
    if (!map)
      convert_bad (path, error, "can't be mapped: %s", why->message);
  }
  if (fd >= 0)
    close (fd);
  return map ? g_mapped_file_get_bytes (map) : NULL;
}

char *
convert_quote (const char *text, gsize n)
{
  g_autofree char *copy = g_strndup (text, MIN (n, 80));

  return g_strescape (copy, NULL);
}

char *
convert_dir_name (const char *path)
{
  g_autofree char *full = g_canonicalize_filename (path, NULL);
  g_autofree char *base = g_path_get_basename (full);

  return convert_is_name (base, strlen (base)) ? g_steal_pointer (&base)
                                               : g_filename_display_name (base);
}

gboolean
convert_is_name (const char *text, gsize n)
{
  if (n == 0 || !g_utf8_validate (text, (gssize) n, NULL))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if ((guchar) text[i] < 0x20 || text[i] == 0x7f)
      return FALSE;
  return TRUE;
}
