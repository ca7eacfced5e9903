/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2vulkan.h"

#include <gst/video/video.h>
#ifdef HAVE_VULKAN_IMAGE
#  include <gst/vulkan/vulkan.h>
#endif

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

GstCaps *
gst_owl2_vulkan_template_caps (void)
{
  GstCaps *caps =
      gst_caps_from_string (GST_VIDEO_CAPS_MAKE (GST_VIDEO_FORMATS_ALL));

#ifdef HAVE_VULKAN_IMAGE
  gst_caps_append (
      caps, gst_caps_from_string (GST_VIDEO_CAPS_MAKE_WITH_FEATURES (
                GST_CAPS_FEATURE_MEMORY_VULKAN_IMAGE,
                "{ NV12, RGBA, RGBx, BGRA, BGRx, ARGB, xRGB, ABGR, xBGR, NV21,"
                " I420, YV12, Y42B, Y444, GRAY8 }")));
#endif
  return caps;
}

#ifdef HAVE_VULKAN_IMAGE

struct _GstOwl2Vulkan {
  GRecMutex lock; /* a query comes back while another one is made */
  GstVulkanInstance *instance;
  GstVulkanDevice *device;
  gint making; /* atomic: neighbours are being asked, with the lock held */
};

GstOwl2Vulkan *
gst_owl2_vulkan_new (void)
{
  GstOwl2Vulkan *self = g_new0 (GstOwl2Vulkan, 1);

  g_rec_mutex_init (&self->lock);
  return self;
}

void
gst_owl2_vulkan_free (GstOwl2Vulkan *self)
{
  if (!self)
    return;
  gst_owl2_vulkan_stop (self);
  g_rec_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_owl2_vulkan_stop (GstOwl2Vulkan *self)
{
  g_rec_mutex_lock (&self->lock);
  gst_clear_object (&self->device);
  gst_clear_object (&self->instance);
  g_rec_mutex_unlock (&self->lock);
}

void
gst_owl2_vulkan_set_context (
    GstOwl2Vulkan *self, GstElement *element, GstContext *context)
{
  g_rec_mutex_lock (&self->lock);
  gst_vulkan_handle_set_context (element, context, NULL, &self->instance);
  if (gst_context_has_context_type (
          context, GST_VULKAN_DEVICE_CONTEXT_TYPE_STR)) {
    gst_clear_object (&self->device);
    gst_context_get_vulkan_device (context, &self->device);
  }
  g_rec_mutex_unlock (&self->lock);
}

/* With the lock held. */
static gboolean
make_device (GstOwl2Vulkan *self, GstElement *element)
{
  g_autoptr (GstVulkanDevice) device = NULL;
  g_autoptr (GError) error = NULL;

  if (self->device)
    return TRUE;
  device = gst_vulkan_device_new_with_index (self->instance, 0);
  if (!device)
    return FALSE;
  if (gst_vulkan_physical_device_get_extension_info (device->physical_device,
          VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, NULL))
    gst_vulkan_device_enable_extension (
        device, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
  if (!gst_vulkan_device_open (device, &error)) {
    GST_WARNING_OBJECT (element, "no Vulkan device for the stream: %s",
        error ? error->message : "unknown");
    return FALSE;
  }
  GST_INFO_OBJECT (element, "a Vulkan device for the stream: %s",
      device->physical_device->properties.deviceName);
  self->device = g_steal_pointer (&device);
  return TRUE;
}

/* Neighbours and the application are asked first, as vulkan elements do. With
 * the lock held. */
static void
ensure (GstOwl2Vulkan *self, GstElement *element, const char *type)
{
  g_atomic_int_set (&self->making, 1);
  if ((self->instance
          || gst_vulkan_ensure_element_data (element, NULL, &self->instance))
      && g_strcmp0 (type, GST_VULKAN_DEVICE_CONTEXT_TYPE_STR) == 0
      && !self->device
      && !gst_vulkan_device_run_context_query (element, &self->device))
    make_device (self, element);
  g_atomic_int_set (&self->making, 0);
}

/* FALSE while another thread asks the neighbours, which may be asking here:
 * neither waits for the other. */
static gboolean
enter (GstOwl2Vulkan *self)
{
  while (!g_rec_mutex_trylock (&self->lock)) {
    if (g_atomic_int_get (&self->making))
      return FALSE;
    g_thread_yield ();
  }
  return TRUE;
}

gboolean
gst_owl2_vulkan_query (
    GstOwl2Vulkan *self, GstElement *element, GstPad *pad, GstQuery *query)
{
  const char *type = NULL;
  gboolean answered;

  if (GST_QUERY_TYPE (query) != GST_QUERY_CONTEXT
      || !gst_query_parse_context_type (query, &type)
      || (g_strcmp0 (type, GST_VULKAN_DEVICE_CONTEXT_TYPE_STR) != 0
          && g_strcmp0 (type, GST_VULKAN_INSTANCE_CONTEXT_TYPE_STR) != 0))
    return FALSE;
  if (!enter (self))
    return FALSE;
  answered = gst_vulkan_handle_context_query (
      element, query, NULL, self->instance, self->device);
  g_rec_mutex_unlock (&self->lock);
  if (answered || gst_pad_query_default (pad, GST_OBJECT (element), query))
    return TRUE;

  if (!enter (self))
    return FALSE;
  if (!g_atomic_int_get (&self->making)) {
    ensure (self, element, type);
    answered = gst_vulkan_handle_context_query (
        element, query, NULL, self->instance, self->device);
  }
  g_rec_mutex_unlock (&self->lock);
  return answered;
}

#else

GstOwl2Vulkan *
gst_owl2_vulkan_new (void)
{
  return NULL;
}

void
gst_owl2_vulkan_free (GstOwl2Vulkan *self)
{
}

void
gst_owl2_vulkan_stop (GstOwl2Vulkan *self)
{
}

void
gst_owl2_vulkan_set_context (
    GstOwl2Vulkan *self, GstElement *element, GstContext *context)
{
}

gboolean
gst_owl2_vulkan_query (
    GstOwl2Vulkan *self, GstElement *element, GstPad *pad, GstQuery *query)
{
  return FALSE;
}

#endif
