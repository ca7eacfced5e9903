/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Holds any shape, so the header is written over when the file has grown. A
 * multiple of 64, as the format asks for. */
#define HEADER_BYTES 192
#define MAGIC_BYTES 10

gsize
npy_element_bytes (char type)
{
  return type == 'b' ? 1 : 4;
}

static void
make_header (
    char header[HEADER_BYTES], char type, const gsize *shape, guint n_dims)
{
  static const guint8 magic[MAGIC_BYTES] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1,
    0, HEADER_BYTES - MAGIC_BYTES, 0 };
  g_autoptr (GString) dict = g_string_new (NULL);

  g_string_printf (dict, "{'descr': '%s', 'fortran_order': False, 'shape': (",
      type == 'f'   ? "<f4"
      : type == 'i' ? "<i4"
                    : "|u1");
  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (dict, "%" G_GSIZE_FORMAT "%s", shape[i],
        n_dims == 1 || i + 1 < n_dims ? ", " : "");
  g_string_append (dict, "), }");
  memset (header, ' ', HEADER_BYTES);
  memcpy (header, magic, MAGIC_BYTES);
  memcpy (header + MAGIC_BYTES, dict->str, dict->len);
  header[HEADER_BYTES - 1] = '\n';
}

gboolean
npy_append (Owl2Output *out, const char *path, char type, const gsize *shape,
    guint n_dims, gsize n_new, const void *data, GError **error)
{
  FILE *file = owl2_output_file (out);
  gsize bytes = npy_element_bytes (type) * n_new;
  char header[HEADER_BYTES];

  for (guint i = 1; i < n_dims; i++)
    bytes *= shape[i];
  make_header (header, type, shape, n_dims);
  if (fseek (file, 0, SEEK_SET) == 0
      && fwrite (header, 1, sizeof header, file) == sizeof header
      && fseek (file, 0, SEEK_END) == 0
      && fwrite (data, 1, bytes, file) == bytes && fflush (file) == 0)
    return TRUE;
  g_set_error (
      error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", path, g_strerror (errno));
  return FALSE;
}
