/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sequence.h"

#include <math.h>
#include <string.h>

#include "maps.h"

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

/* Whether they are those that the frames want: one for all, or for each one. */
static gboolean
has_places (const GArray *ids, guint n_frames)
{
  guint n = count_places (ids);

  return n == n_frames || (n == 1 && n_frames > 0);
}

gboolean
owl2_sequence_count (const Owl2Model *model, guint n_ctx, const char *prompt,
    guint n_frames, guint max_tokens, guint *n_positions, gboolean *placed,
    GError **error)
{
  g_autoptr (GArray) ids = NULL;

  if (!check_length (model, n_ctx, prompt, error))
    return FALSE;
  ids = owl2_prompt_encode (model->tokenizer, prompt);
  if (!count_positions (model, n_ctx, ids->len - count_places (ids), n_frames,
          n_positions, error))
    return FALSE;
  *n_positions += most_tokens (n_ctx, *n_positions, MAX (max_tokens, 1)) - 1;
  if (placed)
    *placed = has_places (ids, n_frames);
  return TRUE;
}

static gboolean
check_places (const GArray *ids, guint n_frames, GError **error)
{
  if (has_places (ids, n_frames))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the prompt has %u image places for %u frames: one place takes all "
      "frames, else there is one for each",
      count_places (ids), n_frames);
  return FALSE;
}

/* Maps can be made only of frames that were looked at. */
static gboolean
check_look (
    const Owl2Request *request, Owl2FeatureSlot *const *slots, GError **error)
{
  for (guint i = 0; request->look && i < request->n_frames; i++)
    if (!slots[i]->look) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
          "a map of where the answer looks is wanted, but frame %u of %u was "
          "encoded without look",
          i + 1, request->n_frames);
      return FALSE;
    }
  return TRUE;
}

/* The positions from the first frame's first row to the last one's last. */
static void
lay_out_look (Owl2Sequence *seq)
{
  guint end = 0;

  seq->look_first = seq->n_prompt;
  for (guint i = 0; i < seq->keys->len; i++)
    if (g_array_index (seq->keys, Owl2KvKey, i).frame) {
      seq->look_first = MIN (seq->look_first, i);
      end = i + 1;
    }
  seq->n_look = end - seq->look_first;
  seq->looked = g_new0 (double, seq->n_look);
}

/* @n frames from @first on, of @rows rows. */
static void
lay_out_frames (Owl2Sequence *seq, guint first, guint n, guint rows)
{
  for (guint f = first; f < first + n; f++) {
    const Owl2FeatureSlot *slot = g_ptr_array_index (seq->frames, f);

    for (guint r = 0; r < rows; r++) {
      Owl2KvKey key = { slot->serial, r };

      g_array_append_val (seq->keys, key);
    }
  }
}

static void
lay_out_prompt (Owl2Sequence *seq, guint rows)
{
  guint n_places = count_places (seq->prompt), first = 0;
  guint each = n_places ? seq->frames->len / n_places : 0;

  for (guint i = 0; i < seq->prompt->len; i++) {
    gint32 id = g_array_index (seq->prompt, gint32, i);
    Owl2KvKey key = { 0, (guint32) id };

    if (id == OWL2_IMAGE_ID) {
      lay_out_frames (seq, first, each, rows);
      first += each;
      continue;
    }
    g_array_append_val (seq->keys, key);
    if (seq->sampler)
      owl2_sampler_accept (seq->sampler, id);
  }
}

/* How the answer is chosen. */
static gboolean
init_choice (Owl2Sequence *seq, const Owl2Model *model, guint n_ctx,
    const Owl2Request *request, GError **error)
{
  const Owl2Sampling *sampling = &request->sampling;
  const Owl2SamplerParams params = {
    .temperature = sampling->temperature,
    .top_k = sampling->top_k,
    .top_p = sampling->top_p,
    .repetition_penalty = sampling->repetition_penalty,
    .seed = sampling->seed,
  };

  if (request->n_choices)
    return owl2_choices_init (
        &seq->choices, model->tokenizer, request, seq->n_prompt, n_ctx, error);
  if (sampling->max_tokens < 1) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "max-tokens is 0; an answer has at least 1 token");
    return FALSE;
  }
  seq->sampler =
      owl2_sampler_new (&params, model->weights->config.decoder.n_vocab, error);
  if (!seq->sampler)
    return FALSE;
  seq->by_host = !owl2_sampler_is_argmax (seq->sampler);
  seq->n_max = most_tokens (n_ctx, seq->n_prompt, sampling->max_tokens);
  return TRUE;
}

Owl2Sequence *
owl2_sequence_new (Owl2Model *model, Owl2KvPool *kvpool, guint n_ctx,
    gboolean language_only, const Owl2Request *request,
    Owl2FeatureSlot *const *slots, GError **error)
{
  const Owl2Config *config = &model->weights->config;
  g_autofree char *text =
      owl2_prompt_append (request->prompt, request->answer_prefix);
  g_autoptr (Owl2Sequence) seq = g_new0 (Owl2Sequence, 1);

  if (!check_length (model, n_ctx, text, error))
    return NULL;
  seq->prompt = owl2_prompt_encode (model->tokenizer, text);
  if (!check_places (seq->prompt, request->n_frames, error)
      || !count_positions (model, n_ctx,
          seq->prompt->len - count_places (seq->prompt), request->n_frames,
          &seq->n_prompt, error)
      || !check_look (request, slots, error)
      || !init_choice (seq, model, n_ctx, request, error))
    return NULL;
  seq->kvpool = kvpool;
  seq->tokenizer = model->tokenizer;
  seq->driver = ovk_device_caps (model->dev)->driver;
  seq->n_vocab = config->decoder.n_vocab;
  seq->width = config->decoder.width;
  seq->language_only = language_only;
  seq->tree = language_only ? 1 : 0;
  seq->cold = request->cold;
  seq->sampling = request->sampling;
  seq->on_token = request->on_token;
  seq->user_data = request->user_data;
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
  seq->n_queries = config->abstractor.n_queries;
  seq->grid = config->vision.grid;
  seq->look = request->look && request->n_frames > 0;
  if (seq->look)
    lay_out_look (seq);
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
  g_free (seq->looked);
  owl2_sampler_free (seq->sampler);
  owl2_choices_clear (&seq->choices);
  g_clear_pointer (&seq->detokenizer, owl2_detokenizer_free);
  if (seq->piece)
    g_string_free (seq->piece, TRUE);
  g_clear_pointer (&seq->ids, g_array_unref);
  g_free (seq);
}

/* ---- rows --------------------------------------------------------------- */

guint
owl2_sequence_n_positions (const Owl2Sequence *seq)
{
  guint n_pages = (seq->n_prompt + OWL2_PAGE - 1) / OWL2_PAGE;

  return seq->choices.n ? (n_pages + seq->choices.n_pages) * OWL2_PAGE
                        : seq->n_prompt + seq->n_max - 1;
}

gboolean
owl2_sequence_can_prefill (const Owl2Sequence *seq)
{
  return !seq->ended
         && (seq->n_fed < seq->n_prompt
             || owl2_choices_have_rows (&seq->choices));
}

gboolean
owl2_sequence_can_decode (const Owl2Sequence *seq)
{
  return !seq->ended && !seq->choices.n && seq->n_fed >= seq->n_prompt
         && seq->n_asked < seq->n_max && (seq->in_flight == 0 || !seq->by_host);
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
owl2_sequence_record_copies (const Owl2Sequence *seq, OvkCmd *cmd)
{
  if (seq->n_fed == seq->n_prompt)
    owl2_choices_record_copies (&seq->choices, seq->kvpool, &seq->kv, cmd);
  else if (seq->n_fed == seq->n_reused)
    owl2_kvpool_record_copy (seq->kvpool, &seq->kv, cmd);
}

void
owl2_sequence_prefill (
    const Owl2Sequence *seq, Owl2Pass *pass, guint chunk, guint32 result)
{
  guint first = seq->n_fed, n, pages;
  Owl2PassRow *row = NULL;

  if (first == seq->n_prompt) {
    owl2_choices_fill (&seq->choices, pass, &seq->kv, chunk);
    return;
  }
  n = MIN (chunk - first % chunk, seq->n_prompt - first);
  pages = add_pages (seq, pass);
  for (guint i = 0; i < n; i++) {
    const Owl2KvKey *key = &g_array_index (seq->keys, Owl2KvKey, first + i);

    row = owl2_pass_add_row (pass, OWL2_PREFILL,
        key->frame ? OWL2_ROW_GIVEN : key->index,
        key->frame && !seq->language_only, first + i, pages);
    if (key->frame)
      add_copy (pass, find_slot (seq, key->frame), seq->width, i, key->index);
  }
  if (first + n < seq->n_prompt)
    return;
  if (seq->choices.n) {
    owl2_choices_pick_first (&seq->choices, pass);
    return;
  }
  pass->last = TRUE;
  row->result = result;
  row->ban = ban_after (seq, 0);
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
  if (seq->choices.n && seq->n_fed == seq->n_prompt)
    owl2_choices_fed (&seq->choices, n);
  else
    seq->n_fed += n;
  seq->in_flight++;
  if (asked) {
    seq->n_asked++;
    seq->last_result = result;
  }
}

void
owl2_sequence_look (const Owl2Sequence *seq, Owl2Pass *pass, guint row,
    OvkSlice to, OvkSlice probs)
{
  Owl2PassLook look = { row, seq->look_first, seq->n_look, to, probs };

  look.to.size = seq->n_look * sizeof (float);
  g_array_append_val (pass->looks, look);
}

/* ---- results ------------------------------------------------------------ */

void
owl2_sequence_looked (Owl2Sequence *seq, const float *attention)
{
  for (guint i = 0; !seq->ended && i < seq->n_look; i++)
    seq->looked[i] += attention[i];
}

/* Each frame has one run of the prompt's positions, in order; its last row is
 * `vit_eos`. */
static void
make_maps (const Owl2Sequence *seq, Owl2Answer *answer)
{
  guint Q = seq->n_queries, n_frames = seq->frames->len, frame = 0;
  g_autofree double *weights = g_new0 (double, n_frames *Q);
  g_autofree const float **frames = g_new (const float *, n_frames);

  for (guint f = 0; f < n_frames; f++)
    frames[f] = ((Owl2FeatureSlot *) g_ptr_array_index (seq->frames, f))->look;
  for (guint i = 0; i < seq->n_look; i++) {
    const Owl2KvKey *key =
        &g_array_index (seq->keys, Owl2KvKey, seq->look_first + i);

    if (key->frame && key->index < Q)
      weights[frame * Q + key->index] = seq->looked[i];
    else if (key->frame)
      frame++;
  }
  answer->grid = seq->grid;
  answer->n_maps = n_frames;
  answer->maps =
      owl2_maps_new (weights, frames, n_frames, Q, seq->grid * seq->grid);
}

static void
set_not_finite (
    const Owl2Sequence *seq, guint n_bad, guint n_tokens, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "%u of %u logits of token %u are not finite: the model's weights, or "
      "the driver '%s', are broken",
      n_bad, seq->n_vocab, n_tokens + 1, seq->driver);
}

static gboolean
choose (Owl2Sequence *seq, const Owl2Result *top, const float *logits,
    gint32 *id, double *probability, GError **error)
{
  guint32 ban = ban_after (seq, seq->ids->len);

  if (top->n_bad) {
    set_not_finite (seq, top->n_bad, seq->ids->len, error);
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

gboolean
owl2_sequence_scored (Owl2Sequence *seq, const Owl2Likelihood *likelihoods,
    guint n, GError **error)
{
  guint n_bad;

  if (seq->ended)
    return TRUE;
  if (!seq->prefilled_us)
    seq->prefilled_us = g_get_monotonic_time ();
  n_bad = owl2_choices_take (&seq->choices, likelihoods, n);
  if (n_bad)
    set_not_finite (seq, n_bad, 0, error);
  seq->ended = n_bad || owl2_choices_done (&seq->choices);
  if (seq->ended)
    seq->end_us = n == seq->choices.n_tokens ? seq->prefilled_us
                                             : g_get_monotonic_time ();
  return !n_bad;
}

static void
answer_tokens (const Owl2Sequence *seq, Owl2Answer *answer)
{
  guint n = seq->ids->len;

  answer->n_ids = n;
  answer->confidence = exp (seq->log_probability / n);
  answer->truncated = seq->truncated;
  answer->ids = g_memdup2 (seq->ids->data, n * sizeof (gint32));
  answer->text = owl2_tokenizer_decode (seq->tokenizer, answer->ids, n);
}

Owl2Answer *
owl2_sequence_answer (const Owl2Sequence *seq)
{
  Owl2Answer *answer = g_new0 (Owl2Answer, 1);

  if (seq->choices.n)
    owl2_choices_answer (&seq->choices, answer);
  else
    answer_tokens (seq, answer);
  answer->n_prompt = seq->n_prompt;
  answer->n_reused = seq->n_reused;
  answer->prefill_ns = (seq->prefilled_us - seq->start_us) * 1000;
  answer->decode_ns = (seq->end_us - seq->prefilled_us) * 1000;
  if (seq->look)
    make_maps (seq, answer);
  return answer;
}

void
owl2_answer_free (Owl2Answer *answer)
{
  if (!answer)
    return;
  g_free (answer->text);
  g_free (answer->ids);
  g_free (answer->maps);
  g_free (answer->probabilities);
  g_free (answer);
}
