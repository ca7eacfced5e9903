/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <string.h>

#include "printable.h"

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

char *
convert_quote (const char *text, gsize n)
{
  return owl2_excerpt (text, n, 80);
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
  if (n == 0 || n > CONVERT_MAX_NAME
      || !g_utf8_validate (text, (gssize) n, NULL))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if ((guchar) text[i] < 0x20 || text[i] == 0x7f)
      return FALSE;
  return TRUE;
}
