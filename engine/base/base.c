/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base.h"

GQuark
owl2_error_quark (void)
{
  return g_quark_from_static_string ("owl2-error-quark");
}

gboolean
owl2_refuse (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error)
    *error =
        g_error_new_valist (OWL2_ERROR, OWL2_ERROR_BAD_REQUEST, format, args);
  va_end (args);
  return FALSE;
}

void
owl2_log (const Owl2Log *log, Owl2LogLevel level, const char *area,
    const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (!log || !log->func || level > log->level)
    return;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  log->func (level, area, message, log->user_data);
}
