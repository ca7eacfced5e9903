/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What engine.c and session.c share. */
#ifndef OWL2_ENGINE_PRIVATE_H
#define OWL2_ENGINE_PRIVATE_H

#include "owl2.h"
#include "text.h"
#include "weights.h"

struct _Owl2Model {
  gint ref_count;  /* atomic */
  gint n_sessions; /* atomic */
  int nice;
  Owl2Log log;
  OvkDevice *dev;
  Owl2Tokenizer *tokenizer;
  Owl2Weights *weights;
  Owl2Input *file;  /* whose pages weights are read from; NULL: none */
  Owl2Type kv_type; /* of the KV caches whose pipelines the load makes */
};

/* One frame's rows for the decoder. */
struct _Owl2Features {
  gint ref_count;   /* atomic */
  guint64 serial;   /* by which the KV cache knows it; not 0 */
  guint rows, cols; /* queries + 1, decoder width */
  float *data;      /* [rows][cols] */
};

/* A model without device and weights; then those. */
Owl2Model *owl2_model_alloc (const Owl2ModelParams *params);
gboolean owl2_model_start (Owl2Model *model, const Owl2ModelParams *params,
    const Owl2Config *config, const Owl2WeightsSource *source, GError **error);

/* synthetic.c: the full-size model (LLaMA-2-7B, ViT-L/14 at 448 pixels) with
 * random weights of @type, made in memory. For timing; what it says is noise.
 */
Owl2Model *owl2_model_synthetic_7b (
    const Owl2ModelParams *params, Owl2Type type, GError **error);

/* FALSE with BAD_FILE if weights are read in place and the file has changed, so
 * that what is computed with them is worth nothing. */
gboolean owl2_model_check_file (const Owl2Model *model, GError **error);

/* Goes through everything once without running it, and enters the pipelines
 * that this takes into @set. Reads no weights. With @frames the buffers that
 * frames need are taken, too. */
gboolean owl2_session_warm_up (
    Owl2Session *session, gboolean frames, OvkPipelineSet *set, GError **error);

/* embedded.c: (transfer full) (nullable): the model inside the program. */
GBytes *owl2_embedded_model (void);

#endif
