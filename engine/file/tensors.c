/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of tensors, for a configuration: names and shapes. */
#include "config.h"

#include <string.h>

typedef enum {
  KIND_MATRIX,
  KIND_VECTOR,
  KIND_LINEAR,
  KIND_NORM,
  KIND_PATCHES,
  KIND_TABLE,
  KIND_ROW,
  KIND_SINCOS,
} Kind;

typedef enum {
  DIM_1,
  DIM_V_WIDTH,
  DIM_V_QKV,
  DIM_V_MLP,
  DIM_V_PATCH,
  DIM_V_TOKENS,
  DIM_A_WIDTH,
  DIM_A_MLP,
  DIM_A_QUERIES,
  DIM_D_WIDTH,
  DIM_D_KV,
  DIM_D_MLP,
  DIM_D_VOCAB,
  N_DIMS,
} Dim;

typedef struct {
  Owl2TensorPart part;
  Kind kind;
  const char *name, *source;
  Dim rows, cols;
} Row;

static const Row table[] = {
#define PART(part, name, source, n_layers)
#define TENSOR(part, kind, name, source, rows, cols, field)                    \
  { OWL2_PART_##part, KIND_##kind, name, source, DIM_##rows, DIM_##cols },
#include "tensors.inc"
};

/* What names of a part begin with, and how often it is there. */
typedef struct {
  const char *name, *source;
  guint n_layers;
} Part;

static Part
part_of (Owl2TensorPart part, const Owl2Config *config)
{
  const Part parts[] = {
#define PART(part, name, source, n_layers)                                     \
  [OWL2_PART_##part] = { name, source, n_layers },
#define TENSOR(part, kind, name, source, rows, cols, field)
#include "tensors.inc"
  };

  return parts[part];
}

static guint
size_of (Dim dim, const Owl2Config *config)
{
  const guint sizes[N_DIMS] = {
    [DIM_1] = 1,
    [DIM_V_WIDTH] = config->vision.width,
    [DIM_V_QKV] = 3 * config->vision.width,
    [DIM_V_MLP] = config->vision.mlp,
    [DIM_V_PATCH] = 3 * config->vision.patch_size * config->vision.patch_size,
    [DIM_V_TOKENS] = config->vision.n_tokens,
    [DIM_A_WIDTH] = config->abstractor.width,
    [DIM_A_MLP] = config->abstractor.mlp,
    [DIM_A_QUERIES] = config->abstractor.n_queries,
    [DIM_D_WIDTH] = config->decoder.width,
    [DIM_D_KV] = config->decoder.n_kv_heads * config->decoder.head_dim,
    [DIM_D_MLP] = config->decoder.mlp,
    [DIM_D_VOCAB] = config->decoder.n_vocab,
  };

  return sizes[dim];
}

/* The published shape, slowest dimension first, where it differs. */
static void
published_as (Owl2TensorSpec *spec, guint n_dims, guint64 d0, guint64 d1,
    guint64 d2, guint64 d3)
{
  spec->n_source_dims = n_dims;
  spec->source_dims[0] = d0;
  spec->source_dims[1] = d1;
  spec->source_dims[2] = d2;
  spec->source_dims[3] = d3;
}

/* The names' first parts; "%u" is the layer. */
static void
begin_name (char *out, gsize size, const char *format, guint layer)
{
  const char *number = strstr (format, "%u");

  if (number)
    g_snprintf (out, size, "%.*s%u%s", (int) (number - format), format, layer,
        number + 2);
  else
    g_strlcpy (out, format, size);
}

/* One tensor of @row, its name ending in @suffix. */
static void
add (GArray *specs, guint row, guint layer, const char *suffix,
    const Owl2Config *config)
{
  const Row *from = &table[row];
  Part part = part_of (from->part, config);
  gboolean is_bias = strcmp (suffix, ".bias") == 0;
  guint rows = size_of (from->rows, config);
  guint cols = size_of (from->cols, config);
  Owl2TensorSpec spec = {
    .row = row,
    .part = from->part,
    .layer = layer,
    .is_bias = is_bias,
  };
  Kind kind = from->kind;

  begin_name (spec.name, sizeof spec.name, part.name, layer);
  begin_name (spec.source, sizeof spec.source, part.source, layer);
  g_strlcat (spec.name, from->name, sizeof spec.name);
  g_strlcat (spec.source, from->source, sizeof spec.source);
  g_strlcat (spec.name, suffix, sizeof spec.name);
  g_strlcat (spec.source, suffix, sizeof spec.source);
  if (kind == KIND_LINEAR && is_bias)
    cols = rows;
  if (kind == KIND_NORM || kind == KIND_LINEAR)
    kind = kind == KIND_NORM || is_bias ? KIND_VECTOR : KIND_MATRIX;
  spec.n_dims = kind == KIND_VECTOR || kind == KIND_ROW ? 1 : 2;
  spec.rows = spec.n_dims == 1 ? 1 : rows;
  spec.cols = cols;
  spec.keep_f32 = kind != KIND_MATRIX && kind != KIND_PATCHES;
  spec.computable = kind == KIND_SINCOS;
  if (kind == KIND_VECTOR)
    published_as (&spec, 1, cols, 0, 0, 0);
  else if (kind == KIND_ROW || kind == KIND_TABLE)
    published_as (&spec, 3, 1, spec.rows, cols, 0);
  else if (kind == KIND_PATCHES)
    published_as (&spec, 4, rows, 3, config->vision.patch_size,
        config->vision.patch_size);
  else
    published_as (&spec, 2, rows, cols, 0, 0);
  g_array_append_val (specs, spec);
}

static void
add_row (GArray *specs, guint row, guint layer, const Owl2Config *config)
{
  if (table[row].kind == KIND_LINEAR || table[row].kind == KIND_NORM) {
    add (specs, row, layer, ".weight", config);
    add (specs, row, layer, ".bias", config);
  } else {
    add (specs, row, layer, "", config);
  }
}

/* Most, of coarse types. Found by measuring, see tools/convert/README.md: all
 * that pictures go through, which is little, the vocabulary, and the decoder's
 * first and last layer. */
static gboolean
suffers (const Owl2TensorSpec *spec, const Owl2Config *config)
{
  char last[16];

  g_snprintf (last, sizeof (last), "blk.%u.", config->decoder.n_layers - 1);
  return g_str_has_prefix (spec->name, "v.")
         || g_str_has_prefix (spec->name, "a.")
         || g_str_has_prefix (spec->name, "token_embd.")
         || g_str_has_prefix (spec->name, "output.")
         || g_str_has_prefix (spec->name, "blk.0.")
         || g_str_has_prefix (spec->name, last);
}

GArray *
owl2_config_tensors (const Owl2Config *config)
{
  GArray *specs = g_array_new (FALSE, FALSE, sizeof (Owl2TensorSpec));
  guint end;

  for (guint first = 0; first < G_N_ELEMENTS (table); first = end) {
    Owl2TensorPart part = table[first].part;

    end = first;
    while (end < G_N_ELEMENTS (table) && table[end].part == part)
      end++;
    for (guint layer = 0; layer < part_of (part, config).n_layers; layer++)
      for (guint row = first; row < end; row++)
        add_row (specs, row, layer, config);
  }
  for (guint i = 0; i < specs->len; i++) {
    Owl2TensorSpec *spec = &g_array_index (specs, Owl2TensorSpec, i);

    spec->suffers = !spec->keep_f32 && suffers (spec, config);
  }
  return specs;
}

Owl2Type
owl2_config_suited_type (const Owl2TensorSpec *spec, Owl2Type type)
{
  if (spec->keep_f32)
    return OWL2_TYPE_F32;
  return spec->suffers && owl2_type_info (type)->is_coarse
             ? owl2_type_info (type)->better
             : type;
}

Owl2Type
owl2_config_tensor_type (const Owl2TensorSpec *spec, Owl2Type type)
{
  type = owl2_config_suited_type (spec, type);
  while (spec->cols % owl2_type_block (type) != 0)
    type = owl2_type_info (type)->better;
  return type;
}
