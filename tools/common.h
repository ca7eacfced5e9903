/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the programs that use the engine share. */
#ifndef OWL2_COMMON_H
#define OWL2_COMMON_H

#include "owl2.h"

G_BEGIN_DECLS

/**
 * CommonOptions:
 * @model: (nullable): a GGUF file; NULL: the embedded model
 * @device: (nullable): index, UUID or part of a name; NULL: the best
 * @kv_type: of the KV cache
 * @image_mode: how pictures become square
 * @mmap: weights are read in place
 * @list_devices: nothing else is done than common_list_devices()
 *
 * What every program that runs a model can be told.
 */
typedef struct {
  char *model, *device;
  Owl2KvType kv_type;
  Owl2ImageMode image_mode;
  gboolean mmap, list_devices;
} CommonOptions;

/* (transfer full): parses all of them into @options, which must outlive it;
 * @text as g_option_context_new() takes it. A program adds its own. */
GOptionContext *common_options_new (const char *text, CommonOptions *options);
void common_options_clear (CommonOptions *options);

/* What they ask for, with a log of warnings; borrows from @options. */
Owl2ModelParams common_model_params (const CommonOptions *options);

/* Prints a line for each Vulkan device, which begins with its index. NO_DEVICE
 * if there is none. */
gboolean common_list_devices (GError **error);

/* A log that writes to standard error: what the user should know, and if
 * @verbose what the engine does, too. */
Owl2Log common_log (gboolean verbose);

/* BAD_REQUEST if the context can't hold the frames, whatever the prompt: known
 * before any is encoded, which takes long. */
gboolean common_check_frames (Owl2Model *model, guint n_frames, GError **error);

G_END_DECLS

#endif
