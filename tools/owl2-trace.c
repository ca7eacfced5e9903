/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owl2-trace: runs one prompt and writes every stage of the model as .npy, or
 * tokenizes lines of text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attention_plot.h"
#include "common.h"
#include "json_line.h"
#include "png_read.h"
#include "printable.h"
#include "program.h"
#include "stages.h"

/* Bytes of a line of JSON. */
#define MAX_LINE ((gsize) 128 << 20)

typedef struct {
  CommonOptions common;
  char *frames, *prompt, *out, *plot;
  int max_tokens;
  gboolean ignore_eos, attention, look, tokenize, language_only, verbose;
} Options;

static gboolean
parse (Options *o, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "frames", 'f', 0, G_OPTION_ARG_FILENAME, &o->frames,
        "PNG files for the prompt's image place or places, in order",
        "A.png,B.png" },
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &o->prompt,
        "prompt, taken literally; <|image|> is the image place", "TEXT" },
    { "max-tokens", 'n', 0, G_OPTION_ARG_INT, &o->max_tokens,
        "most tokens to generate (default: 128)", "N" },
    { "ignore-eos", 0, 0, G_OPTION_ARG_NONE, &o->ignore_eos, "go on after </s>",
        NULL },
    { "attention", 0, 0, G_OPTION_ARG_NONE, &o->attention,
        "write the attention probabilities too", NULL },
    { "attention-plot", 0, 0, G_OPTION_ARG_FILENAME, &o->plot,
        "plot how much the text looks at the frames in each layer, with and "
        "without the modality-adaptive module",
        "FILE.svg" },
    { "look", 0, 0, G_OPTION_ARG_NONE, &o->look,
        "write where the answer looks too", NULL },
    { "language-only", 0, 0, G_OPTION_ARG_NONE, &o->language_only,
        "language weights for every token (modality-adaptive module off)",
        NULL },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out,
        "folder for the .npy files", "DIR" },
    { "tokenize", 0, 0, G_OPTION_ARG_NONE, &o->tokenize,
        "read JSON lines {\"text\": ..}, write {\"ids\": [..], \"text\": ..}",
        NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) context = common_options_new (
      "- every stage of one prompt, as .npy files", &o->common);

  g_option_context_add_main_entries (context, entries, NULL);
  program_add_options (context, &o->verbose, "print what the engine logs");
  if (!program_parse (context, argc, argv, error))
    return FALSE;
  if (o->common.list_devices)
    return TRUE;
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

/* ---- --tokenize ------------------------------------------------------- */

/* @text: scratch. */
static gboolean
tokenize_line (
    Owl2Model *model, const GString *line, GString *text, GError **error)
{
  g_autoptr (GArray) ids = NULL;
  g_autofree char *decoded = NULL, *answer = NULL;
  json_auto_t *object = json_object ();
  json_t *list = json_array ();

  json_object_set_new (object, "ids", list);
  if (!json_line_get_text (line->str, line->len, text, error))
    return FALSE;
  ids = owl2_model_tokenize (model, text->str, (gssize) text->len);
  for (guint i = 0; i < ids->len; i++)
    json_array_append_new (list, json_integer (g_array_index (ids, gint32, i)));
  decoded = owl2_model_detokenize (
      model, (const gint32 *) (gpointer) ids->data, ids->len);
  json_object_set_new (object, "text", json_line_string (decoded));
  answer = json_line_write (object);
  return program_print_line (answer, error);
}

/* A line of standard input without its newline; FALSE after the last one, or
 * with @error set. */
static gboolean
read_line (GString *line, GError **error)
{
  int byte;

  g_string_truncate (line, 0);
  while ((byte = getc_unlocked (stdin)) != EOF && byte != '\n') {
    if (line->len == MAX_LINE) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
          "longer than %" G_GSIZE_FORMAT " bytes", MAX_LINE);
      return FALSE;
    }
    g_string_append_c (line, byte);
  }
  if (ferror (stdin)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "standard input: %s",
        g_strerror (errno));
    return FALSE;
  }
  return byte != EOF || line->len > 0;
}

/* Each line is answered before the next is read, so that another program may
 * ask line by line. Empty lines are passed over. */
static gboolean
tokenize (Owl2Model *model, GError **error)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  GError *local = NULL;
  guint number = 0;
  gboolean more;

  do {
    number++;
    more = read_line (line, &local);
    if (more && line->len > 0)
      more = tokenize_line (model, line, text, &local);
  } while (more);
  if (!local)
    return TRUE;
  g_propagate_prefixed_error (error, local, "line %u: ", number);
  return FALSE;
}

/* ---- tracing ---------------------------------------------------------- */

static gboolean
encode_frames (Owl2Model *model, Owl2Session *session, const Options *o,
    GPtrArray *frames, GError **error)
{
  g_auto (GStrv) paths = g_strsplit (o->frames, ",", -1);

  if (!common_check_frames (model, g_strv_length (paths), error))
    return FALSE;
  for (guint i = 0; paths[i]; i++) {
    Owl2Image image;
    Owl2Features *features;

    if (!png_read_rgb (paths[i], &image, error))
      return FALSE;
    image.mode = o->common.image_mode;
    image.look = o->look;
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

/* [frames][rows][columns] */
static void
write_maps (const Owl2Answer *answer, Stages *stages)
{
  const gsize shape[] = { answer->n_maps, answer->grid, answer->grid };

  if (answer->maps)
    stages_tap ("look", 'f', shape, 3, 0, answer->maps, stages);
}

/* @stages: (nullable) */
static gboolean
trace (Owl2Model *model, const Options *o, Stages *stages, GError **error)
{
  Owl2SessionParams params = {
    .language_only = o->language_only,
    .kv_type = o->common.kv_type,
  };
  g_autoptr (Owl2Session) session = owl2_session_new (model, &params, error);
  g_autoptr (GPtrArray) frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = {
    .prompt = o->prompt,
    .sampling = OWL2_SAMPLING_DEFAULT,
  };

  if (!session)
    return FALSE;
  if (stages)
    owl2_session_set_tap (session, stages_tap, o->attention, stages);
  if (o->frames && !encode_frames (model, session, o, frames, error))
    return FALSE;
  request.frames = (Owl2Features *const *) frames->pdata;
  request.n_frames = frames->len;
  request.sampling.max_tokens = o->max_tokens;
  request.sampling.ignore_eos = o->ignore_eos;
  request.look = o->look;
  answer = owl2_session_generate (session, &request, error);
  if (!answer)
    return FALSE;
  if (stages) {
    write_maps (answer, stages);
    if (!stages_finish (stages, error))
      return FALSE;
  }
  return program_print (answer->text, error);
}

static gboolean
trace_shares (Owl2Model *model, const Options *o, gboolean language_only,
    AttentionShares *shares, GError **error)
{
  Owl2SessionParams params = {
    .language_only = language_only,
    .kv_type = o->common.kv_type,
  };
  g_autoptr (Owl2Session) session = owl2_session_new (model, &params, error);
  g_autoptr (GPtrArray) frames =
      g_ptr_array_new_with_free_func ((GDestroyNotify) owl2_features_unref);
  g_autoptr (Owl2Answer) answer = NULL;
  Owl2Request request = {
    .prompt = o->prompt, .sampling = OWL2_SAMPLING_DEFAULT, .cold = TRUE
  };

  if (!session
      || (o->frames && !encode_frames (model, session, o, frames, error)))
    return FALSE;
  owl2_session_set_tap (session, attention_shares_tap, TRUE, shares);
  request.frames = (Owl2Features *const *) frames->pdata;
  request.n_frames = frames->len;
  request.sampling.max_tokens = 1;
  answer = owl2_session_generate (session, &request, error);
  return answer != NULL;
}

static gboolean
plot (Owl2Model *model, const Options *o, GError **error)
{
  AttentionShares with = { NULL }, without = { NULL };
  gboolean ok = trace_shares (model, o, FALSE, &with, error)
                && trace_shares (model, o, TRUE, &without, error)
                && attention_plot_write (o->plot, &with, &without, error);

  attention_shares_clear (&with);
  attention_shares_clear (&without);
  return ok;
}

static gboolean
run (const Options *o, GError **error)
{
  Owl2ModelParams params = common_model_params (&o->common);
  g_autoptr (Stages) stages = NULL;
  g_autoptr (Owl2Model) model = NULL;

  if (o->common.list_devices)
    return common_list_devices (error);
  params.log = common_log (o->verbose);
  if (o->out && !o->tokenize) {
    stages = stages_new (o->out, error);
    if (!stages)
      return FALSE;
  }
  model = owl2_model_load (&params, error);
  if (!model)
    return FALSE;
  if (o->tokenize)
    return tokenize (model, error);
  return trace (model, o, stages, error)
         && (!o->plot || plot (model, o, error));
}

int
main (int argc, char **argv)
{
  Options o = { .max_tokens = 128 };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  program_begin ("owl2-trace");
  ok = parse (&o, &argc, &argv, &error) && run (&o, &error);
  common_options_clear (&o.common);
  g_free (o.frames);
  g_free (o.prompt);
  g_free (o.out);
  g_free (o.plot);
  return program_end (ok, error);
}
