/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the scheduler's thread works with. */
#include "scheduler.h"

#include <string.h>

/* Of the buffers, which take one block where they are smaller. */
#define BLOCK_BYTES (256u << 20)
/* Of what the host reads; what is larger has a block of its own. */
#define RESULTS_BLOCK_BYTES 65536

static gboolean
alloc_buffers (Owl2Workspace *work, OvkArena *arena, const Owl2Config *config,
    GError **error)
{
  return owl2_image_buffers_alloc (
             &work->image, arena, config, OWL2_BATCH, error)
         && owl2_vit_buffers_alloc (
             &work->vit, arena, config, OWL2_BATCH, error)
         && owl2_abstractor_buffers_alloc (
             &work->abstractor, arena, config, OWL2_BATCH, error)
         && owl2_decoder_buffers_init (&work->decoder, arena, config, error);
}

/* For the host to read. */
static gboolean
alloc_results (Owl2Workspace *work, OvkArena *arena, const Owl2Config *config,
    GError **error)
{
  gsize logits = config->decoder.n_vocab * sizeof (float);

  return ovk_arena_alloc (
             arena, OWL2_RESULTS * sizeof (Owl2Result), &work->results, error)
         && ovk_arena_alloc (arena,
             2 * OWL2_PASS_PICKS * sizeof (Owl2Likelihood), &work->likelihoods,
             error)
         && ovk_arena_alloc (
             arena, 2 * OWL2_BATCH * sizeof (guint32), &work->bad, error)
         && ovk_arena_alloc (
             arena, 2 * OWL2_BATCH * 4 * sizeof (float), &work->dots, error)
         && ovk_arena_alloc (
             arena, 2 * OWL2_PASS_WANTED * logits, &work->logits, error);
}

/* The buffers are laid out as ever, in an arena that only counts. */
guint64
owl2_work_bytes (const Owl2Model *model, GError **error)
{
  const Owl2Config *config = &model->weights->config;
  g_autoptr (OvkArena) arena = ovk_arena_new_counting (model->dev);
  Owl2Workspace work = { NULL };
  gboolean ok = alloc_buffers (&work, arena, config, error)
                && alloc_results (&work, arena, config, error);

  return ok ? ovk_arena_bytes (arena) : 0;
}

gboolean
owl2_work_init (Owl2Workspace *work, Owl2Model *model, GError **error)
{
  const Owl2Config *config = &model->weights->config;
  guint64 bytes = owl2_work_bytes (model, error);

  memset (work, 0, sizeof *work);
  work->model = model;
  if (!bytes)
    return FALSE;
  work->arena = ovk_arena_new (model->dev, "work", MIN (BLOCK_BYTES, bytes));
  work->results_arena =
      ovk_arena_new_results (model->dev, "results", RESULTS_BLOCK_BYTES);
  if (!owl2_exec_init (&work->exec, model->dev, error)
      || !alloc_buffers (work, work->arena, config, error)
      || !owl2_image_init (&work->image, model->weights, error)
      || !alloc_results (work, work->results_arena, config, error))
    return FALSE;
  work->decoder.results = work->results;
  return TRUE;
}

void
owl2_work_clear (Owl2Workspace *work)
{
  owl2_replay_clear (&work->replay);
  owl2_exec_clear (&work->exec);
  owl2_image_clear (&work->image);
  g_clear_pointer (&work->arena, ovk_arena_free);
  g_clear_pointer (&work->results_arena, ovk_arena_free);
  owl2_look_buffers_clear (&work->look);
}

gboolean
owl2_work_look (Owl2Workspace *work, GError **error)
{
  return owl2_look_buffers_alloc (&work->look, work->model->dev,
      &work->model->weights->config, 2 * OWL2_PASS_WANTED, 2 * OWL2_BATCH,
      error);
}

/* Where what frames look at goes; FALSE with @error. */
static gboolean
look_places (Owl2Workspace *work, const Owl2Image *const *images, guint n,
    guint first, OvkSlice *places, GError **error)
{
  memset (places, 0, n * sizeof *places);
  for (guint i = 0; i < n; i++) {
    if (!images[i]->look)
      continue;
    if (!owl2_work_look (work, error))
      return FALSE;
    places[i] =
        owl2_look_frame (&work->look, &work->model->weights->config, first + i);
  }
  return TRUE;
}

gboolean
owl2_work_frames (Owl2Workspace *work, const Owl2Image *const *images,
    const Owl2FeatureSlot *const *slots, guint n, guint bad, GError **error)
{
  const Owl2Weights *weights = work->model->weights;
  Owl2Tensor *all = &work->abstractor.out;
  guint rows = all->rows / OWL2_BATCH;
  Owl2Exec *exec = &work->exec;
  OvkSlice places[OWL2_BATCH];
  Owl2AbstractorLook look = { places };
  OvkCmd *cmd;

  if (!look_places (work, images, n, bad, places, error))
    return FALSE;
  look.probs = work->look.probs;
  for (guint i = 0; i < n; i++)
    if ((images[i]->data || images[i]->memory)
        && !owl2_image_record (&work->image, exec, images[i], i, error))
      return FALSE;
  if (!owl2_vit_record (
          exec, weights, &work->vit, &work->image.patches, n, error)
      || !owl2_abstractor_record (
          exec, weights, &work->abstractor, &work->vit.h, n, &look, error))
    return FALSE;
  cmd = owl2_exec_cmd (exec);
  ovk_cmd_label (cmd, "features");
  for (guint i = 0; i < n; i++) {
    Owl2Tensor to = owl2_feature_slot_tensor (slots[i]);
    Owl2Tensor out = owl2_tensor_rows (*all, i * rows, rows);
    OvkSlice count = work->bad;

    count.offset += (bad + i) * sizeof (guint32);
    count.size = sizeof (guint32);
    owl2_op_copy (cmd, &to, &out);
    owl2_op_count_bad (cmd, count, &out);
  }
  return owl2_exec_step (exec, error);
}

gboolean
owl2_work_dots (Owl2Workspace *work, const Owl2FeatureSlot *x,
    const Owl2FeatureSlot *y, guint at, GError **error)
{
  Owl2Tensor a = owl2_feature_slot_tensor (x), b = owl2_feature_slot_tensor (y);
  OvkCmd *cmd = owl2_exec_cmd (&work->exec);
  OvkSlice dots = work->dots;

  dots.offset += at * 4 * sizeof (float);
  dots.size = 4 * sizeof (float);
  a.rows = b.rows = a.rows - 1;
  ovk_cmd_label (cmd, "distance");
  owl2_op_pooled_dots (cmd, dots, &a, &b);
  return owl2_exec_step (&work->exec, error);
}

/* ---- warm-up ------------------------------------------------------------ */

/* A wide and a tall frame: each is resized in its own direction first. Other
 * modes take the same pipelines. */
static gboolean
warm_up_frames (Owl2Workspace *work, GError **error)
{
  static const guint8 pixels[12];
  static const Owl2Image wide = { pixels, 2, 1, 6, .mode = OWL2_IMAGE_STRETCH };
  static const Owl2Image tall = { pixels, 1, 2, 6, .mode = OWL2_IMAGE_STRETCH };
  const Owl2FeatureSlot slot = { .pool = work->model->features,
    .slice = work->abstractor.out.slice };
  const Owl2Image *const images[] = { &wide, &tall };
  const Owl2FeatureSlot *const slots[] = { &slot, &slot };

  owl2_image_warm_up (&work->image, &work->exec);
  return owl2_work_frames (work, images, slots, 2, 0, error)
         && owl2_work_dots (work, &slot, &slot, 0, error);
}

/* A prompt with a row of each modality and a pick, then as many tokens as
 * kernels are made for, as in decoding: they are picked by that alone. */
static gboolean
warm_up_passes (Owl2Workspace *work, const Owl2KvTensors *tensors, guint32 page,
    GError **error)
{
  g_auto (Owl2Pass) pass;
  guint n = MIN (2, work->model->weights->config.decoder.n_ctx);

  owl2_pass_init (&pass);
  owl2_pass_add_pages (&pass, &page, 1);
  for (guint i = 0; i < n; i++)
    owl2_pass_add_row (&pass, OWL2_PREFILL, 0, i, i, 0);
  pass.last = TRUE;
  pass.n_scored = 1;
  pass.likelihoods = work->likelihoods;
  owl2_pass_add_pick (&pass, n - 1, 0);
  if (!owl2_pass_record (&work->exec, work->model->weights, tensors,
          &work->decoder, &pass, NULL, error))
    return FALSE;
  for (guint m = 1; m <= OWL2_PASS_DECODE; m *= 2) {
    owl2_pass_reset (&pass);
    owl2_pass_add_pages (&pass, &page, 1);
    for (guint i = 0; i < m; i++)
      owl2_pass_add_row (&pass, OWL2_DECODE, 0, 0, i % n, 0);
    if (!owl2_pass_record (&work->exec, work->model->weights, tensors,
            &work->decoder, &pass, NULL, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
owl2_work_warm_up (Owl2Workspace *work, Owl2Type kv_type, gboolean frames,
    OvkPipelineSet *set, GError **error)
{
  static const Owl2KvKey keys[2];
  guint n =
      MIN (G_N_ELEMENTS (keys), work->model->weights->config.decoder.n_ctx);
  g_autoptr (Owl2KvPool) pool =
      owl2_kvpool_new (work->model->weights, kv_type, 0, error);
  Owl2KvSequence seq = { NULL };
  gboolean ok;

  if (!pool
      || owl2_kvpool_begin (pool, &seq, 0, keys, n, n, TRUE, FALSE, error)
             != OWL2_KV_READY)
    return FALSE;
  owl2_exec_collect (&work->exec, set);
  ok = (!frames || warm_up_frames (work, error))
       && warm_up_passes (work, owl2_kvpool_tensors (pool),
           g_array_index (seq.pages, guint32, 0), error);
  owl2_exec_abandon (&work->exec);
  owl2_exec_collect (&work->exec, NULL);
  owl2_kvpool_end (pool, &seq);
  return ok;
}
