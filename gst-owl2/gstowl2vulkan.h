/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Vulkan instance and device that elements in a pipeline share. */
#ifndef GST_OWL2_VULKAN_H
#define GST_OWL2_VULKAN_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* Caps of the always pads: raw video, and that in Vulkan images where the
 * plugin is built with it. (transfer full) */
GstCaps *gst_owl2_vulkan_template_caps (void);

typedef struct _GstOwl2Vulkan GstOwl2Vulkan;
GstOwl2Vulkan *gst_owl2_vulkan_new (void);
void gst_owl2_vulkan_free (GstOwl2Vulkan *self); /* accepts NULL */

/* A context that another element or the application set. Any thread. */
void gst_owl2_vulkan_set_context (
    GstOwl2Vulkan *self, GstElement *element, GstContext *context);
/**
 * gst_owl2_vulkan_query: answers a neighbour's context query for a Vulkan
 * instance or device. Without either, the query is passed on first; when nobody
 * has a device, the one who asks gets one that is made here: as the first
 * element that asks would make it, but with external memory, so that the model
 * can take its pictures without a trip through the host. An element that nobody
 * asks touches no Vulkan.
 *
 * Returns: TRUE if the query is answered
 */
gboolean gst_owl2_vulkan_query (
    GstOwl2Vulkan *self, GstElement *element, GstPad *pad, GstQuery *query);
/* Drops what is held; after the last picture. */
void gst_owl2_vulkan_stop (GstOwl2Vulkan *self);

G_END_DECLS

#endif
