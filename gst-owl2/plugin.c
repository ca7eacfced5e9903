/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  return gst_element_register (plugin, "owl2", GST_RANK_NONE, GST_TYPE_OWL2);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, owl2,
    "Answers about video with mPLUG-Owl2 on Vulkan", plugin_init, VERSION,
    "LGPL", PACKAGE, ORIGIN)
