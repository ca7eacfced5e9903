/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of megabytes made of the smallest things that they can be made of,
 * which take the most memory for their length: each reader reads or refuses it
 * within twice the file and 64 MiB. (Fuzzers' files are too small to tell.) */
#include "targets.h"

#include <string.h>
#include <zlib.h>

#define MIB ((gsize) 1 << 20)

static gboolean is_long; /* OWL2_LONG */

static void
put (GByteArray *out, const void *data, gsize n)
{
  g_byte_array_append (out, data, (guint) n);
}

static void
put_text (GByteArray *out, const char *text)
{
  put (out, text, strlen (text));
}

static void
put_u32 (GByteArray *out, guint32 n)
{
  n = GUINT32_TO_LE (n);
  put (out, &n, 4);
}

static void
put_u64 (GByteArray *out, guint64 n)
{
  n = GUINT64_TO_LE (n);
  put (out, &n, 8);
}

/* Runs and forgets @file. */
static void
check (const char *target, const char *what, GByteArray *file)
{
  /* Of just this size, as a sanitizer sees reads behind it then. */
  g_autofree guint8 *copy = g_memdup2 (file->data, file->len);
  const guint size = file->len;
  guint64 took;

  g_byte_array_unref (file);
  took = fuzz_run (fuzz_find (target), copy, size);
  g_test_message ("%s, %s: %.1f MiB took %.1f", target, what,
      (double) size / (double) MIB, (double) took / (double) MIB);
}

/* ---- JSON ------------------------------------------------------------- */

/* @n bytes of @part between @begin and @end; "%u" in it is a number that rises.
 */
static GByteArray *
repeat (const char *begin, const char *part, const char *end, gsize n)
{
  GByteArray *out = g_byte_array_new ();
  const char *number = strstr (part, "%u");
  g_autoptr (GString) block = g_string_new (part);

  /* In pieces of some kilobytes, which take less time. */
  while (!number && block->len > 0 && block->len < MIN (n, 4096))
    g_string_append_len (block, block->str, (gssize) block->len);
  put_text (out, begin);
  for (guint i = 0; out->len < n; i++) {
    char digits[16];

    if (!number) {
      const gsize one = strlen (part), most = (n - out->len + one - 1) / one;

      put (out, block->str, MIN (block->len, most * one));
      continue;
    }
    g_snprintf (digits, sizeof digits, "%x", i);
    put (out, part, (gsize) (number - part));
    put_text (out, digits);
    put_text (out, number + 2);
  }
  put_text (out, end);
  return out;
}

/* @always: also in the default run */
static const struct {
  const char *what, *begin, *part, *end;
  gboolean always;
} jsons[] = {
  { "lists", "{\"a\":[", "[],", "1]}" },
  { "objects", "{\"a\":[", "{},", "1]}", TRUE },
  { "numbers", "{\"a\":[", "0,", "1]}" },
  { "overflowing numbers", "{\"a\":[99999999999999999999,", "0,", "1]}" },
  { "members", "{", "\"%u\":{},", "\"a\":1}" },
  { "one text", "{\"a\":\"", "aaaaaaaa", "\"}", TRUE },
  { "escapes", "{\"a\":\"", "\\u20ac", "\"}" },
  { "depth", "", "[", "" },
  { "no end", "{\"a\":\"", "aaaaaaaa", "" },
};

static void
test_json (void)
{
  static const struct {
    const char *target, *before;
    gsize size;
    gboolean always;
  } readers[] = { { "config", "", MIB, TRUE }, { "adapter", "", MIB, FALSE },
    { "folder", "0", MIB, FALSE }, { "folder", "1", MIB, FALSE },
    { "folder", "2", 8 * MIB, TRUE }, { "folder", "3", 8 * MIB, FALSE },
    { "folder", "4", 8 * MIB, FALSE }, { "folder", "5", 8 * MIB, TRUE },
    { "line", "", 16 * MIB, FALSE }, { "dataset", "5", 16 * MIB, TRUE },
    { "ledger", "", 16 * MIB, FALSE } };

  for (guint r = 0; r < G_N_ELEMENTS (readers); r++)
    for (guint i = 0; i < G_N_ELEMENTS (jsons); i++) {
      g_autofree char *begin =
          g_strconcat (readers[r].before, jsons[i].begin, NULL);

      if (is_long || (readers[r].always && jsons[i].always))
        check (readers[r].target, jsons[i].what,
            repeat (begin, jsons[i].part, jsons[i].end, readers[r].size - 64));
    }
}

static void
test_safetensors (void)
{
  for (guint i = is_long ? 0 : 1; i < (is_long ? G_N_ELEMENTS (jsons) : 2);
       i++) {
    GByteArray *out = g_byte_array_new ();
    GByteArray *json =
        repeat (jsons[i].begin, jsons[i].part, jsons[i].end, 4 * MIB - 64);

    put_u64 (out, json->len);
    put (out, json->data, json->len);
    g_byte_array_unref (json);
    check ("shard", jsons[i].what, out);
  }
}

/* ---- pickles ---------------------------------------------------------- */

static void
put_pickle_text (GByteArray *out, const char *text)
{
  put_text (out, "X");
  put_u32 (out, (guint32) strlen (text));
  put_text (out, text);
}

/* {"a": .., "b": .., ...}, @n tensors that all share a storage of a long name.
 */
static GByteArray *
shared_storage (guint n, gsize name_bytes)
{
  GByteArray *out = g_byte_array_new ();
  g_autofree char *name = g_strnfill (name_bytes, 'k');

  put_text (out, "\x80\x02}(");
  put_pickle_text (out, "first");
  put_text (out, "ctorch._utils\n_rebuild_tensor_v2\n(");
  put_text (out, "(");
  put_pickle_text (out, "storage");
  put_text (out, "ctorch\nFloatStorage\n");
  put_pickle_text (out, name);
  put_pickle_text (out, "cpu");
  put (out, "K\1tQK\0", 6);
  put (out, "K\1\x85K\1\x85\x89", 7);
  put_text (out, "ccollections\nOrderedDict\n)RtRq");
  put (out, "\1", 1); /* memo 1 is the tensor */
  for (guint i = 0; i < n; i++) {
    char key[16];

    g_snprintf (key, sizeof key, "%u", i);
    put_pickle_text (out, key);
    put (out, "h\1", 2);
  }
  put_text (out, "u.");
  return out;
}

static void
test_pickle (void)
{
  GByteArray *memo = repeat ("\x80\x02Nr", "", "", 0);
  GByteArray *dups = repeat ("\x80\x02N", "222\x87", "0.", 16 * MIB - 64);

  put_u32 (memo, 0xfffff);
  put_text (memo, ".");
  check ("pickle", "memo", memo);
  check ("pickle", "tuples of the same", dups);
  check ("pickle", "lists", repeat ("\x80\x02", "]Na", ".", 8 * MIB));
  check ("pickle", "dictionaries", repeat ("\x80\x02", "}NNs", ".", 8 * MIB));
  check ("pickle", "marks", repeat ("\x80\x02", "(", ".", 8 * MIB));
  check (
      "pickle", "one list", repeat ("\x80\x02](N", "22222222", "e.", 15 * MIB));
  check ("pickle", "a storage of many", shared_storage (1000, MIB));
  check ("pickle", "a storage of most", shared_storage (32768 - 1, 512));
  check ("pickle", "a storage of too many", shared_storage (100000, 512));
}

/* ---- tokenizers, model files ------------------------------------------ */

static void
test_tokenizer (void)
{
  GByteArray *out = g_byte_array_new ();

  for (guint i = 0; i < 600000; i++) {
    char text[16];
    guint8 head[4] = { 0x0a, 0, 0x0a, 0 };

    g_snprintf (text, sizeof text, "%x", i);
    head[3] = (guint8) strlen (text);
    head[1] = head[3] + 2;
    put (out, head, 4);
    put_text (out, text);
  }
  check ("tokenizer", "pieces", out);
}

static void
test_gguf (void)
{
  GByteArray *keys = g_byte_array_new ();
  GByteArray *strings = g_byte_array_new ();
  GByteArray *tensors = g_byte_array_new ();
  g_autofree guint8 *zeros = g_malloc0 ((is_long ? 16 : 4) * MIB);

  put_text (keys, "GGUF");
  put_u32 (keys, 3);
  put_u64 (keys, 0);
  put_u64 (keys, 65536);
  put_text (strings, "GGUF");
  put_u32 (strings, 3);
  put_u64 (strings, 0);
  put_u64 (strings, 1);
  put_text (tensors, "GGUF");
  put_u32 (tensors, 3);
  put_u64 (tensors, 65536);
  put_u64 (tensors, 0);
  for (guint i = 0; i < 65536; i++) {
    char name[16];

    g_snprintf (name, sizeof name, "%x", i);
    put_u64 (keys, strlen (name));
    put_text (keys, name);
    put_u32 (keys, 0); /* a byte */
    put (keys, "", 1);
    put_u64 (tensors, strlen (name));
    put_text (tensors, name);
    put_u32 (tensors, 1);
    put_u64 (tensors, 1);
    put_u32 (tensors, 0); /* F32 */
    put_u64 (tensors, 32 * (guint64) i);
  }
  put (tensors, zeros, 2 * MIB + 32);
  put_u64 (strings, 1);
  put_text (strings, "s");
  put_u32 (strings, 9);
  put_u32 (strings, 8);
  put_u64 (strings, (is_long ? 2 * MIB : MIB / 2));
  put (strings, zeros, (is_long ? 16 : 4) * MIB);
  check ("gguf", "keys", keys);
  check ("gguf", "empty strings", strings);
  check ("gguf", "tensors", tensors);
}

/* ---- data sets -------------------------------------------------------- */

static void
test_dataset (void)
{
  check ("dataset", "short fields",
      repeat ("7", ",,,,,,,,,,,,,,,,,,,,,,,,,,", "", (is_long ? 16 : 4) * MIB));
  check ("dataset", "one field",
      repeat ("7", "aaaaaaaa", "", (is_long ? 16 : 4) * MIB));
  check ("dataset", "one quoted field",
      repeat ("7\"", "aaaaaaaa", "\"", (is_long ? 16 : 4) * MIB));
  check ("dataset", "one long field", repeat ("7", "aaaaaaaa", "", 20 * MIB));
  check ("dataset", "one long quoted field",
      repeat ("7\"", "aaaaaaaa", "\"", 20 * MIB));
  check ("dataset", "shortest rows", repeat ("8", "a,1\n", "", 1 * MIB));
  check ("dataset", "short objects",
      repeat ("5[",
          "{\"question_id\":1,"
          "\"image\":\"\",\"text\":\"\",\"label\":\"no\"},",
          "1]", (is_long ? 48 : 4) * MIB));
  check ("dataset", "records",
      repeat ("5",
          "{\"question_id\":1,\"image\":\"\","
          "\"text\":\"\",\"label\":\"no\"}\n",
          "", 2 * MIB));
  check ("dataset", "an array of records",
      repeat ("5[",
          "{\"question_id\":1,"
          "\"image\":\"\",\"text\":\"\",\"label\":\"no\"},",
          "1]", 8 * MIB));
}

/* ---- pictures --------------------------------------------------------- */

static void
put_chunk (GByteArray *out, const char *name, const guint8 *data, guint32 n)
{
  const guint32 length = GUINT32_TO_BE (n);

  put (out, &length, 4);
  put_text (out, name);
  put (out, data, n);
  put_u32 (out, 0); /* mended */
}

/* One pixel, and texts and a profile that grow a thousand times. */
static void
test_png (void)
{
  static const guint8 head[] = { 0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0 };
  static const guint8 pixel[] = { 0, 7 };
  GByteArray *out = g_byte_array_new ();
  g_autofree guint8 *zeros = g_malloc0 (7 * MIB);
  uLongf n = compressBound (7 * MIB);
  g_autofree guint8 *text = g_malloc (n + 3);
  guint8 squeezed[64];
  uLongf n_squeezed = sizeof squeezed;

  memcpy (text, "k\0", 3);
  memset (zeros, 'a', 7 * MIB);
  g_assert_cmpint (compress (text + 3, &n, zeros, 7 * MIB), ==, Z_OK);
  put (out, "\x89PNG\r\n\x1a\n", 8);
  put_chunk (out, "IHDR", head, sizeof head);
  for (guint i = 0; i < 200; i++)
    put_chunk (out, "zTXt", text, (guint32) n + 3);
  g_assert_cmpint (
      compress (squeezed, &n_squeezed, pixel, sizeof pixel), ==, Z_OK);
  put_chunk (out, "IDAT", squeezed, (guint32) n_squeezed);
  put_chunk (out, "IEND", NULL, 0);
  check ("png", "compressed texts", out);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  is_long = g_getenv ("OWL2_LONG") && *g_getenv ("OWL2_LONG");
  g_test_add_func ("/heap/json", test_json);
  g_test_add_func ("/heap/safetensors", test_safetensors);
  g_test_add_func ("/heap/pickle", test_pickle);
  g_test_add_func ("/heap/tokenizer", test_tokenizer);
  g_test_add_func ("/heap/gguf", test_gguf);
  g_test_add_func ("/heap/dataset", test_dataset);
  g_test_add_func ("/heap/png", test_png);
  return g_test_run ();
}
