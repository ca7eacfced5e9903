/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations themselves say which pipelines they need, with the constants
 * that the engine gives them: they are recorded, and only collected. */
#include "gpu_report.h"
#include "ovk_device.h"

/* Rows of weights and columns of each matrix of LLaMA-2-7B, then of ViT-L and
 * the abstractor. */
static const guint decoder_shapes[][2] = { { 4096, 4096 }, { 11008, 4096 },
  { 4096, 11008 }, { 32000, 4096 } };
static const guint vision_shapes[][2] = { { 1024, 588 }, { 3072, 1024 },
  { 1024, 1024 }, { 4096, 1024 }, { 1024, 4096 }, { 2816, 1024 },
  { 1024, 2816 }, { 4096, 1024 } };

typedef struct {
  OvkCmd *cmd;
  const OvkCaps *caps;
  OvkSlice slice; /* what all tensors begin in; nothing is ever read */
  GArray *list;
} Producer;

static Owl2Tensor
tensor (const Producer *p, Owl2Type type, guint rows, guint cols)
{
  return (Owl2Tensor){ .slice = p->slice,
    .type = type,
    .rows = rows,
    .cols = cols,
    .stride = owl2_tensor_stride (type, cols) };
}

/* TRUE if the list has the pipeline already. It is a preferred one if any work
 * prefers it. */
static gboolean
take_known (Producer *p, const Production *made)
{
  for (guint i = 0; i < p->list->len; i++) {
    Production *old = &g_array_index (p->list, Production, i);

    if (ovk_pipeline_equal (&old->key, &made->key)) {
      old->preferred |= made->preferred;
      return TRUE;
    }
  }
  return FALSE;
}

/* Takes what @set has that is new. */
static void
add (Producer *p, const OvkPipelineSet *set, const Owl2Kernel *kernel,
    const Owl2Work *work, gboolean preferred, guint rows)
{
  g_autoptr (GPtrArray) keys = ovk_pipeline_set_list (set);

  for (guint i = 0; i < keys->len; i++) {
    Production made = { .kernel = kernel,
      .key = *(const OvkPipeline *) g_ptr_array_index (keys, i),
      .family = work->family,
      .type = work->type,
      .rows = rows,
      .n = work->n,
      .k = work->k,
      .preferred = preferred,
      .tile = kernel->tile (p->caps, work, rows) };

    if (!take_known (p, &made))
      g_array_append_val (p->list, made);
  }
}

static void
matmul (Producer *p, const Owl2Kernel *kernel, const Owl2Work *work, guint rows)
{
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  Owl2Tensor x = tensor (p, OWL2_TYPE_F32, rows, work->k);
  Owl2Tensor out = tensor (p, OWL2_TYPE_F32, rows, work->n);
  Owl2Tensor w = tensor (p, work->type, work->n, work->k);
  gboolean preferred;

  if (!owl2_kernel_fits (kernel, p->caps, work))
    return;
  preferred = owl2_kernel_pick (&owl2_matmul_kernels, p->caps, work) == kernel;
  owl2_kernels_force (kernel);
  ovk_cmd_collect (p->cmd, set);
  owl2_op_matmul (
      p->cmd, work->family, &out, &x, &w, NULL, OWL2_ACT_NONE, NULL);
  ovk_cmd_collect (p->cmd, NULL);
  owl2_kernels_force (NULL);
  add (p, set, kernel, work, preferred, rows);
}

static void
matmuls (Producer *p, const Owl2Kernel *kernel)
{
  static const guint decode_rows[] = { 1, 2, 4, 8 };

  for (guint t = 0; t < owl2_n_types (); t++) {
    Owl2Type type = owl2_type_at (t)->type;

    for (guint s = 0; s < G_N_ELEMENTS (decoder_shapes); s++) {
      Owl2Work work = { OWL2_DECODE, type, decoder_shapes[s][0],
        decoder_shapes[s][1], FALSE, FALSE };

      for (guint r = 0; r < G_N_ELEMENTS (decode_rows); r++)
        matmul (p, kernel, &work, decode_rows[r]);
      work.family = OWL2_PREFILL;
      matmul (p, kernel, &work, 512);
    }
    for (guint s = 0; s < G_N_ELEMENTS (vision_shapes); s++) {
      Owl2Work work = { OWL2_PREFILL, type, vision_shapes[s][0],
        vision_shapes[s][1], FALSE, FALSE };

      if (work.k % owl2_type_block (type) == 0)
        matmul (p, kernel, &work, 1025);
    }
  }
}

/* @heads of @dim over @n_q queries, in pages of @type or, F32, linear. */
static void
attention (Producer *p, const Owl2Kernel *kernel, Owl2Family family,
    gboolean paged, Owl2Type type, guint heads, guint dim, guint n_q)
{
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  guint cols = heads * dim, n_k = 16 * OWL2_PAGE;
  Owl2Rows rows = { p->slice, 0 };
  Owl2Work work = { family, type, .k = dim, .vec4 = TRUE, .paged = paged };
  Owl2Attention a = { .family = family,
    .rows = paged ? &rows : NULL,
    .pages = p->slice,
    .scratch = p->slice,
    .q = tensor (p, OWL2_TYPE_F32, n_q, cols),
    .out = tensor (p, OWL2_TYPE_F32, n_q, cols),
    .k = tensor (p, type, paged ? heads * n_k : n_k, paged ? dim : cols),
    .n_q = n_q,
    .n_k = n_k,
    .most_keys = n_k,
    .n_heads = heads,
    .n_kv_heads = heads,
    .head_dim = dim,
    .q_head_stride = dim,
    .kv_head_stride = dim,
    .scale = 1.f };
  gboolean preferred;

  if (!owl2_kernel_fits (kernel, p->caps, &work))
    return;
  a.v = a.k;
  preferred =
      owl2_kernel_pick (&owl2_attention_kernels, p->caps, &work) == kernel;
  owl2_kernels_force (kernel);
  ovk_cmd_collect (p->cmd, set);
  owl2_op_attention (p->cmd, &a);
  ovk_cmd_collect (p->cmd, NULL);
  owl2_kernels_force (NULL);
  add (p, set, kernel, &work, preferred, n_q);
}

static void
attentions (Producer *p, const Owl2Kernel *kernel)
{
  for (guint t = 0; t < owl2_n_types (); t++) {
    const Owl2TypeInfo *type = owl2_type_at (t);

    if (!type->is_kv)
      continue;
    attention (p, kernel, OWL2_DECODE, TRUE, type->type, 32, 128, 1);
    attention (p, kernel, OWL2_PREFILL, TRUE, type->type, 32, 128, 512);
  }
  attention (p, kernel, OWL2_PREFILL, FALSE, OWL2_TYPE_F32, 16, 64, 1025);
}

GArray *
production_list (OvkDevice *recorder, const OvkCaps *caps, GError **error)
{
  g_autoptr (OvkCmd) cmd = ovk_cmd_new (recorder, "collecting", error);
  g_autoptr (OvkArena) arena = ovk_arena_new (recorder, "collecting", 4096);
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (Production));
  Producer p = { .cmd = cmd, .caps = caps, .list = list };
  OvkCaps own = *ovk_device_caps (recorder);
  gboolean fine;

  if (!cmd || !ovk_arena_alloc (arena, 1 << 20, &p.slice, error))
    return NULL;
  recorder->gpu.caps = *caps;
  for (guint i = 0; i < owl2_matmul_kernels.n_kernels; i++)
    matmuls (&p, &owl2_matmul_kernels.kernels[i]);
  for (guint i = 0; i < owl2_attention_kernels.n_kernels; i++)
    attentions (&p, &owl2_attention_kernels.kernels[i]);
  recorder->gpu.caps = own;
  fine = ovk_cmd_check (cmd, error);
  return fine ? g_steal_pointer (&list) : NULL;
}
