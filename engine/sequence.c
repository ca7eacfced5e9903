/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sequence.h"

#include <math.h>
#include <string.h>

/* ---- the request -------------------------------------------------------- */

/* Positions of @n_tokens and the rows of @n_frames, which must be in the
 * context. */
static gboolean
count_positions (const Owl2Model *model, guint n_ctx, guint n_tokens,
    guint n_frames, guint *n_positions, GError **error)
{
  guint rows = model->weights->config.abstractor.n_queries + 1;
  guint64 n = n_tokens + (guint64) n_frames * rows;

  *n_positions = (guint) MIN (n, n_ctx);
  if (n > 0 && n <= n_ctx)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the prompt has %" G_GUINT64_FORMAT " positions (%u tokens, and %u "
      "frames of %u rows), the context has 1 to %u",
      n, n_tokens, n_frames, rows, n_ctx);
  return FALSE;
}

/* A text that can't fit, however its pieces fall, is not even tokenized. */
static gboolean
check_length (
    const Owl2Model *model, guint n_ctx, const char *prompt, GError **error)
{
  gsize length = strlen (prompt);
  gsize least = length / owl2_tokenizer_max_piece (model->tokenizer);

  if (least <= n_ctx && length <= OWL2_TEXT_MAX)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the prompt has %" G_GSIZE_FORMAT " bytes, so at least %" G_GSIZE_FORMAT
      " tokens; the context has %u positions",
      length, least, n_ctx);
  return FALSE;
}

static guint
count_places (const GArray *ids)
{
  guint n = 0;

  for (guint i = 0; i < ids->len; i++)
    n += g_array_index (ids, gint32, i) == OWL2_IMAGE_ID;
  return n;
}

/* The last token of an answer needs no position of its own. */
static guint
most_tokens (guint n_ctx, guint n_prompt, guint max_tokens)
{
  return MIN (max_tokens, n_ctx - n_prompt + 1);
}

gboolean
owl2_sequence_count (const Owl2Model *model, guint n_ctx, const char *prompt,
    guint n_frames, guint max_tokens, guint *n_positions, GError **error)
{
  g_autoptr (GArray) ids = NULL;

  if (!check_length (model, n_ctx, prompt, error))
    return FALSE;
  ids = owl2_prompt_encode (model->tokenizer, prompt);
  if (!count_positions (model, n_ctx, ids->len - count_places (ids), n_frames,
          n_positions, error))
    return FALSE;
  *n_positions += most_tokens (n_ctx, *n_positions, MAX (max_tokens, 1)) - 1;
  return TRUE;
}

static gboolean
check_places (const GArray *ids, guint n_frames, GError **error)
{
  guint n_places = count_places (ids);

  if (n_places == (n_frames > 0))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the prompt has %u image places for %u frames: all frames go to one "
      "place",
      n_places, n_frames);
  return FALSE;
}

static void
lay_out_prompt (Owl2Sequence *seq, guint rows)
{
  for (guint i = 0; i < seq->prompt->len; i++) {
    gint32 id = g_array_index (seq->prompt, gint32, i);

    if (id != OWL2_IMAGE_ID) {
      Owl2KvKey key = { 0, (guint32) id };

      g_array_append_val (seq->keys, key);
      owl2_sampler_accept (seq->sampler, id);
      continue;
    }
    for (guint f = 0; f < seq->frames->len; f++) {
      const Owl2FeatureSlot *slot = g_ptr_array_index (seq->frames, f);

      for (guint r = 0; r < rows; r++) {
        Owl2KvKey key = { slot->serial, r };

        g_array_append_val (seq->keys, key);
      }
    }
  }
}

Owl2Sequence *
owl2_sequence_new (Owl2Model *model, Owl2KvPool *kvpool, guint n_ctx,
    gboolean language_only, const Owl2Request *request,
    Owl2FeatureSlot *const *slots, GError **error)
{
  const Owl2Config *config = &model->weights->config;
  g_autoptr (Owl2Sequence) seq = g_new0 (Owl2Sequence, 1);
  const Owl2SamplerParams params = {
    .temperature = request->sampling.temperature,
    .top_k = request->sampling.top_k,
    .top_p = request->sampling.top_p,
    .repetition_penalty = request->sampling.repetition_penalty,
    .seed = request->sampling.seed,
  };

  if (!check_length (model, n_ctx, request->prompt, error))
    return NULL;
  seq->prompt = owl2_prompt_encode (model->tokenizer, request->prompt);
  if (!check_places (seq->prompt, request->n_frames, error)
      || !count_positions (model, n_ctx,
          seq->prompt->len - count_places (seq->prompt), request->n_frames,
          &seq->n_prompt, error))
    return NULL;
  if (request->sampling.max_tokens < 1) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "max-tokens is 0; an answer has at least 1 token");
    return NULL;
  }
  seq->sampler = owl2_sampler_new (&params, config->decoder.n_vocab, error);
  if (!seq->sampler)
    return NULL;
  seq->kvpool = kvpool;
  seq->tokenizer = model->tokenizer;
  seq->driver = ovk_device_caps (model->dev)->driver;
  seq->n_vocab = config->decoder.n_vocab;
  seq->width = config->decoder.width;
  seq->language_only = language_only;
  seq->tree = language_only ? 1 : 0;
  seq->by_host = !owl2_sampler_is_argmax (seq->sampler);
  seq->cold = request->cold;
  seq->sampling = request->sampling;
  seq->on_token = request->on_token;
  seq->user_data = request->user_data;
  seq->n_max = most_tokens (n_ctx, seq->n_prompt, request->sampling.max_tokens);
  seq->frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_feature_slot_unref);
  for (guint i = 0; i < request->n_frames; i++)
    g_ptr_array_add (seq->frames, owl2_feature_slot_ref (slots[i]));
  seq->keys =
      g_array_sized_new (FALSE, FALSE, sizeof (Owl2KvKey), seq->n_prompt);
  seq->detokenizer = owl2_detokenizer_new (model->tokenizer);
  seq->piece = g_string_new (NULL);
  seq->ids = g_array_sized_new (FALSE, FALSE, sizeof (gint32), seq->n_max);
  lay_out_prompt (seq, config->abstractor.n_queries + 1);
  return g_steal_pointer (&seq);
}

void
owl2_sequence_free (Owl2Sequence *seq)
{
  if (!seq)
    return;
  g_clear_pointer (&seq->prompt, g_array_unref);
  g_clear_pointer (&seq->keys, g_array_unref);
  g_clear_pointer (&seq->frames, g_ptr_array_unref);
  owl2_sampler_free (seq->sampler);
  g_clear_pointer (&seq->detokenizer, owl2_detokenizer_free);
  if (seq->piece)
    g_string_free (seq->piece, TRUE);
  g_clear_pointer (&seq->ids, g_array_unref);
  g_free (seq);
}

/* ---- rows --------------------------------------------------------------- */

gboolean
owl2_sequence_can_prefill (const Owl2Sequence *seq)
{
  return !seq->ended && seq->n_fed < seq->n_prompt;
}

gboolean
owl2_sequence_can_decode (const Owl2Sequence *seq)
{
  return !seq->ended && seq->n_fed >= seq->n_prompt && seq->n_asked < seq->n_max
         && (seq->in_flight == 0 || !seq->by_host);
}

/* The token after @n others is not to be the end. */
static guint32
ban_after (const Owl2Sequence *seq, guint n)
{
  return n < seq->sampling.min_tokens
             ? (guint32) owl2_tokenizer_eos (seq->tokenizer)
             : OWL2_ROW_NO_BAN;
}

/* The sequence's pages in the pass; returns where they begin. */
static guint
add_pages (const Owl2Sequence *seq, Owl2Pass *pass)
{
  return owl2_pass_add_pages (pass,
      (const guint32 *) (gpointer) seq->kv.pages->data, seq->kv.pages->len);
}

static const Owl2FeatureSlot *
find_slot (const Owl2Sequence *seq, guint64 serial)
{
  for (guint i = 0; i < seq->frames->len; i++) {
    const Owl2FeatureSlot *slot = g_ptr_array_index (seq->frames, i);

    if (slot->serial == serial)
      return slot;
  }
  g_return_val_if_reached (NULL);
}

/* Row @row of the pass is row @r of a frame's features: the next of those that
 * are copied together, or the first. */
static void
add_copy (Owl2Pass *pass, const Owl2FeatureSlot *slot, guint width, guint row,
    guint r)
{
  gsize bytes = (gsize) width * sizeof (float);
  Owl2PassCopy *last = pass->copies->len ? &g_array_index (
                           pass->copies, Owl2PassCopy, pass->copies->len - 1)
                                         : NULL;
  Owl2PassCopy copy = { row, 1, slot->slice };

  copy.from.offset += r * bytes;
  copy.from.size = bytes;
  if (last && last->row + last->n == row
      && last->from.buffer == copy.from.buffer
      && last->from.offset + last->from.size == copy.from.offset) {
    last->n++;
    last->from.size += bytes;
  } else {
    g_array_append_val (pass->copies, copy);
  }
}

void
owl2_sequence_prefill (
    const Owl2Sequence *seq, Owl2Pass *pass, guint chunk, guint32 result)
{
  guint first = seq->n_fed;
  guint n = MIN (chunk - first % chunk, seq->n_prompt - first);
  guint pages = add_pages (seq, pass);
  Owl2PassRow *row = NULL;

  for (guint i = 0; i < n; i++) {
    const Owl2KvKey *key = &g_array_index (seq->keys, Owl2KvKey, first + i);

    row = owl2_pass_add_row (pass, OWL2_PREFILL,
        key->frame ? OWL2_ROW_GIVEN : key->index,
        key->frame && !seq->language_only, first + i, pages);
    if (key->frame)
      add_copy (pass, find_slot (seq, key->frame), seq->width, i, key->index);
  }
  pass->last = first + n == seq->n_prompt;
  if (pass->last) {
    row->result = result;
    row->ban = ban_after (seq, 0);
  }
}

void
owl2_sequence_decode (const Owl2Sequence *seq, Owl2Pass *pass, guint32 result)
{
  guint32 source = seq->in_flight
                       ? OWL2_ROW_RESULT + seq->last_result
                       : g_array_index (seq->ids, guint32, seq->ids->len - 1);
  Owl2PassRow *row = owl2_pass_add_row (
      pass, OWL2_DECODE, source, 0, seq->n_fed, add_pages (seq, pass));

  row->result = result;
  row->ban = ban_after (seq, seq->n_asked);
}

void
owl2_sequence_fed (Owl2Sequence *seq, guint n, gboolean asked, guint32 result)
{
  seq->n_fed += n;
  seq->in_flight++;
  if (asked) {
    seq->n_asked++;
    seq->last_result = result;
  }
}

/* ---- results ------------------------------------------------------------ */

static gboolean
choose (Owl2Sequence *seq, const Owl2Result *top, const float *logits,
    gint32 *id, double *probability, GError **error)
{
  guint32 ban = ban_after (seq, seq->ids->len);

  if (top->n_bad) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "%u of %u logits of token %u are not finite: the model's weights, or "
        "the driver '%s', are broken",
        top->n_bad, seq->n_vocab, seq->ids->len + 1, seq->driver);
    return FALSE;
  }
  *id = (gint32) top->id;
  *probability = exp ((double) top->max - top->log_sum_exp);
  if (!owl2_sampler_is_argmax (seq->sampler))
    *id = owl2_sampler_choose (seq->sampler, logits,
        ban == OWL2_ROW_NO_BAN ? -1 : (gint32) ban, probability);
  if (*id >= 0 && top->id < seq->n_vocab)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "no token can be chosen after %u tokens", seq->ids->len);
  return FALSE;
}

/* Takes the token in; FALSE ends the answer. */
static gboolean
accept (Owl2Sequence *seq, gint32 id, double probability)
{
  gboolean go_on =
      id != owl2_tokenizer_eos (seq->tokenizer) || seq->sampling.ignore_eos;

  g_array_append_val (seq->ids, id);
  seq->log_probability += log (MAX (probability, G_MINDOUBLE));
  owl2_sampler_accept (seq->sampler, id);
  g_string_truncate (seq->piece, 0);
  owl2_detokenizer_feed (seq->detokenizer, id, seq->piece);
  if (!go_on)
    owl2_detokenizer_end (seq->detokenizer, seq->piece);
  if (seq->on_token
      && !seq->on_token (id, probability, seq->piece->str, seq->user_data))
    return FALSE;
  return go_on;
}

gboolean
owl2_sequence_took (Owl2Sequence *seq, const Owl2Result *top,
    const float *logits, GError **error)
{
  double probability;
  gint32 id;

  /* The row of a token after the end is of no use. */
  if (seq->ended)
    return TRUE;
  if (!seq->prefilled_us)
    seq->prefilled_us = g_get_monotonic_time ();
  if (!choose (seq, top, logits, &id, &probability, error)) {
    seq->ended = TRUE;
    return FALSE;
  }
  if (!accept (seq, id, probability))
    seq->ended = TRUE;
  else if (seq->ids->len >= seq->n_max)
    seq->ended = seq->truncated = TRUE;
  if (seq->ended)
    seq->end_us = g_get_monotonic_time ();
  return TRUE;
}

Owl2Answer *
owl2_sequence_answer (const Owl2Sequence *seq)
{
  Owl2Answer *answer = g_new0 (Owl2Answer, 1);
  guint n = seq->ids->len;

  answer->n_ids = n;
  answer->n_prompt = seq->n_prompt;
  answer->n_reused = seq->n_reused;
  answer->confidence = exp (seq->log_probability / n);
  answer->truncated = seq->truncated;
  answer->ids = g_memdup2 (seq->ids->data, n * sizeof (gint32));
  answer->text = owl2_tokenizer_decode (seq->tokenizer, answer->ids, n);
  answer->prefill_ns = (seq->prefilled_us - seq->start_us) * 1000;
  answer->decode_ns = (seq->end_us - seq->prefilled_us) * 1000;
  return answer;
}

void
owl2_answer_free (Owl2Answer *answer)
{
  if (!answer)
    return;
  g_free (answer->text);
  g_free (answer->ids);
  g_free (answer);
}
