/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tensors of a model, on the device. Immutable once uploaded; any thread
 * may read them. Shapes are [rows][cols]; vectors have one row. */
#ifndef OWL2_WEIGHTS_H
#define OWL2_WEIGHTS_H

#include "config.h"
#include "ops.h"

G_BEGIN_DECLS

/* A linear layer or a LayerNorm: weight and bias. */
typedef struct {
  Owl2Tensor w, b;
} Owl2Affine;

typedef struct {
  Owl2Affine ln1, ln2; /* [1][width] */
  Owl2Affine qkv;      /* [3 width][width], interleaved by head */
  Owl2Affine out;      /* [width][width] */
  Owl2Affine up;       /* [mlp][width] */
  Owl2Affine down;     /* [width][mlp] */
} Owl2VitLayer;

typedef struct {
  Owl2Tensor patch;      /* [width][3 * patch * patch], no bias */
  Owl2Tensor class_embd; /* [1][width] */
  Owl2Tensor position;   /* [1 + grid * grid][width] */
  Owl2Affine pre_ln, post_ln;
  Owl2VitLayer *layers;
} Owl2VitWeights;

typedef struct {
  Owl2Tensor q_pos;         /* [queries][width] */
  Owl2Tensor k_pos;         /* [1 + grid * grid][width] */
  Owl2Affine ln1, lnk, ln2; /* [1][width] */
  Owl2Affine q, k, v, out;  /* [width][width] */
  Owl2Affine gate, up;      /* [mlp][width] */
  Owl2Affine ffn_norm;      /* [1][mlp] */
  Owl2Affine down;          /* [width][mlp] */
} Owl2AbstractorLayer;

typedef struct {
  Owl2Tensor query_embd; /* [queries][width] */
  Owl2Tensor eos;        /* [1][decoder width] */
  Owl2Affine proj;       /* [decoder width][width] */
  Owl2AbstractorLayer *layers;
} Owl2AbstractorWeights;

/* Matrices [..][cols] of one product: its columns are those of the first, then
 * those of the second. Those that lie end to end are one matrix. */
typedef struct {
  guint n;
  Owl2Tensor w[3];
} Owl2Joint;

/* Pairs are picked per token: 0 language, 1 vision. */
typedef struct {
  Owl2Tensor attn_norm[2], ffn_norm[2]; /* [1][width] */
  Owl2Tensor q;                         /* [width][width] */
  Owl2Tensor k[2], v[2];                /* [kv_heads * head_dim][width] */
  Owl2Tensor out;                       /* [width][width] */
  Owl2Tensor gate, up;                  /* [mlp][width] */
  Owl2Tensor down;                      /* [width][mlp] */
  Owl2Joint qkv[2];                     /* q, k, v; of vision k, v, q */
  Owl2Joint gate_up;
} Owl2DecoderLayer;

typedef struct {
  Owl2Tensor embed;  /* [vocab][width] */
  Owl2Tensor norm;   /* [1][width] */
  Owl2Tensor output; /* [vocab][width] */
  Owl2DecoderLayer *layers;
} Owl2DecoderWeights;

typedef struct {
  Owl2Config config;
  OvkDevice *dev;             /* a reference */
  struct _Owl2Places *places; /* what the tensors lie in; place.h */
  guint64 copied_bytes;       /* memory of the device */
  guint64 mapped_bytes;       /* read where they lie in the file */
  Owl2VitWeights vit;
  Owl2AbstractorWeights abstractor;
  Owl2DecoderWeights decoder;
} Owl2Weights;

/**
 * Owl2WeightsData: a tensor's values on the host, in the file's block layout.
 * Rows may overlap: then @row_stride is less than a row.
 * @data: (nullable): NULL, if they are to be had by the source's read alone;
 *   valid until the next tensor is asked for
 */
typedef struct {
  Owl2Type type;
  const guint8 *data;
  gsize row_stride; /* bytes from one row to the next */
} Owl2WeightsData;

/**
 * Owl2WeightsSource: where the values come from.
 * @name: for messages
 * @memory: (nullable): what all values lie in as long as this is held, for
 *   devices to read them there: a mapped file, the embedded model
 * @tensor: finds the values of @spec, checked to have its shape; BAD_FILE.
 *   Asked twice for each tensor: once for the sizes, once for the values.
 * @read: (nullable): copies @n bytes of them from byte @offset on; BAD_FILE.
 *   Where there is none, what is copied comes from the tensor's data.
 * @check: (nullable): asked when all is there: FALSE if what was read may not
 *   be of one piece; BAD_FILE
 */
typedef struct {
  const char *name;
  GBytes *memory;
  gboolean (*tensor) (const Owl2TensorSpec *spec, Owl2WeightsData *data,
      gpointer user_data, GError **error);
  gboolean (*read) (const Owl2TensorSpec *spec, gsize offset, void *dst,
      gsize n, gpointer user_data, GError **error);
  gboolean (*check) (gpointer user_data, GError **error);
  gpointer user_data;
} Owl2WeightsSource;

/* Called now and then with the part done, 0 to 1; FALSE cancels. */
typedef gboolean (*Owl2WeightsProgress) (double fraction, gpointer user_data);

/**
 * owl2_weights_new: lays out every tensor of @config, which is copied: in
 * @source's memory where the device can read it there (see ovk_import_new()),
 * else in memory of its own, still empty. Commands may be recorded from now on,
 * and run after the upload. Errors: the source's; NO_MEMORY, before anything is
 * allocated where the device says what it has.
 */
Owl2Weights *owl2_weights_new (OvkDevice *dev, const Owl2Config *config,
    const Owl2WeightsSource *source, GError **error);
/**
 * owl2_weights_upload: once, with the same @source: copies what is to be
 * copied, and brings into memory what is read in place. Errors: the source's;
 * BAD_FILE (it has changed); NO_MEMORY; CANCELLED.
 */
gboolean owl2_weights_upload (Owl2Weights *weights,
    const Owl2WeightsSource *source, Owl2WeightsProgress progress,
    gpointer progress_data, GError **error);
/* A file's tensors, each checked; @gguf must outlive the load. Only a mapped
 * file has memory that devices can read in place; what is copied is read from
 * the file itself. */
Owl2WeightsSource owl2_weights_source_gguf (const Owl2Gguf *gguf);
void owl2_weights_free (Owl2Weights *weights); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Weights, owl2_weights_free)

G_END_DECLS

#endif
