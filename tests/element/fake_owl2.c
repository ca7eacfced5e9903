/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions of owl2.h. */
#include "fake_async.h"
#include "fake_private.h"
#include "ref_picture.h"
#include "registry.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>

#define LOAD_STEPS 10
#define PLACE "<|image|>"

struct _Owl2Model {
  int refs;
  guint number;     /* of its load */
  guint n_sessions; /* under the lock */
  int nice;
  Owl2Log log;
};

struct _Owl2Session {
  Owl2Model *model;
  gboolean cancelled;
  FakeAsync *async;
};

struct _Owl2Features {
  int refs;
  guint image;
  guint8 first; /* of its bytes */
  guint model;  /* whose device has them */
  gboolean look;
};

/* ---- calls ------------------------------------------------------------- */

/* Counts the call. With the lock held. */
static void
call_begin (FakeCall call)
{
  fake.n_calls[call]++;
  fake.nice[call] = getpriority (PRIO_PROCESS, 0);
  g_cond_broadcast (&fake.cond);
}

/* Takes the call's time, waits at its gate and fails as programmed. With the
 * lock held. @session: whose cancel ends it. */
static gboolean
call_pass (FakeCall call, guint number, Owl2Session *session, GError **error)
{
  gint64 end = g_get_monotonic_time () + fake.delay[call];

  for (;;) {
    if (session && session->cancelled && !fake.ignore_cancel) {
      fake.n_cancelled++;
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "cancelled");
      return FALSE;
    }
    if (fake.gate[call])
      g_cond_wait (&fake.cond, &fake.lock);
    else if (g_get_monotonic_time () < end)
      g_cond_wait_until (&fake.cond, &fake.lock, end);
    else
      break;
  }
  if (session && session->cancelled) {
    fake.n_cancelled++;
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "cancelled");
    return FALSE;
  }
  if (session && session->model->number <= fake.n_lost) {
    g_set_error (
        error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST, "the device is lost");
    return FALSE;
  }
  if (number == fake.fail_at[call] || number >= fake.fail_from[call]) {
    if (session && fake.fail_code[call] == OWL2_ERROR_DEVICE_LOST)
      fake.n_lost = session->model->number;
    g_set_error (error, OWL2_ERROR, (int) fake.fail_code[call],
        "call %u of kind %d fails with %d", number, call, fake.fail_code[call]);
    return FALSE;
  }
  return TRUE;
}

/* ---- owl2.h ------------------------------------------------------------ */

char *
owl2_model_key (const Owl2ModelParams *params, GError **error)
{
  const char *device = params->device ? params->device : "best";
  GStatBuf st = { 0 };

  if (params->path && g_stat (params->path, &st) != 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: can't be opened: No such file or directory", params->path);
    return NULL;
  }
  return g_strdup_printf ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                          " on %s, %d",
      (guint64) st.st_ino, (guint64) st.st_size, device, params->mmap);
}

char *
owl2_model_peek_recipe (const char *path)
{
  char *name;

  LOCKED (name = g_strdup (fake.recipe));
  return name;
}

gboolean
owl2_model_check (const Owl2ModelParams *params, GError **error)
{
  gboolean ok;

  g_mutex_lock (&fake.lock);
  call_begin (FAKE_OPEN);
  ok = call_pass (FAKE_OPEN, fake.n_calls[FAKE_OPEN], NULL, error);
  g_mutex_unlock (&fake.lock);
  return ok;
}

/* A load can only be cancelled through its progress function, so the gate and
 * the delay are passed in steps. */
static gboolean
load_wait (const Owl2ModelParams *params, GError **error)
{
  for (guint step = 0;;) {
    gboolean closed;
    guint delay;

    if (params->progress
        && !params->progress (
            "working", (double) step / LOAD_STEPS, params->progress_data)) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "load cancelled");
      g_mutex_lock (&fake.lock);
      fake.n_cancelled++;
      while (fake.gate[FAKE_DROP])
        g_cond_wait (&fake.cond, &fake.lock);
      g_mutex_unlock (&fake.lock);
      return FALSE;
    }
    LOCKED (closed = fake.gate[FAKE_LOAD]; delay = fake.delay[FAKE_LOAD]);
    if (closed) {
      g_usleep (1000);
    } else {
      g_usleep (delay / LOAD_STEPS);
      if (++step > LOAD_STEPS)
        return TRUE;
    }
  }
}

Owl2Model *
owl2_model_load (const Owl2ModelParams *params, GError **error)
{
  Owl2Model *model;
  guint number;
  gboolean ok;

  g_mutex_lock (&fake.lock);
  call_begin (FAKE_LOAD);
  number = fake.n_calls[FAKE_LOAD];
  g_free (fake.model_path);
  fake.model_path = g_strdup (params->path);
  g_free (fake.device);
  fake.device = g_strdup (params->device);
  fake.load_kv_type = params->kv_type;
  fake.load_mmap = params->mmap;
  fake.load_cache_bytes = params->cache_bytes;
  g_mutex_unlock (&fake.lock);

  owl2_log (&params->log, OWL2_LOG_INFO, "engine", "fake engine loads %s",
      params->path ? params->path : "(null)");
  if (!load_wait (params, error))
    return NULL;

  g_mutex_lock (&fake.lock);
  ok = number != fake.fail_at[FAKE_LOAD] && number < fake.fail_from[FAKE_LOAD];
  fake.n_models += ok;
  g_mutex_unlock (&fake.lock);
  if (!ok) {
    g_set_error (error, OWL2_ERROR, (int) fake.fail_code[FAKE_LOAD],
        "load fails with %d", fake.fail_code[FAKE_LOAD]);
    return NULL;
  }
  model = g_new0 (Owl2Model, 1);
  model->refs = 1;
  model->number = number;
  model->log = params->log;
  model->nice = params->nice;
  return model;
}

Owl2Model *
owl2_model_ref (Owl2Model *model)
{
  g_atomic_int_inc (&model->refs);
  return model;
}

gboolean
owl2_model_alive (Owl2Model *model, GError **error)
{
  gboolean lost;

  LOCKED (lost = model->number <= fake.n_lost);
  if (lost)
    g_set_error_literal (
        error, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST, "the device is lost");
  return !lost;
}

gboolean
owl2_model_try_ref (Owl2Model *model)
{
  int n = g_atomic_int_get (&model->refs);

  if (!owl2_model_alive (model, NULL))
    return FALSE;
  while (n && !g_atomic_int_compare_and_exchange (&model->refs, n, n + 1))
    n = g_atomic_int_get (&model->refs);
  return n > 0;
}

guint
owl2_model_n_users (Owl2Model *model)
{
  guint n;

  LOCKED (n = model->n_sessions);
  return n;
}

void
owl2_model_unref (Owl2Model *model)
{
  if (model && g_atomic_int_dec_and_test (&model->refs)) {
    owl2_registry_forget (model);
    LOCKED (fake.n_models--);
    g_free (model);
  }
}

void
owl2_model_get_info (Owl2Model *model, Owl2ModelInfo *info)
{
  memset (info, 0, sizeof (*info));
  info->name = "fake";
  info->device = "none";
  info->driver = "none";
  info->n_ctx = 4096;
  info->n_rows = 3;
  info->image_size = FAKE_IMAGE_SIZE;
  info->weights_bytes = 1000;
  info->device_bytes = 2000;
}

FakeAsync *
fake_session_async (Owl2Session *session)
{
  return session->async;
}

Owl2Session *
owl2_session_new (
    Owl2Model *model, const Owl2SessionParams *params, GError **error)
{
  Owl2Session *session = NULL;

  g_mutex_lock (&fake.lock);
  call_begin (FAKE_SESSION);
  g_free (fake.session_prompt);
  fake.session_prompt = g_strdup (params->prompt);
  fake.session_params = *params;
  fake.session_params.prompt = fake.session_prompt;
  if (call_pass (FAKE_SESSION, fake.n_calls[FAKE_SESSION], NULL, error)) {
    session = g_new0 (Owl2Session, 1);
    session->model = owl2_model_ref (model);
    model->n_sessions++;
    fake.n_sessions++;
  }
  g_mutex_unlock (&fake.lock);
  if (session)
    session->async = fake_async_new (session, model->nice);
  return session;
}

void
owl2_session_free (Owl2Session *session)
{
  if (!session)
    return;
  owl2_session_cancel (session);
  fake_async_free (session->async);
  LOCKED (session->model->n_sessions--; fake.n_sessions--);
  owl2_model_unref (session->model);
  g_free (session);
}

void
owl2_session_cancel (Owl2Session *session)
{
  LOCKED (session->cancelled = TRUE);
}

void
owl2_session_uncancel (Owl2Session *session)
{
  LOCKED (session->cancelled = FALSE);
}

/* (transfer full): every byte, so that sanitizers see short images. */
static guint8 *
image_rgb (const Owl2Image *image)
{
  guint8 *rgb = g_malloc (3 * (gsize) image->width * image->height);

  ref_picture_rgb (rgb, image);
  return rgb;
}

/* Reads the ends of each row of the first plane at least. */
static FakeImage
image_look (const Owl2Image *image)
{
  gboolean across = (image->turn & OWL2_TURN_TRANSPOSE) != 0;
  FakeImage seen = { across ? image->height : image->width,
    across ? image->width : image->height, NULL, image->format, image->mode };
  volatile guint8 end;

  g_assert_cmpuint (image->stride, >=, image->width);
  for (guint y = 0; y < image->height; y++) {
    end = image->data[y * image->stride];
    end = image->data[y * image->stride + image->width - 1];
  }
  (void) end;
  if (fake.keep_images)
    seen.rgb = image_rgb (image);
  return seen;
}

Owl2Features *
owl2_session_encode (Owl2Session *session, const Owl2Image *image,
    guint64 *encode_ns, GError **error)
{
  Owl2Features *features = NULL;

  g_mutex_lock (&fake.lock);
  call_begin (FAKE_ENCODE);
  if (call_pass (FAKE_ENCODE, fake.n_calls[FAKE_ENCODE], session, error)) {
    FakeImage seen = image_look (image);

    features = g_new0 (Owl2Features, 1);
    features->refs = 1;
    features->image = fake.images->len;
    features->first = image->data[0];
    features->look = image->look;
    features->model = session->model->number;
    g_array_append_val (fake.images, seen);
    fake.n_features++;
    fake.peak_features = MAX (fake.peak_features, fake.n_features);
    if (encode_ns)
      *encode_ns = 1000;
  }
  g_mutex_unlock (&fake.lock);
  return features;
}

/* With the lock held. */
static int
features_letter (const Owl2Features *features)
{
  const gsize n = strlen (fake.scenes);

  return fake.scenes[MIN (features->first, n - 1)];
}

gboolean
owl2_session_distance (Owl2Session *session, Owl2Features *a, Owl2Features *b,
    double *distance, GError **error)
{
  gboolean ok;

  g_mutex_lock (&fake.lock);
  g_assert_cmpuint (a->model, ==, session->model->number);
  g_assert_cmpuint (b->model, ==, session->model->number);
  call_begin (FAKE_DISTANCE);
  ok = call_pass (FAKE_DISTANCE, fake.n_calls[FAKE_DISTANCE], session, error);
  *distance =
      fake.scenes ? 0.1 * ABS (features_letter (a) - features_letter (b)) : 0;
  g_mutex_unlock (&fake.lock);
  return ok;
}

/* The nearest pixels. */
guint8 *
owl2_session_shrink (
    Owl2Session *session, const Owl2Image *image, GError **error)
{
  const gsize size = FAKE_IMAGE_SIZE;
  guint8 *rgb = NULL;

  g_mutex_lock (&fake.lock);
  call_begin (FAKE_SHRINK);
  if (call_pass (FAKE_SHRINK, fake.n_calls[FAKE_SHRINK], session, error)) {
    g_autofree guint8 *large = image_rgb (image);
    gboolean across = (image->turn & OWL2_TURN_TRANSPOSE) != 0;
    gsize width = across ? image->height : image->width;
    gsize height = across ? image->width : image->height;

    rgb = g_malloc (size * size * 3);
    for (gsize i = 0; i < size * size; i++) {
      gsize y = i / size * height / size;
      gsize x = i % size * width / size;

      memcpy (rgb + 3 * i, large + 3 * (y * width + x), 3);
    }
  }
  g_mutex_unlock (&fake.lock);
  return rgb;
}

Owl2Features *
owl2_features_ref (Owl2Features *features)
{
  g_atomic_int_inc (&features->refs);
  return features;
}

void
owl2_features_unref (Owl2Features *features)
{
  if (features && g_atomic_int_dec_and_test (&features->refs)) {
    LOCKED (fake.n_features--);
    g_free (features);
  }
}

/* The answer is "images A B .. tokens t t t", a word for each token. */
static gboolean
generate_tokens (Owl2Session *session, const Owl2Request *request, guint number,
    GString *text, guint *n_ids, GError **error)
{
  const guint n_tokens = fake.n_texts ? 1 : fake.n_tokens;

  for (*n_ids = 0; *n_ids < n_tokens; ++*n_ids) {
    const char *piece = fake.word;
    gboolean more = TRUE;

    if (!call_pass (FAKE_GENERATE, number, session, error))
      return FALSE;
    while (fake.gate[FAKE_TOKEN])
      g_cond_wait (&fake.cond, &fake.lock);
    if (fake.n_texts) {
      g_string_assign (text, fake.texts[fake.next_text++ % fake.n_texts]);
      piece = text->str;
    } else if (*n_ids == 0) {
      g_string_assign (text, "images");
      for (guint i = 0; i < request->n_frames; i++)
        g_string_append_printf (text, " %u", request->frames[i]->image);
      piece = text->str;
    } else {
      g_string_append (text, piece);
    }
    if (request->on_token) {
      g_autofree char *copy = g_strdup (piece);

      g_mutex_unlock (&fake.lock);
      more = request->on_token (
          (gint32) *n_ids, fake.probability, copy, request->user_data);
      g_mutex_lock (&fake.lock);
    }
    if (!more) {
      ++*n_ids;
      break;
    }
  }
  return TRUE;
}

/* Of the places outside of what owl2_prompt_plain() has made. */
static guint
count_places (const char *prompt)
{
  guint n = 0, depth = 0;

  for (const char *s = prompt; *s; s++) {
    depth += *s == '[';
    depth -= *s == ']' && depth;
    n += !depth && g_str_has_prefix (s, PLACE);
  }
  return n;
}

/* One for all frames, or for each one. */
static gboolean
has_places (const char *prompt, guint n_frames)
{
  const guint n = count_places (prompt);

  return n == n_frames || (n == 1 && n_frames > 0);
}

static void
remember (const Owl2Request *request)
{
  FakeRequest seen = { .prompt = g_strdup (request->prompt),
    .answer_prefix = g_strdup (request->answer_prefix),
    .n_images = request->n_frames,
    .n_choices = request->n_choices,
    .sampling = request->sampling };

  g_assert_cmpuint (request->n_frames, <=, G_N_ELEMENTS (seen.images));
  for (guint i = 0; i < request->n_frames; i++)
    seen.images[i] = request->frames[i]->image;
  if (request->n_choices)
    seen.choices = g_new0 (char *, request->n_choices + 1);
  for (guint i = 0; i < request->n_choices; i++)
    seen.choices[i] = g_strdup (request->choices[i]);
  seen.weights =
      g_memdup2 (request->choice_weights, request->n_choices * sizeof (double));
  g_array_append_val (fake.requests, seen);
}

/* With the lock held. */
static void
choose (const Owl2Request *request, Owl2Answer *answer)
{
  const guint n = request->n_choices;
  guint best = 0;

  answer->n_choices = n;
  answer->probabilities = g_new (double, n);
  for (guint i = 0; i < n; i++) {
    answer->probabilities[i] =
        i ? (1 - fake.probability) / (n - 1) : fake.probability;
    if (answer->probabilities[i] > answer->probabilities[best])
      best = i;
    if (request->choice_weights)
      answer->score += request->choice_weights[i] * answer->probabilities[i];
  }
  g_free (answer->text);
  answer->text = g_strdup (request->choices[best]);
  answer->confidence = answer->probabilities[best];
}

/* A request with choices is refused as the engine does, for what a user of it
 * may not know beforehand. */
static gboolean
check_request (const Owl2Request *request, GError **error)
{
  const guint n = request->n_choices;

  if (!has_places (request->prompt, request->n_frames))
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "%u image places for %u frames", count_places (request->prompt),
        request->n_frames);
  else if (n == 1 || n > OWL2_MAX_CHOICES)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST, "%u choices", n);
  else
    return TRUE;
  return FALSE;
}

/* The upper left, more so in each later frame. */
static void
look_at (const Owl2Request *request, Owl2Answer *answer)
{
  const guint n = request->n_frames;

  answer->grid = 2;
  answer->n_maps = n;
  answer->maps = g_new0 (float, 4 * n);
  for (guint i = 0; i < n; i++)
    answer->maps[4 * i] = (float) (i + 1) / (float) (n * (n + 1) / 2);
}

gboolean
owl2_features_look (const Owl2Features *features)
{
  return features->look;
}

Owl2Answer *
owl2_session_generate (
    Owl2Session *session, const Owl2Request *request, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Owl2Request how = *request;
  Owl2Answer *answer = NULL;
  guint n_ids;

  if (request->n_choices)
    how.on_token = NULL;
  for (guint i = 0; i < request->n_frames; i++)
    g_assert_cmpuint (request->frames[i]->model, ==, session->model->number);
  g_mutex_lock (&fake.lock);
  remember (request);
  call_begin (FAKE_GENERATE);
  if (check_request (request, error)
      && generate_tokens (
          session, &how, fake.n_calls[FAKE_GENERATE], text, &n_ids, error)) {
    answer = g_new0 (Owl2Answer, 1);
    answer->text = g_strdup (text->str);
    answer->ids = g_new0 (gint32, n_ids);
    answer->n_ids = n_ids;
    answer->n_prompt = 10 + 3 * request->n_frames;
    answer->n_reused = 3;
    answer->confidence = 0.5;
    answer->prefill_ns = 10;
    answer->decode_ns = 20;
    if (request->n_choices)
      choose (request, answer);
    if (request->look)
      look_at (request, answer);
    fake.n_answers++;
  }
  g_mutex_unlock (&fake.lock);
  return answer;
}

void
owl2_answer_free (Owl2Answer *answer)
{
  if (!answer)
    return;
  LOCKED (fake.n_answers--);
  g_free (answer->text);
  g_free (answer->ids);
  g_free (answer->probabilities);
  g_free (answer->maps);
  g_free (answer);
}

char *
owl2_prompt_plain (const char *text)
{
  return g_strdup_printf ("[%s]", text);
}

char *
owl2_prompt_format (const char *question, gboolean with_image,
    const Owl2Turn *history, guint n_history)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i <= n_history; i++) {
    g_autoptr (GString) text =
        g_string_new (i < n_history ? history[i].question : question);

    if (i > 0 && text->str[0] != '[')
      g_string_replace (text, PLACE, "", 0);
    g_string_append_printf (out, "USER: %s%s ASSISTANT:",
        with_image && i == 0 && !count_places (text->str) ? PLACE : "",
        text->str);
    if (i < n_history)
      g_string_append_printf (out, " %s</s>", history[i].answer);
  }
  return g_string_free (out, FALSE);
}

char *
owl2_prompt_fill (const char *pattern, const char *question)
{
  g_auto (GStrv) pieces = g_strsplit (pattern, "{}", -1);

  return g_strjoinv (question ? question : "", pieces);
}

Owl2Room
owl2_session_room (Owl2Session *session, const Owl2Request *request)
{
  const char *prompt = request->prompt;
  guint n_frames = request->n_frames;
  guint room, frames;

  LOCKED (room = fake.room; frames = fake.room_frames);
  if ((room && strlen (prompt) > room) || (frames && n_frames > frames))
    return OWL2_ROOM_SHORT;
  return has_places (prompt, n_frames) ? OWL2_ROOM_ENOUGH : OWL2_ROOM_INVALID;
}

guint
owl2_session_most_frames (Owl2Session *session, const Owl2Request *request)
{
  Owl2Request tried = *request;

  while (tried.n_frames > 1
         && owl2_session_room (session, &tried) == OWL2_ROOM_SHORT)
    tried.n_frames--;
  return tried.n_frames;
}
