/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "targets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <glib/gstdio.h>
#include <zlib.h>

#include "adapter_config.h"
#include "config.h"
#include "heap.h"
#include "hfconfig.h"
#include "pickle.h"
#include "printable.h"
#include "shard.h"
#include "spmodel.h"

#define FILE_NAME "the.file"

/* Results go here, so that no read is optimised away. */
static volatile guint sink;

void
fuzz_check (gboolean ok, const GError *error, const char *file)
{
  g_autofree char *shown = NULL;

  if (ok) {
    g_assert_no_error (error);
    return;
  }
  g_assert_nonnull (error);
  g_assert_true (error->domain == OWL2_ERROR);
  shown = owl2_printable_message (error->message);
  g_assert_true (g_str_has_prefix (error->message, file));
  g_assert_cmpuint (strlen (error->message), <, 2000);
  g_assert_true (g_utf8_validate (shown, -1, NULL));
  for (const char *p = shown; *p; p = g_utf8_next_char (p))
    g_assert_true (owl2_is_printable (g_utf8_get_char (p)));
}

/* The first and last bytes are inside the file only if all are. */
static void
touch (const guint8 *data, gsize size)
{
  if (size > 0)
    sink += data[0] + data[size / 2] + data[size - 1];
}

void
fuzz_gguf (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) config_error = NULL;
  g_autoptr (Owl2Gguf) gguf = owl2_gguf_new (bytes, FILE_NAME, &error);
  const char *const *strings;
  const float *floats;
  const gint32 *ints;
  Owl2Config config;
  guint n;
  gboolean ok;

  fuzz_check (gguf != NULL, error, FILE_NAME);
  if (!gguf)
    return;
  for (guint i = 0; i < owl2_gguf_n_tensors (gguf); i++) {
    const Owl2GgufTensor *t = owl2_gguf_tensor_at (gguf, i);
    guint8 last;

    g_assert_cmpuint (t->offset % 8, ==, 0);
    touch (data + t->offset, t->size_bytes);
    g_assert_true (owl2_gguf_read (gguf, t, t->size_bytes - 1, &last, 1, NULL));
    g_assert_true (last == data[t->offset + t->size_bytes - 1]);
    g_assert_true (owl2_gguf_tensor (gguf, t->name) == t);
  }
  if (owl2_gguf_strings (gguf, "tokenizer.ggml.tokens", &strings, &n, NULL))
    for (guint i = 0; i < n; i++)
      sink += (guint) strlen (strings[i]);
  if (owl2_gguf_f32s (gguf, "tokenizer.ggml.scores", &floats, &n, NULL))
    touch ((const guint8 *) floats, n * sizeof (float));
  if (owl2_gguf_i32s (gguf, "tokenizer.ggml.token_type", &ints, &n, NULL))
    touch ((const guint8 *) ints, n * sizeof (gint32));
  ok = owl2_config_read (&config, gguf, &config_error);
  fuzz_check (ok, config_error, FILE_NAME);
  if (ok) {
    g_autoptr (GArray) table = owl2_config_tensors (&config);

    sink += table->len;
    owl2_config_clear (&config);
  }
}

/* The way of the converter: all bytes in their order, the checksum on the
 * way. */
static void
check_bytes (const ShardTensor *t, gboolean whole)
{
  gsize size = t->n_elements * shard_type_bytes (t->type);
  g_autofree guint8 *bytes = g_malloc (size + 1);
  g_autoptr (GError) error = NULL;

  shard_tensor_prefetch (t, 0, t->n_elements);
  g_assert_true (shard_tensor_read (t, 0, t->n_elements, bytes, &error));
  touch (bytes, size);
  if (shard_tensor_checks_itself (t))
    g_assert_true (whole == (crc32 (0, bytes, (uInt) size) == t->crc));
}

void
fuzz_shard (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (Owl2Input) in = owl2_input_new (bytes, FILE_NAME);
  g_autoptr (GError) error = NULL;
  g_autoptr (Shard) shard = shard_new (in, &error);

  fuzz_check (shard != NULL, error, FILE_NAME);
  if (!shard)
    return;
  for (guint i = 0; i < shard_n_tensors (shard); i++) {
    const ShardTensor *t = shard_tensor_at (shard, i);
    gsize n = (gsize) MIN (t->n_elements, 64);
    g_autoptr (GError) damage = NULL;
    gboolean whole;
    guint8 some[64 * 4];
    float values[64];

    if (t->type == SHARD_OTHER)
      continue;
    g_assert_true (shard_tensor_read (t, t->n_elements - n, n, some, &damage));
    shard_type_decode (t->type, some, n, values);
    whole = shard_tensor_verify (t, &damage);
    fuzz_check (whole, damage, FILE_NAME);
    check_bytes (t, whole);
  }
}

void
fuzz_pickle (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) tensors = pickle_read (data, size, FILE_NAME, &error);

  fuzz_check (tensors != NULL, error, FILE_NAME);
  for (guint i = 0; tensors && i < tensors->len; i++) {
    const PickleTensor *t = g_ptr_array_index (tensors, i);

    g_assert_nonnull (t->name);
    g_assert_cmpuint (t->n_dims, <=, PICKLE_MAX_DIMS);
    g_assert_true ((t->storage_type == NULL) == (t->storage_key == NULL));
  }
}

void
fuzz_tokenizer (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SpModel) model = spmodel_parse (data, size, FILE_NAME, &error);

  fuzz_check (model != NULL, error, FILE_NAME);
  if (!model)
    return;
  g_assert_cmpuint (model->scores->len, ==, model->pieces->len);
  g_assert_cmpuint (model->types->len, ==, model->pieces->len);
  g_assert_cmpuint ((guint) model->unk_id, <, model->pieces->len);
  g_assert_cmpuint ((guint) model->bos_id, <, model->pieces->len);
  g_assert_cmpuint ((guint) model->eos_id, <, model->pieces->len);
}

void
fuzz_config (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  HfConfig hf;
  gboolean ok =
      hfconfig_parse (&hf, (const char *) data, size, FILE_NAME, &error);

  fuzz_check (ok, error, FILE_NAME);
  if (ok) {
    g_autoptr (GArray) table = owl2_config_tensors (&hf.config);

    sink += table->len;
    hfconfig_clear (&hf);
  }
}

void
fuzz_adapter (const guint8 *data, gsize size)
{
  static const char module[] = "model.layers.0.self_attn.k_proj.multiway.1";
  g_autoptr (GError) error = NULL;
  AdapterConfig config;
  double scale;

  if (adapter_config_parse (
          &config, (const char *) data, size, FILE_NAME, &error)) {
    fuzz_check (TRUE, error, FILE_NAME);
    sink += (guint) adapter_config_targets (&config, module);
    g_assert_cmpuint (adapter_config_scale (&config, module, &scale), >, 0);
    g_assert_true (isfinite (scale));
    adapter_config_clear (&config);
  } else {
    fuzz_check (FALSE, error, FILE_NAME);
    g_assert_null (config.root);
  }
}

/* ---- all of them ------------------------------------------------------- */

const FuzzTarget *
fuzz_find (const char *name)
{
  static const FuzzTarget targets[] = {
    { "gguf", fuzz_gguf, FALSE },
    { "shard", fuzz_shard, FALSE },
    { "pickle", fuzz_pickle, FALSE },
    { "tokenizer", fuzz_tokenizer, FALSE },
    { "config", fuzz_config, FALSE },
    { "adapter", fuzz_adapter, FALSE },
    { "folder", fuzz_folder, TRUE },
    { "png", fuzz_png, TRUE },
    { "offer", fuzz_offer, FALSE },
    { "dataset", fuzz_dataset, TRUE },
    { "ledger", fuzz_ledger, TRUE },
    { "line", fuzz_line, FALSE },
    { "prompt", fuzz_prompt, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    if (strcmp (targets[i].name, name) == 0)
      return &targets[i];
  return NULL;
}

guint64
fuzz_run (const FuzzTarget *target, const guint8 *data, gsize size)
{
  const guint64 most = (target->reads ? 2 : 1) * size + HEAP_SLACK;
  guint64 took;

  heap_begin ();
  target->func (data, size);
  took = heap_most ();
  if (took > most)
    g_error ("%s: %" G_GSIZE_FORMAT " bytes took %" G_GUINT64_FORMAT
             " of memory, more than %" G_GUINT64_FORMAT,
        target->name, size, took, most);
  return took;
}

static GPtrArray *left;

static void
remove_left (void)
{
  for (guint i = 0; i < left->len; i++)
    g_remove (g_ptr_array_index (left, i));
  g_ptr_array_unref (left);
}

void
fuzz_at_end (const char *path)
{
  if (!left) {
    left = g_ptr_array_new_with_free_func (g_free);
    atexit (remove_left);
  }
  g_ptr_array_add (left, g_strdup (path));
}

/* Files that are younger than the steps of the file system's clock are waited
 * for by readers, who have no writer here to fear. */
void
g_usleep (gulong microseconds)
{
}
