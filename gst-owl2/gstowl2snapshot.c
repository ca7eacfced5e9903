/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2snapshot.h"

#include <unistd.h>

#include "gstowl2timeline.h"

GST_DEBUG_CATEGORY_EXTERN (gst_owl2_debug);
#define GST_CAT_DEFAULT gst_owl2_debug

#define MAX_FREE 8
#define LIMIT_NS (60 * GST_SECOND)

struct _GstOwl2Snapshot {
  GstOwl2Snapshots *owner;
  GstVulkanDevice *device; /* reference, as the next */
  GstVulkanQueue *queue;
  GstBuffer *buffer; /* (nullable) reference, until the copy is made */
  gboolean external;
  gboolean pending; /* submitted, and not waited for */
  VkCommandPool commands;
  VkCommandBuffer cmd;
  VkFence fence;
  VkBuffer handle;
  VkDeviceMemory memory;
  guint8 *map; /* (nullable) where the host sees it */
  Owl2Foreign foreign;
  Owl2Memory *imported; /* (nullable) */
};

struct _GstOwl2Snapshots {
  GMutex lock;
  GQueue free; /* GstOwl2Snapshot */
  gboolean no_import;
  gint told; /* atomic, bits: the log was told of each way */
};

enum { TOLD_DEVICE = 1, TOLD_HOST = 2 };

GstOwl2Snapshots *
gst_owl2_snapshots_new (void)
{
  GstOwl2Snapshots *self = g_new0 (GstOwl2Snapshots, 1);

  g_mutex_init (&self->lock);
  return self;
}

G_GNUC_PRINTF (3, 4)
static gboolean
fail (GError **error, VkResult result, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (result == VK_SUCCESS)
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "a Vulkan image can't be read: %s", text);
  else
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED,
        "a Vulkan image can't be read: %s failed (Vulkan result %d)", text,
        (int) result);
  return FALSE;
}

static void
tell_once (GstOwl2Snapshots *self, gint bit, const char *text)
{
  if (!(g_atomic_int_or (&self->told, bit) & bit))
    GST_INFO ("%s", text);
}

/* ---- memory ---------------------------------------------------------------
 */

static gboolean
wait_for_copy (GstOwl2Snapshot *s, GError **error)
{
  VkResult result;

  if (!s->pending)
    return TRUE;
  result = vkWaitForFences (s->device->device, 1, &s->fence, VK_TRUE, LIMIT_NS);
  if (result != VK_SUCCESS)
    return fail (error, result, "waiting for the copy");
  s->pending = FALSE;
  gst_clear_buffer (&s->buffer);
  return TRUE;
}

static void
snapshot_free (GstOwl2Snapshot *s)
{
  VkDevice device;

  if (!s)
    return;
  device = s->device->device;
  if (!wait_for_copy (s, NULL)) {
    GST_WARNING ("a Vulkan device hangs; leaving a picture's copy behind");
    return;
  }
  owl2_memory_unref (s->imported);
  if (s->foreign.fd >= 0)
    close (s->foreign.fd);
  vkDestroyFence (device, s->fence, NULL);
  vkDestroyCommandPool (device, s->commands, NULL);
  vkDestroyBuffer (device, s->handle, NULL);
  vkFreeMemory (device, s->memory, NULL);
  gst_clear_object (&s->queue);
  gst_clear_object (&s->device);
  g_free (s);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstOwl2Snapshot, snapshot_free)

void
gst_owl2_snapshots_free (GstOwl2Snapshots *self)
{
  if (!self)
    return;
  while (!g_queue_is_empty (&self->free))
    snapshot_free (g_queue_pop_head (&self->free));
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
can_export (VkPhysicalDevice physical)
{
  VkPhysicalDeviceExternalBufferInfo info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
    .usage = OWL2_FOREIGN_USAGE,
    .handleType = OWL2_FOREIGN_HANDLE,
  };
  VkExternalBufferProperties props = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
  };
  VkExternalMemoryFeatureFlags features;

  vkGetPhysicalDeviceExternalBufferProperties (physical, &info, &props);
  features = props.externalMemoryProperties.externalMemoryFeatures;
  return (features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT)
         && (features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)
         && !(features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT);
}

/* What has all of @needed, and most of @liked; -1: none. */
static int
pick_type (VkPhysicalDevice physical, guint32 bits,
    VkMemoryPropertyFlags needed, VkMemoryPropertyFlags liked)
{
  VkPhysicalDeviceMemoryProperties props;
  int best = -1, most = -1;

  vkGetPhysicalDeviceMemoryProperties (physical, &props);
  for (guint i = 0; i < props.memoryTypeCount; i++) {
    VkMemoryPropertyFlags flags = props.memoryTypes[i].propertyFlags;
    int n = 0;

    for (guint b = 0; b < 32; b++)
      n += (flags & liked & (1u << b)) != 0;
    if (!(bits & (1u << i)) || (flags & needed) != needed || n <= most)
      continue;
    best = (int) i;
    most = n;
  }
  return best;
}

static gboolean
export_memory (GstOwl2Snapshot *s, GError **error)
{
  VkPhysicalDeviceIDProperties id = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
  };
  VkPhysicalDeviceProperties2 props = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &id,
  };
  VkMemoryGetFdInfoKHR info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
    .memory = s->memory,
    .handleType = OWL2_FOREIGN_HANDLE,
  };
  PFN_vkGetMemoryFdKHR get_fd =
      (PFN_vkGetMemoryFdKHR) gst_vulkan_device_get_proc_address (
          s->device, "vkGetMemoryFdKHR");
  VkResult result = get_fd ? get_fd (s->device->device, &info, &s->foreign.fd)
                           : VK_ERROR_EXTENSION_NOT_PRESENT;

  if (result != VK_SUCCESS) {
    s->foreign.fd = -1;
    return fail (error, result, "exporting the copy's memory");
  }
  vkGetPhysicalDeviceProperties2 (
      gst_vulkan_device_get_physical_device (s->device), &props);
  memcpy (s->foreign.device_uuid, id.deviceUUID, VK_UUID_SIZE);
  memcpy (s->foreign.driver_uuid, id.driverUUID, VK_UUID_SIZE);
  return TRUE;
}

static gboolean
make_memory (GstOwl2Snapshot *s, gsize size, GError **error)
{
  VkDevice device = s->device->device;
  VkPhysicalDevice physical = gst_vulkan_device_get_physical_device (s->device);
  const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
                                     | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = OWL2_FOREIGN_HANDLE,
  };
  VkBufferCreateInfo buffer = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = s->external ? &external : NULL,
    .size = size,
    .usage = OWL2_FOREIGN_USAGE,
  };
  VkExportMemoryAllocateInfo export = {
    .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
    .handleTypes = OWL2_FOREIGN_HANDLE,
  };
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = s->external ? &export : NULL,
  };
  VkMemoryRequirements needs;
  VkPhysicalDeviceMemoryProperties types;
  VkResult result = vkCreateBuffer (device, &buffer, NULL, &s->handle);
  int type;

  if (result != VK_SUCCESS)
    return fail (error, result, "making a buffer of %" G_GSIZE_FORMAT, size);
  vkGetBufferMemoryRequirements (device, s->handle, &needs);
  /* Memory that the host sees, too, is a way out if the import fails. */
  type = pick_type (physical, needs.memoryTypeBits,
      s->external ? VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT : host,
      s->external ? host : VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  if (type < 0)
    return fail (error, VK_SUCCESS, "no memory type of 0x%x fits its copy",
        needs.memoryTypeBits);
  info.allocationSize = needs.size;
  info.memoryTypeIndex = (guint) type;
  result = vkAllocateMemory (device, &info, NULL, &s->memory);
  if (result == VK_SUCCESS)
    result = vkBindBufferMemory (device, s->handle, s->memory, 0);
  if (result != VK_SUCCESS)
    return fail (error, result, "taking %" G_GSIZE_FORMAT " bytes", size);
  vkGetPhysicalDeviceMemoryProperties (physical, &types);
  if ((types.memoryTypes[type].propertyFlags & host) == host) {
    result =
        vkMapMemory (device, s->memory, 0, VK_WHOLE_SIZE, 0, (void **) &s->map);
    if (result != VK_SUCCESS)
      return fail (error, result, "mapping %" G_GSIZE_FORMAT " bytes", size);
  }
  s->foreign.size_bytes = size;
  s->foreign.allocation_bytes = needs.size;
  s->foreign.memory_type = (guint) type;
  return !s->external || export_memory (s, error);
}

static gboolean
make_commands (GstOwl2Snapshot *s, GError **error)
{
  VkDevice device = s->device->device;
  VkCommandPoolCreateInfo pool = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
    .queueFamilyIndex = s->queue->family,
  };
  VkCommandBufferAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
    .commandBufferCount = 1,
  };
  VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
  VkResult result = vkCreateCommandPool (device, &pool, NULL, &s->commands);

  info.commandPool = s->commands;
  if (result == VK_SUCCESS)
    result = vkAllocateCommandBuffers (device, &info, &s->cmd);
  if (result == VK_SUCCESS)
    result = vkCreateFence (device, &fence, NULL, &s->fence);
  return result == VK_SUCCESS
         || fail (error, result, "making a command buffer");
}

/* ---- taking ---------------------------------------------------------------
 */

static GstVulkanImageMemory *
image_of (GstBuffer *buffer, guint i)
{
  return (GstVulkanImageMemory *) gst_buffer_peek_memory (buffer, i);
}

gboolean
gst_owl2_snapshot_wanted (GstBuffer *buffer)
{
  return gst_buffer_n_memory (buffer) > 0
         && gst_is_vulkan_image_memory (gst_buffer_peek_memory (buffer, 0));
}

/* The queue that the image was last used in, else the first for graphics, which
 * is that of the other elements. (transfer full) */
static GstVulkanQueue *
find_queue (GstVulkanImageMemory *image)
{
  GstVulkanPhysicalDevice *physical = image->device->physical_device;

  if (image->barrier.parent.queue)
    return gst_object_ref (image->barrier.parent.queue);
  for (guint i = 0; i < physical->n_queue_families; i++)
    if (physical->queue_family_props[i].queueFlags & VK_QUEUE_GRAPHICS_BIT)
      return gst_vulkan_device_get_queue (image->device, i, 0);
  return NULL;
}

/* One that is at hand and fits, or a new one. */
static GstOwl2Snapshot *
get_snapshot (GstOwl2Snapshots *self, GstVulkanImageMemory *image, gsize size,
    gboolean importable, GError **error)
{
  g_autoptr (GstVulkanQueue) queue = find_queue (image);
  g_autoptr (GstOwl2Snapshot) s = NULL;
  GstVulkanDevice *device = image->device;
  gboolean external =
      importable
      && gst_vulkan_device_is_extension_enabled (
          device, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME)
      && can_export (gst_vulkan_device_get_physical_device (device));

  if (!queue) {
    fail (error, VK_SUCCESS, "its device has no queue for graphics");
    return NULL;
  }
  g_mutex_lock (&self->lock);
  external = external && !self->no_import;
  for (GList *l = self->free.head; l && !s; l = l->next) {
    GstOwl2Snapshot *old = l->data;

    if (old->device == device && old->queue == queue
        && old->external == external && old->foreign.size_bytes == size) {
      s = old;
      g_queue_delete_link (&self->free, l);
      break;
    }
  }
  g_mutex_unlock (&self->lock);
  if (s)
    return g_steal_pointer (&s);

  s = g_new0 (GstOwl2Snapshot, 1);
  s->owner = self;
  s->foreign.fd = -1;
  s->external = external;
  s->device = gst_object_ref (device);
  s->queue = g_steal_pointer (&queue);
  if (!make_memory (s, size, error) || !make_commands (s, error))
    return NULL;
  return g_steal_pointer (&s);
}

/* The layout that the engine reads: planes one after the other, rows at least
 * multiples of 4. FALSE: not of whole pixels. */
static gboolean
lay_out (GstVideoInfo *info, GError **error)
{
  gsize at = 0;

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    int comp[GST_VIDEO_MAX_COMPONENTS];
    gsize pixel, row, rows;

    gst_video_format_info_component (info->finfo, p, comp);
    pixel = (gsize) GST_VIDEO_INFO_COMP_PSTRIDE (info, comp[0]);
    row = pixel * (gsize) GST_VIDEO_INFO_COMP_WIDTH (info, comp[0]);
    rows = (gsize) GST_VIDEO_INFO_COMP_HEIGHT (info, comp[0]);
    row = (row + 3) & ~(gsize) 3;
    if (!pixel || row % pixel || GST_VIDEO_FORMAT_INFO_IS_TILED (info->finfo))
      return fail (error, VK_SUCCESS, "%s is of no plain pixels",
          gst_video_format_to_string (GST_VIDEO_INFO_FORMAT (info)));
    info->offset[p] = at;
    info->stride[p] = (gint) row;
    at += row * rows;
  }
  info->size = at;
  return TRUE;
}

static gboolean
check_images (GstBuffer *buffer, const GstVideoInfo *info, GError **error)
{
  guint n = gst_buffer_n_memory (buffer);
  guint n_planes = GST_VIDEO_INFO_N_PLANES (info);

  if (n != 1 && n != n_planes)
    return fail (error, VK_SUCCESS, "%u images for %u planes", n, n_planes);
  for (guint i = 0; i < n; i++) {
    GstVulkanImageMemory *image = image_of (buffer, i);
    int comp[GST_VIDEO_MAX_COMPONENTS];

    if (!gst_is_vulkan_image_memory ((GstMemory *) image)
        || image->device != image_of (buffer, 0)->device)
      return fail (error, VK_SUCCESS, "plane %u is elsewhere", i);
    gst_video_format_info_component (info->finfo, i, comp);
    if (!(image->create_info.usage & VK_IMAGE_USAGE_TRANSFER_SRC_BIT))
      return fail (error, VK_SUCCESS,
          "plane %u was made for the uses 0x%x, not to be copied", i,
          image->create_info.usage);
    if (image->create_info.extent.width
            < (guint) GST_VIDEO_INFO_COMP_WIDTH (info, comp[0])
        || image->create_info.extent.height
               < (guint) GST_VIDEO_INFO_COMP_HEIGHT (info, comp[0]))
      return fail (error, VK_SUCCESS, "plane %u is %ux%u, the picture %dx%d", i,
          image->create_info.extent.width, image->create_info.extent.height,
          info->width, info->height);
  }
  return TRUE;
}

/* From the layout that the image has, or back to it. */
static void
record_barrier (
    VkCommandBuffer cmd, const GstVulkanImageMemory *image, gboolean back)
{
  const GstVulkanBarrierImageInfo *now = &image->barrier;
  VkImageMemoryBarrier barrier = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
    .srcAccessMask = (VkAccessFlags) now->parent.access_flags,
    .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
    .oldLayout = now->image_layout,
    .newLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
    .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
    .image = image->image,
    .subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, VK_REMAINING_MIP_LEVELS,
        0, VK_REMAINING_ARRAY_LAYERS },
  };

  if (back) {
    barrier.srcAccessMask = 0;
    barrier.dstAccessMask =
        VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
    barrier.oldLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    barrier.newLayout = now->image_layout;
  }
  vkCmdPipelineBarrier (cmd,
      back ? VK_PIPELINE_STAGE_TRANSFER_BIT
           : VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
      back ? VK_PIPELINE_STAGE_ALL_COMMANDS_BIT
           : VK_PIPELINE_STAGE_TRANSFER_BIT,
      0, 0, NULL, 0, NULL, 1, &barrier);
}

/* @info: of the copy, which is of @part */
static void
record_copy (GstOwl2Snapshot *s, GstBuffer *buffer, const GstOwl2Crop *part,
    const GstVideoInfo *info)
{
  guint n = gst_buffer_n_memory (buffer);
  guint n_planes = GST_VIDEO_INFO_N_PLANES (info);

  for (guint i = 0; i < n; i++)
    record_barrier (s->cmd, image_of (buffer, i), FALSE);
  for (guint p = 0; p < n_planes; p++) {
    int comp[GST_VIDEO_MAX_COMPONENTS];
    VkBufferImageCopy region = {
      .bufferOffset = info->offset[p],
      .imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
    };

    gst_video_format_info_component (info->finfo, p, comp);
    region.bufferRowLength =
        (guint) info->stride[p]
        / (guint) GST_VIDEO_INFO_COMP_PSTRIDE (info, comp[0]);
    region.imageOffset.x =
        (int) (part->x >> GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, comp[0]));
    region.imageOffset.y =
        (int) (part->y >> GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, comp[0]));
    region.imageExtent =
        (VkExtent3D){ (guint) GST_VIDEO_INFO_COMP_WIDTH (info, comp[0]),
          (guint) GST_VIDEO_INFO_COMP_HEIGHT (info, comp[0]), 1 };
    /* Several planes in one image. */
    if (n == 1 && n_planes > 1)
      region.imageSubresource.aspectMask = VK_IMAGE_ASPECT_PLANE_0_BIT << p;
    vkCmdCopyImageToBuffer (s->cmd, image_of (buffer, n == 1 ? 0 : p)->image,
        VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, s->handle, 1, &region);
  }
  for (guint i = 0; i < n; i++)
    record_barrier (s->cmd, image_of (buffer, i), TRUE);
}

/* To the other device, or to the host. */
static void
record_release (GstOwl2Snapshot *s)
{
  VkBufferMemoryBarrier barrier = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
    .dstAccessMask = s->external ? 0 : VK_ACCESS_HOST_READ_BIT,
    .srcQueueFamilyIndex =
        s->external ? s->queue->family : VK_QUEUE_FAMILY_IGNORED,
    .dstQueueFamilyIndex =
        s->external ? VK_QUEUE_FAMILY_EXTERNAL : VK_QUEUE_FAMILY_IGNORED,
    .buffer = s->handle,
    .size = VK_WHOLE_SIZE,
  };

  vkCmdPipelineBarrier (s->cmd, VK_PIPELINE_STAGE_TRANSFER_BIT,
      s->external ? VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT
                  : VK_PIPELINE_STAGE_HOST_BIT,
      0, 0, NULL, 1, &barrier, 0, NULL);
}

static gboolean
submit_copy (GstOwl2Snapshot *s, GstBuffer *buffer, const GstOwl2Crop *part,
    const GstVideoInfo *info, GError **error)
{
  VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
  };
  VkSubmitInfo submit = {
    .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
    .commandBufferCount = 1,
    .pCommandBuffers = &s->cmd,
  };
  GstOwl2Timeline timeline;
  VkResult result = vkResetFences (s->device->device, 1, &s->fence);

  for (guint i = 0; i < gst_buffer_n_memory (buffer); i++)
    if (image_of (buffer, i)->barrier.image_layout == VK_IMAGE_LAYOUT_UNDEFINED)
      return fail (error, VK_SUCCESS, "plane %u has nothing in it", i);
  if (result == VK_SUCCESS)
    result = vkBeginCommandBuffer (s->cmd, &begin);
  if (result != VK_SUCCESS)
    return fail (error, result, "recording the copy");
  record_copy (s, buffer, part, info);
  record_release (s);
  result = vkEndCommandBuffer (s->cmd);
  if (result == VK_SUCCESS) {
    gst_owl2_timeline_enter (&timeline, buffer, &submit);
    gst_vulkan_queue_submit_lock (s->queue);
    result = vkQueueSubmit (s->queue->queue, 1, &submit, s->fence);
    gst_vulkan_queue_submit_unlock (s->queue);
  }
  if (result != VK_SUCCESS)
    return fail (error, result, "submitting the copy");
  gst_owl2_timeline_leave (&timeline, buffer);
  s->pending = TRUE;
  s->buffer = gst_buffer_ref (buffer);
  return TRUE;
}

/* (transfer full): not to outlive the snapshot. */
static GstBuffer *
host_view (const GstOwl2Snapshot *s)
{
  gsize size = s->foreign.size_bytes;

  return gst_buffer_new_wrapped_full (
      GST_MEMORY_FLAG_READONLY, s->map, size, 0, size, NULL, NULL);
}

GstOwl2Snapshot *
gst_owl2_snapshot_take (GstOwl2Snapshots *self, GstBuffer *buffer,
    gboolean importable, GstOwl2Crop *crop, GstVideoInfo *info, GstBuffer **raw,
    GError **error)
{
  g_autoptr (GstOwl2Snapshot) s = NULL;
  GstOwl2Crop part = *crop;
  GstVideoInfo own = *info;

  *raw = NULL;
  if (!importable)
    gst_owl2_crop_none (&part, info);
  own.width = (gint) part.width;
  own.height = (gint) part.height;
  if (!lay_out (&own, error) || !check_images (buffer, info, error))
    return NULL;
  s = get_snapshot (self, image_of (buffer, 0), own.size, importable, error);
  if (!s || !wait_for_copy (s, error)
      || !submit_copy (s, buffer, &part, &own, error))
    return NULL;
  if (!s->external) {
    *raw = host_view (s);
    gst_buffer_copy_into (*raw, buffer, GST_BUFFER_COPY_FLAGS, 0, -1);
    tell_once (self, TOLD_HOST,
        importable
            ? "the Vulkan device of the stream has no external memory: pictures"
              " go through memory of the host, one copy on the device each"
            : "the model's device takes no such format: pictures go through"
              " memory of the host, one copy on the device each");
  }
  *info = own;
  if (importable)
    gst_owl2_crop_none (crop, info);
  return g_steal_pointer (&s);
}

/* ---- landing --------------------------------------------------------------
 */

gboolean
gst_owl2_snapshot_land (GstOwl2Snapshot *s, Owl2Model *model,
    Owl2Memory **memory, GstBuffer **raw, GError **error)
{
  g_autoptr (GError) why = NULL;

  *memory = NULL;
  if (!wait_for_copy (s, error))
    return FALSE;
  if (!s->external)
    return TRUE;
  if (s->imported && !owl2_memory_is_of (s->imported, model))
    g_clear_pointer (&s->imported, owl2_memory_unref);
  if (!s->imported)
    s->imported = owl2_memory_import (model, &s->foreign, &why);
  if (s->imported) {
    tell_once (s->owner, TOLD_DEVICE,
        "pictures stay on the Vulkan device: one copy there each, none through"
        " the host");
    *memory = s->imported;
    return TRUE;
  }
  /* The next one may take it. */
  if (g_error_matches (why, OWL2_ERROR, OWL2_ERROR_DEVICE_LOST)) {
    g_propagate_error (error, g_steal_pointer (&why));
    return FALSE;
  }
  GST_INFO (
      "%s; pictures go through memory of the host from now on", why->message);
  g_atomic_int_or (&s->owner->told, TOLD_HOST);
  g_mutex_lock (&s->owner->lock);
  s->owner->no_import = TRUE;
  g_mutex_unlock (&s->owner->lock);
  if (s->map) {
    *raw = host_view (s);
    return TRUE;
  }
  return fail (error, VK_SUCCESS, "%s", why->message);
}

void
gst_owl2_snapshot_give_back (GstOwl2Snapshot *s)
{
  GstOwl2Snapshot *oldest = NULL;
  GstOwl2Snapshots *self;

  if (!s)
    return;
  self = s->owner;
  g_mutex_lock (&self->lock);
  g_queue_push_head (&self->free, s);
  if (self->free.length > MAX_FREE)
    oldest = g_queue_pop_tail (&self->free);
  g_mutex_unlock (&self->lock);
  snapshot_free (oldest);
}
