/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* load_all CACHE_DIR [all]
 *
 * Loads the embedded model with its log on standard output; `all` uses what few
 * do besides: each type of keys and values, maps, and a frame of another format
 * that is turned. Ends with 1 and the error if that fails, 77 if there is no
 * device. */
#include <stdio.h>
#include <string.h>

#include "owl2.h"

static void
print_log (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  printf ("%s\n", message);
}

static gboolean
look (Owl2Session *session, GError **error)
{
  static guint8 pixels[32 * 24 * 3 / 2], rgb[3 * 9 * 7];
  Owl2Image frame = { pixels, 32, 24, 32,
    .chroma = { pixels + 32 * 24, pixels + 32 * 24 * 5 / 4 },
    .chroma_stride = { 16, 16 }, .format = OWL2_PIXELS_I420,
    .turn = OWL2_TURN_TRANSPOSE, .look = TRUE };
  Owl2Image other = { rgb, 9, 7, 27, .turn = OWL2_TURN_MIRROR_X };
  g_autoptr (Owl2Features) seen = NULL, turned = NULL;
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = { .prompt = "USER: <|image|>What is it? ASSISTANT:",
    .n_frames = 1,
    .sampling = { .max_tokens = 2, .top_p = 1.f, .repetition_penalty = 1.f },
    .look = TRUE };

  seen = owl2_session_encode (session, &frame, NULL, error);
  turned = seen ? owl2_session_encode (session, &other, NULL, error) : NULL;
  if (!turned)
    return FALSE;
  request.frames = &seen;
  answer = owl2_session_generate (session, &request, error);
  return answer != NULL;
}

static gboolean
run (const char *cache_dir, gboolean all, GError **error)
{
  static const Owl2KvType types[] = { OWL2_KV_AUTO, OWL2_KV_F32, OWL2_KV_F16,
    OWL2_KV_Q8_0 };
  Owl2ModelParams params = { .cache_dir = cache_dir,
    .log = { print_log, NULL, OWL2_LOG_DEBUG } };
  g_autoptr (Owl2Model) model = owl2_model_load (&params, error);
  gboolean ok = model != NULL;

  for (guint i = 0; ok && all && i < G_N_ELEMENTS (types); i++) {
    Owl2SessionParams how = { .kv_type = types[i] };
    g_autoptr (Owl2Session) session = owl2_session_new (model, &how, error);

    ok = session && look (session, error);
  }
  return ok;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc < 2)
    return 2;
  if (run (argv[1], argc > 2 && strcmp (argv[2], "all") == 0, &error))
    return 0;
  printf ("error: %s\n", error->message);
  return g_error_matches (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE) ? 77 : 1;
}
