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
