/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "picture.h"

static const char *const mode_names[] = {
  [OWL2_IMAGE_AUTO] = "auto",
  [OWL2_IMAGE_STRETCH] = "stretch",
  [OWL2_IMAGE_PAD] = "pad",
  [OWL2_IMAGE_CROP] = "crop",
};

gboolean
owl2_image_mode_parse (const char *name, Owl2ImageMode *mode)
{
  for (guint i = 0; i < G_N_ELEMENTS (mode_names); i++)
    if (g_ascii_strcasecmp (name, mode_names[i]) == 0) {
      *mode = (Owl2ImageMode) i;
      return TRUE;
    }
  return FALSE;
}

const char *
owl2_image_mode_name (Owl2ImageMode mode)
{
  g_return_val_if_fail ((guint) mode < G_N_ELEMENTS (mode_names), "?");
  return mode_names[mode];
}
