/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the operations share: tensors as bindings, pieces of rows that a
 * binding can hold, and one place that records a dispatch. */
#ifndef OWL2_OPERAND_H
#define OWL2_OPERAND_H

#include "ops.h"
#include "owl2_shaders.h"
#include "subject.h"

/* Rows of a tensor as a shader sees them. @offset: elements (bytes for
 * owl2_operand_bytes) from the start of the binding, which is aligned, to the
 * first of them. @bytes: that the dispatch must read, or write: all of the
 * rows, unless the operation, which binds more than it needs, says less. */
typedef struct {
  OvkBinding binding;
  guint32 offset;
  gsize bytes;
} Owl2Operand;

Owl2Operand owl2_operand (
    OvkCmd *cmd, const Owl2Tensor *t, guint first, guint n, OvkAccess access);
Owl2Operand owl2_operand_bytes (
    OvkCmd *cmd, OvkSlice slice, gsize at, gsize size, OvkAccess access);
/* For tests: bytes, a multiple of four, that each binding reaches past its
 * tensor. Many drivers drop what a shader does outside a binding; this way a
 * test that owns those bytes sees it. */
extern gsize owl2_operand_spill;
/* Rows @first .. @first + @n - 1 of an operation, and all results; offsets
 * count rows of the table, and entries. FALSE: they don't lie as ops.h says. */
gboolean owl2_rows_lie (const Owl2Rows *rows, guint n);
gboolean owl2_results_lie (OvkSlice results);
Owl2Operand owl2_operand_rows (
    OvkCmd *cmd, const Owl2Rows *rows, guint first, guint n);
Owl2Operand owl2_operand_results (
    OvkCmd *cmd, OvkSlice results, OvkAccess access);
/* From the first of @n rows to the end of the last one's stride. */
gsize owl2_rows_bytes (const Owl2Tensor *t, guint n);
/* TRUE if each row starts at a multiple of four elements from the binding's
 * start and has only whole groups of four. */
gboolean owl2_operand_vec4 (const Owl2Operand *operand, const Owl2Tensor *t);

/**
 * owl2_piece_rows: the most rows, up to @rows, of which every tensor in the
 * list fits one binding. @...: const Owl2Tensor *, ended by NULL.
 *
 * Returns: 0, with @cmd failed, if not even one row does
 */
guint owl2_piece_rows (
    OvkCmd *cmd, const char *op, guint rows, ...) G_GNUC_NULL_TERMINATED;
/* FALSE, with @cmd failed, if @bytes do not fit one binding. */
gboolean owl2_piece_fits (
    OvkCmd *cmd, const char *op, const char *what, gsize bytes);

/* Of @rows rows (or columns) of results, those that one dispatch should make: a
 * multiple of @tile unless it is all of them. @flops: of one of them */
guint owl2_piece_work (OvkCmd *cmd, guint rows, guint tile, double flops);

/* Invocations of a workgroup where the shader does not care. */
guint owl2_workgroup (OvkCmd *cmd);
/* Invocations of a workgroup that shares out @n items of one row. */
guint owl2_workgroup_row (OvkCmd *cmd, guint n);
/* Workgroups of owl2_workgroup() for one invocation an element. */
gsize owl2_groups (OvkCmd *cmd, guint rows, guint cols);
/* The same where no workgroup is in two rows. */
gsize owl2_groups_of_rows (OvkCmd *cmd, guint rows, guint cols);

/* Bytes that @n rows take of what they lie in, without what pads F32 rows. */
gsize owl2_operand_rows_bytes (const Owl2Tensor *t, guint n);

/* Records @shader over @groups workgroups in x, or as many as the device
 * takes: the shaders loop. One operand a binding. Counts the operands' bytes;
 * one that is bound twice, as in place of one that is not used, once. */
void owl2_record (OvkCmd *cmd, const OvkShader *shader, const guint32 *spec,
    guint n_spec, const Owl2Operand *operands, const void *push, gsize groups);

#endif
