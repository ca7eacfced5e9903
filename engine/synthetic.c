/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine_private.h"

/* Rows are overlapping windows of one pool of random blocks: each begins one
 * block after the last. The largest weight has 32000 rows. */
#define POOL_ROWS 32768
#define MAX_COLS 11008

typedef struct {
  Owl2Type type;  /* as of a file of mostly this type */
  guint8 **pools; /* one for each type, by owl2_type_index() */
} Synthetic;

const Owl2Config owl2_synthetic_config = {
  .name = (char *) "synthetic 7B",
  .vision = {
    .image_size = 448,
    .patch_size = 14,
    .width = 1024,
    .n_layers = 24,
    .n_heads = 16,
    .mlp = 4096,
    .eps = 1e-6f,
  },
  .abstractor = {
    .width = 1024,
    .n_layers = 6,
    .n_heads = 16,
    .mlp = 2816,
    .n_queries = 64,
    .eps = 1e-6f,
  },
  .decoder = {
    .width = 4096,
    .n_layers = 32,
    .n_heads = 32,
    .n_kv_heads = 32,
    .mlp = 11008,
    .n_vocab = 32000,
    .n_ctx = 4096,
    .eps = 1e-6f,
    .rope_base = 10000.f,
  },
  .image_mean = { 0.48145466f, 0.4578275f, 0.40821073f },
  .image_std = { 0.26862954f, 0.26130258f, 0.27577711f },
};

/* ---- weights ---------------------------------------------------------- */

/* One block of values of about +-0.02, as those of a trained model are. */
static void
fill_block (guint8 *out, const Owl2TypeInfo *type, guint32 *state)
{
  float x[OWL2_MAX_BLOCK];

  for (guint i = 0; i < type->block; i++) {
    *state = *state * 1664525u + 1013904223u;
    x[i] = ((gint32) *state >> 8) * (0.035f / (1 << 23));
  }
  type->encode (x, type->block, out);
}

static guint8 *
make_pool (Owl2Type type)
{
  gsize n = POOL_ROWS + MAX_COLS / owl2_type_block (type) + 1;
  gsize bytes = owl2_type_block_bytes (type);
  guint8 *pool = g_malloc (n * bytes);
  guint32 state = 1;

  for (gsize i = 0; i < n; i++)
    fill_block (pool + i * bytes, owl2_type_info (type), &state);
  return pool;
}

static gboolean
synthetic_tensor (const Owl2TensorSpec *spec, Owl2WeightsData *data,
    gpointer user_data, GError **error)
{
  Synthetic *s = user_data;
  Owl2Type type = owl2_config_tensor_type (spec, s->type);
  guint8 **pool = &s->pools[owl2_type_index (type)];

  if (!*pool)
    *pool = make_pool (type);
  *data = (Owl2WeightsData){ type, *pool, owl2_type_block_bytes (type) };
  return TRUE;
}

/* ---- tokenizer -------------------------------------------------------- */

/* 3 special pieces, the 256 bytes, and the rest never found in a text. */
static Owl2Tokenizer *
make_tokenizer (guint n, GError **error)
{
  g_autoptr (GPtrArray) pieces = g_ptr_array_new_with_free_func (g_free);
  g_autofree float *scores = g_new0 (float, n);
  g_autofree gint32 *types = g_new (gint32, n);
  Owl2Vocab vocab = {
    .scores = scores,
    .types = types,
    .n = n,
    .bos_id = 1,
    .eos_id = 2,
  };

  for (guint i = 0; i < n; i++) {
    types[i] = i == 0    ? OWL2_PIECE_UNKNOWN
               : i < 3   ? OWL2_PIECE_CONTROL
               : i < 259 ? OWL2_PIECE_BYTE
                         : OWL2_PIECE_NORMAL;
    g_ptr_array_add (pieces, i == 0    ? g_strdup ("<unk>")
                             : i < 3   ? g_strdup (i == 1 ? "<s>" : "</s>")
                             : i < 259 ? g_strdup_printf ("<0x%02X>", i - 3)
                                       : g_strdup_printf ("(%u)", i));
  }
  vocab.pieces = (const char *const *) pieces->pdata;
  return owl2_tokenizer_new (&vocab, "synthetic", error);
}

Owl2Model *
owl2_model_synthetic_7b (
    const Owl2ModelParams *params, Owl2Type type, GError **error)
{
  g_autoptr (Owl2Model) model = owl2_model_alloc (params);
  g_autofree guint8 **pools = g_new0 (guint8 *, owl2_n_types ());
  Synthetic synthetic = { type, pools };
  Owl2WeightsSource source = {
    .name = "synthetic 7B",
    .tensor = synthetic_tensor,
    .user_data = &synthetic,
  };
  Owl2Config config = owl2_synthetic_config;
  gboolean ok;

  model->tokenizer = make_tokenizer (config.decoder.n_vocab, error);
  ok = model->tokenizer && owl2_config_check (&config, source.name, error)
       && owl2_model_start (model, params, &config, &source, error);
  for (guint i = 0; i < owl2_n_types (); i++)
    g_free (pools[i]);
  return ok ? g_steal_pointer (&model) : NULL;
}
