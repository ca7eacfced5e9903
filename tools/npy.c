/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "npy.h"

#include <string.h>

static const char *
type_name (char type)
{
  return type == 'f' ? "<f4" : type == 'i' ? "<i4" : "|u1";
}

gboolean
npy_write (const char *path, char type, const gsize *shape, guint n_dims,
    const void *data, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileOutputStream) out = NULL;
  g_autoptr (GString) dict = g_string_new (NULL);
  gsize bytes = type == 'b' ? 1 : 4;
  guint8 magic[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0, 0 };

  g_string_printf (dict, "{'descr': '%s', 'fortran_order': False, 'shape': (",
      type_name (type));
  for (guint i = 0; i < n_dims; i++) {
    bytes *= shape[i];
    g_string_append_printf (dict, "%" G_GSIZE_FORMAT "%s", shape[i],
        n_dims == 1 || i + 1 < n_dims ? ", " : "");
  }
  g_string_append (dict, "), }");
  /* The header ends with a newline at a multiple of 64 bytes. */
  while ((sizeof magic + dict->len + 1) % 64)
    g_string_append_c (dict, ' ');
  g_string_append_c (dict, '\n');
  magic[8] = dict->len & 0xff;
  magic[9] = dict->len >> 8;

  out = g_file_replace (file, NULL, FALSE, G_FILE_CREATE_NONE, NULL, error);
  return out
         && g_output_stream_write_all (
             G_OUTPUT_STREAM (out), magic, sizeof magic, NULL, NULL, error)
         && g_output_stream_write_all (
             G_OUTPUT_STREAM (out), dict->str, dict->len, NULL, NULL, error)
         && g_output_stream_write_all (
             G_OUTPUT_STREAM (out), data, bytes, NULL, NULL, error)
         && g_output_stream_close (G_OUTPUT_STREAM (out), NULL, error);
}
