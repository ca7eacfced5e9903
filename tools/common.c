/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"

#include <stdio.h>

#include "printable.h"
#include "program.h"

static gboolean
parse_kv_type (
    const char *option, const char *name, gpointer user_data, GError **error)
{
  CommonOptions *options = user_data;

  if (owl2_kv_type_parse (name, &options->kv_type))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "there is no KV cache of type '%s'; auto, f16, q8_0 and f32 are", name);
  return FALSE;
}

static gboolean
parse_image_mode (
    const char *option, const char *name, gpointer user_data, GError **error)
{
  CommonOptions *options = user_data;

  if (owl2_image_mode_parse (name, &options->image_mode))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "there is no image mode '%s'; auto, stretch, pad and crop are", name);
  return FALSE;
}

GOptionContext *
common_options_new (const char *text, CommonOptions *options)
{
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &options->model,
        "GGUF file (default: the embedded model)", "FILE" },
    { "device", 'd', 0, G_OPTION_ARG_STRING, &options->device,
        "Vulkan device, by index, UUID or part of its name (default: the best)",
        "DEVICE" },
    { "list-devices", 0, 0, G_OPTION_ARG_NONE, &options->list_devices,
        "print the Vulkan devices, one line each", NULL },
    { "kv-type", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_kv_type,
        "KV cache: auto, f16, q8_0, f32 (default: auto, f32 if the weights "
        "are, else f16)",
        "TYPE" },
    { "image-mode", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer) parse_image_mode,
        "how a picture becomes square: auto, stretch, pad, crop (default: "
        "auto, "
        "as the recipe or the model file says)",
        "MODE" },
    { "mmap", 0, 0, G_OPTION_ARG_NONE, &options->mmap,
        "read the weights in place, where the driver can; cutting the file "
        "meanwhile can end the program",
        NULL },
    { NULL }
  };
  GOptionContext *context = g_option_context_new (text);
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, options, NULL);

  options->kv_type = OWL2_KV_AUTO;
  options->image_mode = OWL2_IMAGE_AUTO;
  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  return context;
}

void
common_options_clear (CommonOptions *options)
{
  g_clear_pointer (&options->model, g_free);
  g_clear_pointer (&options->device, g_free);
}

Owl2ModelParams
common_model_params (const CommonOptions *options)
{
  return (Owl2ModelParams){
    .path = options->model,
    .device = options->device,
    .kv_type = options->kv_type,
    .mmap = options->mmap,
    .log = common_log (FALSE),
  };
}

gboolean
common_list_devices (GError **error)
{
  g_autoptr (GPtrArray) lines = owl2_list_devices (error);

  if (!lines)
    return FALSE;
  if (!lines->len) {
    g_set_error_literal (
        error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE, "there is no Vulkan device");
    return FALSE;
  }
  for (guint i = 0; i < lines->len; i++)
    if (!program_print (lines->pdata[i], error))
      return FALSE;
  return TRUE;
}

/* What was said last is not said again: a program may open its device more than
 * once. */
static void
print_log (Owl2LogLevel level, const char *area, const char *message,
    gpointer user_data)
{
  static GMutex lock;
  static char *last_warning;

  if (level > OWL2_LOG_WARNING) {
    g_autofree char *line = owl2_printable_message (message);

    fprintf (stderr, "%s: %s\n", area, line);
    return;
  }
  g_mutex_lock (&lock);
  if (g_strcmp0 (message, last_warning) != 0) {
    program_say ("warning: %s", message);
    g_free (last_warning);
    last_warning = g_strdup (message);
  }
  g_mutex_unlock (&lock);
}

Owl2Log
common_log (gboolean verbose)
{
  return (
      Owl2Log){ print_log, NULL, verbose ? OWL2_LOG_DEBUG : OWL2_LOG_WARNING };
}

gboolean
common_check_frames (Owl2Model *model, guint n_frames, GError **error)
{
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  if ((guint64) n_frames * info.n_rows <= info.n_ctx)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "%u frames of %u rows are %" G_GUINT64_FORMAT
      " positions, the context has %u",
      n_frames, info.n_rows, (guint64) n_frames * info.n_rows, info.n_ctx);
  return FALSE;
}
