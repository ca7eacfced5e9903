/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LoRA adapters that are merged into a checkpoint: folders with
 * adapter_config.json, adapter_model.safetensors or .bin, and, as the trainers
 * of the published scorers leave it, non_lora_trainables.bin, whole tensors
 * that take the place of the base model's. */
#ifndef OWL2_CONVERT_ADAPTER_H
#define OWL2_CONVERT_ADAPTER_H

#include "hfconfig.h"
#include "merge.h"

G_BEGIN_DECLS

typedef struct _Adapters Adapters;

/* Opens @dirs, NULL-terminated or NULL; they are merged in this order. BAD_FILE
 * names what is missing, or can't be merged. */
Adapters *adapters_open (
    const char *const *dirs, const Owl2Log *log, GError **error);
void adapters_free (Adapters *adapters); /* accepts NULL */

/* What their own config.json say, where they have one: other sizes than the
 * base's are BAD_FILE; an image mode and a recipe are taken over. */
gboolean adapters_configure (
    const Adapters *adapters, HfConfig *hf, const Owl2Log *log, GError **error);
/* Finds the place of each of their tensors; BAD_FILE for one that has none, or
 * has another shape. @specs: Owl2TensorSpec, borrowed. */
gboolean adapters_match (Adapters *adapters, const GArray *specs, gboolean tied,
    const Owl2Log *log, GError **error);

/* (nullable): what takes the place of a tensor, by its published name. */
const ShardTensor *adapters_replacement (
    const Adapters *adapters, const char *name);
/* (nullable): LowRank, to be added to it in this order. */
const GArray *adapters_changes (const Adapters *adapters, const char *name);

/* As folder_check_apart() and folder_check(). */
gboolean adapters_check_apart (
    const Adapters *adapters, const char *out, GError **error);
gboolean adapters_check (const Adapters *adapters, GError **error);

G_END_DECLS

#endif
