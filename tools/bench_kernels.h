/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_BENCH_KERNELS_H
#define OWL2_BENCH_KERNELS_H

#include <jansson.h>

#include "ops.h"

G_BEGIN_DECLS

/* Hands on one result; takes the object over. */
typedef void (*BenchPrint) (json_t *result);

/**
 * bench_kernels: times the model's kernels on random numbers and prints each.
 * @kernel: (nullable): only those of this name, with * and ?: operations, done
 *   as the model does them, and the kernels of their tables (kernels.h); NULL:
 *   all operations
 * @shape: (nullable): "MxNxK" instead of the full-size model's shapes (tokens,
 *   output features, input features; for attention: queries, keys, head width)
 * @type: (nullable): weights of this type only
 *
 * Kernels and types that can't have a shape are left out; BAD_REQUEST if that
 * leaves none.
 */
gboolean bench_kernels (OvkDevice *dev, const char *kernel, const char *shape,
    const Owl2Type *type, BenchPrint print, GError **error);

/**
 * bench_op_new: an operation of bench_kernels(), to be recorded any number of
 * times on random numbers.
 * @cmd: recorded into; must live as long
 * @shape: tokens, output features, input features, which it can have
 * @type: of the weights, if it has any, or of keys in pages
 */
typedef struct _BenchOp BenchOp;
BenchOp *bench_op_new (OvkDevice *dev, OvkCmd *cmd, const char *op,
    const guint shape[3], Owl2Type type, GError **error);
void bench_op_free (BenchOp *op); /* accepts NULL */
void bench_op_record (gpointer op);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchOp, bench_op_free)

G_END_DECLS

#endif
