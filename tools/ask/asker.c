/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asker.h"

#include <string.h>
#include <gst/gst.h>

#include "cache_dir.h"
#include "clip.h"
#include "gstowl2settings.h"
#include "program.h"
#include "progress.h"

#define DEFAULT_FRAMES 4

guint
asker_n_places (const Owl2Recipe *recipe)
{
  static const char place[] = "<|image|>";
  const char *p = recipe ? recipe->pattern : NULL;
  guint n = 0;

  if (!recipe)
    return 1;
  while ((p = strstr (p, place))) {
    p += strlen (place);
    n++;
  }
  return n;
}

const char *
asker_default_question (const Asker *a, guint n_frames)
{
  if (a->recipe)
    return a->recipe->question;
  return n_frames == 1 ? GST_OWL2_IMAGE_PROMPT : GST_OWL2_VIDEO_PROMPT;
}

/* (transfer full) */
static char *
make_prompt (const Asker *a, const char *question, const Owl2Turn *history,
    guint n_history)
{
  return a->recipe ? owl2_prompt_fill (a->recipe->pattern, question)
                   : owl2_prompt_format (question, TRUE, history, n_history);
}

/* ---- opening ---------------------------------------------------------- */

/* A file that was made for a recipe is asked by it where nothing is asked. */
static const Owl2Recipe *
find_recipe (const AskOptions *o, const Owl2ModelInfo *info)
{
  const Owl2Recipe *own;

  if (o->recipe || o->questions->len || o->n_choices || o->interactive
      || !info->recipe)
    return o->recipe;
  own = owl2_recipe_find (info->recipe);
  return own && own->question && asker_n_places (own) == 1 ? own : NULL;
}

static void
choose (Asker *a)
{
  const AskOptions *o = a->options;
  const Owl2Recipe *r = a->recipe;

  a->sampling = (Owl2Sampling) OWL2_SAMPLING_DEFAULT;
  a->n_frames = o->at >= 0 || o->every >= 0 ? 1 : DEFAULT_FRAMES;
  if (r) {
    a->n_frames = r->n_frames;
    a->choices = r->choices;
    a->weights = r->weights;
    a->n_choices = r->n_choices;
    a->video.mode = r->image_mode;
    a->sampling.min_tokens = r->min_tokens;
    if (r->max_tokens)
      a->sampling.max_tokens = r->max_tokens;
  }
  if (o->common.image_mode != OWL2_IMAGE_AUTO)
    a->video.mode = o->common.image_mode;
  /* A second has one frame, also where an answer is for each few seconds. */
  if (!a->n_frames && o->every >= 0)
    a->n_frames =
        (guint) CLAMP (o->every / (gint64) GST_SECOND, 1, OWL2_CLIP_MAX_FRAMES);
  if (o->frames >= 0)
    a->n_frames = (guint) o->frames;
  if (o->max_tokens >= 0)
    a->sampling.max_tokens = (guint) o->max_tokens;
  if (o->choices) {
    a->choices = (const char *const *) o->choices;
    a->n_choices = o->n_choices;
    a->weights = NULL;
  }
  if (o->weights)
    a->weights = o->weights;
}

/* (transfer full): of the longest question, to make room for it before a video
 * is read. */
static char *
longest_prompt (const Asker *a)
{
  const GPtrArray *questions = a->options->questions;
  const char *longest = asker_default_question (a, a->n_frames);

  for (guint i = 0; i < questions->len; i++)
    if (i == 0 || strlen (questions->pdata[i]) > strlen (longest))
      longest = questions->pdata[i];
  return make_prompt (a, longest ? longest : "", NULL, 0);
}

/* But for its frames. */
static Owl2Request
request_of (const Asker *a, const char *prompt)
{
  return (Owl2Request){
    .prompt = prompt,
    .answer_prefix = a->recipe ? a->recipe->answer_prefix : NULL,
    .choices = a->choices,
    .choice_weights = a->weights,
    .n_choices = a->n_choices,
    .sampling = a->sampling,
  };
}

/* As many frames as there is room for beside the prompt. */
static guint
count_room (const Asker *a, const char *prompt, const Owl2ModelInfo *info)
{
  Owl2Request request = request_of (a, prompt);

  request.n_frames = info->n_ctx / info->n_rows;
  return owl2_session_most_frames (a->video.session, &request);
}

static gboolean
show_load (const char *stage, double fraction, gpointer user_data)
{
  progress_show (stage, fraction);
  return !program_signal;
}

static gboolean
open_session (Asker *a, const Owl2ModelInfo *info, GError **error)
{
  const AskOptions *o = a->options;
  g_autofree char *prompt = longest_prompt (a);
  const guint n_places = asker_n_places (a->recipe);
  Owl2SessionParams params = {
    .prompt = prompt,
    .n_frames = n_places > 1  ? n_places
                : a->n_frames ? a->n_frames
                              : 1,
    .max_tokens = a->n_choices ? 1 : a->sampling.max_tokens,
    .kv_type = o->common.kv_type,
  };

  if (!common_check_frames (a->model, params.n_frames, error))
    return FALSE;
  a->video.session = owl2_session_new (a->model, &params, error);
  if (!a->video.session)
    return FALSE;
  a->max_frames = a->n_frames ? a->n_frames : count_room (a, prompt, info);
  return TRUE;
}

gboolean
asker_open (Asker *a, const AskOptions *o, GError **error)
{
  g_autofree char *cache = owl2_cache_dir ();
  Owl2ModelParams params = common_model_params (&o->common);
  Owl2ModelInfo info;

  a->options = o;
  params.cache_dir = cache;
  params.progress = show_load;
  a->model = owl2_model_load (&params, error);
  progress_erase ();
  if (!a->model)
    return FALSE;
  owl2_model_get_info (a->model, &info);
  a->recipe = find_recipe (o, &info);
  a->video.image_size = info.image_size;
  choose (a);
  a->video.look = o->look != NULL;
  if (a->video.mode == OWL2_IMAGE_AUTO)
    a->video.mode = info.image_mode;
  return open_session (a, &info, error);
}

void
asker_clear (Asker *a)
{
  g_clear_pointer (&a->video.session, owl2_session_free);
  g_clear_pointer (&a->model, owl2_model_unref);
}

/* ---- asking ----------------------------------------------------------- */

gboolean
asker_want (const Asker *a, Video *video, VideoWant *want, GError **error)
{
  const AskOptions *o = a->options;

  *want = (VideoWant){ .rule = VIDEO_SPREAD,
    .n_frames = a->max_frames,
    .from = MAX (o->from, 0),
    .to = o->to >= 0 ? o->to : VIDEO_END,
    .every = o->every };
  if (o->seconds >= 0)
    want->to = want->from + o->seconds;
  if (o->at >= 0) {
    want->rule = VIDEO_AT;
    want->from = o->at;
  } else if (o->every >= 0) {
    want->rule = VIDEO_EVERY;
  } else if (!a->n_frames) {
    want->rule = VIDEO_PER_SECOND;
  }
  if (want->to < VIDEO_END || !video_is_live (video) || o->every >= 0
      || o->at >= 0)
    return TRUE;
  g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "it is live and has no end: --seconds says how much of it is meant");
  return FALSE;
}

Owl2Answer *
asker_ask (const Asker *a, GPtrArray *features, const char *question,
    const Owl2Turn *history, guint n_history, Owl2TokenFunc on_token,
    GError **error)
{
  g_autofree char *prompt = make_prompt (a, question, history, n_history);
  Owl2Request request = request_of (a, prompt);

  request.frames = (Owl2Features *const *) features->pdata;
  request.n_frames = features->len;
  request.look = a->video.look;
  request.on_token = on_token;
  while (n_history
         && owl2_session_room (a->video.session, &request) == OWL2_ROOM_SHORT) {
    g_free (prompt);
    prompt = make_prompt (a, question, ++history, --n_history);
    request.prompt = prompt;
  }
  return owl2_session_generate (a->video.session, &request, error);
}
