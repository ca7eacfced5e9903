/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tokenizer behind a line protocol, for compare_spm.py. Bytes go in
 * hexadecimal, ids in decimal. Requests on standard input, one answer each:
 *   M PATH      take this SentencePiece model; "ok" or an error's text
 *   E HEX       encode; ids
 *   D ID ID ..  decode; HEX */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testdata.h"

static Owl2Tokenizer *
load (const char *path)
{
  g_autoptr (TestVocab) vocab = test_vocab_load (path);
  g_autoptr (GError) error = NULL;
  Owl2Tokenizer *tok = NULL;
  Owl2Vocab view;

  if (vocab) {
    view = test_vocab_view (vocab);
    tok = owl2_tokenizer_new (&view, path, &error);
  }
  puts (tok ? "ok" : error ? error->message : "no SentencePiece model");
  return tok;
}

static void
encode (const Owl2Tokenizer *tok, const char *hex)
{
  gsize n = strlen (hex) / 2;
  g_autofree char *text = g_malloc (n + 1);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (gsize i = 0; i < n; i++)
    text[i] = (char) (g_ascii_xdigit_value (hex[2 * i]) << 4
                      | g_ascii_xdigit_value (hex[2 * i + 1]));
  owl2_tokenizer_encode (tok, text, (gssize) n, ids);
  for (guint i = 0; i < ids->len; i++)
    printf ("%s%d", i ? " " : "", g_array_index (ids, gint32, i));
  putchar ('\n');
}

static void
decode (const Owl2Tokenizer *tok, const char *line)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *text = NULL;
  char *end;

  for (;; line = end) {
    gint32 id = (gint32) strtol (line, &end, 10);

    if (end == line)
      break;
    g_array_append_val (ids, id);
  }
  text = owl2_tokenizer_decode (
      tok, (const gint32 *) (void *) ids->data, ids->len);
  for (const char *p = text; *p; p++)
    printf ("%02x", (guint8) *p);
  putchar ('\n');
}

int
main (void)
{
  g_autoptr (Owl2Tokenizer) tok = NULL;
  char *line = NULL;
  size_t size = 0;
  ssize_t len;

  while ((len = getline (&line, &size, stdin)) >= 2) {
    line[strcspn (line, "\n")] = '\0';
    if (line[0] == 'M') {
      g_clear_pointer (&tok, owl2_tokenizer_free);
      tok = load (line + 2);
    } else if (tok && line[0] == 'E') {
      encode (tok, line + 2);
    } else if (tok && line[0] == 'D') {
      decode (tok, line + 2);
    } else {
      puts ("no model, or unknown request");
    }
    fflush (stdout);
  }
  free (line);
  return 0;
}
