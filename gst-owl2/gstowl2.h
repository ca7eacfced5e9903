/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef GST_OWL2_H
#define GST_OWL2_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* What the model's threads have unless `nice` says else. */
#define GST_OWL2_NICE 19

#define GST_TYPE_OWL2 (gst_owl2_get_type ())
G_DECLARE_FINAL_TYPE (GstOwl2, gst_owl2, GST, OWL2, GstElement)

G_END_DECLS

#endif
