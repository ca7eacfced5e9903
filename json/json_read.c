/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json_read.h"

#include <string.h>

/* Behind a string, whose first quote is at @p; NULL: it has no end. */
static const char *
skip_string (const char *p, const char *end)
{
  for (p++; p < end && *p != '"'; p++)
    if (*p == '\\' && ++p == end)
      return NULL;
  return p < end ? p + 1 : NULL;
}

/* Behind the value at @p; @n_values: (out): of it, up to where it ended. */
static const char *
walk (const char *p, const char *end, gsize *n_values)
{
  gsize depth = 0;

  *n_values = 1;
  while (p < end) {
    if (*p == '"') {
      p = skip_string (p, end);
      if (!p || depth == 0)
        return p;
      continue;
    }
    if (*p == ',' || *p == ']' || *p == '}') {
      if (depth == 0)
        return p; /* it was a number or a word */
      depth -= *p != ',';
      *n_values += *p == ',';
      if (depth == 0)
        return p + 1;
    } else if (*p == '[' || *p == '{') {
      depth++;
      ++*n_values;
    } else if (*p == ':') {
      ++*n_values;
    } else if (depth == 0 && g_ascii_isspace (*p)) {
      return p;
    }
    p++;
  }
  return depth == 0 ? p : NULL;
}

static const char *
skip_space (const char *p, const char *end)
{
  while (p < end && g_ascii_isspace (*p))
    p++;
  return p;
}

const char *
json_skip (const char *p, const char *end)
{
  gsize n;

  return walk (skip_space (p, end), end, &n);
}

json_t *
json_read (const char *text, gsize n, gsize flags, json_error_t *why)
{
  const char *end = text + n;
  gsize n_values;

  walk (skip_space (text, end), end, &n_values);
  if (n_values <= JSON_MAX_VALUES)
    return json_loadb (text, n, flags, why);
  memset (why, 0, sizeof *why);
  why->line = why->column = 1;
  g_snprintf (
      why->text, sizeof why->text - 1, "more than %u values", JSON_MAX_VALUES);
  return NULL;
}
