/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The block encoders by themselves, for test_convert.py:
 *   quant_tool q8_0|q4_k < floats > blocks and their values
 * A number of floats that is no multiple of the block is an error. */
#include <stdio.h>
#include <string.h>

#include "quant.h"
#include "types.h"

int
main (int argc, char **argv)
{
  g_autoptr (GByteArray) in = g_byte_array_new ();
  g_autofree guint8 *blocks = NULL;
  g_autofree float *values = NULL;
  guint8 buffer[65536];
  Owl2Type type;
  gsize n, size;

  if (argc != 2 || !owl2_type_parse (argv[1], &type))
    return 2;
  while ((n = fread (buffer, 1, sizeof buffer, stdin)) > 0)
    g_byte_array_append (in, buffer, (guint) n);
  n = in->len / sizeof (float);
  if (in->len % sizeof (float) != 0 || n % owl2_type_block (type) != 0)
    return 1;
  size = n / owl2_type_block (type) * owl2_type_block_bytes (type);
  blocks = g_malloc (size);
  values = g_new (float, n);
  memcpy (values, in->data, in->len);
  if (type == OWL2_TYPE_Q8_0) {
    owl2_q8_0_encode (values, n, blocks);
    owl2_q8_0_decode (blocks, n, values);
  } else if (type == OWL2_TYPE_Q4_K) {
    owl2_q4_k_encode (values, n, blocks);
    owl2_q4_k_decode (blocks, n, values);
  } else {
    return 2;
  }
  return fwrite (blocks, 1, size, stdout) != size
         || fwrite (values, sizeof (float), n, stdout) != n;
}
