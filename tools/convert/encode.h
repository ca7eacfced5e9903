/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Floats into the element types of a model file. */
#ifndef OWL2_CONVERT_ENCODE_H
#define OWL2_CONVERT_ENCODE_H

#include "types.h"

G_BEGIN_DECLS

/**
 * Encoder: a type that can be written.
 * @file_type: general.file_type of a file of mostly this type
 * @quantised: in blocks, which must be finite
 * @encode: @n elements, whole blocks, to @out
 */
typedef struct {
  Owl2Type type;
  guint32 file_type;
  gboolean quantised;
  void (*encode) (const float *in, gsize n, guint8 *out);
} Encoder;

/* NULL if it can't be written. */
const Encoder *encoder_for (Owl2Type type);

G_END_DECLS

#endif
