/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Within a program that has the fake engine: it says, one after the other, the
 * texts of the file that OWL2_TEST_ANSWERS names, each with a NUL behind it. */
#include <string.h>

#include "fake_engine.h"

static void __attribute__ ((constructor)) say (void)
{
  static const char **texts;
  static char *all;
  gsize n = 0;
  guint n_texts = 0;

  fake_reset ();
  if (!g_file_get_contents (g_getenv ("OWL2_TEST_ANSWERS"), &all, &n, NULL))
    g_error ("OWL2_TEST_ANSWERS names no file");
  texts = g_new (const char *, n + 1);
  for (const char *p = all; p < all + n; p += strlen (p) + 1)
    texts[n_texts++] = p;
  fake_set_answers (texts, n_texts);
}

/* What only programs ask an engine. */

GPtrArray *
owl2_list_devices (GError **error)
{
  return g_ptr_array_new_with_free_func (g_free);
}

gboolean
owl2_kv_type_parse (const char *name, Owl2KvType *type)
{
  return FALSE;
}

const char *
owl2_kv_type_name (Owl2KvType type)
{
  return "auto";
}
