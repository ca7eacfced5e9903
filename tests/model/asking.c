/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asking.h"

Owl2Model *
load_model (Owl2KvType kv_type, GError **error)
{
  Owl2ModelParams params = {
    .path = g_getenv ("OWL2_TEST_MODEL"),
    .kv_type = kv_type,
  };

  return owl2_model_load (&params, error);
}

Owl2Session *
new_session (Owl2Model *model, const Owl2SessionParams *params)
{
  g_autoptr (GError) error = NULL;
  Owl2Session *session = owl2_session_new (model, params, &error);

  g_assert_no_error (error);
  return session;
}

void
fill_noise (guint8 *pixels, gsize n, guint seed)
{
  for (gsize i = 0; i < n; i++)
    pixels[i] = (guint8) (((guint) i + seed * 7919) * 2654435761u >> 24);
}

Owl2Features *
encode_noise (
    Owl2Session *session, guint width, guint height, guint seed, GError **error)
{
  const gsize n = 3 * (gsize) width * height;
  g_autofree guint8 *pixels = g_malloc (n);
  Owl2Image image = { pixels, width, height, 3 * (gsize) width };

  fill_noise (pixels, n, seed);
  return owl2_session_encode (session, &image, NULL, error);
}

Owl2Features *
encode (Owl2Session *session, guint seed)
{
  g_autoptr (GError) error = NULL;
  Owl2Features *features = encode_noise (session, 20, 13, seed, &error);

  g_assert_no_error (error);
  return features;
}

Owl2Answer *
ask_about_noise (Owl2Session *session, guint width, guint height,
    Owl2Request how, GError **error)
{
  g_autoptr (Owl2Features) features =
      encode_noise (session, width, height, 0, error);

  if (!features)
    return NULL;
  how.prompt = QUESTION_ABOUT_FRAME;
  how.frames = &features;
  how.n_frames = 1;
  return owl2_session_generate (session, &how, error);
}

Owl2Room
room_for (
    Owl2Session *session, const char *prompt, guint n_frames, guint max_tokens)
{
  const Owl2Request request = {
    .prompt = prompt,
    .n_frames = n_frames,
    .sampling = { .max_tokens = max_tokens },
  };

  return owl2_session_room (session, &request);
}
