/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* adapter_config.json, as PEFT writes it (peft/tuners/lora/config.py). */
#ifndef OWL2_CONVERT_ADAPTER_CONFIG_H
#define OWL2_CONVERT_ADAPTER_CONFIG_H

#include "json.h"

G_BEGIN_DECLS

/**
 * AdapterConfig:
 * @base: (nullable): the model that it belongs to
 * @swapped: fan_in_fan_out, which PEFT does not heed for linear layers
 * @root: of the file, owned: patterns and targets lie there
 */
typedef struct {
  guint rank;
  double alpha;
  gboolean rank_stabilised, swapped;
  const char *base;
  json_t *root;
} AdapterConfig;

/* BAD_FILE, naming the key, for what is no LoRA that can be added to the
 * weights; also for a key that is not known and is set. */
gboolean adapter_config_parse (AdapterConfig *config, const char *text, gsize n,
    const char *file, GError **error);
void adapter_config_clear (AdapterConfig *config);

/* TRUE if the module, such as "model.layers.0.self_attn.q_proj", is one of
 * target_modules. A regular expression there is taken to hold for all. */
gboolean adapter_config_targets (
    const AdapterConfig *config, const char *module);
/* The module's rank, and what its B A is multiplied with: alpha / rank, or
 * alpha / sqrt (rank) where it is rank-stabilised. */
guint adapter_config_scale (
    const AdapterConfig *config, const char *module, double *scale);

G_END_DECLS

#endif
