/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "decoder.h"

#include <math.h>
#include <string.h>

#include "look.h"
#include "pass.h"
#include "taps.h"

gboolean
owl2_decoder_buffers_init (Owl2DecoderBuffers *b, OvkArena *arena,
    const Owl2Config *config, GError **error)
{
  guint n_ctx = config->decoder.n_ctx, C = MIN (OWL2_DECODER_CHUNK, n_ctx);
  guint R = C + OWL2_PASS_DECODE, wanted = 1 + OWL2_PASS_DECODE;
  guint lists = OWL2_PASS_RUNS + OWL2_PASS_DECODE;
  guint width = config->decoder.width, mlp = config->decoder.mlp;
  guint kv = config->decoder.n_kv_heads * config->decoder.head_dim;
  gsize pages = (n_ctx + OWL2_PAGE - 1) / OWL2_PAGE;
  gsize scratch = MAX (owl2_argmax_scratch (wanted, config->decoder.n_vocab),
      owl2_attention_scratch (OWL2_PASS_DECODE, config->decoder.n_heads,
          config->decoder.head_dim, n_ctx));

  memset (b, 0, sizeof *b);
  b->chunk = C;
  return owl2_tensor_alloc (&b->x, arena, R, width, error)
         && owl2_tensor_alloc (&b->h, arena, R, width, error)
         && owl2_tensor_alloc (&b->qkv, arena, R, width + 2 * kv, error)
         && owl2_tensor_alloc (&b->attn, arena, R, width, error)
         && owl2_tensor_alloc (&b->gate_up, arena, R, 2 * mlp, error)
         && owl2_tensor_alloc (
             &b->logits, arena, wanted, config->decoder.n_vocab, error)
         && ovk_arena_alloc (arena, R * sizeof (Owl2PassRow), &b->rows, error)
         && ovk_arena_alloc (
             arena, lists * pages * sizeof (guint32), &b->pages, error)
         && ovk_arena_alloc (
             arena, OWL2_PASS_PICKS * sizeof (Owl2Pick), &b->picks, error)
         && ovk_arena_alloc (
             arena, wanted * sizeof (Owl2Result), &b->results, error)
         && ovk_arena_alloc (arena, scratch, &b->scratch, error);
}

/* A run of rows of one modality. */
typedef struct {
  guint first, n;
  guint modality; /* 0 language, 1 vision */
} Run;

/* Rows of one family, and of those the runs of one modality. */
typedef struct {
  guint first, n;
  Run runs[OWL2_PASS_ROWS];
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
      part->runs[part->n_runs++] = (Run){ i, 1, modality };
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

/* x += in w' */
static void
project (Way *way, Owl2Tensor in, const Owl2Tensor *w)
{
  for (Owl2Family f = OWL2_PREFILL; f <= OWL2_DECODE; f++) {
    const Part *part = &way->parts[f];
    Owl2Tensor x = owl2_tensor_rows (way->b->x, part->first, part->n);
    Owl2Tensor i = owl2_tensor_rows (in, part->first, part->n);
    OvkCmd *cmd = part->n ? next (way) : NULL;

    if (cmd)
      owl2_op_matmul (cmd, f, &x, &i, w, NULL, OWL2_ACT_NONE, &x);
  }
}

/* Rows @first .. @first + @n - 1 of out = h w' */
static void
project_joint (Way *way, Owl2Family family, Owl2Tensor out, const Owl2Joint *w,
    guint first, guint n)
{
  Owl2Tensor h = owl2_tensor_rows (way->b->h, first, n);

  out = owl2_tensor_rows (out, first, n);
  for (guint i = 0, col = 0; i < w->n; col += w->w[i++].rows) {
    Owl2Tensor o = owl2_tensor_cols (out, col, w->w[i].rows);
    OvkCmd *cmd = next (way);

    if (cmd)
      owl2_op_matmul (cmd, family, &o, &h, &w->w[i], NULL, OWL2_ACT_NONE, NULL);
  }
}

/* qkv = h w', with the weights of the row's modality */
static void
project_qkv (Way *way, const Owl2Joint w[2])
{
  for (Owl2Family f = OWL2_PREFILL; f <= OWL2_DECODE; f++)
    for (guint i = 0; i < way->parts[f].n_runs; i++) {
      const Run *run = &way->parts[f].runs[i];

      project_joint (
          way, f, way->b->qkv, &w[run->modality], run->first, run->n);
    }
}

/* gate_up = h w' */
static void
project_gate_up (Way *way, const Owl2Joint *w)
{
  for (Owl2Family f = OWL2_PREFILL; f <= OWL2_DECODE; f++)
    if (way->parts[f].n)
      project_joint (
          way, f, way->b->gate_up, w, way->parts[f].first, way->parts[f].n);
}

/* h = the queries of qkv, turned; its keys, turned, and values to their pages
 */
static void
place (Way *way, guint layer)
{
  Owl2PlaceQkv op = {
    .qkv = all (way, way->b->qkv),
    .q = all (way, way->b->h),
    .k = way->kv->k[layer],
    .v = way->kv->v[layer],
    .table = way->kv->rope,
    .n_heads = way->config->decoder.n_heads,
    .n_kv_heads = way->config->decoder.n_kv_heads,
    .rows = &way->rows,
  };
  OvkCmd *cmd = next (way);

  if (cmd)
    owl2_op_place_qkv (cmd, &op);
}

/* Rows from @first on, of the part, that follow one another in one sequence. */
static guint
count_run (const Way *way, const Part *part, guint first)
{
  const Owl2PassRow *row = &way->pass->rows[first];
  guint n = 1;

  while (first + n < part->first + part->n && row[n].pages == row->pages
         && row[n].position == row->position + n)
    n++;
  return n;
}

/* Keys that one of @n rows sees: the most in prefill, else the mean. */
static guint
count_keys (const Way *way, Owl2Family family, guint first, guint n)
{
  guint64 sum = 0;

  if (family == OWL2_PREFILL)
    return way->pass->rows[first + n - 1].position + 1;
  for (guint i = 0; i < n; i++)
    sum += way->pass->rows[first + i].position + 1;
  return (guint) (sum / n);
}

/* attn = attention (h, the layer's keys and values), of @n rows, the first of
 * which is that of @rows, and which see @n_k keys. */
static Owl2Attention
attention_of (
    const Way *way, guint layer, const Owl2Rows *rows, guint n, guint n_k)
{
  guint d = way->config->decoder.head_dim;

  return (Owl2Attention){
    .rows = rows,
    .pages = way->b->pages,
    .q = owl2_tensor_rows (way->b->h, rows->first, n),
    .k = way->kv->k[layer],
    .v = way->kv->v[layer],
    .out = owl2_tensor_rows (way->b->attn, rows->first, n),
    .n_q = n,
    .n_k = n_k,
    .n_heads = way->config->decoder.n_heads,
    .n_kv_heads = way->config->decoder.n_kv_heads,
    .head_dim = d,
    .q_head_stride = d,
    .scale = 1.f / sqrtf (d),
    .scratch = way->b->scratch,
    .most_keys = way->config->decoder.n_ctx,
  };
}

/* That of @n rows from @first on: tokens, or a run of one sequence's prompt. */
static void
attend_rows (Way *way, guint layer, Owl2Family family, guint first, guint n)
{
  Owl2Rows rows = { way->b->rows, first };
  Owl2Attention attention =
      attention_of (way, layer, &rows, n, count_keys (way, family, first, n));
  OvkCmd *cmd = next (way);

  if (!cmd)
    return;
  attention.family = family;
  owl2_op_attention (cmd, &attention);
  if (family == OWL2_PREFILL && way->pass->attention)
    owl2_tap_attention (way->exec, &attention, layer, &way->error);
}

static void
attend (Way *way, guint layer)
{
  const Part *prefill = &way->parts[OWL2_PREFILL];
  const Part *decode = &way->parts[OWL2_DECODE];

  for (guint i = prefill->first, n; i < prefill->first + prefill->n; i += n) {
    n = count_run (way, prefill, i);
    attend_rows (way, layer, OWL2_PREFILL, i, n);
  }
  if (decode->n)
    attend_rows (way, layer, OWL2_DECODE, decode->first, decode->n);
}

/* What rows that want it look at. */
static void
look (Way *way, guint layer)
{
  guint n_layers = way->config->decoder.n_layers;

  for (guint i = 0; i < way->pass->looks->len; i++) {
    const Owl2PassLook *l = &g_array_index (way->pass->looks, Owl2PassLook, i);
    Owl2Rows rows = { way->b->rows, l->row };
    guint n_k = way->pass->rows[l->row].position + 1;
    Owl2Attention a = attention_of (way, layer, &rows, 1, n_k);
    OvkCmd *cmd = next (way);

    if (!cmd)
      return;
    owl2_look_record (cmd, l->to, &a, l->probs, l->first, l->n,
        1.f / (a.n_heads * n_layers), layer > 0);
  }
}

/* gate = silu (gate) * up */
static void
swiglu (Way *way)
{
  guint mlp = way->config->decoder.mlp;
  Owl2Tensor both = all (way, way->b->gate_up);
  Owl2Tensor gate = owl2_tensor_cols (both, 0, mlp);
  Owl2Tensor up = owl2_tensor_cols (both, mlp, mlp);
  OvkCmd *cmd = next (way);

  if (cmd)
    owl2_op_swiglu (cmd, &gate, &gate, &up);
}

static void
record_layer (Way *way, const Owl2DecoderLayer *w, guint layer)
{
  const Owl2DecoderBuffers *b = way->b;
  Owl2Tensor gate = owl2_tensor_cols (b->gate_up, 0, way->config->decoder.mlp);
  gboolean decodes = owl2_pass_decodes (way->pass);

  way->label = decodes ? "decode attention" : "prefill attention";
  norm (way, w->attn_norm);
  project_qkv (way, w->qkv);
  place (way, layer);
  attend (way, layer);
  look (way, layer);
  project (way, b->attn, &w->out);

  way->label = decodes ? "decode mlp" : "prefill mlp";
  norm (way, w->ffn_norm);
  project_gate_up (way, &w->gate_up);
  swiglu (way);
  project (way, gate, &w->down);
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
