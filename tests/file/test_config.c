/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tensor table against the published list of the full-size model, and the
 * checks of hyperparameters. */
#include "config.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* The full-size model: LLaMA-2-7B, ViT-L/14 at 448 pixels. */
static Owl2Config
full_size (void)
{
  Owl2Config c = {
    .vision = { .image_size = 448,
        .patch_size = 14,
        .width = 1024,
        .n_layers = 24,
        .n_heads = 16,
        .mlp = 4096,
        .eps = 1e-6f },
    .abstractor = { .width = 1024,
        .n_layers = 6,
        .n_heads = 16,
        .mlp = 2816,
        .n_queries = 64,
        .eps = 1e-6f },
    .decoder = { .width = 4096,
        .n_layers = 32,
        .n_heads = 32,
        .n_kv_heads = 32,
        .mlp = 11008,
        .n_vocab = 32000,
        .n_ctx = 2048,
        .eps = 1e-6f,
        .rope_base = 10000.f },
    .image_mean = { 0.5f, 0.5f, 0.5f },
    .image_std = { 0.25f, 0.25f, 0.25f },
  };

  return c;
}

static void
test_derived (void)
{
  g_autoptr (GError) error = NULL;
  Owl2Config c = full_size ();

  g_assert_true (owl2_config_check (&c, "test", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (c.vision.grid, ==, 32);
  g_assert_cmpuint (c.vision.n_tokens, ==, 1025);
  g_assert_cmpuint (c.vision.head_dim, ==, 64);
  g_assert_cmpuint (c.abstractor.head_dim, ==, 64);
  g_assert_cmpuint (c.decoder.head_dim, ==, 128);
}

/* As the list writes it. */
static char *
shape_of (const Owl2TensorSpec *spec)
{
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint d = 0; d < spec->n_source_dims; d++)
    g_string_append_printf (
        out, "%s%" G_GUINT64_FORMAT, d ? "," : "", spec->source_dims[d]);
  return g_strdup (out->str);
}

static void
test_full_size_table (void)
{
  g_autofree char *path = g_build_filename (
      g_getenv ("OWL2_TEST_DATA"), "full_size_tensors.tsv", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GHashTable) published = g_hash_table_new_full (
      g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_strfreev);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GArray) table = NULL;
  g_autoptr (GError) error = NULL;
  Owl2Config c = full_size ();
  guint64 n_elements = 0;
  guint n_parameters = 0, n_buffers = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 1; lines[i] && lines[i][0]; i++) {
    GStrv columns = g_strsplit (lines[i], "\t", 4);

    g_assert_cmpuint (g_strv_length (columns), ==, 4);
    g_hash_table_insert (published, columns[0], columns);
  }
  g_assert_cmpuint (g_hash_table_size (published), ==, 894);
  g_assert_true (owl2_config_check (&c, "test", &error));
  table = owl2_config_tensors (&c);
  g_assert_cmpuint (table->len, ==, 862);
  for (guint i = 0; i < table->len; i++) {
    const Owl2TensorSpec *spec = &g_array_index (table, Owl2TensorSpec, i);
    GStrv row = g_hash_table_lookup (published, spec->source);
    g_autofree char *shape = shape_of (spec);
    gboolean is_buffer;
    guint64 n = 1;

    g_assert_nonnull (row);
    g_assert_cmpstr (shape, ==, row[1]);
    for (guint d = 0; d < spec->n_source_dims; d++)
      n *= spec->source_dims[d];
    g_assert_cmpuint (n, ==, spec->rows * spec->cols);
    g_assert_true (spec->n_dims == 2 || spec->rows == 1);
    g_assert_cmpuint (strlen (spec->name), <=, 63);
    g_assert_true (g_hash_table_add (names, (gpointer) spec->name));
    is_buffer = strcmp (row[3], "buffer") == 0;
    g_assert_cmpint (spec->computable, ==, is_buffer);
    n_buffers += is_buffer;
    n_parameters += !is_buffer;
    n_elements += is_buffer ? 0 : n;
    /* Every tensor once. */
    g_hash_table_remove (published, spec->source);
  }
  g_assert_cmpuint (n_parameters, ==, 850);
  g_assert_cmpuint (n_buffers, ==, 12);
  g_assert_cmpuint (n_elements, ==, 8197859328);
  g_assert_cmpuint (g_hash_table_size (published), ==, 32); /* inv_freq */
}

/* What a number outside its limits, or not agreeing, is answered with. */
static void
refuse (const Owl2Config *config, const char *text)
{
  g_autoptr (GError) error = NULL;
  Owl2Config c = *config;

  g_assert_false (owl2_config_check (&c, "some file", &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
  g_assert_true (g_str_has_prefix (error->message, "some file: "));
  if (!strstr (error->message, text))
    g_error ("'%s' is not in: %s", text, error->message);
}

#define REFUSE(field, value, text)                                             \
  G_STMT_START                                                                 \
  {                                                                            \
    Owl2Config c_ = full_size ();                                              \
    c_.field = (value);                                                        \
    refuse (&c_, text);                                                        \
  }                                                                            \
  G_STMT_END

static void
test_limits (void)
{
  REFUSE (decoder.width, 0, "embedding_length is 0");
  REFUSE (decoder.width, 1 << 20, "embedding_length is 1048576");
  REFUSE (decoder.width, 4095, "not divisible by 32");
  REFUSE (decoder.n_layers, 100000, "block_count");
  REFUSE (decoder.n_heads, 4096, "head_count is 4096");
  REFUSE (decoder.n_heads, 1, "4096 wide");
  REFUSE (decoder.n_kv_heads, 5, "no multiple of 5");
  REFUSE (decoder.n_kv_heads, 64, "no multiple of 64");
  REFUSE (decoder.n_vocab, 1 << 18, "vocab_size is 262144");
  REFUSE (decoder.n_ctx, 0, "context_length is 0");
  REFUSE (decoder.eps, 0.f, "rms_epsilon is 0");
  REFUSE (decoder.eps, NAN, "nan");
  REFUSE (decoder.rope_base, INFINITY, "freq_base is inf");
  REFUSE (decoder.rope_base, -1.f, "freq_base is -1");
  REFUSE (vision.image_size, 450, "450 is no multiple of patch size 14");
  REFUSE (vision.patch_size, 0, "patch_size is 0");
  REFUSE (vision.patch_size, 1, "448 patches");
  REFUSE (vision.width, 2048, "differ");
  REFUSE (abstractor.width, 2048, "differ");
  REFUSE (abstractor.n_queries, G_MAXUINT, "query_count is 4294967295");
  REFUSE (abstractor.eps, 1.f, "ffn_norm_epsilon is 1");
  REFUSE (image_mean[1], NAN, "image_mean 1");
  REFUSE (image_std[2], 0.f, "image_std 2");
}

/* Through a file, and back the same. */
static void
test_file (void)
{
  g_autofree char *dir = g_dir_make_tmp ("owl2-config-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "c.gguf", NULL);
  static const char *const tokens[] = { "a", "b" };
  g_autoptr (GError) error = NULL;
  Owl2Config c = full_size (), back;
  /* Without the padding behind the last member. */
  gsize size = G_STRUCT_OFFSET (Owl2Config, image_mode) + sizeof (c.image_mode);

  c.name = g_strdup ("a name");
  c.recipe = g_strdup ("of another version");
  g_assert_true (owl2_config_check (&c, "test", &error));
  for (guint pass = 0; pass < 5; pass++) {
    g_autoptr (Owl2GgufWriter) w = owl2_gguf_writer_new (path, &error);
    g_autoptr (Owl2Gguf) gguf = NULL;

    g_assert_no_error (error);
    c.image_mode = (Owl2ImageMode) (pass % 4);
    owl2_config_write (&c, w);
    if (pass == 4)
      owl2_gguf_writer_strings (w, "tokenizer.ggml.tokens", tokens, 2);
    g_assert_true (owl2_gguf_writer_finish (w, &error));
    gguf = owl2_gguf_open (path, &error);
    g_assert_no_error (error);
    g_assert_cmpint (owl2_gguf_has (gguf, "mplug-owl2.vision.image_mode"), ==,
        c.image_mode != OWL2_IMAGE_AUTO);
    if (pass == 4) {
      g_assert_false (owl2_config_read (&back, gguf, &error));
      g_assert_nonnull (strstr (error->message, "2 tokens"));
      g_assert_null (back.name);
      break;
    }
    g_assert_true (owl2_config_read (&back, gguf, &error));
    g_assert_no_error (error);
    g_assert_cmpstr (back.name, ==, "a name");
    g_assert_cmpstr (back.recipe, ==, "of another version");
    g_free (back.name);
    g_free (back.recipe);
    back.name = c.name;
    back.recipe = c.recipe;
    g_assert_cmpmem (&back, size, &c, size);
  }
  owl2_config_clear (&c);
  g_unlink (path);
  g_rmdir (dir);
}

/* ---- files that are something else ------------------------------------ */

/* A file of the full-size configuration, with one string or number more, and
 * one tensor; the message that it gets, NULL if it is taken. */
static const struct {
  const char *arch, *key, *text;
  guint value;
  const char *tensor;
  const char *message[3];
} others[] = {
  { OWL2_ARCH, NULL, NULL, 0, "blk.31.attn_q.weight", { NULL } },
  { OWL2_ARCH, NULL, NULL, 0, "v.blk.23.ln1.weight", { NULL } },
  { OWL2_ARCH, NULL, NULL, 0, "blk.32", { NULL } },
  { OWL2_ARCH, "split.count", NULL, 1, "x", { NULL } },
  { OWL2_ARCH, "general.type", "model", 0, "x", { NULL } },
  { OWL2_ARCH, OWL2_ARCH ".recipe", "quality", 0, "x", { NULL } },
  { OWL2_ARCH, OWL2_ARCH ".recipe",
      "a name of more bytes than any recipe has, all of them printable..", 0,
      "x", { "recipe' is 'a name of", "not a name of 1 to 64 printable" } },
  { OWL2_ARCH, OWL2_ARCH ".recipe", "a\nb", 0, "x", { "1 to 64 printable" } },
  { OWL2_ARCH, OWL2_ARCH ".recipe", "", 0, "x", { "1 to 64 printable" } },
  { OWL2_ARCH, OWL2_ARCH ".recipe", NULL, 3, "x", { "recipe'" } },
  { OWL2_ARCH, "split.count", NULL, 3, "x",
      { "is part 1 of 3 of a model", "join them" } },
  { NULL, "split.count", NULL, 7, "x", { "is part 1 of 7 of a model" } },
  { "llama", NULL, NULL, 0, "x",
      { "general.architecture is 'llama', not 'mplug-owl2'",
          "the model 'a name' is another kind of model" } },
  { "clip", "general.type", "mmproj", 0, "x",
      { "general.architecture is 'clip'", "the mmproj 'a name'" } },
  { OWL2_ARCH, "general.type", "adapter", 0, "x",
      { "general.type is 'adapter', not 'model'" } },
  { OWL2_ARCH, "mplug-owl2.vision.image_mode", "pad", 0, "x", { NULL } },
  { OWL2_ARCH, "mplug-owl2.vision.image_mode", "square", 0, "x",
      { "image_mode' is 'square', not 'stretch', 'pad' or 'crop'" } },
  { OWL2_ARCH, "mplug-owl2.vision.image_mode", "auto", 0, "x",
      { "is 'auto', not" } },
  { OWL2_ARCH, "mplug-owl2.vision.image_mode", "Pad", 0, "x",
      { "is 'Pad', not" } },
  { OWL2_ARCH, "mplug-owl2.vision.image_mode", NULL, 2, "x", { "image_mode" } },
  { "\033[2Ja\nb", NULL, NULL, 0, "x", { "is '\033[2Ja\nb'" } },
  { OWL2_ARCH, NULL, NULL, 0, "blk.32.attn_q.weight",
      { "'mplug-owl2.block_count' is 32", "layer 32, as 'blk.32.attn_q.weight'",
          "needs 33 layers" } },
  { OWL2_ARCH, NULL, NULL, 0, "blk.79.x",
      { "'mplug-owl2.block_count' is 32", "needs 80 layers" } },
  { OWL2_ARCH, NULL, NULL, 0, "v.blk.24.ln1.weight",
      { "'mplug-owl2.vision.block_count' is 24", "needs 25 layers" } },
  { OWL2_ARCH, NULL, NULL, 0, "a.blk.6.ln1.weight",
      { "'mplug-owl2.abstractor.block_count' is 6", "needs 7 layers" } },
};

/* As owl2_config_write() does, but of any architecture. */
static void
write_other (const char *path, const Owl2Config *c, guint i)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2GgufWriter) w = owl2_gguf_writer_new (path, &error);
  const float zero = 0;

  g_assert_no_error (error);
  if (g_strcmp0 (others[i].arch, OWL2_ARCH) == 0) {
    owl2_config_write (c, w);
  } else if (others[i].arch) {
    owl2_gguf_writer_string (w, "general.architecture", others[i].arch);
    owl2_gguf_writer_string (w, "general.name", c->name);
  }
  if (others[i].text)
    owl2_gguf_writer_string (w, others[i].key, others[i].text);
  else if (others[i].key)
    owl2_gguf_writer_u32 (w, others[i].key, others[i].value);
  owl2_gguf_writer_tensor (
      w, others[i].tensor, OWL2_TYPE_F32, 1, (guint64[]){ 1 });
  g_assert_true (owl2_gguf_writer_data (w, &zero, 4, &error));
  g_assert_true (owl2_gguf_writer_finish (w, &error));
}

static void
test_others (void)
{
  g_autofree char *dir = g_dir_make_tmp ("owl2-config-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "c.gguf", NULL);
  Owl2Config c = full_size ();

  c.name = g_strdup ("a name");
  g_assert_true (owl2_config_check (&c, "test", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (Owl2Gguf) gguf = NULL;
    Owl2Config back;

    write_other (path, &c, i);
    gguf = owl2_gguf_open (path, &error);
    g_assert_no_error (error);
    if (!others[i].message[0]) {
      g_assert_true (owl2_config_read (&back, gguf, &error));
      owl2_config_clear (&back);
      continue;
    }
    g_assert_false (owl2_config_read (&back, gguf, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE);
    g_assert_true (g_str_has_prefix (error->message, path));
    for (guint m = 0; m < 3 && others[i].message[m]; m++)
      if (!strstr (error->message, others[i].message[m]))
        g_error ("'%s' is not in: %s", others[i].message[m], error->message);
  }
  owl2_config_clear (&c);
  g_unlink (path);
  g_rmdir (dir);
}

/* A name as long as the file. */
static void
test_long_name (void)
{
  g_autofree char *dir = g_dir_make_tmp ("owl2-config-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "c.gguf", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2GgufWriter) w = owl2_gguf_writer_new (path, &error);
  g_autoptr (Owl2Gguf) gguf = NULL;
  Owl2Config c = full_size (), back;

  c.name = g_strnfill (100000, 'x');
  g_assert_true (owl2_config_check (&c, "test", NULL));
  owl2_config_write (&c, w);
  g_assert_true (owl2_gguf_writer_finish (w, &error));
  gguf = owl2_gguf_open (path, &error);
  g_assert_no_error (error);
  g_assert_false (owl2_config_read (&back, gguf, &error));
  g_assert_nonnull (strstr (error->message, "'general.name' has 100000 bytes"));
  owl2_config_clear (&c);
  g_unlink (path);
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/config/derived", test_derived);
  g_test_add_func ("/file/config/full-size-table", test_full_size_table);
  g_test_add_func ("/file/config/limits", test_limits);
  g_test_add_func ("/file/config/file", test_file);
  g_test_add_func ("/file/config/others", test_others);
  g_test_add_func ("/file/config/long-name", test_long_name);
  return g_test_run ();
}
