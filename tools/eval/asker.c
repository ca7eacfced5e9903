/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asker.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "forms.h"
#include "input.h"
#include "json_line.h"
#include "program.h"
#include "video.h"

#define N_PIECES 1024
#define PIECE ((gsize) 4096)
#define BEGINNING ((gsize) 1 << 20)

struct _Asker {
  const AskerWay *way;
  gboolean keep_going;
  Owl2Model *model;
  Owl2Session *session;
  VideoModel eye;
  char *seen;               /* (nullable): the media of @features, or */
  const char *seen_picture; /* (nullable): their picture, borrowed of the set */
  guint n_seen;        /* most frames that were taken of it */
  GPtrArray *features; /* (nullable) */
};

/* ---- the way ---------------------------------------------------------- */

/* Of a model that was made for a score, its own. */
static const Owl2Recipe *
usual_recipe (EvalKind kind, const char *model)
{
  g_autofree char *own =
      kind == EVAL_VALUE ? owl2_model_peek_recipe (model) : NULL;
  const Owl2Recipe *recipe = own ? owl2_recipe_find (own) : NULL;

  if (recipe && recipe->weights)
    return recipe;
  return owl2_recipe_find (kind == EVAL_VALUE    ? "quality"
                           : kind == EVAL_LETTER ? "mmbench"
                                                 : "vqa");
}

gboolean
asker_way_find (AskerWay *way, const EvalSet *set, const char *name,
    const char *model, GError **error)
{
  const Owl2Recipe *recipe =
      name ? owl2_recipe_find (name) : usual_recipe (set->kind, model);
  const gboolean video = set->form->video;

  if (set->kind == EVAL_LIKELIEST && !name) {
    *way = (AskerWay){ .template = "{}", .letters = TRUE, .max_tokens = 1 };
    return TRUE;
  }
  if (!recipe) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "there is no recipe \"%s\"", name);
    return FALSE;
  }
  if (set->kind == EVAL_LIKELIEST
      || (set->kind == EVAL_VALUE) != (recipe->weights != NULL)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "the recipe \"%s\" gives %s, which is not what %s asks for",
        recipe->name, recipe->weights ? "a score" : "a text", set->form->name);
    return FALSE;
  }
  *way = (AskerWay){ .recipe = recipe->name,
    .template = recipe->pattern,
    .question = recipe->question,
    .prefix = recipe->answer_prefix,
    .choices = recipe->choices,
    .weights = recipe->weights,
    .n_choices = recipe->n_choices,
    .mode = recipe->image_mode,
    .n_frames =
        video && recipe->n_frames == 1 ? ASKER_FRAMES : recipe->n_frames,
    .max_tokens = recipe->max_tokens ? recipe->max_tokens : 128,
    .min_tokens = recipe->min_tokens };
  return TRUE;
}

json_t *
asker_way_settings (const AskerWay *way)
{
  json_t *choices = json_array (), *weights = json_array ();

  for (guint i = 0; i < way->n_choices; i++) {
    json_array_append_new (choices, json_string (way->choices[i]));
    if (way->weights)
      json_array_append_new (weights, json_real (way->weights[i]));
  }
  return json_pack ("{s:s?, s:s, s:s?, s:s?, s:o, s:o, s:s, s:i, s:i, s:i}",
      "recipe", way->recipe, "template", way->template, "question",
      way->question, "answer-prefix", way->prefix, "choices", choices,
      "weights", weights, "image-mode", owl2_image_mode_name (way->mode),
      "frames", (int) way->n_frames, "max-tokens", (int) way->max_tokens,
      "min-tokens", (int) way->min_tokens);
}

/* ---- the model -------------------------------------------------------- */

static gboolean
digest (Owl2Input *in, GChecksum *sum, guint64 at, gsize n, GError **error)
{
  g_autofree guint8 *bytes = g_malloc (n);

  if (!owl2_input_read (in, at, bytes, n, error))
    return FALSE;
  g_checksum_update (sum, bytes, (gssize) n);
  return TRUE;
}

char *
asker_model_print (const char *path, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (Owl2Input) in = NULL;
  guint64 size;

  if (!path)
    return g_strdup ("embedded");
  in = owl2_input_open (path, error);
  if (!in)
    return NULL;
  size = owl2_input_size (in);
  if (!digest (in, sum, 0, (gsize) MIN (size, BEGINNING), error))
    return NULL;
  for (guint i = 0; size > BEGINNING && i < N_PIECES; i++)
    if (!digest (in, sum, (size - PIECE) / (N_PIECES - 1) * i, PIECE, error))
      return NULL;
  return g_strdup_printf (
      "%" G_GUINT64_FORMAT " bytes, %s", size, g_checksum_get_string (sum));
}

Asker *
asker_new (const CommonOptions *options, const AskerWay *way,
    gboolean keep_going, GError **error)
{
  g_autoptr (Asker) asker = g_new0 (Asker, 1);
  const Owl2ModelParams params = common_model_params (options);
  const Owl2SessionParams session = { .kv_type = options->kv_type };
  Owl2ModelInfo info;

  asker->way = way;
  asker->keep_going = keep_going;
  asker->model = owl2_model_load (&params, error);
  if (!asker->model
      || !common_check_frames (asker->model, way->n_frames, error))
    return NULL;
  asker->session = owl2_session_new (asker->model, &session, error);
  if (!asker->session)
    return NULL;
  owl2_model_get_info (asker->model, &info);
  asker->eye = (VideoModel){ asker->session, info.image_size, way->mode };
  return g_steal_pointer (&asker);
}

void
asker_free (Asker *asker)
{
  if (!asker)
    return;
  g_free (asker->seen);
  g_clear_pointer (&asker->features, g_ptr_array_unref);
  owl2_session_free (asker->session);
  g_clear_pointer (&asker->model, owl2_model_unref);
  g_free (asker);
}

/* ---- looking ---------------------------------------------------------- */

/* The most frames that @prompt and its answer leave room for. */
static guint
most_frames (const Asker *asker, const char *prompt)
{
  const AskerWay *way = asker->way;
  Owl2Request request = {
    .prompt = prompt,
    .answer_prefix = way->prefix,
    .choices = way->choices,
    .n_choices = way->n_choices,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  Owl2ModelInfo info;

  owl2_model_get_info (asker->model, &info);
  request.sampling.max_tokens = way->max_tokens;
  request.n_frames = info.n_ctx / info.n_rows;
  return owl2_session_most_frames (asker->session, &request);
}

/* (transfer full): features of the frames of a file */
static GPtrArray *
look (const Asker *asker, const char *path, guint n_most, GError **error)
{
  g_autoptr (Video) video = video_open (path, OWL2_MAX_PIXELS, error);
  g_autoptr (VideoClip) clip = NULL;
  const VideoRule rule = asker->way->n_frames ? VIDEO_SPREAD : VIDEO_PER_SECOND;
  const VideoWant want = { rule, n_most, 0, VIDEO_END, 0 };

  if (!video)
    return NULL;
  if (!video_next (video, &want, &asker->eye, &clip, error))
    return NULL;
  return video_encode (video, clip, &asker->eye, NULL, error);
}

/* A picture that is in the data set, through a file in memory. */
static GPtrArray *
look_at_bytes (
    const Asker *asker, const char *base64, guint n_most, GError **error)
{
  gsize n;
  g_autofree guchar *bytes = g_base64_decode (base64, &n);
  const int fd = memfd_create ("owl2-eval", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  GPtrArray *features = NULL;
  gsize done = 0;
  gssize step = 1;

  while (fd >= 0 && done < n && step > 0) {
    step = write (fd, bytes + done, n - done);
    done += (gsize) MAX (step, 0);
  }
  if (fd < 0 || done < n)
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "a file in memory for a picture of %" G_GSIZE_FORMAT " bytes: %s", n,
        g_strerror (errno));
  else
    features = look (asker, path, n_most, error);
  if (fd >= 0)
    close (fd);
  return features;
}

/* Sets asker->features to those of the item's picture or video. */
static gboolean
see (Asker *asker, const EvalSet *set, const EvalItem *item, const char *prompt,
    GError **error)
{
  /* What there is room for depends on the question. */
  const guint n_most =
      asker->way->n_frames ? asker->way->n_frames : most_frames (asker, prompt);
  g_autofree char *path = NULL;

  if (asker->n_seen == n_most
      && (item->picture ? item->picture == asker->seen_picture
                        : g_strcmp0 (asker->seen, item->media) == 0))
    return TRUE;
  g_clear_pointer (&asker->seen, g_free);
  asker->seen_picture = NULL;
  asker->n_seen = n_most;
  g_clear_pointer (&asker->features, g_ptr_array_unref);
  if (item->picture) {
    asker->features = look_at_bytes (asker, item->picture, n_most, error);
    asker->seen_picture = asker->features ? item->picture : NULL;
    return asker->features != NULL;
  }
  path = eval_set_find (set, item, error);
  if (!path)
    return FALSE;
  asker->features = look (asker, path, n_most, error);
  if (!asker->features) {
    g_prefix_error (error, "%s: ", item->media);
    return FALSE;
  }
  asker->seen = g_strdup (item->media);
  return TRUE;
}

/* ---- asking ----------------------------------------------------------- */

static const char *const letters[] = { "A", "B", "C", "D", "E", "F", "G", "H",
  "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W",
  "X", "Y", "Z" };
G_STATIC_ASSERT (G_N_ELEMENTS (letters) == EVAL_MAX_OPTIONS);

/* (transfer full): what is written down */
static json_t *
note (const Owl2Answer *answer, gboolean weighed)
{
  json_t *line = json_object (), *probabilities;

  json_object_set_new (line, "text", json_line_string (answer->text));
  if (!answer->n_choices)
    return line;
  probabilities = json_array ();
  for (guint i = 0; i < answer->n_choices; i++)
    json_array_append_new (probabilities, json_real (answer->probabilities[i]));
  json_object_set_new (line, "probabilities", probabilities);
  if (weighed)
    json_object_set_new (line, "score", json_real (answer->score));
  return line;
}

static json_t *
ask (const Asker *asker, const EvalItem *item, const char *prompt,
    GError **error)
{
  const AskerWay *way = asker->way;
  const gboolean sees = item->media || item->picture;
  Owl2Request request = {
    .prompt = prompt,
    .answer_prefix = way->prefix,
    .choices = way->letters ? letters : way->choices,
    .choice_weights = way->weights,
    .n_choices = way->letters ? g_strv_length (item->options) : way->n_choices,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };
  g_autoptr (Owl2Answer) answer = NULL;

  if (sees) {
    request.frames = (Owl2Features *const *) asker->features->pdata;
    request.n_frames = asker->features->len;
  }
  request.sampling.max_tokens = way->max_tokens;
  request.sampling.min_tokens = way->min_tokens;
  answer = owl2_session_generate (asker->session, &request, error);
  return answer ? note (answer, way->weights != NULL) : NULL;
}

json_t *
asker_answer (const EvalSet *set, const EvalItem *item, gpointer user_data,
    GError **error)
{
  Asker *asker = user_data;
  const char *question = item->question ? item->question : asker->way->question;
  g_autofree char *plain = question ? owl2_prompt_plain (question) : NULL;
  g_autofree char *prompt = owl2_prompt_fill (asker->way->template, plain);
  g_autoptr (GError) why = NULL;

  if ((item->media || item->picture) && !see (asker, set, item, prompt, &why)) {
    if (asker->keep_going
        && g_error_matches (why, OWL2_ERROR, OWL2_ERROR_BAD_FILE))
      return json_pack (
          "{s:s, s:s}", "text", "", "error", "it can't be looked at");
    g_propagate_error (error, g_steal_pointer (&why));
    return NULL;
  }
  return ask (asker, item, prompt, error);
}
