/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_engine.h"
#include "fake_async.h"
#include "ref_picture.h"
#include "registry.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>

#define WAIT_LIMIT (20 * G_USEC_PER_SEC)
#define LOAD_STEPS 10

struct _Owl2Model {
  int refs;
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
};

static struct {
  GMutex lock;
  GCond cond;

  guint delay[FAKE_N_CALLS];
  gboolean gate[FAKE_N_CALLS];
  guint fail_at[FAKE_N_CALLS]; /* call number; G_MAXUINT: never; 0: all */
  guint fail_from[FAKE_N_CALLS];
  Owl2Error fail_code[FAKE_N_CALLS];
  gboolean ignore_cancel;
  gboolean keep_images;
  guint n_tokens;
  guint room;
  const char *word; /* static */
  double probability;

  guint n_calls[FAKE_N_CALLS];
  guint n_cancelled;
  guint n_models, n_sessions, n_features, n_answers, peak_features;
  char *model_path, *device;
  Owl2SessionParams session_params;
  char *session_prompt;
  Owl2KvType load_kv_type;
  gboolean load_mmap;
  guint64 load_cache_bytes;
  int nice[FAKE_N_CALLS];
  GArray *images;   /* FakeImage */
  GArray *requests; /* FakeRequest */
} fake;

/* There is no device here, and so no memory of another one. */
Owl2Memory *
owl2_memory_import (
    Owl2Model *model, const Owl2Foreign *foreign, GError **error)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED, "no device");
  return NULL;
}

void
owl2_memory_unref (Owl2Memory *memory)
{
}

static void
image_clear (gpointer data)
{
  g_free (((FakeImage *) data)->rgb);
}

static void
request_clear (gpointer data)
{
  g_free (((FakeRequest *) data)->prompt);
}

/* With the lock held. */
static void
forget (void)
{
  g_clear_pointer (&fake.images, g_array_unref);
  g_clear_pointer (&fake.requests, g_array_unref);
  fake.images = g_array_new (FALSE, TRUE, sizeof (FakeImage));
  g_array_set_clear_func (fake.images, image_clear);
  fake.requests = g_array_new (FALSE, TRUE, sizeof (FakeRequest));
  g_array_set_clear_func (fake.requests, request_clear);
}

void
fake_reset (void)
{
  owl2_registry_drain ();
  g_mutex_lock (&fake.lock);
  g_assert_cmpuint (fake.n_sessions, ==, 0);
  g_assert_cmpuint (fake.n_models, ==, 0);
  g_assert_cmpuint (fake.n_features, ==, 0);
  g_assert_cmpuint (fake.n_answers, ==, 0);
  for (guint i = 0; i < FAKE_N_CALLS; i++) {
    fake.delay[i] = 0;
    fake.gate[i] = FALSE;
    fake.fail_at[i] = fake.fail_from[i] = G_MAXUINT;
    fake.n_calls[i] = 0;
  }
  fake.ignore_cancel = FALSE;
  fake.keep_images = FALSE;
  fake.n_tokens = 4;
  fake.word = " t";
  fake.probability = 0.5;
  fake.n_cancelled = 0;
  fake.peak_features = 0;
  g_clear_pointer (&fake.model_path, g_free);
  g_clear_pointer (&fake.device, g_free);
  g_clear_pointer (&fake.session_prompt, g_free);
  memset (&fake.session_params, 0, sizeof (fake.session_params));
  forget ();
  g_mutex_unlock (&fake.lock);
}

#define LOCKED(statement)                                                      \
  do {                                                                         \
    g_mutex_lock (&fake.lock);                                                 \
    statement;                                                                 \
    g_cond_broadcast (&fake.cond);                                             \
    g_mutex_unlock (&fake.lock);                                               \
  } while (0)

void
fake_forget (void)
{
  LOCKED (forget ());
}

void
fake_keep_images (void)
{
  LOCKED (fake.keep_images = TRUE);
}

void
fake_set_delay (FakeCall call, guint microseconds)
{
  LOCKED (fake.delay[call] = microseconds);
}

void
fake_set_n_tokens (guint n)
{
  LOCKED (fake.n_tokens = n);
}

void
fake_set_word (const char *word)
{
  LOCKED (fake.word = word);
}

void
fake_set_probability (double probability)
{
  LOCKED (fake.probability = probability);
}

void
fake_fail (FakeCall call, guint nth, Owl2Error code)
{
  g_mutex_lock (&fake.lock);
  fake.fail_code[call] = code;
  if (nth)
    fake.fail_at[call] = fake.n_calls[call] + nth;
  else
    fake.fail_from[call] = fake.n_calls[call] + 1;
  g_mutex_unlock (&fake.lock);
}

void
fake_set_gate (FakeCall call, gboolean closed)
{
  LOCKED (fake.gate[call] = closed);
}

void
fake_ignore_cancel (gboolean ignore)
{
  LOCKED (fake.ignore_cancel = ignore);
}

guint
fake_n_calls (FakeCall call)
{
  guint n;

  LOCKED (n = fake.n_calls[call]);
  return n;
}

guint
fake_n_cancelled (void)
{
  guint n;

  LOCKED (n = fake.n_cancelled);
  return n;
}

void
fake_wait_calls (FakeCall call, guint n)
{
  gint64 end = g_get_monotonic_time () + WAIT_LIMIT;

  g_mutex_lock (&fake.lock);
  while (fake.n_calls[call] < n)
    if (!g_cond_wait_until (&fake.cond, &fake.lock, end))
      g_error ("only %u calls of kind %d instead of %u", fake.n_calls[call],
          call, n);
  g_mutex_unlock (&fake.lock);
}

void
fake_wait_gone (void)
{
  gint64 end = g_get_monotonic_time () + WAIT_LIMIT;

  owl2_registry_drain ();
  g_mutex_lock (&fake.lock);
  while (fake.n_models)
    if (!g_cond_wait_until (&fake.cond, &fake.lock, end))
      g_error ("%u models are still alive", fake.n_models);
  g_mutex_unlock (&fake.lock);
}

guint
fake_n_features (guint *peak)
{
  guint n;

  LOCKED (n = fake.n_features; if (peak) *peak = fake.peak_features);
  return n;
}

const char *
fake_model_path (void)
{
  return fake.model_path;
}

const char *
fake_device (void)
{
  return fake.device;
}

gboolean
fake_language_only (void)
{
  return fake.session_params.language_only;
}

Owl2SessionParams
fake_session_params (void)
{
  return fake.session_params;
}

Owl2KvType
fake_load_kv_type (void)
{
  return fake.load_kv_type;
}

gboolean
fake_load_mmap (void)
{
  return fake.load_mmap;
}

guint64
fake_load_cache_bytes (void)
{
  return fake.load_cache_bytes;
}

guint
fake_n_models (void)
{
  guint n;

  LOCKED (n = fake.n_models);
  return n;
}

int
fake_nice (FakeCall call)
{
  return fake.nice[call];
}

FakeImage
fake_image (guint index)
{
  FakeImage image;

  g_mutex_lock (&fake.lock);
  g_assert_cmpuint (index, <, fake.images->len);
  image = g_array_index (fake.images, FakeImage, index);
  g_mutex_unlock (&fake.lock);
  return image;
}

FakeRequest
fake_request (guint index)
{
  FakeRequest request;

  g_mutex_lock (&fake.lock);
  g_assert_cmpuint (index, <, fake.requests->len);
  request = g_array_index (fake.requests, FakeRequest, index);
  g_mutex_unlock (&fake.lock);
  return request;
}

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
  if (number == fake.fail_at[call] || number >= fake.fail_from[call]) {
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
owl2_model_try_ref (Owl2Model *model)
{
  int n = g_atomic_int_get (&model->refs);

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
    across ? image->width : image->height, NULL, image->format };
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
    g_array_append_val (fake.images, seen);
    fake.n_features++;
    fake.peak_features = MAX (fake.peak_features, fake.n_features);
    if (encode_ns)
      *encode_ns = 1000;
  }
  g_mutex_unlock (&fake.lock);
  return features;
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
  for (*n_ids = 0; *n_ids < fake.n_tokens; ++*n_ids) {
    const char *piece = fake.word;
    gboolean more = TRUE;

    if (!call_pass (FAKE_GENERATE, number, session, error))
      return FALSE;
    while (fake.gate[FAKE_TOKEN])
      g_cond_wait (&fake.cond, &fake.lock);
    if (*n_ids == 0) {
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

Owl2Answer *
owl2_session_generate (
    Owl2Session *session, const Owl2Request *request, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  FakeRequest seen = { .prompt = g_strdup (request->prompt),
    .n_images = request->n_frames,
    .sampling = request->sampling };
  Owl2Answer *answer = NULL;
  guint n_ids;

  g_assert_cmpuint (request->n_frames, <=, G_N_ELEMENTS (seen.images));
  for (guint i = 0; i < request->n_frames; i++)
    seen.images[i] = request->frames[i]->image;

  g_mutex_lock (&fake.lock);
  g_array_append_val (fake.requests, seen);
  call_begin (FAKE_GENERATE);
  if (generate_tokens (
          session, request, fake.n_calls[FAKE_GENERATE], text, &n_ids, error)) {
    answer = g_new0 (Owl2Answer, 1);
    answer->text = g_strdup (text->str);
    answer->ids = g_new0 (gint32, n_ids);
    answer->n_ids = n_ids;
    answer->n_prompt = 10 + 3 * request->n_frames;
    answer->n_reused = 3;
    answer->confidence = 0.5;
    answer->prefill_ns = 10;
    answer->decode_ns = 20;
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
    g_string_append_printf (out,
        "USER: %s%s ASSISTANT:", with_image && i == 0 ? "<|image|>" : "",
        i < n_history ? history[i].question : question);
    if (i < n_history)
      g_string_append_printf (out, " %s</s>", history[i].answer);
  }
  return g_string_free (out, FALSE);
}

gboolean
owl2_session_has_room (
    Owl2Session *session, const char *prompt, guint n_frames, guint max_tokens)
{
  guint room;

  LOCKED (room = fake.room);
  return !room || strlen (prompt) <= room;
}

void
fake_set_room (guint bytes)
{
  LOCKED (fake.room = bytes);
}
