/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#include <stdarg.h>

/* Bindings start at multiples of this even where the device asks for less, so
 * that vec4 loads count from the start. */
#define MIN_ALIGN 16

static const OvkCaps *
caps_of (OvkCmd *cmd)
{
  return ovk_device_caps (ovk_cmd_device (cmd));
}

static gsize
binding_align (OvkCmd *cmd)
{
  return MAX (MIN_ALIGN, caps_of (cmd)->storage_align);
}

static gboolean
is_quantised (Owl2Type type)
{
  return owl2_type_block (type) > 1;
}

static gsize
unit_bytes (Owl2Type type)
{
  return owl2_type_info (type)->unit_bytes;
}

/* Bytes of a row that shaders may touch: halves are read as whole words, and
 * rows of weights are padded for it. */
static gsize
row_bytes (const Owl2Tensor *t)
{
  gsize bytes = t->cols * unit_bytes (t->type);
  gsize stride = t->stride * unit_bytes (t->type);

  if (is_quantised (t->type))
    return stride;

  return MIN (stride, (bytes + MIN_ALIGN - 1) & ~(gsize) (MIN_ALIGN - 1));
}

guint
owl2_tensor_stride (Owl2Type type, guint cols)
{
  guint n = MIN_ALIGN / (guint) unit_bytes (type);

  if (is_quantised (type))
    cols =
        (cols / owl2_type_block (type) * owl2_type_block_bytes (type) + 3) / 4;
  return (cols + n - 1) / n * n;
}

gsize
owl2_tensor_bytes (Owl2Type type, guint rows, guint cols)
{
  return (gsize) rows * owl2_tensor_stride (type, cols) * unit_bytes (type);
}

gboolean
owl2_tensor_alloc_typed (Owl2Tensor *tensor, OvkArena *arena, Owl2Type type,
    guint rows, guint cols, GError **error)
{
  OvkSlice slice;

  if (!ovk_arena_alloc (
          arena, owl2_tensor_bytes (type, rows, cols), &slice, error))
    return FALSE;
  *tensor = (Owl2Tensor){ .slice = slice,
    .type = type,
    .rows = rows,
    .cols = cols,
    .stride = owl2_tensor_stride (type, cols) };
  return TRUE;
}

gboolean
owl2_tensor_alloc (
    Owl2Tensor *tensor, OvkArena *arena, guint rows, guint cols, GError **error)
{
  OvkSlice slice;

  if (!ovk_arena_alloc (
          arena, (gsize) rows * cols * sizeof (float), &slice, error))
    return FALSE;
  *tensor = (Owl2Tensor){ .slice = slice,
    .type = OWL2_TYPE_F32,
    .rows = rows,
    .cols = cols,
    .stride = cols };
  return TRUE;
}

Owl2Tensor
owl2_tensor_rows (Owl2Tensor tensor, guint first, guint n)
{
  tensor.offset += (gsize) first * tensor.stride;
  tensor.rows = n;
  return tensor;
}

Owl2Tensor
owl2_tensor_cols (Owl2Tensor tensor, guint first, guint n)
{
  tensor.offset += first;
  tensor.cols = n;
  return tensor;
}

gsize owl2_operand_spill;

guint64
owl2_ops_shaders_hash (void)
{
  return owl2_shaders_hash;
}

Owl2Operand
owl2_operand_bytes (
    OvkCmd *cmd, OvkSlice slice, gsize at, gsize size, OvkAccess access)
{
  gsize start = slice.offset + at;
  gsize aligned = start & ~(binding_align (cmd) - 1);
  gsize end = ((start + size + 3) & ~(gsize) 3) + owl2_operand_spill;
  Owl2Operand operand = { .offset = (guint32) (start - aligned) };

  operand.binding.slice.buffer = slice.buffer;
  operand.binding.slice.offset = aligned;
  operand.binding.slice.size = end - aligned;
  operand.binding.access = access;
  operand.bytes = size;
  return operand;
}

gsize
owl2_operand_rows_bytes (const Owl2Tensor *t, guint n)
{
  return n
         * (t->type == OWL2_TYPE_F32 ? t->cols * sizeof (float)
                                     : row_bytes (t));
}

Owl2Operand
owl2_operand (
    OvkCmd *cmd, const Owl2Tensor *t, guint first, guint n, OvkAccess access)
{
  gsize es = unit_bytes (t->type);
  gsize at = (t->offset + (gsize) first * t->stride) * es;
  gsize size = (gsize) (n - 1) * t->stride * es
               + (t->type == OWL2_TYPE_F32 ? t->cols * es : row_bytes (t));
  Owl2Operand operand;

  if (access == OVK_READ && t->stride % 4 == 0)
    size = (gsize) (n - 1) * t->stride * es + row_bytes (t);
  size = MIN (size, t->slice.size - at);
  operand = owl2_operand_bytes (cmd, t->slice, at, size, access);
  operand.bytes = owl2_operand_rows_bytes (t, n);
  operand.offset /= (guint32) es;
  return operand;
}

gboolean
owl2_rows_lie (const Owl2Rows *rows, guint n)
{
  return rows->table.offset % sizeof (Owl2PassRow) == 0
         && rows->table.size / sizeof (Owl2PassRow) >= (gsize) rows->first + n;
}

Owl2Operand
owl2_operand_rows (OvkCmd *cmd, const Owl2Rows *rows, guint first, guint n)
{
  gsize row = sizeof (Owl2PassRow);
  Owl2Operand operand = owl2_operand_bytes (
      cmd, rows->table, ((gsize) rows->first + first) * row, n * row, OVK_READ);

  operand.offset /= (guint32) row;
  return operand;
}

gboolean
owl2_results_lie (OvkSlice results)
{
  return results.offset % sizeof (Owl2Result) == 0
         && results.size >= sizeof (Owl2Result);
}

Owl2Operand
owl2_operand_results (OvkCmd *cmd, OvkSlice results, OvkAccess access)
{
  Owl2Operand operand =
      owl2_operand_bytes (cmd, results, 0, results.size, access);

  operand.offset /= (guint32) sizeof (Owl2Result);
  return operand;
}

gsize
owl2_rows_bytes (const Owl2Tensor *t, guint n)
{
  return (gsize) n * t->stride * unit_bytes (t->type);
}

gboolean
owl2_operand_vec4 (const Owl2Operand *operand, const Owl2Tensor *t)
{
  return operand->offset % 4 == 0 && t->stride % 4 == 0 && t->cols % 4 == 0;
}

gboolean
owl2_piece_fits (OvkCmd *cmd, const char *op, const char *what, gsize bytes)
{
  gsize limit = caps_of (cmd)->max_storage_range;

  /* The binding starts up to one alignment before the data. */
  if (bytes <= limit - MIN (limit, binding_align (cmd)))
    return TRUE;
  ovk_cmd_fail (
      cmd, g_error_new (OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
               "%s: %s takes %" G_GSIZE_FORMAT
               " bytes, a binding of the device holds %" G_GSIZE_FORMAT,
               op, what, bytes, limit));
  return FALSE;
}

guint
owl2_piece_rows (OvkCmd *cmd, const char *op, guint rows, ...)
{
  gsize limit = caps_of (cmd)->max_storage_range;
  const Owl2Tensor *t;
  va_list list;
  gboolean fits = TRUE;

  limit -= MIN (limit, binding_align (cmd));
  va_start (list, rows);
  while (fits && (t = va_arg (list, const Owl2Tensor *))) {
    gsize row = row_bytes (t);
    gsize stride = t->stride * unit_bytes (t->type);

    fits = owl2_piece_fits (cmd, op, "a row", row);
    if (fits && stride > 0)
      rows = (guint) MIN (rows, (limit - row) / stride + 1);
  }
  va_end (list);
  return fits ? rows : 0;
}

guint
owl2_piece_work (OvkCmd *cmd, guint rows, guint tile, double flops)
{
  double most = ovk_cmd_most_work (cmd) / flops;

  return most >= rows ? rows : MIN (rows, MAX ((guint) most / tile, 1) * tile);
}

guint
owl2_workgroup (OvkCmd *cmd)
{
  return 64;
}

guint
owl2_workgroup_row (OvkCmd *cmd, guint n)
{
  guint most = caps_of (cmd)->type == VK_PHYSICAL_DEVICE_TYPE_CPU ? 32 : 128;
  guint size = 16;

  while (size < most && size < n)
    size *= 2;
  return size;
}

gsize
owl2_groups (OvkCmd *cmd, guint rows, guint cols)
{
  gsize n = (gsize) rows * cols;

  return (n + owl2_workgroup (cmd) - 1) / owl2_workgroup (cmd);
}

gsize
owl2_groups_of_rows (OvkCmd *cmd, guint rows, guint cols)
{
  return rows * owl2_groups (cmd, 1, cols);
}

static gboolean
same_binding (const OvkBinding *a, const OvkBinding *b)
{
  return a->slice.buffer == b->slice.buffer
         && a->slice.offset == b->slice.offset && a->slice.size == b->slice.size
         && a->access == b->access;
}

/* What is both read and written is moved twice. */
static void
count_bytes (OvkCmd *cmd, const Owl2Operand *operands, guint n)
{
  double bytes = 0;

  for (guint i = 0; i < n; i++) {
    gboolean again = FALSE;

    for (guint j = 0; j < i && !again; j++)
      again = same_binding (&operands[i].binding, &operands[j].binding);
    if (!again)
      bytes += (double) operands[i].bytes
               * (operands[i].binding.access == OVK_READ_WRITE ? 2 : 1);
  }
  ovk_cmd_add_bytes (cmd, bytes);
}

void
owl2_record (OvkCmd *cmd, const OvkShader *shader, const guint32 *spec,
    guint n_spec, const Owl2Operand *operands, const void *push, gsize groups)
{
  OvkBinding bindings[OVK_MAX_BINDINGS];
  guint i;

  for (i = 0; i < shader->n_bindings; i++)
    bindings[i] = operands[i].binding;
  groups = MIN (groups, caps_of (cmd)->max_groups_x);
  ovk_cmd_dispatch (
      cmd, shader, spec, n_spec, bindings, push, (guint) groups, 1, 1);
  count_bytes (cmd, operands, shader->n_bindings);
}
