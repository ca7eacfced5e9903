/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What engine.c and session.c share. */
#ifndef OWL2_ENGINE_PRIVATE_H
#define OWL2_ENGINE_PRIVATE_H

#include "owl2.h"
#include "text.h"
#include "weights.h"

struct _Owl2Model {
  gint ref_count; /* atomic */
  Owl2Log log;
  OvkDevice *dev;
  Owl2Gguf *gguf; /* the tokenizer's strings live here */
  Owl2Tokenizer *tokenizer;
  Owl2Weights *weights;
  guint64 weights_bytes;
};

/* One frame's rows for the decoder. */
struct _Owl2Features {
  gint ref_count;   /* atomic */
  guint rows, cols; /* queries + 1, decoder width */
  float *data;      /* [rows][cols] */
};

/* Records everything once without running it, so that all pipelines exist. */
gboolean owl2_session_warm_up (Owl2Session *session, GError **error);

/* embedded.c: (transfer full) (nullable): the model inside the program. */
GBytes *owl2_embedded_model (void);

#endif
