/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"

#include <errno.h>
#include <stdio.h>

gboolean
common_print_line (const char *text, GError **error)
{
  if (puts (text) >= 0 && fflush (stdout) == 0)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "standard output: %s",
      g_strerror (errno));
  return FALSE;
}

gboolean
common_parse_kv_type (const char *name, Owl2KvType *type, GError **error)
{
  *type = OWL2_KV_AUTO;
  if (!name || owl2_kv_type_parse (name, type))
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "there is no KV cache of type '%s'; auto, f16, q8_0 and f32 are", name);
  return FALSE;
}

gboolean
common_check_frames (Owl2Model *model, guint n_frames, GError **error)
{
  Owl2ModelInfo info;

  owl2_model_get_info (model, &info);
  if ((guint64) n_frames * info.n_rows <= info.n_ctx)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "%u frames of %u rows are %" G_GUINT64_FORMAT
      " positions, the context has %u",
      n_frames, info.n_rows, (guint64) n_frames * info.n_rows, info.n_ctx);
  return FALSE;
}
