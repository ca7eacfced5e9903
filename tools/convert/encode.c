/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "encode.h"
#include "halves.h"
#include "quant.h"

#include <string.h>

static void
encode_f32 (const float *in, gsize n, guint8 *out)
{
  memcpy (out, in, n * sizeof (float));
}

const Encoder *
encoder_for (Owl2Type type)
{
  /* The numbers of general.file_type; Q4_K has two: this is that of a file
   * with better types in some places ("medium"). */
  static const Encoder encoders[] = {
    { OWL2_TYPE_F32, 0, FALSE, encode_f32 },
    { OWL2_TYPE_F16, 1, FALSE, halves_to_f16 },
    { OWL2_TYPE_Q8_0, 7, TRUE, owl2_q8_0_encode },
    { OWL2_TYPE_Q4_K, 15, TRUE, owl2_q4_k_encode },
  };

  for (guint i = 0; i < G_N_ELEMENTS (encoders); i++)
    if (encoders[i].type == type)
      return &encoders[i];
  return NULL;
}
