/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF writer and reader: a round trip through a file, and files with every
 * kind of damage, each of which must give its own message. */
#include "gguf.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* A file being put together by hand. */
typedef struct {
  GByteArray *bytes;
} File;

static void
put (File *f, const void *data, gsize n)
{
  g_byte_array_append (f->bytes, data, (guint) n);
}

static void
put_u32 (File *f, guint32 value)
{
  put (f, &value, 4);
}

static void
put_u64 (File *f, guint64 value)
{
  put (f, &value, 8);
}

static void
put_string (File *f, const char *text)
{
  put_u64 (f, strlen (text));
  put (f, text, strlen (text));
}

static File
begin (guint64 n_tensors, guint64 n_keys)
{
  File f = { g_byte_array_new () };

  put (&f, "GGUF", 4);
  put_u32 (&f, 3);
  put_u64 (&f, n_tensors);
  put_u64 (&f, n_keys);
  return f;
}

static void
put_key (File *f, const char *key, guint32 type)
{
  put_string (f, key);
  put_u32 (f, type);
}

static void
put_tensor (File *f, const char *name, guint32 n_dims, guint64 d0, guint64 d1,
    guint32 type, guint64 offset)
{
  put_string (f, name);
  put_u32 (f, n_dims);
  if (n_dims > 0)
    put_u64 (f, d0);
  for (guint32 d = 1; d < n_dims && d < 8; d++)
    put_u64 (f, d1);
  put_u32 (f, type);
  put_u64 (f, offset);
}

static void
put_zeros (File *f, gsize n)
{
  g_autofree guint8 *zeros = g_malloc0 (n);

  while (f->bytes->len % 32)
    put (f, "", 1);
  put (f, zeros, n);
}

static Owl2Gguf *
parse (File *f, GError **error)
{
  g_autoptr (GBytes) bytes =
      g_byte_array_free_to_bytes (g_steal_pointer (&f->bytes));

  return owl2_gguf_new (bytes, "test.gguf", error);
}

/* The file is refused with one line that has @text in it. */
static void
refused (File *f, const char *text)
{
  g_autoptr (GError) error = NULL;
  Owl2Gguf *gguf = parse (f, &error);

  g_assert_null (gguf);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_true (g_str_has_prefix (error->message, "test.gguf: "));
  g_assert_null (strchr (error->message, '\n'));
  if (!strstr (error->message, text))
    g_error ("'%s' is not in: %s", text, error->message);
}

/* ---- round trip ------------------------------------------------------- */

static const char *const tokens[] = { "<unk>", "\xe2\x96\x81the", "\xff", "" };
static const float scores[] = { 0.f, -1.5f, 1e30f };
static const gint32 types[] = { 1, -2, G_MAXINT32, G_MININT32, 5 };

static void
write_file (const char *path, const guint8 *data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2GgufWriter) w = owl2_gguf_writer_new (path, &error);
  const guint64 dims[4] = { 32, 3, 1, 2 };
  gsize at = 0;

  g_assert_no_error (error);
  owl2_gguf_writer_bool (w, "yes", TRUE); /* unaligns all that follow */
  owl2_gguf_writer_u32 (w, "u32", 4000000000u);
  owl2_gguf_writer_f32 (w, "f32", 1e-6f);
  owl2_gguf_writer_string (w, "string", "gr\xc3\xbc\xc3\x9f\n");
  owl2_gguf_writer_strings (w, "tokens", tokens, G_N_ELEMENTS (tokens));
  owl2_gguf_writer_f32s (w, "scores", scores, G_N_ELEMENTS (scores));
  owl2_gguf_writer_i32s (w, "types", types, G_N_ELEMENTS (types));
  owl2_gguf_writer_strings (w, "none", NULL, 0);
  owl2_gguf_writer_tensor (w, "a", OWL2_TYPE_F16, 1, (guint64[]){ 3 });
  owl2_gguf_writer_tensor (w, "b.weight", OWL2_TYPE_Q8_0, 4, dims);
  owl2_gguf_writer_tensor (w, "c", OWL2_TYPE_F32, 2, (guint64[]){ 2, 5 });
  owl2_gguf_writer_tensor (w, "d", OWL2_TYPE_Q4_K, 2, (guint64[]){ 256, 2 });
  /* 6 + 204 + 40 + 288 bytes, cut where no tensor ends. */
  for (gsize n = 1; at < 538; at += n, n = n * 2 + 1)
    g_assert_true (
        owl2_gguf_writer_data (w, data + at, MIN (n, 538 - at), &error));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (owl2_gguf_writer_finish (w, &error));
  g_assert_no_error (error);
}

static void
check_tensors (const Owl2Gguf *gguf, const guint8 *data)
{
  const struct {
    const char *name;
    Owl2Type type;
    guint n_dims;
    guint64 dims[4];
    gsize size;
  } want[] = {
    { "a", OWL2_TYPE_F16, 1, { 3, 1, 1, 1 }, 6 },
    { "b.weight", OWL2_TYPE_Q8_0, 4, { 32, 3, 1, 2 }, 204 },
    { "c", OWL2_TYPE_F32, 2, { 2, 5, 1, 1 }, 40 },
    { "d", OWL2_TYPE_Q4_K, 2, { 256, 2, 1, 1 }, 288 },
  };

  g_assert_cmpuint (owl2_gguf_n_tensors (gguf), ==, G_N_ELEMENTS (want));
  for (guint i = 0; i < G_N_ELEMENTS (want); i++) {
    const Owl2GgufTensor *t = owl2_gguf_tensor_at (gguf, i);
    guint8 got[288];

    g_assert_true (owl2_gguf_tensor (gguf, want[i].name) == t);
    g_assert_cmpstr (t->name, ==, want[i].name);
    g_assert_cmpint (t->type, ==, want[i].type);
    g_assert_cmpuint (t->n_dims, ==, want[i].n_dims);
    g_assert_cmpmem (
        t->dims, sizeof (t->dims), want[i].dims, sizeof (want[i].dims));
    g_assert_cmpuint (t->size_bytes, ==, want[i].size);
    g_assert_cmpuint (t->offset % 64, ==, 0);
    g_assert_true (owl2_gguf_read (gguf, t, 0, got, t->size_bytes, NULL));
    g_assert_cmpmem (got, t->size_bytes, data, want[i].size);
    g_assert_true (owl2_gguf_read (gguf, t, 3, got, 2, NULL));
    g_assert_cmpmem (got, 2, data + 3, 2);
    data += want[i].size;
  }
  g_assert_null (owl2_gguf_tensor (gguf, "e"));
}

static void
check_keys (const Owl2Gguf *gguf)
{
  g_autoptr (GError) error = NULL;
  const char *const *strings;
  const char *string;
  const float *f32s;
  const gint32 *i32s;
  guint32 u;
  guint n;
  float f;
  gboolean b;

  g_assert_true (owl2_gguf_bool_or (gguf, "yes", FALSE, &b, NULL) && b);
  g_assert_true (owl2_gguf_bool_or (gguf, "no", TRUE, &b, NULL) && b);
  g_assert_true (owl2_gguf_u32 (gguf, "u32", &u, NULL));
  g_assert_cmpuint (u, ==, 4000000000u);
  g_assert_true (owl2_gguf_u32_or (gguf, "no", 7, &u, NULL) && u == 7);
  g_assert_true (owl2_gguf_f32 (gguf, "f32", &f, NULL) && f == 1e-6f);
  g_assert_true (owl2_gguf_string (gguf, "string", &string, NULL));
  g_assert_cmpstr (string, ==, "gr\xc3\xbc\xc3\x9f\n");
  g_assert_true (owl2_gguf_strings (gguf, "tokens", &strings, &n, NULL));
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (tokens));
  for (guint i = 0; i < n; i++)
    g_assert_cmpstr (strings[i], ==, tokens[i]);
  g_assert_true (owl2_gguf_strings (gguf, "none", &strings, &n, NULL));
  g_assert_cmpuint (n, ==, 0);
  g_assert_true (owl2_gguf_f32s (gguf, "scores", &f32s, &n, NULL));
  g_assert_cmpmem (f32s, n * 4, scores, sizeof (scores));
  g_assert_true (owl2_gguf_i32s (gguf, "types", &i32s, &n, NULL));
  g_assert_cmpmem (i32s, n * 4, types, sizeof (types));

  u = 11;
  g_assert_false (owl2_gguf_u32 (gguf, "no", &u, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_clear_error (&error);
  g_assert_false (owl2_gguf_u32_or (gguf, "f32", 3, &u, &error));
  g_assert_nonnull (strstr (error->message, "'f32' is a f32"));
  g_clear_error (&error);
  g_assert_false (owl2_gguf_f32s (gguf, "types", &f32s, &n, &error));
  g_assert_nonnull (strstr (error->message, "array of i32, not of f32"));
  g_clear_error (&error);
  g_assert_false (owl2_gguf_i32s (gguf, "u32", &i32s, &n, &error));
  g_clear_error (&error);
  g_assert_false (owl2_gguf_string (gguf, "tokens", &string, &error));
  g_assert_cmpuint (u, ==, 11);
}

static void
test_round_trip (void)
{
  g_autofree char *dir = g_dir_make_tmp ("owl2-gguf-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "out.gguf", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Gguf) gguf = NULL;
  guint8 data[538];

  for (guint i = 0; i < sizeof (data); i++)
    data[i] = (guint8) (i * 7 + 1);
  write_file (path, data);
  gguf = owl2_gguf_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (owl2_gguf_name (gguf), ==, path);
  check_keys (gguf);
  check_tensors (gguf, data);
  g_unlink (path);
  g_rmdir (dir);
}

/* An unfinished file disappears; what stood there before stays. */
static void
test_unfinished (void)
{
  g_autofree char *dir = g_dir_make_tmp ("owl2-gguf-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "out.gguf", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  Owl2GgufWriter *w;

  g_assert_true (g_file_set_contents (path, "old", 3, NULL));
  w = owl2_gguf_writer_new (path, &error);
  g_assert_no_error (error);
  owl2_gguf_writer_tensor (w, "a", OWL2_TYPE_F32, 1, (guint64[]){ 8 });
  g_assert_true (owl2_gguf_writer_data (w, "0123456789", 10, NULL));
  owl2_gguf_writer_free (w);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "old");
  g_assert_null (owl2_gguf_writer_new (dir, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  g_unlink (path);
  g_rmdir (dir);
}

/* A file in the way of the part file of earlier versions is not ours. */
static void
test_link (void)
{
  g_autofree char *dir = g_dir_make_tmp ("owl2-gguf-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "out.gguf", NULL);
  g_autofree char *part = g_strconcat (path, ".part", NULL);
  g_autofree char *other = g_build_filename (dir, "other", NULL);
  g_autofree char *text = NULL;
  guint8 data[538] = { 0 };

  g_assert_true (g_file_set_contents (other, "theirs", -1, NULL));
  g_assert_cmpint (link (other, part), ==, 0);
  write_file (path, data);
  g_assert_true (g_file_get_contents (part, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "theirs");
  g_unlink (other);
  g_unlink (part);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

/* A full disk ends in an error. The file may grow to 64 KiB here. */
static void
test_full_disk (void)
{
  g_autofree char *dir = g_dir_make_tmp ("owl2-gguf-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "out.gguf", NULL);
  g_autofree guint8 *data = g_malloc0 (1 << 20);
  g_autoptr (GError) error = NULL;
  struct rlimit before, limit;
  Owl2GgufWriter *w;
  gboolean ok;

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  limit = before;
  limit.rlim_cur = 65536;
  w = owl2_gguf_writer_new (path, &error);
  g_assert_no_error (error);
  owl2_gguf_writer_tensor (w, "a", OWL2_TYPE_F32, 1, (guint64[]){ 1 << 18 });
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  ok = owl2_gguf_writer_data (w, data, 1 << 20, &error)
       && owl2_gguf_writer_finish (w, &error);
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_false (ok);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_FAILED);
  owl2_gguf_writer_free (w);
  g_assert_cmpint (g_rmdir (dir), ==, 0); /* nothing is left */
}

/* ---- damage ----------------------------------------------------------- */

static void
test_header (void)
{
  File f = { g_byte_array_new () };

  refused (&f, "header");
  f = (File){ g_byte_array_new () };
  put (&f, "GGML\3\0\0\0", 8);
  refused (&f, "not a GGUF file: starts with 47 47 4d 4c");
  f = (File){ g_byte_array_new () };
  put (&f, "GGUF\2\0\0\0", 8);
  refused (&f, "version 2");
  f = (File){ g_byte_array_new () };
  put (&f, "GGUF\0\0\0\3", 8);
  refused (&f, "big-endian");
  f = begin (G_MAXUINT64, 0);
  refused (&f, "18446744073709551615 tensors");
  f = begin (0, G_MAXUINT64 / 2);
  refused (&f, "keys are too many");
  f = begin (0, 1);
  refused (&f, "file ends at 24");
}

static void
test_bad_keys (void)
{
  File f = begin (0, 1);

  put_u64 (&f, G_MAXUINT64);
  refused (&f, "18446744073709551615 bytes");
  f = begin (0, 1);
  put_u64 (&f, 60000);
  refused (&f, "needs 60000 bytes");
  f = begin (0, 1);
  put_key (&f, "", 4);
  refused (&f, "empty");
  f = begin (0, 1);
  put_key (&f, "a\nb", 4);
  refused (&f, "control characters");
  f = begin (0, 1);
  put_key (&f, "a\xff", 4);
  refused (&f, "not UTF-8");
  f = begin (0, 1);
  put_key (&f, "k", 13);
  refused (&f, "'k': unknown value type 13");
  f = begin (0, 1);
  put_key (&f, "k", 10);
  put_u32 (&f, 0);
  refused (&f, "needs 8 bytes");
  f = begin (0, 1);
  put_key (&f, "k", 7);
  put (&f, "\2", 1);
  refused (&f, "boolean is 2");
  f = begin (0, 1);
  put_key (&f, "k", 8);
  put_u64 (&f, 2);
  put (&f, "a\0", 2);
  refused (&f, "not UTF-8");
  f = begin (0, 2);
  for (guint i = 0; i < 2; i++) {
    put_key (&f, "k", 4);
    put_u32 (&f, 1);
  }
  refused (&f, "'k' is there twice");
}

static void
test_bad_arrays (void)
{
  File f = begin (0, 1);

  put_key (&f, "k", 9);
  for (guint i = 0; i < 1000; i++) {
    put_u32 (&f, 9);
    put_u64 (&f, 1);
  }
  refused (&f, "arrays of arrays");
  f = begin (0, 1);
  put_key (&f, "k", 9);
  put_u32 (&f, 77);
  put_u64 (&f, 0);
  refused (&f, "unknown array type 77");
  for (guint type = 0; type <= 12; type++) {
    if (type == 9)
      continue;
    f = begin (0, 1);
    put_key (&f, "k", 9);
    put_u32 (&f, type);
    put_u64 (&f, G_GUINT64_CONSTANT (1) << 61);
    put_u64 (&f, 0);
    refused (&f, "does not fit");
  }
  f = begin (0, 1);
  put_key (&f, "k", 9);
  put_u32 (&f, 8);
  put_u64 (&f, 2);
  put_string (&f, "abc");
  put_u64 (&f, 4);
  put (&f, "abc", 3);
  refused (&f, "needs 4 bytes");
  f = begin (0, 1);
  put_key (&f, "k", 9);
  put_u32 (&f, 8);
  put_u64 (&f, 1);
  put_u64 (&f, 3);
  put (&f, "a\0b", 3);
  refused (&f, "string 0 has a NUL byte");
  f = begin (0, 1);
  put_key (&f, "k", 9);
  put_u32 (&f, 7);
  put_u64 (&f, 3);
  put (&f, "\0\1\2", 3);
  refused (&f, "boolean 2 is 2");
}

static void
test_bad_alignment (void)
{
  static const guint32 bad[] = { 0, 1, 4, 24, 33, 131072, G_MAXUINT32 };
  File f;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    f = begin (0, 1);
    put_key (&f, "general.alignment", 4);
    put_u32 (&f, bad[i]);
    refused (&f, "not a power of two");
  }
  f = begin (0, 1);
  put_key (&f, "general.alignment", 8);
  put_string (&f, "32");
  refused (&f, "not an integer");
}

static void
test_bad_tensors (void)
{
  const struct {
    guint32 n_dims;
    guint64 d0, d1;
    guint32 type;
    guint64 offset;
    const char *text;
  } bad[] = {
    { 0, 0, 0, 0, 0, "0 dimensions" },
    { 5, 1, 1, 0, 0, "5 dimensions" },
    { G_MAXUINT32, 1, 1, 0, 0, "4294967295 dimensions" },
    { 1, 0, 0, 0, 0, "dimension 0 is 0" },
    { 2, 8, 0, 0, 0, "dimension 1 is 0" },
    { 2, G_MAXUINT64, 2, 0, 0, "too large" },
    { 4, 1 << 16, 1 << 16, 0, 0, "too large" },
    { 1, G_GUINT64_CONSTANT (1) << 62, 1, 0, 0, "too many" },
    { 1, 8, 1, 2, 0, "has type 2" },
    { 1, 8, 1, G_MAXUINT32, 0, "has type 4294967295" },
    { 2, 33, 2, 8, 0, "no whole blocks of 32" },
    { 2, 128, 2, 12, 0, "no whole blocks of 256" },
    { 1, 16, 1, 0, 8, "offset 8 is no multiple" },
    { 1, 17, 1, 0, 0, "needs 68 bytes" },
    { 1, 16, 1, 0, 32, "needs 64 bytes" },
    { 1, 16, 1, 0, G_MAXUINT64 - 31, "needs 64 bytes" },
    { 1, 1000, 1, 0, 0, "needs 4000 bytes" },
  };
  File f;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    f = begin (1, 0);
    put_tensor (&f, "t", bad[i].n_dims, bad[i].d0, bad[i].d1, bad[i].type,
        bad[i].offset);
    put_zeros (&f, 64);
    refused (&f, bad[i].text);
  }
  f = begin (2, 0);
  put_tensor (&f, "a", 1, 16, 1, 0, 0);
  put_tensor (&f, "b", 1, 1, 1, 0, 32);
  put_zeros (&f, 64);
  refused (&f, "tensors 'a' and 'b' overlap");
  f = begin (2, 0);
  put_tensor (&f, "a", 1, 8, 1, 0, 0);
  put_tensor (&f, "a", 1, 8, 1, 0, 32);
  put_zeros (&f, 64);
  refused (&f, "tensor 'a' is there twice");
  f = begin (1, 0);
  put_tensor (&f,
      "a.name.that.is.longer.than.the.sixty-four.bytes.of.the."
      "format.by.far",
      1, 8, 1, 0, 0);
  put_zeros (&f, 64);
  refused (&f, "the limit is 64");
  f = begin (1, 0);
  put_tensor (&f, "a\x7f", 1, 8, 1, 0, 0);
  put_zeros (&f, 64);
  refused (&f, "control characters");
}

/* Numbers of other widths than asked for, as other tools write them. */
static void
test_number_types (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Gguf) gguf = NULL;
  File f = begin (0, 8);
  const double real = 0.5, huge = 1e300;
  guint32 u;
  float value;

  put_key (&f, "u8", 0);
  put (&f, "\xff", 1);
  put_key (&f, "i8", 1);
  put (&f, "\xff", 1);
  put_key (&f, "u16", 2);
  put (&f, "\xff\xff", 2);
  put_key (&f, "i64", 11);
  put_u64 (&f, 5);
  put_key (&f, "u64", 10);
  put_u64 (&f, G_MAXUINT32 + G_GUINT64_CONSTANT (1));
  put_key (&f, "f64", 12);
  put (&f, &real, 8);
  put_key (&f, "huge", 12);
  put (&f, &huge, 8);
  put_key (&f, "i32", 5);
  put_u32 (&f, 0x80000000u);
  gguf = parse (&f, &error);
  g_assert_no_error (error);
  g_assert_true (owl2_gguf_u32 (gguf, "u8", &u, NULL) && u == 255);
  g_assert_true (owl2_gguf_u32 (gguf, "u16", &u, NULL) && u == 65535);
  g_assert_true (owl2_gguf_u32 (gguf, "i64", &u, NULL) && u == 5);
  g_assert_true (owl2_gguf_f32 (gguf, "f64", &value, NULL) && value == 0.5f);
  g_assert_false (owl2_gguf_u32 (gguf, "i8", &u, NULL));
  g_assert_false (owl2_gguf_u32 (gguf, "i32", &u, NULL));
  g_assert_false (owl2_gguf_u32 (gguf, "u64", &u, NULL));
  g_assert_false (owl2_gguf_f32 (gguf, "u8", &value, NULL));
  g_assert_false (owl2_gguf_f32 (gguf, "huge", &value, &error));
  g_assert_nonnull (strstr (error->message, "more than f32 holds"));
}

/* Any beginning of a good file is refused, and nothing is read behind it. */
static void
test_truncations (void)
{
  File f = begin (2, 2);
  g_autoptr (GBytes) whole = NULL;
  gsize size;

  put_key (&f, "k", 9);
  put_u32 (&f, 8);
  put_u64 (&f, 2);
  put_string (&f, "ab");
  put_string (&f, "");
  put_key (&f, "n", 6);
  put_u32 (&f, 0x3f800000);
  put_tensor (&f, "a", 2, 4, 2, 0, 0);
  put_tensor (&f, "b", 1, 4, 1, 0, 32);
  put_zeros (&f, 48);
  whole = g_byte_array_free_to_bytes (f.bytes);
  size = g_bytes_get_size (whole);
  for (gsize n = 0; n <= size; n++) {
    /* A copy of its own, so that a sanitizer sees reads behind it. */
    g_autoptr (GBytes) bytes = g_bytes_new (g_bytes_get_data (whole, NULL), n);
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Gguf) gguf = owl2_gguf_new (bytes, "cut", &error);

    g_assert_true ((gguf != NULL) == (n == size));
    g_assert_true ((error != NULL) == (n < size));
  }
}

static void
test_special_files (void)
{
  static const char *const paths[] = { "/nonexistent/file", "/", "/dev/null",
    "/dev/zero" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (owl2_gguf_open (paths[i], &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    g_assert_true (g_str_has_prefix (error->message, paths[i]));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/gguf/round-trip", test_round_trip);
  g_test_add_func ("/file/gguf/unfinished", test_unfinished);
  g_test_add_func ("/file/gguf/part-is-a-link", test_link);
  g_test_add_func ("/file/gguf/full-disk", test_full_disk);
  g_test_add_func ("/file/gguf/header", test_header);
  g_test_add_func ("/file/gguf/keys", test_bad_keys);
  g_test_add_func ("/file/gguf/arrays", test_bad_arrays);
  g_test_add_func ("/file/gguf/alignment", test_bad_alignment);
  g_test_add_func ("/file/gguf/tensors", test_bad_tensors);
  g_test_add_func ("/file/gguf/number-types", test_number_types);
  g_test_add_func ("/file/gguf/truncations", test_truncations);
  g_test_add_func ("/file/gguf/special-files", test_special_files);
  return g_test_run ();
}
