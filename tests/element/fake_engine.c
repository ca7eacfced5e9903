/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_private.h"
#include "registry.h"

#include <string.h>

#define WAIT_LIMIT (20 * G_USEC_PER_SEC)

Fake fake;

static void
image_clear (gpointer data)
{
  g_free (((FakeImage *) data)->rgb);
}

static void
request_clear (gpointer data)
{
  FakeRequest *request = data;

  g_free (request->prompt);
  g_free (request->answer_prefix);
  g_strfreev (request->choices);
  g_free (request->weights);
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
  fake.room_frames = 0;
  fake.recipe = NULL;
  fake.word = " t";
  fake.scenes = NULL;
  fake.texts = NULL;
  fake.n_texts = fake.next_text = 0;
  fake.probability = 0.5;
  fake.n_cancelled = fake.n_frames = 0;
  fake.n_lost = 0;
  fake.peak_features = 0;
  g_clear_pointer (&fake.model_path, g_free);
  g_clear_pointer (&fake.device, g_free);
  g_clear_pointer (&fake.session_prompt, g_free);
  memset (&fake.session_params, 0, sizeof (fake.session_params));
  forget ();
  g_mutex_unlock (&fake.lock);
}

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
fake_set_answers (const char *const *texts, guint n)
{
  LOCKED (fake.texts = texts; fake.n_texts = n; fake.next_text = 0);
}

void
fake_set_scenes (const char *scenes)
{
  LOCKED (fake.scenes = scenes);
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

void
fake_lose_device (void)
{
  LOCKED (fake.n_lost = fake.n_calls[FAKE_LOAD]);
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
fake_note_frame (void)
{
  LOCKED (fake.n_frames++);
}

void
fake_wait_frames (guint n)
{
  gint64 end = g_get_monotonic_time () + WAIT_LIMIT;

  g_mutex_lock (&fake.lock);
  while (fake.n_frames < n)
    if (!g_cond_wait_until (&fake.cond, &fake.lock, end))
      g_error ("only %u frames instead of %u", fake.n_frames, n);
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

void
fake_set_room_frames (guint n)
{
  LOCKED (fake.room_frames = n);
}

void
fake_set_recipe (const char *name)
{
  LOCKED (fake.recipe = name);
}

void
fake_set_room (guint bytes)
{
  LOCKED (fake.room = bytes);
}
