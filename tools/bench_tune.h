/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds which kernels a device should prefer, and leaves that where the next
 * start of a model reads it. */
#ifndef OWL2_BENCH_TUNE_H
#define OWL2_BENCH_TUNE_H

#include "bench_rates.h"

G_BEGIN_DECLS

/**
 * bench_tune: times the kernels of products that fit each of @works by turns,
 * prints their order
 *
 * {"tuned": "matmul", "family": .., "type": .., "n": .., "k": .., "order":
 * [kernels, the best first], "times": [of the best one's], "before": kernel}
 *
 * and writes all of them to @path, whose folder is made if it is missing. The
 * choice is not by the number of rows, so that kernels are measured by several
 * at once. One is put before another that the table prefers only if it is
 * faster by more than measurements differ.
 * @works: of Owl2Work
 *
 * Errors: NO_MEMORY, DEVICE_LOST; FAILED: the file can't be written.
 */
gboolean bench_tune (OvkDevice *dev, const GArray *works, const char *path,
    BenchPrint print, GError **error);

G_END_DECLS

#endif
