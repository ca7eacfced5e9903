/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the fuzz target without a fuzzer: on the files named, or else on inputs
 * made by chance in the target's own form. */
#include <stdio.h>

#include "testdata.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
put (GByteArray *out, guint8 byte)
{
  g_byte_array_append (out, &byte, 1);
}

static void
make_input (GRand *rand, GByteArray *out)
{
  static const char *const letters[] = { "a", "b", " ", TEST_SPACE, "\xc3\xa9",
    "\xff", "<0x41>", "</s>" };
  guint8 n = (guint8) g_rand_int_range (rand, 0, 30);
  GString *text;

  /* Seldom the flags that make a vocabulary hard to accept. */
  put (out, (guint8) (g_rand_int_range (rand, 0, 10)
                          ? 0
                          : g_rand_int_range (rand, 0, 8)));
  put (out, n);
  for (guint i = 0; i < n; i++) {
    g_autoptr (GString) piece = g_string_new (NULL);

    for (gint k = g_rand_int_range (rand, 1, 6); k > 0; k--) {
      /* Damaged and reserved ones in one piece of a hundred. */
      gint most = g_rand_int_range (rand, 0, 100) ? 5 : 8;

      g_string_append (piece, letters[g_rand_int_range (rand, 0, most)]);
    }
    put (out, (guint8) (g_rand_int_range (rand, 0, 3)
                            ? 0
                            : 2 + g_rand_int_range (rand, 1, 3)));
    put (out, (guint8) g_rand_int_range (rand, 0, 256));
    put (out, (guint8) piece->len);
    g_byte_array_append (out, (const guint8 *) piece->str, (guint) piece->len);
  }
  text = test_random_text (rand, 60, g_rand_boolean (rand));
  g_byte_array_append (out, (const guint8 *) text->str, (guint) text->len);
  g_string_free (text, TRUE);
}

int
main (int argc, char **argv)
{
  guint32 seed = test_seed ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (int i = 1; i < argc; i++) {
    g_autofree char *data = NULL;
    gsize size;

    if (!g_file_get_contents (argv[i], &data, &size, NULL)) {
      fprintf (stderr, "can't read %s\n", argv[i]);
      return 1;
    }
    LLVMFuzzerTestOneInput ((const guint8 *) data, size);
  }
  if (argc > 1)
    return 0;
  printf ("OWL2_TEST_SEED=%u\n", seed);
  for (guint i = 0; i < 20000; i++) {
    g_autoptr (GByteArray) input = g_byte_array_new ();

    make_input (rand, input);
    LLVMFuzzerTestOneInput (input->data, input->len);
  }
  return 0;
}
