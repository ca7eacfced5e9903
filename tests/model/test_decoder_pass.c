/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sequences through the decoder alone, and the same ones side by side: the
 * logits of every token are equal to the bit. OWL2_TEST_MODEL names the model
 * file. */
#include <dlfcn.h>
#include <string.h>
#include <vulkan/vulkan.h>

#include "gguf.h"
#include "owl2.h"
#include "pass.h"

#define N_SEQUENCES 4
#define N_TOKENS 5 /* of an answer */
#define POOL 16    /* pages */
#define EACH 3     /* of a sequence */

typedef struct {
  OvkDevice *dev;
  Owl2Gguf *gguf;
  Owl2Config config;
  Owl2Weights *weights;
  Owl2Exec exec;
  OvkArena *arena;
  Owl2DecoderBuffers b;
  Owl2KvTensors kv;
  OvkSlice copy; /* F32 [vocab] */
  GRand *rand;
} Scene;

/* Stands before the loader's. */
static guint n_dispatches;

VKAPI_ATTR void VKAPI_CALL
vkCmdDispatch (VkCommandBuffer cmd, uint32_t x, uint32_t y, uint32_t z)
{
  PFN_vkCmdDispatch real;

  *(void **) &real = dlsym (RTLD_NEXT, "vkCmdDispatch");
  n_dispatches++;
  real (cmd, x, y, z);
}

/* A prompt, of which some rows are features, and what came of it. */
typedef struct {
  guint n_prompt, first_feature, n_features;
  guint32 ids[EACH * OWL2_PAGE];
  OvkSlice features; /* F32 [n_features][width] */
  guint32 pages[EACH];
  guint32 ban;
  guint n;       /* positions that are there */
  guint n_made;  /* tokens */
  float *logits; /* [N_TOKENS][vocab] */
  Owl2Result results[N_TOKENS];
} Sequence;

static void
scene_open (Scene *s, Owl2Type type)
{
  g_autoptr (GError) error = NULL;
  Owl2WeightsSource source;
  guint rows, positions = EACH * OWL2_PAGE, d;
  g_autofree float *table = NULL;

  memset (s, 0, sizeof *s);
  s->rand = g_rand_new_with_seed (7);
  s->dev = ovk_device_new (NULL, &error);
  g_assert_no_error (error);
  s->gguf = owl2_gguf_open (g_getenv ("OWL2_TEST_MODEL"), &error);
  g_assert_no_error (error);
  g_assert_true (owl2_config_read (&s->config, s->gguf, &error));
  source = owl2_weights_source_gguf (s->gguf);
  s->weights = owl2_weights_new (s->dev, &s->config, &source, &error);
  g_assert_no_error (error);
  owl2_weights_upload (s->weights, &source, NULL, NULL, &error);
  g_assert_no_error (error);
  owl2_exec_init (&s->exec, s->dev, &error);
  g_assert_no_error (error);
  s->arena = ovk_arena_new (s->dev, "test", 1 << 20);
  owl2_decoder_buffers_init (&s->b, s->arena, &s->config, &error);
  g_assert_no_error (error);

  d = s->config.decoder.head_dim;
  rows = POOL * s->config.decoder.n_kv_heads * OWL2_PAGE;
  s->kv.type = type;
  s->kv.n_pages = POOL;
  s->kv.k = g_new0 (Owl2Tensor, s->config.decoder.n_layers);
  s->kv.v = g_new0 (Owl2Tensor, s->config.decoder.n_layers);
  for (guint i = 0; i < s->config.decoder.n_layers; i++)
    g_assert_true (
        owl2_tensor_alloc_typed (&s->kv.k[i], s->arena, type, rows, d, &error)
        && owl2_tensor_alloc_typed (
            &s->kv.v[i], s->arena, type, rows, d, &error));
  table = g_new (float, positions *d);
  owl2_rope_table (table, positions, d, s->config.decoder.rope_base);
  g_assert_true (owl2_tensor_alloc (&s->kv.rope, s->arena, positions, d, &error)
                 && ovk_slice_write (
                     s->dev, s->kv.rope.slice, table, positions * d * 4, &error)
                 && ovk_arena_alloc (s->arena, s->config.decoder.n_vocab * 4,
                     &s->copy, &error));
}

static void
scene_close (Scene *s)
{
  owl2_exec_clear (&s->exec);
  ovk_arena_free (s->arena);
  owl2_weights_free (s->weights);
  owl2_config_clear (&s->config);
  owl2_gguf_free (s->gguf);
  ovk_device_unref (s->dev);
  g_free (s->kv.k);
  g_free (s->kv.v);
  g_rand_free (s->rand);
}

/* Prompts of all lengths, the second and the last with a frame. */
static void
make_sequences (Scene *s, Sequence *all)
{
  static const guint lengths[N_SEQUENCES] = { 64, 70, 3, 130 };
  guint width = s->config.decoder.width, pages[POOL];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < POOL; i++) {
    guint other = g_rand_int_range (s->rand, 0, i + 1);

    pages[i] = pages[other];
    pages[other] = i;
  }
  for (guint i = 0; i < N_SEQUENCES; i++) {
    Sequence *q = &all[i];
    g_autofree float *features = NULL;

    *q = (Sequence){ .n_prompt = lengths[i],
      .ban = i == 2 ? 2 : OWL2_ROW_NO_BAN };
    g_assert_cmpuint (q->n_prompt, <=, s->b.chunk);
    for (guint j = 0; j < q->n_prompt; j++)
      q->ids[j] = g_rand_int_range (s->rand, 3, s->config.decoder.n_vocab);
    for (guint j = 0; j < EACH; j++)
      q->pages[j] = pages[i * EACH + j];
    q->logits = g_new0 (float, N_TOKENS * s->config.decoder.n_vocab);
    if (i % 2 == 0)
      continue;
    q->first_feature = 2;
    q->n_features = 9;
    features = g_new (float, q->n_features *width);
    for (guint j = 0; j < q->n_features * width; j++)
      features[j] = (float) g_rand_double_range (s->rand, -1, 1);
    g_assert_true (ovk_arena_alloc (s->arena, q->n_features * width * 4,
                       &q->features, &error)
                   && ovk_slice_write (s->dev, q->features, features,
                       q->n_features * width * 4, &error));
  }
}

static void
add_prompt (Owl2Pass *pass, Sequence *q, guint slot)
{
  guint pages = owl2_pass_add_pages (pass, q->pages, EACH);
  Owl2PassCopy copy = { q->first_feature, q->n_features, q->features };
  Owl2PassRow *row = NULL;

  for (guint i = 0; i < q->n_prompt; i++) {
    gboolean feature =
        i >= q->first_feature && i < q->first_feature + q->n_features;

    row = owl2_pass_add_row (pass, OWL2_PREFILL,
        feature ? OWL2_ROW_GIVEN : q->ids[i], feature, i, pages);
  }
  if (q->n_features)
    g_array_append_val (pass->copies, copy);
  row->result = slot;
  row->ban = q->ban;
  pass->last = TRUE;
  q->n = q->n_prompt;
}

/* Of the token that the results have for it. */
static void
add_token (Owl2Pass *pass, Sequence *q, guint slot)
{
  guint pages = owl2_pass_add_pages (pass, q->pages, EACH);
  Owl2PassRow *row = owl2_pass_add_row (
      pass, OWL2_DECODE, OWL2_ROW_RESULT | slot, 0, q->n++, pages);

  row->result = slot;
  row->ban = q->ban;
}

/* Runs what is in the pass; @rows: the sequences of the wanted rows, in order.
 */
static void
run (Scene *s, Owl2Pass *pass, Sequence *all, const guint *rows)
{
  gsize n_vocab = s->config.decoder.n_vocab, bytes = n_vocab * 4;
  guint first, n = owl2_pass_wanted (pass, &first);
  guint one = g_rand_int_range (s->rand, 0, n);
  Owl2PassLogits copy = { first + one, s->copy };
  g_autofree float *copied = g_new (float, n_vocab);
  g_autoptr (GError) error = NULL;

  g_array_append_val (pass->logits, copy);
  owl2_pass_record (&s->exec, s->weights, &s->kv, &s->b, pass, NULL, &error);
  g_assert_no_error (error);
  owl2_exec_finish (&s->exec, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++) {
    Sequence *q = &all[rows[i]];
    float *logits = q->logits + q->n_made * n_vocab;
    OvkSlice from = s->b.logits.slice, entry = s->b.results;

    from.offset += i * bytes;
    from.size = bytes;
    entry.offset += rows[i] * sizeof (Owl2Result);
    entry.size = sizeof (Owl2Result);
    g_assert_true (ovk_slice_read (s->dev, from, logits, bytes, &error));
    g_assert_true (ovk_slice_read (
        s->dev, entry, &q->results[q->n_made], sizeof (Owl2Result), &error));
    g_assert_cmpuint (q->results[q->n_made].n_bad, ==, 0);
    g_assert_cmpuint (q->results[q->n_made].id, !=, q->ban);
    g_assert_true (
        logits[q->results[q->n_made].id] == q->results[q->n_made].max);
    if (i == one) {
      g_assert_true (ovk_slice_read (s->dev, s->copy, copied, bytes, &error));
      g_assert_cmpmem (copied, bytes, logits, bytes);
    }
    q->n_made++;
  }
  owl2_pass_reset (pass);
}

static void
run_alone (Scene *s, Owl2Pass *pass, Sequence *all, guint i)
{
  add_prompt (pass, &all[i], i);
  run (s, pass, all, &i);
  while (all[i].n_made < N_TOKENS) {
    add_token (pass, &all[i], i);
    run (s, pass, all, &i);
  }
}

/* One prompt after another, beside the tokens of those before, in any order. */
static void
run_together (Scene *s, Owl2Pass *pass, Sequence *all)
{
  for (guint turn = 0;; turn++) {
    guint rows[N_SEQUENCES], order[N_SEQUENCES], n = 0;

    for (guint i = 0; i < N_SEQUENCES; i++) {
      guint other = g_rand_int_range (s->rand, 0, i + 1);

      order[i] = order[other];
      order[other] = i;
    }
    if (turn < N_SEQUENCES) {
      add_prompt (pass, &all[turn], turn);
      rows[n++] = turn;
    }
    for (guint i = 0; i < N_SEQUENCES; i++)
      if (order[i] < turn && all[order[i]].n_made < N_TOKENS) {
        add_token (pass, &all[order[i]], order[i]);
        rows[n++] = order[i];
      }
    if (!n)
      return;
    run (s, pass, all, rows);
  }
}

static void
test_side_by_side (gconstpointer data)
{
  gsize bytes;
  Scene s;
  g_auto (Owl2Pass) pass;
  Sequence alone[N_SEQUENCES], together[N_SEQUENCES];

  scene_open (&s, (Owl2Type) GPOINTER_TO_UINT (data));
  bytes = N_TOKENS * s.config.decoder.n_vocab * sizeof (float);
  owl2_pass_init (&pass);
  make_sequences (&s, alone);
  for (guint i = 0; i < N_SEQUENCES; i++) {
    together[i] = alone[i];
    together[i].logits = g_malloc0 (bytes);
    run_alone (&s, &pass, alone, i);
  }
  run_together (&s, &pass, together);
  for (guint i = 0; i < N_SEQUENCES; i++) {
    g_assert_cmpuint (together[i].n_made, ==, N_TOKENS);
    g_assert_cmpmem (alone[i].logits, bytes, together[i].logits, bytes);
    g_assert_cmpmem (alone[i].results, sizeof alone[i].results,
        together[i].results, sizeof together[i].results);
    g_free (alone[i].logits);
    g_free (together[i].logits);
  }
  scene_close (&s);
}

/* Of a layer: norm, product of q, k and v, their placing, attention, product;
 * norm, product of gate and up, SwiGLU, product. */
#define PER_LAYER 9
/* Embedding; norm, product and argmax of the rows whose logits are wanted. */
#define PER_PASS 4
/* What a GPU makes in parts takes another dispatch: the attention of tokens
 * with more keys than this, and the argmax of more logits. */
#define ATTENTION_PART 256
#define ARGMAX_PART 1024

static guint
count_dispatches (Scene *s, Owl2Pass *pass, Sequence *all, const guint *rows)
{
  guint before = n_dispatches;

  /* Nothing takes so long that it goes in pieces. */
  s->exec.flops_limit = 1e15;
  run (s, pass, all, rows);
  return n_dispatches - before;
}

/* What is recorded for a pass: the fewer, the less a device waits between. */
static void
test_dispatches (void)
{
  const guint rows[] = { 0, 2 };
  Scene s;
  g_auto (Owl2Pass) pass;
  Sequence all[N_SEQUENCES];
  guint n_layers, n, n_pass, n_token;
  gboolean cpu;

  scene_open (&s, OWL2_TYPE_F16);
  n_layers = s.config.decoder.n_layers;
  cpu = ovk_device_caps (s.dev)->type == VK_PHYSICAL_DEVICE_TYPE_CPU;
  n_pass = PER_PASS + (!cpu && s.config.decoder.n_vocab > ARGMAX_PART);
  n_token = PER_LAYER + (!cpu && s.config.decoder.n_ctx > ATTENTION_PART);
  owl2_pass_init (&pass);
  make_sequences (&s, all);
  add_prompt (&pass, &all[0], 0);
  n = count_dispatches (&s, &pass, all, rows);
  g_assert_cmpuint (n, ==, n_pass + n_layers * PER_LAYER);
  add_prompt (&pass, &all[2], 2);
  run (&s, &pass, all, rows + 1);
  add_token (&pass, &all[0], 0);
  add_token (&pass, &all[2], 2);
  n = count_dispatches (&s, &pass, all, rows);
  g_assert_cmpuint (n, ==, n_pass + n_layers * n_token);
  /* A frame amid the words: q, k and v are three products. */
  add_prompt (&pass, &all[1], 1);
  n = count_dispatches (&s, &pass, all, (const guint[]){ 1 });
  g_assert_cmpuint (n, ==, n_pass + n_layers * (PER_LAYER + 2));
  for (guint i = 0; i < N_SEQUENCES; i++)
    g_free (all[i].logits);
  scene_close (&s);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pass/dispatches", test_dispatches);
  g_test_add_data_func (
      "/pass/f32", GUINT_TO_POINTER (OWL2_TYPE_F32), test_side_by_side);
  g_test_add_data_func (
      "/pass/f16", GUINT_TO_POINTER (OWL2_TYPE_F16), test_side_by_side);
  return g_test_run ();
}
