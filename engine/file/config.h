/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hyperparameters of a model, and the names of its tensors: what is in a model
 * file, and how it is checked. The converter writes by this table, the loader
 * reads by it. */
#ifndef OWL2_CONFIG_H
#define OWL2_CONFIG_H

#include "gguf.h"
#include "picture.h"

G_BEGIN_DECLS

#define OWL2_ARCH "mplug-owl2"
/* Bytes of a recipe's name. */
#define OWL2_RECIPE_MAX 64u

/**
 * Owl2Config: all sizes in elements. Widths are divisible by their head
 * counts; decoder.head_dim is even; decoder.n_heads is a multiple of
 * decoder.n_kv_heads; vision.width == abstractor.width, a multiple of 4;
 * vision.image_size is a multiple of vision.patch_size. Every number is within
 * the limits in config.c, so that products of two fit 32 bits where they are
 * used.
 * @recipe: (nullable): name of the published way of asking that the model was
 *   trained for; any printable text of at most OWL2_RECIPE_MAX bytes
 */
typedef struct {
  char *name;
  char *recipe;
  struct {
    guint image_size, patch_size, width, n_layers, n_heads, head_dim, mlp;
    guint grid;     /* patches along an edge */
    guint n_tokens; /* 1 + grid * grid */
    float eps;
  } vision;
  struct {
    guint width, n_layers, n_heads, head_dim, mlp, n_queries;
    float eps; /* of ffn_ln alone; the others are 1e-5 */
  } abstractor;
  struct {
    guint width, n_layers, n_heads, n_kv_heads, head_dim, mlp;
    guint n_vocab, n_ctx;
    float eps, rope_base;
  } decoder;
  float image_mean[3], image_std[3];
  Owl2ImageMode image_mode; /* AUTO: the file says nothing */
} Owl2Config;

/* Reads and checks, also that the file has no layers beside those of its
 * numbers; BAD_FILE names the key and the numbers, and says what the file is if
 * it is something else: one part of several, of another architecture. On
 * failure
 * @config is left cleared. */
gboolean owl2_config_read (
    Owl2Config *config, const Owl2Gguf *gguf, GError **error);
/* The same check for numbers from elsewhere, which also sets what follows from
 * others: grid, n_tokens, every head_dim. @source is named in messages. */
gboolean owl2_config_check (
    Owl2Config *config, const char *source, GError **error);
/* BAD_FILE, "@source: ...", with the first number that is another in @base; the
 * preprocessing values are not compared. */
gboolean owl2_config_check_same (const Owl2Config *config,
    const Owl2Config *base, const char *source, GError **error);
/* TRUE if @name may stand in a file as a recipe. */
gboolean owl2_recipe_name_ok (const char *name);
void owl2_config_write (const Owl2Config *config, Owl2GgufWriter *writer);
void owl2_config_clear (Owl2Config *config);
/* @asked, or if that is AUTO what the file says, or if it says nothing STRETCH.
 */
Owl2ImageMode owl2_config_image_mode (
    const Owl2Config *config, Owl2ImageMode asked);

/* What tensors belong to: a part of the model as a whole, or one of its layers.
 */
typedef enum {
  OWL2_PART_V, /* vision encoder */
  OWL2_PART_VL,
  OWL2_PART_A, /* abstractor */
  OWL2_PART_AL,
  OWL2_PART_D, /* decoder */
  OWL2_PART_DL,
} Owl2TensorPart;

/* Tensors. One entry for each that a model of this configuration has; which
 * there are is in tensors.inc. */
typedef struct {
  guint row; /* of the table in tensors.inc */
  Owl2TensorPart part;
  guint layer;            /* of the part; 0, if it has none */
  gboolean is_bias;       /* that of a row with weight and bias */
  char name[64];          /* in the GGUF file */
  char source[128];       /* in a published checkpoint */
  guint n_dims;           /* 1 or 2 */
  guint64 rows, cols;     /* a vector has rows 1 */
  guint n_source_dims;    /* 1 to 4, as published, slowest first; */
  guint64 source_dims[4]; /* the elements lie in the same order */
  gboolean keep_f32;      /* norms, biases, positions, queries */
  gboolean suffers;       /* most from coarse types */
  gboolean computable;    /* may be missing in a checkpoint: positions */
} Owl2TensorSpec;

/* (transfer full): GArray of Owl2TensorSpec, in file order. A linear layer's
 * weight has a row per output feature; nothing is permuted or transposed. */
GArray *owl2_config_tensors (const Owl2Config *config);
/* The type that suits a tensor in a file of mostly @type. */
Owl2Type owl2_config_suited_type (const Owl2TensorSpec *spec, Owl2Type type);
/* The type that it has there: that, or the next better one whose blocks divide
 * its rows. */
Owl2Type owl2_config_tensor_type (const Owl2TensorSpec *spec, Owl2Type type);

G_END_DECLS

#endif
