/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "js.h"
#include "files.h"

#include <math.h>
#include <string.h>

void
js_fail (Js *js, const char *key, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (js->failed)
    return;
  js->failed = TRUE;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  convert_bad (js->file, js->error, "%s%s %s", js->path, key, message);
}

json_t *
js_member (Js *js, const char *key)
{
  json_t *node = json_object_get (js->object, key);

  return json_is_null (node) ? NULL : node;
}

gint64
js_int (Js *js, const char *key, gint64 fallback, gint64 min, gint64 max)
{
  json_t *node = js_member (js, key);
  gint64 value;

  if (!node)
    return fallback;
  if (!json_is_integer (node)) {
    js_fail (js, key, "is not an integer");
    return fallback;
  }
  value = json_integer_value (node);
  if (value < min || value > max) {
    js_fail (js, key,
        "is %" G_GINT64_FORMAT ", not from %" G_GINT64_FORMAT
        " to %" G_GINT64_FORMAT,
        value, min, max);
    return fallback;
  }
  return value;
}

guint
js_uint (Js *js, const char *key, guint fallback)
{
  return (guint) js_int (js, key, fallback, 0, G_MAXINT32);
}

gboolean
js_bool (Js *js, const char *key, gboolean fallback)
{
  json_t *node = js_member (js, key);

  if (!node)
    return fallback;
  if (!json_is_boolean (node)) {
    js_fail (js, key, "is neither true nor false");
    return fallback;
  }
  return json_boolean_value (node);
}

gboolean
js_is_number (const json_t *node)
{
  return json_is_number (node)
         && fabs (json_number_value (node)) <= (double) G_MAXFLOAT;
}

float
js_float (Js *js, const char *key, double fallback)
{
  json_t *node = js_member (js, key);

  if (!node)
    return (float) fallback;
  if (!js_is_number (node)) {
    js_fail (js, key, "is not a number");
    return (float) fallback;
  }
  return (float) json_number_value (node);
}

void
js_require_bool (Js *js, const char *key, gboolean wanted)
{
  if (js_bool (js, key, wanted) != wanted)
    js_fail (js, key, "is %s, supported is only %s, as published",
        wanted ? "false" : "true", wanted ? "true" : "false");
}

void
js_require_string (Js *js, const char *key, const char *wanted)
{
  const json_t *node = js_member (js, key);
  const char *value = json_string_value (node);
  g_autofree char *safe = NULL;

  if (!node)
    return;
  if (!value) {
    js_fail (js, key, "is not a string");
    return;
  }
  safe = convert_quote (value, strlen (value));
  if (strcmp (value, wanted) != 0)
    js_fail (
        js, key, "is '%s', supported is only '%s', as published", safe, wanted);
}

void
js_require_uint (Js *js, const char *key, guint wanted, const char *why)
{
  guint value = js_uint (js, key, wanted);

  if (value != wanted)
    js_fail (js, key, "is %u, not %u (%s)", value, wanted, why);
}

void
js_require_null (Js *js, const char *key)
{
  if (js_member (js, key))
    js_fail (js, key, "is set, supported is only null, as published");
}

Js
js_sub (Js *js, const char *key, const char *path)
{
  Js out = {
    .file = js->file, .path = path, .error = js->error, .failed = js->failed
  };
  json_t *node = js_member (js, key);

  if (json_is_object (node))
    out.object = node;
  else if (node)
    js_fail (js, key, "is not an object");
  out.failed = js->failed;
  return out;
}
