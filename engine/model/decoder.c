/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "decoder.h"

#include <math.h>
#include <string.h>

#include "pass.h"
#include "taps.h"

gboolean
owl2_decoder_buffers_init (Owl2DecoderBuffers *b, OvkArena *arena,
    const Owl2Config *config, GError **error)
{
  guint n_ctx = config->decoder.n_ctx, C = MIN (OWL2_DECODER_CHUNK, n_ctx);
  guint R = C + OWL2_PASS_DECODE, wanted = 1 + OWL2_PASS_DECODE;
  guint width = config->decoder.width, mlp = config->decoder.mlp;
  guint kv = config->decoder.n_kv_heads * config->decoder.head_dim;
  gsize pages = (n_ctx + OWL2_PAGE - 1) / OWL2_PAGE;

  memset (b, 0, sizeof *b);
  b->chunk = C;
  return owl2_tensor_alloc (&b->x, arena, R, width, error)
         && owl2_tensor_alloc (&b->h, arena, R, width, error)
         && owl2_tensor_alloc (&b->q, arena, R, width, error)
         && owl2_tensor_alloc (&b->attn, arena, R, width, error)
         && owl2_tensor_alloc (&b->k, arena, R, kv, error)
         && owl2_tensor_alloc (&b->v, arena, R, kv, error)
         && owl2_tensor_alloc (&b->gate, arena, R, mlp, error)
         && owl2_tensor_alloc (&b->up, arena, R, mlp, error)
         && owl2_tensor_alloc (
             &b->logits, arena, wanted, config->decoder.n_vocab, error)
         && ovk_arena_alloc (arena, R * sizeof (Owl2PassRow), &b->rows, error)
         && ovk_arena_alloc (
             arena, wanted * pages * sizeof (guint32), &b->pages, error)
         && ovk_arena_alloc (
             arena, wanted * sizeof (Owl2Result), &b->results, error);
}

/* Rows of one family, and of those the runs of one modality. */
typedef struct {
  guint first, n;
  Owl2Run runs[OWL2_PASS_ROWS];
  guint n_runs;
} Part;

/* A pass on its way through the layers. The first error is kept, and ends it.
 */
typedef struct {
  Owl2Exec *exec;
  const Owl2Config *config;
  const Owl2KvTensors *kv;
  const Owl2DecoderBuffers *b;
  const Owl2Pass *pass;
  Owl2Rows rows;
  Part parts[2]; /* by family */
  guint n;       /* rows */
  const char *label;
  GError *error;
} Way;

static void
part_init (Part *part, const Owl2Pass *pass, guint first, guint n)
{
  part->first = first;
  part->n = n;
  part->n_runs = 0;
  for (guint i = first; i < first + n; i++) {
    guint modality = pass->rows[i].modality;

    if (i > first && part->runs[part->n_runs - 1].modality == modality)
      part->runs[part->n_runs - 1].n++;
    else
      part->runs[part->n_runs++] = (Owl2Run){ i, 1, modality };
  }
}

static OvkCmd *
next (Way *way)
{
  return way->error ? NULL
                    : owl2_exec_next (way->exec, way->label, &way->error);
}

static Owl2Tensor
all (const Way *way, Owl2Tensor tensor)
{
  return owl2_tensor_rows (tensor, 0, way->n);
}

/* h = norm (x), with the weight of the row's modality */
static void
norm (Way *way, const Owl2Tensor w[2])
{
  OvkCmd *cmd = next (way);
  Owl2Tensor h = all (way, way->b->h), x = all (way, way->b->x);

  if (cmd)
    owl2_op_rmsnorm (
        cmd, &h, &x, &w[0], &w[1], &way->rows, way->config->decoder.eps);
}

/* out = x w' (+ out) */
static void
project (
    Way *way, Owl2Tensor out, Owl2Tensor x, const Owl2Tensor *w, gboolean add)
{
  for (Owl2Family f = OWL2_PREFILL; f <= OWL2_DECODE; f++) {
    const Part *part = &way->parts[f];
    Owl2Tensor o = owl2_tensor_rows (out, part->first, part->n);
    Owl2Tensor i = owl2_tensor_rows (x, part->first, part->n);
    OvkCmd *cmd = part->n ? next (way) : NULL;

    if (cmd)
      owl2_op_matmul (cmd, f, &o, &i, w, NULL, OWL2_ACT_NONE, add ? &o : NULL);
  }
}

/* out = h w', with the weight of the row's modality */
static void
project_mam (Way *way, Owl2Tensor out, const Owl2Tensor w[2])
{
  const Owl2Tensor *const pair[2] = { &w[0], &w[1] };
  Owl2Tensor o = all (way, out), h = all (way, way->b->h);

  for (Owl2Family f = OWL2_PREFILL; f <= OWL2_DECODE; f++) {
    const Part *part = &way->parts[f];
    OvkCmd *cmd = part->n ? next (way) : NULL;

    if (cmd)
      owl2_op_matmul_mam (cmd, f, &o, &h, pair, part->runs, part->n_runs);
  }
}

static void
rotate (Way *way, Owl2Tensor x)
{
  guint d = way->config->decoder.head_dim;
  OvkCmd *cmd = next (way);

  x = all (way, x);
  if (cmd)
    owl2_op_rope (cmd, &x, &way->kv->rope, x.cols / d, d, &way->rows);
}

static void
store (Way *way, const Owl2Tensor *pages, Owl2Tensor src)
{
  OvkCmd *cmd = next (way);

  src = all (way, src);
  if (cmd)
    owl2_op_kv_store (
        cmd, pages, &src, way->config->decoder.n_kv_heads, &way->rows);
}

/* Keys that a row of the part sees: the most in prefill, else the mean. */
static guint
count_keys (const Way *way, Owl2Family family)
{
  const Part *part = &way->parts[family];
  guint64 sum = 0;

  if (family == OWL2_PREFILL)
    return way->pass->rows[part->n - 1].position + 1;
  for (guint i = 0; i < part->n; i++)
    sum += way->pass->rows[part->first + i].position + 1;
  return (guint) (sum / part->n);
}

/* attn = attention (q, the layer's keys and values) */
static void
attend (Way *way, guint layer)
{
  guint d = way->config->decoder.head_dim;

  for (Owl2Family f = OWL2_PREFILL; f <= OWL2_DECODE; f++) {
    const Part *part = &way->parts[f];
    Owl2Rows rows = { way->b->rows, part->first };
    Owl2Attention attention = {
      .family = f,
      .rows = &rows,
      .pages = way->b->pages,
      .q = owl2_tensor_rows (way->b->q, part->first, part->n),
      .k = way->kv->k[layer],
      .v = way->kv->v[layer],
      .out = owl2_tensor_rows (way->b->attn, part->first, part->n),
      .n_q = part->n,
      .n_heads = way->config->decoder.n_heads,
      .n_kv_heads = way->config->decoder.n_kv_heads,
      .head_dim = d,
      .q_head_stride = d,
      .scale = 1.f / sqrtf (d),
    };
    OvkCmd *cmd = part->n ? next (way) : NULL;

    if (!cmd)
      continue;
    attention.n_k = count_keys (way, f);
    owl2_op_attention (cmd, &attention);
    if (f == OWL2_PREFILL && way->pass->attention)
      owl2_tap_attention (way->exec, &attention, layer, &way->error);
  }
}

/* gate = silu (gate) * up */
static void
swiglu (Way *way)
{
  Owl2Tensor gate = all (way, way->b->gate), up = all (way, way->b->up);
  OvkCmd *cmd = next (way);

  if (cmd)
    owl2_op_swiglu (cmd, &gate, &gate, &up);
}

static void
record_layer (Way *way, const Owl2DecoderLayer *w, guint layer)
{
  const Owl2DecoderBuffers *b = way->b;

  way->label = "decoder attention";
  norm (way, w->attn_norm);
  project (way, b->q, b->h, &w->q, FALSE);
  project_mam (way, b->k, w->k);
  project_mam (way, b->v, w->v);
  rotate (way, b->q);
  rotate (way, b->k);
  store (way, &way->kv->k[layer], b->k);
  store (way, &way->kv->v[layer], b->v);
  attend (way, layer);
  project (way, b->x, b->attn, &w->out, TRUE);

  way->label = "decoder mlp";
  norm (way, w->ffn_norm);
  project (way, b->gate, b->h, &w->gate, FALSE);
  project (way, b->up, b->h, &w->up, FALSE);
  swiglu (way);
  project (way, b->x, b->gate, &w->down, TRUE);
  if (!way->error)
    owl2_tap_rows (
        way->exec, "hidden", layer, b->x, way->pass->n_prefill, &way->error);
}

gboolean
owl2_decoder_record (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2KvTensors *kv, const Owl2DecoderBuffers *b, const Owl2Pass *pass,
    GError **error)
{
  Way way = {
    .exec = exec,
    .config = &weights->config,
    .kv = kv,
    .b = b,
    .pass = pass,
    .rows = { b->rows, 0 },
    .n = pass->n_prefill + pass->n_decode,
  };

  part_init (&way.parts[OWL2_PREFILL], pass, 0, pass->n_prefill);
  part_init (&way.parts[OWL2_DECODE], pass, pass->n_prefill, pass->n_decode);
  for (guint i = 0; i < weights->config.decoder.n_layers && !way.error; i++)
    record_layer (&way, &weights->decoder.layers[i], i);
  if (!way.error)
    return TRUE;
  g_propagate_error (error, way.error);
  return FALSE;
}
