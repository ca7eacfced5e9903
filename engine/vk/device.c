/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens a device, and closes it. */
#include "ovk_private.h"

#include <string.h>
#include <unistd.h>

#define AREA "vk"

void
ovk_device_name (
    OvkDevice *dev, VkObjectType type, guint64 object, const char *format, ...)
{
  g_autofree char *name = NULL;
  VkDebugUtilsObjectNameInfoEXT info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
    .objectType = type,
    .objectHandle = object,
  };
  va_list args;

  if (!dev->set_name || !object)
    return;
  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  info.pObjectName = name;
  /* A name that could not be set is no reason to fail anything. */
  (void) dev->set_name (dev->handle, &info);
}

/* Whether the device's memory may be the host's: over a bus it would not be
 * read in place but at each use. */
static gboolean
works_on_host_memory (const OvkDevice *dev)
{
  return dev->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU
         || dev->caps.type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
}

/* Files are mapped in pages of the system; devices that take larger ones can't
 * have them. */
static void
read_host_import (OvkDevice *dev)
{
  VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
    .sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
  };
  VkPhysicalDeviceProperties2 props = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &host,
  };
  long page = sysconf (_SC_PAGESIZE);

  vkGetPhysicalDeviceProperties2 (dev->physical, &props);
  if (page > 0 && host.minImportedHostPointerAlignment <= (guint64) page
      && ovk_import_is_possible (dev))
    dev->caps.host_import_align = host.minImportedHostPointerAlignment;
}

static gboolean
create_logical_device (OvkDevice *dev, gboolean host_import, GError **error)
{
  const float priority = 1.f;
  g_autoptr (GPtrArray) wanted = g_ptr_array_new (); /* constant names */
  guint32 n_props = 0;
  g_autofree VkExtensionProperties *props = NULL;
  VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
    .timelineSemaphore = VK_TRUE,
  };
  VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueFamilyIndex = dev->queue_family,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &timeline,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
  };
  VkResult result;

  if (vkEnumerateDeviceExtensionProperties (dev->physical, NULL, &n_props, NULL)
      == VK_SUCCESS) {
    props = g_new0 (VkExtensionProperties, n_props + 1);
    if (vkEnumerateDeviceExtensionProperties (
            dev->physical, NULL, &n_props, props)
        < 0)
      n_props = 0;
  }
  dev->has_budget =
      ovk_has_extension (props, n_props, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  /* Whoever has it, must have it enabled. */
  if (ovk_has_extension (props, n_props, "VK_KHR_portability_subset"))
    g_ptr_array_add (wanted, (gpointer) "VK_KHR_portability_subset");
  host_import = host_import && works_on_host_memory (dev)
                && ovk_has_extension (
                    props, n_props, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  if (host_import)
    g_ptr_array_add (
        wanted, (gpointer) VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  info.enabledExtensionCount = wanted->len;
  info.ppEnabledExtensionNames = (const char *const *) wanted->pdata;

#ifdef VK_KHR_maintenance4
  if (ovk_has_extension (props, n_props, VK_KHR_MAINTENANCE_4_EXTENSION_NAME)) {
    VkPhysicalDeviceMaintenance4PropertiesKHR maintenance4 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES_KHR,
    };
    VkPhysicalDeviceProperties2 more = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
      .pNext = &maintenance4,
    };

    vkGetPhysicalDeviceProperties2 (dev->physical, &more);
    if (maintenance4.maxBufferSize)
      dev->caps.max_allocation_bytes =
          MIN (dev->caps.max_allocation_bytes, maintenance4.maxBufferSize);
  }
#endif

  result = vkCreateDevice (dev->physical, &info, NULL, &dev->handle);
  if (result != VK_SUCCESS) {
    dev->handle = VK_NULL_HANDLE;
    ovk_set_error (dev, error, result, "opening %s failed", dev->caps.name);
    return FALSE;
  }
  if (host_import)
    read_host_import (dev);
  return TRUE;
}

static gboolean
create_timeline (OvkDevice *dev, GError **error)
{
  VkSemaphoreTypeCreateInfo type = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  VkSemaphoreCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = &type,
  };
  VkResult result =
      vkCreateSemaphore (dev->handle, &info, NULL, &dev->timeline);

  if (result != VK_SUCCESS) {
    dev->timeline = VK_NULL_HANDLE;
    ovk_set_error (
        dev, error, result, "%s: creating a semaphore failed", dev->caps.name);
    return FALSE;
  }
  ovk_device_name (
      dev, VK_OBJECT_TYPE_SEMAPHORE, OVK_HANDLE (dev->timeline), "timeline");
  return TRUE;
}

/* Names and labels are for who looks closely, and only then given: the loader
 * (up to 1.4 at least) looks for the device of a name in its list of all
 * instances without a lock, which ends the process when another thread makes or
 * ends an instance of its own. */
static gboolean
wants_names (const Owl2Log *log)
{
  return log && log->func && log->level >= OWL2_LOG_DEBUG;
}

static void
load_debug_functions (OvkDevice *dev)
{
  dev->set_name =
      (PFN_vkSetDebugUtilsObjectNameEXT) (gpointer) vkGetInstanceProcAddr (
          dev->instance, "vkSetDebugUtilsObjectNameEXT");
  dev->begin_label =
      (PFN_vkCmdBeginDebugUtilsLabelEXT) (gpointer) vkGetInstanceProcAddr (
          dev->instance, "vkCmdBeginDebugUtilsLabelEXT");
  dev->end_label =
      (PFN_vkCmdEndDebugUtilsLabelEXT) (gpointer) vkGetInstanceProcAddr (
          dev->instance, "vkCmdEndDebugUtilsLabelEXT");
  if (!dev->begin_label || !dev->end_label) {
    dev->begin_label = NULL;
    dev->end_label = NULL;
  }
}

static void
apply_params (OvkDevice *dev, const OvkDeviceParams *params)
{
  if (params->no_subgroups) {
    dev->caps.subgroup_ballot = FALSE;
    dev->caps.subgroup_arithmetic = FALSE;
    dev->caps.subgroup_shuffle = FALSE;
    dev->caps.fast_shuffle = FALSE;
  }
  if (params->max_storage_range)
    dev->caps.max_storage_range =
        MIN (dev->caps.max_storage_range, params->max_storage_range);
}

/* What every device has from the start, and needs to be freed. */
static OvkDevice *
device_alloc (VkInstance instance, const Owl2Log *log)
{
  OvkDevice *dev = g_new0 (OvkDevice, 1);

  g_atomic_ref_count_init (&dev->refs);
  dev->log = log;
  dev->instance = instance;
  dev->parked_buffers = g_ptr_array_new ();
  dev->parked_cmds = g_ptr_array_new ();
  g_mutex_init (&dev->queue_lock);
  g_mutex_init (&dev->memory_lock);
  ovk_transfer_init (dev);
  g_mutex_init (&dev->pipeline_lock);
  g_cond_init (&dev->pipeline_made);
  return dev;
}

/* The caps and limits are known; makes the rest. */
static gboolean
device_open (OvkDevice *dev, const OvkDeviceParams *params, GError **error)
{
  gboolean host_import = !params->no_host_import && !params->no_unified_memory;

  vkGetPhysicalDeviceMemoryProperties (dev->physical, &dev->memory);
  if (!create_logical_device (dev, host_import, error))
    return FALSE;
  if (dev->debug_utils)
    load_debug_functions (dev);
  if (dev->caps.host_import_align)
    dev->host_pointer_properties =
        (PFN_vkGetMemoryHostPointerPropertiesEXT) (gpointer)
            vkGetDeviceProcAddr (
                dev->handle, "vkGetMemoryHostPointerPropertiesEXT");
  if (!dev->host_pointer_properties)
    dev->caps.host_import_align = 0;
  vkGetDeviceQueue (dev->handle, dev->queue_family, 0, &dev->queue);
  ovk_device_name (
      dev, VK_OBJECT_TYPE_QUEUE, OVK_POINTER (dev->queue), "owl2 queue");
  return create_timeline (dev, error)
         && ovk_memory_choose_types (dev, params->no_unified_memory, error)
         && ovk_pipeline_open (
             dev, params->cache_dir, params->shaders_hash, error);
}

/* Opens @c; takes over @instance in any case. */
static OvkDevice *
open_candidate (const OvkDeviceParams *params, VkInstance instance,
    const OvkCandidate *c, gboolean debug_utils, GError **error)
{
  g_autoptr (OvkDevice) dev = device_alloc (instance, params->log);

  dev->physical = c->handle;
  dev->caps = c->caps;
  dev->queue_family = c->queue_family;
  dev->timestamp_bits = c->timestamp_bits;
  dev->copy_atom = MAX (c->limits.nonCoherentAtomSize, 1);
  dev->max_bindings =
      MIN (c->limits.maxPerStageDescriptorStorageBuffers, OVK_MAX_BINDINGS);
  dev->max_allocations = c->limits.maxMemoryAllocationCount;
  dev->timeout_ns = c->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU
                        ? OVK_TIMEOUT_CPU_NS
                        : OVK_TIMEOUT_NS;
  dev->debug_utils = debug_utils && wants_names (params->log);
  apply_params (dev, params);
  if (!device_open (dev, params, error))
    return NULL;
  if (dev->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU)
    owl2_log (dev->log, OWL2_LOG_WARNING, AREA,
        "using %s (%s): a Vulkan driver that computes on the CPU, not on a GPU",
        dev->caps.name, dev->caps.driver);
  else
    owl2_log (dev->log, OWL2_LOG_INFO, AREA, "using %s (%s, %s)",
        dev->caps.name, ovk_type_name (dev->caps.type), dev->caps.driver);
  return g_steal_pointer (&dev);
}

OvkDevice *
ovk_device_twin (OvkDevice *dev, GError **error)
{
  g_autoptr (OvkDevice) twin = device_alloc (dev->instance, dev->log);
  OvkDeviceParams params = {
    .no_unified_memory = !dev->caps.unified_memory,
    .no_host_import = !dev->caps.host_import_align,
  };

  twin->parent = ovk_device_ref (dev);
  twin->physical = dev->physical;
  twin->caps = dev->caps;
  twin->queue_family = dev->queue_family;
  twin->timestamp_bits = dev->timestamp_bits;
  twin->copy_atom = dev->copy_atom;
  twin->max_bindings = dev->max_bindings;
  twin->max_allocations = dev->max_allocations;
  twin->timeout_ns = dev->timeout_ns;
  twin->debug_utils = dev->debug_utils;
  return device_open (twin, &params, error) ? g_steal_pointer (&twin) : NULL;
}

OvkDevice *
ovk_device_new (const OvkDeviceParams *params, GError **error)
{
  static const OvkDeviceParams defaults = { NULL };
  g_autoptr (GArray) found = NULL;
  g_autoptr (GPtrArray) usable = NULL;
  VkInstance instance;
  gboolean debug_utils;

  if (!params)
    params = &defaults;
  /* Each try needs its own instance, since a device takes it over. Trying the
   * next best device matters where a driver lists what it can't open. */
  for (guint i = 0;; i++) {
    g_autoptr (GError) failure = NULL;
    OvkDevice *dev;

    g_clear_pointer (&usable, g_ptr_array_unref);
    g_clear_pointer (&found, g_array_unref);
    if (!ovk_instance_new (&instance, &debug_utils, error))
      return NULL;
    found = ovk_candidates_find (instance, error);
    usable =
        found ? ovk_candidates_choose (found, params->device, error) : NULL;
    if (!usable || i >= usable->len) {
      vkDestroyInstance (instance, NULL);
      if (usable)
        g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_DEVICE,
            "the Vulkan devices changed while one was opened");
      return NULL;
    }
    dev = open_candidate (
        params, instance, g_ptr_array_index (usable, i), debug_utils, &failure);
    if (dev)
      return dev;
    if (params->device || i + 1 >= usable->len) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
    owl2_log (params->log, OWL2_LOG_WARNING, AREA, "%s; trying the next device",
        failure->message);
  }
}

OvkDevice *
ovk_device_ref (OvkDevice *dev)
{
  g_atomic_ref_count_inc (&dev->refs);
  return dev;
}

/* A device that hung may have finished in the meantime. */
static void
free_parked (OvkDevice *dev)
{
  g_autoptr (GPtrArray) cmds = g_steal_pointer (&dev->parked_cmds);
  g_autoptr (GPtrArray) buffers = g_steal_pointer (&dev->parked_buffers);

  for (guint i = 0; i < cmds->len; i++)
    ovk_cmd_free (g_ptr_array_index (cmds, i));
  for (guint i = 0; i < buffers->len; i++)
    ovk_buffer_free (g_ptr_array_index (buffers, i));
}

/* FALSE if it had to be left behind. */
static gboolean
close_device (OvkDevice *dev)
{
  /* Where the first failed for want of memory, the second try may do. */
  if (dev->timeline && !ovk_device_settle (dev, dev->submitted)
      && !ovk_device_settle (dev, dev->submitted)) {
    owl2_log (dev->log, OWL2_LOG_WARNING, AREA,
        "%s hangs; leaving it and %" G_GUINT64_FORMAT " bytes behind",
        dev->caps.name, dev->allocated);
    return FALSE;
  }
  ovk_device_save_cache (dev);
  ovk_transfer_drop (dev);
  free_parked (dev);
  ovk_pipeline_clear (dev);
  /* Mesa's queue thread (22.3) still touches a timeline semaphore shortly after
   * the wait for it has returned; this waits for that thread. */
  if (dev->submitted)
    (void) vkDeviceWaitIdle (dev->handle);
  if (dev->timeline)
    vkDestroySemaphore (dev->handle, dev->timeline, NULL);
  vkDestroyDevice (dev->handle, NULL);
  return TRUE;
}

void
ovk_device_unref (OvkDevice *dev)
{
  if (!dev || !g_atomic_ref_count_dec (&dev->refs))
    return;
  if (dev->handle && !close_device (dev))
    return;
  if (dev->parent)
    ovk_device_unref (dev->parent);
  else if (dev->instance)
    vkDestroyInstance (dev->instance, NULL);
  g_clear_pointer (&dev->parked_buffers, g_ptr_array_unref);
  g_clear_pointer (&dev->parked_cmds, g_ptr_array_unref);
  g_mutex_clear (&dev->queue_lock);
  g_mutex_clear (&dev->memory_lock);
  ovk_transfer_clear (dev);
  g_mutex_clear (&dev->pipeline_lock);
  g_cond_clear (&dev->pipeline_made);
  g_free (dev);
}

const OvkCaps *
ovk_device_caps (const OvkDevice *dev)
{
  return &dev->caps;
}

const Owl2Log *
ovk_device_log (const OvkDevice *dev)
{
  return dev->log;
}
