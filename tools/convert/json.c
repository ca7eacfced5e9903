/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"
#include "files.h"
#include "json_read.h"

#include <math.h>
#include <string.h>

/* The reals up to it hold each integer. */
#define EXACT_MAX 9007199254740992.0

/* @value itself, or the integer that it was before it was read as a real. */
static json_t *
exact (json_t *value)
{
  const double real = json_real_value (value); /* 0 where it is none */

  if (json_is_real (value) && fabs (real) <= EXACT_MAX && real == floor (real))
    return json_integer ((json_int_t) real);
  return json_incref (value);
}

/* What was parsed with all integers as reals gets those back that fit. As deep
 * as the parser went, no deeper. */
static void
restore_integers (json_t *value)
{
  void *iter;

  for (gsize i = 0; i < json_array_size (value); i++) {
    restore_integers (json_array_get (value, i));
    json_array_set_new (value, i, exact (json_array_get (value, i)));
  }
  for (iter = json_object_iter (value); iter;
       iter = json_object_iter_next (value, iter)) {
    restore_integers (json_object_iter_value (iter));
    json_object_iter_set_new (
        value, iter, exact (json_object_iter_value (iter)));
  }
}

static gboolean
refuse (const json_error_t *why, const char *file, GError **error)
{
  g_autofree char *safe = convert_quote (why->text, strlen (why->text));

  if (json_error_code (why) == json_error_out_of_memory) {
    g_set_error (
        error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY, "%s: no memory for it", file);
    return FALSE;
  }
  return convert_bad (file, error, "not %s: line %d, column %d: %s",
      json_error_code (why) == json_error_invalid_utf8 ? "UTF-8 text" : "JSON",
      why->line, why->column, safe);
}

json_t *
convert_json_parse (const char *text, gsize n, const char *file, GError **error)
{
  json_error_t why;
  json_t *root = json_read (text, n, JSON_REJECT_DUPLICATES, &why);

  if (!root && json_error_code (&why) == json_error_numeric_overflow) {
    root = json_read (
        text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &why);
    restore_integers (root);
  }
  if (!root) {
    refuse (&why, file, error);
  } else if (!json_is_object (root)) {
    convert_bad (file, error, "not a JSON object");
    g_clear_pointer (&root, json_decref);
  }
  return root;
}

json_t *
convert_json_load (
    Folder *folder, const char *name, gsize max_bytes, GError **error)
{
  g_autofree char *path = g_build_filename (folder_path (folder), name, NULL);
  g_autoptr (GBytes) bytes = folder_read (folder, name, max_bytes, error);
  gsize n;
  const char *text = bytes ? g_bytes_get_data (bytes, &n) : NULL;

  return bytes ? convert_json_parse (text ? text : "", n, path, error) : NULL;
}
