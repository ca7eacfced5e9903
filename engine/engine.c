/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Models: a file on a device, shared by sessions. */
#include "scheduler.h"

#include <string.h>

#include "printable.h"
#include "registry.h"
#include "room.h"
#include "tuned.h"

/* Parts of a load, as fractions of the whole: what comes before the weights and
 * the pipelines, which are made side by side; and these. */
#define FRACTION_DEVICE 0.05
#define FRACTION_WEIGHTS 0.45
#define FRACTION_PIPELINES 0.45
/* How long a cancel may go unnoticed. */
#define POLL_MS 100

/* What owl2_op_attention() takes; published models have heads of 64 and 128. */
#define MAX_HEAD_DIM 256u

static gboolean
report (const Owl2ModelParams *params, const char *stage, double fraction,
    GError **error)
{
  if (!params->progress
      || params->progress (stage, fraction, params->progress_data))
    return TRUE;
  g_set_error_literal (
      error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "loading was cancelled");
  return FALSE;
}

static Owl2Gguf *
open_file (const Owl2ModelParams *params, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;

  if (params->path) {
    g_autoptr (Owl2Gguf) gguf = owl2_gguf_open (params->path, error);

    if (!gguf || (params->mmap && !owl2_gguf_map (gguf, error)))
      return NULL;
    return g_steal_pointer (&gguf);
  }
  bytes = owl2_embedded_model ();
  if (bytes)
    return owl2_gguf_new (bytes, "embedded model", error);
  g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "no model file was given, and this build has no embedded model");
  return NULL;
}

static Owl2Tokenizer *
open_tokenizer (const Owl2Gguf *gguf, GError **error)
{
  Owl2Vocab vocab = { NULL };
  const char *kind;
  guint n_scores, n_types;

  if (!owl2_gguf_string (gguf, "tokenizer.ggml.model", &kind, error)
      || !owl2_gguf_strings (
          gguf, "tokenizer.ggml.tokens", &vocab.pieces, &vocab.n, error)
      || !owl2_gguf_f32s (
          gguf, "tokenizer.ggml.scores", &vocab.scores, &n_scores, error)
      || !owl2_gguf_i32s (
          gguf, "tokenizer.ggml.token_type", &vocab.types, &n_types, error)
      || !owl2_gguf_u32_or (
          gguf, "tokenizer.ggml.bos_token_id", 1, &vocab.bos_id, error)
      || !owl2_gguf_u32_or (
          gguf, "tokenizer.ggml.eos_token_id", 2, &vocab.eos_id, error)
      || !owl2_gguf_u32_or (
          gguf, "tokenizer.ggml.unknown_token_id", 0, &vocab.unk_id, error))
    return NULL;
  if (g_strcmp0 (kind, "llama") != 0) {
    g_autofree char *shown = owl2_excerpt (kind, strlen (kind), 64);

    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: tokenizer.ggml.model is '%s', not 'llama'", owl2_gguf_name (gguf),
        shown);
    return NULL;
  }
  if (n_scores != vocab.n || n_types != vocab.n) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: %u tokens, %u scores and %u types: the numbers must be equal",
        owl2_gguf_name (gguf), vocab.n, n_scores, n_types);
    return NULL;
  }
  return owl2_tokenizer_new (&vocab, owl2_gguf_name (gguf), error);
}

static gboolean
check_vocab (const Owl2Tokenizer *tokenizer, const Owl2Config *config,
    const char *source, GError **error)
{
  guint n = owl2_tokenizer_n_vocab (tokenizer);

  if (n == config->decoder.n_vocab)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: the tokenizer has %u tokens, the embedding %u rows", source, n,
      config->decoder.n_vocab);
  return FALSE;
}

/* A file may have wider heads than the kernels can do. */
static gboolean
check_heads (const Owl2Config *config, const char *source, GError **error)
{
  const struct {
    const char *part;
    guint head_dim;
  } heads[] = {
    { "vision encoder", config->vision.head_dim },
    { "abstractor", config->abstractor.head_dim },
    { "decoder", config->decoder.head_dim },
  };

  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    if (heads[i].head_dim > MAX_HEAD_DIM) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
          "%s: the %s's heads are %u wide, the attention kernels take up to %u",
          source, heads[i].part, heads[i].head_dim, MAX_HEAD_DIM);
      return FALSE;
    }
  return TRUE;
}

/* ---- weights and pipelines -------------------------------------------- */

/* A load whose weights are uploaded here while others compile. */
typedef struct {
  const Owl2ModelParams *params;
  OvkCompiler *compiler;
  double uploaded; /* part of the weights */
} Load;

static gboolean
load_progress (Load *load, const char *stage, guint wait_ms,
    OvkCompilerState *state, GError **error)
{
  double compiled;

  *state = ovk_compiler_wait (load->compiler, wait_ms, &compiled);
  return report (load->params, stage,
      FRACTION_DEVICE + FRACTION_WEIGHTS * load->uploaded
          + FRACTION_PIPELINES * compiled,
      error);
}

/* A pipeline that can't be made ends the upload, too. */
static gboolean
weights_progress (double fraction, gpointer user_data)
{
  Load *load = user_data;
  OvkCompilerState state;

  load->uploaded = MIN (fraction, 1);
  return load_progress (load, "uploading weights", 0, &state, NULL)
         && state != OVK_COMPILER_FAILED;
}

/* The buffers, the thread, and the pipelines for frames and prompts of every
 * kind. */
static OvkPipelineSet *
collect_pipelines (
    Owl2Model *model, const Owl2ModelParams *params, GError **error)
{
  const Owl2Config *config = &model->weights->config;
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();

  model->kv_type = owl2_room_kv_type (model, params->kv_type);
  if (!owl2_room_check_work (model, error))
    return NULL;
  model->features = owl2_feature_pool_new (
      model->dev, config->abstractor.n_queries + 1, config->decoder.width);
  model->scheduler = owl2_scheduler_new (model, error);
  if (!model->scheduler
      || !owl2_model_warm_up (model, model->kv_type, TRUE, set, error))
    return NULL;
  return g_steal_pointer (&set);
}

static gboolean
upload_and_compile (Owl2Model *model, const Owl2ModelParams *params,
    const Owl2WeightsSource *source, GError **error)
{
  g_autoptr (OvkPipelineSet) set = collect_pipelines (model, params, error);
  g_autoptr (OvkCompiler) compiler = NULL;
  g_autoptr (GError) failure = NULL;
  OvkCompilerState state = OVK_COMPILER_BUSY;
  Load load = { params, NULL, 0 };
  gboolean ok;

  if (!set)
    return FALSE;
  load.compiler = compiler = ovk_compiler_new (model->dev, set);
  ok = owl2_weights_upload (
      model->weights, source, weights_progress, &load, &failure);
  load.uploaded = 1;
  while (ok && state == OVK_COMPILER_BUSY)
    ok =
        load_progress (&load, "compiling pipelines", POLL_MS, &state, &failure);
  /* The upload may have ended because a pipeline could not be made. */
  if (ovk_compiler_wait (compiler, 0, NULL) == OVK_COMPILER_FAILED)
    return ovk_compiler_finish (compiler, error);
  if (!ok) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  if (!ovk_compiler_finish (compiler, error)
      || !owl2_ops_verify_set (model->dev, set, error))
    return FALSE;
  ovk_device_save_cache (model->dev);
  return TRUE;
}

/* ---- models ----------------------------------------------------------- */

OvkDeviceParams owl2_model_device_params;
static gint n_models; /* atomic: alive */

Owl2Model *
owl2_model_alloc (const Owl2ModelParams *params)
{
  Owl2Model *model = g_new0 (Owl2Model, 1);

  g_atomic_int_inc (&n_models);

  model->ref_count = 1;
  model->log = params->log;
  model->nice = params->nice;
  model->cache_bytes = params->cache_bytes;
  g_mutex_init (&model->lock);
  model->kvpools = g_new0 (Owl2KvPool *, owl2_n_types ());
  return model;
}

gboolean
owl2_model_start (Owl2Model *model, const Owl2ModelParams *params,
    const Owl2Config *config, const Owl2WeightsSource *source, GError **error)
{
  OvkDeviceParams dev_params = owl2_model_device_params;

  dev_params.device = params->device;
  dev_params.cache_dir = params->cache_dir;
  dev_params.shaders_hash = owl2_ops_shaders_hash ();
  dev_params.log = &model->log;
  if (!check_vocab (model->tokenizer, config, source->name, error)
      || !check_heads (config, source->name, error))
    return FALSE;
  model->dev = ovk_device_new (&dev_params, error);
  if (!model->dev)
    return FALSE;
  if (!owl2_ops_self_test (model->dev, error))
    return FALSE;
  owl2_ops_verify_device (model->dev);
  owl2_tuned_load (model->dev, params->cache_dir, &model->log);
  model->weights = owl2_weights_new (model->dev, config, source, error);
  if (!model->weights)
    return FALSE;
  if (!upload_and_compile (model, params, source, error)
      || !report (params, "ready", 1, error))
    return FALSE;
  owl2_log (&model->log, OWL2_LOG_INFO, "engine",
      "%s on %s: %" G_GUINT64_FORMAT
      " MiB of weights copied, %" G_GUINT64_FORMAT " MiB read where they lie",
      source->name, ovk_device_caps (model->dev)->name,
      model->weights->copied_bytes >> 20, model->weights->mapped_bytes >> 20);
  return TRUE;
}

/* What is missing in a part of a file is in the others. */
static void
explain_part (const char *path, GError *error)
{
  static const char form[] = "-00000-of-00000.gguf";
  gsize length = path ? strlen (path) : 0, n = sizeof form - 1;
  const char *end = path + length - n;
  g_autofree char *plain = NULL;
  guint64 part, n_parts;

  if (length < n || error->domain != OWL2_ERROR
      || error->code != OWL2_ERROR_BAD_FILE
      || strstr (error->message, "split.count"))
    return;
  for (gsize i = 0; i < n; i++)
    if (form[i] == '0' ? !g_ascii_isdigit (end[i]) : end[i] != form[i])
      return;
  part = g_ascii_strtoull (end + 1, NULL, 10);
  n_parts = g_ascii_strtoull (end + 10, NULL, 10);
  if (n_parts <= 1)
    return;
  plain = g_steal_pointer (&error->message);
  error->message =
      g_strdup_printf ("%s (by its name the file is part %" G_GUINT64_FORMAT
                       " of %" G_GUINT64_FORMAT " of a model: join them first)",
          plain, part, n_parts);
}

static Owl2Model *
load (const Owl2ModelParams *params, GError **error)
{
  g_autoptr (Owl2Model) model = owl2_model_alloc (params);
  g_autoptr (Owl2Gguf) gguf = NULL;
  Owl2Config config = { NULL };
  Owl2WeightsSource source;
  gboolean ok;

  if (!report (params, "opening the model file", 0, error))
    return NULL;
  gguf = open_file (params, error);
  if (!gguf)
    return NULL;
  /* What a file is not made for is said by its configuration. */
  if (!owl2_config_read (&config, gguf, error))
    return NULL;
  model->tokenizer = open_tokenizer (gguf, error);
  source = owl2_weights_source_gguf (gguf);
  ok = model->tokenizer
       && owl2_model_start (model, params, &config, &source, error);
  owl2_config_clear (&config);
  if (ok && model->weights->mapped_bytes > 0 && owl2_gguf_file (gguf))
    model->file = owl2_input_ref (owl2_gguf_file (gguf));
  return ok ? g_steal_pointer (&model) : NULL;
}

Owl2Model *
owl2_model_load (const Owl2ModelParams *params, GError **error)
{
  GError *failure = NULL;
  Owl2Model *model = load (params, &failure);

  if (failure) {
    explain_part (params->path, failure);
    g_propagate_error (error, failure);
  }
  return model;
}

Owl2Model *
owl2_model_ref (Owl2Model *model)
{
  g_atomic_int_inc (&model->ref_count);
  return model;
}

void
owl2_model_unref (Owl2Model *model)
{
  if (!model || !g_atomic_int_dec_and_test (&model->ref_count))
    return;
  owl2_registry_forget (model);
  owl2_scheduler_free (model->scheduler);
  for (guint i = 0; i < owl2_n_types (); i++)
    owl2_kvpool_free (model->kvpools[i]);
  g_free (model->kvpools);
  owl2_feature_pool_free (model->features);
  owl2_weights_free (model->weights);
  owl2_tokenizer_free (model->tokenizer);
  ovk_device_unref (model->dev);
  owl2_input_unref (model->file);
  g_mutex_clear (&model->lock);
  g_free (model);
  g_atomic_int_add (&n_models, -1);
}

gboolean
owl2_model_try_ref (Owl2Model *model)
{
  gint n = g_atomic_int_get (&model->ref_count);

  if (!ovk_device_alive (model->dev, NULL))
    return FALSE;
  while (n && !g_atomic_int_compare_and_exchange (&model->ref_count, n, n + 1))
    n = g_atomic_int_get (&model->ref_count);
  return n > 0;
}

guint
owl2_model_n_users (Owl2Model *model)
{
  return (guint) g_atomic_int_get (&model->n_sessions);
}

/* ---- what can be told before a load ------------------------------------ */

/* What the user's names of devices were found to mean, for a moment, or as long
 * as there are models: to ask takes an instance, which elements that join
 * others need not make each. */
static struct {
  GMutex lock;
  GHashTable *ids; /* name, or "" for none: id */
  gint64 since;
} found;

#define FOUND_US G_USEC_PER_SEC

static char *
device_id (const char *device, GError **error)
{
  const gint64 now = g_get_monotonic_time ();
  char *id;

  g_mutex_lock (&found.lock);
  if (!found.ids
      || (now - found.since > FOUND_US && !g_atomic_int_get (&n_models))) {
    g_clear_pointer (&found.ids, g_hash_table_unref);
    found.ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    found.since = now;
  }
  id = g_strdup (g_hash_table_lookup (found.ids, device ? device : ""));
  if (!id && (id = ovk_device_find (device, error)))
    g_hash_table_insert (
        found.ids, g_strdup (device ? device : ""), g_strdup (id));
  g_mutex_unlock (&found.lock);
  return id;
}

char *
owl2_model_key (const Owl2ModelParams *params, GError **error)
{
  g_autofree char *device = NULL;
  g_autoptr (Owl2Input) file = NULL;
  const struct stat *st;

  if (params->path && !(file = owl2_input_open (params->path, error)))
    return NULL;
  device = device_id (params->device, error);
  if (!device)
    return NULL;
  if (!file)
    return g_strdup_printf ("embedded on %s", device);
  st = owl2_input_stat (file);
  return g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT
                          " of %" G_GUINT64_FORMAT " bytes at %" G_GINT64_FORMAT
                          ".%09ld on %s%s",
      (guint64) st->st_dev, (guint64) st->st_ino, (guint64) st->st_size,
      (gint64) st->st_mtim.tv_sec, st->st_mtim.tv_nsec, device,
      params->mmap ? " in place" : "");
}

gboolean
owl2_model_check (const Owl2ModelParams *params, GError **error)
{
  GError *failure = NULL;
  g_autoptr (Owl2Gguf) gguf = open_file (params, &failure);
  Owl2Tokenizer *tokenizer = NULL;
  Owl2Config config = { NULL };
  gboolean ok;

  ok = gguf && owl2_config_read (&config, gguf, &failure)
       && (tokenizer = open_tokenizer (gguf, &failure))
       && check_vocab (tokenizer, &config, owl2_gguf_name (gguf), &failure)
       && check_heads (&config, owl2_gguf_name (gguf), &failure);
  owl2_tokenizer_free (tokenizer);
  owl2_config_clear (&config);
  if (ok)
    return TRUE;
  explain_part (params->path, failure);
  g_propagate_error (error, failure);
  return FALSE;
}

char *
owl2_model_peek_recipe (const char *path)
{
  const Owl2ModelParams params = { .path = path };
  g_autoptr (Owl2Gguf) gguf = open_file (&params, NULL);
  Owl2Config config = { NULL };
  char *recipe = NULL;

  if (gguf && owl2_config_read (&config, gguf, NULL))
    recipe = g_steal_pointer (&config.recipe);
  owl2_config_clear (&config);
  return recipe;
}

gboolean
owl2_model_alive (Owl2Model *model, GError **error)
{
  return ovk_device_alive (model->dev, error);
}

typedef struct {
  Owl2Type kv_type;
  gboolean frames;
  OvkPipelineSet *set;
} WarmUp;

static gboolean
warm_up (Owl2Workspace *work, gpointer user_data, GError **error)
{
  const WarmUp *w = user_data;

  return owl2_work_warm_up (work, w->kv_type, w->frames, w->set, error);
}

gboolean
owl2_model_warm_up (Owl2Model *model, Owl2Type kv_type, gboolean frames,
    OvkPipelineSet *set, GError **error)
{
  WarmUp w = { kv_type, frames, set };

  return owl2_scheduler_call (model->scheduler, warm_up, &w, error);
}

Owl2KvPool *
owl2_model_kvpool (Owl2Model *model, Owl2Type type, GError **error)
{
  guint i = owl2_type_index (type);
  Owl2KvPool *pool;

  g_mutex_lock (&model->lock);
  if (!model->kvpools[i])
    model->kvpools[i] =
        owl2_kvpool_new (model->weights, type, model->cache_bytes, error);
  pool = model->kvpools[i];
  g_mutex_unlock (&model->lock);
  return pool;
}

gboolean
owl2_model_check_file (const Owl2Model *model, GError **error)
{
  return !model->file || owl2_input_check_bytes (model->file, error);
}

static guint64
weight_bytes (const Owl2Tensor *t)
{
  return owl2_tensor_bytes (t->type, t->rows, t->cols);
}

static guint64
token_bytes (const Owl2Weights *weights)
{
  guint64 bytes = weight_bytes (&weights->decoder.output);

  for (guint i = 0; i < weights->config.decoder.n_layers; i++) {
    const Owl2DecoderLayer *layer = &weights->decoder.layers[i];

    bytes += weight_bytes (&layer->q) + weight_bytes (&layer->k[0])
             + weight_bytes (&layer->v[0]) + weight_bytes (&layer->out)
             + weight_bytes (&layer->gate) + weight_bytes (&layer->up)
             + weight_bytes (&layer->down);
  }
  return bytes;
}

void
owl2_model_get_info (Owl2Model *model, Owl2ModelInfo *info)
{
  const Owl2Config *config = &model->weights->config;
  const OvkCaps *caps = ovk_device_caps (model->dev);

  *info = (Owl2ModelInfo){
    .name = config->name,
    .recipe = config->recipe,
    .device = caps->name,
    .driver = caps->driver,
    .n_ctx = config->decoder.n_ctx,
    .n_vocab = config->decoder.n_vocab,
    .n_rows = config->abstractor.n_queries + 1,
    .image_size = config->vision.image_size,
    .image_mode = owl2_config_image_mode (config, OWL2_IMAGE_AUTO),
    .weights_bytes =
        model->weights->copied_bytes + model->weights->mapped_bytes,
    .mapped_bytes = model->weights->mapped_bytes,
    .token_bytes = token_bytes (model->weights),
    .device_bytes = ovk_device_allocated_bytes (model->dev),
  };
}

GPtrArray *
owl2_list_devices (GError **error)
{
  return ovk_device_list (error);
}

GArray *
owl2_model_tokenize (Owl2Model *model, const char *text, gssize len)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  owl2_tokenizer_encode (model->tokenizer, text, len, ids);
  return ids;
}

char *
owl2_model_detokenize (Owl2Model *model, const gint32 *ids, guint n_ids)
{
  return owl2_tokenizer_decode (model->tokenizer, ids, n_ids);
}

char *
owl2_prompt_plain (const char *text)
{
  return owl2_prompt_mark_plain (text);
}

char *
owl2_prompt_format (const char *question, gboolean with_image,
    const Owl2Turn *history, guint n_history)
{
  g_autofree Owl2PromptTurn *turns = g_new (Owl2PromptTurn, n_history);

  for (guint i = 0; i < n_history; i++)
    turns[i] = (Owl2PromptTurn){ history[i].question, history[i].answer };
  return owl2_prompt_build (question, with_image, turns, n_history);
}

char *
owl2_prompt_fill (const char *pattern, const char *question)
{
  return owl2_prompt_put (pattern, question);
}
