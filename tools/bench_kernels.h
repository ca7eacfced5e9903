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
 * @kernel: (nullable): only this one
 * @shape: (nullable): "MxNxK" instead of the full-size model's shapes (tokens,
 *   output features, input features; for attention: queries, keys, head width)
 * @types: weights of these types
 *
 * Kernels and types that can't have a shape are left out; BAD_REQUEST if that
 * leaves none.
 */
gboolean bench_kernels (OvkDevice *dev, const char *kernel, const char *shape,
    const Owl2Type *types, guint n_types, BenchPrint print, GError **error);

G_END_DECLS

#endif
