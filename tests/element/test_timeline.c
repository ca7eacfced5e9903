/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a submission waits for and signals of GStreamer's images, and the values
 * that the next one finds. */
#include "gstowl2timeline.h"

#define N_IMAGES 2

#ifdef HAVE_VULKAN_SEMAPHORE
static GstVulkanBarrierMemoryInfo *
barrier_of (GstBuffer *buffer, guint i)
{
  GstVulkanImageMemory *image =
      (GstVulkanImageMemory *) gst_buffer_peek_memory (buffer, i);

  return &image->barrier.parent;
}

static guint64
value_of (GstBuffer *buffer, guint i)
{
  return barrier_of (buffer, i)->semaphore_value;
}

/* A buffer of images whose values are 10 and 20. */
static GstBuffer *
make_images (GstVulkanDevice *device)
{
  GstBuffer *buffer = gst_buffer_new ();

  for (guint i = 0; i < N_IMAGES; i++) {
    GstMemory *image = gst_vulkan_image_memory_alloc (device,
        VK_FORMAT_R8_UNORM, 16, 16, VK_IMAGE_TILING_OPTIMAL,
        VK_IMAGE_USAGE_TRANSFER_SRC_BIT, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);

    g_assert_nonnull (image);
    gst_buffer_append_memory (buffer, image);
    barrier_of (buffer, i)->semaphore_value = 10 * (i + 1);
  }
  return buffer;
}

/* All is waited for; and signalled, with the values counted on, if @signals. */
static void
check (GstBuffer *buffer, gboolean signals)
{
  VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO };
  GstOwl2Timeline timeline;
  guint64 before[N_IMAGES];

  for (guint i = 0; i < N_IMAGES; i++)
    before[i] = value_of (buffer, i);
  gst_owl2_timeline_enter (&timeline, buffer, &submit);
  g_assert_true (submit.pNext == &timeline.info);
  g_assert_cmpuint (submit.waitSemaphoreCount, ==, N_IMAGES);
  g_assert_cmpuint (timeline.info.waitSemaphoreValueCount, ==, N_IMAGES);
  g_assert_cmpuint (submit.signalSemaphoreCount, ==, signals ? N_IMAGES : 0);
  g_assert_cmpuint (
      timeline.info.signalSemaphoreValueCount, ==, signals ? N_IMAGES : 0);
  for (guint i = 0; i < N_IMAGES; i++) {
    g_assert_cmpuint (timeline.info.pWaitSemaphoreValues[i], ==, before[i]);
    if (signals)
      g_assert_cmpuint (
          timeline.info.pSignalSemaphoreValues[i], ==, before[i] + 1);
    g_assert_cmpuint (value_of (buffer, i), ==, before[i]);
  }
  gst_owl2_timeline_leave (&timeline, buffer);
  for (guint i = 0; i < N_IMAGES; i++)
    g_assert_cmpuint (value_of (buffer, i), ==, before[i] + signals);
}

static void
test_order (void)
{
  g_autoptr (GstVulkanInstance) instance = gst_vulkan_instance_new ();
  g_autoptr (GstVulkanDevice) device = NULL;
  g_autoptr (GError) error = NULL;
  GstBuffer *buffer, *other;

  if (!gst_vulkan_instance_open (instance, &error)) {
    g_test_skip (error->message);
    return;
  }
  device = gst_vulkan_device_new_with_index (instance, 0);
  if (!device || !gst_vulkan_device_open (device, &error)) {
    g_test_skip (error ? error->message : "no Vulkan device");
    return;
  }
  buffer = make_images (device);
  if (!barrier_of (buffer, 0)->semaphore) {
    g_test_skip ("images of this Vulkan device have no semaphores");
    gst_buffer_unref (buffer);
    return;
  }
  check (buffer, TRUE);
  check (buffer, TRUE);
  /* As behind a tee. */
  other = gst_buffer_ref (buffer);
  check (buffer, FALSE);
  gst_buffer_unref (other);
  check (buffer, TRUE);
  /* As behind one whose other end has written to its buffer's header. */
  other = gst_buffer_copy (buffer);
  check (buffer, FALSE);
  gst_buffer_unref (other);
  check (buffer, TRUE);
  gst_buffer_unref (buffer);
}
#else
static void
test_order (void)
{
  g_test_skip ("images have semaphores from GStreamer 1.24 on");
}
#endif

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/element/timeline/order", test_order);
  return g_test_run ();
}
