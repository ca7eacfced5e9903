/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels.h"
#include "matmul_matrix.h"
#include "operand.h"

/* Pieces of what takes long are whole tiles of any kernel, and never parts of a
 * sum. */
#define PIECE_ROWS 64
#define PIECE_COLS 128
#define MV_MAX_ROWS 8  /* rows of x that the vector kernel takes at once */
#define MV_LONG_K 2048 /* columns that twice the invocations take */

static Owl2Tile
lanes_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  guint lanes = caps->subgroup_size;

  return (Owl2Tile){ .workgroup = lanes,
    .rows = MAX (work->family == OWL2_DECODE ? 8 : 16, lanes),
    .cols = MIN (8 * lanes, 128) };
}

/* One row is worth a pipeline of its own: it takes two fifths of the time of
 * eight, so two by themselves take less, too. Four take seven tenths. */
static Owl2Tile
texels_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  guint lanes = caps->subgroup_size;

  return (Owl2Tile){ .workgroup = lanes,
    .rows = work->family == OWL2_PREFILL ? MAX (16, lanes)
            : rows <= 2                  ? 1
            : rows <= 4                  ? 4
                                         : MAX (8, lanes),
    .cols = 4 * lanes };
}

/* Made for a number of rows, each of which has sums of its own: for powers of
 * two alone, so that all of them are compiled before they are needed. */
static guint
mv_rows (guint rows)
{
  return rows <= 2 ? rows : rows <= 4 ? 4 : 8;
}

static Owl2Tile
mv_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  return (Owl2Tile){ .workgroup = work->k >= MV_LONG_K ? 128 : 64,
    .rows = mv_rows (rows),
    .cols = 4 };
}

/* What more columns would bring takes more registers than there are, see
 * tests/gpu-report. */
static Owl2Tile
mv_wide_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  guint lanes = work->k >= MV_LONG_K ? 64 : 32;

  return (Owl2Tile){ .workgroup = lanes,
    .rows = mv_rows (rows),
    .cols = rows <= 2 ? 4 : 2,
    .subgroup = CLAMP (caps->subgroup_size, 1, lanes),
    .eager = owl2_caps_have (caps, OWL2_CAP_GPU) };
}

/* Quants of four bits are read as halves below the normal range. */
static gboolean
mv_wide_fits (const OvkCaps *caps, const Owl2Work *work)
{
  return work->type != OWL2_TYPE_Q4_K || !caps->flushes_halves;
}

static Owl2Tile
square_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  return (Owl2Tile){ .workgroup = 128, .rows = 64, .cols = 64 };
}

/* By type of the weights; see owl2_type_index(). */
static const OvkShader *const matrix_shaders[] =
    OWL2_TYPED_MATRIX (matmul_matrix);
static const OvkShader *const texels_shaders[] = OWL2_TYPED (matmul_texels);
static const OvkShader *const mv_wide_shaders[] = OWL2_TYPED (matmul_mv_wide);
static const OvkShader *const mv_shaders[] = OWL2_TYPED (matmul_mv);
static const OvkShader *const lanes_shaders[] = OWL2_TYPED (matmul_lanes);
static const OvkShader *const tile_shaders[] = OWL2_TYPED (matmul_tile);

static const Owl2Kernel kernels[] = {
  { "matmul_texels", texels_shaders,
      .needs = OWL2_CAP_LANES | OWL2_CAP_SHUFFLE | OWL2_CAP_TEXELS,
      .wants = OWL2_CAP_FAST_SHUFFLE | OWL2_CAP_FAST_TEXELS,
      .families = OWL2_ANY_FAMILY, .tile = texels_tile },
  /* Not for F32, whose products are to be exact. */
  { "matmul_matrix", matrix_shaders, .needs = OWL2_CAP_MATRIX,
      .wants = OWL2_CAP_MATRIX_UNITS, .families = 1 << OWL2_PREFILL,
      .halves = TRUE, .fits = owl2_matrix_fits, .tile = owl2_matrix_tile },
  { "matmul_mv_wide", mv_wide_shaders, .needs = OWL2_CAP_SHUFFLE,
      .wants = OWL2_CAP_GPU, .families = 1 << OWL2_DECODE,
      .max_rows = MV_MAX_ROWS, .fits = mv_wide_fits, .tile = mv_wide_tile },
  { "matmul_mv", mv_shaders, .families = 1 << OWL2_DECODE,
      .max_rows = MV_MAX_ROWS, .tile = mv_tile },
  { "matmul_lanes", lanes_shaders, .needs = OWL2_CAP_LANES,
      .families = OWL2_ANY_FAMILY, .tile = lanes_tile },
  { "matmul_tile", tile_shaders, .families = OWL2_ANY_FAMILY,
      .tile = square_tile },
};

const Owl2KernelTable owl2_matmul_kernels = { "matmul", kernels,
  G_N_ELEMENTS (kernels) };

void
owl2_matmul_piece (OvkCmd *cmd, const Owl2Kernel *kernel, const Owl2Work *work,
    const Owl2Tensor *out, const Owl2Tensor *x, const Owl2Tensor *w,
    const Owl2Tensor *bias, Owl2Act act, const Owl2Tensor *residual)
{
  const OvkCaps *caps = ovk_device_caps (ovk_cmd_device (cmd));
  Owl2Tile tile = kernel->tile (caps, work, x->rows);
  /* Bindings that are not used get something valid. */
  Owl2Operand operands[] = {
    owl2_operand (cmd, x, 0, x->rows, OVK_READ),
    owl2_operand (cmd, w, 0, w->rows, OVK_READ),
    bias ? owl2_operand (cmd, bias, 0, 1, OVK_READ)
         : owl2_operand (cmd, x, 0, x->rows, OVK_READ),
    residual ? owl2_operand (cmd, residual, 0, residual->rows, OVK_READ)
             : owl2_operand (cmd, x, 0, x->rows, OVK_READ),
    owl2_operand (cmd, out, 0, out->rows, OVK_WRITE),
  };
  struct owl2_pc_matmul pc = {
    .m = x->rows,
    .n = w->rows,
    .k = x->cols,
    .then = (bias ? OWL2_MATMUL_BIAS : 0)
            | (act == OWL2_ACT_QUICK_GELU ? OWL2_MATMUL_QUICK_GELU : 0)
            | (residual ? OWL2_MATMUL_RESIDUAL : 0),
    .x_offset = operands[0].offset,
    .x_stride = x->stride,
    .w_offset = operands[1].offset,
    .w_stride = w->stride,
    .b_offset = operands[2].offset,
    .r_offset = operands[3].offset,
    .r_stride = residual ? residual->stride : 0,
    .o_offset = operands[4].offset,
    .o_stride = out->stride,
  };
  guint32 spec[OWL2_SC_MATRIX_COUNT] = {
    [OWL2_SC_WORKGROUP] = tile.workgroup,
    [OWL2_SC_VEC4] = owl2_operand_vec4 (&operands[0], x),
    [OWL2_SC_MATMUL_TILE_M] = tile.rows,
    [OWL2_SC_MATMUL_TILE_N] = tile.cols,
    [OWL2_SC_MATMUL_SUBGROUP] = tile.subgroup,
    [OWL2_SC_MATMUL_EAGER] = tile.eager,
  };
  gsize groups = (gsize) ((x->rows + tile.rows - 1) / tile.rows)
                 * ((w->rows + tile.cols - 1) / tile.cols);

  owl2_explain (
      cmd, OWL2_OP_MATMUL, .kernel = kernel, .work = *work, .rows = x->rows);
  if (kernel->halves) {
    if (!owl2_matrix_halves (cmd, &tile, x, &operands[0], &pc.x_stride))
      return;
    pc.x_offset = operands[0].offset;
    spec[OWL2_SC_VEC4] = FALSE;
    owl2_matrix_spec (caps, &tile, spec);
  }
  owl2_record (cmd, kernel->shaders[owl2_type_index (work->type)], spec,
      kernel->halves ? OWL2_SC_MATRIX_COUNT : OWL2_SC_MATMUL_COUNT, operands,
      &pc, groups);
}

void
owl2_op_matmul (OvkCmd *cmd, Owl2Family family, const Owl2Tensor *out,
    const Owl2Tensor *x, const Owl2Tensor *w, const Owl2Tensor *bias,
    Owl2Act act, const Owl2Tensor *residual)
{
  const OvkCaps *caps = ovk_device_caps (ovk_cmd_device (cmd));
  Owl2Work work = { family, w->type, w->rows, w->cols, FALSE };
  const Owl2Kernel *kernel;
  guint m_piece, n_piece, m, n, m_n, n_n;

  g_return_if_fail (x->cols == w->cols && x->cols > 0);
  g_return_if_fail (out->rows == x->rows && out->cols == w->rows);
  g_return_if_fail (bias == NULL || bias->cols == w->rows);
  g_return_if_fail (
      residual == NULL
      || (residual->rows == out->rows && residual->cols == out->cols));
  g_return_if_fail (w->stride == owl2_tensor_stride (w->type, w->cols));
  g_return_if_fail (w->cols % owl2_type_block (w->type) == 0);
  g_return_if_fail (
      (w->slice.offset
          + w->offset * (gsize) owl2_type_info (w->type)->unit_bytes)
          % 16
      == 0);

  m_piece = owl2_piece_rows (
      cmd, "matmul", x->rows, x, out, residual ? residual : x, NULL);
  n_piece = owl2_piece_rows (cmd, "matmul", w->rows, w, NULL);
  if (m_piece == 0 || n_piece == 0)
    return;
  kernel = owl2_kernel_pick (&owl2_matmul_kernels, caps, &work);
  if (kernel->max_rows)
    m_piece = MIN (m_piece, kernel->max_rows);
  if (kernel->halves)
    m_piece = MIN (m_piece, owl2_matrix_rows (caps, &work));
  m_piece = owl2_piece_work (cmd, MIN (m_piece, x->rows), PIECE_ROWS,
      2.0 * MIN (n_piece, PIECE_COLS) * x->cols);

  for (m = 0; m < x->rows; m += m_n) {
    m_n = MIN (m_piece, x->rows - m);
    for (n = 0; n < w->rows; n += n_n) {
      Owl2Tensor px, pw, pb, pr, po;

      if (m || n)
        ovk_cmd_pause (cmd);
      n_n = owl2_piece_work (
          cmd, MIN (n_piece, w->rows - n), PIECE_COLS, 2.0 * m_n * x->cols);
      px = owl2_tensor_rows (*x, m, m_n);
      pw = owl2_tensor_rows (*w, n, n_n);
      po = owl2_tensor_cols (owl2_tensor_rows (*out, m, m_n), n, n_n);
      if (bias)
        pb = owl2_tensor_cols (*bias, n, n_n);
      if (residual)
        pr = owl2_tensor_cols (owl2_tensor_rows (*residual, m, m_n), n, n_n);
      owl2_matmul_piece (cmd, kernel, &work, &po, &px, &pw, bias ? &pb : NULL,
          act, residual ? &pr : NULL);
      ovk_cmd_add_work (cmd, 2.0 * m_n * n_n * x->cols);
      ovk_cmd_add_matrix (
          cmd, w->rows, w->cols, owl2_operand_rows_bytes (w, n_n));
    }
  }
}
