/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A matrix of low rank is added to one of a model, a piece at a time:
 * W + scale * B A. */
#ifndef OWL2_CONVERT_MERGE_H
#define OWL2_CONVERT_MERGE_H

#include "shard.h"

G_BEGIN_DECLS

/**
 * LowRank:
 * @a: [rank][cols]
 * @b: [rows][rank]
 */
typedef struct {
  const ShardTensor *a, *b;
  guint rank;
  double scale;
} LowRank;

/* Elements of A and B together that are in memory at once, at most; the largest
 * matrix of the full-size model with rank 928. */
#define MERGE_MAX_ELEMENTS (32u << 20)

typedef struct _Merge Merge;

/* All of @changes, LowRank, of a matrix of @rows x @cols; their numbers are
 * read into memory, checked against their checksums. BAD_FILE if some are not
 * finite; NO_MEMORY. */
Merge *merge_new (
    const GArray *changes, guint64 rows, guint64 cols, GError **error);
void merge_free (Merge *merge); /* accepts NULL */

/* Adds them to elements [first, first + n) of the matrix, in row-major order.
 * An element's products are summed in double precision, by rising index, and
 * rounded once, with the element: the result depends on no piece's limits. Any
 * thread. */
void merge_add (const Merge *merge, guint64 first, gsize n, float *values);

G_END_DECLS

#endif
