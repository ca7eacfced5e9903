/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-bench: how fast the kernels and the stages of a model are here. */
#include <stdio.h>
#include <string.h>

#include "bench_ops.h"
#include "bench_tune.h"
#include "cache_dir.h"
#include "common.h"
#include "engine_private.h"
#include "json_line.h"
#include "kernels.h"
#include "printable.h"
#include "program.h"
#include "tuned.h"

#define DECODE_TOKENS 32
/* Where a stage is slow, it is measured once, and fewer tokens are made. */
#define REPEATS 3
#define ENOUGH_NS 3e9
#define LEAST_TOKENS 4
#define OPS_STEPS 8
#define CLIP_FRAMES 8
#define CLIP_W 640
#define CLIP_H 360
/* Of frames of given sizes, in turn, so that what else the machine does hits
 * all of them. */
#define FRAME_REPEATS 10

typedef struct {
  CommonOptions common;
  char *synthetic, *type, *kernel, *shape;
  char **frames;
  gboolean json, ops, tune;
} Options;

static gboolean as_json;
static Owl2ImageMode image_mode; /* of the frames */

static gboolean
parse (Options *o, int *argc, char ***argv, GError **error)
{
  g_autofree char *types = owl2_type_names ("or");
  g_autofree char *type_help =
      g_strdup_printf ("weights of this type alone: %s", types);
  const GOptionEntry entries[] = {
    { "synthetic", 0, 0, G_OPTION_ARG_STRING, &o->synthetic,
        "time the stages of the full-size model with random weights of --type, "
        "made in memory",
        "7b" },
    { "type", 't', 0, G_OPTION_ARG_STRING, &o->type, type_help, "TYPE" },
    { "kernel", 'k', 0, G_OPTION_ARG_STRING, &o->kernel,
        "only this kernel: matmul, embed, attention, rmsnorm, layernorm, "
        "swiglu, argmax; or a way of doing one, such as matmul_tile or "
        "'matmul_*'",
        "KERNEL" },
    { "shape", 's', 0, G_OPTION_ARG_STRING, &o->shape,
        "tokens x output features x input features", "MxNxK" },
    { "frame", 'f', 0, G_OPTION_ARG_STRING_ARRAY, &o->frames,
        "of the stages only the encode of a frame of this size; may be given "
        "several times",
        "WxH" },
    { "ops", 'o', 0, G_OPTION_ARG_NONE, &o->ops,
        "instead of the stages, what each operation of an encode, a prefill "
        "and a decode step takes, moves and computes, and its distance from "
        "what the device can do",
        NULL },
    { "tune", 0, 0, G_OPTION_ARG_NONE, &o->tune,
        "instead of the stages, measure which kernels the device is to prefer "
        "for the model's shapes, and keep that for later starts, whose answers "
        "may then differ in the last bits",
        NULL },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &o->json, "one JSON object per line",
        NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context =
      common_options_new ("- times kernels and stages", &o->common);

  g_option_context_add_main_entries (context, entries, NULL);
  program_add_options (context, NULL, NULL);
  return program_parse (context, argc, argv, error);
}

static void
print_value (const json_t *value)
{
  gsize i;
  json_t *part;

  if (json_is_array (value)) {
    json_array_foreach (value, i, part) print_value (part);
  } else if (json_is_string (value)) {
    g_autofree char *text = owl2_printable (json_string_value (value));

    printf (" %-9s", text);
  } else if (json_is_real (value)) {
    printf (" %10.3f", json_real_value (value));
  } else {
    printf (" %10" JSON_INTEGER_FORMAT, json_integer_value (value));
  }
}

static void
print (json_t *result)
{
  const char *name;
  json_t *value;

  if (as_json) {
    g_autofree char *line = json_line_write (result);

    puts (line);
  } else if (json_object_get (result, "op")) {
    bench_ops_print_row (result);
  } else {
    json_object_foreach (result, name, value) {
      if (strcmp (name, "device") == 0 || strcmp (name, "driver") == 0)
        continue;
      if (strcmp (name, "kernel") != 0 && strcmp (name, "stage") != 0
          && strcmp (name, "rate") != 0 && strcmp (name, "tuned") != 0)
        printf ("  %s", name);
      print_value (value);
    }
    putchar ('\n');
  }
  fflush (stdout);
  json_decref (result);
}

static gboolean
parse_type (const char *name, Owl2Type *type, GError **error)
{
  g_autofree char *names = NULL;

  if (owl2_type_parse (name, type))
    return TRUE;
  names = owl2_type_names ("and");
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "there is no type '%s'; %s are", name, names);
  return FALSE;
}

/* ---- stages ----------------------------------------------------------- */

static json_t *
stage (const char *name, const Owl2ModelInfo *info)
{
  json_t *o = json_object ();

  json_object_set_new (o, "stage", json_line_string (name));
  if (as_json) {
    json_object_set_new (o, "model", json_line_string (info->name));
    json_object_set_new (o, "device", json_line_string (info->device));
    json_object_set_new (o, "driver", json_line_string (info->driver));
  }
  return o;
}

/* A frame of noise, another for each @seed; (transfer full) */
static Owl2Features *
encode_noise (Owl2Session *session, guint w, guint h, guint seed, guint64 *ns,
    GError **error)
{
  gsize bytes = 3 * (gsize) w * h;
  g_autofree guint8 *pixels = g_try_malloc (bytes);
  Owl2Image image = { pixels, w, h, 3 * (gsize) w, .mode = image_mode };

  if (!pixels) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for a frame of %ux%u", w, h);
    return NULL;
  }
  for (gsize i = 0; i < bytes; i++)
    pixels[i] = (guint8) (((guint32) i + seed) * 2654435761u >> 24);
  return owl2_session_encode (session, &image, ns, error);
}

static gboolean
parse_frame (const char *text, guint *w, guint *h, GError **error)
{
  char rest;

  if (sscanf (text, "%5ux%5u%c", w, h, &rest) == 2 && *w > 0 && *h > 0
      && *w <= 65535 && *h <= 65535)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "'%s' is no size of a frame such as 1920x1080; an edge has 1 to 65535",
      text);
  return FALSE;
}

/* The best of some encodes of each size. */
static gboolean
bench_frames (Owl2Session *session, const Owl2ModelInfo *info, char **frames,
    GError **error)
{
  guint n = g_strv_length (frames);
  g_autofree guint64 *best = g_new0 (guint64, n);
  guint w = 0, h = 0;

  for (guint repeat = 0; repeat < FRAME_REPEATS; repeat++)
    for (guint i = 0; i < n; i++) {
      g_autoptr (Owl2Features) features = NULL;
      guint64 ns;

      if (!parse_frame (frames[i], &w, &h, error))
        return FALSE;
      features = encode_noise (session, w, h, 0, &ns, error);
      if (!features)
        return FALSE;
      best[i] = repeat ? MIN (best[i], ns) : ns;
    }
  for (guint i = 0; i < n && parse_frame (frames[i], &w, &h, error); i++) {
    json_t *o = stage ("encode", info);

    json_object_set_new (o, "width", json_integer (w));
    json_object_set_new (o, "height", json_integer (h));
    json_object_set_new (o, "ms", json_real (best[i] / 1e6));
    print (o);
  }
  return TRUE;
}

static void
print_encode (const Owl2ModelInfo *info, guint n_frames, guint64 ns)
{
  json_t *o = stage ("encode", info);

  json_object_set_new (o, "frames", json_integer (n_frames));
  json_object_set_new (o, "ms", json_real (ns / 1e6));
  print (o);
}

/* One frame, then the others of a clip; @frames gets their features. */
static gboolean
bench_encode (Owl2Session *session, const Owl2ModelInfo *info,
    GPtrArray *frames, GError **error)
{
  guint64 best = G_MAXUINT64, sum, ns = 0;

  for (guint i = 0; i < REPEATS && ns <= ENOUGH_NS; i++) {
    Owl2Features *features =
        encode_noise (session, CLIP_W, CLIP_H, 0, &ns, error);

    if (!features)
      return FALSE;
    g_ptr_array_set_size (frames, 0);
    g_ptr_array_add (frames, features);
    best = MIN (best, ns);
  }
  print_encode (info, 1, best);
  sum = best;
  for (guint i = 1; i < CLIP_FRAMES; i++) {
    Owl2Features *features =
        encode_noise (session, CLIP_W, CLIP_H, i, &ns, error);

    if (!features)
      return FALSE;
    g_ptr_array_add (frames, features);
    sum += ns;
  }
  print_encode (info, CLIP_FRAMES, sum);
  return TRUE;
}

typedef struct {
  gint64 first_us; /* when the first token came */
  guint n;
} Pace;

/* Stops a slow decode early. */
static gboolean
slow_ends (gint32 id, double probability, const char *text, gpointer user_data)
{
  Pace *pace = user_data;

  if (pace->n++ == 0)
    pace->first_us = g_get_monotonic_time ();
  return pace->n <= LEAST_TOKENS
         || (g_get_monotonic_time () - pace->first_us) * 1e3 < ENOUGH_NS;
}

static void
print_prefill (
    const Owl2ModelInfo *info, guint n_frames, const Owl2Answer *answer)
{
  json_t *o = stage ("prefill", info);
  guint computed = answer->n_prompt - answer->n_reused;

  json_object_set_new (o, "frames", json_integer (n_frames));
  json_object_set_new (o, "tokens", json_integer (answer->n_prompt));
  json_object_set_new (o, "reused", json_integer (answer->n_reused));
  json_object_set_new (o, "ms", json_real (answer->prefill_ns / 1e6));
  json_object_set_new (o, "tokens_per_s",
      json_real (computed * 1e9 / MAX (answer->prefill_ns, 1)));
  print (o);
}

/* The first token's logits come out of the prefill. */
static void
print_decode (
    const Owl2ModelInfo *info, guint n_frames, const Owl2Answer *answer)
{
  guint n = answer->n_ids - 1;
  double tokens_per_s = n * 1e9 / MAX (answer->decode_ns, 1);
  json_t *o = stage ("decode", info);

  json_object_set_new (o, "frames", json_integer (n_frames));
  json_object_set_new (o, "tokens", json_integer (n));
  json_object_set_new (o, "ms", json_real (answer->decode_ns / 1e6));
  json_object_set_new (o, "tokens_per_s", json_real (tokens_per_s));
  json_object_set_new (
      o, "gbytes_per_s", json_real (tokens_per_s * info->token_bytes / 1e9));
  print (o);
}

/* (transfer full): an answer about the first of @frames.
 * @on_token: (nullable): given a Pace */
static Owl2Answer *
generate (Owl2Session *session, const GPtrArray *frames, guint n_frames,
    const char *question, gboolean cold, guint n_tokens, Owl2TokenFunc on_token,
    GError **error)
{
  g_autofree char *prompt = owl2_prompt_format (question, TRUE, NULL, 0);
  Pace pace = { 0 };
  Owl2Request request = {
    .prompt = prompt,
    .frames = (Owl2Features *const *) frames->pdata,
    .n_frames = n_frames,
    .sampling = OWL2_SAMPLING_DEFAULT,
    .cold = cold,
    .on_token = on_token,
    .user_data = &pace,
  };

  request.sampling.max_tokens = n_tokens;
  request.sampling.ignore_eos = TRUE;
  return owl2_session_generate (session, &request, error);
}

/* Puts the better of two answers into @best, which is that of the least time of
 * each part. */
static void
take_better (Owl2Answer **best, Owl2Answer *answer)
{
  if (*best && (*best)->prefill_ns < answer->prefill_ns)
    answer->prefill_ns = (*best)->prefill_ns;
  if (*best && (*best)->decode_ns < answer->decode_ns) {
    answer->decode_ns = (*best)->decode_ns;
    answer->n_ids = (*best)->n_ids;
  }
  owl2_answer_free (*best);
  *best = answer;
}

/* A first question about the first of @frames, and another one about the same;
 * BAD_REQUEST if the context is too short for that. */
static gboolean
bench_generate (Owl2Session *session, const Owl2ModelInfo *info,
    const GPtrArray *frames, guint n_frames, GError **error)
{
  static const char *const questions[] = {
    "Provide a one-sentence caption for the provided image.",
    "What is the color of the background of the image?",
  };
  g_autoptr (Owl2Answer) first = NULL;
  g_autoptr (Owl2Answer) second = NULL;

  for (guint i = 0; i < REPEATS; i++) {
    Owl2Answer *answer = generate (session, frames, n_frames, questions[0],
        TRUE, DECODE_TOKENS + 1, slow_ends, error);

    if (!answer)
      return FALSE;
    take_better (&first, answer);
    answer = generate (session, frames, n_frames, questions[1], FALSE,
        DECODE_TOKENS + 1, slow_ends, error);
    if (!answer)
      return FALSE;
    take_better (&second, answer);
    if (first->prefill_ns + first->decode_ns > ENOUGH_NS)
      break;
  }
  print_prefill (info, n_frames, first);
  print_prefill (info, n_frames, second);
  print_decode (info, n_frames, first);
  return TRUE;
}

/* Clips of 1 and of more frames, as far as the context goes. */
static gboolean
bench_clips (Owl2Session *session, const Owl2ModelInfo *info,
    const GPtrArray *frames, GError **error)
{
  static const guint n_frames[] = { 1, CLIP_FRAMES };

  for (guint i = 0; i < G_N_ELEMENTS (n_frames); i++) {
    GError *local = NULL;

    if (bench_generate (session, info, frames, n_frames[i], &local))
      continue;
    if (!g_error_matches (local, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST)) {
      g_propagate_error (error, local);
      return FALSE;
    }
    program_say (
        "clips of %u frames are left out: %s", n_frames[i], local->message);
    g_error_free (local);
  }
  return TRUE;
}

/* A line of /proc/self/status that is in kB, such as "VmHWM:", in bytes; 0 if
 * unknown. */
static gint64
status_bytes (const char *name)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  line = strstr (text, name);
  return line ? g_ascii_strtoll (line + strlen (name), NULL, 10) * 1024 : 0;
}

static void
print_load (const Owl2Model *model, const Owl2ModelInfo *info, double ms)
{
  const Owl2Config *config = &model->weights->config;
  json_t *o = stage ("load", info);

  json_object_set_new (o, "ms", json_real (ms));
  json_object_set_new (
      o, "vision_layers", json_integer (config->vision.n_layers));
  json_object_set_new (
      o, "abstractor_layers", json_integer (config->abstractor.n_layers));
  json_object_set_new (
      o, "decoder_layers", json_integer (config->decoder.n_layers));
  json_object_set_new (
      o, "image_tokens", json_integer (config->vision.n_tokens));
  json_object_set_new (o, "weights_bytes", json_integer (info->weights_bytes));
  json_object_set_new (o, "mapped_bytes", json_integer (info->mapped_bytes));
  json_object_set_new (o, "device_bytes", json_integer (info->device_bytes));
  print (o);
}

/* The process's memory at its largest, and what of it is in swap now. */
static void
print_memory (Owl2Model *model)
{
  Owl2ModelInfo info;
  json_t *o;

  owl2_model_get_info (model, &info);
  o = stage ("memory", &info);
  json_object_set_new (o, "device_bytes", json_integer (info.device_bytes));
  json_object_set_new (o, "peak_bytes", json_integer (status_bytes ("VmHWM:")));
  json_object_set_new (
      o, "swap_bytes", json_integer (status_bytes ("VmSwap:")));
  print (o);
}

static Owl2Model *
load_model (const Options *opt, GError **error)
{
  Owl2ModelParams params = common_model_params (&opt->common);
  Owl2Type type = OWL2_TYPE_F16;

  if (!opt->synthetic)
    return owl2_model_load (&params, error);
  if (strcmp (opt->synthetic, "7b") != 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "there is no synthetic model '%s', only 7b", opt->synthetic);
    return NULL;
  }
  if (opt->type && !parse_type (opt->type, &type, error))
    return NULL;
  return owl2_model_synthetic_7b (&params, type, error);
}

/* ---- operations ------------------------------------------------------- */

/* Takes over what was measured since the last time in place of @best, if it
 * took less. */
static void
keep_fastest (OvkDevice *dev, GArray **best)
{
  GArray *timings = ovk_device_timings (dev);

  if (!*best || bench_ops_ns (timings) < bench_ops_ns (*best)) {
    g_clear_pointer (best, g_array_unref);
    *best = timings;
  } else {
    g_array_unref (timings);
  }
}

/* A frame's encode; and the prefill of a question about it and OPS_STEPS steps
 * of the answer. Of each the fastest of a few. */
static gboolean
measure_ops (
    Owl2Session *session, OvkDevice *dev, GArray *best[2], GError **error)
{
  for (guint i = 0; i < REPEATS; i++) {
    g_autoptr (GPtrArray) frames =
        g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);
    g_autoptr (Owl2Answer) answer = NULL;
    guint64 ns;
    Owl2Features *features =
        encode_noise (session, CLIP_W, CLIP_H, 0, &ns, error);

    if (!features)
      return FALSE;
    g_ptr_array_add (frames, features);
    keep_fastest (dev, &best[0]);
    answer = generate (
        session, frames, 1, "What is this?", TRUE, OPS_STEPS + 1, NULL, error);
    if (!answer)
      return FALSE;
    keep_fastest (dev, &best[1]);
    if (ns + answer->prefill_ns + answer->decode_ns > ENOUGH_NS)
      break;
  }
  return TRUE;
}

static gboolean
bench_ops (Owl2Session *session, OvkDevice *dev, GError **error)
{
  GArray *best[2] = { NULL };
  BenchRates rates;
  gboolean ok;

  if (!bench_rates (dev, &rates, print, error))
    return FALSE;
  if (ovk_device_caps (dev)->timestamp_ns <= 0.)
    program_say ("%s has no timestamps: what operations do is counted, and no "
                 "time is known",
        ovk_device_caps (dev)->name);
  ovk_device_set_timing (dev, TRUE);
  ok = measure_ops (session, dev, best, error);
  ovk_device_set_timing (dev, FALSE);
  if (ok) {
    bench_ops_print (best[0], "encode", 1, &rates, print);
    bench_ops_print (best[1], "prefill", 1, &rates, print);
    bench_ops_print (best[1], "decode", OPS_STEPS, &rates, print);
  }
  for (guint i = 0; i < G_N_ELEMENTS (best); i++)
    g_clear_pointer (&best[i], g_array_unref);
  return ok;
}

/* ---- tuning ----------------------------------------------------------- */

/* The works of the model are those that kernels are picked for when it goes
 * through everything without running it. */
static gboolean
tune (Owl2Model *model, GError **error)
{
  g_autoptr (GArray) works = g_array_new (FALSE, FALSE, sizeof (Owl2Work));
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();
  g_autofree char *folder = owl2_cache_dir ();
  g_autofree char *path =
      owl2_tuned_path (ovk_device_caps (model->dev), folder);
  gboolean ok;

  owl2_kernels_watch (&owl2_matmul_kernels, works);
  ok = owl2_model_warm_up (model, model->kv_type, TRUE, set, error);
  owl2_kernels_watch (NULL, NULL);
  if (!ok || !bench_tune (model->dev, works, path, print, error))
    return FALSE;
  program_say ("wrote %s", path);
  return TRUE;
}

static gboolean
bench_stages (const Options *opt, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  Owl2SessionParams params = { .kv_type = opt->common.kv_type };
  g_autoptr (Owl2Model) model = load_model (opt, error);
  double load_ms = (g_get_monotonic_time () - start) / 1e3;
  g_autoptr (Owl2Session) session = NULL;
  g_autoptr (GPtrArray) frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);
  Owl2ModelInfo info;

  if (!model)
    return FALSE;
  image_mode = opt->common.image_mode;
  session = owl2_session_new (model, &params, error);
  if (!session)
    return FALSE;
  owl2_model_get_info (model, &info);
  print_load (model, &info, load_ms);
  if (opt->frames)
    return bench_frames (session, &info, opt->frames, error);
  if (opt->tune)
    return tune (model, error);
  if (opt->ops)
    return bench_ops (session, model->dev, error);
  if (!bench_encode (session, &info, frames, error)
      || !bench_clips (session, &info, frames, error))
    return FALSE;
  print_memory (model);
  return TRUE;
}

/* ---- kernels ---------------------------------------------------------- */

static gboolean
bench_all_kernels (const Options *o, GError **error)
{
  Owl2Log log = common_log (FALSE);
  OvkDeviceParams params = { .device = o->common.device, .log = &log };
  g_autoptr (OvkDevice) dev = NULL;
  Owl2Type one = OWL2_TYPE_F32;

  if (o->type && !parse_type (o->type, &one, error))
    return FALSE;
  dev = ovk_device_new (&params, error);
  if (!dev || !owl2_ops_self_test (dev, error))
    return FALSE;
  if (!as_json) {
    g_autofree char *name = owl2_printable (ovk_device_caps (dev)->name);
    g_autofree char *driver = owl2_printable (ovk_device_caps (dev)->driver);

    printf ("%s, %s\n", name, driver);
  }
  return bench_kernels (
      dev, o->kernel, o->shape, o->type ? &one : NULL, print, error);
}

/* Kernels where they are asked for or no model is; stages where there is a
 * model and no kernel is asked for. */
static gboolean
run (const Options *o, GError **error)
{
  g_autoptr (GBytes) embedded = owl2_embedded_model ();
  gboolean kernels = o->kernel || o->shape;
  gboolean model =
      o->common.model || o->synthetic || o->frames || o->ops || o->tune;

  if (o->common.list_devices)
    return common_list_devices (error);
  for (char **frame = o->frames; frame && *frame; frame++) {
    guint w, h;

    if (!parse_frame (*frame, &w, &h, error))
      return FALSE;
  }
  if ((kernels || !model) && !bench_all_kernels (o, error))
    return FALSE;
  return kernels || !(model || embedded) || bench_stages (o, error);
}

int
main (int argc, char **argv)
{
  Options o = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  program_begin ("owl2-bench");
  ok = parse (&o, &argc, &argv, &error);
  as_json = o.json;
  ok = ok && run (&o, &error);
  common_options_clear (&o.common);
  g_free (o.synthetic);
  g_free (o.type);
  g_free (o.kernel);
  g_free (o.shape);
  g_strfreev (o.frames);
  return program_end (ok, error);
}
