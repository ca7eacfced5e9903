/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The block encoders and decoders by themselves:
 *   quant_tool q8_0|q4_k < floats > blocks and their values
 *   quant_tool decode q8_0|q4_k < blocks > values
 * Input that is no multiple of the block is an error. */
#include <stdio.h>
#include <string.h>

#include "quant.h"
#include "types.h"

static void
decode (Owl2Type type, const guint8 *blocks, gsize n, float *values)
{
  if (type == OWL2_TYPE_Q8_0)
    owl2_q8_0_decode (blocks, n, values);
  else
    owl2_q4_k_decode (blocks, n, values);
}

int
main (int argc, char **argv)
{
  g_autoptr (GByteArray) in = g_byte_array_new ();
  g_autofree guint8 *blocks = NULL;
  g_autofree float *values = NULL;
  gboolean only_decode = argc == 3 && strcmp (argv[1], "decode") == 0;
  guint8 buffer[65536];
  Owl2Type type;
  gsize n, size, unit;

  if (argc != 2 + only_decode || !owl2_type_parse (argv[argc - 1], &type)
      || (type != OWL2_TYPE_Q8_0 && type != OWL2_TYPE_Q4_K))
    return 2;
  while ((n = fread (buffer, 1, sizeof buffer, stdin)) > 0)
    g_byte_array_append (in, buffer, (guint) n);
  unit = only_decode ? owl2_type_block_bytes (type)
                     : owl2_type_block (type) * sizeof (float);
  if (in->len % unit != 0)
    return 1;
  n = in->len / unit * owl2_type_block (type);
  size = in->len / unit * owl2_type_block_bytes (type);
  values = g_new (float, n);
  if (only_decode) {
    decode (type, in->data, n, values);
    return fwrite (values, sizeof (float), n, stdout) != n;
  }
  blocks = g_malloc (size);
  memcpy (values, in->data, in->len);
  if (type == OWL2_TYPE_Q8_0)
    owl2_q8_0_encode (values, n, blocks);
  else
    owl2_q4_k_encode (values, n, blocks);
  decode (type, blocks, n, values);
  return fwrite (blocks, 1, size, stdout) != size
         || fwrite (values, sizeof (float), n, stdout) != n;
}
