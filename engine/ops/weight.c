/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops.h"
#include "quant.h"

#include <string.h>

gboolean
owl2_weight_is_packed (Owl2Type type)
{
  return type == OWL2_TYPE_Q8_0;
}

/* Q8_0: all quants of the row, then all scales; odd numbers of scales leave a
 * half of padding, which is set to zero. */
static void
pack_q8_0 (const guint8 *file, guint cols, guint8 *packed)
{
  guint n = cols / OWL2_Q8_0_BLOCK;
  guint8 *scales = packed + cols;

  for (guint b = 0; b < n; b++, file += OWL2_Q8_0_BYTES) {
    memcpy (scales + 2 * b, file, 2);
    memcpy (packed + (gsize) b * OWL2_Q8_0_BLOCK, file + 2, OWL2_Q8_0_BLOCK);
  }
}

void
owl2_weight_pack_row (
    Owl2Type type, const guint8 *file, guint cols, guint8 *packed)
{
  gsize stride = owl2_tensor_bytes (type, 1, cols);
  gsize bytes =
      cols / owl2_type_block (type) * (gsize) owl2_type_block_bytes (type);

  memset (packed + bytes, 0, stride - bytes);
  if (type == OWL2_TYPE_Q8_0)
    pack_q8_0 (file, cols, packed);
  else
    memcpy (packed, file, bytes);
}
