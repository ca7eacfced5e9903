/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "encode.h"
#include "half.h"

static void
encode_f32 (const float *in, gsize n, guint8 *out)
{
  memcpy (out, in, n * sizeof (float));
}

static void
encode_f16 (const float *in, gsize n, guint8 *out)
{
  guint16 *halves = (guint16 *) (gpointer) out;

  for (gsize i = 0; i < n; i++)
    halves[i] = half_to_f16 (in[i]);
}

const Encoder *
encoder_for (Owl2Type type)
{
  static const Encoder encoders[] = {
    { OWL2_TYPE_F32, 0, encode_f32 },
    { OWL2_TYPE_F16, 1, encode_f16 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (encoders); i++)
    if (encoders[i].type == type)
      return &encoders[i];
  return NULL;
}
