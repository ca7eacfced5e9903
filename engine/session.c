/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions: frames to features, and a prompt to an answer. */
#include "engine_private.h"

#include <math.h>
#include <string.h>

#include "abstractor.h"
#include "async.h"
#include "decoder.h"
#include "image.h"
#include "room.h"
#include "vit.h"

/* Of the session's buffers, which take one block where they are smaller. */
#define BLOCK_BYTES (256u << 20)

struct _Owl2Session {
  Owl2Model *model;
  Owl2Async *async;
  gboolean language_only;
  gboolean tap_attention;
  guint n_ctx; /* positions */
  OvkArena *arena;
  Owl2Exec exec;
  Owl2ImageBuffers image;
  Owl2VitBuffers vit;
  Owl2AbstractorBuffers abstractor;
  Owl2DecoderBuffers decoder;
  Owl2KvCache cache;
};

/* Positions of @n_tokens and the rows of @n_frames, which must be in the
 * context. */
static gboolean
count_positions (const Owl2Session *s, guint n_tokens, guint n_frames,
    guint *n_positions, GError **error)
{
  guint rows = s->model->weights->config.abstractor.n_queries + 1;
  guint64 n = n_tokens + (guint64) n_frames * rows;

  *n_positions = (guint) MIN (n, s->n_ctx);
  if (n > 0 && n <= s->n_ctx)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the prompt has %" G_GUINT64_FORMAT " positions (%u tokens, and %u "
      "frames of %u rows), the context has 1 to %u",
      n, n_tokens, n_frames, rows, s->n_ctx);
  return FALSE;
}

/* A text that can't fit, however its pieces fall, is not even tokenized. */
static gboolean
check_length (const Owl2Session *s, const char *prompt, GError **error)
{
  gsize length = strlen (prompt);
  gsize least = length / owl2_tokenizer_max_piece (s->model->tokenizer);

  if (least <= s->n_ctx && length <= OWL2_TEXT_MAX)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the prompt has %" G_GSIZE_FORMAT " bytes, so at least %" G_GSIZE_FORMAT
      " tokens; the context has %u positions",
      length, least, s->n_ctx);
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
most_tokens (const Owl2Session *s, guint n_prompt, guint max_tokens)
{
  return MIN (max_tokens, s->n_ctx - n_prompt + 1);
}

/* Positions that the request in @params takes with its answer; 0 if there is
 * none. */
static gboolean
expected_positions (const Owl2Session *s, const Owl2SessionParams *params,
    guint *n_positions, GError **error)
{
  g_autoptr (GArray) ids = NULL;

  *n_positions = 0;
  if (!params || !params->prompt)
    return TRUE;
  if (!check_length (s, params->prompt, error))
    return FALSE;
  ids = owl2_prompt_encode (s->model->tokenizer, params->prompt);
  if (!count_positions (s, ids->len - count_places (ids), params->n_frames,
          n_positions, error))
    return FALSE;
  *n_positions +=
      most_tokens (s, *n_positions, MAX (params->max_tokens, 1)) - 1;
  return TRUE;
}

/* The load has made the pipelines for one type of KV cache. */
static gboolean
compile_kv_type (Owl2Session *s, GError **error)
{
  g_autoptr (OvkPipelineSet) set = NULL;
  g_autoptr (OvkCompiler) compiler = NULL;

  if (s->cache.type == s->model->kv_type)
    return TRUE;
  set = ovk_pipeline_set_new ();
  if (!owl2_session_warm_up (s, FALSE, set, error))
    return FALSE;
  compiler = ovk_compiler_new (s->model->dev, set);
  if (!ovk_compiler_finish (compiler, error))
    return FALSE;
  ovk_device_save_cache (s->model->dev);
  return TRUE;
}

Owl2Session *
owl2_session_new (
    Owl2Model *model, const Owl2SessionParams *params, GError **error)
{
  g_autoptr (Owl2Session) s = g_new0 (Owl2Session, 1);
  const Owl2Config *config = &model->weights->config;
  guint n_ctx = params ? params->n_ctx : 0, n_positions;
  guint64 bytes;

  s->model = owl2_model_ref (model);
  g_atomic_int_inc (&model->n_sessions);
  s->language_only = params && params->language_only;
  s->n_ctx = n_ctx ? MIN (n_ctx, config->decoder.n_ctx) : config->decoder.n_ctx;
  owl2_kvcache_init (&s->cache, model->weights,
      owl2_room_kv_type (model, params ? params->kv_type : OWL2_KV_AUTO));
  bytes = owl2_room_buffers (model, error);
  if (!bytes || !expected_positions (s, params, &n_positions, error)
      || !owl2_room_check (model, &s->cache, n_positions, bytes, error))
    return NULL;
  s->arena = ovk_arena_new (model->dev, "session", MIN (BLOCK_BYTES, bytes));
  if (!owl2_exec_init (&s->exec, model->dev, error)
      || !owl2_image_init (&s->image, s->arena, model->weights, error)
      || !owl2_vit_buffers_alloc (&s->vit, s->arena, config, error)
      || !owl2_abstractor_buffers_alloc (
          &s->abstractor, s->arena, config, error)
      || !owl2_decoder_buffers_init (&s->decoder, s->arena, config, error)
      || (n_positions
          && !owl2_kvcache_begin (&s->cache, NULL, 0, n_positions, error))
      || !compile_kv_type (s, error)
      || !(s->async = owl2_async_new (model->nice, error)))
    return NULL;
  return g_steal_pointer (&s);
}

void
owl2_session_free (Owl2Session *session)
{
  if (!session)
    return;
  owl2_session_cancel (session);
  owl2_async_free (session->async);
  owl2_exec_clear (&session->exec);
  owl2_kvcache_clear (&session->cache);
  owl2_decoder_buffers_clear (&session->decoder);
  owl2_image_clear (&session->image);
  g_clear_pointer (&session->arena, ovk_arena_free);
  g_atomic_int_add (&session->model->n_sessions, -1);
  owl2_model_unref (session->model);
  g_free (session);
}

Owl2Async *
owl2_session_async (Owl2Session *session)
{
  return session->async;
}

void
owl2_session_cancel (Owl2Session *session)
{
  g_atomic_int_set (&session->exec.cancelled, 1);
}

void
owl2_session_uncancel (Owl2Session *session)
{
  g_atomic_int_set (&session->exec.cancelled, 0);
}

void
owl2_session_set_tap (Owl2Session *session, Owl2TapFunc func,
    gboolean attention, gpointer user_data)
{
  session->exec.tap = func;
  session->exec.tap_data = user_data;
  session->tap_attention = attention;
}

/* ---- frames ----------------------------------------------------------- */

/* Never 0, and never the same twice in a process. */
static guint64
next_serial (void)
{
  static gsize last;

  return (guint64) g_atomic_pointer_add (&last, 1) + 1;
}

Owl2Features *
owl2_features_ref (Owl2Features *features)
{
  g_atomic_int_inc (&features->ref_count);
  return features;
}

void
owl2_features_unref (Owl2Features *features)
{
  if (!features || !g_atomic_int_dec_and_test (&features->ref_count))
    return;
  g_free (features->data);
  g_free (features);
}

static gboolean
record_frame (Owl2Session *s, const Owl2Image *image, GError **error)
{
  const Owl2Weights *weights = s->model->weights;

  return owl2_image_record (&s->image, &s->exec, image->data, image->width,
             image->height, image->stride, error)
         && owl2_vit_record (
             &s->exec, weights, &s->vit, &s->image.patches, error)
         && owl2_abstractor_record (
             &s->exec, weights, &s->abstractor, &s->vit.h, error)
         && owl2_exec_finish (&s->exec, error);
}

/* A NaN or an infinity would make every later answer nonsense without a word,
 * so it is an error here. */
static gboolean
check_features (
    const Owl2Session *s, const float *data, gsize n, GError **error)
{
  gsize n_bad = 0;

  for (gsize i = 0; i < n; i++)
    n_bad += !isfinite (data[i]);
  if (n_bad == 0)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "%" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " features of the frame are "
      "not finite: the model's weights, or the driver '%s', are broken",
      n_bad, n, ovk_device_caps (s->model->dev)->driver);
  return FALSE;
}

static gboolean
check_image (const Owl2Image *image, GError **error)
{
  if (image->width > 0 && image->height > 0
      && image->stride >= (gsize) image->width * 3)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "a frame of %ux%u with rows of %" G_GSIZE_FORMAT " bytes is no RGB "
      "image",
      image->width, image->height, image->stride);
  return FALSE;
}

guint8 *
owl2_session_shrink (
    Owl2Session *session, const Owl2Image *image, GError **error)
{
  guint8 *rgb = NULL;

  if (!check_image (image, error))
    return NULL;
  if (owl2_exec_step (&session->exec, error))
    rgb = owl2_image_shrink (&session->image, &session->exec, image->data,
        image->width, image->height, image->stride, error);
  if (!rgb)
    owl2_exec_abandon (&session->exec);
  return rgb;
}

Owl2Features *
owl2_session_encode (Owl2Session *session, const Owl2Image *image,
    guint64 *encode_ns, GError **error)
{
  g_autoptr (Owl2Features) features = g_new0 (Owl2Features, 1);
  gint64 start = g_get_monotonic_time ();

  features->ref_count = 1;
  features->serial = next_serial ();
  if (!check_image (image, error)
      || !owl2_model_check_file (session->model, error))
    return NULL;
  if (!owl2_exec_step (&session->exec, error)
      || !record_frame (session, image, error)) {
    owl2_exec_abandon (&session->exec);
    return NULL;
  }
  features->rows = session->abstractor.out.rows;
  features->cols = session->abstractor.out.cols;
  features->data =
      owl2_tensor_read (session->model->dev, &session->abstractor.out, error);
  if (!features->data
      || !check_features (session, features->data,
          (gsize) features->rows * features->cols, error)
      || !owl2_model_check_file (session->model, error))
    return NULL;
  if (encode_ns)
    *encode_ns = (g_get_monotonic_time () - start) * 1000;
  return g_steal_pointer (&features);
}

/* ---- prompt ----------------------------------------------------------- */

static gboolean
check_request (const Owl2Session *s, const Owl2Request *request,
    const GArray *ids, GError **error)
{
  guint rows = s->abstractor.out.rows, cols = s->abstractor.out.cols;
  guint n_places = count_places (ids), n;

  if (n_places != (request->n_frames > 0)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "the prompt has %u image places for %u frames: all frames go to one "
        "place",
        n_places, request->n_frames);
    return FALSE;
  }
  for (guint i = 0; i < request->n_frames; i++)
    if (request->frames[i]->rows != rows || request->frames[i]->cols != cols) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
          "frame %u has %ux%u features, this model's are %ux%u", i,
          request->frames[i]->rows, request->frames[i]->cols, rows, cols);
      return FALSE;
    }
  return count_positions (s, ids->len - n_places, request->n_frames, &n, error);
}

/* A prompt's positions. */
typedef struct {
  GArray *keys; /* Owl2KvKey */
  GPtrArray
      *rows; /* const float *, borrowed from the request's frames, or NULL */
} Prompt;

static void
prompt_clear (Prompt *prompt)
{
  g_clear_pointer (&prompt->keys, g_array_unref);
  g_clear_pointer (&prompt->rows, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Prompt, prompt_clear)

static void
prompt_add (Prompt *prompt, Owl2KvKey key, const float *row)
{
  g_array_append_val (prompt->keys, key);
  g_ptr_array_add (prompt->rows, (gpointer) row);
}

static void
prompt_init (Prompt *prompt, const Owl2Request *request, const GArray *ids)
{
  prompt->keys = g_array_new (FALSE, FALSE, sizeof (Owl2KvKey));
  prompt->rows = g_ptr_array_new ();
  for (guint i = 0; i < ids->len; i++) {
    gint32 id = g_array_index (ids, gint32, i);

    if (id != OWL2_IMAGE_ID) {
      prompt_add (prompt, (Owl2KvKey){ 0, (guint32) id }, NULL);
      continue;
    }
    for (guint f = 0; f < request->n_frames; f++) {
      const Owl2Features *frame = request->frames[f];

      for (guint r = 0; r < frame->rows; r++)
        prompt_add (prompt, (Owl2KvKey){ frame->serial, r },
            frame->data + (gsize) r * frame->cols);
    }
  }
}

static void
tap_prompt (Owl2Session *s, const GArray *ids, const Prompt *prompt)
{
  gsize n_ids = ids->len, n = prompt->keys->len;
  g_autofree gint32 *modality = g_new (gint32, n);

  for (guint i = 0; i < n; i++)
    modality[i] = g_array_index (prompt->keys, Owl2KvKey, i).frame != 0;
  owl2_exec_tap_host (&s->exec, "input_ids", 'i', 1, &n_ids, 0, ids->data);
  owl2_exec_tap_host (&s->exec, "modality", 'i', 1, &n, 0, modality);
}

/* Computes what of the prompt is not there yet, with room for an answer of
 * @n_max tokens. */
static gboolean
prefill (Owl2Session *s, const Prompt *prompt, guint n_max, gboolean cold,
    guint *n_reused, GError **error)
{
  const Owl2KvKey *keys = (const Owl2KvKey *) (gpointer) prompt->keys->data;
  Owl2DecoderRun run = {
    .family = OWL2_PREFILL,
    .language_only = s->language_only,
    .attention = s->tap_attention,
  };

  if (cold)
    owl2_kvcache_forget (&s->cache);
  if (!owl2_exec_step (&s->exec, error)
      || !owl2_kvcache_begin (&s->cache, keys, prompt->keys->len,
          prompt->keys->len + n_max - 1, error))
    return FALSE;
  *n_reused = s->cache.n;
  run.keys = keys + s->cache.n;
  run.rows = (const float *const *) prompt->rows->pdata + s->cache.n;
  run.n = prompt->keys->len - s->cache.n;
  return owl2_decoder_run (
      &s->exec, s->model->weights, &s->cache, &s->decoder, &run, error);
}

/* What was recorded is dropped, and what that would have left in the cache. */
static void
abandon (Owl2Session *s)
{
  owl2_exec_abandon (&s->exec);
  owl2_kvcache_forget (&s->cache);
}

/* ---- generation ------------------------------------------------------- */

/* One answer in the making. */
typedef struct {
  Owl2Session *session;
  const Owl2Request *request;
  Owl2Sampler *sampler;
  Owl2Detokenizer *detokenizer;
  GString *piece;         /* text that became complete */
  GArray *ids;            /* of gint32: chosen so far */
  float *logits;          /* [vocab], where the host chooses */
  double log_probability; /* sum over the chosen tokens */
} Generation;

static void
generation_clear (Generation *g)
{
  g_clear_pointer (&g->sampler, owl2_sampler_free);
  g_clear_pointer (&g->detokenizer, owl2_detokenizer_free);
  if (g->piece)
    g_string_free (g->piece, TRUE);
  g_clear_pointer (&g->ids, g_array_unref);
  g_free (g->logits);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Generation, generation_clear)

static gboolean
generation_init (Generation *g, Owl2Session *s, const Owl2Request *request,
    const GArray *prompt_ids, GError **error)
{
  const Owl2Sampling *sampling = &request->sampling;
  guint n_vocab = s->model->weights->config.decoder.n_vocab;
  Owl2SamplerParams params = {
    .temperature = sampling->temperature,
    .top_k = sampling->top_k,
    .top_p = sampling->top_p,
    .repetition_penalty = sampling->repetition_penalty,
    .seed = sampling->seed,
  };

  g->session = s;
  g->request = request;
  if (sampling->max_tokens < 1) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "max-tokens is 0; an answer has at least 1 token");
    return FALSE;
  }
  g->sampler = owl2_sampler_new (&params, n_vocab, error);
  if (!g->sampler)
    return FALSE;
  for (guint i = 0; i < prompt_ids->len; i++) {
    gint32 id = g_array_index (prompt_ids, gint32, i);

    if (id >= 0)
      owl2_sampler_accept (g->sampler, id);
  }
  g->detokenizer = owl2_detokenizer_new (s->model->tokenizer);
  g->piece = g_string_new (NULL);
  g->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g->logits = g_try_new (float, n_vocab);
  if (g->logits)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "no memory for %u logits", n_vocab);
  return FALSE;
}

static gboolean
read_logits (Generation *g, GError **error)
{
  Owl2Session *s = g->session;
  gsize n_vocab = s->model->weights->config.decoder.n_vocab;
  gsize shape[2] = { 1, n_vocab };

  if (!ovk_slice_read (s->model->dev, s->decoder.logits.slice, g->logits,
          n_vocab * sizeof (float), error))
    return FALSE;
  owl2_exec_tap_host (&s->exec, "step_logits", 'f', 2, shape, 0, g->logits);
  return TRUE;
}

/* The next token from the logits on the device. */
static gboolean
choose (Generation *g, gint32 *id, double *probability, GError **error)
{
  Owl2Session *s = g->session;
  const Owl2Sampling *sampling = &g->request->sampling;
  gint32 eos = owl2_tokenizer_eos (s->model->tokenizer);
  gboolean ban_eos = g->ids->len < sampling->min_tokens;
  Owl2Argmax top;

  if (!ovk_slice_read (
          s->model->dev, s->decoder.argmax, &top, sizeof top, error))
    return FALSE;
  if (top.n_bad) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "%u of %u logits of token %u are not finite: the model's weights, or "
        "the driver '%s', are broken",
        top.n_bad, s->model->weights->config.decoder.n_vocab, g->ids->len + 1,
        ovk_device_caps (s->model->dev)->driver);
    return FALSE;
  }
  if (s->exec.tap && !read_logits (g, error))
    return FALSE;
  if (owl2_sampler_is_argmax (g->sampler)
      && !(ban_eos && top.id == (guint32) eos)) {
    *id = top.id;
    *probability = exp ((double) top.max - top.log_sum_exp);
    return TRUE;
  }
  if (!s->exec.tap && !read_logits (g, error))
    return FALSE;
  *id = owl2_sampler_choose (
      g->sampler, g->logits, ban_eos ? eos : -1, probability);
  if (*id >= 0)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "no token can be chosen after %u tokens", g->ids->len);
  return FALSE;
}

/* Takes the token in; FALSE ends the answer. */
static gboolean
accept (Generation *g, gint32 id, double probability)
{
  const Owl2Request *request = g->request;
  gboolean is_eos = id == owl2_tokenizer_eos (g->session->model->tokenizer);
  gboolean go_on = !is_eos || request->sampling.ignore_eos;

  g_array_append_val (g->ids, id);
  g->log_probability += log (MAX (probability, G_MINDOUBLE));
  owl2_sampler_accept (g->sampler, id);
  g_string_truncate (g->piece, 0);
  owl2_detokenizer_feed (g->detokenizer, id, g->piece);
  if (!go_on)
    owl2_detokenizer_end (g->detokenizer, g->piece);
  if (request->on_token
      && !request->on_token (
          id, probability, g->piece->str, request->user_data))
    return FALSE;
  return go_on;
}

static gboolean
decode (Generation *g, guint n_max, gboolean *ended, GError **error)
{
  Owl2Session *s = g->session;

  for (;;) {
    Owl2KvKey next = { 0, 0 };
    const Owl2DecoderRun run = {
      .keys = &next,
      .n = 1,
      .family = OWL2_DECODE,
      .language_only = s->language_only,
    };
    gint32 id;
    double probability;
    gboolean ok;

    if (!choose (g, &id, &probability, error))
      return FALSE;
    if (!accept (g, id, probability)) {
      *ended = TRUE;
      return TRUE;
    }
    if (g->ids->len >= n_max)
      return TRUE;
    if (!owl2_exec_step (&s->exec, error))
      return FALSE;
    next.index = (guint32) id;
    /* The stages of generated tokens are not part of a trace. */
    {
      Owl2ExecTapFunc tap = s->exec.tap;

      s->exec.tap = NULL;
      ok = owl2_decoder_run (
          &s->exec, s->model->weights, &s->cache, &s->decoder, &run, error);
      s->exec.tap = tap;
    }
    if (!ok)
      return FALSE;
  }
}

static Owl2Answer *
make_answer (Generation *g, guint n_prompt, gboolean ended)
{
  Owl2Answer *answer = g_new0 (Owl2Answer, 1);
  gsize n = g->ids->len;

  answer->n_ids = n;
  answer->n_prompt = n_prompt;
  answer->confidence = exp (g->log_probability / n);
  answer->truncated = !ended;
  answer->text = owl2_tokenizer_decode (g->session->model->tokenizer,
      (const gint32 *) (gpointer) g->ids->data, n);
  owl2_exec_tap_host (
      &g->session->exec, "generated_ids", 'i', 1, &n, 0, g->ids->data);
  answer->ids =
      (gint32 *) (gpointer) g_array_free (g_steal_pointer (&g->ids), FALSE);
  return answer;
}

Owl2Answer *
owl2_session_generate (
    Owl2Session *session, const Owl2Request *request, GError **error)
{
  Owl2Session *s = session;
  g_auto (Generation) g = { NULL };
  g_auto (Prompt) prompt = { NULL };
  g_autoptr (GArray) ids = NULL;
  gint64 start = g_get_monotonic_time (), prefilled;
  gboolean ended = FALSE;
  Owl2Answer *answer;
  guint n, n_max, n_reused;

  if (!owl2_model_check_file (s->model, error)
      || !check_length (s, request->prompt, error))
    return NULL;
  ids = owl2_prompt_encode (s->model->tokenizer, request->prompt);
  if (!check_request (s, request, ids, error)
      || !generation_init (&g, s, request, ids, error))
    return NULL;
  prompt_init (&prompt, request, ids);
  n = prompt.keys->len;
  n_max = most_tokens (s, n, request->sampling.max_tokens);
  tap_prompt (s, ids, &prompt);
  if (!prefill (s, &prompt, n_max, request->cold, &n_reused, error)) {
    abandon (s);
    return NULL;
  }
  prefilled = g_get_monotonic_time ();
  if (!decode (&g, n_max, &ended, error)) {
    abandon (s);
    return NULL;
  }
  if (!owl2_model_check_file (s->model, error))
    return NULL;
  answer = make_answer (&g, n, ended);
  answer->n_reused = n_reused;
  answer->prefill_ns = (prefilled - start) * 1000;
  answer->decode_ns = (g_get_monotonic_time () - prefilled) * 1000;
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

/* ---- warm-up ---------------------------------------------------------- */

/* A wide and a tall frame: each is resized in its own direction first. */
static gboolean
warm_up_frames (Owl2Session *s, GError **error)
{
  static const guint8 pixels[12];
  const Owl2Image wide = { pixels, 2, 1, 6 }, tall = { pixels, 1, 2, 6 };

  return record_frame (s, &wide, error) && record_frame (s, &tall, error);
}

/* A prompt with a row of each modality, then a single token, as in decoding:
 * kernels are picked by that alone. */
static gboolean
warm_up_prompt (Owl2Session *s, GError **error)
{
  static const Owl2KvKey keys[] = { { 0, 0 }, { 1, 0 } };
  guint n = MIN (G_N_ELEMENTS (keys), s->decoder.chunk);
  g_autofree float *row = g_new0 (float, s->abstractor.out.cols);
  const float *const rows[] = { NULL, row };
  Owl2DecoderRun run = {
    .keys = keys,
    .rows = rows,
    .n = n,
    .family = OWL2_PREFILL,
    .language_only = s->language_only,
  };

  if (!owl2_kvcache_begin (&s->cache, NULL, 0, n, error)
      || !owl2_decoder_run (
          &s->exec, s->model->weights, &s->cache, &s->decoder, &run, error))
    return FALSE;
  owl2_kvcache_forget (&s->cache);
  run.n = 1;
  run.family = OWL2_DECODE;
  return owl2_decoder_run (
      &s->exec, s->model->weights, &s->cache, &s->decoder, &run, error);
}

gboolean
owl2_session_warm_up (
    Owl2Session *s, gboolean frames, OvkPipelineSet *set, GError **error)
{
  gboolean ok;

  owl2_exec_collect (&s->exec, set);
  ok = (!frames || warm_up_frames (s, error)) && warm_up_prompt (s, error);
  abandon (s);
  owl2_exec_collect (&s->exec, NULL);
  return ok;
}
