/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of work: read the small files; find every tensor of the table in
 * the checkpoint and check its shape; choose each one's type; write. Nothing
 * is written before everything that can be wrong was looked at, except a full
 * disk and damaged weights. */
#include "convert.h"
#include "files.h"
#include "pipeline.h"
#include "plan.h"
#include "positions.h"
#include "vocab.h"

#include <string.h>
#include <zlib.h>

typedef struct {
  const ConvertOptions *options;
  Folder *folder;
  Adapters *adapters;
  HfConfig hf;
  SpModel *tokenizer;
  Checkpoint *checkpoint;
  GArray *specs; /* Owl2TensorSpec */
  GArray *plans; /* Plan, one for each */
  Owl2GgufWriter *writer;
  Pipeline *pipeline;
  guint64 total, done; /* bytes to read, for the progress */
} Job;

/* What is done with a piece when it is its turn. */
typedef gboolean (*TakePiece) (Job *job, const Piece *piece, GError **error);

gboolean
convert_type_supported (Owl2Type type)
{
  return owl2_type_info (type)->encode != NULL;
}

static guint64
n_elements (const Owl2TensorSpec *spec)
{
  return spec->rows * spec->cols;
}

/* Counts the work done; FALSE with CANCELLED when it is to stop. */
static gboolean
advance (Job *job, const Plan *plan, guint64 n_bytes, GError **error)
{
  const ConvertOptions *o = job->options;

  job->done += n_bytes;
  if (o->progress)
    o->progress (job->done, job->total, plan->spec->name, o->user_data);
  if (o->stop && *o->stop) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED,
        "%s: stopped, nothing is left of it", o->out);
    return FALSE;
  }
  return TRUE;
}

/* ---- through the pipeline --------------------------------------------- */

static gboolean
take_oldest (Job *job, TakePiece take, GError **error)
{
  Piece *piece = pipeline_take (job->pipeline);
  Plan *plan = piece->user_data;
  gsize bytes = piece->n * shard_type_bytes (piece->source->type);
  gboolean ok;

  if (piece->error) {
    g_propagate_error (error, g_steal_pointer (&piece->error));
    return FALSE;
  }
  plan->n_not_finite += piece->n_not_finite;
  plan->n_beyond_f16 += piece->n_beyond_f16;
  plan->largest = MAX (plan->largest, piece->largest);
  if (piece->checksum)
    plan->crc =
        (guint32) crc32_combine (plan->crc, piece->crc, (z_off_t) bytes);
  ok = take (job, piece, error);
  if (piece->first + piece->n == piece->source->n_elements)
    g_clear_pointer (&plan->merge, merge_free);
  pipeline_put_back (job->pipeline, piece);
  return ok && advance (job, plan, bytes, error);
}

/* All pieces of a tensor into the pipeline. */
static gboolean
submit (Job *job, Plan *plan, const Owl2TypeInfo *to, TakePiece take,
    GError **error)
{
  const ShardTensor *t = plan->source;

  plan->n_not_finite = 0;
  if (plan->changes
      && !(plan->merge = merge_new (
               plan->changes, plan->spec->rows, plan->spec->cols, error)))
    return FALSE;
  for (guint64 at = 0; at < t->n_elements; at += PIPELINE_ELEMENTS) {
    Piece *piece;

    while (!(piece = pipeline_get (job->pipeline)))
      if (!take_oldest (job, take, error))
        return FALSE;
    piece->source = t;
    piece->first = at;
    piece->n = (gsize) MIN (t->n_elements - at, PIPELINE_ELEMENTS);
    piece->to = to;
    piece->merge = plan->merge;
    piece->checksum = to && shard_tensor_checks_itself (t);
    piece->user_data = plan;
    pipeline_submit (job->pipeline, piece);
  }
  return TRUE;
}

static gboolean
drain (Job *job, TakePiece take, GError **error)
{
  while (pipeline_busy (job->pipeline))
    if (!take_oldest (job, take, error))
      return FALSE;
  return TRUE;
}

/* ---- types ------------------------------------------------------------ */

static guint64
source_bytes (const Plan *plan)
{
  return plan->source
             ? plan->source->n_elements * shard_type_bytes (plan->source->type)
             : n_elements (plan->spec) * sizeof (float);
}

/* F16, and the scales of blocks, can't hold 65520 and more; an fp16 source
 * fits by nature, until something is added to it. */
static gboolean
needs_scan (const Plan *plan)
{
  return plan->type != OWL2_TYPE_F32
         && (plan->source->type != SHARD_F16 || plan->changes);
}

static gboolean
take_scanned (Job *job, const Piece *piece, GError **error)
{
  return TRUE;
}

static gboolean
choose_types (Job *job, GError **error)
{
  plan_choose_types (job->plans, job->options->type, job->options->log);
  for (guint i = 0; i < job->plans->len; i++) {
    const Plan *plan = &g_array_index (job->plans, Plan, i);

    job->total += source_bytes (plan) * (needs_scan (plan) ? 2 : 1);
  }
  for (guint i = 0; i < job->plans->len; i++) {
    Plan *plan = &g_array_index (job->plans, Plan, i);

    if (needs_scan (plan) && !submit (job, plan, NULL, take_scanned, error))
      return FALSE;
  }
  if (!drain (job, take_scanned, error))
    return FALSE;
  for (guint i = 0; i < job->plans->len; i++) {
    Plan *plan = &g_array_index (job->plans, Plan, i);

    if (plan->n_beyond_f16 == 0)
      continue;
    plan->type = OWL2_TYPE_F32;
    owl2_log (job->options->log, OWL2_LOG_WARNING, "convert",
        "tensor '%s' stays f32: %" G_GUINT64_FORMAT
        " of its values are beyond f16, up to %g",
        plan->source->name, plan->n_beyond_f16, (double) plan->largest);
  }
  return TRUE;
}

/* ---- writing ---------------------------------------------------------- */

static void
write_head (Job *job)
{
  Owl2GgufWriter *w = job->writer;

  owl2_config_write (&job->hf.config, w);
  owl2_gguf_writer_u32 (
      w, "general.file_type", owl2_type_info (job->options->type)->file_type);
  owl2_gguf_writer_u32 (w, "general.quantization_version", 2);
  vocab_write (job->tokenizer, &job->hf, w);
  for (guint i = 0; i < job->plans->len; i++) {
    const Plan *plan = &g_array_index (job->plans, Plan, i);
    const Owl2TensorSpec *spec = plan->spec;

    owl2_gguf_writer_tensor (w, spec->name, plan->type, spec->n_dims,
        (guint64[]){ spec->cols, spec->rows });
  }
}

/* Tables are small: 16384 x 16384 at the limits, 1025 x 1024 as published. */
static gboolean
write_computed (Job *job, const Plan *plan, GError **error)
{
  const Owl2TensorSpec *spec = plan->spec;
  gsize n = n_elements (spec);
  g_autofree float *table = g_try_malloc_n (n, sizeof (float));

  g_return_val_if_fail (plan->type == OWL2_TYPE_F32, FALSE);
  if (!table) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for the %" G_GSIZE_FORMAT " values of tensor '%s'", n,
        spec->name);
    return FALSE;
  }
  if (g_str_has_suffix (spec->name, ".k_pos"))
    positions_2d (table, job->hf.config.vision.grid, (guint) spec->cols);
  else
    positions_1d (table, (guint) spec->rows, (guint) spec->cols);
  return owl2_gguf_writer_data (job->writer, table, n * sizeof (float), error)
         && advance (job, plan, n * sizeof (float), error);
}

/* All of a tensor was read. */
static gboolean
check_read (Job *job, const Plan *plan, GError **error)
{
  const ShardTensor *t = plan->source;

  if (shard_tensor_checks_itself (t)
      && !shard_tensor_compare (t, plan->crc, error))
    return FALSE;
  if (plan->n_not_finite == 0)
    return TRUE;
  if (owl2_type_block (plan->type) > 1)
    return convert_bad (shard_path (t->shard), error,
        "tensor '%s' has %" G_GUINT64_FORMAT
        " values that are not finite, which %s can't hold",
        t->name, plan->n_not_finite, owl2_type_name (plan->type));
  owl2_log (job->options->log, OWL2_LOG_WARNING, "convert",
      "%s: tensor '%s' has %" G_GUINT64_FORMAT " values that are not finite",
      shard_path (t->shard), t->name, plan->n_not_finite);
  return TRUE;
}

static gboolean
take_encoded (Job *job, const Piece *piece, GError **error)
{
  if (!owl2_gguf_writer_data (job->writer, piece->data, piece->size, error))
    return FALSE;
  return piece->first + piece->n < piece->source->n_elements
         || check_read (job, piece->user_data, error);
}

static gboolean
write_tensor (Job *job, Plan *plan, GError **error)
{
  if (!plan->source)
    return drain (job, take_encoded, error)
           && write_computed (job, plan, error);
  /* A checksum of more, or in another order, is a reading of its own. */
  if (!shard_tensor_checks_itself (plan->source)
      && !shard_tensor_verify (plan->source, error))
    return FALSE;
  return submit (job, plan, owl2_type_info (plan->type), take_encoded, error);
}

/* What the user says goes before what the files say. */
static void
configure (Job *job)
{
  const ConvertOptions *o = job->options;
  Owl2Config *config = &job->hf.config;

  if (!config->name)
    config->name = convert_dir_name (o->dir);
  if (o->image_mode)
    config->image_mode = *o->image_mode;
  if (o->recipe) {
    g_free (config->recipe);
    config->recipe = o->recipe[0] ? g_strdup (o->recipe) : NULL;
  }
}

/* The tokenizer, the weights and what becomes of them. */
static gboolean
prepare (Job *job, GError **error)
{
  const ConvertOptions *o = job->options;
  PlanSource from = { .hf = &job->hf, .dir = o->dir, .log = o->log };

  if (!(job->folder = folder_new (o->dir, error))
      || !(job->adapters = adapters_open (o->adapters, o->log, error))
      || !hfconfig_load (&job->hf, job->folder, o->log, error)
      || !adapters_configure (job->adapters, &job->hf, o->log, error)
      || !(job->tokenizer = spmodel_load (job->folder, error))
      || !(job->checkpoint = checkpoint_open (job->folder, o->log, error)))
    return FALSE;
  configure (job);
  job->specs = owl2_config_tensors (&job->hf.config);
  from.checkpoint = job->checkpoint;
  from.adapters = job->adapters;
  return adapters_match (job->adapters, job->specs, job->hf.tied, o->log, error)
         && (job->plans = plan_new (&from, job->specs, error)) != NULL
         && vocab_complete (
             job->tokenizer, &job->hf, job->folder, o->log, error);
}

static gboolean
run (Job *job, ConvertSummary *summary, GError **error)
{
  const ConvertOptions *o = job->options;

  /* The writer comes before the long scan, so that a bad place for the file is
   * told at once. */
  if (!prepare (job, error) || !folder_check_apart (job->folder, o->out, error)
      || !adapters_check_apart (job->adapters, o->out, error)
      || !(job->writer = owl2_gguf_writer_new (o->out, error))
      || !(job->pipeline = pipeline_new (o->n_threads, error))
      || !choose_types (job, error))
    return FALSE;
  write_head (job);
  for (guint i = 0; i < job->plans->len; i++) {
    Plan *plan = &g_array_index (job->plans, Plan, i);

    if (!write_tensor (job, plan, error))
      return FALSE;
    summary->n_tensors++;
    summary->n_f32 += plan->type == OWL2_TYPE_F32;
    summary->n_parameters += n_elements (plan->spec);
  }
  summary->n_bytes_read = job->total;
  return drain (job, take_encoded, error) && folder_check (job->folder, error)
         && adapters_check (job->adapters, error)
         && owl2_gguf_writer_finish (job->writer, error);
}

gboolean
convert_run (
    const ConvertOptions *options, ConvertSummary *summary, GError **error)
{
  Job job = { .options = options };
  gboolean ok;

  g_return_val_if_fail (convert_type_supported (options->type), FALSE);
  memset (summary, 0, sizeof (*summary));
  ok = run (&job, summary, error);
  /* Threads end before what they read is gone. */
  pipeline_free (job.pipeline);
  owl2_gguf_writer_free (job.writer);
  g_clear_pointer (&job.plans, g_array_unref);
  adapters_free (job.adapters);
  g_clear_pointer (&job.specs, g_array_unref);
  checkpoint_free (job.checkpoint);
  spmodel_free (job.tokenizer);
  hfconfig_clear (&job.hf);
  folder_free (job.folder);
  return ok;
}
