/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON files of a checkpoint directory. */
#ifndef OWL2_CONVERT_HFCONFIG_H
#define OWL2_CONVERT_HFCONFIG_H

#include "config.h"
#include "folder.h"

G_BEGIN_DECLS

/**
 * HfConfig:
 * @tied: output.weight is token_embd.weight where it is missing
 * @bos_id, @eos_id, @pad_id: -1 if no file says
 */
typedef struct {
  Owl2Config config;
  gboolean tied;
  gint32 bos_id, eos_id, pad_id;
} HfConfig;

/* config.json, preprocessor_config.json and generation_config.json (the last
 * two may be missing). What a file leaves out has the default of the published
 * configuration classes; what is not mPLUG-Owl2 as published is BAD_FILE with
 * the key. */
gboolean hfconfig_load (
    HfConfig *hf, Folder *folder, const Owl2Log *log, GError **error);
/* What the folder of a LoRA adapter says beside: its config.json, if it has
 * one, must agree in all sizes; an image mode and a recipe go before the
 * base's. */
gboolean hfconfig_load_adapter (
    HfConfig *hf, Folder *folder, const Owl2Log *log, GError **error);
/* The first of them, from memory. */
gboolean hfconfig_parse (
    HfConfig *hf, const char *text, gsize n, const char *file, GError **error);
void hfconfig_clear (HfConfig *hf);

G_END_DECLS

#endif
