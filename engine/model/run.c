/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run.h"

#include "pass.h"

/* Uploads those of the rows of b->x that are features. They come from the host,
 * so everything before must be done with b->x. */
static gboolean
upload_features (Owl2Exec *exec, const Owl2DecoderBuffers *b,
    const Owl2DecoderRun *run, guint first, guint n, GError **error)
{
  gsize row_bytes = (gsize) b->x.cols * sizeof (float);
  g_autoptr (OvkUploader) up = NULL;

  if (!owl2_exec_finish (exec, error))
    return FALSE;
  up = ovk_uploader_new (exec->dev, error);
  if (!up)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    OvkSlice row = b->x.slice;

    row.offset += i * row_bytes;
    row.size = row_bytes;
    if (run->keys[first + i].frame
        && !ovk_uploader_rows (up, row, row_bytes, run->rows[first + i],
            row_bytes, row_bytes, 1, error))
      return FALSE;
  }
  return ovk_uploader_finish (up, error);
}

/* Positions first .. of the run. */
static gboolean
run_chunk (Owl2Exec *exec, const Owl2Weights *weights, Owl2KvCache *cache,
    const Owl2DecoderBuffers *b, const Owl2DecoderRun *run, guint first,
    guint n, GError **error)
{
  g_auto (Owl2Pass) pass;
  gboolean features = FALSE;

  owl2_pass_init (&pass);
  pass.last = first + n == run->n;
  pass.attention = run->attention;
  for (guint32 i = 0; i < cache->kv.n_pages; i++)
    owl2_pass_add_pages (&pass, &i, 1);
  for (guint i = 0; i < n; i++) {
    const Owl2KvKey *key = &run->keys[first + i];
    gboolean feature = key->frame != 0;

    owl2_pass_add_row (&pass, run->family,
        feature ? OWL2_ROW_GIVEN : key->index, feature && !run->language_only,
        cache->n + i, 0);
    features |= feature;
  }
  if ((features && !upload_features (exec, b, run, first, n, error))
      || !owl2_pass_record (exec, weights, &cache->kv, b, &pass, error))
    return FALSE;
  if (run->family == OWL2_PREFILL)
    owl2_kvcache_append (cache, run->keys + first, n);
  else
    cache->n += n;
  return TRUE;
}

gboolean
owl2_decoder_run (Owl2Exec *exec, const Owl2Weights *weights,
    Owl2KvCache *cache, const Owl2DecoderBuffers *b, const Owl2DecoderRun *run,
    GError **error)
{
  guint done = 0, n = 0;

  g_return_val_if_fail (
      run->n > 0 && cache->n + run->n <= cache->capacity, FALSE);
  for (; done < run->n; done += n) {
    n = MIN (b->chunk - cache->n % b->chunk, run->n - done);
    if (!run_chunk (exec, weights, cache, b, run, done, n, error))
      return FALSE;
  }
  return owl2_exec_finish (exec, error);
}
