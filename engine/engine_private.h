/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the engine share. */
#ifndef OWL2_ENGINE_PRIVATE_H
#define OWL2_ENGINE_PRIVATE_H

#include "owl2.h"
#include "text.h"
#include "weights.h"

struct _Owl2Model {
  gint ref_count;  /* atomic */
  gint n_sessions; /* atomic */
  int nice;
  guint64 cache_bytes;
  Owl2Log log;
  OvkDevice *dev;
  Owl2Tokenizer *tokenizer;
  Owl2Weights *weights;
  Owl2Input *file;  /* whose pages weights are read from; NULL: none */
  Owl2Type kv_type; /* of the sessions whose pipelines the load makes */
  struct _Owl2FeaturePool *features;
  struct _Owl2Scheduler *scheduler;
  GMutex lock;                  /* of the next */
  struct _Owl2KvPool **kvpools; /* by type; made when first wanted */
};

/* For tests: what the devices of models are opened with, beside what
 * Owl2ModelParams says: capabilities that are switched off. Set while no model
 * is being loaded. engine.c */
extern OvkDeviceParams owl2_model_device_params;

/* A model without device and weights; then those. */
Owl2Model *owl2_model_alloc (const Owl2ModelParams *params);
gboolean owl2_model_start (Owl2Model *model, const Owl2ModelParams *params,
    const Owl2Config *config, const Owl2WeightsSource *source, GError **error);

/* synthetic.c: the full-size model (LLaMA-2-7B, ViT-L/14 at 448 pixels) with
 * random weights of @type, made in memory. For timing; what it says is noise.
 */
Owl2Model *owl2_model_synthetic_7b (
    const Owl2ModelParams *params, Owl2Type type, GError **error);
/* Its sizes, before owl2_config_check(), which sets those that follow. */
extern const Owl2Config owl2_synthetic_config;

/* FALSE with BAD_FILE if weights are read in place and the file has changed, so
 * that what is computed with them is worth nothing. */
gboolean owl2_model_check_file (const Owl2Model *model, GError **error);

/* Goes through everything once without running it, and enters the pipelines
 * that this takes into @set; @frames: with those that frames need. Reads no
 * weights. Not from the model's own thread. */
gboolean owl2_model_warm_up (Owl2Model *model, Owl2Type kv_type,
    gboolean frames, OvkPipelineSet *set, GError **error);
/* The pool of keys and values of a type; NO_MEMORY. Any thread. */
struct _Owl2KvPool *owl2_model_kvpool (
    Owl2Model *model, Owl2Type type, GError **error);

/* embedded.c: (transfer full) (nullable): the model inside the program. */
GBytes *owl2_embedded_model (void);

#endif
