/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2.h"
#include "gstowl2meta.h"

/* Who gets the meta from another process need not have the element. */
static gboolean
plugin_init (GstPlugin *plugin)
{
  gst_owl2_meta_register ();
#if GST_CHECK_VERSION(1, 28, 0)
  gst_meta_factory_register (plugin, gst_meta_get_info (GST_OWL2_META_NAME));
#endif
  return gst_element_register (plugin, "owl2", GST_RANK_NONE, GST_TYPE_OWL2);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, owl2,
    "Answers about video with mPLUG-Owl2 on Vulkan", plugin_init, VERSION,
    "LGPL", PACKAGE, ORIGIN)
