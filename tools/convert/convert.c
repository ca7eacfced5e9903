/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of work: read the small files; find every tensor of the table in
 * the checkpoint and check its shape; choose each one's type; write. Nothing
 * is written before everything that can be wrong was looked at, except a full
 * disk and damaged weights. */
#include "convert.h"
#include "checkpoint.h"
#include "encode.h"
#include "files.h"
#include "half.h"
#include "hfconfig.h"
#include "positions.h"
#include "vocab.h"

#include <math.h>
#include <string.h>

/* Elements at a time; a multiple of every block size. */
#define CHUNK (256u * 1024u)

/* How one tensor of the file is made. */
typedef struct {
  const Owl2TensorSpec *spec;
  const ShardTensor *source; /* NULL: computed */
  Owl2Type type;
} Plan;

typedef struct {
  const ConvertOptions *options;
  HfConfig hf;
  SpModel *tokenizer;
  Checkpoint *checkpoint;
  GArray *specs; /* Owl2TensorSpec */
  GArray *plans; /* Plan, one for each */
  Owl2GgufWriter *writer;
  guint64 total, done; /* elements, for the progress */
  float *values;       /* CHUNK */
  guint8 *encoded;     /* CHUNK elements of any type */
} Job;

gboolean
convert_type_supported (Owl2Type type)
{
  return encoder_for (type) != NULL;
}

static guint64
n_elements (const Owl2TensorSpec *spec)
{
  return spec->rows * spec->cols;
}

/* Counts the work done; FALSE with CANCELLED when it is to stop. */
static gboolean
advance (Job *job, const Plan *plan, guint64 n, GError **error)
{
  const ConvertOptions *o = job->options;

  job->done += n;
  if (o->progress)
    o->progress ((double) job->done / (double) job->total, plan->spec->name,
        o->user_data);
  if (o->stop && *o->stop) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED,
        "%s: stopped, nothing is left of it", o->out);
    return FALSE;
  }
  return TRUE;
}

/* ---- finding the tensors ---------------------------------------------- */

static char *
shape_text (guint n_dims, const guint64 *dims)
{
  GString *out = g_string_new ("[");

  for (guint d = 0; d < n_dims; d++)
    g_string_append_printf (
        out, "%s%" G_GUINT64_FORMAT, d ? ", " : "", dims[d]);
  g_string_append_c (out, ']');
  return g_string_free (out, FALSE);
}

static gboolean
check_source (const ShardTensor *t, const Owl2TensorSpec *spec, GError **error)
{
  g_autofree char *have = shape_text (t->n_dims, t->dims);
  g_autofree char *want = shape_text (spec->n_source_dims, spec->source_dims);

  if (t->type == SHARD_OTHER)
    return convert_bad (shard_path (t->shard), error,
        "tensor '%s' is %s; fp32, fp16 and bf16 are supported", t->name,
        t->type_name);
  if (strcmp (have, want) != 0)
    return convert_bad (shard_path (t->shard), error,
        "tensor '%s' is %s, the configuration asks for %s", t->name, have,
        want);
  return TRUE;
}

/* The tensor of the checkpoint, or that which stands for it. */
static const ShardTensor *
find_source (Job *job, const Owl2TensorSpec *spec)
{
  const ShardTensor *t = checkpoint_find (job->checkpoint, spec->source);

  if (!t && job->hf.tied && strcmp (spec->name, "output.weight") == 0)
    t = checkpoint_find (job->checkpoint, "model.embed_tokens.weight");
  return t;
}

static gboolean
match_tensors (Job *job, GError **error)
{
  const char *missing = NULL;
  guint n_missing = 0;

  for (guint i = 0; i < job->specs->len; i++) {
    const Owl2TensorSpec *spec = &g_array_index (job->specs, Owl2TensorSpec, i);
    Plan plan = { .spec = spec, .source = find_source (job, spec) };

    if (!plan.source && !spec->computable) {
      missing = missing ? missing : spec->source;
      n_missing++;
    }
    if (plan.source && !check_source (plan.source, spec, error))
      return FALSE;
    g_array_append_val (job->plans, plan);
    job->total += n_elements (spec);
  }
  if (n_missing > 1)
    return convert_bad (job->options->dir, error,
        "tensor '%s' and %u more are missing in the weights", missing,
        n_missing - 1);
  if (n_missing == 1)
    return convert_bad (job->options->dir, error,
        "tensor '%s' is missing in the weights", missing);
  return TRUE;
}

/* Says what of the checkpoint is not used. */
static void
report_unused (Job *job)
{
  g_autoptr (GHashTable) used = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GPtrArray) all = checkpoint_tensors (job->checkpoint);
  guint n_ignored = 0;

  for (guint i = 0; i < job->specs->len; i++)
    g_hash_table_add (
        used, g_array_index (job->specs, Owl2TensorSpec, i).source);
  for (guint i = 0; i < all->len; i++) {
    const ShardTensor *t = g_ptr_array_index (all, i);

    if (g_hash_table_contains (used, t->name))
      continue;
    /* The published code computes its rotation table from rope_theta before
     * it reads any file. */
    if (g_str_has_suffix (t->name, ".rotary_emb.inv_freq"))
      n_ignored++;
    else
      owl2_log (job->options->log, OWL2_LOG_WARNING, "convert",
          "%s: tensor '%s' is unknown and left out", shard_path (t->shard),
          t->name);
  }
  if (n_ignored > 0)
    owl2_log (job->options->log, OWL2_LOG_INFO, "convert",
        "%u stored rotary_emb.inv_freq left out: rope_theta decides",
        n_ignored);
}

/* ---- types ------------------------------------------------------------ */

/* Looks at all values: F16 can't hold 65520 and more. */
static gboolean
scan (Job *job, Plan *plan, GError **error)
{
  const ShardTensor *t = plan->source;
  guint64 n_beyond = 0;
  float largest = 0;

  job->total += t->n_elements;
  for (guint64 at = 0; at < t->n_elements;) {
    gsize n = (gsize) MIN (t->n_elements - at, CHUNK);

    shard_tensor_read (t, at, n, job->values);
    for (gsize i = 0; i < n; i++)
      if (half_overflows (job->values[i])) {
        n_beyond++;
        largest = MAX (largest, fabsf (job->values[i]));
      }
    shard_tensor_release (t, at, n);
    at += n;
    if (!advance (job, plan, n, error))
      return FALSE;
  }
  if (n_beyond > 0) {
    plan->type = OWL2_TYPE_F32;
    owl2_log (job->options->log, OWL2_LOG_WARNING, "convert",
        "tensor '%s' stays f32: %" G_GUINT64_FORMAT
        " of its values are beyond f16, up to %g",
        t->name, n_beyond, (double) largest);
  }
  return TRUE;
}

static gboolean
choose_types (Job *job, GError **error)
{
  for (guint i = 0; i < job->plans->len; i++) {
    Plan *plan = &g_array_index (job->plans, Plan, i);
    const Owl2TensorSpec *spec = plan->spec;
    Owl2Type type = job->options->type;

    if (spec->keep_f32)
      type = OWL2_TYPE_F32;
    else if (spec->cols % owl2_type_block (type) != 0)
      type = OWL2_TYPE_F16;
    plan->type = type;
    /* An fp16 source fits by nature. */
    if (type != OWL2_TYPE_F32 && plan->source->type != SHARD_F16
        && !scan (job, plan, error))
      return FALSE;
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
      w, "general.file_type", encoder_for (job->options->type)->file_type);
  owl2_gguf_writer_u32 (w, "general.quantization_version", 2);
  vocab_write (job->tokenizer, &job->hf, w);
  for (guint i = 0; i < job->plans->len; i++) {
    const Plan *plan = &g_array_index (job->plans, Plan, i);
    const Owl2TensorSpec *spec = plan->spec;

    owl2_gguf_writer_tensor (w, spec->name, plan->type, spec->n_dims,
        (guint64[]){ spec->cols, spec->rows });
  }
}

static gboolean
write_values (
    Job *job, const Plan *plan, const float *values, gsize n, GError **error)
{
  gsize bytes =
      n / owl2_type_block (plan->type) * owl2_type_block_bytes (plan->type);

  encoder_for (plan->type)->encode (values, n, job->encoded);
  return owl2_gguf_writer_data (job->writer, job->encoded, bytes, error)
         && advance (job, plan, n, error);
}

/* Tables are small: 16384 x 16384 at the limits, 1025 x 1024 as published. */
static gboolean
write_computed (Job *job, const Plan *plan, GError **error)
{
  const Owl2TensorSpec *spec = plan->spec;
  guint64 n = n_elements (spec);
  g_autofree float *table = g_try_malloc_n (n, sizeof (float));

  if (!table) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for the %" G_GUINT64_FORMAT " values of tensor '%s'", n,
        spec->name);
    return FALSE;
  }
  if (g_str_has_suffix (spec->name, ".k_pos"))
    positions_2d (table, job->hf.config.vision.grid, (guint) spec->cols);
  else
    positions_1d (table, (guint) spec->rows, (guint) spec->cols);
  for (guint64 at = 0; at < n; at += CHUNK)
    if (!write_values (
            job, plan, table + at, (gsize) MIN (n - at, CHUNK), error))
      return FALSE;
  return TRUE;
}

static gboolean
write_copied (Job *job, const Plan *plan, GError **error)
{
  const ShardTensor *t = plan->source;
  guint64 n_bad = 0;

  if (!shard_tensor_verify (t, error))
    return FALSE;
  for (guint64 at = 0; at < t->n_elements;) {
    gsize n = (gsize) MIN (t->n_elements - at, CHUNK);

    shard_tensor_read (t, at, n, job->values);
    for (gsize i = 0; i < n; i++)
      n_bad += !isfinite (job->values[i]);
    if (!write_values (job, plan, job->values, n, error))
      return FALSE;
    shard_tensor_release (t, at, n);
    at += n;
  }
  if (n_bad > 0)
    owl2_log (job->options->log, OWL2_LOG_WARNING, "convert",
        "%s: tensor '%s' has %" G_GUINT64_FORMAT " values that are not finite",
        shard_path (t->shard), t->name, n_bad);
  return TRUE;
}

static gboolean
run (Job *job, ConvertSummary *summary, GError **error)
{
  const ConvertOptions *o = job->options;
  g_autofree char *tokenizer =
      g_build_filename (o->dir, "tokenizer.model", NULL);

  if (!hfconfig_load (&job->hf, o->dir, o->log, error)
      || !(job->tokenizer = spmodel_load (tokenizer, error))
      || !(job->checkpoint = checkpoint_open (o->dir, o->log, error)))
    return FALSE;
  if (!job->hf.config.name)
    job->hf.config.name = convert_dir_name (o->dir);
  job->specs = owl2_config_tensors (&job->hf.config);
  if (!match_tensors (job, error)
      || !vocab_complete (job->tokenizer, &job->hf, o->dir, o->log, error))
    return FALSE;
  report_unused (job);
  /* Before the long scan, so that a bad place for the file is told at once. */
  if (!(job->writer = owl2_gguf_writer_new (o->out, error))
      || !choose_types (job, error))
    return FALSE;
  write_head (job);
  for (guint i = 0; i < job->plans->len; i++) {
    const Plan *plan = &g_array_index (job->plans, Plan, i);

    if (!(plan->source ? write_copied (job, plan, error)
                       : write_computed (job, plan, error)))
      return FALSE;
    summary->n_tensors++;
    summary->n_f32 += plan->type == OWL2_TYPE_F32;
    summary->n_parameters += n_elements (plan->spec);
  }
  return owl2_gguf_writer_finish (job->writer, error);
}

gboolean
convert_run (
    const ConvertOptions *options, ConvertSummary *summary, GError **error)
{
  Job job = { .options = options };
  gboolean ok;

  g_return_val_if_fail (convert_type_supported (options->type), FALSE);
  memset (summary, 0, sizeof (*summary));
  job.plans = g_array_new (FALSE, FALSE, sizeof (Plan));
  job.values = g_new (float, CHUNK);
  job.encoded = g_malloc (CHUNK * sizeof (float));
  ok = run (&job, summary, error);
  owl2_gguf_writer_free (job.writer);
  g_clear_pointer (&job.specs, g_array_unref);
  g_array_unref (job.plans);
  checkpoint_free (job.checkpoint);
  spmodel_free (job.tokenizer);
  hfconfig_clear (&job.hf);
  g_free (job.values);
  g_free (job.encoded);
  return ok;
}
