/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "types.h"

static const struct {
  Owl2Type type;
  guint block, block_bytes;
  const char *name;
} types[] = {
  { OWL2_TYPE_F32, 1, 4, "f32" },
  { OWL2_TYPE_F16, 1, 2, "f16" },
  { OWL2_TYPE_Q8_0, 32, 34, "q8_0" },
  { OWL2_TYPE_Q4_K, 256, 144, "q4_k" },
};

guint
owl2_type_block (Owl2Type type)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].type == type)
      return types[i].block;
  return 0;
}

guint
owl2_type_block_bytes (Owl2Type type)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].type == type)
      return types[i].block_bytes;
  return 0;
}

const char *
owl2_type_name (Owl2Type type)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (types[i].type == type)
      return types[i].name;
  return NULL;
}

gboolean
owl2_type_parse (const char *name, Owl2Type *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_ascii_strcasecmp (types[i].name, name) == 0) {
      *type = types[i].type;
      return TRUE;
    }
  return FALSE;
}
