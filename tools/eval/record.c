/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <math.h>

#include "item.h"

void
record_fail (Record *record, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  if (record->failed)
    return;
  record->failed = TRUE;
  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (record->error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: record %" G_GSIZE_FORMAT ": %s", record->file, record->i + 1, what);
}

const char *
record_string_or_null (Record *record, const char *key)
{
  const json_t *value = json_object_get (record->object, key);

  if (value && !json_is_string (value) && !json_is_null (value))
    record_fail (record, "\"%s\" is no string", key);
  return json_string_value (value);
}

const char *
record_string (Record *record, const char *key)
{
  const char *text = record_string_or_null (record, key);

  if (!text)
    record_fail (record, "there is no string \"%s\"", key);
  return record->failed ? NULL : text;
}

gint64
record_integer (Record *record, const char *key)
{
  const json_t *value = json_object_get (record->object, key);

  if (!json_is_integer (value))
    record_fail (record, "there is no integer \"%s\"", key);
  return record->failed ? 0 : json_integer_value (value);
}

double
record_number (Record *record, const char *key)
{
  const json_t *value = json_object_get (record->object, key);

  if (!json_is_number (value) || !isfinite (json_number_value (value)))
    record_fail (record, "there is no number \"%s\"", key);
  return record->failed ? 0 : json_number_value (value);
}

json_t *
record_id (Record *record, const char *key)
{
  json_t *value = json_object_get (record->object, key);

  if (!json_is_string (value) && !json_is_integer (value))
    record_fail (record, "\"%s\" is neither a string nor an integer", key);
  return record->failed ? NULL : json_incref (value);
}

char **
record_strings (Record *record, const char *key)
{
  const json_t *array = json_object_get (record->object, key);
  const gsize n = json_array_size (array);
  g_auto (GStrv) strings = g_new0 (char *, EVAL_MAX_OPTIONS + 1);

  if (!n || n > EVAL_MAX_OPTIONS)
    record_fail (record, "\"%s\" has %" G_GSIZE_FORMAT " options, not 1 to %d",
        key, n, EVAL_MAX_OPTIONS);
  for (gsize i = 0; i < n && !record->failed; i++) {
    strings[i] = g_strdup (json_string_value (json_array_get (array, i)));
    if (!strings[i])
      record_fail (record, "an option of \"%s\" is no string", key);
  }
  return record->failed ? NULL : g_steal_pointer (&strings);
}
