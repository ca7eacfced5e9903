/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tensors through all cores, piece by piece: threads read, check and encode,
 * and the one thread that calls takes the results in the order it gave the
 * pieces in. Memory is a few megabytes a thread. */
#ifndef OWL2_CONVERT_PIPELINE_H
#define OWL2_CONVERT_PIPELINE_H

#include "merge.h"
#include "types.h"

G_BEGIN_DECLS

/* Elements of a piece at most; a multiple of every block. */
#define PIPELINE_ELEMENTS (256u * 1024u)

typedef struct _Pipeline Pipeline;

/**
 * Piece: the first part is the caller's to fill.
 * @to: (nullable): the type to encode into; NULL only counts values beyond f16
 * @merge: (nullable): added to what was read
 * @checksum: compute @crc
 * @error: (transfer none): why the piece could not be read; nothing else of the
 *   result counts then
 * @data: of the result; valid until the piece is put back
 */
typedef struct {
  const ShardTensor *source;
  guint64 first;
  gsize n;
  const Owl2TypeInfo *to;
  const Merge *merge;
  gboolean checksum;
  gpointer user_data;

  GError *error;
  const guint8 *data;
  gsize size;
  guint32 crc;
  guint64 n_not_finite, n_beyond_f16;
  float largest; /* where there are some beyond */
} Piece;

/* 0: as many threads as there are cores. FAILED if one can't be started;
 * NO_MEMORY. */
Pipeline *pipeline_new (guint n_threads, GError **error);
/* Waits for pieces in work. */
void pipeline_free (Pipeline *pipeline); /* accepts NULL */
/* A piece to fill, or NULL while all are in use: take one, put it back. */
Piece *pipeline_get (Pipeline *pipeline);
void pipeline_submit (Pipeline *pipeline, Piece *piece);
/* TRUE while there are pieces submitted and not put back. */
gboolean pipeline_busy (const Pipeline *pipeline);
/* Waits for the oldest piece submitted; NULL if there is none. It is put back
 * before the next is taken. */
Piece *pipeline_take (Pipeline *pipeline);
void pipeline_put_back (Pipeline *pipeline, Piece *piece);

G_END_DECLS

#endif
