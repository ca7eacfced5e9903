/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Products on matrix units: see shaders/matmul_matrix.comp. */
#include "matmul_matrix.h"

/* Matrices in a subgroup's block of a tile. With matrices of 16 by 16 that is a
 * tile of 64 rows, which are few as prompts are short, by 128 columns, and 21
 * floating point operations for a byte that a subgroup takes from shared
 * memory; see docs/performance.md. */
#define BLOCK_M 2
#define BLOCK_N 4
#define SUBS_M 2
#define SUBS_N 2

G_STATIC_ASSERT (SUBS_M *SUBS_N == OVK_MATRIX_SUBGROUPS);

static guint
units_of (guint k)
{
  return (k + OWL2_MATRIX_SLICE - 1) / OWL2_MATRIX_SLICE
         * (OWL2_MATRIX_SLICE / 8);
}

/* Slices of x and w. The former is at least as large as a matrix of results for
 * each subgroup: no matrix has more than 16 columns. */
static gsize
shared_bytes (const Owl2Tile *tile)
{
  return (gsize) (tile->rows + tile->cols) * (OWL2_MATRIX_SLICE / 8 + 1) * 16;
}

Owl2Tile
owl2_matrix_tile (const OvkCaps *caps, const Owl2Work *work, guint rows)
{
  return (Owl2Tile){ .workgroup = OVK_MATRIX_SUBGROUPS * caps->matrix.subgroup,
    .rows = SUBS_M * BLOCK_M * caps->matrix.m,
    .cols = SUBS_N * BLOCK_N * caps->matrix.n };
}

/* A row of halves with its scale. */
static gsize
row_bytes (guint k)
{
  return (gsize) units_of (k) * 16 + 4;
}

guint
owl2_matrix_rows (const OvkCaps *caps, const Owl2Work *work)
{
  guint tile = owl2_matrix_tile (caps, work, 0).rows;
  gsize most = MIN (OVK_SCRATCH_BYTES, caps->max_storage_range);

  return (guint) (most / row_bytes (work->k) / tile) * tile;
}

/* Slices are whole operations, and the tile's rows and columns whole steps of
 * what the workgroup loads at a time. */
gboolean
owl2_matrix_fits (const OvkCaps *caps, const Owl2Work *work)
{
  Owl2Tile tile = owl2_matrix_tile (caps, work, 0);
  guint units = OWL2_MATRIX_SLICE / 8;

  return OWL2_MATRIX_SLICE % caps->matrix.k == 0 && tile.workgroup % units == 0
         && tile.workgroup <= caps->max_workgroup
         && tile.rows * units % tile.workgroup == 0
         && tile.cols * units % tile.workgroup == 0
         && shared_bytes (&tile) <= caps->max_shared_bytes
         && owl2_matrix_rows (caps, work) > 0;
}

void
owl2_matrix_spec (const OvkCaps *caps, const Owl2Tile *tile, guint32 *spec)
{
  spec[OWL2_SC_MATRIX_M] = caps->matrix.m;
  spec[OWL2_SC_MATRIX_N] = caps->matrix.n;
  spec[OWL2_SC_MATRIX_K] = caps->matrix.k;
  spec[OWL2_SC_MATRIX_SUBS_M] = SUBS_M;
  spec[OWL2_SC_MATRIX_SUBS_N] = SUBS_N;
}

gboolean
owl2_matrix_halves (OvkCmd *cmd, const Owl2Tile *tile, const Owl2Tensor *x,
    Owl2Operand *halves, guint32 *units)
{
  guint rows = (x->rows + tile->rows - 1) / tile->rows * tile->rows;
  Owl2Operand operands[] = {
    owl2_operand (cmd, x, 0, x->rows, OVK_READ),
    { .offset = 0 },
  };
  struct owl2_pc_matmul_halves pc = {
    .rows = x->rows,
    .cols = x->cols,
    .x_offset = operands[0].offset,
    .x_stride = x->stride,
    .units = units_of (x->cols),
    .s_offset = rows * units_of (x->cols) * 4,
  };
  guint32 spec[] = {
    [OWL2_SC_WORKGROUP] = owl2_workgroup_row (cmd, x->cols / 4),
    [OWL2_SC_VEC4] = owl2_operand_vec4 (&operands[0], x),
  };
  OvkBinding *to = &operands[1].binding;

  if (!ovk_cmd_scratch (cmd, &to->slice))
    return FALSE;
  to->slice.size = rows * row_bytes (x->cols);
  to->access = OVK_WRITE;
  owl2_record (cmd, &owl2_shader_matmul_halves, spec, G_N_ELEMENTS (spec),
      operands, &pc, x->rows);
  *halves = operands[1];
  halves->binding.access = OVK_READ;
  halves->offset = pc.s_offset;
  *units = pc.units;
  return TRUE;
}

guint64
owl2_ops_scratch_bytes (OvkDevice *dev)
{
  return owl2_caps_have (ovk_device_caps (dev), OWL2_CAP_MATRIX_UNITS)
             ? OVK_SCRATCH_BYTES
             : 0;
}
