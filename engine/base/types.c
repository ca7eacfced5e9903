/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "types.h"

#include <string.h>

#include "halves.h"
#include "quant.h"

static void
encode_f32 (const float *x, gsize n, guint8 *out)
{
  memcpy (out, x, n * sizeof (float));
}

static void
decode_f32 (const guint8 *in, gsize n, float *x)
{
  memcpy (x, in, n * sizeof (float));
}

#define KV TRUE
#define NO_KV FALSE

/* One type a row, in the order of Owl2TypeInfo. shaders/meson.build reads the
 * names here, and which types have KV, from the lines that begin a row. */
/* clang-format off */
static const Owl2TypeInfo types[] = {
  { "f32", OWL2_TYPE_F32, KV, 1, 4, 4, 0,
    FALSE, OWL2_TYPE_F32, encode_f32, decode_f32, NULL },
  { "f16", OWL2_TYPE_F16, KV, 1, 2, 2, 1,
    FALSE, OWL2_TYPE_F32, halves_to_f16, halves_from_f16, NULL },
  { "q8_0", OWL2_TYPE_Q8_0, KV, OWL2_Q8_0_BLOCK, OWL2_Q8_0_BYTES, 4, 7,
    FALSE, OWL2_TYPE_F16, owl2_q8_0_encode, owl2_q8_0_decode, owl2_q8_0_pack },
  /* 15: "medium", a file with better types in some places. */
  { "q4_k", OWL2_TYPE_Q4_K, NO_KV, OWL2_Q4_K_BLOCK, OWL2_Q4_K_BYTES, 4, 15,
    TRUE, OWL2_TYPE_Q8_0, owl2_q4_k_encode, owl2_q4_k_decode, NULL },
};
/* clang-format on */

guint
owl2_n_types (void)
{
  return G_N_ELEMENTS (types);
}

const Owl2TypeInfo *
owl2_type_at (guint index)
{
  return index < G_N_ELEMENTS (types) ? &types[index] : NULL;
}

guint
owl2_type_index (Owl2Type type)
{
  guint i = 0;

  while (i < G_N_ELEMENTS (types) && types[i].type != type)
    i++;
  return i;
}

const Owl2TypeInfo *
owl2_type_info (Owl2Type type)
{
  return owl2_type_at (owl2_type_index (type));
}

guint
owl2_type_block (Owl2Type type)
{
  const Owl2TypeInfo *info = owl2_type_info (type);

  return info ? info->block : 0;
}

guint
owl2_type_block_bytes (Owl2Type type)
{
  const Owl2TypeInfo *info = owl2_type_info (type);

  return info ? info->block_bytes : 0;
}

const char *
owl2_type_name (Owl2Type type)
{
  const Owl2TypeInfo *info = owl2_type_info (type);

  return info ? info->name : NULL;
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

char *
owl2_type_names (const char *last)
{
  GString *out = g_string_new (types[0].name);

  for (guint i = 1; i < G_N_ELEMENTS (types); i++) {
    if (i + 1 < G_N_ELEMENTS (types))
      g_string_append (out, ", ");
    else
      g_string_append_printf (out, " %s ", last);
    g_string_append (out, types[i].name);
  }
  return g_string_free (out, FALSE);
}
