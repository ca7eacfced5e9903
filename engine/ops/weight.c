/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ops.h"

#include <string.h>

gboolean
owl2_weight_is_packed (Owl2Type type)
{
  return owl2_type_info (type)->pack != NULL;
}

void
owl2_weight_pack_row (
    Owl2Type type, const guint8 *file, guint cols, guint8 *packed)
{
  const Owl2TypeInfo *info = owl2_type_info (type);
  gsize stride = owl2_tensor_bytes (type, 1, cols);
  gsize bytes = cols / info->block * (gsize) info->block_bytes;

  memset (packed + bytes, 0, stride - bytes);
  if (info->pack)
    info->pack (file, cols, packed);
  else
    memcpy (packed, file, bytes);
}
