/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2json.h"

#include <math.h>

#include "json_line.h"

json_t *
gst_owl2_json_value (const GValue *value)
{
  json_t *array;

  if (G_VALUE_HOLDS_STRING (value))
    return g_value_get_string (value)
               ? json_line_string (g_value_get_string (value))
               : json_null ();
  if (G_VALUE_HOLDS_UINT64 (value))
    return g_value_get_uint64 (value) <= G_MAXINT64
               ? json_integer ((json_int_t) g_value_get_uint64 (value))
               : json_null ();
  if (G_VALUE_HOLDS_UINT (value))
    return json_integer (g_value_get_uint (value));
  if (G_VALUE_HOLDS_DOUBLE (value))
    return isfinite (g_value_get_double (value))
               ? json_real (g_value_get_double (value))
               : json_null ();
  if (G_VALUE_HOLDS_BOOLEAN (value))
    return json_boolean (g_value_get_boolean (value));
  if (!GST_VALUE_HOLDS_ARRAY (value))
    return json_null ();
  array = json_array ();
  for (guint i = 0; i < gst_value_array_get_size (value); i++)
    json_array_append_new (
        array, gst_owl2_json_value (gst_value_array_get_value (value, i)));
  return array;
}

char *
gst_owl2_json (const GstStructure *structure)
{
  json_t *object = json_object ();
  char *line;

  for (int i = 0; i < gst_structure_n_fields (structure); i++) {
    const char *name = gst_structure_nth_field_name (structure, (guint) i);

    json_object_set_new (object, name,
        gst_owl2_json_value (gst_structure_get_value (structure, name)));
  }
  line = json_line_write (object);
  json_decref (object);
  return line;
}
