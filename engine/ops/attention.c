/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels.h"
#include "operand.h"

#define MAX_HEAD_DIM 256
#define LANES_MAX_HEAD_DIM 128 /* 256 takes seven seconds to compile */
#define LANES_MAX_SHARED 16384 /* bytes */
#define PIECE_QUERIES 32       /* at least, of what takes long */
/* Keys of a part of a split, and invocations that take them: few enough for a
 * token of a long sequence to fill a GPU, and as many as pages hold. */
#define PART 256
G_STATIC_ASSERT (PART % OWL2_PAGE == 0);

static guint
count_parts (guint n_keys)
{
  return (n_keys + PART - 1) / PART;
}

gsize
owl2_attention_scratch (
    guint n_q, guint n_heads, guint head_dim, guint most_keys)
{
  return (gsize) n_q * n_heads * count_parts (most_keys) * (head_dim + 2)
         * sizeof (float);
}

static gboolean
is_valid (const Owl2Attention *a, const Owl2Tensor *kv)
{
  if (a->n_q == 0 || a->n_k == 0 || a->n_kv_heads == 0
      || a->n_heads % a->n_kv_heads || a->head_dim == 0
      || a->head_dim > MAX_HEAD_DIM || a->n_q > a->q.rows)
    return FALSE;
  if (!a->rows)
    return a->family == OWL2_PREFILL && kv->type == OWL2_TYPE_F32
           && a->n_k <= kv->rows;
  if (a->family == OWL2_DECODE
      && (a->most_keys == 0
          || a->scratch.size < owl2_attention_scratch (
                 a->n_q, a->n_heads, a->head_dim, a->most_keys)))
    return FALSE;
  return owl2_rows_lie (a->rows, a->n_q) && owl2_type_info (kv->type)->is_kv
         && kv->cols == a->head_dim
         && kv->rows % (a->n_kv_heads * OWL2_PAGE) == 0
         && a->head_dim % owl2_type_block (kv->type) == 0;
}

/* The columns that the heads take, whatever the view says. */
static Owl2Tensor
heads_of (Owl2Tensor t, guint n_heads, guint head_stride, guint head_dim)
{
  t.cols = (n_heads - 1) * head_stride + head_dim;
  return t;
}

/* Keys or values, with as many rows as are bound. */
static Owl2Tensor
keys_of (const Owl2Attention *a, Owl2Tensor t)
{
  if (a->rows)
    return t;
  t.rows = a->n_k;
  return heads_of (t, a->n_kv_heads, a->kv_head_stride, a->head_dim);
}

/* Bytes of the keys, or the values, that are seen, for @pieces queries that
 * each see keys of their own. */
static gsize
seen_bytes (const Owl2Attention *a, const Owl2Tensor *t, guint pieces)
{
  Owl2Tensor row = *t;

  if (!a->rows)
    row.cols = a->n_kv_heads * a->head_dim;
  return pieces
         * owl2_operand_rows_bytes (
             &row, a->rows ? a->n_k * a->n_kv_heads : a->n_k);
}

/* Values that do not depend on the piece. */
static struct owl2_pc_attention
common_pc (const Owl2Attention *a)
{
  guint head = a->rows ? OWL2_PAGE * a->k.stride : a->kv_head_stride;

  return (struct owl2_pc_attention){
    .n_k = a->n_k,
    .n_heads = a->n_heads,
    .group = a->n_heads / a->n_kv_heads,
    .q_head_stride = a->q_head_stride,
    .kv_head_stride = head,
    .kv_page_stride = a->n_kv_heads * head,
    .q_stride = a->q.stride,
    .k_stride = a->k.stride,
    .v_stride = a->v.stride,
    .scale = a->scale,
  };
}

/* The last two bindings of the kernels that go by the table of rows. */
static void
bind_rows (OvkCmd *cmd, const Owl2Attention *a, guint first, guint n,
    Owl2Operand operands[2], struct owl2_pc_attention *pc)
{
  operands[0] = owl2_operand_rows (cmd, a->rows, first, n);
  operands[1] = owl2_operand_bytes (cmd, a->pages, 0, a->pages.size, OVK_READ);
  pc->r_offset = operands[0].offset;
  pc->p_offset = operands[1].offset / 4;
}

/* ---- kernels ---------------------------------------------------------- */

/* The lanes' code is unrolled over the head, so it is made for heads as models
 * have them only. */
static gboolean
lanes_row_fits (const OvkCaps *caps, const Owl2Work *work)
{
  return work->vec4 && work->k <= LANES_MAX_HEAD_DIM;
}

static Owl2Tile
lanes_row_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  return (Owl2Tile){ .workgroup = caps->subgroup_size, .rows = 1, .each = 1 };
}

static Owl2Tile
lanes_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  guint lanes = caps->subgroup_size, each = work->k <= 64 ? 2 : 1;

  return (Owl2Tile){ .workgroup = lanes, .rows = lanes * each, .each = each };
}

static gboolean
is_paged (const OvkCaps *caps, const Owl2Work *work)
{
  return work->paged;
}

static gboolean
is_linear (const OvkCaps *caps, const Owl2Work *work)
{
  return !work->paged && work->type == OWL2_TYPE_F32;
}

static gboolean
lanes_fits (const OvkCaps *caps, const Owl2Work *work)
{
  return lanes_row_fits (caps, work)
         && work->k * lanes_tile (caps, work, 1).rows * sizeof (float)
                <= LANES_MAX_SHARED;
}

static gboolean
lanes_paged_fits (const OvkCaps *caps, const Owl2Work *work)
{
  return work->paged && lanes_fits (caps, work);
}

static gboolean
lanes_linear_fits (const OvkCaps *caps, const Owl2Work *work)
{
  return is_linear (caps, work) && lanes_fits (caps, work);
}

/* A token has as many workgroups as heads, which do not fill a GPU if they are
 * small. Not by the number of keys: another size is another pipeline. */
static Owl2Tile
row_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  gboolean large =
      caps->type != VK_PHYSICAL_DEVICE_TYPE_CPU && caps->max_workgroup >= 256;

  return (Owl2Tile){ .workgroup = large ? 256 : 64, .rows = 1, .each = 1 };
}

static gboolean
split_fits (const OvkCaps *caps, const Owl2Work *work)
{
  return caps->max_workgroup >= PART;
}

static Owl2Tile
split_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  return (Owl2Tile){ .workgroup = PART, .rows = 1, .each = 1, .part = PART };
}

static Owl2Tile
square_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  return (Owl2Tile){ .workgroup = 128, .rows = 32, .each = 1 };
}

/* By type of keys and values; see owl2_type_index(). */
static const OvkShader *const lanes_row_shaders[] =
    OWL2_TYPED_KV (attention_lanes_row);
static const OvkShader *const row_shaders[] = OWL2_TYPED_KV (attention_row);
static const OvkShader *const split_shaders[] = OWL2_TYPED_KV (attention_split);
static const OvkShader *const shuffle_shaders[] =
    OWL2_TYPED_KV (attention_lanes_shuffle_paged);
static const OvkShader *const lanes_shaders[] =
    OWL2_TYPED_KV (attention_lanes_paged);
static const OvkShader *const tile_shaders[] =
    OWL2_TYPED_KV (attention_tile_paged);
/* Those that lie in no pages are F32, the first type. */
static const OvkShader *const linear_shuffle_shaders[] = {
  &owl2_shader_attention_lanes_shuffle
};
static const OvkShader *const linear_lanes_shaders[] = {
  &owl2_shader_attention_lanes
};
static const OvkShader *const linear_tile_shaders[] = {
  &owl2_shader_attention_tile
};

static const Owl2Kernel kernels[] = {
  /* On llvmpipe it wins for a single query already. */
  { "attention_lanes_row", lanes_row_shaders,
      .needs = OWL2_CAP_LANES | OWL2_CAP_SHUFFLE,
      .wants = OWL2_CAP_FAST_SHUFFLE, .families = 1 << OWL2_DECODE,
      .fits = lanes_row_fits, .tile = lanes_row_tile },
  { "attention_split", split_shaders, .wants = OWL2_CAP_GPU,
      .families = 1 << OWL2_DECODE, .fits = split_fits, .tile = split_tile },
  { "attention_row", row_shaders, .families = 1 << OWL2_DECODE,
      .tile = row_tile },
  { "attention_lanes_shuffle_paged", shuffle_shaders,
      .needs = OWL2_CAP_LANES | OWL2_CAP_SHUFFLE,
      .wants = OWL2_CAP_FAST_SHUFFLE, .families = 1 << OWL2_PREFILL,
      .fits = lanes_paged_fits, .tile = lanes_tile },
  { "attention_lanes_paged", lanes_shaders, .needs = OWL2_CAP_LANES,
      .families = 1 << OWL2_PREFILL, .fits = lanes_paged_fits,
      .tile = lanes_tile },
  { "attention_tile_paged", tile_shaders, .families = 1 << OWL2_PREFILL,
      .fits = is_paged, .tile = square_tile },
  { "attention_lanes_shuffle", linear_shuffle_shaders,
      .needs = OWL2_CAP_LANES | OWL2_CAP_SHUFFLE,
      .wants = OWL2_CAP_FAST_SHUFFLE, .families = 1 << OWL2_PREFILL,
      .fits = lanes_linear_fits, .tile = lanes_tile },
  { "attention_lanes", linear_lanes_shaders, .needs = OWL2_CAP_LANES,
      .families = 1 << OWL2_PREFILL, .fits = lanes_linear_fits,
      .tile = lanes_tile },
  { "attention_tile", linear_tile_shaders, .families = 1 << OWL2_PREFILL,
      .fits = is_linear, .tile = square_tile },
};

const Owl2KernelTable owl2_attention_kernels = { "attention", kernels,
  G_N_ELEMENTS (kernels) };

/* ---- the operation ---------------------------------------------------- */

/* What a split finds: a row a query. */
static Owl2Tensor
scratch_of (const Owl2Attention *a)
{
  guint cols = a->n_heads * count_parts (a->most_keys) * (a->head_dim + 2);

  return (Owl2Tensor){ .slice = a->scratch,
    .type = OWL2_TYPE_F32,
    .rows = a->n_q,
    .cols = cols,
    .stride = cols };
}

/* Then that of @n queries, whose operands are @out, @rows and @scratch, is put
 * together. */
static void
join_parts (OvkCmd *cmd, const Owl2Attention *a, guint n, Owl2Operand out,
    Owl2Operand rows, Owl2Operand scratch)
{
  guint32 spec[] = { owl2_workgroup_row (cmd, a->head_dim) };
  Owl2Operand operands[] = { scratch, rows, out };
  struct owl2_pc_attention_join pc = {
    .n_q = n,
    .n_heads = a->n_heads,
    .head_dim = a->head_dim,
    .part = PART,
    .n_parts = count_parts (a->most_keys),
    .s_offset = scratch.offset,
    .o_offset = out.offset,
    .o_stride = a->out.stride,
    .r_offset = rows.offset,
  };

  operands[0].binding.access = OVK_READ;
  owl2_record (cmd, &owl2_shader_attention_join, spec, G_N_ELEMENTS (spec),
      operands, &pc, (gsize) n * a->n_heads);
}

/* Queries of rows @first .. @first + @n - 1; all operands fit. */
static void
attention_piece (OvkCmd *cmd, const Owl2Attention *a, const Owl2Tensor *q,
    const Owl2Tensor *k, const Owl2Tensor *v, guint first, guint n)
{
  struct owl2_pc_attention pc = common_pc (a);
  Owl2Operand operands[7] = {
    owl2_operand (cmd, q, first, n, OVK_READ),
    owl2_operand (cmd, k, 0, k->rows, OVK_READ),
    owl2_operand (cmd, v, 0, v->rows, OVK_READ),
    owl2_operand (cmd, &a->out, first, n, OVK_WRITE),
  };
  gboolean vec4 = a->head_dim % 4 == 0 && a->q_head_stride % 4 == 0
                  && pc.kv_head_stride % 4 == 0
                  && owl2_operand_vec4 (&operands[0], q)
                  && (owl2_type_block (a->k.type) > 1
                      || (owl2_operand_vec4 (&operands[1], k)
                          && owl2_operand_vec4 (&operands[2], v)));
  const OvkCaps *caps = ovk_device_caps (ovk_cmd_device (cmd));
  Owl2Work work = { a->family, a->k.type, .k = a->head_dim, .vec4 = vec4,
    .paged = a->rows != NULL };
  const Owl2Kernel *kernel =
      owl2_kernel_pick (&owl2_attention_kernels, caps, &work);
  Owl2Tile tile = kernel->tile (caps, &work, n);
  guint32 spec[] = { tile.workgroup, vec4, a->head_dim, tile.each };

  if (a->rows)
    bind_rows (cmd, a, first, n, operands + 4, &pc);
  /* Queries of the decode family are of as many sequences. */
  for (guint i = 1; i < 3; i++)
    operands[i].bytes =
        seen_bytes (a, i == 1 ? k : v, a->family == OWL2_DECODE ? n : 1);
  operands[5].bytes = 0; /* a word for 64 keys */
  pc.n_q = n;
  pc.q_offset = operands[0].offset;
  pc.k_offset = operands[1].offset;
  pc.v_offset = operands[2].offset;
  pc.o_offset = operands[3].offset;
  pc.o_stride = a->out.stride;
  pc.n_parts = 1;
  if (tile.part) {
    Owl2Tensor scratch = scratch_of (a);

    operands[6] = owl2_operand (cmd, &scratch, 0, n, OVK_WRITE);
    pc.n_parts = count_parts (a->most_keys);
    pc.s_offset = operands[6].offset;
  }
  owl2_record (cmd, kernel->shaders[owl2_type_index (a->k.type)], spec,
      G_N_ELEMENTS (spec), operands, &pc,
      (gsize) ((n + tile.rows - 1) / tile.rows) * a->n_heads * pc.n_parts);
  if (pc.n_parts > 1)
    join_parts (cmd, a, n, operands[3], operands[4], operands[6]);
}

void
owl2_op_attention (OvkCmd *cmd, const Owl2Attention *a)
{
  double flops = 4.0 * a->n_k * a->n_heads * a->head_dim; /* of a query */
  Owl2Tensor q, k, v, scratch = scratch_of (a);
  guint piece, r, n;

  g_return_if_fail (is_valid (a, &a->k) && is_valid (a, &a->v));
  g_return_if_fail (a->k.type == a->v.type);
  g_return_if_fail (!a->rows || a->k.stride == a->v.stride);
  g_return_if_fail (
      a->n_q <= a->out.rows && a->out.cols == a->n_heads * a->head_dim);

  q = heads_of (a->q, a->n_heads, a->q_head_stride, a->head_dim);
  k = keys_of (a, a->k);
  v = keys_of (a, a->v);
  piece = owl2_piece_rows (cmd, "attention", a->n_q, &q, &a->out,
      a->family == OWL2_DECODE ? &scratch : &q, NULL);
  if (piece == 0
      || !owl2_piece_fits (
          cmd, "attention", "keys", owl2_rows_bytes (&k, k.rows))
      || !owl2_piece_fits (
          cmd, "attention", "values", owl2_rows_bytes (&v, v.rows))
      || !owl2_piece_fits (
          cmd, "attention", "the list of pages", a->pages.size))
    return;

  for (r = 0; r < a->n_q; r += n) {
    if (r)
      ovk_cmd_pause (cmd);
    n = owl2_piece_work (cmd, MIN (piece, a->n_q - r), PIECE_QUERIES, flops);
    owl2_explain (cmd, OWL2_OP_ATTENTION, .family = a->family,
        .type = a->k.type, .cols = a->head_dim, .n_keys = a->most_keys,
        .flag = a->rows != NULL);
    attention_piece (cmd, a, &q, &k, &v, r, n);
    ovk_cmd_add_work (cmd, flops * n);
  }
}

void
owl2_op_attention_probs (
    OvkCmd *cmd, const Owl2Tensor *probs, const Owl2Attention *a)
{
  static const OvkShader *const paged[] = OWL2_TYPED_KV (attention_probs_paged);
  const OvkShader *shader = a->rows ? paged[owl2_type_index (a->k.type)]
                                    : &owl2_shader_attention_probs;
  guint32 spec[] = { owl2_workgroup_row (cmd, a->n_k), FALSE, a->head_dim };
  Owl2Tensor q, k;
  guint piece, r, n;

  g_return_if_fail (is_valid (a, &a->k) && probs->cols == a->n_k);
  g_return_if_fail (probs->rows == a->n_heads * a->n_q);

  q = heads_of (a->q, a->n_heads, a->q_head_stride, a->head_dim);
  k = keys_of (a, a->k);
  piece = owl2_piece_rows (cmd, "attention", probs->rows, probs, NULL);
  if (piece == 0
      || !owl2_piece_fits (
          cmd, "attention", "queries", owl2_rows_bytes (&q, a->n_q))
      || !owl2_piece_fits (
          cmd, "attention", "keys", owl2_rows_bytes (&k, k.rows)))
    return;

  for (r = 0; r < probs->rows; r += n) {
    struct owl2_pc_attention pc = common_pc (a);

    n = MIN (piece, probs->rows - r);
    owl2_explain (cmd, OWL2_OP_ATTENTION_PROBS, .type = a->k.type,
        .cols = a->head_dim, .n_keys = a->n_k, .flag = a->rows != NULL);

    Owl2Operand operands[5] = {
      owl2_operand (cmd, &q, 0, a->n_q, OVK_READ),
      owl2_operand (cmd, &k, 0, k.rows, OVK_READ),
      owl2_operand (cmd, probs, r, n, OVK_READ_WRITE),
    };

    if (a->rows)
      bind_rows (cmd, a, 0, a->n_q, operands + 3, &pc);
    pc.n_q = a->n_q;
    pc.row0 = r;
    pc.rows = n;
    pc.q_offset = operands[0].offset;
    pc.k_offset = operands[1].offset;
    pc.o_offset = operands[2].offset;
    pc.o_stride = probs->stride;
    owl2_record (cmd, shader, spec, G_N_ELEMENTS (spec), operands, &pc, n);
  }
}
