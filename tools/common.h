/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the programs that use the engine share. */
#ifndef OWL2_COMMON_H
#define OWL2_COMMON_H

#include "owl2.h"

G_BEGIN_DECLS

/* Adds --device, which sets @device (transfer full), and --list-devices, which
 * sets @list: then nothing else is done than common_list_devices(). */
void common_add_device_options (
    GOptionContext *context, char **device, gboolean *list);

/* Prints a line for each Vulkan device, which begins with its index. NO_DEVICE
 * if there is none. */
gboolean common_list_devices (GError **error);

/* A log that writes to standard error: what the user should know, and if
 * @verbose what the engine does, too. */
Owl2Log common_log (gboolean verbose);

/* BAD_REQUEST if @name is none of auto, f16, q8_0, f32; NULL is auto. */
gboolean common_parse_kv_type (
    const char *name, Owl2KvType *type, GError **error);

/* BAD_REQUEST if the context can't hold the frames, whatever the prompt: known
 * before any is encoded, which takes long. */
gboolean common_check_frames (Owl2Model *model, guint n_frames, GError **error);

G_END_DECLS

#endif
