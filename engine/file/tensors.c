/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of tensors: name in the file, name in a published checkpoint,
 * shape. Published names are those of the modules in mPLUG-Owl2's
 * visual_encoder.py and modeling_llama2.py. */
#include "config.h"

#define VISION "model.vision_model."
#define ABSTRACTOR "model.visual_abstractor."

/* A table under construction and what the next names begin with. */
typedef struct {
  GArray *table; /* Owl2TensorSpec */
  char name[24];
  char source[96];
} Part;

/* [rows][cols]; the source has the same shape. The result is valid until the
 * next tensor is added. */
static Owl2TensorSpec *
matrix (const Part *part, const char *name, const char *source, guint rows,
    guint cols)
{
  Owl2TensorSpec spec = {
    .n_dims = 2,
    .rows = rows,
    .cols = cols,
    .n_source_dims = 2,
    .source_dims = { rows, cols },
  };

  g_snprintf (spec.name, sizeof (spec.name), "%s%s", part->name, name);
  g_snprintf (spec.source, sizeof (spec.source), "%s%s", part->source, source);
  g_array_append_val (part->table, spec);
  return &g_array_index (part->table, Owl2TensorSpec, part->table->len - 1);
}

/* [n] */
static Owl2TensorSpec *
vector (const Part *part, const char *name, const char *source, guint n)
{
  Owl2TensorSpec *spec = matrix (part, name, source, 1, n);

  spec->n_dims = 1;
  spec->n_source_dims = 1;
  spec->source_dims[0] = n;
  spec->keep_f32 = TRUE;
  return spec;
}

/* weight [rows][cols] and bias [rows] */
static void
linear (const Part *part, const char *name, const char *source, guint rows,
    guint cols)
{
  char n[64], s[128];

  g_snprintf (n, sizeof (n), "%s.weight", name);
  g_snprintf (s, sizeof (s), "%s.weight", source);
  matrix (part, n, s, rows, cols);
  g_snprintf (n, sizeof (n), "%s.bias", name);
  g_snprintf (s, sizeof (s), "%s.bias", source);
  vector (part, n, s, rows);
}

/* weight [n] and bias [n] of a LayerNorm */
static void
norm (const Part *part, const char *name, const char *source, guint n)
{
  char name_of[64], source_of[128];

  g_snprintf (name_of, sizeof (name_of), "%s.weight", name);
  g_snprintf (source_of, sizeof (source_of), "%s.weight", source);
  vector (part, name_of, source_of, n);
  g_snprintf (name_of, sizeof (name_of), "%s.bias", name);
  g_snprintf (source_of, sizeof (source_of), "%s.bias", source);
  vector (part, name_of, source_of, n);
}

/* The published shape, slowest dimension first, where it differs. */
static void
published_as (
    Owl2TensorSpec *spec, guint n_dims, guint d0, guint d1, guint d2, guint d3)
{
  spec->n_source_dims = n_dims;
  spec->source_dims[0] = d0;
  spec->source_dims[1] = d1;
  spec->source_dims[2] = d2;
  spec->source_dims[3] = d3;
}

static void
add_vision (GArray *table, const Owl2Config *config)
{
  Part part = { .table = table, .name = "v.", .source = VISION };
  guint width = config->vision.width, mlp = config->vision.mlp;
  guint patch = config->vision.patch_size;
  Owl2TensorSpec *spec;

  spec = matrix (&part, "patch_embd.weight", "embeddings.patch_embed.weight",
      width, 3 * patch * patch);
  published_as (spec, 4, width, 3, patch, patch);
  spec = vector (&part, "class_embd", "embeddings.cls_token", width);
  published_as (spec, 3, 1, 1, width, 0);
  spec = matrix (&part, "position_embd.weight", "embeddings.position_embedding",
      config->vision.n_tokens, width);
  published_as (spec, 3, 1, config->vision.n_tokens, width, 0);
  spec->keep_f32 = TRUE;
  norm (&part, "pre_ln", "embeddings.pre_layernorm", width);
  for (guint i = 0; i < config->vision.n_layers; i++) {
    g_snprintf (part.name, sizeof (part.name), "v.blk.%u.", i);
    g_snprintf (
        part.source, sizeof (part.source), VISION "encoder.layers.%u.", i);
    norm (&part, "ln1", "input_layernorm", width);
    linear (&part, "attn_qkv", "self_attn.query_key_value", 3 * width, width);
    linear (&part, "attn_out", "self_attn.dense", width, width);
    norm (&part, "ln2", "post_attention_layernorm", width);
    linear (&part, "ffn_up", "mlp.fc1", mlp, width);
    linear (&part, "ffn_down", "mlp.fc2", width, mlp);
  }
  g_strlcpy (part.name, "v.", sizeof (part.name));
  g_strlcpy (part.source, VISION, sizeof (part.source));
  norm (&part, "post_ln", "post_layernorm", width);
}

static void
add_abstractor (GArray *table, const Owl2Config *config)
{
  Part part = { .table = table, .name = "a.", .source = ABSTRACTOR };
  guint width = config->abstractor.width, mlp = config->abstractor.mlp;
  guint n_queries = config->abstractor.n_queries;
  Owl2TensorSpec *spec;

  spec = matrix (&part, "query_embd", "query_embeds", n_queries, width);
  published_as (spec, 3, 1, n_queries, width, 0);
  spec->keep_f32 = TRUE;
  for (guint i = 0; i < config->abstractor.n_layers; i++) {
    g_snprintf (part.name, sizeof (part.name), "a.blk.%u.", i);
    g_snprintf (part.source, sizeof (part.source),
        ABSTRACTOR "encoder.layers.%u.crossattention.", i);
    spec = matrix (&part, "q_pos", "attention.q_pos_embed", n_queries, width);
    spec->keep_f32 = spec->computable = TRUE;
    spec = matrix (&part, "k_pos", "attention.k_pos_embed",
        config->vision.n_tokens, width);
    spec->keep_f32 = spec->computable = TRUE;
    norm (&part, "ln1", "norm1", width);
    norm (&part, "lnk", "normk", width);
    linear (&part, "attn_q", "attention.query", width, width);
    linear (&part, "attn_k", "attention.key", width, width);
    linear (&part, "attn_v", "attention.value", width, width);
    linear (&part, "attn_out", "output.out_proj", width, width);
    norm (&part, "ln2", "output.norm2", width);
    linear (&part, "ffn_gate", "output.mlp.w1", mlp, width);
    linear (&part, "ffn_up", "output.mlp.w3", mlp, width);
    norm (&part, "ffn_norm", "output.mlp.ffn_ln", mlp);
    linear (&part, "ffn_down", "output.mlp.w2", width, mlp);
  }
  g_strlcpy (part.name, "a.", sizeof (part.name));
  g_strlcpy (part.source, ABSTRACTOR, sizeof (part.source));
  linear (&part, "proj", "visual_fc", config->decoder.width, width);
  spec = vector (&part, "eos", "vit_eos", config->decoder.width);
  published_as (spec, 3, 1, 1, config->decoder.width, 0);
}

static void
add_decoder (GArray *table, const Owl2Config *config)
{
  Part part = { .table = table };
  guint width = config->decoder.width, mlp = config->decoder.mlp;
  guint kv_width = config->decoder.n_kv_heads * config->decoder.head_dim;
  guint n_vocab = config->decoder.n_vocab;

  matrix (
      &part, "token_embd.weight", "model.embed_tokens.weight", n_vocab, width);
  for (guint i = 0; i < config->decoder.n_layers; i++) {
    g_snprintf (part.name, sizeof (part.name), "blk.%u.", i);
    g_snprintf (part.source, sizeof (part.source), "model.layers.%u.", i);
    vector (
        &part, "attn_norm.weight", "input_layernorm.multiway.0.weight", width);
    vector (&part, "attn_norm_img.weight", "input_layernorm.multiway.1.weight",
        width);
    matrix (&part, "attn_q.weight", "self_attn.q_proj.weight", width, width);
    matrix (&part, "attn_k.weight", "self_attn.k_proj.multiway.0.weight",
        kv_width, width);
    matrix (&part, "attn_k_img.weight", "self_attn.k_proj.multiway.1.weight",
        kv_width, width);
    matrix (&part, "attn_v.weight", "self_attn.v_proj.multiway.0.weight",
        kv_width, width);
    matrix (&part, "attn_v_img.weight", "self_attn.v_proj.multiway.1.weight",
        kv_width, width);
    matrix (
        &part, "attn_output.weight", "self_attn.o_proj.weight", width, width);
    vector (&part, "ffn_norm.weight",
        "post_attention_layernorm.multiway.0.weight", width);
    vector (&part, "ffn_norm_img.weight",
        "post_attention_layernorm.multiway.1.weight", width);
    matrix (&part, "ffn_gate.weight", "mlp.gate_proj.weight", mlp, width);
    matrix (&part, "ffn_up.weight", "mlp.up_proj.weight", mlp, width);
    matrix (&part, "ffn_down.weight", "mlp.down_proj.weight", width, mlp);
  }
  part.name[0] = part.source[0] = 0;
  vector (&part, "output_norm.weight", "model.norm.weight", width);
  matrix (&part, "output.weight", "lm_head.weight", n_vocab, width);
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
  GArray *table = g_array_new (FALSE, FALSE, sizeof (Owl2TensorSpec));

  add_vision (table, config);
  add_abstractor (table, config);
  add_decoder (table, config);
  for (guint i = 0; i < table->len; i++) {
    Owl2TensorSpec *spec = &g_array_index (table, Owl2TensorSpec, i);

    spec->suffers = !spec->keep_f32 && suffers (spec, config);
  }
  return table;
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
