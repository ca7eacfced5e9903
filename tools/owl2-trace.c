/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-trace: runs one prompt and writes every stage of the model as .npy, or
 * tokenizes lines of text. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <json-glib/json-glib.h>

#include "owl2.h"
#include "png_read.h"
#include "stages.h"

typedef struct {
  char *model, *device, *frames, *prompt, *out;
  int max_tokens;
  gboolean ignore_eos, attention, tokenize, language_only, verbose;
} Options;

static gboolean
parse (Options *o, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model,
        "GGUF file (default: the embedded model)", "FILE" },
    { "device", 'd', 0, G_OPTION_ARG_STRING, &o->device,
        "Vulkan device, by index or part of its name", "DEVICE" },
    { "frames", 'f', 0, G_OPTION_ARG_FILENAME, &o->frames,
        "PNG files for the prompt's image place, in order", "A.png,B.png" },
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &o->prompt,
        "prompt, taken literally; <|image|> is the image place", "TEXT" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &o->max_tokens,
        "most tokens to generate (default: 128)", "N" },
    { "ignore-eos", 0, 0, G_OPTION_ARG_NONE, &o->ignore_eos, "go on after </s>",
        NULL },
    { "attention", 0, 0, G_OPTION_ARG_NONE, &o->attention,
        "write the attention probabilities too", NULL },
    { "language-only", 0, 0, G_OPTION_ARG_NONE, &o->language_only,
        "language weights for every token (modality-adaptive module off)",
        NULL },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out,
        "folder for the .npy files", "DIR" },
    { "tokenize", 0, 0, G_OPTION_ARG_NONE, &o->tokenize,
        "read JSON lines {\"text\": ..}, write {\"ids\": [..], \"text\": ..}",
        NULL },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &o->verbose,
        "print what the engine logs", NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context =
      g_option_context_new ("- every stage of one prompt, as .npy files");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
        "argument '%s' is not understood", (*argv)[1]);
    return FALSE;
  }
  if (!o->tokenize && !o->prompt) {
    g_set_error_literal (
        error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--prompt is missing");
    return FALSE;
  }
  if (o->max_tokens < 1) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--max-tokens is %d; at least 1 is needed", o->max_tokens);
    return FALSE;
  }
  return TRUE;
}

static void
print_log (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  fprintf (stderr, "%s: %s\n", area, message);
}

/* ---- --tokenize ------------------------------------------------------- */

static gboolean
tokenize_line (Owl2Model *model, const char *line, guint number, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GArray) ids = NULL;
  g_autofree char *text = NULL;
  g_autofree char *json = NULL;
  JsonNode *node, *member;

  if (!json_parser_load_from_data (parser, line, -1, error)) {
    g_prefix_error (error, "line %u: ", number);
    return FALSE;
  }
  node = json_parser_get_root (parser);
  member = node && JSON_NODE_HOLDS_OBJECT (node)
               ? json_object_get_member (json_node_get_object (node), "text")
               : NULL;
  if (!member || json_node_get_value_type (member) != G_TYPE_STRING) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "line %u: no object with a string \"text\"", number);
    return FALSE;
  }
  ids = owl2_model_tokenize (model, json_node_get_string (member), -1);
  text = owl2_model_detokenize (
      model, (const gint32 *) (gpointer) ids->data, ids->len);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "ids");
  json_builder_begin_array (builder);
  for (guint i = 0; i < ids->len; i++)
    json_builder_add_int_value (builder, g_array_index (ids, gint32, i));
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "text");
  json_builder_add_string_value (builder, text);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json = json_to_string (root, FALSE);
  puts (json);
  return TRUE;
}

static gboolean
tokenize (Owl2Model *model, GError **error)
{
  g_autoptr (GInputStream) in = g_unix_input_stream_new (0, FALSE);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (in);

  for (guint number = 1;; number++) {
    GError *local = NULL;
    g_autofree char *line =
        g_data_input_stream_read_line (lines, NULL, NULL, &local);

    if (local) {
      g_propagate_error (error, local);
      return FALSE;
    }
    if (!line)
      return TRUE;
    if (line[0] && !tokenize_line (model, line, number, error))
      return FALSE;
  }
}

/* ---- tracing ---------------------------------------------------------- */

static gboolean
encode_frames (
    Owl2Session *session, const char *list, GPtrArray *frames, GError **error)
{
  g_auto (GStrv) paths = g_strsplit (list, ",", -1);

  for (guint i = 0; paths[i]; i++) {
    Owl2Image image;
    Owl2Features *features;

    if (!png_read_rgb (paths[i], &image, error))
      return FALSE;
    features = owl2_session_encode (session, &image, NULL, error);
    g_free ((gpointer) image.data);
    if (!features) {
      g_prefix_error (error, "%s: ", paths[i]);
      return FALSE;
    }
    g_ptr_array_add (frames, features);
  }
  return TRUE;
}

static gboolean
trace (Owl2Model *model, const Options *o, GError **error)
{
  Owl2SessionParams params = { .language_only = o->language_only };
  g_autoptr (Owl2Session) session = owl2_session_new (model, &params, error);
  g_autoptr (GPtrArray) frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);
  g_autoptr (Stages) stages = stages_new ();
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = {
    .prompt = o->prompt,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  if (!session)
    return FALSE;
  if (o->out)
    owl2_session_set_tap (session, stages_tap, o->attention, stages);
  if (o->frames && !encode_frames (session, o->frames, frames, error))
    return FALSE;
  request.frames = (Owl2Features *const *) frames->pdata;
  request.n_frames = frames->len;
  request.sampling.max_tokens = o->max_tokens;
  request.sampling.ignore_eos = o->ignore_eos;
  answer = owl2_session_generate (session, &request, error);
  if (!answer || (o->out && !stages_write (stages, o->out, error)))
    return FALSE;
  puts (answer->text);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options o = { .max_tokens = 128 };
  g_autoptr (GError) error = NULL;
  g_autoptr (Owl2Model) model = NULL;
  Owl2ModelParams params = { NULL };
  gboolean ok;

  setlocale (LC_ALL, "");
  ok = parse (&o, &argc, &argv, &error);
  if (ok) {
    params.path = o.model;
    params.device = o.device;
    if (o.verbose)
      params.log = (Owl2Log){ print_log, NULL, OWL2_LOG_DEBUG };
    model = owl2_model_load (&params, &error);
    ok = model
         && (o.tokenize ? tokenize (model, &error) : trace (model, &o, &error));
  }
  if (!ok)
    fprintf (stderr, "owl2-trace: %s\n", error->message);
  g_free (o.model);
  g_free (o.device);
  g_free (o.frames);
  g_free (o.prompt);
  g_free (o.out);
  return ok ? 0 : 1;
}
